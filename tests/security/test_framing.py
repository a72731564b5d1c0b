"""Rows 20, 21 and 45: how a stream is cut into messages, and what fills it."""

import struct
import unittest

import row
from row import Row, Server
from turn_client import ALLOCATE, BINDING, MAGIC, Client, Message, NoAnswer, Peer


class TruncatedFrame(Row, unittest.TestCase):
    ROW, ID = 20, "tcp-framing-truncation"

    def answers_what_is_inside(self, server, head):
        """Sends the head of a frame that goes on for long, and in it a whole request."""
        inside = Message(BINDING)
        with Client(server.port, "tcp") as victim, Client(server.port, "tcp") as other:
            victim.socket.sendall(head + inside.encode())
            # Others are served meanwhile, by the same thread; what was to be answered is answered then.
            for _ in range(20):
                self.assertEqual(other.request(BINDING).kind, 2)
            try:
                victim.answer_to(inside.transaction, 0.5)
            except NoAnswer:
                return False
            return True

    def is_affected(self, binary):
        # 20 + 65532 and 4 + 65535 are 16 and 3 in 16 bits.
        message = struct.pack(">HHI", ALLOCATE, 65532, MAGIC) + bytes(8)
        data = struct.pack(">HH", 0x4000, 65535)
        with Server(binary, ["-z"]) as server:
            shown = {name: self.answers_what_is_inside(server, head)
                     for name, head in (("message", message), ("data", data))}
            self.assertEqual(len(set(shown.values())), 1, shown)
            return shown["message"]

    def test_a_frame_in_pieces_is_waited_for(self):
        request = Message(BINDING).add(0x8022, bytes(40000))
        octets = request.encode()
        with Server(row.OURS, ["-z"]) as server, Client(server.port, "tcp") as client:
            client.socket.sendall(octets[:30000])
            with self.assertRaises(NoAnswer):
                client.answer_to(request.transaction, 0.2)
            client.socket.sendall(octets[30000:])
            self.assertEqual(client.answer_to(request.transaction).kind, 2)


class Padding(Row, unittest.TestCase):
    ROW, ID = 21, "channeldata-padding-leak"

    def is_affected(self, binary):
        with Server(binary, ["-z"], loopback=True) as server, Client(server.port, "tcp") as client, Peer() as peer:
            self.assertEqual(client.allocate().kind, 2)
            self.assertEqual(client.bind_channel(0x4000, peer.address).kind, 2)
            leaked = b""
            for size in (1, 2, 3):
                peer.socket.sendto(b"SECRET" * 20, client.relayed)
                client.receive()
                peer.socket.sendto(b"x" * size, client.relayed)
                octets = client.receive()
                self.assertEqual(octets[:4 + size], struct.pack(">HH", 0x4000, size) + b"x" * size)
                self.assertEqual(len(octets), 8)
                leaked += octets[4 + size:]
            return leaked != bytes(6)


class ChannelRange(Row, unittest.TestCase):
    ROW, ID = 45, "channel-range"

    def bind(self, binary, channel):
        with Server(binary, ["-z"], loopback=True) as server, Client(server.port) as client, Peer() as peer:
            self.assertEqual(client.allocate().kind, 2)
            return client.bind_channel(channel, peer.address)

    def is_affected(self, binary):
        for channel in (0x5000, 0x7fff):
            response = self.bind(binary, channel)
            if response.kind == 2:
                return True
            self.assertEqual(response.error, 400)
        return False

    def test_the_range_of_the_rfc_is_bound(self):
        for channel in (0x4000, 0x4fff):
            self.assertEqual(self.bind(row.OURS, channel).kind, 2)

    def test_data_of_a_reserved_number_is_still_a_frame(self):
        with Server(row.OURS, ["-z"]) as server, Client(server.port, "tcp") as client:
            # A connection has to begin with STUN.
            first, second = Message(BINDING), Message(BINDING)
            data = struct.pack(">HH", 0x6000, 5) + b"12345\0\0\0"
            client.socket.sendall(first.encode() + data + second.encode())
            for request in (first, second):
                self.assertEqual(client.answer_to(request.transaction).kind, 2)


if __name__ == "__main__":
    unittest.main()
