"""The nonces of our server, made anew from what is said of them in ns_turn_nonce.h."""

import base64
import hashlib
import socket
import struct

MASK = (1 << 64) - 1


def rotate(value, bits):
    return (value << bits | value >> (64 - bits)) & MASK


def siphash(key, octets):
    """SipHash-2-4."""
    k0, k1 = struct.unpack("<QQ", key)
    v0, v1, v2, v3 = k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573

    def rounds(count):
        nonlocal v0, v1, v2, v3
        for _ in range(count):
            v0 = (v0 + v1) & MASK
            v1 = rotate(v1, 13) ^ v0
            v0 = rotate(v0, 32)
            v2 = (v2 + v3) & MASK
            v3 = rotate(v3, 16) ^ v2
            v0 = (v0 + v3) & MASK
            v3 = rotate(v3, 21) ^ v0
            v2 = (v2 + v1) & MASK
            v1 = rotate(v1, 17) ^ v2
            v2 = rotate(v2, 32)
    padded = octets + bytes(7 - len(octets) % 8) + bytes([len(octets) & 0xFF])
    for (word,) in struct.iter_unpack("<Q", padded):
        v3 ^= word
        rounds(2)
        v0 ^= word
    v2 ^= 0xFF
    rounds(4)
    return v0 ^ v1 ^ v2 ^ v3


# The example of the paper.
assert siphash(bytes(range(16)), bytes(range(15))) == 0xA129CA6149BE45E5


def nonce_of(secret, at_s, address, realm, lifetime_s):
    key = hashlib.sha256(b"turn nonce\0" + secret).digest()[:16]
    made = int(at_s) // -(-lifetime_s // 128)
    text = struct.pack("<QB", made, 4) + socket.inet_aton(address[0]) + struct.pack(">H", address[1]) + realm.encode()
    return base64.b64encode(bytes([made & 0xFF]) + struct.pack("<Q", siphash(key, text))[:5])
