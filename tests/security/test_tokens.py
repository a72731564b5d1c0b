"""Rows 3 and 33: OAuth tokens (RFC 7635) of somebody who knows only a key's name."""

import base64
import os
import sqlite3
import unittest

import row
from row import UDP, Row, Server, answer_or_end
from turn_client import ALLOCATE, Client, Message

ACCESS_TOKEN = 0x1B


def oauth_server(binary):
    server = Server(binary, ["--oauth", "-a", "-r", "example"])
    with sqlite3.connect(os.path.join(server.directory.name, "turndb")) as db:
        db.execute("CREATE TABLE oauth_key (kid varchar(128), ikm_key varchar(256), timestamp bigint default 0, "
                   "lifetime integer default 0, as_rs_alg varchar(64) default '', realm varchar(127) default '', "
                   "primary key (kid))")
        db.execute("INSERT INTO oauth_key VALUES ('north', ?, 0, 0, 'A256GCM', '')",
                   (base64.b64encode(bytes(range(32))).decode(),))
    db.close()
    return server


def token_request(client, token):
    """A signed Allocate with a token: the request, and its octets."""
    message = Message(ALLOCATE).add(*UDP).add(ACCESS_TOKEN, token)
    return message, client.sign(message)


class WrongLengths(unittest.TestCase):
    """Row 3 from outside; that the unpatched server writes beyond its room is shown by the white-box test."""

    def test_lengths_at_the_bounds_are_refused(self):
        with oauth_server(row.OURS) as server, Client(server.port, "tcp", "north") as client:
            client.challenge()
            for token in (b"\x00", b"\x00\x0c", b"\x00\x0c" + bytes(12 + 16), b"\x00\x0c" + bytes(12 + 14 + 16),
                          b"\x00\x0d" + bytes(100), b"\x01\x00" + bytes(400), b"\x01\x01" + bytes(400),
                          b"\xff\xff" + bytes(900), b"\x03\xc0" + b"A" * 1000,
                          b"\x00\x0c" + bytes(1022), b"\x00\x0c" + bytes(1023)):
                answer = answer_or_end(server, client, *token_request(client, token))
                self.assertIsNotNone(answer, token)
                self.assertEqual(answer.error, 401)
            self.assertTrue(server.survives())


class ContextLeak(Row, unittest.TestCase):
    ROW, ID = 33, "oauth-ctx-leak"
    TOKENS = 3000

    def is_affected(self, binary):
        with oauth_server(binary) as server, Client(server.port, "tcp", "north") as client:
            client.challenge()

            def send(number):
                for _ in range(number):
                    answer = answer_or_end(server, client, *token_request(client, b"\0\0" + bytes(60)))
                    self.assertIn(answer.error, (401, 438))

            # A context is well over half a KiB; the server itself grows by less than a tenth of them all.
            return server.grows_by_kib(send, 200, self.TOKENS) > self.TOKENS // 2


if __name__ == "__main__":
    unittest.main()
