"""Rows 11 and 28: what a UDP source costs, and gets, before it has shown who it is."""

import contextlib
import itertools
import os
import socket
import struct
import tempfile
import time
import unittest

import row
from dtls_client import DtlsClient
from flood import Flood
from nonce import nonce_of
from row import Row, Server
from turn_client import (
    ALLOCATE, BINDING, CHANNEL_BIND, CONNECT, CONNECTION_BIND, CONNECTION_ID, CREATE_PERMISSION, DATA_ATTR, ERROR_CODE,
    INTEGRITY, NONCE, REALM, REFRESH, SEND, USERNAME, XOR_PEER, Client, Message, NoAnswer, Peer, xor_address)
from turn_server import run_to_end, wait_for

ORIGIN = 0x802F
REALM_NAME = "example.org"
ACCOUNTS = ["-a", "-r", REALM_NAME, "-u", "alice:secret"]
# What ours does by default.
SHORT = ["--no-software-attribute", "--no-stun-backward-compatibility", "--response-origin-only-with-rfc5780",
         "--no-rfc5780"]
PEER = (XOR_PEER, xor_address("10.1.2.3", 9))
TRANSPORT = (0x19, b"\x11\0\0\0")


def message(method, *attributes, kind=0, key=None):
    one = Message(method, kind)
    for attribute, value in attributes:
        one.add(attribute, value)
    return one.encode(key)


def signed(*attributes):
    return message(ALLOCATE, TRANSPORT, (USERNAME, b"alice"), (REALM, REALM_NAME.encode()), *attributes, key=bytes(16))


class UdpMemory(Row, unittest.TestCase):
    ROW, ID = 11, "udp-session-per-packet"
    SOURCES = 800
    KIB_MAX = 1.0
    DATAGRAMS = {
        "Allocate": lambda: message(ALLOCATE, TRANSPORT),
        "Allocate with an origin": lambda: message(ALLOCATE, TRANSPORT, (ORIGIN, b"https://example.org")),
        "Allocate with a wrong nonce": lambda: signed((NONCE, b"AAAAAAAA")),
        "Refresh": lambda: message(REFRESH),
        "Binding": lambda: message(BINDING),
        "Binding that is not understood": lambda: message(BINDING, (0x7FFF, b"")),
        "ConnectionBind": lambda: message(CONNECTION_BIND, (CONNECTION_ID, b"abcd")),
        "Send indication": lambda: message(SEND, PEER, (DATA_ATTR, b"x"), kind=1),
        "ChannelData": lambda: b"\x40\0\0\4abcd",
        "nothing": lambda: b"\x80",
    }

    def figures(self, binary, *options, threads=1):
        shown = {}
        for name, datagram in self.DATAGRAMS.items():
            with Server(binary, [*ACCOUNTS, *options], threads=threads) as server, Flood(server) as flood:
                shown[name] = flood.kib_per_source(datagram, self.SOURCES)
        print("".join(f"\n  {value:7.2f} KiB for each source of: {name}" for name, value in shown.items()))
        return shown

    def is_affected(self, binary):
        shown = self.figures(binary)
        affected = [name for name, value in shown.items() if value >= self.KIB_MAX]
        self.assertIn(len(affected), (0, len(shown)), shown)
        return bool(affected)

    def test_other_net_engines_keep_nothing_either(self):
        for engine, threads in ((1, 1), (3, 2), (2, 0)):
            with self.subTest(engine=engine, threads=threads):
                self.assertLess(max(self.figures(row.OURS, f"--ne={engine}", threads=threads).values()), self.KIB_MAX)

    def test_a_wrong_password_costs_nothing_for_long(self):
        with Server(row.OURS, ACCOUNTS) as server:
            def guess(count):
                for _ in range(count):
                    with Client(server.port, password="wrong") as client:
                        client.challenge()
                        self.assertEqual(client.allocate().error, 401)
            self.assertLess(server.grows_by_kib(guess, 30, 300), 300 * self.KIB_MAX)


