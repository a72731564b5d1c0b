"""Metered streams of RFC 6062: counted to the octet, never dropped from, stopped where the credit ends."""

import select
import socket
import struct
import time
import unittest

from turn_client import CONNECTION_ID, Client, Message, NoAnswer, receive_exactly
from turn_server import Server, wait_for
from test_metering import meter


class StreamPeer:
    """A TCP peer that listens on loopback."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(4)
        self.listener.settimeout(5)

    @property
    def address(self):
        return self.listener.getsockname()

    def accept(self):
        return self.listener.accept()[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


def pattern(size, seed=0):
    return bytes((i * 7 + i // 251 + seed) & 0xFF for i in range(size))


def receive_all(stream, seconds=5.0):
    """Everything until the other side closes."""
    octets = b""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not select.select([stream], [], [], 0.1)[0]:
            continue
        try:
            more = stream.recv(65536)
        except ConnectionError:
            return octets
        if not more:
            return octets
        octets += more
    raise NoAnswer("the stream does not end")


def receive_quiet(stream, seconds=0.5):
    """Everything until nothing comes for a while."""
    octets = b""
    while select.select([stream], [], [], seconds)[0]:
        try:
            more = stream.recv(65536)
        except ConnectionError:
            break
        if not more:
            break
        octets += more
    return octets


class Streams(unittest.TestCase):
    def test_both_directions_are_counted(self):
        with Server("scripted", "realm x\ncredit 10000000\n") as server, Client(server.port, "tcp") as client, \
                StreamPeer() as peer:
            self.assertEqual(client.allocate(tcp_relay=True).kind, 2)
            self.assertEqual(server.wait_event("allocation_wanted")["tcp_relay"], 1)
            client.permit(peer.address)
            data = client.connect_peer(peer.address)
            far = peer.accept()
            for size in (1, 3, 1000, 65536, 300000):
                data.sendall(pattern(size))
                self.assertEqual(receive_exactly(far, size), pattern(size))
                far.sendall(pattern(size, 9))
                self.assertEqual(receive_exactly(data, size), pattern(size, 9))
            total = 1 + 3 + 1000 + 65536 + 300000
            state = meter(server)
            self.assertEqual((state["used"], state["credit"]), ([total, total], 10000000 - 2 * total))
            client.close()
            self.assertEqual(server.wait_event("closed")["used"], [total, total])

    def test_what_a_sender_sent_before_it_closed_arrives_or_is_not_counted(self):
        for who in ("client", "peer"):
            with Server("scripted", "realm x\ncredit 10000000\n") as server, Client(server.port, "tcp") as client, \
                    StreamPeer() as peer:
                client.allocate(tcp_relay=True)
                client.permit(peer.address)
                data = client.connect_peer(peer.address)
                far = peer.accept()
                near, other = (data, far) if who == "client" else (far, data)
                near.sendall(pattern(400000))
                near.close()
                received = receive_all(other)
                self.assertEqual(received, pattern(400000)[:len(received)])
                direction = 0 if who == "client" else 1
                self.assertEqual(meter(server)["used"][direction], len(received))
                other.close()

    def test_what_the_peer_sent_before_the_connection_was_bound_is_counted_when_it_is_delivered(self):
        with Server("scripted", "realm x\ncredit 100000\n") as server, Client(server.port, "tcp") as client:
            client.allocate(tcp_relay=True)
            client.permit(("127.0.0.1", 9))
            far = socket.create_connection(client.relayed)
            attempt = Message.decode(client.receive())
            far.sendall(b"early " * 100)
            self.assertEqual(client.refresh(600).kind, 2)
            self.assertEqual(meter(server)["used"], [0, 0])
            data = client.bind_connection(attempt.get(CONNECTION_ID))
            self.assertEqual(receive_exactly(data, 600), b"early " * 100)
            wait_for(lambda: meter(server)["used"] == [0, 600], "600 octets counted")
            far.close()
            data.close()

    def test_the_stream_stops_at_the_octet(self):
        for early in (False, True):
            with Server("scripted", "realm x\ncredit 12345\ncharge both\n") as server, \
                    Client(server.port, "tcp") as client, StreamPeer() as peer:
                client.allocate(tcp_relay=True)
                client.permit(peer.address)
                if early:
                    far = socket.create_connection(client.relayed)
                    identity = Message.decode(client.receive()).get(CONNECTION_ID)
                    far.sendall(pattern(30000))
                    self.assertEqual(client.refresh(600).kind, 2)
                    data = client.bind_connection(identity)
                    receiver, direction = data, 1
                else:
                    data = client.connect_peer(peer.address)
                    far = peer.accept()
                    data.sendall(pattern(30000))
                    receiver, direction = far, 0
                self.assertEqual(receive_quiet(receiver), pattern(12345))
                state = meter(server)
                self.assertEqual((state["used"][direction], state["credit"]), (12345, 0))
                data.close()
                far.close()

    def test_a_stream_that_waited_for_credit_goes_on_where_it_stopped(self):
        with Server("scripted", "realm x\ncredit 1000\ncredit_wanted later\n") as server, \
                Client(server.port, "tcp") as client, StreamPeer() as peer:
            client.allocate(tcp_relay=True)
            client.permit(peer.address)
            data = client.connect_peer(peer.address)
            far = peer.accept()
            data.setblocking(False)
            sent, received = 0, b""
            wanted = pattern(600000)
            deadline = time.monotonic() + 20
            while len(received) < len(wanted):
                self.assertLess(time.monotonic(), deadline)
                try:
                    sent += data.send(wanted[sent:sent + 50000])
                except BlockingIOError:
                    pass
                before = len(received)
                received += receive_quiet(far, 0.02)
                if len(received) == before:
                    server.command("credit", 70001)
            self.assertEqual(received, wanted)
            self.assertEqual(meter(server)["used"][0], len(wanted))
            data.close()
            far.close()

    def test_a_stream_that_waits_for_credit_holds_back_the_end_of_its_sender(self):
        with Server("scripted", "realm x\ncredit 10\ncredit_wanted later\n") as server, \
                Client(server.port, "tcp") as client, StreamPeer() as peer:
            client.allocate(tcp_relay=True)
            client.permit(peer.address)
            data = client.connect_peer(peer.address)
            far = peer.accept()
            data.sendall(pattern(1000))
            data.close()
            server.wait_event("refused")
            self.assertEqual(receive_exactly(far, 10), pattern(1000)[:10])
            server.command("credit", 5000)
            self.assertEqual(receive_all(far), pattern(1000)[10:])
            self.assertEqual(meter(server)["used"][0], 1000)

    def test_a_held_piece_goes_with_its_connection(self):
        with Server("scripted", "realm x\ncredit 10\ncredit_wanted later\n") as server, \
                Client(server.port, "tcp") as client, StreamPeer() as peer:
            client.allocate(tcp_relay=True)
            client.permit(peer.address)
            data = client.connect_peer(peer.address)
            far = peer.accept()
            data.sendall(pattern(1000))
            server.wait_event("refused")
            client.close()
            self.assertEqual(server.wait_event("closed")["used"], [10, 0])
            self.assertEqual(server.stop(), 0)
            self.assertEqual(len(receive_all(far)), 10)


class StreamClients(unittest.TestCase):
    def test_what_is_queued_for_a_client_that_reads_slowly_arrives_when_the_allocation_ends(self):
        with Server("scripted", "realm x\ncredit 100000000\n") as server, Client(server.port, "tcp") as client, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            client.allocate()
            client.bind_channel(0x4000, peer.getsockname())
            for _ in range(20):
                peer.sendto(b"p" * 1000, client.relayed)
            wait_for(lambda: meter(server)["used"][1] == 20000, "20 packets relayed")
            server.command("cancel", server.events("created")[0]["id"], 5)
            self.assertEqual(server.wait_event("closed")["used"], [0, 20000])
            received = 0
            while True:
                octets = client.receive()
                if not octets:
                    break
                self.assertEqual(struct.unpack(">H", octets[:2])[0], 0x4000)
                received += struct.unpack(">H", octets[2:4])[0]
            self.assertEqual(received, 20000)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
