"""Rows 63 to 65 and floods that no row is about: connections that wait, guesses, replays, and the last relay port.

What a source is limited to is not so on loopback: root runs this in a network namespace of its own.
"""

import base64
import contextlib
import os
import re
import resource
import socket
import ssl
import struct
import time
import unittest

import row
from row import Row, Server
from test_challenges import IN_NAMESPACE, LISTENER, ONE, OTHER
from turn_client import (
    ALLOCATE, BINDING, CONNECTION_BIND, CONNECTION_ID, MOBILITY, NONCE, REFRESH, XOR_RELAYED, Client, Message, NoAnswer,
    Peer, from_xor_address)
from turn_server import SANITIZED, relay_ports, run_to_end, wait_for

ACCOUNTS = ["-a", "-r", "example.org", "-u", "alice:secret"]
TRANSPORT = (0x19, b"\x11\0\0\0")
LOCAL = "127.0.0.1"
NAMESPACE = ["-L", LISTENER, "-E", LOCAL]


def context():
    one = ssl.create_default_context()
    one.check_hostname, one.verify_mode = False, ssl.CERT_NONE
    return one


def client_hello():
    received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context().wrap_bio(received, sent).do_handshake()
    return sent.read()


def connection(port, octets=b"", handshake=False, host=LOCAL, source=None):
    stream = socket.create_connection((host, port), timeout=20, source_address=(source, 0) if source else None)
    if handshake:
        stream = context().wrap_socket(stream)
    if octets:
        stream.sendall(octets)
    return stream


def ended(stream):
    """Waits for the end of a connection; whether it came."""
    try:
        while stream.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def open_now(stream):
    """Whether a connection that was told nothing is open still."""
    stream.setblocking(False)
    try:
        return bool(stream.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return True
    except OSError:
        return False


def client_from(host, port, transport="udp", **more):
    """A client of a listener in the namespace."""
    client = Client.__new__(Client)
    client.transport, client.username, client.password = transport, "alice", more.get("password", "secret")
    client.ticket = client.realm = client.nonce = client.relayed = None
    client.server_port, client.buffer, client.waiting = port, b"", []
    client.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM)
    client.socket.settimeout(20)
    client.socket.bind((host, 0))
    client.socket.connect((LISTENER, port))
    return client


def relays(client, peer, channel=0x4000):
    """Whether data goes through an allocation, both ways."""
    if client.bind_channel(channel, peer.address).kind != 2:
        return False
    client.send_channel(channel, b"to the peer")
    if peer.receive()[0] != b"to the peer":
        return False
    peer.socket.sendto(b"to the client", client.relayed)
    return client.receive_data() == b"to the client"


class Silence(unittest.TestCase):
    """Connections that never come to an allocation. max-allocate-timeout is 60 s by default."""

    SECONDS, COUNT, BEFORE = 8, 100, 20
    KINDS = {
        "nothing": (lambda: b"", False, 40),
        "half a request": (lambda: Message(BINDING).encode()[:10], False, 40),
        "half a ClientHello": (lambda: client_hello()[:50], False, 120),
        "a ClientHello": (client_hello, False, 120),
        "a handshake": (lambda: b"", True, 120),
        "a handshake and half a request": (lambda: Message(BINDING).encode()[:10], True, 120),
    }

    def test_they_end_in_time_and_others_are_served(self):
        for name, (octets, handshake, kib_max) in self.KINDS.items():
            with self.subTest(name), contextlib.ExitStack() as stack, \
                    Server(row.OURS, ["-z", f"--max-allocate-timeout={self.SECONDS}"], tls=True) as server:
                def flood(count):
                    streams = [stack.enter_context(connection(server.port, octets(), handshake)) for _ in range(count)]
                    for transport in ("udp", "tcp", "tls"):
                        with Client(server.port, transport) as client:
                            self.assertEqual(client.allocate().kind, 2)
                    return streams
                flood(self.BEFORE)
                before, began = server.resident_kib(), time.monotonic()
                streams = flood(self.COUNT)
                kib = (server.resident_kib() - before) / self.COUNT
                for stream in streams:
                    self.assertTrue(ended(stream))
                print(f"\n  {kib:5.1f} KiB for each connection that says {name}; the last ended after "
                      f"{time.monotonic() - began:.1f} s")
                if not SANITIZED:
                    self.assertLess(kib, kib_max)
                self.assertTrue(server.survives())

    def test_a_trickle_buys_no_time(self):
        with Server(row.OURS, ["-z", "--max-allocate-timeout=3"]) as server:
            began = time.monotonic()
            with connection(server.port) as stream:
                stream.settimeout(0.2)
                with contextlib.suppress(ConnectionError):
                    while time.monotonic() - began < 15:
                        stream.sendall(Message(BINDING).encode())
                        with contextlib.suppress(TimeoutError):
                            if not stream.recv(4096):
                                break
            self.assertLess(time.monotonic() - began, 10)


