"""cancel_allocation, and the end of the server."""

import contextlib
import signal
import socket
import threading
import time
import unittest

from turn_client import ALLOCATE, REQUESTED_TRANSPORT, Client, Message, NoAnswer, Peer
from turn_server import SANITIZED, Server, relay_ports, wait_for

RELEASED, CANCELLED, SHUTDOWN, EXHAUSTED = 0, 2, 3, 4
OK, UNKNOWN_ID, INVALID, UNAVAILABLE = 0, 1, 2, 3


class Cancel(unittest.TestCase):
    def test_a_cancelled_allocation_is_closed_with_the_reason_given(self):
        for transport in ("udp", "tcp"):
            with Server("scripted", "realm x\n") as server, Client(server.port, transport) as client, Peer() as peer:
                client.allocate()
                client.permit(peer.address)
                server.command("cancel", server.wait_event("created")["id"], EXHAUSTED)
                self.assertEqual(server.wait_event("cancel")["result"], OK)
                self.assertEqual(server.wait_event("closed")["reason"], EXHAUSTED)
                peer.socket.sendto(b"too late", client.relayed)
                if transport == "tcp":
                    self.assertEqual(client.receive(), b"")
                else:
                    # The 5-tuple is free again.
                    client.nonce = client.realm = None
                    self.assertEqual(client.allocate().kind, 2)
                self.assertEqual(server.stop(), 0)

    def test_a_mobile_allocation_without_a_client_is_closed_too(self):
        with Server("scripted", "realm x\n", ["--mobility"]) as server:
            with Client(server.port, "tcp") as client:
                client.allocate(mobile=True)
                identity = server.wait_event("created")["id"]
            wait_for(lambda: "closed (1st stage)" in server.output(), "the client's connection is gone")
            self.assertEqual(server.events("closed"), [])
            server.command("cancel", identity, CANCELLED)
            self.assertEqual(server.wait_event("closed")["reason"], CANCELLED)

    def test_unknown_ids_are_ignored_and_impossible_ones_refused(self):
        with Server("scripted", "realm x\n") as server, Client(server.port) as client:
            client.allocate()
            for number, (identity, reason, expected) in enumerate((
                    (12345, CANCELLED, OK), (200 * 10**15, CANCELLED, UNKNOWN_ID), (2**64 - 1, CANCELLED, UNKNOWN_ID),
                    (1, 6, INVALID), (1, 4000000000, INVALID)), 1):
                server.command("cancel", identity, reason - 2**32 if reason > 2**31 else reason)
                self.assertEqual(server.wait_event("cancel", number)["result"], expected)
            self.assertEqual(client.refresh(600).kind, 2)
            self.assertEqual(server.events("closed"), [])

    def test_a_cancel_of_an_allocation_that_failed_does_not_end_the_next_of_the_5_tuple(self):
        # One port to relay from: the second allocation finds none.
        with relay_ports(1) as options, Server("scripted", "realm x\n", options) as server, \
                Client(server.port) as one, Client(server.port) as two:
            self.assertEqual(one.allocate().kind, 2)
            failed = []
            for count in (1, 2):
                self.assertEqual(two.allocate().error, 508)
                closed = server.wait_event("closed", count)
                self.assertEqual((closed["created"], closed["id"]), (0, server.events("allocation_wanted")[count]["session"]))
                failed.append(closed["id"])
            one.refresh(0)
            server.wait_event("closed", 3)
            self.assertEqual(two.allocate().kind, 2)
            created = server.wait_event("created", 2)
            self.assertEqual(created["id"], server.events("allocation_wanted")[3]["session"])
            self.assertEqual(len({created["id"], *failed}), 3)
            for identity in failed:
                server.command("cancel", identity, EXHAUSTED)
            server.wait_event("cancel", 2)
            self.assertEqual(two.refresh(600).kind, 2)
            self.assertEqual(len(server.events("closed")), 3)
            server.command("cancel", created["id"], EXHAUSTED)
            closed = server.wait_event("closed", 4)
            self.assertEqual((closed["id"], closed["reason"]), (created["id"], EXHAUSTED))
            self.assertEqual(server.stop(), 0)
            self.assertEqual(len(server.events("closed")), 4)

    def test_an_allocation_after_one_that_failed_is_closed_once_by_the_end_of_the_server(self):
        with relay_ports(1) as options, Server("scripted", "realm x\n", options) as server, \
                Client(server.port) as one, Client(server.port) as two:
            self.assertEqual(one.allocate().kind, 2)
            self.assertEqual(two.allocate().error, 508)
            one.refresh(0)
            server.wait_event("closed", 2)
            self.assertEqual(two.allocate().kind, 2)
            self.assertEqual(server.stop(), 0)
            closed = server.events("closed")
            self.assertEqual([event["created"] for event in closed], [0, 1, 1])
            self.assertEqual((closed[2]["id"], closed[2]["reason"]), (server.events("created")[1]["id"], SHUTDOWN))

    def test_a_hundred_thousand_cancels_do_not_stop_the_traffic(self):
        with Server("scripted", "realm x\n") as server, Client(server.port) as client, Peer() as peer:
            client.allocate()
            client.bind_channel(0x4000, peer.address)
            server.command("cancel", 10**9, CANCELLED, 100000)
            client.send_channel(0x4000, b"still here")
            self.assertEqual(peer.receive()[0], b"still here")
            self.assertEqual(server.wait_event("cancel")["result"], OK)
            server.command("cancel", server.events("created")[0]["id"], CANCELLED)
            server.wait_event("closed")

    def test_many_allocations_can_be_cancelled_at_once(self):
        with Server("scripted", "realm x\n", threads=2) as server:
            clients = [Client(server.port, "tcp" if i % 2 else "udp") for i in range(40)]
            for client in clients:
                self.assertEqual(client.allocate().kind, 2)
            for event in server.events("created"):
                server.command("cancel", event["id"], CANCELLED)
            server.wait_event("closed", 40)
            self.assertEqual({event["reason"] for event in server.events("closed")}, {CANCELLED})
            for client in clients:
                client.close()
            self.assertEqual(server.stop(), 0)
            self.assertEqual(len(server.events("closed")), 40)


