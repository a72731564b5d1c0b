"""DTLS for tests: a real client, which is openssl's program, and single records made by hand."""

import os
import socket
import struct
import subprocess

from turn_client import Client

HANDSHAKE, ALERT, DATA, CHANGE_CIPHER = 22, 21, 23, 20
CLIENT_HELLO, HELLO_VERIFY_REQUEST = 1, 3


def record(kind, payload, sequence=0, epoch=0):
    return struct.pack(">BHH", kind, 0xFEFF, epoch) + struct.pack(">Q", sequence)[2:] + \
        struct.pack(">H", len(payload)) + payload


def fragment(kind, body, sequence=0, offset=0, size=None):
    """A handshake message, or size octets of it from an offset on."""
    part = body[offset:] if size is None else body[offset:offset + size]

    def three(number):
        return struct.pack(">I", number)[1:]
    return bytes([kind]) + three(len(body)) + struct.pack(">H", sequence) + three(offset) + three(len(part)) + part


def client_hello(cookie=b"", extra=0):
    """The body of a ClientHello that a server understands; extra octets of it are padding."""
    ciphers = struct.pack(">HHH", 0xC02F, 0xC030, 0x009C)
    extensions = struct.pack(">HHHH", 10, 4, 2, 23) + struct.pack(">HHBB", 11, 2, 1, 0) + \
        struct.pack(">HHHHH", 13, 6, 4, 0x0401, 0x0804)
    if extra:
        extensions += struct.pack(">HH", 21, extra) + bytes(extra)
    return b"\xfe\xfd" + os.urandom(32) + b"\0" + bytes([len(cookie)]) + cookie + \
        struct.pack(">H", len(ciphers)) + ciphers + b"\1\0" + struct.pack(">H", len(extensions)) + extensions


def hello_record(cookie=b"", extra=0):
    return record(HANDSHAKE, fragment(CLIENT_HELLO, client_hello(cookie, extra), 1 if cookie else 0), 1 if cookie else 0)


def cookie_in(answer):
    """The cookie of a HelloVerifyRequest; None if the datagram is another."""
    if len(answer) < 28 or answer[0] != HANDSHAKE or answer[13] != HELLO_VERIFY_REQUEST:
        return None
    return answer[28:28 + answer[27]]


class DtlsClient(Client):
    """A TURN client over DTLS by the program openssl, which is fed through a pair of sockets."""

    def __init__(self, server_port, *options, username="alice", password="secret"):
        # pylint: disable=super-init-not-called
        self.transport, self.username, self.password = "tcp", username, password
        self.ticket = self.realm = self.nonce = self.relayed = None
        self.server_port = server_port
        self.buffer, self.waiting = b"", []
        self.socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with other:
            self.process = subprocess.Popen(
                ["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{server_port}",
                 *(options or ["-dtls1_2"])], stdin=other, stdout=other, stderr=subprocess.DEVNULL)

    def close(self):
        super().close()
        self.process.kill()
        self.process.wait()
