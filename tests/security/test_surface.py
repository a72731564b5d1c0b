"""What the broker replaces is not there: no CLI, no web-admin, no HTTP on the TURN ports, no ACME redirect, nor SCTP.

Each test of what is gone has its counterpart, which shows it on the unpatched server.
"""

import contextlib
import os
import re
import select
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "abi"))

from row import OURS, Row, Unshowable  # noqa: E402
from turn_client import BINDING, Client, Message, Peer  # noqa: E402
from turn_server import SECONDS, TURNSERVER, Server, free_port, wait_for  # noqa: E402

UNPATCHED = os.environ["UNPATCHED_TURNSERVER"]

# Option, a value for it, and what the line must name. None: the option stands alone.
CLI = [(name, value, "turnbrokerctl") for name, value in (
    ("cli-ip", "127.0.0.1"), ("cli-port", "5766"), ("cli-password", "s3cr3t"), ("cli-max-output-sessions", "5"),
    ("no-cli", "0"))]
WEB_ADMIN = [(name, value, "HTTP API") for name, value in (
    ("web-admin", None), ("web-admin", "1"), ("web-admin-ip", "127.0.0.1"), ("web-admin-port", "8080"),
    ("web-admin-listen-on-workers", None), ("web-admin-listen-on-workers", "yes"))]
ACME = [("acme-redirect", "http://127.0.0.1:9/", "web server")]
REMOVED = CLI + WEB_ADMIN + ACME
PROMETHEUS = [(name, value, "/metrics of the plugin's [broker.http]") for name, value in (
    ("prometheus", None), ("prometheus", "1"), ("prometheus-port", "9641"), ("prometheus-username-labels", None))]
DRIVERS = [(name, "host=127.0.0.1 password=s3cr3t", build_option) for name, build_option in (
    ("psql-userdb", "TURNBROKER_COTURN_PGSQL"), ("sql-userdb", "TURNBROKER_COTURN_PGSQL"),
    ("mysql-userdb", "TURNBROKER_COTURN_MYSQL"), ("mongo-userdb", "TURNBROKER_COTURN_MONGO"))]
SHORT = {"psql-userdb": "-e", "mysql-userdb": "-M", "mongo-userdb": "-J"}
ACCEPTED = [("no-cli", None), ("no-cli", "1"), ("no-cli", "yes"), ("web-admin", "0"), ("web-admin", "off"),
            ("web-admin-listen-on-workers", "no"), ("prometheus", "0"), ("prometheus-username-labels", "no")]


# So that a server which does not refuse to start does nobody harm meanwhile.
HARMLESS = ("-l", "stdout", "-L", "127.0.0.1", "--pidfile", "/dev/null", "--no-tls", "--no-dtls")

# In a build with sanitizers: what coturn does not free at its end, and its own faults, are not what is tested.
LENIENT = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0",
           "UBSAN_OPTIONS": os.environ.get("UBSAN_OPTIONS", "") + ":halt_on_error=0"}


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False, env=LENIENT)
    # turnadmin logs to where nobody asked it to.
    log = re.search(r"log file opened: (\S+)\n", result.stdout)
    if log and os.path.isfile(log[1]):
        os.remove(log[1])
    return result


def help_of(binary):
    return run(binary, "-h").stdout


def not_built():
    """The options of drivers which this build of ours has not."""
    text = help_of(TURNSERVER)
    return [(name, value, words) for name, value, words in DRIVERS if "--" + name not in text]


def listening_ports(pid):
    """The TCP ports on which a process listens."""
    inodes = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            inodes.add(os.readlink(f"/proc/{pid}/fd/{name}"))
    ports = set()
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{pid}/net/{table}", encoding="ascii") as file:
            for line in file.readlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                    ports.add(int(fields[1].split(":")[1], 16))
    return ports


@contextlib.contextmanager
def unpatched(options=(), **more):
    """An unpatched server; whatever becomes of it is the test's to judge."""
    server = Server(options=options, **more)
    server.binary, server.environment = UNPATCHED, LENIENT
    try:
        yield server.start()
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()
        server.directory.cleanup()