@unittest.skipUnless(IN_NAMESPACE, "needs root to make a network namespace")
class StreamsWithoutAllocation(Row, unittest.TestCase):
    ROW, ID = 65, "streams-without-allocation"
    MOST = 1000

    @staticmethod
    def alive(streams):
        return sum(open_now(stream) for stream in streams)

    def alive_of(self, port, count):
        """How many of so many connections from one address are open when all have been accepted."""
        # What comes behind them says so. Its descriptor has to be a small one.
        with socket.socket() as place, contextlib.ExitStack() as stack:
            streams = []
            for _ in range(count):
                # The end of one may be here before its connect() is told of its beginning.
                with contextlib.suppress(ConnectionError):
                    streams.append(stack.enter_context(connection(port, host=LISTENER, source=ONE)))
            place.close()
            with client_from(OTHER, port, "tcp") as client:
                self.assertEqual(client.allocate().kind, 2)
            return self.alive(streams)

    def is_affected(self, binary):
        with Server(binary, ["-z", *NAMESPACE]) as server:
            alive = self.alive_of(server.port, self.MOST + 200)
        self.assertIn(alive, (self.MOST, self.MOST + 200))
        return alive > self.MOST

    def test_an_allocation_makes_room_and_so_does_an_end(self):
        with Server(row.OURS, ["-z", *NAMESPACE, "--stream-limit=20"], loopback=True) as server, \
                contextlib.ExitStack() as stack, Peer() as peer:
            clients = []
            for _ in range(60):
                clients.append(stack.enter_context(client_from(ONE, server.port, "tcp")))
                self.assertEqual(clients[-1].allocate().kind, 2)
            waiting = [stack.enter_context(connection(server.port, host=LISTENER, source=ONE)) for _ in range(20)]
            self.assertTrue(self.is_refused(server.port))
            with client_from(OTHER, server.port, "tcp") as client:
                self.assertEqual(client.allocate().kind, 2)
            self.assertEqual(self.alive(waiting), 20)
            self.assertTrue(relays(clients[0], peer))
            # Allocations that end give back nothing twice.
            for client in clients[1:]:
                self.assertEqual(client.refresh(0).kind, 2)
                client.close()
            wait_for(lambda: server.sockets() < 60, "their end")
            self.assertTrue(self.is_refused(server.port))
            waiting[0].close()
            wait_for(lambda: self.gets_in(server.port), "room")
            self.assertIn(f"{ONE} has 20 connections without an allocation", server.output())

    @staticmethod
    def is_refused(port):
        """Whether one more connection is closed."""
        try:
            with connection(port, host=LISTENER, source=ONE) as one_more:
                return ended(one_more)
        except ConnectionError:
            return True

    @staticmethod
    def gets_in(port):
        with contextlib.suppress(NoAnswer, OSError), client_from(ONE, port, "tcp") as client:
            return client.allocate().kind == 2
        return False

    def test_data_connections_of_relayed_tcp_do_not_count(self):
        with Server(row.OURS, ["-z", *NAMESPACE, "--stream-limit=3"], loopback=True) as server, \
                contextlib.ExitStack() as stack, client_from(ONE, server.port, "tcp") as client:
            self.assertEqual(client.allocate(tcp_relay=True).kind, 2)
            for _ in range(6):
                peer = stack.enter_context(socket.create_server((LOCAL, 0)))
                response = client.request(10, (0x12, self.xor(peer.getsockname())))
                self.assertEqual(response.kind, 2)
                data = stack.enter_context(client_from(ONE, server.port, "tcp"))
                bound = data.request(11, (0x2A, response.get(0x2A)))
                self.assertEqual(bound.kind, 2)

    def test_moving_to_another_relay_thread_does_not_evade_it(self):
        with Server(row.OURS, [*ACCOUNTS, *NAMESPACE, "--mobility", "--stream-limit=5"], threads=2) as server, \
                contextlib.ExitStack() as stack:
            streams = [stack.enter_context(client_from(ONE, server.port, "tcp")) for _ in range(5)]
            for client in streams:
                # Of an allocation that is not there; the relay thread is in it, and this one is on one of them.
                for thread in (0, 1):
                    ticket = base64.b64encode(struct.pack("<Q", thread << 56 | 1))
                    request = Message(REFRESH).add(MOBILITY, ticket)
                    client.send(request.encode())
                    self.assertEqual(client.answer_to(request.transaction).kind, 3)
            self.assertEqual(sum(open_now(client.socket) for client in streams), 5)
            self.assertTrue(self.is_refused(server.port))
            streams[0].close()
            wait_for(lambda: self.gets_in(server.port), "room")

    @staticmethod
    def xor(address):
        return row.xor_peer(*address, bytes(12))

    def test_the_number_is_the_operators(self):
        for option, count, most in (("5", 10, 5), ("0", 1100, 1100)):
            with Server(row.OURS, ["-z", *NAMESPACE, f"--stream-limit={option}"]) as server:
                self.assertEqual(self.alive_of(server.port, count), most)
        for text in ("-1", "x", "100001"):
            status, output = run_to_end(options=["-z", f"--stream-limit={text}"])
            self.assertNotEqual(status, 0)
            self.assertIn("CONFIG ERROR: stream-limit=", output)


