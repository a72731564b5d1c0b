"""Rows 63, 64, 82 and 84: how many connections to peers (RFC 6062) there are, and whose they are."""

import contextlib
import resource
import socket
import time
import unittest

import row
from row import Row, Server
from test_floods import LOCAL, connection, ended, open_now
from turn_client import CONNECT, CONNECTION_BIND, CONNECTION_ID, XOR_PEER, Client, Message, NoAnswer, xor_address
from turn_server import wait_for


def connect(client, address):
    return client.request(CONNECT, (XOR_PEER, xor_address(*address)))


class PeerConnections(Row, unittest.TestCase):
    ROW, ID = 82, "peer-connections-without-bound"
    MOST, OF_PEERS, MORE = 128, 64, 20

    def is_affected(self, binary):
        with Server(binary, ["-z"], loopback=True) as server, Client(server.port, "tcp") as client, \
                contextlib.ExitStack() as stack:
            self.assertEqual(client.allocate(tcp_relay=True).kind, 2)
            peers = [stack.enter_context(socket.create_server((LOCAL, 0))) for _ in range(self.MOST + self.MORE)]
            errors = [connect(client, peer.getsockname()).error for peer in peers]
            count = errors.count(None)
            self.assertIn(count, (self.MOST, len(peers)))
            self.assertEqual(set(errors[count:]), set() if count == len(peers) else {508})
            return count > self.MOST

    def test_what_a_peer_makes_counts_too_and_what_ends_makes_room(self):
        with Server(row.OURS, ["-z"], loopback=True) as server, Client(server.port, "tcp") as client, \
                contextlib.ExitStack() as stack:
            self.assertEqual(client.allocate(tcp_relay=True).kind, 2)
            listener = stack.enter_context(socket.create_server((LOCAL, 0)))
            self.assertEqual(client.permit((LOCAL, 1)).kind, 2)
            before = server.sockets()
            streams = []
            for _ in range(self.OF_PEERS + self.MORE):
                # One that is refused may have ended before its connect() is told that it began.
                with contextlib.suppress(ConnectionError):
                    streams.append(stack.enter_context(socket.create_connection(client.relayed, timeout=20)))
            wait_for(lambda: sum(open_now(stream) for stream in streams) == self.OF_PEERS, "those beyond to be closed")
            self.assertEqual(server.sockets(), before + self.OF_PEERS)
            # The client has its own still.
            peers = [stack.enter_context(socket.create_server((LOCAL, 0))) for _ in range(self.MOST - self.OF_PEERS)]
            self.assertEqual({connect(client, peer.getsockname()).error for peer in peers}, {None})
            self.assertEqual(connect(client, listener.getsockname()).error, 508)
            for stream in streams:
                stream.close()
            wait_for(lambda: server.sockets() == before + self.MOST - self.OF_PEERS, "their end")
            self.assertEqual(connect(client, listener.getsockname()).kind, 2)


class RefusedByPeer(Row, unittest.TestCase):
    ROW, ID = 64, "client-fills-the-log"
    ROUNDS = 300

    def is_affected(self, binary):
        with Server(binary, ["-z"], loopback=True) as server, Client(server.port, "tcp") as client, \
                socket.socket() as nobody:
            # Bound, and not listening.
            nobody.bind((LOCAL, 0))
            self.assertEqual(client.allocate(tcp_relay=True).kind, 2)
            began = time.monotonic()
            for _ in range(self.ROUNDS):
                self.assertEqual(connect(client, nobody.getsockname()).error, 447)
            records = server.output().count("failure to connect")
        print(f"\n  {records} records of {self.ROUNDS} Connects")
        self.assertGreater(records, 0)
        return row.more_than_bound(records, began)


class RelayedListenerWithoutDescriptor(Row, unittest.TestCase):
    """As test_floods.py has it of the server's own listeners."""

    ROW, ID = 63, "accept-spins"
    DESCRIPTORS, SECONDS = 200, 2.0

    def is_affected(self, binary):
        with Server(binary, ["-z"], loopback=True) as server, Client(server.port, "tcp") as client, \
                contextlib.ExitStack() as stack:
            self.assertEqual(client.allocate(tcp_relay=True).kind, 2)
            self.assertEqual(client.permit((LOCAL, 1)).kind, 2)
            resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (self.DESCRIPTORS, self.DESCRIPTORS))
            streams = [stack.enter_context(connection(server.port)) for _ in range(self.DESCRIPTORS + 50)]
            wait_for(lambda: "Too many open files" in server.output(), "the last descriptor")
            late = stack.enter_context(socket.create_connection(client.relayed, timeout=20))
            began, octets = time.monotonic(), len(server.output())
            while time.monotonic() - began < self.SECONDS:
                self.assertEqual(client.permit((LOCAL, 1)).kind, 2)
                time.sleep(0.05)
            octets = len(server.output()) - octets
            print(f"\n  {octets / self.SECONDS / 1000:.1f} kB of log a second")
            if octets > 200_000:
                return True
            # It is served when there are descriptors again.
            for stream in streams:
                stream.close()
            self.assertTrue(open_now(late))
            attempt = Message.decode(client.receive(20))
            self.assertIsNotNone(attempt.get(CONNECTION_ID))
            # The listener ends with its allocation, also while it waits.
            streams = [stack.enter_context(connection(server.port)) for _ in range(self.DESCRIPTORS + 50)]
            with socket.create_connection(client.relayed, timeout=20) as last:
                self.assertEqual(client.refresh(0).kind, 2)
                self.assertTrue(ended(last))
            for stream in streams:
                stream.close()
            self.assertTrue(server.survives())
            return False


class RefusedBind(Row, unittest.TestCase):
    ROW, ID = 84, "refused-bind-takes-connection"
    ACCOUNTS = ["-a", "-r", "example", "-u", "alice:secret", "-u", "mallory:secret"]

    def is_affected(self, binary):
        with Server(binary, self.ACCOUNTS, loopback=True) as server, Client(server.port, "tcp") as client, \
                socket.create_server((LOCAL, 0)) as peer:
            self.assertEqual(client.allocate(tcp_relay=True).kind, 2)
            connection_id = connect(client, peer.getsockname()).get(CONNECTION_ID)
            for username in (None, "mallory"):
                with Client(server.port, "tcp", username=username or "alice") as stranger:
                    if username:
                        stranger.challenge()
                    bind = Message(CONNECTION_BIND).add(CONNECTION_ID, connection_id)
                    stranger.send(stranger.sign(bind) if username else bind.encode())
                    with contextlib.suppress(NoAnswer):
                        self.assertEqual(stranger.answer_to(bind.transaction).kind, 3)
            with peer.accept()[0] as far:
                try:
                    near = client.bind_connection(connection_id)
                except (AssertionError, NoAnswer, OSError):
                    return True
                with near:
                    far.sendall(b"to the client")
                    self.assertEqual(near.recv(100), b"to the client")
                    # It is bound once.
                    with Client(server.port, "tcp") as again, contextlib.suppress(NoAnswer):
                        again.challenge()
                        bind = Message(CONNECTION_BIND).add(CONNECTION_ID, connection_id)
                        again.send(again.sign(bind))
                        self.assertEqual(again.answer_to(bind.transaction).kind, 3)
                    near.sendall(b"to the peer")
                    self.assertEqual(far.recv(100), b"to the peer")
            return False


if __name__ == "__main__":
    unittest.main()
