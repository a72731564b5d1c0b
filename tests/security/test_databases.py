"""Rows 1, 2, 34, 48, 50 and 52: what goes to the databases, comes from them, and stays behind."""

import os
import re
import socket
import sqlite3
import string
import threading
import time
import unittest

import row
from row import UDP, Row, Server, answer_or_end
from turn_client import ALLOCATE, INTEGRITY, NONCE, REALM, USERNAME, Client, Message, NoAnswer
from turn_server import run_to_end, wait_for

ACCESS_TOKEN = 0x1B
FORMATS = b"%s%s%s%s%s%s%s%s%n"


class FakeRedis:
    """Says that it knows nothing, remembers what it was asked, and can hang up on everybody."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.commands, self.connections, self.lock = [], [], threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, connection.makefile("rb") as lines:
            try:
                while True:
                    count = int(lines.readline()[1:] or b"0")
                    if not count:
                        return
                    words = []
                    for _ in range(count):
                        size = int(lines.readline()[1:])
                        words.append(lines.read(size + 2)[:-2])
                    with self.lock:
                        self.commands.append(words)
                    name = words[0].lower()
                    connection.sendall(b"*0\r\n" if name in (b"keys", b"smembers", b"hgetall") else
                                       b"$-1\r\n" if name == b"get" else b"+OK\r\n")
            except (OSError, ValueError):
                return

    def asked(self, name):
        with self.lock:
            return [words for words in self.commands if words[0].lower() == name]

    def hang_up(self):
        """Closes all connections; returns how many there were."""
        with self.lock:
            closed, self.connections = self.connections, []
        for connection in closed:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        return len(closed)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.hang_up()


def with_wrong_integrity(client, username):
    """An Allocate of somebody who has no password: the request, and its octets."""
    message = Message(ALLOCATE).add(*UDP).add(USERNAME, username).add(REALM, client.realm.encode())
    message.add(NONCE, client.nonce).add(INTEGRITY, bytes(20))
    return message, message.encode()


class UserdbFormat(Row, unittest.TestCase):
    ROW, ID = 1, "redis-userdb-format"

    def is_affected(self, binary):
        with FakeRedis() as redis:
            options = ["-a", "-r", "example", f"--redis-userdb=ip=127.0.0.1 port={redis.port}"]
            with Server(binary, options) as server, Client(server.port, "tcp") as client:
                client.challenge()
                answer = answer_or_end(server, client, *with_wrong_integrity(client, FORMATS))
                if answer is None or not server.survives():
                    return True
                self.assertEqual(answer.error, 401)
            keys = [words for words in redis.asked(b"get") if b"/user/" in words[1]]
            self.assertEqual(keys, [[b"get", b"turn/realm/example/user/" + FORMATS + b"/key"]])
            return False


class StatsdbFormat(Row, unittest.TestCase):
    ROW, ID = 2, "redis-statsdb-format"

    def is_affected(self, binary):
        with FakeRedis() as redis:
            options = ["-a", "-r", "example", "-u", "alice:secret", f"--redis-statsdb=ip=127.0.0.1 port={redis.port}"]
            with Server(binary, options) as server:
                with Client(server.port, "tcp") as client:
                    client.challenge()
                    answer = answer_or_end(server, client, *with_wrong_integrity(client, FORMATS))
                    if answer is None:
                        return True
                # A session of somebody known ends after it and is told of.
                try:
                    with Client(server.port, "tcp") as client:
                        self.assertEqual(client.allocate().kind, 2)
                except (NoAnswer, OSError):
                    # The end of the first session may have been the server's, at any moment of this one.
                    return server.dies_or(lambda: False)

                def told():
                    return [words for words in redis.asked(b"publish")
                            if b"/user/alice/" in words[1] and words[2:] == [b"deleted"]]

                if server.dies_or(told):
                    return True
            for words in redis.asked(b"publish") + redis.asked(b"set"):
                self.assertEqual(len(words), 3, words)
            status = [words for words in redis.asked(b"set") if b"/user/alice/" in words[1]]
            self.assertRegex(status[0][2], rb"^new lifetime=\d+, type=TCP, local=127.0.0.1:")
            return False


class ReconnectLeak(Row, unittest.TestCase):
    ROW, ID = 50, "redis-reconnect-leak"
    ROUNDS = 8

    def is_affected(self, binary):
        with FakeRedis() as redis:
            options = ["-z", f"--redis-statsdb=ip=127.0.0.1 port={redis.port}"]
            with Server(binary, options) as server:
                def send_a_message():
                    """An allocation that begins and ends is told; how many of them were."""
                    before = len(redis.asked(b"publish"))
                    with Client(server.port, "tcp") as client:
                        self.assertEqual(client.allocate().kind, 2)
                    return len(redis.asked(b"publish")) > before

                wait_for(send_a_message, "the first message arrives")
                wait_for(lambda: self.clients_are_gone(server), "the server closes its clients' sockets")
                before = server.sockets()
                for _ in range(self.ROUNDS):
                    # What was sent to a connection that is closed already may be read still; there is none then.
                    wait_for(lambda: redis.hang_up() or (send_a_message() and redis.hang_up()), "a connection to break")
                    wait_for(send_a_message, "a message arrives after the connection broke")
                    wait_for(lambda: self.clients_are_gone(server), "the server closes its clients' sockets")
                try:
                    wait_for(lambda: server.sockets() <= before, "only one connection to Redis is held",
                             10 if binary == row.OURS else 3)
                except AssertionError:
                    return True
                return False

    @staticmethod
    def clients_are_gone(server):
        with open(f"/proc/{server.process.pid}/net/tcp", encoding="ascii") as file:
            port = f":{server.port:04X}"
            return not [line for line in file if line.split()[1].endswith(port) and line.split()[3] == "01"]


class ShortKey(Row, unittest.TestCase):
    ROW, ID = 52, "sqlite-short-key"

    def is_affected(self, binary):
        server = Server(binary, ["-a", "-r", "example"])
        with sqlite3.connect(os.path.join(server.directory.name, "turndb")) as db:
            db.execute("CREATE TABLE turnusers_lt (realm varchar(127) default '', name varchar(512), "
                       "hmackey varchar(128), primary key (realm, name))")
            db.executemany("INSERT INTO turnusers_lt VALUES ('example', ?, ?)",
                           [("short", "0a0b"), ("empty", ""), ("null", None)])
        db.close()
        with server:
            for name in (b"short", b"empty", b"null"):
                with Client(server.port, "tcp") as client:
                    client.challenge()
                    answer = answer_or_end(server, client, *with_wrong_integrity(client, name))
                    if answer is None or not server.survives():
                        return True
                    self.assertEqual(answer.error, 401)
            return False


class NullColumns(Row, unittest.TestCase):
    """The other tables. Nothing in their schema forbids it."""

    ROW, ID = 52, "sqlite-short-key"
    TABLES = (
        ("oauth_key", "kid varchar(128), ikm_key varchar(256), timestamp bigint, lifetime integer, "
         "as_rs_alg varchar(64), realm varchar(127)", "'north', NULL, NULL, NULL, NULL, NULL"),
        ("turn_origin_to_realm", "origin varchar(127), realm varchar(127)", "'https://a.example', NULL"),
        ("turn_origin_to_realm", "origin varchar(127), realm varchar(127)", "NULL, 'b.example'"),
        ("denied_peer_ip", "realm varchar(127), ip_range varchar(256)", "NULL, NULL"),
        ("turn_realm_option", "realm varchar(127), opt varchar(32), value varchar(128)", "NULL, NULL, NULL"))

    def is_affected(self, binary):
        return any([self.ends(binary, *table) for table in self.TABLES])

    def ends(self, binary, table, columns, values):
        server = Server(binary, ["-a", "-r", "example", "--oauth", "-u", "alice:secret"], ready=False)
        with sqlite3.connect(os.path.join(server.directory.name, "turndb")) as db:
            db.execute(f"CREATE TABLE {table} ({columns})")
            db.execute(f"INSERT INTO {table} VALUES ({values})")
        db.close()
        with server:
            if not server.survives():
                return True
            with Client(server.port, "tcp", "north") as client:
                client.challenge()
                message = Message(ALLOCATE).add(*UDP).add(ACCESS_TOKEN, b"\0\x0c" + bytes(60))
                answer = answer_or_end(server, client, message, client.sign(message))
                if answer is None or not server.survives():
                    return True
                self.assertEqual(answer.error, 401)
            with Client(server.port, "tcp") as client:
                self.assertEqual(client.allocate().kind, 2)
        return False


class SecretListLeak(Row, unittest.TestCase):
    ROW, ID = 34, "auth-secret-list-leak"
    REQUESTS = 3000

    def is_affected(self, binary):
        # 4000 octets for each request, and a database that does not answer.
        secrets = [f"--static-auth-secret={letter * 200}" for letter in string.ascii_letters[:20]]
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            database = f"--redis-userdb=ip=127.0.0.1 port={closed.getsockname()[1]}"
            return self.grows(binary, ["--use-auth-secret", "-r", "example", database, *secrets])

    def grows(self, binary, options):
        with Server(binary, options) as server, Client(server.port, "tcp") as client:
            client.challenge()
            name = str(int(time.time()) + 3600).encode()

            def send(number):
                for _ in range(number):
                    answer = answer_or_end(server, client, *with_wrong_integrity(client, name))
                    self.assertEqual(answer.error, 401)

            return server.grows_by_kib(send, 200, self.REQUESTS) > 2 * self.REQUESTS


class CredentialsInLog(Row, unittest.TestCase):
    ROW, ID = 48, "credentials-in-log"

    OPTIONS = ["-a", "-r", "example"]
    NO_USERS = ["alice;Pass1word", "b\x1fb:Pass2word", "carol:0xPass3word"]

    def output_of_no_user(self, binary, user):
        """Each is another record of the log's; ours does not start with any."""
        server = Server(binary, [*self.OPTIONS, "-u", user], ready=False).start()
        try:
            server.dies_or(server.answers)
            return server.output()
        finally:
            server.__exit__()

    def is_affected(self, binary):
        output = "".join(self.output_of_no_user(binary, user) for user in self.NO_USERS)
        with FakeRedis() as redis:
            database = f"--redis-userdb=ip=127.0.0.1 port={redis.port} password=Pass4word"
            with Server(binary, [*self.OPTIONS, database]) as server, Client(server.port, "tcp") as client:
                client.challenge()
                answer = answer_or_end(server, client, *with_wrong_integrity(client, b"dave"))
                self.assertEqual(answer.error, 401)
                self.assertTrue([words for words in redis.asked(b"auth") if words[1] == b"Pass4word"])
                output += server.output()
        self.assertIn("Redis DB sync connection success", output)
        return re.search(r"Pass\dword", output) is not None


