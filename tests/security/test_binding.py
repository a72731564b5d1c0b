"""Rows 15 and 28: what a Binding, which anybody may send from a forged source, brings about."""

import os
import socket
import struct
import unittest

import row
from row import Row, Server
from turn_client import BINDING, ERROR_CODE, Message, NoAnswer, Client
from turn_server import free_port

MAPPED, CHANGE_REQUEST, UNKNOWN_ATTRIBUTES, XOR_MAPPED, PADDING, RESPONSE_PORT = 1, 3, 0xA, 0x20, 0x26, 0x27
SOFTWARE, FINGERPRINT, RESPONSE_ORIGIN, OTHER_ADDRESS = 0x8022, 0x8028, 0x802B, 0x802C
FACTOR_MAX = 1.6


def pad(octets):
    return (PADDING, b"\0" * octets)


def change(address, port):
    return (CHANGE_REQUEST, struct.pack(">I", 4 * address + 2 * port))


class Asker:
    """A UDP socket that sends Bindings and says where answers come from. It asks again what gets lost."""

    def __init__(self, port):
        self.server = ("127.0.0.1", port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    @property
    def port(self):
        return self.socket.getsockname()[1]

    def send(self, octets):
        self.socket.sendto(octets, self.server)

    def receive(self, seconds=5.0):
        self.socket.settimeout(seconds)
        try:
            return self.socket.recvfrom(65536)
        except socket.timeout as late:
            raise NoAnswer() from late

    def ask(self, *attributes, seconds=5.0, to=None):
        """Returns the request's octets, the answer's, and the answer's source."""
        request = Message(BINDING)
        for attribute, value in attributes:
            request.add(attribute, value)
        self.send(request.encode())
        answer, source = (to or self).receive(seconds)
        if answer[8:20] != request.transaction:
            raise AssertionError("the answer to something else")
        return request.encode(), answer, source


def factor(port, octets):
    """How many octets come back for one; 0 if it is not answered before the request behind it is."""
    with Asker(port) as asker:
        asker.send(octets)
        last = Message(BINDING)
        asker.send(last.encode())
        first = asker.receive()[0]
        return 0.0 if first[8:20] == last.transaction else len(first) / len(octets)


def requests():
    """What a Binding can look like, as octets by name."""
    def made(*attributes):
        message = Message(BINDING)
        for attribute, value in attributes:
            message.add(attribute, value)
        return message.encode()

    plain = made()
    return {
        "plain": plain,
        "of RFC 3489": plain[:4] + os.urandom(4) + plain[8:],
        "padded": made(pad(0)),
        "padded by 1200": made(pad(1200)),
        "to another port": made((RESPONSE_PORT, struct.pack(">HH", 9, 0))),
        "to a port in a wrong form": made((RESPONSE_PORT, b"")),
        "padded and to another port": made(pad(0), (RESPONSE_PORT, struct.pack(">HH", 9, 0))),
        "from another address": made(change(1, 1)),
        "with an unknown attribute": made((0x7FFF, b"")),
        "with many": made(*[(0x7000 + number, b"") for number in range(100)]),
    }


class Discovery(Row, unittest.TestCase):
    ROW, ID = 15, "rfc5780-amplification"

    def server(self, binary, *options):
        alternate = free_port()
        self.alternate = ("127.0.0.2", alternate)
        return Server(binary, ["-z", "-L", "127.0.0.2", f"--alt-listening-port={alternate}", *options])

    def is_affected(self, binary):
        with self.server(binary) as server:
            asked = requests()
            factors = [factor(server.port, asked[name]) for name in ("padded", "padded by 1200")]
            with Asker(server.port) as asker, Asker(server.port) as other:
                request = Message(BINDING).add(RESPONSE_PORT, struct.pack(">HH", other.port, 0))
                asker.send(request.encode())
                # Where the answer goes is known when the one to the next request is here.
                request = Message(BINDING)
                asker.send(request.encode())
                while asker.receive()[0][8:20] != request.transaction:
                    pass
                try:
                    other.receive(0.2)
                    reflected = True
                except NoAnswer:
                    reflected = False
            return max(factors) > FACTOR_MAX or reflected

    def test_who_asks_for_it_gets_it(self):
        for option in ("--rfc5780", "--no-rfc5780=0"):
            with self.server(row.OURS, option) as server, Asker(server.port) as asker, Asker(server.port) as other:
                self.assertIsNotNone(Message.decode(asker.ask()[1]).get(OTHER_ADDRESS))
                origin = ("127.0.0.1", server.port)
                self.assertEqual(asker.ask(change(0, 0))[2], origin)
                self.assertEqual(asker.ask(change(0, 1))[2], ("127.0.0.1", self.alternate[1]))
                self.assertEqual(asker.ask(change(1, 0))[2], ("127.0.0.2", server.port))
                self.assertEqual(asker.ask(change(1, 1))[2], self.alternate)
                port = (RESPONSE_PORT, struct.pack(">HH", other.port, 0))
                self.assertEqual(asker.ask(port, to=other)[2], origin)
                self.assertEqual(asker.ask(pad(1000), change(1, 1))[2], self.alternate)

    def test_padding_is_answered_with_as_much(self):
        with self.server(row.OURS, "--rfc5780") as server:
            for octets in (0, 3, 4, 1001, 1400):
                with Asker(server.port) as asker:
                    answer = Message.decode(asker.ask(pad(octets))[1])
                    self.assertEqual(len(answer.get(PADDING)), octets // 4 * 4)
            with Asker(server.port) as asker:
                self.assertLess(len(Message.decode(asker.ask(pad(9000))[1]).get(PADDING)), 9000)

    def test_there_are_not_many_of_them(self):
        with self.server(row.OURS, "--rfc5780") as server, Asker(server.port) as asker:
            for attributes in ([pad(100)], [change(1, 1)], [change(0, 1)]):
                answers = 0
                for _ in range(200):
                    message = Message(BINDING)
                    for attribute, value in attributes:
                        message.add(attribute, value)
                    asker.send(message.encode())
                last = Message(BINDING)
                asker.send(last.encode())
                while asker.receive()[0][8:20] != last.transaction:
                    answers += 1
                # The second may have changed meanwhile; answers of another address may still be on their way.
                self.assertLessEqual(answers, 30)
            # A second later there are some again.
            answered = False
            while not answered:
                try:
                    asker.ask(pad(100), seconds=0.2)
                    answered = True
                except NoAnswer:
                    pass


class Reflection(Row, unittest.TestCase):
    ROW, ID = 28, "reflection-binding"

    def factors(self, binary, *options):
        with Server(binary, ["-z", *options]) as server:
            return {name: factor(server.port, octets) for name, octets in requests().items()}

    def is_affected(self, binary):
        return max(self.factors(binary).values()) > FACTOR_MAX

    def test_what_is_in_an_answer(self):
        with Server(row.OURS, ["-z"]) as server:
            for transport in ("udp", "tcp"):
                with Client(server.port, transport) as client:
                    answer = client.request(BINDING)
                    self.assertEqual((answer.kind, [kind for kind, _ in answer.attributes]), (2, [XOR_MAPPED]))
                    answer = client.request(BINDING, (0x7FFF, b""))
                    self.assertEqual((answer.error, answer.get(UNKNOWN_ATTRIBUTES)), (420, b"\x7f\xff"))
                    self.assertEqual(answer.get(ERROR_CODE), b"\0\0\x04\x14")
                    self.assertEqual(client.request(BINDING, change(1, 1)).error, 420)

    def test_errors_of_others_have_their_reason(self):
        with Server(row.OURS, ["-z"]) as server, Client(server.port) as client:
            self.assertIn(b"Invalid", client.refresh(600).get(ERROR_CODE))

    def test_each_is_there_for_who_asks(self):
        for options, expected in (
                (["--software-attribute"], [XOR_MAPPED, SOFTWARE]),
                (["--no-software-attribute=0"], [XOR_MAPPED, SOFTWARE]),
                (["--stun-backward-compatibility"], [XOR_MAPPED, MAPPED]),
                (["--no-stun-backward-compatibility=no"], [XOR_MAPPED, MAPPED]),
                (["--response-origin-only-with-rfc5780=0"], [XOR_MAPPED, RESPONSE_ORIGIN])):
            with self.subTest(options=options), Server(row.OURS, ["-z", *options]) as server, \
                    Client(server.port) as client:
                self.assertEqual([kind for kind, _ in client.request(BINDING).attributes], expected)

    def test_old_spellings_ask_for_what_is_so(self):
        conf = "no-auth\nno-rfc5780\nno-stun-backward-compatibility\nresponse-origin-only-with-rfc5780\n" \
               "no-software-attribute\nno-cli\n"
        with Server(row.OURS, conf=conf) as server, Client(server.port) as client:
            self.assertEqual([kind for kind, _ in client.request(BINDING).attributes], [XOR_MAPPED])

    def test_rfc_3489_is_spoken_with_who_asks(self):
        for options, answered in (([], False), (["--stun-backward-compatibility"], True)):
            with Server(row.OURS, ["-z", *options]) as server:
                self.assertEqual(factor(server.port, requests()["of RFC 3489"]) > 0, answered)


if __name__ == "__main__":
    unittest.main()
