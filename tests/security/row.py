"""A row of the table of coturn 4.6.1's defects: an attack, and what it does to a server.

A subclass of Row names the row and says in is_affected() whether a server shows the defect. The attack has to
show on the unpatched server, and must not on ours: a test that could not fail would say nothing. What no client
can see is shown by a program that is linked with coturn's source, once patched and once not (Whitebox).
"""

import contextlib
import os
import re
import socket
import struct
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "abi"))
os.environ.setdefault("TEST_PLUGINS", "")

import turn_server  # noqa: E402  pylint: disable=wrong-import-position
from turn_client import (  # noqa: E402  pylint: disable=wrong-import-position
    ALLOCATE, BINDING, CREATE_PERMISSION, MAGIC, REQUESTED_FAMILY, REQUESTED_TRANSPORT, XOR_PEER, Client, Message,
    NoAnswer)

OURS = os.environ["TURNSERVER"]
UNPATCHED = os.environ["UNPATCHED_TURNSERVER"]
WHITEBOX = os.environ.get("SECURITY_WHITEBOX", "")
UNPATCHED_WHITEBOX = os.environ.get("UNPATCHED_SECURITY_WHITEBOX", "")
UDP = (REQUESTED_TRANSPORT, b"\x11\0\0\0")
SANITIZER = re.compile(r"runtime error:|Sanitizer")


class Unshowable(Exception):
    """This binary cannot be asked: a white-box row, and it is neither ours nor the unpatched one."""


class Row:
    """ROW is the number in the table, ID its id. For a class that is a unittest.TestCase too."""

    ROW = 0
    ID = ""

    def is_affected(self, binary):
        raise NotImplementedError

    def shows(self, binary):
        """is_affected(), where a sanitizer's report is an answer too."""
        try:
            return self.is_affected(binary)
        except AssertionError as error:
            if SANITIZER.search(str(error)):
                return True
            raise

    def test_ours_is_safe(self):
        self.assertFalse(self.shows(OURS), f"#{self.ROW} {self.ID}: the patched server is affected")

    def test_unpatched_is_affected(self):
        self.assertTrue(self.shows(UNPATCHED), f"#{self.ROW} {self.ID}: the attack shows nothing")


class Whitebox(Row):
    """A case of the program whitebox.c, which ends with 0 if the source it is linked with is safe."""

    CASE = ""
    WHY_NOT_FROM_OUTSIDE = ""

    def is_affected(self, binary):
        programs = {OURS: WHITEBOX, UNPATCHED: UNPATCHED_WHITEBOX}
        if binary not in programs:
            raise Unshowable
        self.assertTrue(self.WHY_NOT_FROM_OUTSIDE)
        run = subprocess.run([programs[binary], self.CASE], capture_output=True, text=True, timeout=60, check=False)
        self.assertNotEqual(run.returncode, 2, run.stderr)
        return run.returncode != 0


class Server(turn_server.Server):
    """A server of any binary. Loopback peers are refused, as they are unless somebody asks for them."""

    # The unpatched server has both without, and takes the options.
    always = [*turn_server.Server.always, "--no-tcp-relay=0", "--no-dtls=0"]

    def __init__(self, binary, options=(), loopback=False, private=True, **more):
        super().__init__(options=[*options] if loopback else [*options, "--allow-loopback-peers=0"], **more)
        if private and binary == OURS:
            # The unpatched server lets peers in private networks be, and has no option for it.
            self.options.append("--allow-private-peers")
        self.binary = binary

    def alive(self):
        return self.process.poll() is None

    def dies_or(self, event, what="an answer, or the end of the server"):
        """Waits until event() is true or the server has ended; returns whether it ended."""
        turn_server.wait_for(lambda: not self.alive() or event(), what)
        return not self.alive()

    def answers(self):
        """Whether it still answers, asked from a new 5-tuple."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.1)
            probe.connect(("127.0.0.1", self.port))
            with contextlib.suppress(OSError):
                probe.send(Message(BINDING).encode())
                return bool(probe.recv(2048))
        return False

    def survives(self):
        """Waits until it answers a new client or has ended; returns whether it answers."""
        return not self.dies_or(self.answers)

    def resident_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])

    def grows_by_kib(self, attack, before, after):
        """By how much the resident memory grows from attack(before) to attack(after), each a number of times."""
        if turn_server.SANITIZED:
            raise unittest.SkipTest("the memory of a sanitized server says nothing")
        attack(before)
        start = self.resident_kib()
        attack(after)
        return self.resident_kib() - start

    def sockets(self):
        """How many sockets it holds."""
        directory = f"/proc/{self.process.pid}/fd"
        count = 0
        for name in os.listdir(directory):
            with contextlib.suppress(OSError):
                count += os.readlink(os.path.join(directory, name)).startswith("socket:")
        return count


@contextlib.contextmanager
def started(binary, options):
    """A server that may refuse its options: yields it, or None if it ended instead, and not with 0."""
    server = Server(binary, options, ready=False).start()
    try:
        if server.dies_or(server.answers):
            if server.process.returncode == 0:
                raise AssertionError(f"it ended as if all were well:\n{server.output()}")
            yield None
        else:
            yield server
    finally:
        server.__exit__()


def more_than_bound(records, began):
    """Whether more records about clients were written since then than ten for each second, of which parts count."""
    return records > 10 * (time.monotonic() - began + 2)


def answer_or_end(server, client, message, octets):
    """Sends octets and waits for the answer to message; None if the server ended instead."""
    client.send(octets)
    deadline = time.monotonic() + turn_server.SECONDS
    while time.monotonic() < deadline:
        if not server.alive():
            return None
        with contextlib.suppress(NoAnswer, OSError):
            return client.answer_to(message.transaction, 0.1)
    raise AssertionError("neither an answer nor the end of the server")


def xor_peer(host, port, transaction):
    """The value of an XOR-PEER-ADDRESS, of either family."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    mask = struct.pack(">I", MAGIC) + transaction
    octets = bytes(a ^ b for a, b in zip(socket.inet_pton(family, host), mask))
    return struct.pack(">BBH", 0, 2 if family == socket.AF_INET6 else 1, port ^ (MAGIC >> 16)) + octets


def ask_about(client, method, host, *attributes, port=9):
    """Sends a request of an unauthenticated session about a peer and returns its response."""
    message = Message(method)
    for attribute, value in attributes:
        message.add(attribute, value)
    message.add(XOR_PEER, xor_peer(host, port, message.transaction))
    client.send(message.encode())
    return client.answer_to(message.transaction)


@contextlib.contextmanager
def allocation(server, host_family, transport="udp", relay=UDP):
    """A client with an allocation of a family, 4 or 6."""
    with Client(server.port, transport) as client:
        response = client.request(ALLOCATE, relay, (REQUESTED_FAMILY, bytes([1 if host_family == 4 else 2, 0, 0, 0])))
        if response.kind != 2:
            raise AssertionError(f"Allocate: {response.error}\n{server.output()[-2000:]}")
        yield client


def permitted(server, peers):
    """Which of the peers (addresses as text) the server gives a permission for; the others it refuses with 403."""
    allowed = []
    for family in (4, 6):
        mine = [peer for peer in peers if (":" in peer) == (family == 6)]
        if not mine:
            continue
        with allocation(server, family) as client:
            for peer in mine:
                response = ask_about(client, CREATE_PERMISSION, peer)
                if response.kind == 2:
                    allowed.append(peer)
                elif response.error != 403:
                    raise AssertionError(f"{peer}: {response.error}")
    return allowed
