"""Datagrams of many sources, and what a server keeps of each."""

import contextlib
import socket
import struct
import time

from turn_client import BINDING, Message

BETWEEN = 50
EXAMINED_KIB = 0.25  # for each source; what grows by more is flooded again
FLOODS_MAX = 5
SETTLE_S = 0.2


def sources(first, count):
    """Distinct loopback addresses, none of them 127.0.0.1."""
    for number in range(first, first + count):
        yield socket.inet_ntoa(struct.pack(">I", 0x7F010001 + number))


class Flood:
    """Floods a server; what it sends next comes from sources that it did not use before."""

    def __init__(self, server, probe_port=None):
        self.server, self.used = server, 0
        self.sockets = server.sockets()
        self.probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.probe.connect(("127.0.0.1", probe_port or server.port))
        self.probe.settimeout(0.2)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.probe.close()

    def barrier(self):
        """Waits until what was sent before has been read: datagrams of one socket are read in order."""
        for _ in range(50):
            request = Message(BINDING)
            self.probe.send(request.encode())
            with contextlib.suppress(OSError):
                while self.probe.recv(2048)[8:20] != request.transaction:
                    pass
                return
        raise AssertionError("the server answers no more")

    def settle(self):
        """Lets short sessions end that have a socket each: else how many there are at once, and with it the memory, is
        a matter of how busy the machine is."""
        deadline = time.monotonic() + SETTLE_S
        while self.server.sockets() > self.sockets and time.monotonic() < deadline:
            time.sleep(0.001)

    def send(self, datagram, count):
        """Sends datagram() from so many new sources; returns the first answer, b"" if there was none."""
        answer = b""
        for number, host in enumerate(sources(self.used, count)):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
                one.bind((host, 0))
                one.sendto(datagram(), ("127.0.0.1", self.server.port))
                if number % BETWEEN == 0:
                    self.barrier()
                    self.settle()
                    with contextlib.suppress(BlockingIOError):
                        answer = answer or one.recv(65536, socket.MSG_DONTWAIT)
        self.barrier()
        self.used += count
        return answer

    def kib_per_source(self, datagram, count, before=100):
        """By how much the server grows for each source. What it keeps of sources it keeps of all, so the smallest growth
        of some floods says it; in one of them it may have had more short sessions at once than in the one before."""
        least = self.server.grows_by_kib(lambda number: self.send(datagram, number), before, count)
        for _ in range(FLOODS_MAX - 1):
            if least <= count * EXAMINED_KIB:
                break
            least = min(least, self.server.grows_by_kib(lambda number: self.send(datagram, number), 0, count))
        return least / count
