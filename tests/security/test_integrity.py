"""Row 19: what lies behind MESSAGE-INTEGRITY, where whoever is on the way can write."""

import struct
import unittest
import zlib

import row
from row import UDP, Row, Server, xor_peer
from turn_client import (
    ALLOCATE, BINDING, CHANNEL_BIND, CHANNEL_NUMBER, CREATE_PERMISSION, DATA_ATTR, INTEGRITY, LIFETIME, NONCE, REALM,
    REFRESH, REQUESTED_TRANSPORT, SEND, USERNAME, XOR_PEER, Client, Message, NoAnswer, Peer)

FINGERPRINT, INTEGRITY_SHA256 = 0x8028, 0x1C
ACCOUNT = ["-a", "-r", "example", "-u", "alice:secret"]
DENIED = "10.1.2.3"


def appended(octets, *attributes):
    """A message with further attributes behind its last one."""
    for attribute, value in attributes:
        octets += struct.pack(">HH", attribute, len(value)) + value + b"\0" * (-len(value) % 4)
    return octets[:2] + struct.pack(">H", len(octets) - 20) + octets[4:]


def fingerprinted(octets, *behind):
    """A message with a FINGERPRINT, which covers the length of all of it, and perhaps more behind that."""
    size, octets = len(octets), appended(octets, (FINGERPRINT, bytes(4)), *behind)
    return octets[:size + 4] + struct.pack(">I", zlib.crc32(octets[:size]) ^ 0x5354554E) + octets[size + 8:]


def asked(client, message, octets):
    """The response to a message that was written down already."""
    client.send(octets)
    return client.answer_to(message.transaction)


class BehindIntegrity(Row, unittest.TestCase):
    ROW, ID = 19, "attrs-after-integrity"

    def allocated(self, binary, transport="udp"):
        server = self.enterContext(Server(binary, [*ACCOUNT, f"--denied-peer-ip={DENIED}"]))
        client = self.enterContext(Client(server.port, transport))
        self.assertEqual(client.allocate().kind, 2)
        return client

    def is_affected(self, binary):
        client = self.allocated(binary)
        message = Message(REFRESH).add(LIFETIME, struct.pack(">I", 1800))
        response = asked(client, message, appended(client.sign(message), (LIFETIME, bytes(4))))
        self.assertEqual(response.kind, 2)
        if response.lifetime == 0:
            return True
        self.assertEqual(response.lifetime, 1800)
        return False

    def permitted(self, client, *behind):
        """What is said to a permission for a good peer, with attributes behind the signature."""
        message = Message(CREATE_PERMISSION)
        message.add(XOR_PEER, xor_peer("10.9.9.9", 9, message.transaction))
        behind = [(kind, value(message) if callable(value) else value) for kind, value in behind]
        return asked(client, message, appended(client.sign(message), *behind))

    @staticmethod
    def denied(message):
        return xor_peer(DENIED, 9, message.transaction)

    def test_an_appended_peer_is_neither_checked_nor_permitted(self):
        client = self.allocated(row.OURS)
        self.assertEqual(self.permitted(client, (XOR_PEER, self.denied)).kind, 2)

    def test_nothing_appended_is_obeyed_in_any_request(self):
        for transport in ("udp", "tcp"):
            client = self.allocated(row.OURS, transport)
            for behind in ([(0x7777, b"abcd")], [(0x7777, b"")] * 200, [(INTEGRITY, bytes(20))], [(USERNAME, b"eve")],
                           [(INTEGRITY_SHA256, bytes(32))]):
                with self.subTest(transport=transport, behind=behind[0]):
                    self.assertEqual(self.permitted(client, *behind).kind, 2)
            message = Message(CHANNEL_BIND).add(CHANNEL_NUMBER, struct.pack(">HH", 0x4001, 0))
            message.add(XOR_PEER, xor_peer("10.9.9.9", 9, message.transaction))
            octets = appended(client.sign(message), (CHANNEL_NUMBER, struct.pack(">HH", 0x7001, 0)))
            self.assertEqual(asked(client, message, octets).kind, 2)
            self.doCleanups()

    def test_what_is_not_signed_is_missing(self):
        server = self.enterContext(Server(row.OURS, ACCOUNT))
        client = self.enterContext(Client(server.port))
        client.challenge()
        account = [(USERNAME, b"alice"), (REALM, client.realm.encode()), (NONCE, client.nonce)]
        for left_out in account:
            with self.subTest(attribute=left_out[0]):
                message = Message(ALLOCATE).add(*UDP)
                for entry in account:
                    if entry != left_out:
                        message.add(*entry)
                octets = appended(message.encode(client.key()), left_out)
                self.assertEqual(asked(client, message, octets).error, 400)
        message = Message(ALLOCATE)
        octets = appended(client.sign(message), (REQUESTED_TRANSPORT, UDP[1]))
        self.assertEqual(asked(client, message, octets).error, 400)

    def test_a_fingerprint_counts_behind_the_signature(self):
        for transport in ("udp", "tcp"):
            client = self.allocated(row.OURS, transport)
            for between in ([], [(LIFETIME, bytes(4))]):
                message = Message(REFRESH).add(LIFETIME, struct.pack(">I", 1800))
                octets = fingerprinted(appended(client.sign(message), *between))
                response = asked(client, message, octets)
                self.assertEqual(response.lifetime, 1800)
                self.assertEqual(response.attributes[-1][0], FINGERPRINT)
                self.assertEqual(response.attributes[-2][0], INTEGRITY)
            self.doCleanups()

    def test_a_wrong_fingerprint_is_still_refused(self):
        client = self.allocated(row.OURS)
        message = Message(REFRESH).add(LIFETIME, bytes(4))
        client.send(appended(client.sign(message), (FINGERPRINT, b"fake")))
        # The next one is answered, and finds the allocation.
        again = client.refresh(1800)
        self.assertEqual((again.kind, again.lifetime), (2, 1800))
        with self.assertRaises(NoAnswer):
            client.answer_to(message.transaction, 0.05)

    def test_without_a_signature_all_attributes_count(self):
        server = self.enterContext(Server(row.OURS, ["-z"], loopback=True))
        client, peer = self.enterContext(Client(server.port)), self.enterContext(Peer())
        self.assertEqual(client.allocate().kind, 2)
        self.assertEqual(client.permit(peer.address).kind, 2)
        message = Message(REFRESH)
        octets = fingerprinted(message.encode(), (LIFETIME, struct.pack(">I", 1700)))
        self.assertEqual(asked(client, message, octets).lifetime, 1700)
        message = Message(SEND, 1)
        message.add(DATA_ATTR, b"hello").add(XOR_PEER, xor_peer(*peer.address, message.transaction))
        client.send(fingerprinted(message.encode()))
        self.assertEqual(peer.receive()[0], b"hello")
        message = Message(BINDING)
        self.assertEqual(asked(client, message, fingerprinted(message.encode())).kind, 2)


if __name__ == "__main__":
    unittest.main()
