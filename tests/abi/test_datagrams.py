"""Datagrams of clients that wait are read several at a time: each is dealt with as if it had come alone."""

import contextlib
import os
import re
import socket
import unittest

import test_streams
from turn_client import (
    BINDING, CONNECT, CONNECTION_ID, XOR_PEER, Client, Message, NoAnswer, Peer, receive_exactly, xor_address)
from turn_server import Server, wait_for
from test_metering import meter

# More than twice what is read with one call.
WAITING = 40


def answers_to(one, expected, seconds=5.0):
    """Transactions of the answers that come to a socket: as many as are expected, and those that come until a pause."""
    transactions = []
    try:
        while True:
            one.settimeout(seconds if len(transactions) < expected else 0.2)
            transactions.append(one.recv(2048)[8:20])
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
                    self.assertEqual(answers_to(client, WAITING), [request.transaction for request in requests[client]])

    def test_empty_ones_and_what_is_no_stun_hold_nothing_up(self):
        with Server(options=["-z"]) as server, udp(server) as client:
            requests = [Message(BINDING) for _ in range(WAITING)]
            with server.stopped():
                for request in requests:
                    for octets in (b"", b"\x80", b"\xff" * 1400, b"\0\1", request.encode()):
                        client.send(octets)
            self.assertEqual(answers_to(client, WAITING), [request.transaction for request in requests])

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
                self.assertEqual(answers_to(client, 1), [request.transaction])

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

    def test_what_a_session_sent_is_not_read_from_memory_that_was_given_back(self):
        server = test_streams.Server(options=["-z"])
        # What was freed is overwritten.
        server.environment = {**os.environ, "MALLOC_PERTURB_": "165"}
        with server, Client(server.port) as client, Peer() as peer:
            self.assertEqual(client.allocate().kind, 2)
            client.bind_channel(0x4000, peer.address)
            with self.full_pool(server):
                with server.stopped():
                    for _ in range(WAITING):
                        client.send_channel(0x4000, b"x" * 100)
                for _ in range(WAITING):
                    sender = peer.receive()[1]
                    peer.socket.sendto(b"y" * 50, sender)
                    self.assertEqual(client.receive_data(), b"y" * 50)
            client.refresh(0)
            usage = r"peer usage: realm=<[^>]*>, username=<>, rp=40, rb=2000, sp=40, sb=(\d+)"
            self.assertEqual(wait_for(lambda: re.search(usage, server.output()), "the session's figures")[1], "4000")

    @contextlib.contextmanager
    def full_pool(self, server):
        """Gives an engine more buffers at once than it keeps: peers' octets that wait for their data connections."""
        octets = 1_000_000
        with Client(server.port, "tcp") as control, contextlib.ExitStack() as stack:
            self.assertEqual(control.allocate(tcp_relay=True).kind, 2)
            waiting = []
            for _ in range(8):
                listener = stack.enter_context(test_streams.StreamPeer())
                answer = control.request(CONNECT, (XOR_PEER, xor_address(*listener.address)))
                stream = stack.enter_context(listener.accept())
                stream.setblocking(False)
                waiting.append((answer.get(CONNECTION_ID), stream, stream.send(b"z" * octets)))
            # Each time that it looks it reads a piece of each.
            for _ in range(20):
                self.assertEqual(control.request(BINDING).kind, 2)
            for connection, _, sent in waiting:
                data = stack.enter_context(control.bind_connection(connection))
                self.assertEqual(len(receive_exactly(data, min(sent, 65536))), min(sent, 65536))
            yield


if __name__ == "__main__":
    unittest.main()