class NoDescriptorLeft(Row, unittest.TestCase):
    ROW, ID = 63, "accept-spins"
    DESCRIPTORS, SECONDS = 200, 2.0

    @staticmethod
    def cpu_s(server):
        with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def is_affected(self, binary):
        with Server(binary, ["-z"], loopback=True) as server, Client(server.port) as client, Peer() as peer, \
                contextlib.ExitStack() as stack:
            self.assertEqual(client.allocate().kind, 2)
            resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (self.DESCRIPTORS, self.DESCRIPTORS))
            streams = [stack.enter_context(connection(server.port)) for _ in range(self.DESCRIPTORS + 50)]
            wait_for(lambda: "Too many open files" in server.output(), "the last descriptor")
            octets, cpu_s, began = len(server.output()), self.cpu_s(server), time.monotonic()
            # Who is there is served meanwhile.
            while time.monotonic() - began < self.SECONDS:
                self.assertTrue(relays(client, peer))
                time.sleep(0.05)
            octets, cpu_s = len(server.output()) - octets, self.cpu_s(server) - cpu_s
            print(f"\n  {cpu_s / self.SECONDS:4.2f} of a core and {octets / self.SECONDS / 1000:.1f} kB of log a second")
            for stream in streams:
                stream.close()
            with Client(server.port, "tcp") as late:
                self.assertEqual(late.allocate(seconds=20).kind, 2)
        return octets > 200_000


