"""Row 37: words of a client in the log."""

import unittest

import row
import turn_server
from row import UDP, Row, Server
from turn_client import ALLOCATE, INTEGRITY, NONCE, REALM, USERNAME, Client, Message

ORIGIN = 0x802F
FORGED = "0: : ERROR: FORGED"


def say(client, *attributes):
    """Sends an Allocate with a signature of nobody, and waits for the answer."""
    message = Message(ALLOCATE).add(*UDP)
    for attribute, value in (*attributes, (INTEGRITY, bytes(20))):
        message.add(attribute, value)
    client.send(message.encode())
    return client.answer_to(message.transaction)


class LogInjection(Row, unittest.TestCase):
    ROW, ID = 37, "log-injection"

    def is_affected(self, binary):
        forged = f"::bad\n{FORGED}".encode()
        # Over UDP our server answers some of this without looking at the words.
        with Server(binary, ["-a", "-r", "example", "-u", "alice:secret"]) as server, \
                Client(server.port, "tcp") as client:
            say(client, (ORIGIN, forged))
            say(client, (REALM, b"example"), (USERNAME, forged), (NONCE, b"x"))
            say(client, (REALM, forged), (USERNAME, b"x"), (NONCE, b"x"))
            turn_server.wait_for(lambda: server.output().count("FORGED") >= 3, "the records")
            return any(line.startswith(FORGED) for line in server.output().split("\n"))

    def lines(self, origin):
        """The log's lines after an ORIGIN."""
        with Server(row.OURS, ["-a", "-r", "example", "-u", "alice:secret"]) as server:
            with Client(server.port, "tcp") as client:
                before = len(server.output())
                say(client, (ORIGIN, origin))
            # Its end is a record too, behind all others.
            turn_server.wait_for(lambda: "closed (2nd stage)" in server.output()[before:], "the end of the session")
            return server.output()[before:].split("\n")

    def test_control_characters_are_written_as_what_they_are(self):
        origin = b"::a\n\r\t\x1b[2J\x7f\xc2\x9b" + "é€".encode()
        wanted = "::a\\n\\x0d\\x09\\x1b[2J\\x7f\\xc2\\x9bé€"
        self.assertTrue(any(line.endswith("Wrong origin format: " + wanted) for line in self.lines(origin)))

    def test_a_record_that_is_too_long_is_cut_and_ends(self):
        for origin in (b"::" + b"x" * 5000, b"::" + b"\n" * 5000, b"::" + b"x" * 900 + b"\n" * 90):
            lines = self.lines(origin)
            long = [line for line in lines if "Wrong origin format" in line]
            self.assertEqual(len(long), 1)
            self.assertTrue(long[0].endswith("..."))
            self.assertLess(len(long[0]), 1025)

    def test_every_record_has_its_head(self):
        with Server(row.OURS, ["-z"]) as server:
            lines = server.output().split("\n")
        self.assertEqual(lines[-1], "")
        self.assertTrue(any("Practical Frost" in line for line in lines))
        for line in lines[:-1]:
            if "RFC 3489" in line or ": : " in line:
                self.assertRegex(line, r"^\d+: : ")


if __name__ == "__main__":
    unittest.main()