class Stop(unittest.TestCase):
    def test_sigterm_and_sigint_close_every_allocation_and_end_with_zero(self):
        for signum in (signal.SIGTERM, signal.SIGINT):
            with Server("scripted", "realm x\n", threads=2) as server:
                clients = [Client(server.port, "tcp" if i % 2 else "udp") for i in range(10)]
                for client in clients:
                    client.allocate()
                    client.permit(("127.0.0.1", 9))
                self.assertEqual(server.stop(signum), 0)
                closed = server.events("closed")
                self.assertEqual({event["reason"] for event in closed}, {SHUTDOWN})
                self.assertEqual(sorted(event["id"] for event in closed),
                                 sorted(event["id"] for event in server.events("created")))
                self.assertEqual(len(server.events("permission_expired")), 10)
                self.assertEqual(server.events()[-1]["event"], "stop")
                for client in clients:
                    client.close()

    def test_requests_that_wait_for_the_plugin_do_not_hold_up_the_end(self):
        with Server("scripted", "realm x\nallocation pending\n") as server, Client(server.port) as client:
            client.challenge()
            request = Message(ALLOCATE).add(REQUESTED_TRANSPORT, b"\x11\0\0\0")
            client.send(client.sign(request))
            server.wait_event("allocation_wanted")
            with self.assertRaises(NoAnswer):
                client.answer_to(request.transaction, 0.3)
            self.assertEqual(server.stop(), 0)

    def test_without_a_plugin_sigterm_kills_as_ever(self):
        with Server(options=["-z"]) as server:
            self.assertEqual(server.stop(), -signal.SIGTERM)


