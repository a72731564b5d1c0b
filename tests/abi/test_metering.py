"""What is relayed is counted to the octet, and nothing is relayed without credit."""

import unittest

from turn_client import Client, NoAnswer, Peer
from turn_server import Server

SIZES = (0, 1, 2, 3, 4, 5, 159, 160, 1200, 1452)


def meter(server):
    """The meter of the last allocation, now."""
    count = len(server.events("meter"))
    server.command("meter")
    return server.wait_event("meter", count + 1)


class Counting(unittest.TestCase):
    def exchange(self, transport, channel):
        with Server("scripted", "realm x\ncredit 1000000\n") as server, Client(server.port, transport) as client, \
                Peer() as peer:
            self.assertEqual(client.allocate().kind, 2)
            if channel:
                client.bind_channel(0x4000, peer.address)
            else:
                client.permit(peer.address)
            received = [0, 0]
            for size in SIZES:
                if channel:
                    client.send_channel(0x4000, b"c" * size)
                else:
                    client.send_indication(peer.address, b"c" * size)
                payload, sender = peer.receive()
                self.assertEqual(payload, b"c" * size)
                received[0] += len(payload)
                peer.socket.sendto(b"p" * size, sender)
                payload = client.receive_data()
                self.assertEqual(payload, b"p" * size)
                received[1] += len(payload)
            state = meter(server)
            self.assertEqual(state["used"], received)
            self.assertEqual(state["packets"], [len(SIZES), len(SIZES)])
            self.assertEqual(state["credit"], 1000000 - sum(received))
            client.refresh(0)
            self.assertEqual(server.wait_event("closed")["used"], received)

    def test_channels_over_udp(self):
        self.exchange("udp", True)

    def test_indications_over_udp(self):
        self.exchange("udp", False)

    def test_channels_over_tcp(self):
        self.exchange("tcp", True)

    def test_indications_over_tcp(self):
        self.exchange("tcp", False)

    def test_a_direction_that_is_not_charged_is_counted_only(self):
        for charge, spent in (("client_to_peer", 10), ("peer_to_client", 7), ("none", 0), ("both", 17)):
            with Server("scripted", f"realm x\ncredit 100\ncharge {charge}\n") as server, \
                    Client(server.port) as client, Peer() as peer:
                client.allocate()
                client.bind_channel(0x4000, peer.address)
                client.send_channel(0x4000, b"c" * 10)
                peer.socket.sendto(b"p" * 7, peer.receive()[1])
                client.receive_data()
                state = meter(server)
                self.assertEqual((state["used"], state["credit"]), ([10, 7], 100 - spent))

    def test_nothing_is_charged_without_a_permission(self):
        with Server("scripted", "realm x\ncredit 100\n") as server, Client(server.port) as client, \
                Peer("127.0.0.2") as stranger, Peer() as peer:
            client.allocate()
            client.send_indication(stranger.address, b"no permission")
            stranger.socket.sendto(b"no permission", client.relayed)
            client.send_channel(0x4abc, b"no channel")
            client.permit(peer.address)
            client.send_indication(peer.address, b"now")
            self.assertEqual(peer.receive()[0], b"now")
            self.assertEqual(meter(server)["used"], [3, 0])

    def test_a_bandwidth_limit_of_the_server_gives_back_what_it_dropped(self):
        with Server("scripted", "realm x\ncredit 1000000\n", ["--max-bps=2000"]) as server, \
                Client(server.port) as client, Peer() as peer:
            client.allocate()
            client.bind_channel(0x4000, peer.address)
            for _ in range(40):
                client.send_channel(0x4000, b"c" * 300)
            self.assertEqual(client.refresh(600).kind, 2)
            received = 0
            try:
                while True:
                    received += len(peer.receive(0.5)[0])
            except NoAnswer:
                pass
            self.assertLess(received, 40 * 300)
            self.assertEqual(meter(server)["used"][0], received)


