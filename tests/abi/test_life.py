"""The life of allocations, permissions and channels, as a recording plugin sees it."""

import signal
import unittest

from turn_client import Client, Message, Peer, ALLOCATE, REQUESTED_TRANSPORT
from turn_server import Server, relay_ports, wait_for

RELEASED, EXPIRED, CANCELLED, SHUTDOWN = 0, 1, 2, 3


def names(server, *which):
    return [event["event"] for event in server.events() if event["event"] in which]


class Life(unittest.TestCase):
    def test_start_comes_first_and_relay_threads_begin_before_any_other_hook(self):
        with Server("scripted", "realm x\n", threads=2) as server, Client(server.port) as client:
            client.allocate()
            self.assertEqual(server.stop(), 0)
            events = [event["event"] for event in server.events() if event["event"] != "tick"]
            self.assertEqual(events[:2], ["configure", "start"])
            self.assertEqual(server.events("start")[0]["relay_threads"], 2)
            self.assertEqual(sorted(e["thread"] for e in server.events("relay_thread_start")), [0, 1])
            self.assertLess(events.index("relay_thread_start"), events.index("credential_wanted"))
            self.assertEqual(sorted(e["thread"] for e in server.events("relay_thread_stop")), [0, 1])
            self.assertEqual(events[-1], "stop")
            self.assertEqual(events.count("closed"), 1)
            self.assertLess(events.index("closed"), len(events) - 1 - events[::-1].index("relay_thread_stop"))

    def test_every_network_engine_and_the_main_thread_as_relay_work_and_stop(self):
        for options, threads, expected in ((["--ne=1"], 2, 2), (["--ne=2"], 2, 3), (["--ne=3"], 2, 2),
                                           ([], 0, 1), (["--ne=2"], 1, 1), (["--ne=1"], 0, 1)):
            with self.subTest(options=options, threads=threads), \
                    Server("scripted", "realm x\ncredit 1000\n", options, threads) as server:
                for transport in ("udp", "tcp"):
                    with Client(server.port, transport) as client, Peer() as peer:
                        self.assertEqual(client.allocate().kind, 2)
                        client.permit(peer.address)
                        client.send_indication(peer.address, b"hello")
                        self.assertEqual(peer.receive()[0], b"hello")
                # A thread that no client came to may still be on its way up: its tick tells that it is there.
                wait_for(lambda s=server, n=expected: {e["thread"] for e in s.events("tick")} == set(range(n)),
                         "every relay thread ticks")
                starts = server.events("relay_thread_start")
                self.assertEqual(server.events("start")[0]["relay_threads"], expected)
                self.assertEqual(sorted(event["thread"] for event in starts), list(range(expected)))
                self.assertEqual(server.stop(), 0)
                self.assertEqual(len(server.events("closed")), 2)
                self.assertEqual(len(server.events("relay_thread_stop")), expected)

    def test_an_allocation_released_by_its_client_is_closed_once(self):
        with Server("scripted", "realm x\nplugin_data 99\n") as server, Client(server.port) as client:
            self.assertEqual(client.allocate(lifetime=900).lifetime, 900)
            created = server.wait_event("created")
            self.assertEqual((created["data"], created["lifetime"], created["relayed6"]), (99, 900, "none"))
            self.assertEqual(created["client"], "127.0.0.1:%d" % client.address[1])
            self.assertEqual(created["relayed"], "127.0.0.1:%d" % client.relayed[1])
            client.refresh(700)
            self.assertEqual(server.wait_event("refreshed")["lifetime"], 700)
            client.refresh(0)
            self.assertEqual(server.wait_event("refreshed", 2)["lifetime"], 0)
            closed = server.wait_event("closed")
            self.assertEqual((closed["reason"], closed["created"], closed["data"]), (RELEASED, 1, 99))
            self.assertEqual(server.stop(), 0)
            self.assertEqual(len(server.events("closed")), 1)

    def test_a_client_that_goes_away_releases_its_allocation(self):
        with Server("scripted", "realm x\n") as server:
            with Client(server.port, "tcp") as client:
                client.allocate()
            self.assertEqual(server.wait_event("closed")["reason"], RELEASED)
            self.assertEqual(server.stop(), 0)
            self.assertEqual(len(server.events("closed")), 1)

    def test_the_plugin_may_shorten_the_lifetime_also_of_a_refresh_and_it_expires(self):
        with Server("scripted", "realm x\nlifetime_max 2\n") as server, Client(server.port) as client:
            self.assertEqual(client.allocate(lifetime=600).lifetime, 2)
            self.assertEqual(client.refresh(600).lifetime, 2)
            self.assertEqual(server.wait_event("closed")["reason"], EXPIRED)

    def test_the_expiry_of_a_mobile_allocation_is_told_at_once(self):
        with Server("scripted", "realm x\nlifetime_max 1\n", ["--mobility"]) as server, Client(server.port) as client:
            self.assertEqual(client.allocate(mobile=True).kind, 2)
            self.assertEqual(server.wait_event("closed")["reason"], EXPIRED)

    def test_a_retransmitted_allocate_asks_nobody(self):
        with Server("scripted", "realm x\n") as server, Client(server.port) as client:
            client.challenge()
            message = Message(ALLOCATE).add(REQUESTED_TRANSPORT, b"\x11\0\0\0")
            octets = client.sign(message)
            for _ in range(3):
                client.send(octets)
                self.assertEqual(client.answer_to(message.transaction).kind, 2)
            self.assertEqual(len(server.events("allocation_wanted")), 1)
            self.assertEqual(len(server.events("created")), 1)

    def test_an_allocation_that_fails_after_it_was_allowed_is_closed_as_not_created(self):
        # One port to relay from: the second allocation finds none.
        with relay_ports(1) as options, Server("scripted", "realm x\n", options) as server, \
                Client(server.port) as one, Client(server.port) as two:
            self.assertEqual(one.allocate().kind, 2)
            self.assertEqual(two.allocate().error, 508)
            closed = server.wait_event("closed")
            self.assertEqual((closed["created"], closed["id"]), (0, server.events("allocation_wanted")[1]["session"]))
            self.assertEqual(len(server.events("created")), 1)

    def test_a_quota_of_the_server_comes_before_the_plugin(self):
        with Server("scripted", "realm x\n", ["--user-quota", "1"]) as server, \
                Client(server.port) as one, Client(server.port) as two:
            self.assertEqual(one.allocate().kind, 2)
            self.assertEqual(two.allocate().error, 486)
            self.assertEqual(len(server.events("allocation_wanted")), 1)

    def test_a_rejection_by_the_plugin_gives_the_servers_quota_back(self):
        with Server("scripted", "realm x\nallocation reject\nerror_code 486\n", ["--user-quota", "1"]) as server, \
                Client(server.port) as one, Client(server.port) as two:
            self.assertEqual(one.allocate().error, 486)
            self.assertEqual(two.allocate().error, 486)
            self.assertEqual(len(server.events("allocation_wanted")), 2)