class Reflection(Row, unittest.TestCase):
    ROW, ID = 28, "reflection-401/binding"
    BINDING_MAX, OTHER_MAX = 1.6, 2.0
    REQUESTS = {
        "Binding": lambda: message(BINDING),
        "Binding that is not understood": lambda: message(BINDING, (0x7FFF, b"")),
        "Allocate": lambda: message(ALLOCATE, TRANSPORT),
        "Allocate without its attribute": lambda: message(ALLOCATE),
        "Refresh": lambda: message(REFRESH),
        "CreatePermission": lambda: message(CREATE_PERMISSION, PEER),
        "ChannelBind": lambda: message(CHANNEL_BIND, (0xC, b"\x40\0\0\0"), PEER),
        "Connect": lambda: message(CONNECT, PEER),
        "ConnectionBind": lambda: message(CONNECTION_BIND, (CONNECTION_ID, b"abcd")),
        "method that does not exist": lambda: message(0xF),
        "Allocate with a wrong nonce": lambda: signed((NONCE, b"AAAAAAAA")),
        "Allocate without a nonce": signed,
        "Allocate with an integrity that is none": lambda: message(ALLOCATE, TRANSPORT, (INTEGRITY, b"")),
    }

    def factors(self, server):
        """Of the octets in UDP."""
        shown = {}
        for name, request in self.REQUESTS.items():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
                one.connect(("127.0.0.1", server.port))
                one.settimeout(5)
                octets = request()
                one.send(octets)
                shown[name] = (len(octets), len(one.recv(65536)))
        print("".join(f"\n  {answer:4} for {asked:3} octets, {answer / asked:4.2f} times: {name}"
                      for name, (asked, answer) in shown.items()))
        return {name: answer / asked for name, (asked, answer) in shown.items()}

    def is_affected(self, binary):
        with Server(binary, [*ACCOUNTS, *(SHORT if binary == row.OURS else [])]) as server:
            factors = self.factors(server)
        return factors["Binding"] > self.BINDING_MAX or max(factors.values()) > self.OTHER_MAX

    def test_how_a_realm_counts(self):
        """A realm of twelve octets is the longest with which the smallest Allocate is answered with twice its size."""
        for length, octets in ((1, 48), (4, 48), (8, 52), (12, 56), (16, 60), (127, 172)):
            with Server(row.OURS, ["-a", "-r", "r" * length, *SHORT]) as server, Client(server.port) as client:
                client.send(message(ALLOCATE, TRANSPORT))
                self.assertEqual(len(client.receive()), octets)

    def test_there_is_no_phrase_on_any_transport(self):
        with Server(row.OURS, ACCOUNTS, tls=True) as server:
            for transport in ("udp", "tcp", "tls"):
                with Client(server.port, transport) as client:
                    client.send(message(ALLOCATE, TRANSPORT))
                    self.assertEqual(Message.decode(client.receive()).get(ERROR_CODE), b"\0\0\4\1")


@contextlib.contextmanager
def secret_file(text):
    with tempfile.NamedTemporaryFile("w", suffix=".secret") as file:
        file.write(text)
        file.flush()
        yield f"--nonce-secret-file={file.name}"


