"""Ports for servers that tests start, as tests/support/ports.h has them.

They lie below the system's ephemeral range, so that no client's socket can take one, and a lock keeps other tests
on this machine away: two servers that set SO_REUSEPORT could share a port, and each answer the other's clients.
"""

import contextlib
import fcntl
import os
import random
import socket
import struct
import tempfile

PORT_MIN = 10000
TRIES_MAX = 2000
# Of the open file, not of the process. Python 3.11 does not name it.
F_OFD_SETLK = 37


def ephemeral_begin():
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        return min(max(int(file.read().split()[0]), PORT_MIN + 1000), 49152)


def is_free(port):
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                # A server may begin among the TIME_WAITs of its predecessor.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                return False
    return True


class PortLease:
    """A port on which UDP and TCP are free, nobody else's until close(); or the first of so many in a row."""

    def __init__(self, count=1):
        self.count = count
        for _ in range(TRIES_MAX):
            self.port = random.randrange(PORT_MIN, ephemeral_begin() - count + 1)
            self.lock = self._try_lock()
            if self.lock is None:
                continue
            if all(is_free(port) for port in range(self.port, self.port + count)):
                return
            self.close()
        raise AssertionError("no free port below the ephemeral range")

    def _try_lock(self):
        """An octet for each port of the one lock file for all; the lock ends with the descriptor."""
        lock = os.open(os.path.join(tempfile.gettempdir(), "turntest-ports.lock"),
                       os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        # struct flock: l_type, l_whence, l_start, l_len, l_pid.
        octet = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, self.port, self.count, 0)
        try:
            fcntl.fcntl(lock, F_OFD_SETLK, octet)
        except OSError:
            os.close(lock)
            return None
        return lock

    def close(self):
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None


@contextlib.contextmanager
def relay_ports(count):
    """Options for a server that relays from so many ports, which no other test's server relays from."""
    lease = PortLease(count)
    try:
        yield [f"--min-port={lease.port}", f"--max-port={lease.port + count - 1}"]
    finally:
        lease.close()


def free_port():
    """A port that is free now, without a lease: for the odd socket of a short test."""
    lease = PortLease()
    lease.close()
    return lease.port
