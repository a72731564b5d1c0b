"""STUN messages as lists of attributes, and as octets; and what a client knows to sign them with."""

import base64
import hashlib
import hmac
import socket
import struct
import time
import zlib

MAGIC = 0x2112A442
BINDING, ALLOCATE, REFRESH, SEND, DATA = 1, 3, 4, 6, 7
CREATE_PERMISSION, CHANNEL_BIND, CONNECT, CONNECTION_BIND, ATTEMPT = 8, 9, 10, 11, 12
REQUEST, INDICATION, SUCCESS, ERROR = 0, 1, 2, 3

CHANGE_REQUEST, USERNAME, INTEGRITY, ERROR_CODE, CHANNEL_NUMBER, LIFETIME = 3, 6, 8, 9, 0xC, 0xD
XOR_PEER, DATA_ATTR, REALM, NONCE, XOR_RELAYED = 0x12, 0x13, 0x14, 0x15, 0x16
FAMILY, EVEN_PORT, TRANSPORT, DONT_FRAGMENT, ACCESS_TOKEN = 0x17, 0x18, 0x19, 0x1A, 0x1B
XOR_MAPPED, RESERVATION, PADDING, RESPONSE_PORT, CONNECTION_ID = 0x20, 0x22, 0x26, 0x27, 0x2A
ADDITIONAL_FAMILY, SOFTWARE, FINGERPRINT, ORIGIN, MOBILITY = 0x8000, 0x8022, 0x8028, 0x802F, 0x8030
UDP_RELAY, TCP_RELAY = b"\x11\0\0\0", b"\x06\0\0\0"


def padded(octets):
    return octets + b"\0" * (-len(octets) % 4)


def attribute(kind, value):
    return struct.pack(">HH", kind, len(value) & 0xFFFF) + padded(value)


def xor_address(host, port, transaction=b""):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    mask = struct.pack(">I", MAGIC) + transaction
    octets = bytes(a ^ b for a, b in zip(socket.inet_pton(family, host), mask))
    return struct.pack(">BBH", 0, 2 if family == socket.AF_INET6 else 1, port ^ (MAGIC >> 16)) + octets


def read_address(value):
    if value is None or len(value) != 8:
        return None
    port = struct.unpack(">H", value[2:4])[0] ^ (MAGIC >> 16)
    return socket.inet_ntoa(bytes(a ^ b for a, b in zip(value[4:8], struct.pack(">I", MAGIC)))), port


def head(method, kind, length, transaction):
    word = (method & 0xF) | (method & 0x70) << 1 | (method & 0xF80) << 2 | (kind & 1) << 4 | (kind & 2) << 7
    return struct.pack(">HHI", word, length & 0xFFFF, MAGIC) + transaction


def encode(method, kind, transaction, attributes, key=None, fingerprint=False):
    """The message; signed when there is a key."""
    body = b"".join(attribute(*each) for each in attributes)
    if key is not None:
        mac = hmac.new(key, head(method, kind, len(body) + 24, transaction) + body, hashlib.sha1).digest()
        body += attribute(INTEGRITY, mac)
    if fingerprint:
        crc = zlib.crc32(head(method, kind, len(body) + 8, transaction) + body) ^ 0x5354554E
        body += attribute(FINGERPRINT, struct.pack(">I", crc))
    return head(method, kind, len(body), transaction) + body


class Answer:
    """A message that came, as far as it can be read."""

    def __init__(self, octets):
        word, length = struct.unpack(">HH", octets[:4])
        self.method = word & 0xF | (word & 0xE0) >> 1 | (word & 0x3E00) >> 2
        self.kind = word >> 4 & 1 | word >> 7 & 2
        self.transaction = octets[8:20]
        self.attributes = []
        at = 20
        while at + 4 <= min(len(octets), 20 + length):
            kind, size = struct.unpack(">HH", octets[at:at + 4])
            self.attributes.append((kind, octets[at + 4:at + 4 + size]))
            at += 4 + size + -size % 4

    def get(self, wanted):
        return next((value for kind, value in self.attributes if kind == wanted), None)

    @property
    def error(self):
        value = self.get(ERROR_CODE)
        return value[2] * 100 + value[3] if value and len(value) >= 4 else None


class User:
    """Somebody a CSP's back end has minted credentials for."""

    def __init__(self, csp, media, name, secret, seconds=3600):
        self.name = f"{int(time.time()) + seconds}:{csp}/{media}/{name}"
        mac = hmac.new(secret.encode(), self.name.encode(), hashlib.sha1).digest()
        self.password = base64.b64encode(mac).decode()

    def key(self, realm):
        return hashlib.md5(f"{self.name}:{realm}:{self.password}".encode()).digest()
