"""All that a relay does, done by one that is confined and runs as a user of its own."""

import contextlib
import http.server
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import threading
import unittest
import urllib.request

from sandboxed import CSP, IS_ROOT, SECRET, USER, Broker, credentials
from test_privileges import certificate_of, prepare_renewal, renew
from turn_client import Client, Peer
from turn_server import SANITIZED, TURNSERVER, free_port, wait_for

TOOLS = pathlib.Path(TURNSERVER).parent
API_KEY = "acme-api-key-0123456789"


def exchange(test, client):
    """A packet each way."""
    with Peer() as peer:
        test.assertEqual(client.allocate().kind, 2)
        client.bind_channel(0x4000, peer.address)
        client.send_channel(0x4000, b"hello")
        payload, sender = peer.receive()
        test.assertEqual(payload, b"hello")
        peer.socket.sendto(b"world", sender)
        test.assertEqual(client.receive_data(), b"world")


class Hook:
    """A CSP's back end."""

    def __enter__(self):
        self.bodies = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(handler):  # pylint: disable=invalid-name,no-self-argument
                self.bodies.append(handler.rfile.read(int(handler.headers["Content-Length"])))
                handler.send_response(204)
                handler.end_headers()

            def log_message(handler, *_):  # pylint: disable=no-self-argument,arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        # By name, so that a thread of its own has to ask the C library for it.
        self.url = f"http://localhost:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


@contextlib.contextmanager
def redis_server(directory):
    path = os.path.join(directory, "redis.sock")
    with subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", path, "--unixsocketperm", "777", "--save", "",
                           "--dir", directory], stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: os.path.exists(path), "Redis")
            yield path
        finally:
            process.kill()


def metered(volume="1 GB", more=""):
    return CSP.replace("1 GB", volume) + more


