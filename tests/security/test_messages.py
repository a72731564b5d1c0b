"""Rows 38, 57 and 59: what a session is given, and which of two attributes counts."""

import contextlib
import struct
import unittest

import row
import turn_server
from row import Row, Server, xor_peer
from turn_client import (
    CHANNEL_BIND, CHANNEL_NUMBER, DATA_ATTR, SEND, XOR_PEER, Client, Message, NoAnswer, Peer)


class PredictablePorts(Row, unittest.TestCase):
    ROW, ID = 38, "weak-port-shuffle"
    PORTS = 16

    def is_affected(self, binary):
        with turn_server.relay_ports(self.PORTS) as options, Server(binary, ["-z", *options]) as server:
            seen = []
            for _ in range(4 * self.PORTS):
                # The end of the connection gives the port back.
                with Client(server.port, "tcp") as client:
                    self.assertEqual(client.allocate().kind, 2)
                    seen.append(client.relayed[1])
        self.assertGreater(len(set(seen)), self.PORTS // 2)
        # A port that comes back when all others were given out is one that was known.
        period = len(set(seen))
        known = sum(seen[i] == seen[i + period] for i in range(len(seen) - period))
        return known > (len(seen) - period) * 3 // 4


class MobileIdLoop(Row, unittest.TestCase):
    ROW, ID = 57, "mobile-id-loop"

    def is_affected(self, binary):
        if turn_server.SANITIZED:
            self.skipTest("a sanitizer's library wants to be the first")
        with Server(binary, ["-z", "--mobility"], preload="stuck_random") as server, contextlib.ExitStack() as stack:
            tickets = set()
            for _ in range(8):
                client = stack.enter_context(Client(server.port))
                try:
                    self.assertEqual(client.allocate(mobile=True, seconds=3).kind, 2)
                except NoAnswer:
                    self.assertTrue(server.alive())
                    return True
                tickets.add(client.ticket)
            self.assertEqual(len(tickets), 8)
            return False


class Duplicates(Row, unittest.TestCase):
    ROW, ID = 59, "duplicate-attributes"

    @staticmethod
    @contextlib.contextmanager
    def relay(binary):
        """A client with an allocation, and two peers that it may send to."""
        with Server(binary, ["-z"], loopback=True) as server, Client(server.port) as client, \
                Peer() as one, Peer() as two:
            for response in (client.allocate(), client.permit(one.address), client.permit(two.address)):
                if response.kind != 2:
                    raise AssertionError(response.error)
            yield client, one, two

    @staticmethod
    def with_addresses(message, *peers):
        for peer in peers:
            message.add(XOR_PEER, xor_peer(*peer.address, message.transaction))
        return message

    def is_affected(self, binary):
        with self.relay(binary) as (client, one, two):
            message = self.with_addresses(Message(SEND, 1), one, two).add(DATA_ATTR, b"to the first")
            client.send(message.encode())
            # Whoever got it, an end comes behind it to both.
            for peer in (one, two):
                client.send_indication(peer.address, b"end")
            got = {peer: self.until_end(peer) for peer in (one, two)}
            if got[one] == [b"to the first"]:
                self.assertEqual(got[two], [])
                return False
            self.assertEqual(got, {one: [], two: [b"to the first"]})
            return True

    @staticmethod
    def until_end(peer):
        got = []
        while True:
            octets = peer.receive()[0]
            if octets == b"end":
                return got
            got.append(octets)

    def test_a_channel_is_bound_to_the_first_peer(self):
        with self.relay(row.OURS) as (client, one, two):
            message = Message(CHANNEL_BIND).add(CHANNEL_NUMBER, struct.pack(">HH", 0x4000, 0))
            self.with_addresses(message, one, two)
            client.send(message.encode())
            self.assertEqual(client.answer_to(message.transaction).kind, 2)
            client.send_channel(0x4000, b"hello")
            self.assertEqual(one.receive()[0], b"hello")

    def test_the_first_data_is_sent(self):
        with self.relay(row.OURS) as (client, one, _):
            message = self.with_addresses(Message(SEND, 1), one).add(DATA_ATTR, b"first").add(DATA_ATTR, b"second")
            client.send(message.encode())
            self.assertEqual(one.receive()[0], b"first")


if __name__ == "__main__":
    unittest.main()
