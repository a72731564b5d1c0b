"""A TURN client for tests: enough of RFC 8656 and RFC 6062 over UDP and TCP, standard library only.

It waits for what it expects with a deadline and never sleeps.
"""

import base64
import hashlib
import hmac
import os
import select
import socket
import ssl
import struct
import time

MAGIC = 0x2112A442
ALLOCATE, REFRESH, SEND, DATA, CREATE_PERMISSION, CHANNEL_BIND = 3, 4, 6, 7, 8, 9
CONNECT, CONNECTION_BIND = 10, 11
BINDING = 1
USERNAME, INTEGRITY, ERROR_CODE, CHANNEL_NUMBER, LIFETIME = 6, 8, 9, 0xC, 0xD
XOR_PEER, DATA_ATTR, REALM, NONCE, XOR_RELAYED = 0x12, 0x13, 0x14, 0x15, 0x16
REQUESTED_FAMILY, REQUESTED_TRANSPORT, CONNECTION_ID, MOBILITY = 0x17, 0x19, 0x2A, 0x8030
SECONDS = 5.0


class NoAnswer(Exception):
    """The server did not answer in time."""


def xor_address(host, port):
    family = 2 if ":" in host else 1
    octets = socket.inet_pton(socket.AF_INET6 if family == 2 else socket.AF_INET, host)
    mask = struct.pack(">I", MAGIC)
    if family == 2:
        raise NotImplementedError("IPv6 needs the transaction id")
    return struct.pack(">BBH", 0, family, port ^ (MAGIC >> 16)) + bytes(a ^ b for a, b in zip(octets, mask))


def from_xor_address(value):
    port = struct.unpack(">H", value[2:4])[0] ^ (MAGIC >> 16)
    mask = struct.pack(">I", MAGIC)
    return socket.inet_ntoa(bytes(a ^ b for a, b in zip(value[4:8], mask))), port


class Message:
    """A STUN message: kind 0 request, 1 indication, 2 success, 3 error."""

    def __init__(self, method, kind=0, transaction=None):
        self.method, self.kind = method, kind
        self.transaction = transaction or os.urandom(12)
        self.attributes = []

    def add(self, attribute, value):
        self.attributes.append((attribute, value))
        return self

    def get(self, attribute):
        for kind, value in self.attributes:
            if kind == attribute:
                return value
        return None

    @property
    def error(self):
        value = self.get(ERROR_CODE)
        return value[2] * 100 + value[3] if value else None

    @property
    def lifetime(self):
        return struct.unpack(">I", self.get(LIFETIME))[0]

    def encode(self, key=None):
        body = b""
        for attribute, value in self.attributes:
            body += struct.pack(">HH", attribute, len(value)) + value + b"\0" * (-len(value) % 4)
        kind = (self.kind & 1) << 4 | (self.kind & 2) << 7
        length = len(body) + (24 if key else 0)
        head = struct.pack(">HHI", self.method | kind, length, MAGIC) + self.transaction
        if key:
            body += struct.pack(">HH", INTEGRITY, 20) + hmac.new(key, head + body, hashlib.sha1).digest()
        return head + body

    @staticmethod
    def decode(octets):
        kind, length = struct.unpack(">HH", octets[:4])
        message = Message(kind & 0xF, (kind >> 4 & 1) | (kind >> 7 & 2), octets[8:20])
        at = 20
        while at < 20 + length:
            attribute, size = struct.unpack(">HH", octets[at:at + 4])
            message.add(attribute, octets[at + 4:at + 4 + size])
            at += 4 + size + -size % 4
        return message


def minted(secret, who, seconds=3600):
    """Username and password that a CSP's back end mints for "<csp>/<media>/<client>"."""
    username = f"{int(time.time()) + seconds}:{who}"
    return username, base64.b64encode(hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()).decode()