def connect(port, transport="tcp", alpn=None):
    stream = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
    if transport == "tls":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if alpn:
            context.set_alpn_protocols(alpn)
        stream = context.wrap_socket(stream)
    return stream


def closed(stream):
    """Whether the server closes the connection, without a word. Seconds, not the minute of a silent client."""
    try:
        return stream.recv(4096) == b""
    except (ConnectionError, ssl.SSLError):
        return True
    except TimeoutError:
        return False


def send(stream, octets):
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        stream.sendall(octets)


class RefusedOptions(unittest.TestCase):
    def check_line(self, result, name, words, stdout=""):
        self.assertGreater(result.returncode, 0, result)
        self.assertEqual(result.stdout, stdout)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertTrue(result.stderr.startswith(f"option {name}: "), result.stderr)
        self.assertIn(words, result.stderr)
        self.assertNotIn("s3cr3t", result.stderr)

    def check(self, options):
        for name, value, words in options:
            line = name if value is None else f"{name}={value}"
            with self.subTest("on the command line", option=line):
                self.check_line(run(TURNSERVER, "-n", f"--{line}", *HARMLESS), f"--{name}", words)
                self.check_line(run(TURNSERVER, *HARMLESS, "-c", "/nonexistent", f"--{line}"), f"--{name}", words)
            for text in (line, f"listening-ip=127.0.0.1\nno-cli\n{line}\nverbose\n", line.replace("=", " "),
                         f"  {line}  \n{line}"):
                with self.subTest("in a file", text=text), tempfile.NamedTemporaryFile("w", suffix=".conf") as conf:
                    conf.write(text)
                    conf.flush()
                    self.check_line(run(TURNSERVER, "-c", conf.name, *HARMLESS), f"--{name}", words)

    def test_the_cli_is_refused(self):
        self.check(CLI)

    def test_the_web_admin_is_refused(self):
        self.check(WEB_ADMIN)

    def test_the_acme_redirect_is_refused(self):
        self.check(ACME)

    def test_prometheus_is_refused(self):
        self.check(PROMETHEUS)

    def test_a_database_that_is_not_built_is_refused(self):
        options = not_built()
        self.check(options)
        for name, value, words in options:
            if name in SHORT:
                with self.subTest(name):
                    self.check_line(run(TURNSERVER, "-n", SHORT[name], value, *HARMLESS), SHORT[name], words)

    def test_turnadmin_refuses_such_a_database(self):
        with tempfile.TemporaryDirectory() as directory:
            turnadmin = os.path.join(directory, "turnadmin")
            os.symlink(TURNSERVER, turnadmin)
            for name, value, words in not_built():
                with self.subTest(name):
                    self.check_line(run(turnadmin, "-l", f"--{name}={value}"), f"--{name}", words)

    def test_an_abbreviation_is_refused(self):
        self.check_line(run(TURNSERVER, "-n", "--cli-pass", "s3cr3t", *HARMLESS), "--cli-password", "turnbrokerctl")

    def test_only_the_first_is_named(self):
        result = run(TURNSERVER, "-n", "--web-admin-port=1", "--cli-port=1", *HARMLESS)
        self.check_line(result, "--web-admin-port", "HTTP API")

    def test_a_value_that_is_no_answer_is_refused(self):
        result = run(TURNSERVER, "-n", "--web-admin=perhaps", *HARMLESS)
        self.assertGreater(result.returncode, 0)
        self.assertIn("Unknown boolean value: perhaps", result.stdout)

    def test_the_unpatched_server_takes_what_is_refused(self):
        for name, value, _ in REMOVED:
            line = name if value is None else f"{name}={value}"
            with self.subTest(line):
                result = run(UNPATCHED, *HARMLESS, "-c", "/dev/null", f"--{line}", "--version")
                self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_the_unpatched_server_starts_without_the_database_it_was_told_of(self):
        with unpatched(["-z"], conf="mysql-userdb=host=127.0.0.1\n") as server:
            self.assertIn("Bad configuration format: mysql-userdb", server.output())

    def test_the_unpatched_server_starts_without_prometheus_when_a_file_asks_for_it(self):
        with unpatched(["-z"], conf="prometheus\n") as server:
            self.assertIn("Bad configuration format: prometheus", server.output())

    def test_the_unpatched_server_answers_with_its_whole_usage(self):
        for option in ("--mysql-userdb=x", "--prometheus"):
            result = run(UNPATCHED, *HARMLESS, "-n", option)
            self.assertGreater(result.stderr.count("\n"), 200)


