"""Rows 16, 60, 75, 76 and 79: what a server starts with."""

import base64
import hashlib
import hmac
import os
import sqlite3
import time
import unittest

import row
from row import Row, Server
from turn_client import Client, NoAnswer
from turn_server import run_to_end


class OpenRelay(Row, unittest.TestCase):
    ROW, ID = 16, "open-relay-by-default"

    def is_affected(self, binary):
        with row.started(binary, []) as server:
            if server is None:
                return False
            with Client(server.port) as client:
                return client.allocate().kind == 2

    def test_it_says_why_in_one_line(self):
        status, output = run_to_end()
        self.assertNotEqual(status, 0)
        complaints = [line for line in output.split("\n") if "CONFIG ERROR" in line]
        self.assertEqual(len(complaints), 1, output)
        for way in ("--lt-cred-mech", "--use-auth-secret", "plugin", "--no-auth"):
            self.assertIn(way, complaints[0])

    def test_a_file_that_sets_nothing_is_no_way_either(self):
        status, output = run_to_end(conf="syslog\nno-rfc5780\n")
        self.assertNotEqual(status, 0)
        self.assertIn("no way to authenticate", output)

    def test_each_way_to_authenticate_is_enough(self):
        for options in (["-a"], ["-u", "alice:secret"], ["--use-auth-secret"], ["--static-auth-secret=x"]):
            with self.subTest(options=options), Server(row.OURS, [*options, "-r", "example"]) as server, \
                    Client(server.port, username="mallory") as client:
                self.assertEqual(client.allocate().error, 401)

    def test_who_asks_for_it_gets_an_open_relay(self):
        for options, conf in ((["--no-auth"], None), (["-z"], None), ([], "no-auth\n")):
            with self.subTest(options=options, conf=conf), Server(row.OURS, options, conf=conf) as server, \
                    Client(server.port) as client:
                self.assertEqual(client.allocate().kind, 2)

    def test_a_server_that_does_not_relay_needs_nobody_to_authenticate(self):
        with Server(row.OURS, ["--stun-only"]) as server, Client(server.port) as client:
            with self.assertRaises(NoAnswer):
                client.allocate(seconds=0.5)
            self.assertTrue(server.survives())


class EmptySecret(Row, unittest.TestCase):
    """As of --static-auth-secret=$SECRET without the variable: anybody can make the credentials."""

    ROW, ID = 75, "empty-secret"
    REALM = ["-r", "example"]

    @staticmethod
    def gets_in(server):
        name = str(int(time.time()) + 3600)
        password = base64.b64encode(hmac.new(b"", name.encode(), hashlib.sha1).digest()).decode()
        with Client(server.port, username=name, password=password) as client:
            return client.allocate().kind == 2

    def is_affected(self, binary):
        with row.started(binary, [*self.REALM, "--static-auth-secret="]) as server:
            if server is None:
                return False
            return self.gets_in(server)

    def test_it_stops_the_start_in_one_line(self):
        for how in ({"options": ["--static-auth-secret="]}, {"options": ["--static-auth-secret= "]},
                    {"conf": "static-auth-secret=\n"}, {"conf": "use-auth-secret\nstatic-auth-secret\n"}):
            with self.subTest(how=how):
                status, output = run_to_end(**how)
                self.assertNotEqual(status, 0)
                self.assertIn("CONFIG ERROR: static-auth-secret is empty", output)

    def test_one_of_a_database_lets_nobody_in(self):
        for binary, lets_in in ((row.UNPATCHED, True), (row.OURS, False)):
            server = Server(binary, [*self.REALM, "--use-auth-secret"])
            with sqlite3.connect(os.path.join(server.directory.name, "turndb")) as db:
                db.execute("CREATE TABLE turn_secret (realm varchar(127), value varchar(256))")
                db.execute("INSERT INTO turn_secret VALUES ('example', '')")
            db.close()
            with server:
                self.assertEqual(self.gets_in(server), lets_in)

    def test_nor_has_a_user_an_empty_password(self):
        for account in ("alice:", "alice: ", ":secret", "alice"):
            with self.subTest(account=account):
                status, output = run_to_end(options=["-a", *self.REALM, "-u", account])
                self.assertNotEqual(status, 0)
                self.assertIn("CONFIG ERROR: user: want NAME:PASSWORD", output)


