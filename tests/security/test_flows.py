"""Row 22: how many permissions and channels an allocation can have."""

import contextlib
import struct
import unittest

import row
import turn_server
from row import Row, Server, xor_peer
from turn_client import CHANNEL_BIND, CHANNEL_NUMBER, CREATE_PERMISSION, XOR_PEER, Client, Message, Peer

MOST = 1024


def address(number):
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def permit(client, hosts):
    """The error of a CreatePermission for all these hosts, None if there is none."""
    message = Message(CREATE_PERMISSION)
    for host in hosts:
        message.add(XOR_PEER, xor_peer(host, 9, message.transaction))
    client.send(message.encode())
    return client.answer_to(message.transaction).error


def bind(client, channel, host, port):
    message = Message(CHANNEL_BIND).add(CHANNEL_NUMBER, struct.pack(">HH", channel, 0))
    message.add(XOR_PEER, xor_peer(host, port, message.transaction))
    client.send(message.encode())
    return client.answer_to(message.transaction).error


@contextlib.contextmanager
def relay(binary, transport="tcp", *options):
    with Server(binary, ["-z", *options], loopback=True) as server, Client(server.port, transport) as client:
        if client.allocate().kind != 2:
            raise AssertionError("no allocation")
        yield client


def fill(client, count, step=64):
    """Makes permissions for the first `count` addresses."""
    for start in range(0, count, step):
        error = permit(client, [address(n) for n in range(start, min(start + step, count))])
        if error:
            return error
    return None


class PermissionFlood(Row, unittest.TestCase):
    ROW, ID = 22, "permission-flood"

    def is_affected(self, binary):
        with relay(binary) as client:
            error = fill(client, 3000)
            self.assertIn(error, (None, 508))
            return error is None

    def test_as_many_as_there_is_room_for_are_permitted_and_stay(self):
        for transport in ("udp", "tcp"):
            with self.subTest(transport=transport), relay(row.OURS, transport) as client, Peer() as peer:
                self.assertEqual(permit(client, ["127.0.0.1"]), None)
                self.assertEqual(fill(client, MOST - 1), None)
                self.assertEqual(permit(client, [address(MOST)]), 508)
                # All or nothing, and what is there is refreshed.
                self.assertEqual(permit(client, [address(0), address(MOST)]), 508)
                self.assertEqual(fill(client, MOST - 1), None)
                self.assertEqual(permit(client, ["127.0.0.1", "127.0.0.1"]), None)
                # A channel needs no room for a peer that has a permission.
                self.assertEqual(bind(client, 0x4000, "127.0.0.1", peer.address[1]), None)
                self.assertEqual(bind(client, 0x4001, address(MOST), 9), 508)
                client.send_channel(0x4000, b"to the peer")
                self.assertEqual(peer.receive()[0], b"to the peer")
                peer.socket.sendto(b"to the client", client.relayed)
                self.assertEqual(client.receive_data(), b"to the client")

    def test_one_request_gets_no_more_than_many(self):
        with relay(row.OURS) as client:
            self.assertEqual(permit(client, [address(n) for n in range(MOST + 1)]), 508)
            self.assertEqual(permit(client, [address(n) for n in range(MOST)]), None)
            self.assertEqual(permit(client, [address(MOST)]), 508)

    def test_what_expired_makes_room(self):
        with relay(row.OURS, "tcp", "--permission-lifetime=2", "--channel-lifetime=2") as client:
            self.assertEqual(fill(client, MOST // 2), None)
            for number in range(16):
                self.assertEqual(bind(client, 0x4000 + number, address(5000), 1000 + number), None)
            # One more than fits beside the first ones.
            others = [address(n) for n in range(10000, 10000 + MOST)]
            turn_server.wait_for(lambda: permit(client, others) is None, "room for other permissions")
            self.assertEqual(permit(client, [address(0)]), 508)

    def test_channels_have_a_bound_too_and_stay(self):
        with relay(row.OURS) as client:
            for number in range(MOST):
                self.assertEqual(bind(client, 0x4000 + number, address(1), 1000 + number), None)
            self.assertEqual(bind(client, 0x4000 + MOST, address(1), 1000 + MOST), 508)
            self.assertEqual(bind(client, 0x4000, address(1), 1000), None)
            self.assertEqual(bind(client, 0x4000, address(1), 1001), 400)
            self.assertEqual(permit(client, [address(2)]), None)


if __name__ == "__main__":
    unittest.main()