class AcceptedOptions(unittest.TestCase):
    def test_what_asks_for_neither_is_taken_without_a_word(self):
        lines = [name if value is None else f"{name}={value}" for name, value in ACCEPTED]
        with Server(options=["-z", *["--" + line for line in lines]], conf="\n".join(lines)) as server, \
                Client(server.port) as client:
            self.assertEqual(client.allocate().kind, 2)
            output = server.output().lower()
            for word in ("cli ", "cli-", "web-admin", "admin thread", "bad configuration"):
                self.assertNotIn(word, output)

    def test_loopback_peers_need_no_password_of_a_cli(self):
        server = Server(options=["-z"])
        server.always = []
        with server, Client(server.port) as client:
            self.assertEqual(client.allocate().kind, 2)

    def test_the_unpatched_server_asks_for_one(self):
        result = run(UNPATCHED, "-n", "--allow-loopback-peers", *HARMLESS)
        self.assertGreater(result.returncode, 0)
        self.assertIn("empty cli password", result.stdout)

    def test_the_help_lists_of_it_all_only_what_is_taken(self):
        ours, theirs = help_of(TURNSERVER), help_of(UNPATCHED)
        for name, _, _ in REMOVED:
            self.assertIn(f"--{name}", theirs)
            if name != "no-cli":
                self.assertNotIn(f"--{name}", ours)
        self.assertIn(" --no-cli\t\t\t\t\tHas no effect: there is no CLI.\n", ours)


class NothingElseListens(unittest.TestCase):
    def test_only_the_turn_port_is_open(self):
        server = Server(options=["-z"])
        server.always = []
        with server:
            wait_for(lambda: server.port in listening_ports(server.process.pid), "a TCP listener")
            self.assertEqual(listening_ports(server.process.pid), {server.port})

    # Of the kernel, where it has no SCTP, or of the server.
    SCTP = re.compile("socket: Protocol not supported|SCTP listener opened on")

    def test_there_is_no_sctp(self):
        for tls in (False, True):
            with Server(options=["-z"], tls=tls) as server:
                wait_for(lambda s=server: s.port in listening_ports(s.process.pid), "a TCP listener")
                self.assertNotRegex(server.output(), self.SCTP)

    def test_the_unpatched_server_listens_for_sctp(self):
        with unpatched(["-z"]) as server:
            self.assertRegex(server.output(), self.SCTP)

    def test_the_unpatched_server_opens_a_cli(self):
        port = free_port()
        options = ["-z", "--cli-password=secret", f"--cli-port={port}"]
        server = Server(options=options)
        server.always, server.binary, server.environment = [], UNPATCHED, LENIENT
        with server:
            wait_for(lambda: port in listening_ports(server.process.pid), "the CLI's listener")
            with connect(port) as stream:
                self.assertIn(b"TURN Server", receive_until(stream, b"TURN Server"))

    def test_the_unpatched_server_opens_a_web_admin(self):
        port = free_port()
        with unpatched(["-z", "--web-admin", f"--web-admin-port={port}"], tls=True) as server:
            wait_for(lambda: port in listening_ports(server.process.pid), "the web-admin's listener")
            with connect(port, "tls") as stream:
                stream.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertIn(b"https admin connection", receive_until(stream, b"https admin connection"))


def receive_until(stream, words):
    octets = b""
    while words not in octets and select.select([stream], [], [], SECONDS)[0]:
        more = stream.recv(4096)
        if not more:
            break
        octets += more
    return octets


REQUESTS = (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"POST /logon HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nuname=x&p",
            b"GET /.well-known/acme-challenge/0123456789012345678901234567890123456789012 HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET " + b"A" * 60000)


