"""Metered streams of RFC 6062: counted to the octet, never dropped from, stopped where the credit ends."""

import select
import socket
import ssl
import struct
import threading
import time
import unittest

import turn_server
from turn_client import (
    BINDING, CONNECT, CONNECTION_ID, DATA_ATTR, XOR_PEER, Client, Message, NoAnswer, Peer, receive_exactly, xor_address)
from turn_server import SANITIZED, wait_for
from test_metering import meter


class Server(turn_server.Server):
    """A server that relays TCP."""

    always = [*turn_server.Server.always, "--tcp-relay"]


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


def buffered(stream):
    """Whether a TLS socket has read more than was taken."""
    return isinstance(stream, ssl.SSLSocket) and stream.pending()


def receive_all(stream, seconds=5.0):
    """Everything until the other side closes."""
    octets = b""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not buffered(stream) and not select.select([stream], [], [], 0.1)[0]:
            continue
        try:
            more = stream.recv(65536)
        except (ConnectionError, ssl.SSLError):
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


def say_end(stream):
    """Says that no more will be sent, and reads on."""
    if isinstance(stream, ssl.SSLSocket):
        stream.setblocking(False)
        try:
            stream.unwrap()
        except ssl.SSLWantReadError:
            pass
        stream.setblocking(True)
    else:
        stream.shutdown(socket.SHUT_WR)


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
                self.assertEqual(receive_exactly(receiver, 12345), pattern(12345))
                self.assertEqual(receive_quiet(receiver), b"")
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

    def test_a_peer_that_ends_is_held_back_too(self):
        with Server("scripted", "realm x\ncredit 10\ncredit_wanted later\n") as server, \
                Client(server.port, "tcp") as client, StreamPeer() as peer:
            client.allocate(tcp_relay=True)
            client.permit(peer.address)
            data = client.connect_peer(peer.address)
            far = peer.accept()
            far.sendall(pattern(100000))
            far.close()
            server.wait_event("refused")
            server.command("credit", 10**6)
            self.assertEqual(receive_all(data), pattern(100000))
            self.assertEqual(meter(server)["used"][1], 100000)
            data.close()

    @unittest.skipIf(SANITIZED, "a sanitizer wants to be loaded first")
    def test_what_is_read_together_with_the_end_of_a_tls_sender_arrives(self):
        for size in (3000, 100000):
            for credit in (10**6, 0):
                with self.subTest(size=size, credit=credit), \
                        Server("scripted", f"realm x\ncredit {credit}\ncredit_wanted later\n", tls=True,
                               preload="read_on") as server, \
                        Client(server.port, "tls") as client, StreamPeer() as peer:
                    client.allocate(tcp_relay=True)
                    client.permit(peer.address)
                    data, far = client.connect_peer(peer.address), peer.accept()
                    with server.stopped():
                        data.sendall(pattern(size))
                        say_end(data)
                    if not credit:
                        server.wait_event("refused")
                        self.assertEqual(client.refresh(600).kind, 2)
                        server.command("credit", 10**6)
                    self.assertEqual(receive_all(far), pattern(size))
                    self.assertEqual(meter(server)["used"], [size, 0])
                    self.assertEqual(receive_all(data), b"")

    @unittest.skipIf(SANITIZED, "a sanitizer wants to be loaded first")
    def test_what_a_tls_sender_sent_before_its_end_is_not_lost_by_what_it_is_sent_afterwards(self):
        with Server("scripted", "realm x\ncredit 10\ncredit_wanted later\ncharge client_to_peer\n", tls=True,
                    preload="read_on") as server, Client(server.port, "tls") as client, StreamPeer() as peer:
            client.allocate(tcp_relay=True)
            client.permit(peer.address)
            data, far = client.connect_peer(peer.address), peer.accept()
            with server.stopped():
                data.sendall(pattern(100000))
                say_end(data)
            server.wait_event("refused")
            far.sendall(pattern(5000))
            for _ in range(3):
                self.assertEqual(client.refresh(600).kind, 2)
            server.command("credit", 10**6)
            self.assertEqual(receive_all(far), pattern(100000))
            self.assertEqual(meter(server)["used"], [100000, 0])

    def test_what_is_held_outlasts_a_sender_that_nothing_can_be_sent_to(self):
        with Server("scripted", "realm x\ncredit 10\ncredit_wanted later\ncharge client_to_peer\n") as server, \
                Client(server.port, "tcp") as client, StreamPeer() as peer:
            client.allocate(tcp_relay=True)
            client.permit(peer.address)
            data, far = client.connect_peer(peer.address), peer.accept()
            data.sendall(pattern(1000))
            server.wait_event("refused")
            data.close()
            # The first is answered with a reset, by which the server notices.
            for _ in range(3):
                far.sendall(b"x")
                self.assertEqual(client.refresh(600).kind, 2)
            server.command("credit", 5000)
            self.assertEqual(receive_all(far), pattern(1000))
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


