"""Datagrams of clients that wait are read several at a time: each is dealt with as if it had come alone."""

import socket
import unittest

from turn_client import BINDING, Client, Message, NoAnswer, Peer
from turn_server import Server
from test_metering import meter

# More than twice what is read with one call.
WAITING = 40


def answers_to(one, seconds=5.0):
    """Transactions of the answers that come to a socket, until the first pause."""
    one.settimeout(seconds)
    transactions = []
    try:
        while True:
            transactions.append(one.recv(2048)[8:20])
            one.settimeout(0.2)
    except TimeoutError:
        return transactions


def udp(server):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.connect(("127.0.0.1", server.port))
    return one


class Waiting(unittest.TestCase):
    def test_each_is_answered_once_in_order_and_to_its_sender(self):
        with Server(options=["-z"]) as server:
            clients = [udp(server) for _ in range(3)]
            requests = {client: [Message(BINDING) for _ in range(WAITING)] for client in clients}
            with server.stopped():
                for each in range(WAITING):
                    for client in clients:
                        client.send(requests[client][each].encode())
            for client in clients:
                with client:
                    self.assertEqual(answers_to(client), [request.transaction for request in requests[client]])

    def test_empty_ones_and_what_is_no_stun_hold_nothing_up(self):
        with Server(options=["-z"]) as server, udp(server) as client:
            requests = [Message(BINDING) for _ in range(WAITING)]
            with server.stopped():
                for request in requests:
                    for octets in (b"", b"\x80", b"\xff" * 1400, b"\0\1", request.encode()):
                        client.send(octets)
            self.assertEqual(answers_to(client), [request.transaction for request in requests])

    def test_senders_that_are_gone_hold_nothing_up(self):
        with Server(options=["-z"]) as server, udp(server) as client:
            for _ in range(20):
                request = Message(BINDING)
                with server.stopped():
                    for _ in range(WAITING):
                        # Its answer has nowhere to go.
                        with udp(server) as gone:
                            gone.send(Message(BINDING).encode())
                    client.send(request.encode())
                self.assertEqual(answers_to(client), [request.transaction])

    def test_the_credit_ends_in_the_midst_of_them(self):
        size, credit = 100, 100 * WAITING - 1050
        with Server("scripted", f"realm x\ncredit {credit}\n") as server, Client(server.port) as client, Peer() as peer:
            self.assertEqual(client.allocate().kind, 2)
            client.bind_channel(0x4000, peer.address)
            with server.stopped():
                for number in range(WAITING):
                    client.send_channel(0x4000, bytes([number]) * size)
            relayed = credit // size
            for number in range(relayed):
                self.assertEqual(peer.receive()[0], bytes([number]) * size)
            # Datagrams of one client are read in order.
            self.assertEqual(client.request(BINDING).kind, 2)
            with self.assertRaises(NoAnswer):
                peer.receive(0.2)
            state = meter(server)
            self.assertEqual((state["used"], state["packets"], state["credit"]),
                             ([relayed * size, 0], [relayed, 0], credit - relayed * size))


if __name__ == "__main__":
    unittest.main()