class Life(unittest.TestCase):
    def confined(self, server):
        """Whatever it has done, it is still what it should be, and has been refused nothing."""
        if SANITIZED:
            return
        for status in server.statuses():
            self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
            if IS_ROOT:
                self.assertEqual(int(status["CapEff"], 16), 0)

    def test_clients_come_by_every_transport(self):
        server = Broker(options=["--dtls", "--tcp-relay"], tls=True, threads=2)
        with server:
            for transport in ("udp", "tcp", "tls"):
                with self.subTest(transport=transport), server.client(transport) as client:
                    exchange(self, client)
            with self.subTest(transport="dtls"):
                self.dtls(server)
            with self.subTest("RFC 6062"), server.client("tcp") as client, socket.create_server(
                    ("127.0.0.1", 0)) as listener:
                self.assertEqual(client.allocate(tcp_relay=True).kind, 2)
                client.permit(listener.getsockname())
                with contextlib.closing(client.connect_peer(listener.getsockname())) as stream, \
                        contextlib.closing(listener.accept()[0]) as peer:
                    stream.sendall(b"hello")
                    self.assertEqual(peer.recv(5), b"hello")
            self.confined(server)
            self.assertEqual(server.stop(), 0)

    def dtls(self, server):
        username, password = credentials("dtls")
        peer_port = free_port()
        with subprocess.Popen([TOOLS / "turnutils_peer", "-L", "127.0.0.1", "-p", str(peer_port)],
                              stdout=subprocess.DEVNULL) as peer:
            try:
                done = subprocess.run([TOOLS / "turnutils_uclient", "-S", "-c", "-m", "1", "-n", "5", "-z", "5", "-u", username, "-w", password,
                                       "-e", "127.0.0.1", "-r", str(peer_port), "-p", str(server.port), "127.0.0.1"],
                                      capture_output=True, text=True, timeout=60, check=False)
                self.assertIn("tot_send_msgs=5, tot_recv_msgs=5", done.stdout)
            finally:
                peer.kill()

    def test_the_api_serves_and_takes_a_new_certificate(self):
        http_port = free_port()
        server = Broker(tls=True)
        prepare_renewal(server)
        broker = f'[broker.http]\nlisten_tls = "127.0.0.1:{http_port}"\ncertificate = "cert.pem"\nprivate_key = "key.pem"'
        server.write(broker, CSP.replace("[csp.acme]\n", f'[relay]\nurls = ["turn:127.0.0.1:{free_port()}"]\n'
                     f'[csp.acme]\napi_key = "{API_KEY}"\n'))
        with server:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            request = urllib.request.Request(
                f"https://127.0.0.1:{http_port}/v1/iceServers?cspID=acme&mediaType=data&clientName=alice",
                headers={"Authorization": f"Bearer {API_KEY}"})
            with urllib.request.urlopen(request, timeout=10, context=context) as answer:
                self.assertIn("iceServers", json.load(answer))
            before = certificate_of(server.port), certificate_of(http_port)
            renew(server)
            server.process.send_signal(signal.SIGUSR2)
            wait_for(lambda: certificate_of(server.port) != before[0], "a new certificate of TURN")
            wait_for(lambda: certificate_of(http_port) != before[1], "a new certificate of the API")
            self.confined(server)

    def test_the_broker_reloads_cuts_tells_rotates_and_drains(self):
        with Hook() as hook:
            webhook = f'[csp.acme.webhook]\nurl = "{hook.url}"\nsecret = "hook-secret-0123456789"\n'
            broker = 'drain_time = "10s"\n[broker.records]\nrotate_size = "4 kB"'
            with Broker(broker, metered(more=webhook)) as server:
                with server.client() as client:
                    exchange(self, client)
                    server.write(broker, metered("8 B", webhook))
                    server.log("configuration reloaded")
                    wait_for(lambda: not server.ctl("allocations")["allocations"], "the cut")
                server.process.send_signal(signal.SIGHUP)
                server.log("Plugin: reload")
                wait_for(lambda: hook.bodies, "a webhook")
                server.write(broker, metered("1 GB", webhook))
                wait_for(lambda: server.ctl("usage")["accounts"][0]["limit_octets"] == 10**9, "the new quota")
                for number in range(24):
                    with server.client(name=f"client-{number}") as client:
                        self.assertEqual(client.allocate().kind, 2)
                        client.refresh(0)
                wait_for(lambda: len(list(server.state.glob("usage.jsonl*"))) > 1, "rotated records")
                with server.client("tcp") as client:
                    self.assertEqual(client.allocate().kind, 2)
                    server.process.send_signal(signal.SIGTERM)
                    server.log("the plugin says when the server stops")
                    self.confined(server)
                    client.refresh(0)
                self.assertEqual(server.wait_exit(), 0)
                server.log("stopped, everything is settled")

    def test_the_log_rotates(self):
        server = Broker()
        logs = server.path / "logs"
        logs.mkdir()
        server.give(logs, USER)
        # The last of two counts.
        server.options += ["--log-file", str(logs / "turn.log"), "--simple-log", "--no-stdout-log"]
        server.ready = False
        with server:
            log = logs / "turn.log"
            wait_for(lambda: log.exists() and "turnbroker: seccomp: " in log.read_text(encoding="utf-8"), "the log")
            log.rename(logs / "turn.log.1")
            server.process.send_signal(signal.SIGHUP)
            wait_for(log.exists, "a new log")
            self.confined(server)

    def test_a_kill_is_settled_by_the_next_one(self):
        server = Broker()
        with server:
            with server.client() as client:
                exchange(self, client)
                server.process.kill()
                server.wait_exit()
            server.start()
            server.log("the earlier run did not end properly: settled 10 octets, 1 allocations were cut off")
            self.assertEqual(server.ctl("usage")["accounts"][0]["used_octets"], 10)
            with server.client() as client:
                exchange(self, client)
            self.confined(server)
            self.assertEqual(server.stop(), 0)

    def test_a_fleet_keeps_its_ledger_in_redis(self):
        server = Broker()
        with redis_server(server.directory.name) as path:
            server.write(f'[broker.store]\nkind = "redis"\nurl = "unix:{path}"\nvalidity_time = "1s"')
            with server:
                with server.client() as client:
                    exchange(self, client)
                self.confined(server)
                self.assertEqual(server.stop(), 0)
                rows = subprocess.run(["redis-cli", "-s", path, "KEYS", "turnbroker:*"], capture_output=True, text=True,
                                      check=True).stdout
                self.assertIn("turnbroker:", rows)

    def test_users_of_coturn_come_from_its_databases(self):
        server = Broker('default_csp = "acme"', options=["--lt-cred-mech", "--user=bob:secret"])
        with server, Client(server.port, username="bob", password="secret") as client:
            exchange(self, client)
            self.confined(server)

    @unittest.skipIf(SANITIZED, "a sanitizer keeps what was freed, and terabytes of its own")
    def test_secrets_are_gone_when_they_are_replaced(self):
        old, new = "first-secret-of-acme-XQZJ", "later-secret-of-acme-XQZJ"
        with Broker(csp=metered().replace(SECRET, old)) as server:
            with server.client(secret=old) as client:
                exchange(self, client)
            self.assertTrue(memory_has(server, old), "the search finds nothing")
            server.write(csp=metered().replace(SECRET, new))
            server.log("configuration reloaded")
            with server.client(secret=new) as client:
                exchange(self, client)
            wait_for(lambda: not memory_has(server, old), "the old secret is wiped")


def memory_has(server, text):
    """Whether the process has the text anywhere in memory it can write to."""
    wanted = text.encode()
    with open(f"/proc/{server.process.pid}/maps", encoding="utf-8") as maps, \
            open(f"/proc/{server.process.pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            words = line.split()
            if not words[1].startswith("rw") or "[vvar" in line:
                continue
            begin, end = (int(number, 16) for number in words[0].split("-"))
            memory.seek(begin)
            with contextlib.suppress(OSError):
                if wanted in memory.read(end - begin):
                    return True
    return False


if __name__ == "__main__":
    unittest.main()
