"""Metering over TLS and DTLS; allocations that move to another 5-tuple; privileges and daemons."""

import os
import pwd
import re
import signal
import struct
import subprocess
import time
import unittest

from turn_client import ALLOCATE, LIFETIME, NONCE, REFRESH, REQUESTED_TRANSPORT, Client, Message, NoAnswer, Peer
from turn_client import MOBILITY as MOBILITY_TICKET
from turn_server import TURNSERVER, Server, free_port, wait_for
from test_metering import SIZES, meter

TOOLS = os.path.dirname(TURNSERVER)
TLS, DTLS = 3, 4
RELEASED, EXPIRED = 0, 1


class Encrypted(unittest.TestCase):
    def test_tls_clients_are_counted_to_the_octet(self):
        for channel in (True, False):
            with Server("scripted", "realm x\ncredit 1000000\n", tls=True) as server, \
                    Client(server.port, "tls") as client, Peer() as peer:
                self.assertEqual(client.allocate().kind, 2)
                self.assertEqual(server.wait_event("credential_wanted")["transport"], TLS)
                client.bind_channel(0x4000, peer.address) if channel else client.permit(peer.address)
                for size in SIZES:
                    if channel:
                        client.send_channel(0x4000, b"c" * size)
                    else:
                        client.send_indication(peer.address, b"c" * size)
                    payload, sender = peer.receive()
                    peer.socket.sendto(payload, sender)
                    self.assertEqual(client.receive_data(), b"c" * size)
                self.assertEqual(meter(server)["used"], [sum(SIZES)] * 2)
                client.refresh(0)
                self.assertEqual(server.wait_event("closed")["used"], [sum(SIZES)] * 2)

    def test_what_is_queued_for_a_tls_client_arrives_when_the_allocation_is_cancelled(self):
        with Server("scripted", "realm x\ncredit 1000000\n", tls=True) as server, \
                Client(server.port, "tls") as client, Peer() as peer:
            client.allocate()
            client.bind_channel(0x4000, peer.address)
            for _ in range(20):
                peer.socket.sendto(b"p" * 1000, client.relayed)
            wait_for(lambda: meter(server)["used"][1] == 20000, "20 packets relayed")
            server.command("cancel", server.events("created")[0]["id"], 5)
            server.wait_event("closed")
            received = 0
            while octets := client.receive():
                received += len(octets) - 4
            self.assertEqual(received, 20000)

    def test_dtls_clients_are_counted_to_the_octet(self):
        for send in ([], ["-s"]):
            peer_port = free_port()
            with subprocess.Popen([os.path.join(TOOLS, "turnutils_peer"), "-L", "127.0.0.1", "-p", str(peer_port)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as echo:
                try:
                    with Server("scripted", "realm x\ncredit 1000000\n", ["--dtls"], tls=True) as server:
                        run = subprocess.run(
                            [os.path.join(TOOLS, "turnutils_uclient"), "-S", "-c", "-u", "alice", "-w", "secret",
                             "-e", "127.0.0.1", "-r", str(peer_port), "-p", str(server.port), "-n", "20", "-m", "1",
                             "-l", "333", *send, "127.0.0.1"],
                            capture_output=True, text=True, timeout=60, check=False,
                            # The tool does not free what it used at its end.
                            env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
                        self.assertEqual(run.returncode, 0, run.stdout)
                        self.assertEqual(server.wait_event("credential_wanted")["transport"], DTLS)
                        got = re.findall(r"tot_send_msgs=(\d+), tot_recv_msgs=(\d+)", run.stdout)[-1]
                        used = server.wait_event("closed")["used"]
                        self.assertEqual(got, ("20", "20"), run.stdout)
                        self.assertEqual(used, [20 * 333, 20 * 333])
                finally:
                    echo.kill()


MOBILITY = ["--mobility"]


class Mobility(unittest.TestCase):
    def test_an_allocation_that_moves_keeps_its_id_its_meter_and_its_state(self):
        for transport in ("udp", "tcp"):
            with Server("scripted", "realm x\ncredit 100000\n", MOBILITY) as server, \
                    Client(server.port, transport) as old, Peer() as peer:
                old.allocate(mobile=True)
                old.bind_channel(0x4000, peer.address)
                old.send_channel(0x4000, b"before")
                self.assertEqual(peer.receive()[0], b"before")
                with Client(server.port, transport) as new:
                    self.assertEqual(new.move(old).kind, 2)
                    refreshed = server.wait_event("refreshed")
                    self.assertEqual(refreshed["id"], server.events("created")[0]["id"])
                    self.assertEqual(refreshed["client"], "127.0.0.1:%d" % new.address[1])
                    new.send_channel(0x4000, b"after")
                    payload, sender = peer.receive()
                    self.assertEqual(payload, b"after")
                    peer.socket.sendto(b"answer", sender)
                    self.assertEqual(new.receive_data(), b"answer")
                    self.assertEqual(meter(server)["used"], [11, 6])
                    self.assertEqual(len(server.events("allocation_wanted")), 1)
                    self.assertEqual(new.refresh(0).kind, 2)
                    self.assertEqual(server.wait_event("closed")["used"], [11, 6])
                self.assertEqual(server.stop(), 0)
                self.assertEqual(len(server.events("closed")), 1)

    def test_an_allocation_that_moves_is_refreshed(self):
        with Server("scripted", "realm x\nlifetime_max 10\n", MOBILITY) as server, Client(server.port) as old:
            old.allocate(mobile=True)
            began = time.monotonic()
            # A part of the lifetime passes.
            with self.assertRaises(NoAnswer):
                old.receive(2)
            with Client(server.port) as new:
                self.assertEqual(new.move(old).lifetime, 10)
                self.assertEqual(server.wait_event("refreshed")["lifetime"], 10)
                self.assertEqual(server.wait_event("closed")["reason"], EXPIRED)
                self.assertGreater(time.monotonic() - began, 11)

    def test_an_allocation_that_moves_to_be_released_is_released(self):
        for transport in ("udp", "tcp"):
            with Server("scripted", "realm x\n", MOBILITY) as server, Client(server.port, transport) as old:
                old.allocate(mobile=True)
                with Client(server.port, transport) as new:
                    self.assertEqual(new.move(old, lifetime=0).lifetime, 0)
                    self.assertEqual(server.wait_event("closed")["reason"], RELEASED)
                self.assertEqual([event["lifetime"] for event in server.events("refreshed")], [0])
                self.assertEqual(server.stop(), 0)
                self.assertEqual(len(server.events("closed")), 1)

    def test_a_refresh_that_is_sent_again_is_told_once(self):
        with Server("scripted", "realm x\n", MOBILITY) as server, Client(server.port) as old, \
                Client(server.port) as new:
            old.allocate(mobile=True)
            challenge = new.request(REFRESH, (LIFETIME, struct.pack(">I", 600)), (MOBILITY_TICKET, old.ticket),
                                    challenge=False)
            self.assertEqual(challenge.error, 401)
            new.realm, new.nonce = old.realm, challenge.get(NONCE)
            for lifetime, ticket in ((700, old.ticket), (800, None), (700, None)):
                message = Message(REFRESH).add(LIFETIME, struct.pack(">I", lifetime))
                if ticket:
                    message.add(MOBILITY_TICKET, ticket)
                octets = new.sign(message)
                for _ in range(3):
                    new.send(octets)
                    self.assertEqual(new.answer_to(message.transaction).lifetime, lifetime)
            self.assertEqual([event["lifetime"] for event in server.events("refreshed")], [700, 800, 700])

    def test_a_cancelled_allocation_cannot_be_taken_over(self):
        with Server("scripted", "realm x\n", MOBILITY) as server, Client(server.port) as old:
            old.allocate(mobile=True)
            server.command("cancel", server.wait_event("created")["id"], 4)
            server.wait_event("closed")
            with Client(server.port) as new:
                self.assertEqual(new.move(old).error, 404)

    def test_nobody_else_can_take_it_over(self):
        with Server("scripted", "realm x\n", MOBILITY) as server, Client(server.port) as old, \
                Client(server.port, password="wrong") as thief:
            old.allocate(mobile=True)
            self.assertEqual(thief.move(old).error, 401)
            self.assertEqual(server.events("refreshed"), [])
            self.assertEqual(old.refresh(600).kind, 2)


class Process(unittest.TestCase):
    @unittest.skipUnless(os.getuid() == 0, "needs root to drop it")
    def test_the_plugin_starts_when_privileges_are_dropped(self):
        server = Server("scripted", "realm x\n", ["--proc-user=nobody"])
        os.chmod(server.directory.name, 0o777)
        with server, Client(server.port) as client:
            self.assertEqual(client.allocate().kind, 2)
            self.assertEqual(server.events("start")[0]["uid"], pwd.getpwnam("nobody").pw_uid)
            self.assertEqual(server.stop(), 0)

    def test_the_plugin_starts_in_the_daemon_and_stops_with_it(self):
        server = Server("scripted", "realm x\n", ["-o"], ready=False)
        with server:
            self.assertEqual(server.wait_exit(), 0)
            pid = server.wait_event("start")["pid"]
            try:
                self.assertNotEqual(pid, server.events("configure")[0]["pid"])
                wait_for(lambda: server.events("relay_thread_start"), "the relay thread begins")
                os.kill(pid, signal.SIGTERM)
                server.wait_event("stop")
            except AssertionError:
                os.kill(pid, signal.SIGKILL)
                raise

    def test_a_second_signal_does_not_wait(self):
        with Server("scripted", "realm x\nstop hangs\n") as server, Client(server.port) as client:
            client.allocate()
            server.process.send_signal(signal.SIGTERM)
            server.wait_event("stopping")
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.wait_exit(), -signal.SIGTERM)

    def test_a_relay_thread_that_hangs_in_a_hook_ends_the_server_with_a_line(self):
        with Server("scripted", "realm x\nhang allocation_created\n") as server, Client(server.port) as client:
            client.challenge()
            request = Message(ALLOCATE).add(REQUESTED_TRANSPORT, b"\x11\0\0\0")
            client.send(client.sign(request))
            server.wait_event("hanging")
            with self.assertRaises(NoAnswer):
                client.answer_to(request.transaction, 0.5)
            self.assertEqual(server.stop(), 1)
            self.assertIn("was not stopped: a relay thread does not end\n", server.output())
            self.assertEqual(server.events("stop"), [])


if __name__ == "__main__":
    unittest.main(warnings="ignore")