class KeyText(Row, unittest.TestCase):
    """A key that is no hexadecimal number: each octet of what is none was as the one before."""

    ROW, ID = 76, "key-text-unchecked"
    REALM, TEXT, KEY = ["-a", "-r", "example"], "41" + "zz" * 15, b"A" * 16

    def gets_in(self, server):
        with Client(server.port) as client:
            client.key = lambda: self.KEY
            return client.allocate().kind == 2

    def is_affected(self, binary):
        with row.started(binary, [*self.REALM, "-u", f"alice:0x{self.TEXT}"]) as server:
            if server is None:
                return False
            return self.gets_in(server)

    def test_it_stops_the_start_in_one_line_without_the_key(self):
        for text in (self.TEXT, "41" * 15, "41" * 15 + "4", "", "41" * 15 + "4 ", "-1" * 16, "0x" * 16):
            with self.subTest(text=text):
                status, output = run_to_end(options=[*self.REALM, "-u", f"alice:0x{text}"])
                self.assertNotEqual(status, 0)
                self.assertIn("CONFIG ERROR: user alice: want a key of 32 hexadecimal digits", output)
                if text:
                    self.assertNotIn(text, output)

    def test_a_key_is_taken(self):
        for digits in (self.KEY.hex(), self.KEY.hex().upper()):
            with Server(row.OURS, [*self.REALM, "-u", f"alice:0x{digits}"]) as server:
                self.assertTrue(self.gets_in(server))

    def test_nor_is_one_of_a_database(self):
        for binary, text, lets_in in ((row.UNPATCHED, self.TEXT, True), (row.OURS, self.TEXT, False),
                                      (row.OURS, self.KEY.hex(), True)):
            server = Server(binary, self.REALM)
            with sqlite3.connect(os.path.join(server.directory.name, "turndb")) as db:
                db.execute("CREATE TABLE turnusers_lt (realm varchar(127), name varchar(512), hmackey varchar(128))")
                db.execute("INSERT INTO turnusers_lt VALUES ('example', 'alice', ?)", (text,))
            db.close()
            with server:
                self.assertEqual(self.gets_in(server), lets_in)
                self.assertEqual("Wrong key, user alice" in server.output(), not lets_in)


class TlsLeftOut(Row, unittest.TestCase):
    """Files of TLS that were asked for and cannot be had."""

    ROW, ID = 79, "tls-left-out"

    @staticmethod
    def server(binary, *options, file=""):
        server = Server(binary, ["-z"], tls=True, ready=False)
        path = os.path.join(server.directory.name, "file.pem")
        with open(path, "w", encoding="ascii") as pem:
            pem.write(file)
        server.options += [option.replace("FILE", path) for option in options]
        return server.start()

    def is_affected(self, binary):
        server = self.server(binary, "--pkey=/nonexistent/key.pem")
        try:
            return not server.dies_or(server.answers)
        finally:
            server.__exit__()

    def check(self, complaint, *options, **file):
        with self.subTest(options=options, **file):
            server = self.server(row.OURS, *options, **file)
            try:
                self.assertTrue(server.dies_or(server.answers))
                self.assertNotEqual(server.process.returncode, 0)
                self.assertRegex(server.output(), f"CONFIG ERROR: {complaint}")
            finally:
                server.__exit__()

    def test_it_stops_the_start(self):
        for option, title in (("cert", "certificate"), ("pkey", "private key"), ("CA-file", "CA"),
                              ("dh-file", "DH key")):
            self.check(f"cannot read the {title} file /nonexistent/x;", f"--{option}=/nonexistent/x")
            self.check("TLS does not start with the certificate", f"--{option}=FILE", file="no PEM\n")
        self.check("TLS does not start with", "--ec-curve-name=nosuch")
        # A key of another certificate.
        with Server(row.OURS, ["-z"], tls=True) as other:
            key = other.options[other.options.index("--pkey") + 1]
            self.check("TLS does not start with the certificate .*: key values mismatch", f"--pkey={key}")

    def test_without_tls_nothing_is_looked_for(self):
        server = self.server(row.OURS, "--cert=/nonexistent/x", "--no-tls", "--no-dtls")
        try:
            self.assertFalse(server.dies_or(server.answers))
        finally:
            server.__exit__()

    def test_nor_does_anything_stop_that_was_not_asked_for(self):
        server = Server(row.OURS, ["-z"])
        for option in ("--no-tls", "--no-dtls"):
            server.options.remove(option)
        with server:
            self.assertTrue(server.survives())
            self.assertIn("cannot start TLS and DTLS listeners", server.output())


class ControlCharacter(Row, unittest.TestCase):
    ROW, ID = 60, "saslprep-0x1f"
    NAME = "a\x1fb"

    def is_affected(self, binary):
        server = Server(binary, ["-a", "-r", "example", "-u", f"{self.NAME}:secret"], ready=False).start()
        try:
            if server.dies_or(server.answers):
                self.assertIn("no name by SASLprep", server.output())
                return False
            with Client(server.port, username=self.NAME) as client:
                return client.allocate().kind == 2
        finally:
            server.__exit__()

    def test_its_neighbours_are_as_before(self):
        names = ["a!b", "alice"]
        users = [word for name in names for word in ("-u", f"{name}:secret")]
        with Server(row.OURS, ["-a", "-r", "example", *users]) as server:
            for name in names:
                with Client(server.port, username=name) as client:
                    self.assertEqual(client.allocate().kind, 2)


if __name__ == "__main__":
    unittest.main()