class NoHttpOnTurnPorts(unittest.TestCase):
    def relays(self, client, peer):
        """Whether an allocation with channel 0x4000 to the peer still carries octets both ways."""
        client.send_channel(0x4000, b"ping")
        octets, relayed = peer.receive()
        peer.socket.sendto(b"pong", relayed)
        return octets == b"ping" and client.receive_data() == b"pong"

    def closes(self, octets, transports=("tcp", "tls")):
        with Server(options=["-z"], tls=True) as server, Client(server.port) as client, Peer() as peer:
            client.allocate()
            client.bind_channel(0x4000, peer.address)
            for transport in transports:
                for start in octets:
                    with self.subTest(transport=transport, start=start[:40]), connect(server.port, transport) as stream:
                        send(stream, start)
                        self.assertTrue(closed(stream))
                        self.assertTrue(self.relays(client, peer))
            self.assertIsNone(server.process.poll())

    def test_http_closes_the_connection_and_the_relay_goes_on(self):
        self.closes(REQUESTS)

    def test_so_does_its_first_octet(self):
        self.closes([b"G", b"P"])

    def test_so_does_other_garbage(self):
        self.closes([b"\x80", b"\xff" * 100, b"\x40\x00\x00\x00", b"\0" * 8, b"\0\1\0\0\x21\x12\xa4\x43"])

    def test_a_tls_hello_to_a_server_without_tls_is_closed(self):
        with Server(options=["-z"]) as server, connect(server.port) as stream:
            hello = ssl.MemoryBIO()
            tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="x")
            with self.assertRaises(ssl.SSLWantReadError):
                tls.do_handshake()
            send(stream, hello.read())
            self.assertTrue(closed(stream))

    def test_http_over_udp_is_not_answered(self):
        with Server(options=["-z"]) as server, Client(server.port) as client:
            client.socket.send(REQUESTS[0])
            self.assertEqual(client.request(BINDING).kind, 2)
            self.assertEqual(client.waiting, [])

    def test_a_message_may_come_octet_by_octet(self):
        with Server(options=["-z"], tls=True) as server:
            for transport in ("tcp", "tls"):
                with self.subTest(transport), Client(server.port, transport) as client:
                    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    message = Message(BINDING)
                    for octet in message.encode():
                        client.socket.sendall(bytes([octet]))
                    self.assertEqual(client.answer_to(message.transaction).kind, 2)

    def test_what_follows_the_first_message_is_not_judged(self):
        with Server(options=["-z"]) as server, Client(server.port, "tcp") as client:
            self.assertEqual(client.request(BINDING).kind, 2)
            client.send_channel(0x4000, b"nobody bound it")
            self.assertEqual(client.request(BINDING).kind, 2)

    def test_http_is_not_agreed_on_in_tls(self):
        with Server(options=["-z"], tls=True) as server:
            for offered, agreed in ((["http/1.1"], None), (["http/1.1", "stun.turn"], "stun.turn"),
                                    (["stun.nat-discovery"], "stun.nat-discovery")):
                with self.subTest(offered), connect(server.port, "tls", offered) as stream:
                    self.assertEqual(stream.selected_alpn_protocol(), agreed)

    def test_the_unpatched_server_agrees_on_http(self):
        with unpatched(["-z"], tls=True) as server, connect(server.port, "tls", ["http/1.1"]) as stream:
            self.assertEqual(stream.selected_alpn_protocol(), "http/1.1")

    def test_one_request_ends_the_unpatched_server(self):
        for transport in ("tcp", "tls"):
            with self.subTest(transport), \
                    unpatched(["-z", "--web-admin", "--web-admin-listen-on-workers",
                               f"--web-admin-port={free_port()}"], tls=True) as server:
                with connect(server.port, transport) as stream:
                    send(stream, REQUESTS[0])
                    self.assertNotEqual(server.wait_exit(), 0)

    def test_the_unpatched_server_keeps_garbage(self):
        with unpatched(["-z"]) as server, connect(server.port) as stream:
            stream.sendall(b"\xff" * 100)
            self.assertEqual(select.select([stream], [], [], 1.0)[0], [])


