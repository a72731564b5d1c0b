"""Rows 12, 13, 14 and 40: allocations that move to another 5-tuple (RFC 8016)."""

import hashlib
import hmac
import struct
import unittest

import row
from row import Row, Server, answer_or_end
from turn_client import (
    ALLOCATE, INTEGRITY, LIFETIME, MOBILITY, NONCE, REFRESH, Client, Message, NoAnswer)

USERS = ["-a", "-r", "example", "-u", "alice:secret", "-u", "mallory:secret2"]
# What 4.6.1 spoils the answer to a move with.
WITHOUT_SOFTWARE = [*USERS, "--mobility", "--no-software-attribute"]
PEER = ("127.0.0.1", 9)


def mallory(server, transport="udp"):
    return Client(server.port, transport, "mallory", "secret2")


def authenticated(client):
    """Gets a 5-tuple without an allocation authenticated, by a request that fails for another reason."""
    return client.permit(PEER).error not in (None, 401, 438)


def in_use(client):
    """Whether the 5-tuple has the allocation still."""
    return client.refresh(600).kind == 2


class Takeover(Row, unittest.TestCase):
    ROW, ID = 12, "mobility-takeover"

    def is_affected(self, binary):
        taken = []
        for transport in ("udp", "tcp"):
            with Server(binary, WITHOUT_SOFTWARE) as server, Client(server.port, transport) as owner, \
                    mallory(server, transport) as thief:
                self.assertEqual(owner.allocate(mobile=True).kind, 2)
                self.assertTrue(authenticated(thief))
                answer = thief.move(owner)
                try:
                    taken.append(not in_use(owner))
                except (NoAnswer, OSError):
                    taken.append(True)
                self.assertEqual(answer.kind == 2, taken[-1])
                if not taken[-1]:
                    self.assertEqual(answer.error, 441)
                    # It is who it was, and the owner can move.
                    self.assertEqual(thief.allocate().kind, 2)
                    with Client(server.port, transport) as later:
                        self.assertEqual(later.move(owner).kind, 2)
                        self.assertTrue(in_use(later))
        self.assertEqual(taken[0], taken[1])
        return taken[0]


class TicketText(Row, unittest.TestCase):
    ROW, ID = 13, "mobility-ticket-oob-read"

    def is_affected(self, binary):
        with Server(binary, WITHOUT_SOFTWARE) as server, Client(server.port) as owner:
            # Of anybody; a sanitizer sees what they make the server read.
            for ticket in (b"\xff" * 4, b"\x80\x81\xfe\xff" * 8, b"\0" * 4, b"\0", b"====", b"A===", b"AA=A", b"*" * 12):
                # Over UDP only who has a nonce gets as far.
                with Client(server.port, "tcp") as anybody:
                    message = Message(REFRESH).add(MOBILITY, ticket)
                    answer = answer_or_end(server, anybody, message, message.encode())
                    if answer is None:
                        return True
                    self.assertIn(answer.error, (400, 437), ticket)
            # An octet that is not in the table of the alphabet was a zero there, and so is an A.
            self.assertEqual(owner.allocate(mobile=True).kind, 2)
            self.assertIn(b"A", owner.ticket)
            owner.ticket = owner.ticket.replace(b"A", b"*")
            with Client(server.port) as new:
                answer = new.move(owner)
                self.assertIn(answer.error, (None, 437))
                self.assertTrue(server.survives())
                return answer.kind == 2


class QuotaBypass(Row, unittest.TestCase):
    ROW, ID = 14, "mobility-quota-bypass"

    def is_affected(self, binary):
        with Server(binary, [*WITHOUT_SOFTWARE, "--user-quota=2"]) as server:
            errors = [self.allocate_and_leave(server) for _ in range(8)]
            self.assertEqual(errors[:2], [None, None])
            return errors[2:] != [486] * 6

    @staticmethod
    def allocate_and_leave(server):
        left = server.output().count("closed (1st stage)")
        with Client(server.port, "tcp") as client:
            error = client.allocate(mobile=True).error
        if error is None:
            row.turn_server.wait_for(lambda: server.output().count("closed (1st stage)") > left, "the client is gone")
        return error


class BandwidthBypass(QuotaBypass):
    def is_affected(self, binary):
        with Server(binary, [*WITHOUT_SOFTWARE, "--bps-capacity=2000", "--max-bps=1000"]) as server:
            errors = [self.allocate_and_leave(server) for _ in range(6)]
            self.assertEqual(errors[:2], [None, None])
            return errors[2:] != [486] * 4


def whole(octets, key):
    """Whether a datagram is one STUN message with the integrity of a key."""
    if len(octets) != 20 + struct.unpack(">H", octets[2:4])[0]:
        return False
    at = 20
    while at + 4 <= len(octets):
        attribute, size = struct.unpack(">HH", octets[at:at + 4])
        if attribute == INTEGRITY:
            head = octets[:2] + struct.pack(">H", at + 4) + octets[4:at]
            return hmac.new(key, head, hashlib.sha1).digest() == octets[at + 4:at + 24]
        at += 4 + size + -size % 4
    return False


