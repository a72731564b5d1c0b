"""Row 28: how many challenges a source of UDP is sent that may be forged.

Root runs it in a network namespace of its own, since loopback addresses are not limited.
"""

import contextlib
import ctypes
import os
import socket
import subprocess
import time
import unittest

import row
from row import Row, Server
from turn_client import ALLOCATE, BINDING, CONNECTION_BIND, CONNECTION_ID, NONCE, REALM, USERNAME, Client, Message
from turn_server import run_to_end, wait_for

CLONE_NEWNET = 0x40000000
LISTENER, ONE, OTHER, THIRD = "198.41.0.1", "198.41.0.2", "198.41.0.3", "198.41.0.77"
SIX, SIX_NEIGHBOUR, SIX_OTHER = "2a02:41:0:1::1", "2a02:41:0:1::2", "2a02:41:0:2::1"
ACCOUNTS = ["-a", "-r", "example.org", "-u", "alice:secret", "-L", LISTENER, "-L", "::1", "-E", "127.0.0.1"]
TRANSPORT = (0x19, b"\x11\0\0\0")
ORIGIN = (0x802F, b"https://example.org")
ASKED, AT_ONCE = 400, 100


def enter_namespace():
    """Whether this process is now in a namespace with those addresses; its children will be, too."""
    if os.getuid() != 0 or ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        return False
    commands = ["link set lo up", f"addr add {LISTENER}/16 dev lo",
                *[f"addr add {one}/128 dev lo nodad" for one in (SIX, SIX_NEIGHBOUR, SIX_OTHER)]]
    return all(subprocess.run(["ip", *command.split()], check=False).returncode == 0 for command in commands)


IN_NAMESPACE = enter_namespace()


def message(method, *attributes, key=None):
    one = Message(method)
    for attribute, value in attributes:
        one.add(attribute, value)
    return one.encode(key)


def signed(*attributes):
    return message(ALLOCATE, TRANSPORT, (USERNAME, b"alice"), (REALM, b"example.org"), *attributes, key=bytes(16))


def allocate():
    return message(ALLOCATE, TRANSPORT)


def answered(port, request, asked=ASKED, host=ONE):
    """How many of the requests from one address, each from another port, are answered, and in how many seconds."""
    began, count = time.monotonic(), 0
    family, listener = (socket.AF_INET6, "::1") if ":" in host else (socket.AF_INET, LISTENER)
    for _ in range(asked // 20):
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket(family, socket.SOCK_DGRAM)) for _ in range(20)]
            for one in sockets:
                one.bind((host, 0))
                one.sendto(request(), (listener, port))
            # What comes behind them to the same socket says that all have been read.
            probe = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            probe.settimeout(5)
            probe.sendto(message(BINDING), (listener, port))
            probe.recv(2048)
            for one in sockets:
                with contextlib.suppress(BlockingIOError):
                    count += len(one.recv(2048, socket.MSG_DONTWAIT)) > 0
    return count, time.monotonic() - began


@unittest.skipUnless(IN_NAMESPACE, "needs root to make a network namespace")
class ChallengeLimit(Row, unittest.TestCase):
    ROW, ID = 28, "no-limit-of-401"

    def is_affected(self, binary):
        with Server(binary, ACCOUNTS) as server:
            count, seconds = answered(server.port, allocate)
        if count == ASKED:
            return True
        self.assertGreaterEqual(count, AT_ONCE)
        self.assertLessEqual(count, AT_ONCE + 10 * seconds + 1)
        return False

    def test_all_errors_count_and_others_are_answered(self):
        for request in (allocate, lambda: signed((NONCE, b"AAAAAAAA")), signed,
                        lambda: message(ALLOCATE, TRANSPORT, ORIGIN),
                        lambda: message(CONNECTION_BIND, (CONNECTION_ID, b"abcd"))):
            with Server(row.OURS, ACCOUNTS) as server, Client(server.port) as client:
                self.bind_elsewhere(client)
                self.assertEqual(client.allocate().kind, 2)
                self.assertLess(answered(server.port, request)[0], ASKED)
                self.assertEqual(answered(server.port, request, 20, OTHER)[0], 20)
                # Who has an allocation, and a nonce, is not held up.
                self.assertEqual(client.refresh(600).kind, 2)
                unsigned = Message(ALLOCATE).add(*TRANSPORT)
                client.send(unsigned.encode())
                self.assertEqual(client.answer_to(unsigned.transaction).error, 437)
                # After a pause there is more.
                wait_for(lambda s=server, r=request: answered(s.port, r, 20)[0] > 0, "more")

    @staticmethod
    def bind_elsewhere(client):
        client.socket.close()
        client.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.socket.bind((ONE, 0))
        client.socket.connect((LISTENER, client.server_port))

    def test_clients_of_one_address_that_start_at_once_get_in(self):
        with Server(row.OURS, ACCOUNTS) as server, contextlib.ExitStack() as stack:
            for _ in range(50):
                client = stack.enter_context(Client(server.port))
                self.bind_elsewhere(client)
                # Its first request is sent twice.
                client.send(allocate())
                self.assertEqual(client.allocate().kind, 2)

    def test_of_ipv6_a_network_counts(self):
        with Server(row.OURS, ACCOUNTS) as server:
            began = time.monotonic()
            count = answered(server.port, allocate, host=SIX)[0]
            self.assertLess(count, ASKED)
            count += answered(server.port, allocate, 20, SIX_NEIGHBOUR)[0]
            self.assertLessEqual(count, AT_ONCE + 10 * (time.monotonic() - began) + 1)
            self.assertEqual(answered(server.port, allocate, 20, SIX_OTHER)[0], 20)

    def test_bindings_and_loopback_do_not_count(self):
        with Server(row.OURS, ACCOUNTS) as server:
            self.assertEqual(answered(server.port, lambda: message(BINDING))[0], ASKED)
            self.assertEqual(answered(server.port, allocate, host="127.0.0.9")[0], ASKED)

    def test_the_number_is_the_operators(self):
        for option, least, most in (("0", ASKED, ASKED), ("1", 10, 60), ("40", ASKED, ASKED)):
            with Server(row.OURS, [*ACCOUNTS, f"--challenge-limit={option}"]) as server:
                count, _ = answered(server.port, allocate)
                self.assertTrue(least <= count <= most, (option, count))

    def test_who_is_flooded_is_not_forgotten_for_others(self):
        with Server(row.OURS, [*ACCOUNTS, "--challenge-limit=1"]) as server:
            began = time.monotonic()
            count, _ = answered(server.port, allocate, 20, THIRD)
            # More than there are places for.
            for number in range(6000):
                self.once(server.port, f"198.41.{1 + number // 250}.{1 + number % 250}")
                if number % 50 == 0:
                    answered(server.port, allocate, 20, OTHER)
            more, _ = answered(server.port, allocate, 20, THIRD)
            seconds = time.monotonic() - began
            # After ten seconds it may have as many again as one that is new.
            self.assertLess(seconds, 8, "too slow to show anything")
            self.assertLessEqual(count + more, 10 + seconds + 1)

    @staticmethod
    def once(port, host):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.bind((host, 0))
            one.sendto(allocate(), (LISTENER, port))


class Option(unittest.TestCase):
    def test_what_is_no_number_stops_the_start(self):
        for text in ("-1", "x", "100001", "1x"):
            status, output = run_to_end(options=["-a", f"--challenge-limit={text}"])
            self.assertNotEqual(status, 0)
            self.assertIn("CONFIG ERROR: challenge-limit=", output)


if __name__ == "__main__":
    unittest.main()