class Client:
    """One 5-tuple to the server, over "udp", "tcp" or "tls"."""

    def __init__(self, server_port, transport="udp", username="alice", password="secret"):
        self.transport, self.username, self.password = transport, username, password
        self.ticket = None
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        self.server_port = server_port
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.connect(("127.0.0.1", server_port))
        if transport == "tls":
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)
        self.buffer, self.waiting = b"", []
        self.realm = self.nonce = None
        self.relayed = None

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def address(self):
        return self.socket.getsockname()

    # ---- frames ----

    def _frames(self):
        """Cuts whole messages off what was read of a stream."""
        while len(self.buffer) >= 4:
            first, length = struct.unpack(">HH", self.buffer[:4])
            size = 20 + length if first < 0x4000 else 4 + length + -length % 4
            if len(self.buffer) < size:
                return
            yield self.buffer[:size]
            self.buffer = self.buffer[size:]

    def receive(self, seconds=SECONDS):
        """The next message or ChannelData, as bytes. b"" when the server closed the connection."""
        if self.waiting:
            return self.waiting.pop(0)
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            buffered = self.transport == "tls" and self.socket.pending()
            if left <= 0 or not (buffered or select.select([self.socket], [], [], left)[0]):
                raise NoAnswer()
            try:
                octets = self.socket.recv(65536)
            except (ConnectionError, ssl.SSLError):
                return b""
            if self.transport == "udp":
                return octets
            if not octets:
                return b""
            self.buffer += octets
            self.waiting += list(self._frames())
            if self.waiting:
                return self.waiting.pop(0)

    def send(self, octets):
        if self.transport != "udp":
            self.socket.sendall(octets + b"\0" * (-len(octets) % 4))
        else:
            self.socket.send(octets)

    # ---- requests ----

    def key(self):
        text = f"{self.username}:{self.realm}:{self.password}"
        return hashlib.md5(text.encode()).digest()

    def sign(self, message):
        if not self.realm:
            return message.encode()
        message.add(USERNAME, self.username.encode())
        message.add(REALM, self.realm.encode())
        message.add(NONCE, self.nonce)
        return message.encode(self.key())

    def answer_to(self, transaction, seconds=SECONDS):
        """The response to a transaction; what else arrives is kept for receive()."""
        kept = []
        deadline = time.monotonic() + seconds
        try:
            while True:
                octets = self.receive(deadline - time.monotonic())
                if not octets:
                    raise NoAnswer("connection closed")
                if octets[0] < 0x40 and octets[8:20] == transaction:
                    return Message.decode(octets)
                kept.append(octets)
        finally:
            self.waiting = kept + self.waiting

    def request(self, method, *attributes, challenge=True, seconds=SECONDS):
        """Sends a request and returns its response; a 401 or 438 is answered once."""
        for _ in range(2):
            message = Message(method)
            for attribute, value in attributes:
                message.add(attribute, value)
            self.send(self.sign(message))
            response = self.answer_to(message.transaction, seconds)
            if response.error in (401, 438) and challenge and response.get(NONCE):
                known = self.nonce
                self.realm, self.nonce = response.get(REALM).decode(), response.get(NONCE)
                if known != self.nonce:
                    continue
            return response
        return response

    def challenge(self):
        """Gets realm and nonce, so that the next request is signed at once."""
        message = Message(ALLOCATE).add(REQUESTED_TRANSPORT, b"\x11\0\0\0")
        self.send(message.encode())
        response = self.answer_to(message.transaction)
        self.realm, self.nonce = response.get(REALM).decode(), response.get(NONCE)

    def allocate(self, tcp_relay=False, lifetime=None, seconds=SECONDS, mobile=False):
        attributes = [(REQUESTED_TRANSPORT, b"\x06\0\0\0" if tcp_relay else b"\x11\0\0\0")]
        if lifetime is not None:
            attributes.append((LIFETIME, struct.pack(">I", lifetime)))
        if mobile:
            attributes.append((MOBILITY, b""))
        response = self.request(ALLOCATE, *attributes, seconds=seconds)
        if response.kind == 2:
            self.ticket = response.get(MOBILITY)
            self.relayed = from_xor_address(response.get(XOR_RELAYED))
        return response

    def refresh(self, lifetime):
        return self.request(REFRESH, (LIFETIME, struct.pack(">I", lifetime)))

    def move(self, old, lifetime=600):
        """Takes over the allocation of another 5-tuple (RFC 8016)."""
        response = self.request(REFRESH, (LIFETIME, struct.pack(">I", lifetime)), (MOBILITY, old.ticket))
        self.relayed, self.ticket = old.relayed, response.get(MOBILITY)
        return response

    def permit(self, peer):
        return self.request(CREATE_PERMISSION, (XOR_PEER, xor_address(*peer)))

    def bind_channel(self, channel, peer):
        return self.request(CHANNEL_BIND, (CHANNEL_NUMBER, struct.pack(">HH", channel, 0)),
                            (XOR_PEER, xor_address(*peer)))

    # ---- data ----

    def send_channel(self, channel, payload):
        self.send(struct.pack(">HH", channel, len(payload)) + payload)

    def send_indication(self, peer, payload):
        message = Message(SEND, 1).add(XOR_PEER, xor_address(*peer)).add(DATA_ATTR, payload)
        self.send(message.encode())

    def receive_data(self, seconds=SECONDS):
        """The payload of the next ChannelData or Data indication."""
        octets = self.receive(seconds)
        first, length = struct.unpack(">HH", octets[:4])
        if first >= 0x4000:
            return octets[4:4 + length]
        return Message.decode(octets).get(DATA_ATTR) or b""

    # ---- RFC 6062 ----

    def connect_peer(self, peer):
        """Connects to a peer; returns the data connection, bound."""
        response = self.request(CONNECT, (XOR_PEER, xor_address(*peer)))
        if response.kind != 2:
            raise AssertionError(f"Connect: {response.error}")
        return self.bind_connection(response.get(CONNECTION_ID))

    def bind_connection(self, connection_id):
        data = Client(self.server_port, self.transport, self.username, self.password)
        data.realm, data.nonce = self.realm, self.nonce
        message = Message(CONNECTION_BIND).add(CONNECTION_ID, connection_id)
        data.socket.sendall(data.sign(message))
        # Only the response is a message; the stream follows it.
        head = receive_exactly(data.socket, 20)
        head += receive_exactly(data.socket, struct.unpack(">H", head[2:4])[0])
        response = Message.decode(head)
        if response.kind != 2:
            raise AssertionError(f"ConnectionBind: {response.error}")
        return data.socket


def receive_exactly(stream, size, seconds=SECONDS):
    octets = b""
    deadline = time.monotonic() + seconds
    while len(octets) < size:
        left = deadline - time.monotonic()
        buffered = isinstance(stream, ssl.SSLSocket) and stream.pending()
        if left <= 0 or not (buffered or select.select([stream], [], [], left)[0]):
            raise NoAnswer(f"{len(octets)} of {size} octets")
        more = stream.recv(size - len(octets))
        if not more:
            raise NoAnswer(f"closed after {len(octets)} of {size} octets")
        octets += more
    return octets


class Peer:
    """A UDP peer on loopback."""

    def __init__(self, host="127.0.0.1"):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))

    @property
    def address(self):
        return self.socket.getsockname()

    def receive(self, seconds=SECONDS):
        if not select.select([self.socket], [], [], seconds)[0]:
            raise NoAnswer()
        return self.socket.recvfrom(65536)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