class Flows(unittest.TestCase):
    def test_permissions_and_channels_are_told_with_both_addresses_and_end_before_the_close(self):
        with Server("scripted", "realm x\n", ["--permission-lifetime=300", "--channel-lifetime=600"]) as server, \
                Client(server.port) as client, Peer() as one, Peer() as two:
            client.allocate()
            client.permit(one.address)
            bound = server.wait_event("permission_bound")
            self.assertEqual((bound["channel"], bound["lifetime"], bound["peer"]), (0, 300, "127.0.0.1:0"))
            self.assertEqual(bound["client"], "127.0.0.1:%d" % client.address[1])
            self.assertEqual(bound["relayed"], "127.0.0.1:%d" % client.relayed[1])
            client.bind_channel(0x4001, two.address)
            channel = server.wait_event("channel_bound")
            self.assertEqual((channel["channel"], channel["lifetime"]), (0x4001, 600))
            self.assertEqual(channel["peer"], "127.0.0.1:%d" % two.address[1])
            client.bind_channel(0x4001, two.address)
            server.wait_event("channel_bound", 2)
            client.refresh(0)
            server.wait_event("closed")
            self.assertEqual(names(server, "channel_expired", "permission_expired", "closed"),
                             ["channel_expired", "permission_expired", "closed"])
            for event in server.events("channel_expired") + server.events("permission_expired"):
                self.assertEqual((event["lifetime"], event["client"], event["relayed"]),
                                 (0, bound["client"], bound["relayed"]))

    def test_a_permission_and_a_channel_expire_by_themselves_once(self):
        with Server("scripted", "realm x\n", ["--permission-lifetime=1", "--channel-lifetime=1"]) as server, \
                Client(server.port) as client, Peer() as peer:
            client.allocate()
            client.bind_channel(0x4001, peer.address)
            server.wait_event("channel_expired")
            server.wait_event("permission_expired")
            client.refresh(0)
            server.wait_event("closed")
            self.assertEqual(len(server.events("channel_expired")), 1)
            self.assertEqual(len(server.events("permission_expired")), 1)

    def test_a_mobile_client_that_left_for_good_ends_its_flows_with_the_server(self):
        with Server("scripted", "realm x\n", ["--mobility"]) as server:
            with Client(server.port, "tcp") as client:
                client.allocate(mobile=True)
                client.permit(("127.0.0.1", 9))
            self.assertEqual(server.stop(), 0)
            self.assertEqual(names(server, "permission_expired", "closed"), ["permission_expired", "closed"])
            self.assertEqual(server.events("closed")[0]["reason"], SHUTDOWN)


class Signals(unittest.TestCase):
    def test_sighup_reloads_the_plugin(self):
        with Server("scripted", "realm x\n") as server:
            for count in (1, 2, 3):
                server.process.send_signal(signal.SIGHUP)
                server.wait_event("reload", count)
            self.assertIsNone(server.process.poll())

    def test_what_the_plugin_logs_is_one_line(self):
        with Server("scripted", "realm x\n") as server:
            server.command("log", "first|second\x07third")
            server.wait_event("logged")
            wait_for(lambda: "first\\nsecond\\x07third\n" in server.output(), "the line in the log")


if __name__ == "__main__":
    unittest.main()
