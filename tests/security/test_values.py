"""Rows 46, 74, 77, 78 and 85: values of options that must not be taken for others."""

import contextlib
import re
import struct
import unittest

import row
from row import Row, Server
from turn_client import LIFETIME, XOR_RELAYED, Client, NoAnswer, from_xor_address
from turn_server import free_port, run_to_end


class Refusals(unittest.TestCase):
    """Values that a server does not start with."""

    def check(self, option, text, wanted, **how):
        """wanted: a pattern of what the option's one complaint says is allowed."""
        with self.subTest(option=option, text=text, how=how):
            status, output = run_to_end(**how)
            self.assertNotEqual(status, 0)
            # Until the command line is read, what is logged is said on stdout, too.
            complaints = {line for line in output.split("\n") if "CONFIG ERROR" in line}
            self.assertEqual(len(complaints), 1, output)
            self.assertRegex(complaints.pop(), rf"{option}={re.escape(text)}: want {wanted}$")

    def check_number(self, option, text, **how):
        self.check(option, text, r"a number from [01] to \d+", **how)


class PortOptions(Row, unittest.TestCase):
    ROW, ID = 46, "port-option-truncation"
    OPTIONS = ["listening-port", "tls-listening-port", "alt-listening-port", "alt-tls-listening-port", "tcp-proxy-port",
               "min-port", "max-port"]

    def is_affected(self, binary):
        # Cut to 16 bits it is another port, which the server then listens on.
        other = free_port()
        server = Server(binary, ["-z", f"--listening-port={65536 + other}"], ready=False)
        server.start()
        server.port = other
        try:
            return not server.dies_or(server.answers)
        finally:
            server.__exit__()

    def test_what_is_no_port_stops_the_start(self):
        for option in self.OPTIONS:
            for text in ("65536", "4294967297", "-1", "turn", "3478x", "0x10", " "):
                with self.subTest(option=option, text=text):
                    status, output = run_to_end(options=["-z", f"--{option}={text}"])
                    self.assertNotEqual(status, 0)
                    self.assertIn(f"{option}={text}: want a port", output)

    def test_ports_are_ports(self):
        conf = "listening-port=3478\nmin-port=49152\nmax-port=65535 \n"
        with Server(row.OURS, ["-z"], conf=conf) as server, Client(server.port) as client:
            self.assertEqual(client.allocate().kind, 2)


class PortRange(Row, Refusals):
    ROW, ID = 85, "port-range-crash"

    def is_affected(self, binary):
        server = Server(binary, ["-z", "--min-port=60000", "--max-port=50000"], ready=False).start()
        try:
            if server.dies_or(server.answers):
                self.assertGreater(server.process.returncode, 0)
                return False
            with Client(server.port) as client, contextlib.suppress(NoAnswer, OSError):
                client.allocate()
            return server.dies_or(server.answers)
        finally:
            server.__exit__()

    def test_it_stops_the_start_in_one_line(self):
        for options in (["--min-port=60000", "--max-port=50000"], ["--max-port=40000"], ["--max-port=0"],
                        ["--min-port=0"]):
            with self.subTest(options=options):
                status, output = run_to_end(options=["-z", *options])
                self.assertNotEqual(status, 0)
                self.assertRegex(output, r"CONFIG ERROR: min-port=\d+, max-port=\d+: want")

    def test_one_port_is_a_range(self):
        port = free_port()
        with Server(row.OURS, ["-z", f"--min-port={port}", f"--max-port={port}"]) as server, \
                Client(server.port) as client:
            self.assertEqual(client.allocate().kind, 2)
            self.assertEqual(client.relayed[1], port)


class QuotaOptions(Row, Refusals):
    ROW, ID = 74, "quota-option-ignored"
    OPTIONS = ["user-quota", "total-quota", "max-bps", "bps-capacity"]
    SHORT = {"user-quota": "-q", "total-quota": "-Q", "max-bps": "-s", "bps-capacity": "-B"}
    WRONG = ["two", "10MB", "1OO", "-5", "+5", "0x10", "1.5", " ", "5;", "99999999999999999999"]

    def is_affected(self, binary):
        with row.started(binary, ["-a", "-r", "example", "-u", "alice:secret", "--user-quota=one"]) as server:
            if server is None:
                return False
            with Client(server.port) as client, Client(server.port) as another:
                return client.allocate().kind == 2 and another.allocate().kind == 2

    def test_what_is_no_number_stops_the_start(self):
        for option in self.OPTIONS:
            for text in self.WRONG:
                self.check_number(option, text, options=["-z", f"--{option}={text}"])
            self.check_number(option, "two", options=["-z", self.SHORT[option], "two"])
            for text in ("two", "10MB", "-5"):
                self.check_number(option, text, conf=f"no-auth\n{option}={text}\n")
            self.check_number(option, "", conf=f"no-auth\n{option}\n")

    def test_numbers_are_taken(self):
        conf = "user-quota=2 \ntotal-quota 3 # of all\nmax-bps=10000000\nbps-capacity=20000000\n"
        for options in ([], ["-q", "2", "-Q", "3", "-s", "10000000", "-B", "20000000"]):
            with Server(row.OURS, ["-a", "-r", "x", "-u", "alice:secret", *options],
                        conf=None if options else conf) as server, contextlib.ExitStack() as stack:
                clients = [stack.enter_context(Client(server.port)) for _ in range(3)]
                self.assertEqual([client.allocate().error for client in clients], [None, None, 486])

    def test_0_is_no_limit(self):
        with Server(row.OURS, ["-z", *[f"--{option}=0" for option in self.OPTIONS]]) as server, \
                Client(server.port) as client:
            self.assertEqual(client.allocate().kind, 2)