class BrokenReply(Row, unittest.TestCase):
    ROW, ID = 40, "mobility-broken-reply"

    @staticmethod
    def ask_to_move(new, owner):
        new.send(new.sign(Message(REFRESH).add(LIFETIME, struct.pack(">I", 600)).add(MOBILITY, owner.ticket)))
        return new.receive()

    def is_affected(self, binary):
        affected = False
        for options in ([], ["--fingerprint"], ["--no-software-attribute"]):
            with Server(binary, [*USERS, "--mobility", *options]) as server, Client(server.port) as owner, \
                    Client(server.port) as new:
                self.assertEqual(owner.allocate(mobile=True).kind, 2)
                new.realm, new.nonce = owner.realm, owner.nonce
                answer = self.ask_to_move(new, owner)
                if answer[:2] == b"\x01\x14" and Message.decode(answer).error == 438:
                    # The nonce is one of the old 5-tuple.
                    new.nonce = Message.decode(answer).get(NONCE)
                    answer = self.ask_to_move(new, owner)
                if not whole(answer, new.key()):
                    affected = True
                    continue
                ticket = Message.decode(answer).get(MOBILITY)
                self.assertTrue(ticket)
                self.assertNotEqual(ticket, owner.ticket)
                # The new one is worth as much as the old one was.
                new.ticket = ticket
                with Client(server.port) as third:
                    self.assertEqual(third.move(new).kind, 2)
                    self.assertTrue(in_use(third))
        return affected


class Owners(unittest.TestCase):
    """What a client that moves finds, as before."""

    def server(self, *options, **more):
        return Server(row.OURS, [*USERS, "--mobility", *options], **more)

    def test_over_every_transport_and_from_one_to_another(self):
        with self.server(tls=True, loopback=True) as server:
            for first in ("udp", "tcp", "tls"):
                for second in ("udp", "tcp", "tls"):
                    with Client(server.port, first) as old, Client(server.port, second) as new:
                        self.assertEqual(old.allocate(mobile=True).kind, 2)
                        self.assertEqual(old.bind_channel(0x4000, PEER).kind, 2)
                        self.assertEqual(new.move(old).kind, 2)
                        self.assertTrue(in_use(new))
                        self.assertEqual(new.refresh(0).kind, 2)

    def test_between_relay_threads(self):
        with self.server(threads=4) as server:
            for _ in range(12):
                with Client(server.port, "tcp") as old, Client(server.port, "tcp") as new, \
                        mallory(server, "tcp") as thief:
                    self.assertEqual(old.allocate(mobile=True).kind, 2)
                    self.assertEqual(thief.move(old).error, 441)
                    self.assertEqual(new.move(old).kind, 2)
                    self.assertTrue(in_use(new))

    def test_after_it_authenticated_on_the_new_5_tuple(self):
        with self.server() as server, Client(server.port) as old, Client(server.port) as new:
            self.assertEqual(old.allocate(mobile=True).kind, 2)
            self.assertTrue(authenticated(new))
            self.assertEqual(new.move(old).kind, 2)
            self.assertTrue(in_use(new))

    def test_a_nonce_of_the_old_5_tuple_is_answered_with_one_of_the_new(self):
        with self.server() as server, Client(server.port) as old, Client(server.port) as new:
            self.assertEqual(old.allocate(mobile=True).kind, 2)
            new.realm, new.nonce = old.realm, old.nonce
            self.assertEqual(new.request(REFRESH, (MOBILITY, old.ticket), challenge=False).error, 438)
            self.assertEqual(new.move(old).kind, 2)
            self.assertTrue(in_use(new))

    def test_who_has_no_password_or_a_wrong_one_is_refused_and_loses_nothing(self):
        with self.server("--user-quota=1") as server, Client(server.port) as owner:
            self.assertEqual(owner.allocate(mobile=True).kind, 2)
            with Client(server.port) as anybody:
                # Not one request, nor many, uses up what the owner may have.
                for _ in range(20):
                    answer = anybody.request(REFRESH, (MOBILITY, owner.ticket), challenge=False)
                    self.assertEqual(answer.error, 401)
            with Client(server.port, password="wrong") as forgetful:
                self.assertEqual(forgetful.move(owner).error, 401)
                forgetful.password = "secret"
                self.assertEqual(forgetful.move(owner).kind, 2)
                self.assertTrue(in_use(forgetful))
                self.assertEqual(forgetful.refresh(0).kind, 2)
                row.turn_server.wait_for(lambda: "closed (2nd stage), user <alice>" in server.output(), "the end")
            with Client(server.port) as again:
                self.assertEqual(again.allocate(mobile=True).kind, 2)

    def test_an_allocation_that_moves_counts_once_until_it_ends(self):
        with self.server("--user-quota=1", "--bps-capacity=1000", "--max-bps=1000") as server:
            old = Client(server.port, "tcp")
            self.assertEqual(old.allocate(mobile=True).kind, 2)
            for _ in range(3):
                new = Client(server.port, "tcp")
                self.assertEqual(new.move(old).kind, 2)
                old.close()
                with Client(server.port) as other:
                    self.assertEqual(other.allocate(mobile=True).error, 486)
                old = new
            self.assertEqual(old.refresh(0).kind, 2)
            # The server closes the connection when the last second of the allocation is over.
            self.assertEqual(old.receive(), b"")
            old.close()
            with Client(server.port) as other:
                self.assertEqual(other.allocate(mobile=True).kind, 2)

    def test_without_mobility_a_quota_is_free_as_soon_as_the_client_leaves(self):
        with self.server("--user-quota=1") as server:
            for _ in range(3):
                closed = server.output().count("closed (2nd stage)")
                with Client(server.port, "tcp") as client:
                    self.assertEqual(client.allocate().kind, 2)
                row.turn_server.wait_for(lambda: server.output().count("closed (2nd stage)") > closed, "the end")

    def test_a_transaction_of_an_allocation_is_no_move(self):
        with self.server() as server, Client(server.port) as old, Client(server.port) as new:
            self.assertEqual(old.allocate(mobile=True).kind, 2)
            self.assertEqual(new.allocate(mobile=True).kind, 2)
            self.assertEqual(new.move(old).error, 400)
            self.assertEqual(new.request(ALLOCATE, *[row.UDP]).error, 437)
            self.assertTrue(in_use(old))


if __name__ == "__main__":
    unittest.main()
