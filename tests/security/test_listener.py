"""Rows 26 and 27: what a listener does with datagrams of unknown sources."""

import contextlib
import hmac
import re
import socket
import struct
import unittest

import row
from dtls_client import DtlsClient, cookie_in, hello_record
from row import Row, Server
from turn_client import BINDING, Client, Message, NoAnswer
from turn_server import free_port, wait_for


@contextlib.contextmanager
def source(port, host="127.0.0.1"):
    """A UDP socket with a server as its peer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((host, 0))
        one.connect(("127.0.0.1", port))
        one.settimeout(5)
        yield one


class DtlsServer(Server):
    """A server with a certificate, which serves all transports on its port."""

    def __init__(self, binary, options=("-z",), **more):
        super().__init__(binary, [*options], tls=True, **more)


class CookieKey(Row, unittest.TestCase):
    ROW, ID = 26, "dtls-cookie-key-is-a-pointer"

    @staticmethod
    def writable(pid):
        """The addresses that an object of the process can have."""
        with open(f"/proc/{pid}/maps", encoding="ascii") as file:
            for line in file:
                found = re.match(r"(\w+)-(\w+) rw-p \w+ 00:00 0 +(\[heap\])?$", line)
                # A thread's stack has 8 MiB; no heap of this server does.
                if found and int(found[2], 16) - int(found[1], 16) < 8 << 20:
                    yield range(int(found[1], 16), int(found[2], 16), 16)

    def is_affected(self, binary):
        # coturn's key is the address of the SSL object, again and again.
        with DtlsServer(binary) as server, source(server.port) as client:
            client.send(hello_record())
            cookie = cookie_in(client.recv(2048))
            self.assertTrue(cookie)
            port, host = client.getsockname()[1], client.getsockname()[0]
            text = struct.pack(">H", port) + socket.inet_aton(host)
            return any(hmac.digest(struct.pack("<Q", address) * 4, text, "sha1") == cookie
                       for addresses in self.writable(server.process.pid) for address in addresses)

    def test_a_cookie_is_of_one_address(self):
        with DtlsServer(row.OURS) as server, source(server.port) as one, source(server.port) as other:
            cookies = []
            for client in (one, other):
                client.send(hello_record())
                cookies.append(cookie_in(client.recv(2048)))
            self.assertNotEqual(cookies[0], cookies[1])

    def test_two_servers_do_not_agree(self):
        cookies = set()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind(("127.0.0.1", 0))
            client.settimeout(5)
            for _ in range(2):
                with DtlsServer(row.OURS) as server:
                    client.sendto(hello_record(), ("127.0.0.1", server.port))
                    cookies.add(cookie_in(client.recv(2048)))
        self.assertEqual(len(cookies), 2)


class NoUdp(Row, unittest.TestCase):
    ROW, ID = 27, "no-udp-not-honoured"

    @staticmethod
    @contextlib.contextmanager
    def server(binary, *options):
        """A server without UDP, and its port for TLS and DTLS."""
        port = free_port()
        server = DtlsServer(binary, ["-z", "--no-udp", f"--tls-listening-port={port}", *options], ready=False)
        with server:
            wait_for(lambda: "Total General servers" in server.output(), "the start")
            with Client(port, "tls") as client:
                if client.request(BINDING).kind != 2:
                    raise AssertionError("no answer over TLS")
            yield port

    def is_affected(self, binary):
        with self.server(binary) as port, Client(port) as client:
            # What a DTLS client gets shows that the datagrams before were read.
            request = Message(BINDING)
            client.send(request.encode())
            with source(port) as other:
                other.send(hello_record())
                self.assertTrue(cookie_in(other.recv(2048)))
            try:
                return client.answer_to(request.transaction, 0.2).kind == 2 and client.allocate().kind == 2
            except NoAnswer:
                return False

    def test_dtls_is_served(self):
        with self.server(row.OURS) as port, DtlsClient(port) as client:
            self.assertEqual(client.allocate().kind, 2)


if __name__ == "__main__":
    unittest.main()