class TimeOptions(Row, Refusals):
    ROW, ID = 77, "lifetime-option-ignored"
    OPTIONS = ["stale-nonce", "max-allocate-lifetime", "channel-lifetime", "permission-lifetime",
               "max-allocate-timeout"]
    COUNTS = ["relay-threads", "ne"]
    YEARS = 100_000_000

    def is_affected(self, binary):
        with row.started(binary, ["-z", "--max-allocate-lifetime=-1"]) as server:
            if server is None:
                return False
            with Client(server.port) as client:
                response = client.allocate(lifetime=self.YEARS)
                self.assertEqual(response.kind, 2)
                return struct.unpack(">I", response.get(LIFETIME))[0] == self.YEARS

    def test_what_is_no_number_stops_the_start(self):
        for option in self.OPTIONS + self.COUNTS:
            for text in ("1h", "-1", "two", " ", "2147483648"):
                self.check_number(option, text, options=["-z", f"--{option}={text}"])
            self.check_number(option, "10min", conf=f"no-auth\n{option}=10min\n")
        for option in self.OPTIONS[1:] + ["ne"]:
            self.check_number(option, "0", options=["-z", f"--{option}=0"])
        self.check_number("ne", "4", options=["-z", "--ne=4"])

    def test_numbers_are_taken(self):
        conf = "stale-nonce=900\nmax-allocate-lifetime=700 \nchannel-lifetime 300\npermission-lifetime=300\n"
        conf += "max-allocate-timeout=30\nrelay-threads=1\nne=2\n"
        with Server(row.OURS, ["-z"], conf=conf) as server, Client(server.port) as client:
            self.assertEqual(client.allocate(lifetime=3000).get(LIFETIME), struct.pack(">I", 700))

    def test_without_a_value_it_is_the_standard_one(self):
        options = ["--stale-nonce", "--max-allocate-lifetime", "--channel-lifetime", "--permission-lifetime"]
        with Server(row.OURS, ["-z", *options]) as server, Client(server.port) as client:
            self.assertEqual(client.allocate(lifetime=10_000).get(LIFETIME), struct.pack(">I", 3600))

    def test_a_nonce_may_have_no_end(self):
        with Server(row.OURS, ["-a", "-r", "x", "-u", "alice:secret", "--stale-nonce=0"]) as server, \
                Client(server.port) as client:
            self.assertEqual(client.allocate().kind, 2)


class AddressOptions(Row, Refusals):
    ROW, ID = 78, "address-option-ignored"
    # A label this long is no name that a resolver could be asked for.
    NO_HOST = "x" * 64
    ADDRESS, ENDPOINT = "an IP address(, or PUBLIC-IP/PRIVATE-IP)?", r"IPv4, IPv4:PORT, \[IPv6\] or \[IPv6\]:PORT"

    def is_affected(self, binary):
        with row.started(binary, ["-z", "--external-ip="]) as server:
            if server is None:
                return False
            with Client(server.port) as client:
                # Which nobody reaches.
                return from_xor_address(client.allocate().get(XOR_RELAYED))[0] == "0.0.0.0"

    def test_what_is_no_address_stops_the_start(self):
        for option in ("listening-ip", "relay-ip", "external-ip"):
            for text in ("", " ", self.NO_HOST, "127.0.0.1:3478", "127.0.0.1,127.0.0.2"):
                self.check(option, text, self.ADDRESS, options=["-z", f"--{option}={text}"])
            self.check(option, "", self.ADDRESS, conf=f"no-auth\n{option}\n")
        for text in ("/", "127.0.0.1/", "/127.0.0.1", f"127.0.0.1/{self.NO_HOST}"):
            self.check("external-ip", text, self.ADDRESS, options=["-z", f"--external-ip={text}"])
        for option in ("alternate-server", "tls-alternate-server", "aux-server"):
            for text in ("", ":3478", "::1", "1:2::3", "[]:3478", "[::1", self.NO_HOST, f"{self.NO_HOST}:3478",
                         "192.0.2.1:99999", "192.0.2.1:", "[2001:db8::1]:x"):
                self.check(option, text, self.ENDPOINT, options=["-z", f"--{option}={text}"])

    def test_nor_is_a_family_one_that_there_is_not(self):
        for text in ("ipv7", ""):
            self.check("allocation-default-address-family", text, "ipv4, ipv6 or keep",
                       options=["-z", f"--allocation-default-address-family={text}"])

    def test_addresses_are_taken(self):
        conf = "listening-ip=127.0.0.1 \nrelay-ip=127.0.0.1\nexternal-ip=192.0.2.1/127.0.0.1\n"
        with Server(row.OURS, ["-z"], conf=conf) as server, Client(server.port) as client:
            self.assertEqual(from_xor_address(client.allocate().get(XOR_RELAYED))[0], "192.0.2.1")
        for option, text in (("alternate-server", "192.0.2.1"), ("alternate-server", "[2001:db8::1]:3478"),
                             ("tls-alternate-server", "192.0.2.1:5349"), ("external-ip", "2001:db8::1")):
            with Server(row.OURS, ["-z", f"--{option}={text}"]) as server:
                self.assertTrue(server.survives())


if __name__ == "__main__":
    unittest.main()
