"""Rows 16, 46, 60 and 74: what a server starts with."""

import contextlib
import re
import unittest

import row
from row import Row, Server
from turn_client import Client, NoAnswer
from turn_server import free_port, run_to_end


class OpenRelay(Row, unittest.TestCase):
    ROW, ID = 16, "open-relay-by-default"

    def is_affected(self, binary):
        server = Server(binary, [], ready=False).start()
        try:
            if server.dies_or(server.answers):
                self.assertNotEqual(server.process.returncode, 0)
                return False
            with Client(server.port) as client:
                return client.allocate().kind == 2
        finally:
            server.__exit__()

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


class PortOptions(Row, unittest.TestCase):
    ROW, ID = 46, "port-option-truncation"
    OPTIONS = ["listening-port", "tls-listening-port", "alt-listening-port", "alt-tls-listening-port", "tcp-proxy-port",
               "min-port", "max-port"]

    def is_affected(self, binary):
        # Cut to 16 bits it is another port, which the server then listens on.
        other = free_port()
        server = Server(binary, ["-z", f"--listening-port={65536 + other}"], ready=False)
        server.start()
        server.port = other
        try:
            return not server.dies_or(server.answers)
        finally:
            server.__exit__()

    def test_what_is_no_port_stops_the_start(self):
        for option in self.OPTIONS:
            for text in ("65536", "4294967297", "-1", "turn", "3478x", "0x10", " "):
                with self.subTest(option=option, text=text):
                    status, output = run_to_end(options=["-z", f"--{option}={text}"])
                    self.assertNotEqual(status, 0)
                    self.assertIn(f"{option}={text}: want a port", output)

    def test_ports_are_ports(self):
        conf = "listening-port=3478\nmin-port=49152\nmax-port=65535 \n"
        with Server(row.OURS, ["-z"], conf=conf) as server, Client(server.port) as client:
            self.assertEqual(client.allocate().kind, 2)


class QuotaOptions(Row, unittest.TestCase):
    ROW, ID = 74, "quota-option-ignored"
    OPTIONS = ["user-quota", "total-quota", "max-bps", "bps-capacity"]
    SHORT = {"user-quota": "-q", "total-quota": "-Q", "max-bps": "-s", "bps-capacity": "-B"}
    WRONG = ["two", "10MB", "1OO", "-5", "+5", "0x10", "1.5", " ", "5;", "99999999999999999999"]

    def is_affected(self, binary):
        server = Server(binary, ["-a", "-r", "example", "-u", "alice:secret", "--user-quota=one"], ready=False).start()
        try:
            if server.dies_or(server.answers):
                self.assertNotEqual(server.process.returncode, 0)
                return False
            with Client(server.port) as client, Client(server.port) as another:
                return client.allocate().kind == 2 and another.allocate().kind == 2
        finally:
            server.__exit__()

    def check(self, option, text, **how):
        with self.subTest(option=option, text=text, how=how):
            status, output = run_to_end(**how)
            self.assertNotEqual(status, 0)
            # Until the command line is read, what is logged is said on stdout, too.
            complaints = {line for line in output.split("\n") if "CONFIG ERROR" in line}
            self.assertEqual(len(complaints), 1, output)
            self.assertRegex(complaints.pop(), rf"{option}={re.escape(text)}: want a number from 0 to \d+$")

    def test_what_is_no_number_stops_the_start(self):
        for option in self.OPTIONS:
            for text in self.WRONG:
                self.check(option, text, options=["-z", f"--{option}={text}"])
            self.check(option, "two", options=["-z", self.SHORT[option], "two"])
            for text in ("two", "10MB", "-5"):
                self.check(option, text, conf=f"no-auth\n{option}={text}\n")
            self.check(option, "", conf=f"no-auth\n{option}\n")

    def test_numbers_are_taken(self):
        conf = "user-quota=2 \ntotal-quota 3\nmax-bps=10000000\nbps-capacity=20000000\n"
        for options in ([], ["-q", "2", "-Q", "3", "-s", "10000000", "-B", "20000000"]):
            with Server(row.OURS, ["-a", "-r", "x", "-u", "alice:secret", *options], conf=None if options else conf) as server, \
                    contextlib.ExitStack() as stack:
                clients = [stack.enter_context(Client(server.port)) for _ in range(3)]
                self.assertEqual([client.allocate().error for client in clients], [None, None, 486])

    def test_0_is_no_limit(self):
        with Server(row.OURS, ["-z", *[f"--{option}=0" for option in self.OPTIONS]]) as server, \
                Client(server.port) as client:
            self.assertEqual(client.allocate().kind, 2)


class ControlCharacter(Row, unittest.TestCase):
    ROW, ID = 60, "saslprep-0x1f"
    NAME = "a\x1fb"

    def is_affected(self, binary):
        with Server(binary, ["-a", "-r", "example", "-u", f"{self.NAME}:secret"]) as server, \
                Client(server.port, username=self.NAME) as client:
            response = client.allocate()
            if response.kind != 2:
                self.assertEqual(response.error, 401)
                return False
            return True

    def test_its_neighbours_are_as_before(self):
        names = ["a!b", "alice"]
        users = [word for name in names for word in ("-u", f"{name}:secret")]
        with Server(row.OURS, ["-a", "-r", "example", *users]) as server:
            for name in names:
                with Client(server.port, username=name) as client:
                    self.assertEqual(client.allocate().kind, 2)


if __name__ == "__main__":
    unittest.main()
