"""DSCP, ECN and TTL of what is relayed: a packet's marks are its own.

No row of the table of coturn 4.6.1's defects; counted as the one behind its last.
"""

import contextlib
import select
import socket
import struct
import unittest

import row
from row import UDP, Row, Server, xor_peer
from turn_client import (
    ALLOCATE, CHANNEL_BIND, CHANNEL_NUMBER, REQUESTED_FAMILY, SECONDS, XOR_PEER, XOR_RELAYED, Client, Message, NoAnswer,
    from_xor_address)

# The kernel's numbers, which Python does not name.
IP_RECVTTL, IP_MINTTL = 12, 21
EF, AF41, ECT1, CE = 0xB8, 0x88, 1, 3
CHANNEL = 0x4000


def marked(family):
    """A UDP socket on loopback that tells the marks of what it receives."""
    one = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        one.bind(("::1", 0))
    else:
        one.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        one.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        one.bind(("127.0.0.1", 0))
    return one


def receive_marked(one):
    """A datagram: its octets, traffic class and TTL."""
    if not select.select([one], [], [], SECONDS)[0]:
        raise NoAnswer()
    octets, marks, _, _ = one.recvmsg(2048, 1024)
    found = {}
    for _, kind, value in marks:
        name = "tos" if kind in (socket.IP_TOS, socket.IPV6_TCLASS) else "ttl"
        found[name] = value[0] if len(value) == 1 else struct.unpack("=i", value)[0]
    return octets, found["tos"], found["ttl"]


def mark(one, tos=0, ttl=64):
    if one.family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, tos)
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)
    else:
        one.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
        one.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)


class Call:
    """A client with a channel to a peer of its own; the relayed address is of IPv4."""

    def __init__(self, server, family=socket.AF_INET, transport="udp"):
        self.client, self.peer = Client(server.port, transport), marked(socket.AF_INET)
        if transport == "udp":
            self.client.socket.close()
            self.client.socket = marked(family)
            self.client.socket.connect(("::1" if family == socket.AF_INET6 else "127.0.0.1", server.port))
        response = self.client.request(ALLOCATE, UDP, (REQUESTED_FAMILY, b"\1\0\0\0"))
        if response.kind != 2:
            raise AssertionError(response.error)
        self.relayed = from_xor_address(response.get(XOR_RELAYED))
        message = Message(CHANNEL_BIND).add(CHANNEL_NUMBER, struct.pack(">HH", CHANNEL, 0))
        message.add(XOR_PEER, xor_peer(*self.peer.getsockname(), message.transaction))
        self.client.send(message.encode())
        if self.client.answer_to(message.transaction).kind != 2:
            raise AssertionError("no channel")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()
        self.peer.close()

    def to_client(self, tos=0, ttl=64):
        """The traffic class and TTL that a packet of the peer has at the client."""
        mark(self.peer, tos, ttl)
        self.peer.sendto(b"down", self.relayed)
        octets, *marks = receive_marked(self.client.socket)
        if octets != struct.pack(">HH", CHANNEL, 4) + b"down":
            raise AssertionError(octets)
        return tuple(marks)

    def to_peer(self, tos=0, ttl=64):
        """The same of a packet of the client at the peer."""
        mark(self.client.socket, tos, ttl)
        self.client.send_channel(CHANNEL, b"up")
        octets, *marks = receive_marked(self.peer)
        if octets != b"up":
            raise AssertionError(octets)
        return tuple(marks)


def calls(binary, families, *options, transport="udp"):
    """A server, and two calls through it."""
    stack = contextlib.ExitStack()
    server = stack.enter_context(Server(binary, ["-z", "-L", "::1", *options], loopback=True))
    return stack, [stack.enter_context(Call(server, family, transport)) for family in families]


class CrossTalk(Row, unittest.TestCase):
    ROW, ID = 62, "dscp-cross-talk"

    def talks(self, binary, family):
        stack, (one, other) = calls(binary, (family, family))
        with stack:
            self.assertEqual(one.to_client(EF)[0], EF)
            seen = other.to_client(0)[0]
            self.assertIn(seen, (0, EF))
            return seen != 0

    def is_affected(self, binary):
        families = [family for family in (socket.AF_INET, socket.AF_INET6) if self.talks(binary, family)]
        self.assertIn(len(families), (0, 2))
        return bool(families)

    def test_each_packet_has_the_class_its_sender_gave_it(self):
        for threads in ((), ("--ne=1",), ("--ne=2",)):
            for families in ((socket.AF_INET, socket.AF_INET), (socket.AF_INET6, socket.AF_INET6),
                             (socket.AF_INET, socket.AF_INET6)):
                with self.subTest(families=families, threads=threads):
                    stack, (one, other) = calls(row.OURS, families, *threads)
                    with stack:
                        for mine, theirs in ((EF, 0), (EF, AF41), (0, AF41), (AF41 | ECT1, EF | CE), (EF | CE, EF),
                                             (CE, ECT1), (0, 0), (EF, EF), (EF, 0)):
                            self.assertEqual(one.to_client(mine)[0], mine)
                            self.assertEqual(other.to_client(theirs)[0], theirs)
                            self.assertEqual(one.to_peer(mine)[0], mine)
                            self.assertEqual(other.to_peer(theirs)[0], theirs)

    def test_answers_have_no_class_of_what_was_relayed(self):
        for family in (socket.AF_INET, socket.AF_INET6):
            stack, (one, other) = calls(row.OURS, (family, family))
            with stack:
                self.assertEqual(one.to_client(EF)[0], EF)
                for call in (one, other):
                    request = Message(1)
                    call.client.send(request.encode())
                    octets, tos, _ = receive_marked(call.client.socket)
                    self.assertEqual((octets[8:20], tos), (request.transaction, 0))

    def test_a_packet_has_one_hop_less_and_the_next_one_its_own(self):
        for family in (socket.AF_INET, socket.AF_INET6):
            stack, (one, other) = calls(row.OURS, (family, family))
            with stack:
                for sent, seen in ((64, 63), (2, 1), (64, 63), (10, 9), (200, 64), (64, 63)):
                    self.assertEqual(one.to_peer(0, sent)[1], seen)
                self.assertEqual(other.to_peer()[1], 63)
                for sent in (64, 2, 200):
                    # What a listener sends is not the peers' to mark: another client's come behind it.
                    self.assertEqual(one.to_client(0, sent)[1], 64)

    def test_a_packet_without_a_hop_left_is_not_relayed(self):
        stack, (one, _) = calls(row.OURS, (socket.AF_INET, socket.AF_INET))
        with stack:
            mark(one.client.socket, 0, 1)
            one.client.send_channel(CHANNEL, b"too far")
            mark(one.peer, 0, 1)
            one.peer.sendto(b"too far", one.relayed)
            # These come next, and with hops of their own.
            self.assertEqual(one.to_peer()[1], 63)
            self.assertEqual(one.to_client()[1], 64)


class StreamTtl(Row, unittest.TestCase):
    ROW, ID = 62, "stream-ttl"

    def is_affected(self, binary):
        stack, (call, _) = calls(binary, (socket.AF_INET, socket.AF_INET), transport="tcp")
        with stack:
            # Stands for hops on the way: what has fewer left does not arrive.
            call.client.socket.setsockopt(socket.IPPROTO_IP, IP_MINTTL, 32)
            mark(call.peer, 0, 2)
            call.peer.sendto(b"down", call.relayed)
            try:
                self.assertEqual(call.client.receive_data(), b"down")
                return False
            except NoAnswer:
                return True


if __name__ == "__main__":
    unittest.main()