@unittest.skipUnless(IN_NAMESPACE, "needs root to make a network namespace")
class Guesses(Row, unittest.TestCase):
    ROW, ID = 64, "client-fills-the-log"
    SECONDS, ROUNDS = 3.0, 300

    def guess(self, server, transport, *, seconds=SECONDS):
        """Wrong passwords as fast as they are answered, from one source; returns how many were, and in what time."""
        with client_from(ONE, server.port, transport, password="wrong") as client:
            client.challenge()
            began, count = time.monotonic(), 0
            while time.monotonic() - began < seconds:
                self.assertEqual(client.allocate().error, 401)
                count += 1
            return count, time.monotonic() - began

    def is_affected(self, binary):
        with Server(binary, [*ACCOUNTS, *NAMESPACE]) as server:
            guesses, seconds = self.guess(server, "tcp")
            records = server.output().count("credentials are incorrect")
        print(f"\n  {records} records of {guesses} guesses in {seconds:.1f} s")
        self.assertGreater(guesses, 200)
        # A second has ten.
        return records > 10 * (seconds + 2)

    def test_broken_connections_and_unsigned_binds_are_bounded_too(self):
        counts = {}
        for binary in (row.UNPATCHED, row.OURS):
            with Server(binary, ACCOUNTS) as server:
                began = time.monotonic()
                for _ in range(self.ROUNDS):
                    with connection(server.port) as stream:
                        stream.sendall(b"\0\1")
                        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    with Client(server.port, "tcp") as client:
                        # Of a relay thread that is not there.
                        bind = Message(CONNECTION_BIND).add(CONNECTION_ID, b"\x70\0\0\1")
                        client.send(bind.encode())
                # Which it says of each, bounded or not: -v is what was asked for.
                wait_for(lambda: server.output().count("Wrong connection id") >= self.ROUNDS, "the last bind's refusal")
                records = len(re.findall("socket error: |general relay number", server.output()))
                counts[binary], bound = records, 10 * (time.monotonic() - began + 2)
        print(f"\n  {counts[row.UNPATCHED]} records, ours {counts[row.OURS]} of {bound:.0f} at most")
        self.assertGreaterEqual(counts[row.UNPATCHED], self.ROUNDS)
        self.assertGreater(self.ROUNDS, bound, "too slow to show anything")
        self.assertLessEqual(counts[row.OURS], bound)
        self.assertGreater(counts[row.OURS], 0)

    def test_what_is_left_out_is_counted(self):
        with Server(row.OURS, [*ACCOUNTS, *NAMESPACE]) as server:
            # The last guess falls into a second in which records are written.
            guesses, _ = self.guess(server, "tcp")
            time.sleep(1.1)
            with client_from(ONE, server.port, "tcp", password="wrong") as client:
                client.challenge()
                self.assertEqual(client.allocate().error, 401)
            output = server.output()
            left_out = sum(map(int, re.findall(r"(\d+) records about what clients sent", output)))
            # A guess whose nonce has got old is made again.
            self.assertAlmostEqual(output.count("credentials are incorrect") + left_out, guesses + 1, delta=5)

    def test_guesses_get_nothing_and_hinder_nobody(self):
        for transport in ("udp", "tcp"):
            with self.subTest(transport), Server(row.OURS, [*ACCOUNTS, *NAMESPACE]) as server:
                self.guess(server, transport, seconds=1)
                before, sockets = server.resident_kib(), server.sockets()
                guesses, seconds = self.guess(server, transport)
                grown = server.resident_kib() - before
                began = time.monotonic()
                with client_from(OTHER, server.port, transport) as client:
                    self.assertEqual(client.allocate().kind, 2)
                    waited = time.monotonic() - began
                    wait_for(lambda s=server, n=sockets: s.sockets() <= n + 2, "the end of what guesses made")
                print(f"\n  {transport}: {guesses / seconds:.0f} guesses a second, {grown} KiB; another got in after "
                      f"{waited * 1000:.0f} ms")
                if not SANITIZED:
                    self.assertLess(grown, 1000)
                self.assertLess(waited, 1)

    def test_from_ever_new_ports_few_are_answered(self):
        """A guess with another's nonce, or none, is one of the errors that a source gets 10 of a second."""
        with Server(row.OURS, [*ACCOUNTS, *NAMESPACE]) as server:
            before, began, answered = server.resident_kib(), time.monotonic(), 0
            for _ in range(600):
                with client_from(ONE, server.port, password="wrong") as client:
                    client.realm, client.nonce = "example.org", b"AAAAAAAA"
                    client.send(client.sign(Message(ALLOCATE).add(*TRANSPORT)))
                    with contextlib.suppress(NoAnswer):
                        answered += Message.decode(client.receive(0.01)).error == 438
            seconds = time.monotonic() - began
            self.assertLessEqual(answered, 100 + 10 * seconds + 1)
            if not SANITIZED:
                self.assertLess(server.resident_kib() - before, 600)
            with client_from(OTHER, server.port) as client:
                self.assertEqual(client.allocate().kind, 2)