def relayed_until_the_end(client):
    """The octets of payload that a client receives until its connection ends, a last frame in part included."""
    received = 0
    while octets := client.receive():
        first, length = struct.unpack(">HH", octets[:4])
        if first >= 0x4000:
            received += length
        elif octets[:2] == b"\0\x17":
            received += len(Message.decode(octets).get(DATA_ATTR))
    rest = client.buffer
    if len(rest) < 4:
        return received
    first, length = struct.unpack(">HH", rest[:4])
    if first >= 0x4000:
        return received + min(length, len(rest) - 4)
    return received + min(max(len(rest) - 24, 0), struct.unpack(">H", (rest + bytes(24))[22:24])[0])


class StreamClients(unittest.TestCase):
    @staticmethod
    def fill(server, client, peer, other, size):
        """Sends to the client, which does not read, until the server has no room for more."""
        used, before = 0, -1
        while used != before:
            before = used
            for _ in range(100):
                peer.sendto(bytes(size), client.relayed)
            # The server's thread takes turns: it has looked at the packets when it has answered these.
            for _ in range(20):
                assert other.request(BINDING).kind == 2
            used = meter(server)["used"][1]
        return used

    def leave(self, transport, channel, how):
        """Whether something was left that the client did not get: the kernel may have taken all of it."""
        with Server("scripted", "realm x\ncredit 1000000000\n", ["--mobility"],
                    tls=transport == "tls", preload=None if SANITIZED else "small_buffers") as server, \
                Client(server.port, transport) as client, Client(server.port, transport) as new, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.assertEqual(client.allocate(mobile=how != "is cancelled").kind, 2)
            client.bind_channel(0x4000, peer.getsockname()) if channel else client.permit(peer.getsockname())
            full = self.fill(server, client, peer, new, 777)
            if how == "ends":
                client.socket.shutdown(socket.SHUT_WR)
                wait_for(lambda: "closed (1st stage)" in server.output(), "the client's connection is gone")
            elif how == "moves":
                self.assertEqual(new.move(client).kind, 2)
            else:
                server.command("cancel", server.events("created")[0]["id"], 2)
                server.wait_event("closed")
            state = meter(server)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
            received = relayed_until_the_end(client)
            self.assertEqual((state["used"][1], state["credit"]), (received, 10**9 - received))
            self.assertEqual(state["packets"][1], -(-received // 777))
            self.assertEqual(server.stop(), 0)
            self.assertEqual(server.wait_event("closed")["used"][1], received)
            return received < full

    def test_what_a_client_that_leaves_did_not_get_is_not_counted(self):
        for transport in ("tcp", "tls"):
            for channel in (True, False):
                # A TLS client that has said its end gets nothing more out of Python.
                for how in ("ends", "moves", "is cancelled")[transport == "tls":]:
                    with self.subTest(transport=transport, channel=channel, how=how):
                        # Without the small buffers of the preloaded library the kernel takes nearly all.
                        tries = 1 if SANITIZED else 10
                        left = any(self.leave(transport, channel, how) for _ in range(tries))
                        self.assertTrue(left or SANITIZED)

    def swap(self, transport):
        """A meter that was swapped is the plugin's again: nothing is given back to it. Whether something was left."""
        with Server("scripted", "realm x\ncredit 1000000000\ncredit_wanted swap\nswap_credit 1000\n",
                    tls=transport == "tls", preload=None if SANITIZED else "small_buffers") as server, \
                Client(server.port, transport) as client, Client(server.port, transport) as other, Peer() as peer:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.allocate()
            client.bind_channel(0x4000, peer.address)
            full = self.fill(server, client, peer.socket, other, 777)
            server.command("credit", full - 10**9)
            server.wait_event("credited")
            client.send_channel(0x4000, b"c" * 100)
            self.assertEqual(peer.receive()[0], b"c" * 100)
            server.command("cancel", server.events("created")[0]["id"], 2)
            self.assertEqual(server.wait_event("closed")["used"], [100, 0])
            server.command("first_meter")
            first = server.wait_event("first_meter")
            self.assertEqual((first["used"], first["credit"]), ([0, full], 0))
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
            return relayed_until_the_end(client) < full

    def test_what_is_left_of_a_meter_before_a_swap_is_not_given_back(self):
        for transport in ("tcp", "tls"):
            with self.subTest(transport=transport):
                left = any(self.swap(transport) for _ in range(1 if SANITIZED else 10))
                self.assertTrue(left or SANITIZED)

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



class EarlyPeer(unittest.TestCase):
    def test_what_a_peer_sends_before_the_data_connection_is_bound_arrives_whole(self):
        octets = pattern(3_000_000)
        for plugin, config, options in ((None, None, ["-z"]), ("scripted", "realm x\ncredit 100000000\n", [])):
            with self.subTest(plugin=plugin), Server(plugin, config, options) as server, \
                    Client(server.port, "tcp") as client, StreamPeer() as peer:
                self.assertEqual(client.allocate(tcp_relay=True).kind, 2)
                answer = client.request(CONNECT, (XOR_PEER, xor_address(*peer.address)))
                with peer.accept() as stream:
                    sender = threading.Thread(target=stream.sendall, args=(octets,))
                    sender.start()
                    # Each time that it looks it reads a piece, and keeps sixteen.
                    for _ in range(40):
                        self.assertEqual(client.request(BINDING).kind, 2)
                    with client.bind_connection(answer.get(CONNECTION_ID)) as data:
                        self.assertEqual(receive_exactly(data, len(octets), 20), octets)
                        data.sendall(b"heard")
                        self.assertEqual(receive_exactly(stream, 5), b"heard")
                    sender.join()
                if plugin:
                    self.assertEqual(meter(server)["used"], [5, len(octets)])



class BothDirections(unittest.TestCase):
    OCTETS, PAUSE_S, QUIET_S = 8_000_000, 0.002, 10.0

    def talk(self, stream, received, seed):
        """Sends and receives as much, and reads so slowly that what is sent the other way piles up."""
        octets, sent, read_at, moved_at = pattern(self.OCTETS, seed), 0, 0.0, time.monotonic()
        stream.setblocking(False)
        while (sent < len(octets) or len(received) < len(octets)) and time.monotonic() < moved_at + self.QUIET_S:
            may_read = [stream] if time.monotonic() >= read_at else []
            may_write = [stream] if sent < len(octets) else []
            readable, writable, _ = select.select(may_read, may_write, [], 0.002)
            if writable:
                sent += stream.send(octets[sent:sent + 65536])
                moved_at = time.monotonic()
            if readable:
                received += stream.recv(65536)
                read_at = time.monotonic() + self.PAUSE_S
                moved_at = time.monotonic()

    def test_streams_that_are_full_both_ways_go_on(self):
        for plugin, config, options in ((None, None, ["-z"]), ("scripted", "realm x\ncredit 100000000\n", [])):
            with self.subTest(plugin=plugin), Server(plugin, config, options) as server, \
                    Client(server.port, "tcp") as client, StreamPeer() as peer:
                self.assertEqual(client.allocate(tcp_relay=True).kind, 2)
                with client.connect_peer(peer.address) as data, peer.accept() as stream:
                    received = {data: bytearray(), stream: bytearray()}
                    threads = [threading.Thread(target=self.talk, args=(end, received[end], seed))
                               for seed, end in enumerate((data, stream))]
                    for thread in threads:
                        thread.start()
                    for thread in threads:
                        thread.join()
                    self.assertEqual([len(octets) for octets in received.values()], [self.OCTETS] * 2)
                    self.assertEqual(received[data], pattern(self.OCTETS, 1))
                    self.assertEqual(received[stream], pattern(self.OCTETS, 0))


if __name__ == "__main__":
    unittest.main(warnings="ignore")