class Refusing(unittest.TestCase):
    def flood(self, config, count=20, size=100):
        """Sends from the client; returns what arrived and the meter."""
        with Server("scripted", "realm x\n" + config) as server, Client(server.port) as client, Peer() as peer:
            client.allocate()
            client.bind_channel(0x4000, peer.address)
            for _ in range(count):
                client.send_channel(0x4000, b"c" * size)
            self.assertEqual(client.refresh(600).kind, 2)
            received = 0
            try:
                while True:
                    received += len(peer.receive(0.3)[0])
            except NoAnswer:
                pass
            return received, meter(server), server.events()

    def test_the_packet_that_exceeds_the_credit_is_not_relayed(self):
        received, state, _ = self.flood("credit 1050\n")
        self.assertEqual((received, state["used"][0], state["credit"]), (1000, 1000, 50))

    def test_no_credit_relays_nothing_in_either_direction(self):
        with Server("scripted", "realm x\ncredit 0\n") as server, Client(server.port) as client, Peer() as peer:
            client.allocate()
            client.bind_channel(0x4000, peer.address)
            client.send_channel(0x4000, b"c")
            peer.socket.sendto(b"p", client.relayed)
            # What costs nothing is relayed.
            client.send_channel(0x4000, b"")
            self.assertEqual(peer.receive()[0], b"")
            peer.socket.sendto(b"", client.relayed)
            self.assertEqual(client.receive_data(), b"")
            state = meter(server)
            self.assertEqual((state["used"], state["packets"], state["credit"]), ([0, 0], [1, 1], 0))

    def test_granted_credit_is_spent_and_asked_for_as_needed(self):
        received, state, events = self.flood("credit 250\ncredit_wanted grant\ngrants 3\n")
        # Two packets from 250, three of 100 each from grants of 100; 50 remain.
        self.assertEqual((received, state["used"][0], state["credit"]), (500, 500, 50))
        self.assertEqual([e["needed"] for e in events if e["event"] == "credit_wanted"], [100, 100, 100])

    def test_a_meter_may_be_swapped_and_the_new_one_is_used(self):
        received, state, events = self.flood("credit 150\ncredit_wanted swap\nswap_credit 450\n", 5)
        self.assertEqual(received, 500)
        self.assertEqual((state["used"][0], state["credit"]), (400, 50))
        self.assertEqual(len([e for e in events if e["event"] == "credit_wanted"]), 1)

    def test_a_meter_that_is_given_without_credit_is_not_taken(self):
        for how in ("swap_later", "swap_exhausted"):
            with Server("scripted", f"realm x\ncredit 150\ncredit_wanted {how}\nswap_credit 1000\n") as server, \
                    Client(server.port) as client, Peer() as peer:
                client.allocate()
                client.bind_channel(0x4000, peer.address)
                for _ in range(3):
                    client.send_channel(0x4000, b"c" * 100)
                client.send_channel(0x4000, b"c" * 50)
                self.assertEqual([len(peer.receive()[0]) for _ in range(2)], [100, 50])
                state = meter(server)
                self.assertEqual((state["used"][0], state["credit"]), (0, 1000))
                client.refresh(0)
                closed = server.wait_event("closed")
                self.assertEqual((closed["used"][0], closed["credit"]), (150, 0))

    def test_a_grant_without_a_meter_keeps_the_one_in_use(self):
        received, state, _ = self.flood("credit 250\ncredit_wanted grant_null\ngrants 3\n")
        self.assertEqual((received, state["used"][0], state["credit"]), (500, 500, 50))

    def test_a_meter_that_is_given_with_too_little_credit_is_in_use_all_the_same(self):
        with Server("scripted", "realm x\ncredit 0\ncredit_wanted swap\nswap_credit 99\n") as server, \
                Client(server.port) as client, Peer() as peer:
            client.allocate()
            client.bind_channel(0x4000, peer.address)
            client.send_channel(0x4000, b"c" * 100)
            client.send_channel(0x4000, b"c" * 99)
            self.assertEqual(len(peer.receive()[0]), 99)
            client.refresh(0)
            closed = server.wait_event("closed")
            self.assertEqual((closed["used"][0], closed["credit"]), (99, 0))
            self.assertEqual(len(server.events("credit_wanted")), 4)

    def test_a_plugin_that_lies_about_granting_is_asked_a_bounded_number_of_times(self):
        received, state, events = self.flood("credit 0\ncredit_wanted lie\n", 1)
        self.assertEqual((received, state["used"][0], state["credit"]), (0, 0, 0))
        self.assertEqual(len([e for e in events if e["event"] == "credit_wanted"]), 4)

    def test_later_drops_a_datagram_and_credit_that_comes_lets_the_next_through(self):
        with Server("scripted", "realm x\ncredit 0\ncredit_wanted later\n") as server, Client(server.port) as client, \
                Peer() as peer:
            client.allocate()
            client.bind_channel(0x4000, peer.address)
            client.send_channel(0x4000, b"lost")
            server.wait_event("refused")
            server.command("credit", 5)
            server.wait_event("credited")
            client.send_channel(0x4000, b"there")
            self.assertEqual(peer.receive()[0], b"there")
            self.assertEqual(meter(server)["used"], [5, 0])


class Unmetered(unittest.TestCase):
    def test_an_allocation_without_a_meter_is_relayed_and_closed(self):
        with Server("scripted", "realm x\n") as server, Client(server.port) as client, Peer() as peer:
            client.allocate()
            client.bind_channel(0x4000, peer.address)
            client.send_channel(0x4000, b"hello")
            self.assertEqual(peer.receive()[0], b"hello")
            client.refresh(0)
            self.assertEqual(server.wait_event("closed")["used"], [0, 0])


if __name__ == "__main__":
    unittest.main()