class LastRelayPort(unittest.TestCase):
    """All relay ports are taken."""

    PORTS = 8

    def test_more_are_refused_and_what_is_there_goes_on(self):
        for transport in ("udp", "tcp"):
            with self.subTest(transport), relay_ports(self.PORTS) as options, Peer() as peer, \
                    Server(row.OURS, ["-z", *options], loopback=True) as server, contextlib.ExitStack() as stack:
                clients = [stack.enter_context(Client(server.port, transport)) for _ in range(self.PORTS)]
                for client in clients:
                    self.assertEqual(client.allocate().kind, 2)
                first = int(options[0].split("=")[1])
                self.assertEqual({client.relayed[1] for client in clients}, set(range(first, first + self.PORTS)))
                for _ in range(300):
                    with Client(server.port, transport) as late:
                        self.assertEqual(late.allocate().error, 508)
                for client in clients:
                    self.assertTrue(relays(client, peer))
                wait_for(lambda s=server: s.sockets() < 60, "the end of who was refused")
                # A port that is given back is given again.
                for client in clients[:3]:
                    self.assertEqual(client.refresh(0).kind, 2)
                    late = stack.enter_context(wait_for(lambda: self.gets_in(server.port, transport), "a free port"))
                    self.assertEqual(late.relayed[1], client.relayed[1])
                    self.assertTrue(relays(late, peer))
                for client in clients[3:]:
                    self.assertTrue(relays(client, peer))

    @staticmethod
    def gets_in(port, transport):
        client = Client(port, transport)
        if client.allocate().kind == 2:
            return client
        client.close()
        return None


class Replays(unittest.TestCase):
    """A signed Allocate that somebody recorded is sent again."""

    def test_it_makes_no_second_allocation(self):
        for transport in ("udp", "tcp"):
            with self.subTest(transport), Server(row.OURS, ACCOUNTS) as server, Client(server.port, transport) as client:
                client.challenge()
                message = Message(ALLOCATE).add(*TRANSPORT)
                recorded = client.sign(message)
                client.send(recorded)
                first = client.answer_to(message.transaction)
                self.assertEqual(first.kind, 2)
                relayed = from_xor_address(first.get(XOR_RELAYED))
                sockets = server.sockets()
                # A 5-tuple has one allocation: it is the answer to a retransmission.
                for _ in range(50):
                    client.send(recorded)
                    again = client.answer_to(message.transaction)
                    self.assertTrue(again.error == 437 or from_xor_address(again.get(XOR_RELAYED)) == relayed)
                self.assertEqual(server.sockets(), sockets)
                for other_transport in ("udp", "tcp"):
                    with Client(server.port, other_transport) as other:
                        other.send(recorded)
                        answer = other.answer_to(message.transaction)
                        self.assertEqual((answer.kind, answer.error), (3, 438))
                        self.assertNotEqual(answer.get(NONCE), client.nonce)
                wait_for(lambda s=server, n=sockets: s.sockets() == n, "the end of who was refused")

    def test_not_after_its_nonce_is_old(self):
        with Server(row.OURS, [*ACCOUNTS, "--stale-nonce=2"]) as server, Client(server.port) as client:
            client.challenge()
            message = Message(ALLOCATE).add(*TRANSPORT)
            recorded = client.sign(message)
            client.send(recorded)
            self.assertEqual(client.answer_to(message.transaction).kind, 2)
            first = client.nonce
            wait_for(lambda: client.refresh(600).kind == 2 and client.nonce != first, "a stale nonce")
            self.assertEqual(client.refresh(0).kind, 2)

            def refused():
                client.send(recorded)
                return client.answer_to(message.transaction).error == 438
            wait_for(refused, "438")


if __name__ == "__main__":
    unittest.main()