class CredentialsOfAFile(Row, unittest.TestCase):
    """Lines of turnserver.conf that are not as they should be."""

    ROW, ID = 48, "credentials-in-log"
    LINES = ["static-auth-secret=Pass1word;", "user=alice:Pass2word;", "static-auth-secret:Pass3word",
             "user;alice:Pass4word", "usr=bob:Pass5word;", "[Pass6word]"]
    LONG = "static-auth-secret=" + "Pass7word" * 200

    @staticmethod
    def output(binary, lines):
        with Server(binary, ["-a", "-r", "example"], conf="\n".join(lines) + "\n") as server:
            return server.output()

    def is_affected(self, binary):
        output = self.output(binary, [*self.LINES, self.LONG, "no-such-option"])
        self.assertIn("Bad configuration format: static-auth-secret", output)
        self.assertIn("ends with semicolon", output)
        self.assertIn("Bad configuration format: no-such-option", output)
        return re.search(r"Pass\d", output) is not None

    def test_the_lines_are_named_by_option_and_number(self):
        output = self.output(row.OURS, ["# a comment", "", *self.LINES[:5], self.LONG, "no-such-option=1", "realm=x;"])
        for words in ("Check config! Line 3 ends with semicolon: static-auth-secret\n",
                      "Check config! Line 4 ends with semicolon: user\n",
                      "Bad configuration format: static-auth-secret (line 5)\n",
                      "Bad configuration format: user (line 6)\n",
                      "Bad configuration format: usr (line 7)\n",
                      "Line 8 is too long, its end is left out: static-auth-secret\n",
                      "Bad configuration format: no-such-option (line 9)\n",
                      "Check config! Line 10 ends with semicolon: realm\n"):
            self.assertIn(words, output)

    def test_what_follows_a_long_line_is_read(self):
        # Of just as many octets as are read at once, one less, one more, and many.
        for octets in (1022, 1023, 1024, 5000):
            with self.subTest(octets=octets):
                comment = "#" + "x" * (octets - 1)
                status, output = run_to_end(conf=f"no-auth\n{comment}\nmin-port=none\n")
                self.assertNotEqual(status, 0)
                self.assertIn("CONFIG ERROR: min-port=none", output)


if __name__ == "__main__":
    unittest.main()
