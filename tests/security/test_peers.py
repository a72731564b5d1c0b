"""Rows 6 to 10: which peers a relay may be led to."""

import subprocess
import unittest

import row
from row import Row, Server, allocation, ask_about, permitted
from turn_client import CHANNEL_BIND, CHANNEL_NUMBER, CONNECT, REQUESTED_TRANSPORT
from turn_server import run_to_end

RELAYS = ["-z", "-E", "127.0.0.1", "-E", "::1"]
# Somewhere on the public Internet, in every form that carries an IPv4 address: nothing may deny these.
HARMLESS = ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "64:ff9b:1::808:808",
            "2002:808:808::1", "2001:0:808:808::f7f7:f7f7"]


class PeerRow(Row):
    OPTIONS = []
    FORBIDDEN = []

    def is_affected(self, binary):
        with Server(binary, [*RELAYS, *self.OPTIONS]) as server:
            self.assertEqual(permitted(server, HARMLESS), HARMLESS)
            return permitted(server, self.FORBIDDEN) != []

    def test_channels_and_connections_are_refused_alike(self):
        forbidden = [peer for peer in self.FORBIDDEN if ":" in peer]
        with Server(row.OURS, [*RELAYS, *self.OPTIONS]) as server:
            with allocation(server, 6) as client:
                for number, peer in enumerate(forbidden):
                    channel = (CHANNEL_NUMBER, bytes([0x40, number, 0, 0]))
                    self.assertEqual(ask_about(client, CHANNEL_BIND, peer, channel).error, 403, peer)
            with allocation(server, 6, "tcp", (REQUESTED_TRANSPORT, b"\x06\0\0\0")) as client:
                for peer in forbidden:
                    self.assertEqual(ask_about(client, CONNECT, peer).error, 403, peer)


class MappedAddresses(PeerRow, unittest.TestCase):
    ROW, ID = 6, "acl-v4mapped"
    OPTIONS = ["--denied-peer-ip=10.0.0.0-10.255.255.255", "--no-multicast-peers"]
    FORBIDDEN = ["::ffff:10.1.2.3", "::ffff:0.0.0.0", "::ffff:0.1.2.3", "::ffff:224.0.0.1"]

    def test_no_form_gets_around_a_rule(self):
        with Server(row.OURS, [*RELAYS, *self.OPTIONS]) as server:
            self.assertEqual(permitted(server, ["10.1.2.3", "224.0.0.1", "ff02::1", "::"]), [])


class MappedLoopback(PeerRow, unittest.TestCase):
    ROW, ID = 7, "acl-loopback-mapped"
    FORBIDDEN = ["::ffff:127.0.0.1", "::ffff:127.0.0.2"]

    def test_loopback_is_open_to_who_asks_for_it(self):
        peers = ["127.0.0.1", "::1", *self.FORBIDDEN, "64:ff9b::7f00:1"]
        with Server(row.OURS, RELAYS) as server:
            self.assertEqual(permitted(server, peers), [])
        with Server(row.OURS, RELAYS, loopback=True) as server:
            self.assertEqual(permitted(server, peers), peers)


class EmbeddedAddresses(PeerRow, unittest.TestCase):
    ROW, ID = 8, "acl-embedded-v4-and-scopes"
    OPTIONS = ["--denied-peer-ip=10.0.0.0-10.255.255.255"]
    EMBEDDED = ["::127.0.0.1", "::10.1.2.3", "::ffff:0:10.1.2.3", "64:ff9b::7f00:1", "64:ff9b::a01:203",
                # The four places of RFC 6052 in the prefix of RFC 8215: after 96, 48, 56 and 64 bits.
                "64:ff9b:1::7f00:1", "64:ff9b:1:a01:2:300::", "64:ff9b:1:a:1:203::", "64:ff9b:1:0:a:102:300:0",
                "2002:7f00:1::1", "2002:a01:203::1",
                # Teredo: the server, and the client with its bits turned.
                "2001:0:a01:203::f7f7:f7f7", "2001:0:808:808::f5fe:fdfc"]
    SCOPES = ["fe80::1", "febf::1", "fc00::1", "fd00::1", "fec0::1", "feff::1", "169.254.169.254",
              "::ffff:169.254.169.254"]
    FORBIDDEN = EMBEDDED + SCOPES

    def test_each_form_is_found(self):
        with Server(row.OURS, [*RELAYS, *self.OPTIONS]) as server:
            self.assertEqual(permitted(server, self.FORBIDDEN), [])

    def test_scopes_end_where_they_end(self):
        neighbours = ["169.253.255.255", "169.255.0.0", "fbff::1", "fe00::1", "fe7f::1"]
        with Server(row.OURS, RELAYS) as server:
            self.assertEqual(permitted(server, neighbours), neighbours)

    def test_allowed_peers_come_first(self):
        options = ["--allowed-peer-ip=169.254.1.0-169.254.1.255", "--allowed-peer-ip=fd00:1::/32",
                   "--denied-peer-ip=fd00::/8"]
        allowed = ["169.254.1.7", "fd00:1::7", "::ffff:169.254.1.7"]
        with Server(row.OURS, [*RELAYS, *options]) as server:
            self.assertEqual(permitted(server, [*allowed, "169.254.2.7", "fd00:2::7"]), allowed)

    def test_an_allowed_prefix_does_not_allow_what_it_leads_to(self):
        options = ["--allowed-peer-ip=64:ff9b::/96", "--denied-peer-ip=10.0.0.0/8"]
        with Server(row.OURS, [*RELAYS, *options]) as server:
            self.assertEqual(permitted(server, ["64:ff9b::a01:203", "64:ff9b::808:808"]), ["64:ff9b::808:808"])


