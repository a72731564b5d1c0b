"""Rows 35, 36, 66 and 69: what an unsigned request says of its user, realm and origin, one with two users or none."""

import hashlib
import json
import os
import sqlite3
import subprocess
import tempfile
import unittest

import row
import token_client
import turn_server
from row import UDP, Row, Server, xor_peer
from turn_client import (
    ALLOCATE, CREATE_PERMISSION, INTEGRITY, NONCE, REALM, REFRESH, USERNAME, XOR_PEER, Client, Message, Peer, minted)

ORIGIN = 0x802F
PLUGIN = os.environ["LIBTURNBROKER"]
ACCOUNTS = ["-a", "-r", "example", "-u", "alice:secret", "-u", "bob:secret"]


def forged(client, username, nonce=None, origin=None):
    """The response to an Allocate with a signature that fits nobody."""
    message = Message(ALLOCATE).add(*UDP)
    if origin:
        message.add(ORIGIN, origin)
    message.add(USERNAME, username).add(REALM, b"example").add(NONCE, nonce or client.nonce or b"x")
    message.add(INTEGRITY, bytes(20))
    client.send(message.encode())
    return client.answer_to(message.transaction)


def asked(client, method, *attributes):
    message = Message(method)
    for attribute, value in attributes:
        message.add(attribute, value)
    client.send(client.sign(message))
    return client.answer_to(message.transaction)


class UsernamePin(Row, unittest.TestCase):
    ROW, ID = 35, "preauth-username-pin"

    def is_affected(self, binary):
        with Server(binary, ACCOUNTS) as server, Client(server.port) as client:
            response = forged(client, b"eve")
            self.assertEqual(response.error, 438)
            client.realm, client.nonce = "example", response.get(NONCE)
            response = asked(client, ALLOCATE, UDP)
            if response.kind == 2:
                return False
            self.assertEqual(response.error, 437)
            return True

    def test_forged_requests_change_nothing_whatever_user_they_name(self):
        for transport in ("udp", "tcp"):
            with Server(row.OURS, ACCOUNTS) as server, Client(server.port, transport) as client:
                client.challenge()
                for name in (b"eve", b"bob", b"alice", b"eve"):
                    self.assertEqual(forged(client, name).error, 401)
                self.assertEqual(asked(client, ALLOCATE, UDP).kind, 2)
                for name, error in ((b"eve", 437), (b"bob", 437), (b"alice", 437)):
                    self.assertEqual(forged(client, name).error, error)
                self.assertEqual(client.refresh(600).kind, 2)

    def test_the_key_of_another_user_opens_nothing(self):
        with Server(row.OURS, [*ACCOUNTS, "-u", "eve:hers"]) as server, Client(server.port) as client:
            client.challenge()
            # Her key was looked up and is right; it is not alice's.
            client.username, client.password = "eve", "wrong"
            self.assertEqual(asked(client, ALLOCATE, UDP).error, 401)
            client.username, client.password = "alice", "hers"
            self.assertEqual(asked(client, ALLOCATE, UDP).error, 401)
            client.password = "secret"
            self.assertEqual(asked(client, ALLOCATE, UDP).kind, 2)

    def test_a_session_stays_with_the_user_who_signed(self):
        # As with coturn 4.6.1.
        for binary in (row.UNPATCHED, row.OURS):
            with Server(binary, ACCOUNTS) as server, Client(server.port) as client:
                self.assertEqual(client.allocate().kind, 2)
                client.username = "bob"
                peer = Message(CREATE_PERMISSION)
                self.assertEqual(asked(client, ALLOCATE, UDP).error, 437)
                self.assertEqual(asked(client, REFRESH).error, 441)
                peer.add(XOR_PEER, xor_peer("10.9.9.9", 9, peer.transaction))
                client.send(client.sign(peer))
                self.assertEqual(client.answer_to(peer.transaction).error, 441)
                client.username = "alice"
                self.assertEqual(client.refresh(600).kind, 2)

    def test_a_failed_request_of_a_user_keeps_the_session_too(self):
        # Over UDP the session ends with the answer: there is nothing to keep.
        for binary in (row.UNPATCHED, row.OURS):
            with Server(binary, ACCOUNTS) as server, Client(server.port, "tcp") as client:
                client.challenge()
                self.assertEqual(asked(client, REFRESH).error, 437)
                client.username = "bob"
                self.assertEqual(asked(client, ALLOCATE, UDP).error, 437)
                client.username = "alice"
                self.assertEqual(asked(client, ALLOCATE, UDP).kind, 2)

    def test_quotas_count_who_signed(self):
        with Server(row.OURS, [*ACCOUNTS, "--user-quota=1"]) as server:
            with Client(server.port, "tcp") as first, Client(server.port, "tcp") as second:
                for client in (first, second):
                    client.challenge()
                    self.assertEqual(forged(client, b"bob").error, 401)
                self.assertEqual(asked(first, ALLOCATE, UDP).kind, 2)
                self.assertEqual(asked(second, ALLOCATE, UDP).error, 486)
            with Client(server.port, "tcp", "bob") as third:
                self.assertEqual(third.allocate().kind, 2)

            def given_back():
                with Client(server.port, "tcp") as again:
                    return again.allocate().kind == 2
            turn_server.wait_for(given_back, "alice's quota is free again")