class Redis:
    """Knows nothing, and says nothing any more when it is told to be silent."""

    def __init__(self):
        self.silent, self.asked_in_vain = False, threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self.listener.accept()[0],), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            # The server sends one command at a time.
            while command := connection.recv(4096).lower():
                if self.silent:
                    self.asked_in_vain.set()
                else:
                    connection.sendall(b"*0\r\n" if b"keys" in command or b"smembers" in command else b"$-1\r\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


class Threads(unittest.TestCase):
    """At the end of the process only relay threads are left, which stand still."""

    def stop(self, *options):
        with Server("scripted", "realm x\n", options, preload="late_exit") as server:
            with Client(server.port) as client:
                self.assertEqual(client.allocate().kind, 2)
                began = time.monotonic()
                self.assertEqual(server.stop(), 0)
                took = time.monotonic() - began
            self.assertIn("late_exit: 1 threads\n", server.output())
            return took

    @unittest.skipIf(SANITIZED, "a sanitizer has threads of its own, and is loaded first")
    def test_authentication_threads_end_before_the_process(self):
        for _ in range(5):
            # They are not waited for until their next turn, of five seconds.
            self.assertLess(self.stop(), 4)

    @unittest.skipIf(SANITIZED, "a sanitizer has threads of its own, and is loaded first")
    def test_also_when_the_database_is_away(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            self.assertLess(self.stop(f"--redis-userdb=ip=127.0.0.1 port={closed.getsockname()[1]}"), 4)

    @unittest.skipIf(SANITIZED, "a sanitizer has threads of its own, and is loaded first")
    def test_one_that_hangs_in_a_database_keeps_the_server_for_a_while_only(self):
        with Redis() as redis:
            with Server("scripted", "realm x\n", [f"--redis-userdb=ip=127.0.0.1 port={redis.port}"]) as server:
                redis.silent = True
                self.assertTrue(redis.asked_in_vain.wait(20))
                self.assertEqual(server.stop(), 0)
                self.assertIn("does not end: the server ends without it", server.output())


class StopWanted(unittest.TestCase):
    def talk(self, client, peer):
        client.send_channel(0x4000, b"to the peer")
        self.assertEqual(peer.receive()[0], b"to the peer")
        peer.socket.sendto(b"to the client", client.relayed)
        self.assertEqual(client.receive_data(), b"to the client")

    def ended(self, server, asked):
        """The server has closed everything, stopped the plugin and ended well."""
        self.assertEqual(server.wait_exit(), 0)
        self.assertEqual({event["reason"] for event in server.events("closed")}, {SHUTDOWN})
        self.assertEqual(len(server.events("closed")), len(server.events("created")))
        self.assertEqual(len(server.events("stop_wanted")), asked)
        self.assertEqual(server.events()[-1]["event"], "stop")

    def test_a_plugin_that_puts_off_the_end_gets_it_when_it_asks(self):
        for signum, threads in ((signal.SIGTERM, 2), (signal.SIGINT, 0)):
            with self.subTest(signum=signum, threads=threads), \
                    Server("scripted", "realm x\nstop_wanted later\n", threads=threads) as server, \
                    Client(server.port) as client, Client(server.port, "tcp") as late, Peer() as peer:
                client.allocate()
                client.bind_channel(0x4000, peer.address)
                server.process.send_signal(signum)
                server.wait_event("stop_wanted")
                # All goes on: what is to be refused is the plugin's matter.
                self.talk(client, peer)
                self.assertEqual(client.refresh(600).kind, 2)
                self.assertEqual(late.allocate().kind, 2)
                self.assertIsNone(server.process.poll())
                server.command("stop")
                self.ended(server, asked=1)
                self.assertEqual(server.events("stop_server")[0]["result"], OK)

    def test_a_second_signal_stops_at_once_and_asks_nobody(self):
        for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)):
            with self.subTest(second=second), \
                    Server("scripted", "realm x\nstop_wanted later\n", threads=2) as server, \
                    Client(server.port) as client:
                client.allocate()
                server.process.send_signal(first)
                server.wait_event("stop_wanted")
                server.process.send_signal(second)
                self.ended(server, asked=1)

    def test_a_plugin_that_wants_no_delay_is_stopped_by_the_first_signal(self):
        with Server("scripted", "realm x\nstop_wanted now\n") as server, Client(server.port) as client:
            client.allocate()
            server.process.send_signal(signal.SIGTERM)
            self.ended(server, asked=1)

    def test_a_plugin_without_the_hook_is_stopped_by_the_first_signal(self):
        with Server("scripted_older", "realm x\nstop_wanted later\n") as server, Client(server.port) as client:
            client.allocate()
            server.process.send_signal(signal.SIGTERM)
            self.ended(server, asked=0)
        with Server("null_callbacks", options=["-z"]) as server:
            self.assertEqual(server.stop(), 0)

    def test_a_plugin_may_ask_for_the_end_from_any_thread_and_more_than_once(self):
        with Server("scripted", "realm x\n", threads=2) as server, Client(server.port) as client:
            client.allocate()
            with server.stopped():
                server.command("stop")
                server.command("stop")
            self.ended(server, asked=0)
        for threads in (0, 1):
            with self.subTest(threads=threads), \
                    Server("scripted", "realm x\ncreated stops\n", threads=threads) as server, \
                    Client(server.port) as client:
                self.assertEqual(client.allocate().kind, 2)
                self.ended(server, asked=0)
                self.assertEqual(server.events("stop_server")[0]["result"], OK)

    def test_the_first_signal_does_not_kill_a_server_that_stops_by_itself(self):
        def caught(server):
            with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
                mask = next(line for line in status if line.startswith("SigCgt:"))
            return int(mask.split()[1], 16) >> signal.SIGTERM - 1 & 1

        with Server("scripted", "realm x\nstop hangs\n") as server:
            server.command("stop")
            server.wait_event("stopping")
            self.assertTrue(caught(server))
            server.process.send_signal(signal.SIGTERM)
            wait_for(lambda: not caught(server), "the first signal was taken")
            self.assertIsNone(server.process.poll())
            self.assertEqual(server.stop(), -signal.SIGTERM)

    def test_a_signal_while_the_plugin_starts_waits_until_it_has(self):
        server = Server("scripted", "realm x\nstart is_signalled\n", ready=False)
        with server:
            self.assertEqual(server.wait_exit(), 0)
            self.assertEqual(len(server.events("stop_wanted")), 1)
            self.assertEqual(server.events()[-1]["event"], "stop")

    def test_a_server_that_does_not_run_yet_cannot_be_stopped(self):
        with Server("scripted", "realm x\nstart asks_stop\n") as server, Client(server.port) as client:
            self.assertEqual(server.events("stop_server")[0]["result"], UNAVAILABLE)
            self.assertEqual(client.allocate().kind, 2)
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