class Nonces(unittest.TestCase):
    SECRET = "a secret that all relays know"

    def test_every_net_engine_and_transport(self):
        for engine, threads in itertools.product((1, 2, 3), (0, 1, 2)):
            with self.subTest(engine=engine, threads=threads), \
                    Server(row.OURS, [*ACCOUNTS, f"--ne={engine}"], threads=threads, tls=True, loopback=True) as server:
                clients = [lambda transport=t: Client(server.port, transport) for t in ("udp", "tcp", "tls")]
                clients.append(lambda: DtlsClient(server.port))
                for make in clients:
                    with make() as client, Peer() as peer:
                        self.assertEqual(self.patiently(client), 2)
                        self.assertEqual(client.permit(peer.address).kind, 2)
                        self.assertEqual(client.bind_channel(0x4000, peer.address).kind, 2)
                        client.send_channel(0x4000, b"hello")
                        self.assertEqual(peer.receive()[0], b"hello")
                        # A 5-tuple with an allocation is asked like another.
                        unsigned = Message(REFRESH)
                        client.send(unsigned.encode())
                        self.assertEqual(client.answer_to(unsigned.transaction).error, 401)
                        binding = Message(BINDING)
                        client.send(binding.encode())
                        self.assertEqual(client.answer_to(binding.transaction).kind, 2)
                        self.assertEqual(client.refresh(600).kind, 2)

    @staticmethod
    def patiently(client):
        """An Allocate that is sent again if it got lost while the client's socket was made."""
        def answered():
            with contextlib.suppress(NoAnswer):
                return client.allocate(seconds=1)
            return None
        return wait_for(answered, "an answer").kind

    def test_a_nonce_is_made_as_written(self):
        with secret_file(f"  {self.SECRET}\n") as option, Server(row.OURS, [*ACCOUNTS, option]) as server:
            for transport in ("udp", "tcp"):
                with Client(server.port, transport) as client:
                    before = time.time()
                    client.challenge()
                    possible = {nonce_of(self.SECRET.encode(), at, client.address, REALM_NAME, 600)
                                for at in (before, time.time())}
                    self.assertIn(client.nonce, possible)

    def test_relays_with_one_secret_take_each_others(self):
        with secret_file(self.SECRET) as option, Server(row.OURS, [*ACCOUNTS, option]) as one, \
                Server(row.OURS, [*ACCOUNTS, option], threads=2) as other, Server(row.OURS, ACCOUNTS) as stranger, \
                Client(one.port) as client:
            client.challenge()
            for server, error in ((stranger, 438), (other, None)):
                client.socket.connect(("127.0.0.1", server.port))
                self.assertEqual(client.request(ALLOCATE, TRANSPORT, challenge=False).error, error)

    def test_a_nonce_is_of_one_port_and_realm(self):
        for transport in ("udp", "tcp"):
            with Server(row.OURS, ACCOUNTS) as server, Client(server.port, transport) as one, \
                    Client(server.port, transport) as other:
                one.challenge()
                other.realm, other.nonce = one.realm, one.nonce
                answer = other.request(ALLOCATE, TRANSPORT, challenge=False)
                self.assertEqual((answer.error, answer.get(REALM)), (438, REALM_NAME.encode()))
                self.assertNotEqual(answer.get(NONCE), one.nonce)
                for spoilt in (b"", b"\0" * 8, b"\xff" * 8, one.nonce[:7], one.nonce + b"A", one.nonce[:2] + b"AAAAAA"):
                    other.nonce = spoilt
                    self.assertEqual(other.request(ALLOCATE, TRANSPORT, challenge=False).error, 438)
                self.assertEqual(one.request(ALLOCATE, TRANSPORT, challenge=False).kind, 2)

    def test_it_ages(self):
        for transport in ("udp", "tcp"):
            with Server(row.OURS, [*ACCOUNTS, "--stale-nonce=2"]) as server, Client(server.port, transport) as client, \
                    Client(server.port, transport) as late:
                late.challenge()
                self.assertEqual(client.allocate().kind, 2)
                first = client.nonce
                began = time.monotonic()
                wait_for(lambda: client.refresh(600).kind == 2 and client.nonce != first, "a stale nonce")
                self.assertGreater(time.monotonic() - began, 1)
                self.assertEqual(late.request(ALLOCATE, TRANSPORT, challenge=False).error, 438)
                self.assertEqual(late.allocate().kind, 2)

    def test_it_need_not_age(self):
        with Server(row.OURS, [*ACCOUNTS, "--stale-nonce=0"]) as server, Client(server.port) as client:
            self.assertEqual(client.allocate().kind, 2)
            self.assertEqual(client.refresh(600).kind, 2)

    def test_secure_stun_wants_credentials(self):
        with Server(row.OURS, [*ACCOUNTS, "--secure-stun"], ready=False) as server:
            wait_for(lambda: "Total General servers" in server.output(), "the start")
            with Client(server.port) as client:
                client.challenge()
                self.assertEqual(client.request(BINDING).kind, 2)

    def test_a_secret_that_is_none_stops_the_start(self):
        for text in ("", "short", " " * 40, "x" * 1025):
            with secret_file(text) as option:
                status, output = run_to_end(options=[*ACCOUNTS, option])
                self.assertNotEqual(status, 0)
                self.assertIn("CONFIG ERROR: nonce-secret-file=", output)
        status, output = run_to_end(options=[*ACCOUNTS, "--nonce-secret-file=/nonexistent"])
        self.assertNotEqual(status, 0)
        self.assertIn("No such file", output)

    def test_fifty_clients_of_one_address_start_at_once(self):
        with Server(row.OURS, ACCOUNTS) as server, contextlib.ExitStack() as stack:
            clients = [stack.enter_context(Client(server.port)) for _ in range(50)]
            began = time.monotonic()
            for client in clients:
                self.assertEqual(client.allocate().kind, 2)
            self.assertLess(time.monotonic() - began, 10)


if __name__ == "__main__":
    unittest.main()