class SecondUsername(Row, unittest.TestCase):
    ROW, ID = 66, "second-username"

    @staticmethod
    def allocate(client, *names):
        """An Allocate with further USERNAMEs behind the one that signs."""
        client.challenge()
        message = Message(ALLOCATE).add(*UDP).add(USERNAME, client.username.encode())
        for name in names:
            message.add(USERNAME, name)
        message.add(REALM, client.realm.encode()).add(NONCE, client.nonce)
        client.send(message.encode(client.key()))
        return client.answer_to(message.transaction)

    def is_affected(self, binary):
        with Server(binary, [*ACCOUNTS, "--user-quota=1"]) as server, Client(server.port) as first, \
                Client(server.port) as second:
            self.assertEqual(self.allocate(first).kind, 2)
            response = self.allocate(second, b"bob")
            if response.kind == 2:
                return True
            self.assertEqual(response.error, 486)
            return False

    def test_the_session_is_of_who_signed(self):
        with Server(row.OURS, ACCOUNTS) as server, Client(server.port) as client:
            self.assertEqual(self.allocate(client, b"bob", b"eve").kind, 2)
            self.assertEqual(client.refresh(600).kind, 2)
            client.username = "bob"
            self.assertEqual(asked(client, REFRESH).error, 441)

    def test_an_account_is_charged_for_who_signed(self):
        mine, theirs = "a secret of the one CSP", "a secret of the other CSP"
        config = "".join(f'[csp.{name}]\nsecret = "{secret}"\n[csp.{name}.quota.data]\nvolume = "1 MB"\nperiod = "total"\n'
                         for name, secret in (("mine", mine), ("theirs", theirs)))
        with tempfile.TemporaryDirectory() as directory:
            file = os.path.join(directory, "turnbroker.toml")
            with open(file, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as text:
                text.write(f'[broker]\nrealm = "example"\nstate_dir = "{directory}/state"\n{config}')
            options = [f"--plugin={PLUGIN}", f"--plugin-config={file}"]
            known = 0
            for transport in ("udp", "tcp"):
                with Server(row.OURS, options, loopback=True) as server, Peer() as peer, \
                        Client(server.port, transport) as client:
                    client.username, client.password = minted(mine, "mine/data/alice")
                    other, _ = minted(mine, "theirs/data/eve")
                    self.assertEqual(self.allocate(client, other.encode()).kind, 2)
                    self.assertEqual(client.bind_channel(0x4000, peer.address).kind, 2)
                    client.send_channel(0x4000, b"to the peer")
                    self.assertEqual(peer.receive()[0], b"to the peer")
                    client.refresh(0)
                    records = os.path.join(directory, "state", "usage.jsonl")
                    known += 1
                    turn_server.wait_for(lambda path=records, n=known: self.lines(path)[n - 1:], "its record")
                    self.assertEqual({json.loads(line)["csp"] for line in self.lines(records)}, {"mine"})

    @staticmethod
    def lines(path):
        """Those that are whole."""
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            return file.read().split("\n")[:-1]


class TokenUsers(unittest.TestCase):
    """RFC 7635: turnutils_uclient signs its requests with keys of several names, in realms of their own."""

    KEYS = {"north": ("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEK", "A256GCM", ""),
            "union": ("MTIzNDU2Nzg5MDEyMzQ1Ngo=", "A128GCM", "other"),
            "oldempire": ("MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIK", "A256GCM", "third")}

    def test_clients_with_tokens_are_served_and_their_quota_comes_back(self):
        server = Server(row.OURS, ["--oauth", "-a", "-r", "example", "--server-name=turn.example", "--total-quota=8"],
                        loopback=True)
        with sqlite3.connect(os.path.join(server.directory.name, "turndb")) as db:
            db.execute("CREATE TABLE oauth_key (kid varchar(128), ikm_key varchar(256), timestamp bigint default 0, "
                       "lifetime integer default 0, as_rs_alg varchar(64) default '', realm varchar(127) default '', "
                       "PRIMARY KEY (kid))")
            for kid, (key, algorithm, realm) in self.KEYS.items():
                db.execute("INSERT INTO oauth_key VALUES (?, ?, 0, 0, ?, ?)", (kid, key, algorithm, realm))
        db.close()
        uclient = os.path.join(os.path.dirname(row.OURS), "turnutils_uclient")
        with server:
            for transport in (["-t"], ["-t"], ["-t"], []):
                run = subprocess.run([uclient, "-J", "-y", "-c", "-n", "5", "-m", "2", *transport, "-p",
                                      str(server.port), "127.0.0.1"],
                                     capture_output=True, text=True, timeout=60, check=False,
                                     env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
                self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
                self.assertIn("tot_recv_msgs=10", run.stdout + run.stderr)


class TokenRealm(unittest.TestCase):
    """A token's realm becomes the session's, and its client goes on with the realm and nonce that it was told."""

    def test_clients_are_challenged_once(self):
        for binary in (row.OURS, row.UNPATCHED):
            for realm in ("", "example", "other"):
                for transport in ("udp", "tcp"):
                    with self.subTest(binary=binary, realm=realm, transport=transport), \
                            token_client.add_key(Server(binary, token_client.OPTIONS), realm) as server, \
                            token_client.TokenClient(server.port, transport) as client:
                        client.challenge()
                        request = Message(ALLOCATE).add(*UDP)
                        octets = client.sign(request)
                        for _ in range(2):  # The second is sent again because the answer was late.
                            client.send(octets)
                            self.assertEqual(client.answer_to(request.transaction).kind, 2)
                        self.assertEqual(asked(client, REFRESH).kind, 2)

    def test_a_nonce_is_good_only_with_the_realm_it_came_with(self):
        with token_client.add_key(Server(row.OURS, token_client.OPTIONS), "other") as server, \
                token_client.TokenClient(server.port) as client:
            self.assertEqual(client.allocate().kind, 2)
            client.realm = "third"
            self.assertEqual(asked(client, REFRESH).error, 438)


class OriginPin(Row, unittest.TestCase):
    ROW, ID = 36, "preauth-origin-pin"
    REALMS = {"https://evil.example": "evilrealm", "https://good.example": "goodrealm"}

    def server(self, binary, *options):
        server = Server(binary, ["-a", "-r", "example", "-u", "alice:secret", *options])
        with sqlite3.connect(os.path.join(server.directory.name, "turndb")) as db:
            db.execute("CREATE TABLE turn_origin_to_realm (origin varchar(127), realm varchar(127), PRIMARY KEY (origin))")
            db.execute("CREATE TABLE turnusers_lt (realm varchar(127), name varchar(512), hmackey char(128), "
                       "PRIMARY KEY (realm, name))")
            for origin, realm in self.REALMS.items():
                # As turnadmin writes it: with its port.
                db.execute("INSERT INTO turn_origin_to_realm VALUES (?, ?)", (origin + ":443", realm))
                db.execute("INSERT INTO turnusers_lt VALUES (?, ?, ?)",
                           (realm, "carol", hashlib.md5(f"carol:{realm}:secret".encode()).hexdigest()))
        db.close()
        return server

    @staticmethod
    def realm_for(client, origin=None):
        """The realm that an unsigned Allocate is challenged for."""
        message = Message(ALLOCATE).add(*UDP)
        if origin:
            message.add(ORIGIN, origin.encode())
        client.send(message.encode())
        response = client.answer_to(message.transaction)
        if response.error != 401:
            return response.error
        client.realm, client.nonce = response.get(REALM).decode(), response.get(NONCE)
        return client.realm

    def known(self, server):
        """Waits until the server has read the origins."""
        def read():
            with Client(server.port) as probe:
                return self.realm_for(probe, "https://good.example") == "goodrealm"
        turn_server.wait_for(read, "the origins are known")

    def is_affected(self, binary):
        with self.server(binary) as server:
            self.known(server)
            with Client(server.port) as client:
                self.assertEqual(self.realm_for(client, "https://evil.example"), "evilrealm")
                return self.realm_for(client, "https://good.example") != "goodrealm"

    def test_a_client_of_an_origin_is_served_in_its_realm(self):
        for binary, noise in ((row.UNPATCHED, False), (row.OURS, False), (row.OURS, True)):
            with self.subTest(binary=binary, noise=noise), self.server(binary, "--check-origin-consistency") as server:
                self.known(server)
                with Client(server.port, "tcp", "carol") as client:
                    if noise:
                        self.realm_for(client, "https://evil.example")
                        self.realm_for(client)
                    origin = (ORIGIN, b"https://good.example")
                    self.assertEqual(self.realm_for(client, "https://good.example"), "goodrealm")
                    if noise:
                        self.assertEqual(forged(client, b"carol", origin=b"https://evil.example").error, 437)
                    self.assertEqual(asked(client, ALLOCATE, UDP, origin).kind, 2)
                    # From then on the origin is the session's.
                    self.assertEqual(asked(client, REFRESH, origin).kind, 2)
                    self.assertEqual(asked(client, REFRESH).error, 441)
                    self.assertEqual(asked(client, REFRESH, (ORIGIN, b"https://evil.example")).error, 441)

    def test_without_an_origin_the_realm_is_the_servers(self):
        with self.server(row.OURS) as server:
            self.known(server)
            with Client(server.port) as client:
                self.assertEqual(self.realm_for(client, "https://evil.example"), "evilrealm")
                self.assertEqual(self.realm_for(client), "example")
                self.assertEqual(asked(client, ALLOCATE, UDP).kind, 2)
                self.assertEqual(asked(client, REFRESH, (ORIGIN, b"https://evil.example")).kind, 2)

    def test_without_authentication_the_first_origin_counts(self):
        with Server(row.OURS, ["-z", "--check-origin-consistency"]) as server, Client(server.port) as client:
            self.assertEqual(asked(client, ALLOCATE, UDP, (ORIGIN, b"https://one.example")).kind, 2)
            self.assertEqual(asked(client, REFRESH, (ORIGIN, b"https://two.example")).error, 441)
            self.assertEqual(asked(client, REFRESH, (ORIGIN, b"https://one.example")).kind, 2)


class EmptyValues(Row, unittest.TestCase):
    """A sanitizer's build says it by itself; else the program is watched as it copies."""

    ROW, ID = 69, "copy-of-empty-value"
    FROM_NOWHERE = "null_source: a copy from nowhere"

    def is_affected(self, binary):
        if turn_server.SANITIZED:
            self.skipTest("a sanitizer's library wants to be the first")
        with Server(binary, ACCOUNTS, preload="null_source") as server, Client(server.port, "tcp") as client:
            client.challenge()
            before = len(server.output())
            for name, realm in ((b"", b"example"), (b"alice", b""), (b"", b"")):
                message = Message(ALLOCATE).add(*UDP).add(USERNAME, name).add(REALM, realm).add(NONCE, client.nonce)
                client.send(message.add(INTEGRITY, bytes(20)).encode())
                self.assertEqual(client.answer_to(message.transaction).kind, 3)
            return self.FROM_NOWHERE in server.output()[before:]


if __name__ == "__main__":
    unittest.main()
