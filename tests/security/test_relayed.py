"""Rows 70, 72 and 73: relayed TCP."""

import contextlib
import select
import threading
import unittest

import row
import test_streams
from row import Row, Server
from turn_client import (
    BINDING, CONNECT, CONNECTION_BIND, CONNECTION_ID, XOR_PEER, Client, Message, NoAnswer, xor_address)
from turn_server import wait_for


class UnsignedBind(Row, unittest.TestCase):
    ROW, ID = 70, "unsigned-bind-moves-socket"
    # Of relay thread 7, which there is not: the record tells that the socket was about to go there.
    ELSEWHERE = b"\0\0\0\7"
    ACCOUNTS = ["-a", "-r", "example", "-u", "alice:secret", "--no-tcp-relay"]

    def is_affected(self, binary):
        with Server(binary, self.ACCOUNTS, threads=2) as server, Client(server.port, "tcp") as client:
            message = Message(CONNECTION_BIND).add(CONNECTION_ID, self.ELSEWHERE)
            client.send(message.encode())
            try:
                self.assertEqual(client.answer_to(message.transaction).error, 400)
            except NoAnswer:
                wait_for(lambda: "Too large general relay number: 7" in server.output(), "the record")
                return True
            self.assertNotIn("relay number", server.output())
            # The client still has its socket.
            return client.request(BINDING).kind != 2

    def test_of_a_thread_that_is_there_neither(self):
        with Server(row.OURS, self.ACCOUNTS, threads=2) as server:
            for thread in (b"\0", b"\1"):
                with Client(server.port, "tcp") as client:
                    self.assertEqual(client.request(CONNECTION_BIND, (CONNECTION_ID, b"\0\0\0" + thread)).error, 400)
                    self.assertEqual(client.allocate().kind, 2)


class EarlyStream(Row, unittest.TestCase):
    """tests/abi/test_streams.py has it with a meter, too."""

    ROW, ID = 72, "early-peer-stream-hole"
    OCTETS = test_streams.pattern(3_000_000)
    QUIET_S = 5.0

    def is_affected(self, binary):
        with Server(binary, ["-z"], loopback=True) as server, Client(server.port, "tcp") as client, \
                test_streams.StreamPeer() as peer:
            self.assertEqual(client.allocate(tcp_relay=True).kind, 2)
            answer = client.request(CONNECT, (XOR_PEER, xor_address(*peer.address)))
            with peer.accept() as stream:
                sender = threading.Thread(target=self.send, args=(stream,))
                sender.start()
                # Each time that it looks it reads a piece.
                for _ in range(40):
                    self.assertEqual(client.request(BINDING).kind, 2)
                with client.bind_connection(answer.get(CONNECTION_ID)) as data:
                    received = self.received(data)
                sender.join()
            return received != self.OCTETS

    def send(self, stream):
        with contextlib.suppress(OSError):
            stream.sendall(self.OCTETS)

    def received(self, stream):
        octets = b""
        while len(octets) < len(self.OCTETS) and select.select([stream], [], [], self.QUIET_S)[0]:
            more = stream.recv(65536)
            if not more:
                break
            octets += more
        return octets


class FullStreams(Row, unittest.TestCase):
    """tests/abi/test_streams.py has it with a meter, too."""

    ROW, ID = 73, "full-streams-stand-still"

    def is_affected(self, binary):
        ends = test_streams.BothDirections()
        with Server(binary, ["-z"], loopback=True) as server, Client(server.port, "tcp") as client, \
                test_streams.StreamPeer() as peer:
            self.assertEqual(client.allocate(tcp_relay=True).kind, 2)
            with client.connect_peer(peer.address) as data, peer.accept() as stream:
                received = {data: bytearray(), stream: bytearray()}
                threads = [threading.Thread(target=ends.talk, args=(end, received[end], seed))
                           for seed, end in enumerate((data, stream))]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                return [len(octets) for octets in received.values()] != [ends.OCTETS] * 2


if __name__ == "__main__":
    unittest.main()