class DatabaseHosts(Row, unittest.TestCase):
    ROW, ID = 8, "acl-embedded-v4-and-scopes"
    # The word without "=" makes the server give up before it connects: nothing leaves the machine.
    HOSTS = {"ip=8.8.4.4 pwd=x@9.9.9.9 bogus": ["8.8.4.4"],
             "port=1 hostaddr=8.8.4.4,2606:4700::53 bogus": ["8.8.4.4", "2606:4700::53"],
             "host='8.8.4.4' bogus": ["8.8.4.4"],
             "mongodb://user:x@8.8.4.4:1,[2606:4700::53]:2/name?host=9.9.9.9": ["8.8.4.4", "2606:4700::53"],
             "mysql://8.8.4.4": ["8.8.4.4"]}
    OTHERS = ["9.9.9.9", "8.8.4.5", "2606:4700::54"]

    def denied(self, binary, connection):
        peers = ["8.8.4.4", "2606:4700::53", *self.OTHERS]
        with Server(binary, [*RELAYS, f"--redis-statsdb={connection}"]) as server:
            allowed = permitted(server, peers)
            return [peer for peer in peers if peer not in allowed]

    def is_affected(self, binary):
        denied = [self.denied(binary, connection) for connection in self.HOSTS]
        if denied == list(self.HOSTS.values()):
            return False
        self.assertEqual(denied, [[]] * len(self.HOSTS))
        return True

    def test_loopback_stays_what_it_is(self):
        with Server(row.OURS, [*RELAYS, "--redis-statsdb=ip=127.0.0.1 bogus"], loopback=True) as server:
            self.assertEqual(permitted(server, ["127.0.0.1"]), ["127.0.0.1"])

    def test_allowed_peers_come_first(self):
        with Server(row.OURS, [*RELAYS, "--redis-statsdb=ip=8.8.4.4 bogus", "--allowed-peer-ip=8.8.4.4"]) as server:
            self.assertEqual(permitted(server, ["8.8.4.4"]), ["8.8.4.4"])


class RangeOrder(PeerRow, unittest.TestCase):
    ROW, ID = 9, "acl-ipv6-range-order"
    OPTIONS = ["--denied-peer-ip=2001:db8::10-2001:db8::1:5"]
    FORBIDDEN = ["2001:db8::10", "2001:db8::20", "2001:db8::ffff", "2001:db8::1:5"]

    def test_the_bounds_are_the_bounds(self):
        outside = ["2001:db8::f", "2001:db8::1:6", "2001:db8:0:1::20"]
        with Server(row.OURS, [*RELAYS, *self.OPTIONS]) as server:
            self.assertEqual(permitted(server, self.FORBIDDEN + outside), outside)

    def test_a_range_holds_its_own_family_only(self):
        with Server(row.OURS, [*RELAYS, "--denied-peer-ip=::-::ffff", "--denied-peer-ip=0.0.0.0"]) as server:
            self.assertEqual(permitted(server, HARMLESS), HARMLESS)


class UnreadableRange(Row, unittest.TestCase):
    ROW, ID = 10, "acl-bad-entry-ignored"

    def is_affected(self, binary):
        server = Server(binary, [*RELAYS, "--denied-peer-ip=10.0.0.0/8"], ready=False).start()
        try:
            if server.dies_or(server.answers):
                return False
            return permitted(server, ["10.1.2.3"]) != []
        finally:
            server.__exit__()

    def test_a_wrong_entry_stops_the_start_with_one_line(self):
        for option in ("allowed-peer-ip", "denied-peer-ip"):
            for text in ("10.0.0.300", "localhost", "", "10.0.0.0-", "10.0.0.9-10.0.0.1", "10.0.0.1-::1", "10.0.0.0/33",
                         "10.0.0.1/8", "10.0.0.0/", "10.0.0.0/8x", "10.0.0.0-10.0.0.9/8", "fe80::%1/10", "::/129"):
                with self.subTest(option=option, text=text):
                    status, output = run_to_end(options=["-z", f"--{option}={text}"])
                    self.assertNotEqual(status, 0)
                    complaints = [line for line in output.split("\n") if option in line]
                    self.assertEqual(len(complaints), 1, output)
                    self.assertIn(f"{option}={text}: want", complaints[0])

    def test_prefixes_are_ranges(self):
        options = [*RELAYS, "--denied-peer-ip=0.0.0.0/0", "--allowed-peer-ip=192.0.2.128/25",
                   "--denied-peer-ip=2001:db8::/33",
                   "--allowed-peer-ip=198.51.100.7/32", "--denied-peer-ip=3fff::/20"]
        with Server(row.OURS, options) as server:
            inside = ["192.0.2.127", "198.51.100.6", "2001:db8::1", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff",
                      "3fff:fff::1"]
            outside = ["192.0.2.128", "192.0.2.255", "198.51.100.7", "2001:db8:8000::", "3fff:1000::"]
            self.assertEqual(permitted(server, inside + outside), outside)

    def test_the_help_says_so(self):
        text = subprocess.run([row.OURS, "-h"], capture_output=True, text=True, timeout=20, check=False).stdout
        for option in ("allowed-peer-ip", "denied-peer-ip"):
            self.assertIn(f" --{option}=<ip[-ip]|ip/prefix>\t", text)


if __name__ == "__main__":
    unittest.main()
