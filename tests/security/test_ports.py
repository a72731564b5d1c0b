"""Rows 64, 80 and 81: relay ports that an allocation cannot have, and those that are reserved."""

import contextlib
import socket
import time
import unittest

import row
from row import UDP, Row, Server
from test_challenges import IN_NAMESPACE, ONE, OTHER
from test_floods import ACCOUNTS, LOCAL, NAMESPACE, client_from, relays
from turn_client import ALLOCATE, XOR_RELAYED, Client, Peer, from_xor_address
from turn_server import relay_ports

EVEN_PORT, RESERVATION_TOKEN = 0x18, 0x22
WITH_NEXT = (EVEN_PORT, b"\x80")


@contextlib.contextmanager
def held(count):
    """So many ports in a row that this program has; yields them, their sockets, and a server's options for them."""
    with relay_ports(count) as options, contextlib.ExitStack() as stack:
        first = int(options[0].split("=")[1])
        ports = list(range(first, first + count))
        sockets = []
        for port in ports:
            sockets.append(stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
            sockets[-1].bind((LOCAL, port))
        yield ports, sockets, options


class PortOfAnother(Row, unittest.TestCase):
    ROW, ID = 80, "port-of-another-process"

    def is_affected(self, binary):
        with held(2) as (_, _, options), Server(binary, ["-z", *options]) as server, \
                Client(server.port) as client:
            before = len(server.output())
            self.assertEqual(client.request(ALLOCATE, UDP, seconds=60).error, 508)
            self.assertEqual(client.request(ALLOCATE, UDP, WITH_NEXT, seconds=60).error, 508)
            return len(server.output()) - before > 100_000

    def test_the_one_that_is_free_is_found(self):
        with held(31) as (ports, sockets, options), contextlib.ExitStack() as stack:
            free = 17
            with Server(row.OURS, ["-z", *options], loopback=True) as server, Peer() as peer:
                sockets[free].close()
                clients = []
                for port in ports[free:free + 5]:
                    clients.append(stack.enter_context(Client(server.port)))
                    self.assertEqual(clients[-1].allocate().kind, 2)
                    self.assertEqual(clients[-1].relayed[1], port)
                    self.assertTrue(relays(clients[-1], peer))
                    # What was refused is tried again.
                    sockets[port + 1 - ports[0]].close()
                self.assertIn("relay ports could not be bound", server.output())

    def test_of_a_pair_both_have_to_be_free(self):
        with held(8) as (ports, sockets, options), \
                Server(row.OURS, ["-z", *options]) as server, Client(server.port) as client:
            even = next(i for i, port in enumerate(ports) if port % 2 == 0 and i >= 2)
            sockets[even].close()
            self.assertEqual(client.request(ALLOCATE, UDP, WITH_NEXT).error, 508)
            sockets[even + 1].close()
            response = client.request(ALLOCATE, UDP, WITH_NEXT)
            self.assertEqual(response.kind, 2)
            self.assertEqual(from_xor_address(response.get(XOR_RELAYED))[1], ports[even])
            with Client(server.port) as second:
                response = second.request(ALLOCATE, UDP, (RESERVATION_TOKEN, response.get(RESERVATION_TOKEN)))
                self.assertEqual(from_xor_address(response.get(XOR_RELAYED))[1], ports[even + 1])


class NoPortLeft(Row, unittest.TestCase):
    ROW, ID = 64, "client-fills-the-log"
    ROUNDS = 300

    def is_affected(self, binary):
        with relay_ports(1) as options, Server(binary, ["-z", *options]) as server, \
                Client(server.port) as client, Client(server.port) as late:
            self.assertEqual(client.allocate().kind, 2)
            began = time.monotonic()
            for _ in range(self.ROUNDS):
                self.assertEqual(late.allocate().error, 508)
            records = server.output().count("no available ports")
        print(f"\n  {records} records of {self.ROUNDS} Allocates")
        self.assertGreater(records, 0)
        return row.more_than_bound(records, began)


class Reservations(Row, unittest.TestCase):
    """Of one user who has one allocation at a time."""

    ROW, ID = 81, "reservations-without-bound"
    MOST, MOST_OF_NETWORK, SECONDS = 256, 16, 30

    @staticmethod
    def reserve(connect):
        """Makes an allocation with a reservation and ends it at once; returns the response."""
        while True:
            with connect() as client:
                response = client.request(ALLOCATE, UDP, WITH_NEXT)
            # The one before has not ended yet.
            if response.error != 486:
                return response

    def count(self, connect, tries):
        """How many reservations it gets."""
        for count in range(tries):
            response = self.reserve(connect)
            if response.kind != 2:
                self.assertEqual(response.error, 508)
                return count
        return tries

    def is_affected(self, binary):
        with Server(binary, [*ACCOUNTS, "--user-quota=1"]) as server:
            before = server.sockets()
            count = self.count(lambda: Client(server.port, "tcp"), self.MOST + 50)
            self.assertGreaterEqual(server.sockets() - before, count)
            self.assertIn(count, (self.MOST, self.MOST + 50))
            return count > self.MOST

    @unittest.skipUnless(IN_NAMESPACE, "needs root to make a network namespace")
    def test_a_network_has_its_share_and_each_ends_in_time(self):
        with Server(row.OURS, ["-z", *NAMESPACE]) as server:
            def one():
                return client_from(ONE, server.port, "tcp")

            def take(token):
                with one() as client:
                    return client.request(ALLOCATE, UDP, (RESERVATION_TOKEN, token))

            began = time.monotonic()
            token = self.reserve(one).get(RESERVATION_TOKEN)
            self.assertEqual(self.count(one, 100), self.MOST_OF_NETWORK - 1)
            self.assertEqual(self.count(lambda: client_from(OTHER, server.port, "tcp"), 3), 3)
            # Who takes what was reserved makes room; none is good twice.
            self.assertEqual(take(token).kind, 2)
            self.assertEqual(self.count(one, 100), 1)
            self.assertNotEqual(take(token).kind, 2)
            # Looked at every three seconds.
            while self.reserve(one).kind != 2:
                self.assertLess(time.monotonic() - began, self.SECONDS + 30)
                time.sleep(0.2)
            self.assertGreaterEqual(time.monotonic() - began, self.SECONDS - 1)

    def test_the_pair_relays(self):
        with Server(row.OURS, ["-z"], loopback=True) as server, Client(server.port) as client, \
                Client(server.port) as second, Peer() as peer:
            response = client.request(ALLOCATE, UDP, WITH_NEXT)
            client.relayed = from_xor_address(response.get(XOR_RELAYED))
            response = second.request(ALLOCATE, UDP, (RESERVATION_TOKEN, response.get(RESERVATION_TOKEN)))
            second.relayed = from_xor_address(response.get(XOR_RELAYED))
            self.assertEqual(client.relayed[1] % 2, 0)
            self.assertEqual(second.relayed[1], client.relayed[1] + 1)
            self.assertTrue(relays(client, peer))
            self.assertTrue(relays(second, peer))


if __name__ == "__main__":
    unittest.main()
