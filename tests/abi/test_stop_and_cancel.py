"""cancel_allocation, and the end of the server."""

import signal
import unittest

from turn_client import Client, NoAnswer, Peer
from turn_server import Server, wait_for

RELEASED, CANCELLED, SHUTDOWN, EXHAUSTED = 0, 2, 3, 4
OK, UNKNOWN_ID, INVALID = 0, 1, 2


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
        with Server("scripted", "realm x\n", ["--min-port", "49998", "--max-port", "49998"]) as server, \
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
        with Server("scripted", "realm x\n", ["--min-port", "49997", "--max-port", "49997"]) as server, \
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
            with self.assertRaises(NoAnswer):
                client.allocate(seconds=0.3)
            server.wait_event("allocation_wanted")
            self.assertEqual(server.stop(), 0)

    def test_without_a_plugin_sigterm_kills_as_ever(self):
        with Server(options=["-z"]) as server:
            self.assertEqual(server.stop(), -signal.SIGTERM)


if __name__ == "__main__":
    unittest.main()