class NotInTheProgram(unittest.TestCase):
    # Names of functions and what the functions say: a stripped program has only these.
    NAMES = (b"\0telnet_recv\0", b"\0parse_http_request\0", b"\0get_http_header_value\0", b"\0try_acme_redirect\0",
             b"\0handle_http_echo\0", b"\0is_http\0", b"\0setup_admin_thread\0", b"\0admin_server_receive_message\0",
             b"\0del_alternate_server\0", b"\0check_password\0", b"\0turn_cancel_session\0")
    TEXTS = (b"psd <file-name> - dump", b"https admin connection", b"/.well-known/acme-challenge/", b"<html",
             b"IO method (admin thread)", b"libtelnet", b"HTTP/1.1", b"SCTP listener opened on")

    def test_the_program_has_none_of_it(self):
        with open(TURNSERVER, "rb") as program:
            octets = program.read()
        for words in self.NAMES + self.TEXTS:
            self.assertNotIn(words, octets, words)

    def test_the_unpatched_program_has_all_of_it(self):
        with open(UNPATCHED, "rb") as program:
            octets = program.read()
        for words in self.NAMES + self.TEXTS:
            self.assertIn(words, octets, words)


class Removed(Row):
    """A row whose code is not there any more; WORDS is what a program says that has it."""

    WORDS = b""

    def is_affected(self, binary):
        if binary not in (OURS, UNPATCHED):
            raise Unshowable  # it may have the code, and the defect mended
        with open(binary, "rb") as program:
            return self.WORDS in program.read()


class WorkerHttp(Removed, unittest.TestCase):
    ROW, ID, WORDS = 4, "worker-http-log-crash", b"https admin connection"


class StoredScript(Removed, unittest.TestCase):
    ROW, ID, WORDS = 23, "admin-stored-xss", b"<html"


class AdminLogon(Removed, unittest.TestCase):
    ROW, ID, WORDS = 24, "admin-bruteforce", b"\0setup_admin_thread\0"


class AcmeRedirect(Removed, unittest.TestCase):
    ROW, ID, WORDS = 25, "acme-redirect-leak", b"\0try_acme_redirect\0"


class CliOverwrites(Removed, unittest.TestCase):
    ROW, ID, WORDS = 30, "cli-psd-overwrite", b"psd <file-name> - dump"


class Telnet(Removed, unittest.TestCase):
    ROW, ID, WORDS = 31, "cli-mssp-overread", b"\0telnet_recv\0"


class HttpText(Removed, unittest.TestCase):
    ROW, ID, WORDS = 41, "http-overread", b"\0is_http\0"


class AlternateServers(Removed, unittest.TestCase):
    ROW, ID, WORDS = 44, "cli-alt-server-recursion", b"\0del_alternate_server\0"


class HttpPost(Removed, unittest.TestCase):
    ROW, ID, WORDS = 55, "http-post-parser", b"\0parse_http_request\0"


class TurnadminStays(unittest.TestCase):
    def test_turnadmin_adds_and_lists_a_user_whom_the_server_then_knows(self):
        with tempfile.TemporaryDirectory() as directory:
            turnadmin, database = os.path.join(directory, "turnadmin"), os.path.join(directory, "db")
            os.symlink(TURNSERVER, turnadmin)
            account = ("-b", database, "-u", "alice", "-r", "x.example")
            self.assertEqual(run(turnadmin, "-a", *account, "-p", "secret").returncode, 0)
            self.assertEqual(run(turnadmin, "-A", *account, "-p", "secret").returncode, 0)
            listed = run(turnadmin, "-l", "-b", database, "-r", "x.example")
            self.assertEqual(listed.returncode, 0)
            self.assertIn("alice[x.example]", listed.stdout)
            self.assertIn("alice", run(turnadmin, "-L", "-b", database).stdout)
            with Server(options=["-a", "-r", "x.example", "-b", database]) as server, Client(server.port) as client:
                self.assertEqual(client.allocate().kind, 2)
            self.assertEqual(run(turnadmin, "-d", *account).returncode, 0)
            self.assertNotIn("alice", run(turnadmin, "-l", "-b", database, "-r", "x.example").stdout)


if __name__ == "__main__":
    unittest.main()
