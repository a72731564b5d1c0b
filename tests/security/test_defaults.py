"""What a server does that is told nothing: which peers it denies, and what it leaves out.

Root runs it in a network namespace of its own, with addresses that look like those of a server on the Internet.
"""

import contextlib
import ctypes
import os
import re
import socket
import struct
import subprocess
import unittest

import row
from row import UDP, Server, allocation, ask_about, permitted, xor_peer
from turn_client import ALLOCATE, CHANNEL_BIND, CHANNEL_NUMBER, CONNECT, CREATE_PERMISSION, DATA_ATTR, SEND, XOR_PEER, \
    XOR_RELAYED, Client, Message, from_xor_address
from turn_server import run_to_end

CLONE_NEWNET = 0x40000000
RELAYS = ["-z", "-E", "127.0.0.1", "-E", "::1"]
ADDRESS, OTHER, INSIDE, OUTSIDE = "198.41.0.1", "198.41.0.2", "10.41.0.1", "198.41.0.9"
SIX = "2a02:41::1"


def enter_namespace():
    """Whether this process is now in a namespace with those addresses; its children will be, too."""
    if os.getuid() != 0 or ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        return False
    commands = ["link set lo up", *[f"addr add {one}/32 dev lo" for one in (ADDRESS, OTHER, INSIDE)],
                f"addr add {SIX}/128 dev lo nodad"]
    return all(subprocess.run(["ip", *command.split()], check=False).returncode == 0 for command in commands)


IN_NAMESPACE = enter_namespace()


class Ranges(unittest.TestCase):
    PUBLIC = ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"]
    DENIED = ["10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "172.16.0.0", "172.31.255.255", "192.0.0.8",
              "192.0.2.1", "192.88.99.1", "192.168.0.0", "192.168.255.255", "198.18.0.0", "198.19.255.255", "198.51.100.1",
              "203.0.113.1", "64:ff9b::808:808", "64:ff9b:1::808:808", "100::1", "2001:10::1",
              "2001:1ff:ffff::", "2001:db8::1", "2002:808:808::1", "3fff::1", "3fff:fff::1", "5f00::1",
              # The same in other forms.
              "::ffff:10.0.0.1", "::ffff:192.168.1.1", "::10.0.0.1"]
    NEIGHBOURS = ["9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0",
                  "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "2001:200::", "2003::", "3fff:1000::",
                  "5eff::1", "5f01::1"]
    ALWAYS = ["127.0.0.1", "::1", "0.0.0.0", "::", "169.254.169.254", "fe80::1", "fd00::1", "fec0::1"]
    MULTICAST = ["224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255", "ff02::1", "::ffff:224.0.0.1"]

    def test_what_is_not_the_internet_is_denied(self):
        with Server(row.OURS, RELAYS, private=False) as server:
            self.assertEqual(permitted(server, [*self.DENIED, *self.ALWAYS, *self.MULTICAST]), [])
            public = [*self.PUBLIC, *self.NEIGHBOURS]
            self.assertEqual(sorted(permitted(server, public)), sorted(public))

    def test_it_was_allowed(self):
        with Server(row.UNPATCHED, RELAYS) as server:
            asked = [*self.DENIED, *self.MULTICAST]
            self.assertEqual(sorted(permitted(server, asked)), sorted(asked))

    def test_channels_and_connections_are_refused_alike(self):
        with Server(row.OURS, [*RELAYS, "--no-tcp-relay=0"], private=False) as server:
            with allocation(server, 4) as client:
                self.assertEqual(ask_about(client, CHANNEL_BIND, "10.0.0.1", (CHANNEL_NUMBER, b"\x40\0\0\0")).error, 403)
            with allocation(server, 4, "tcp", (UDP[0], b"\x06\0\0\0")) as client:
                self.assertEqual(ask_about(client, CONNECT, "192.168.0.1").error, 403)

    def test_who_serves_a_network_of_his_own_says_so(self):
        for options, conf in (([*RELAYS, "--allow-private-peers"], None), (RELAYS, "allow-private-peers\n")):
            with Server(row.OURS, options, private=False, conf=conf) as server:
                self.assertEqual(sorted(permitted(server, self.DENIED)), sorted(self.DENIED))
                self.assertEqual(permitted(server, [*self.ALWAYS, *self.MULTICAST]), [])

    def test_some_can_be_allowed(self):
        options = [*RELAYS, "--allowed-peer-ip=10.1.0.0/16", "--allowed-peer-ip=2001:db8::/32"]
        with Server(row.OURS, options, private=False) as server:
            self.assertEqual(permitted(server, ["10.1.2.3", "10.2.2.3", "2001:db8::1"]), ["10.1.2.3", "2001:db8::1"])

    def test_multicast_is_there_for_who_asks(self):
        with Server(row.OURS, [*RELAYS, "--no-multicast-peers=0", "--allow-private-peers"], private=False) as server:
            self.assertEqual(sorted(permitted(server, self.MULTICAST)), sorted(self.MULTICAST))


def permitted_by(client, peers):
    """As permitted(), of a client that authenticates."""
    return [peer for peer in peers if client.permit((peer, 9)).kind == 2]


class Service:
    """A UDP service on the server's machine, at a port that is none of a relay."""

    def __init__(self, host):
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.port = self.socket.getsockname()[1]

    def close(self):
        self.socket.close()

    def got(self, seconds):
        self.socket.settimeout(seconds)
        with contextlib.suppress(socket.timeout):
            return self.socket.recv(2048)
        return None


def bind(client, host, port, channel=0x4000):
    return ask_about(client, CHANNEL_BIND, host, (CHANNEL_NUMBER, struct.pack(">HH", channel, 0)), port=port)


def send(client, host, port, payload):
    message = Message(SEND, 1)
    message.add(XOR_PEER, xor_peer(host, port, message.transaction)).add(DATA_ATTR, payload)
    client.send(message.encode())


@unittest.skipUnless(IN_NAMESPACE, "needs root to make a network namespace")
class OwnAddresses(unittest.TestCase):
    # System ports and relay ports apart, whatever the machine's range is.
    PORTS = ["--min-port=62000", "--max-port=62999"]

    def server(self, binary, *options, relay=ADDRESS):
        return Server(binary, ["-z", "-L", ADDRESS, "-E", relay, *self.PORTS, *options], private=False)

    def pair(self, server):
        """Two clients with allocations, and their relayed addresses."""
        clients = [Client(server.port), Client(server.port)]
        relayed = []
        for client in clients:
            response = client.request(ALLOCATE, UDP)
            self.assertEqual(response.kind, 2)
            relayed.append(from_xor_address(response.get(XOR_RELAYED)))
        return clients, relayed

    def talk(self, server):
        """Two clients of one server talk to each other, by channels and by indications."""
        clients, relayed = self.pair(server)
        for channels in (False, True):
            for client, peer in zip(clients, reversed(relayed)):
                response = bind(client, *peer) if channels else ask_about(client, CREATE_PERMISSION, peer[0])
                self.assertEqual(response.kind, 2, response.error)
            for one, two, peer in ((0, 1, relayed[1]), (1, 0, relayed[0])):
                if channels:
                    clients[one].send_channel(0x4000, b"hello")
                else:
                    send(clients[one], *peer, b"hello")
                self.assertEqual(clients[two].receive_data(), b"hello")
        for client in clients:
            client.close()
        return relayed

    def reached(self, server, host):
        """Whether a client reaches a service at an address of the server, and in which ways."""
        service = Service(host)
        clients, relayed = self.pair(server)
        ways = []
        if bind(clients[0], host, service.port).kind == 2:
            ways.append("channel")
        if ask_about(clients[1], CREATE_PERMISSION, host).kind == 2:
            ways.append("permission")
            send(clients[1], host, service.port, b"indication")
            # The answer to what comes behind it says that it was dealt with.
            self.assertEqual(clients[1].refresh(600).kind, 2)
            if service.got(0.5):
                ways.append("indication")
        for client in clients:
            client.close()
        service.close()
        return ways

    def test_clients_of_one_server_talk_to_each_other(self):
        with self.server(row.OURS) as server:
            self.talk(server)

    def test_nothing_else_is_reached(self):
        for binary, expected, elsewhere in ((row.OURS, ["permission"], []),
                                            (row.UNPATCHED, ["channel", "permission", "indication"],
                                             ["channel", "permission", "indication"])):
            with self.subTest(binary=binary), self.server(binary) as server:
                self.assertEqual(self.reached(server, ADDRESS), expected)
                self.assertEqual(self.reached(server, OTHER), elsewhere)

    def test_not_the_server_itself_either(self):
        with self.server(row.OURS, "--no-tcp-relay=0") as server:
            clients, _ = self.pair(server)
            self.assertEqual(bind(clients[0], ADDRESS, server.port).error, 403)
            for form in (f"::ffff:{ADDRESS}", SIX):
                with allocation(server, 4) as client:
                    self.assertNotEqual(bind(client, form, server.port).kind, 2)
            with allocation(server, 4, "tcp", (UDP[0], b"\x06\0\0\0")) as client:
                self.assertEqual(ask_about(client, CONNECT, ADDRESS, port=server.port).error, 403)
                self.assertEqual(ask_about(client, CONNECT, OTHER, port=server.port).error, 403)
            for client in clients:
                client.close()

    def test_in_no_form_of_the_address(self):
        with Server(row.OURS, ["-z", "-E", ADDRESS, "-E", SIX, *self.PORTS], private=False) as server, \
                allocation(server, 6) as client:
            for form in (f"::ffff:{ADDRESS}", f"::{ADDRESS}", SIX):
                self.assertEqual(bind(client, form, server.port).error, 403, form)
            self.assertEqual(ask_about(client, CREATE_PERMISSION, f"::ffff:{OTHER}").error, 403)
            self.assertEqual(bind(client, SIX, 62500).kind, 2)

    def test_who_has_a_service_there_may_allow_it(self):
        with self.server(row.OURS, f"--allowed-peer-ip={ADDRESS}") as server:
            self.assertEqual(self.reached(server, ADDRESS), ["channel", "permission", "indication"])
            self.assertEqual(self.reached(server, OTHER), [])

    def test_a_relay_in_a_private_network_relays_between_its_clients(self):
        with self.server(row.OURS, relay=INSIDE) as server:
            self.assertEqual(self.talk(server)[0][0], INSIDE)
            self.assertEqual(self.reached(server, INSIDE), ["permission"])

    def test_so_does_one_behind_a_nat(self):
        for more in ([], ["--denied-peer-ip=10.0.0.0/8"]):
            with self.server(row.OURS, f"--external-ip={OUTSIDE}/{INSIDE}", *more, relay=INSIDE) as server:
                self.assertEqual(self.talk(server)[0][0], OUTSIDE)
                clients, _ = self.pair(server)
                self.assertEqual(bind(clients[0], OUTSIDE, server.port).error, 403)
                self.assertEqual(bind(clients[0], INSIDE, server.port).error, 403)
                for client in clients:
                    client.close()

    def test_the_operator_may_deny_them_to_each_other(self):
        with self.server(row.OURS, f"--denied-peer-ip={ADDRESS}") as server:
            clients, relayed = self.pair(server)
            self.assertEqual(bind(clients[0], *relayed[1]).error, 403)
            for client in clients:
                client.close()

    def test_loopback_is_a_matter_of_its_own(self):
        with Server(row.OURS, RELAYS, loopback=True, private=False) as server:
            self.assertEqual(self.reached(server, "127.0.0.1"), ["channel", "permission", "indication"])


class Bare(Server):
    """A server without what tests give all others."""

    always = ["--no-cli"]


class OnRequest(unittest.TestCase):
    def tcp_allocation(self, binary, *options, udp=False):
        with Bare(binary, ["-z", *options]) as server, Client(server.port, "tcp") as client:
            return client.request(ALLOCATE, (UDP[0], b"\x11\0\0\0" if udp else b"\x06\0\0\0"))

    def test_tcp_is_relayed_for_who_asks(self):
        self.assertEqual(self.tcp_allocation(row.UNPATCHED).kind, 2)
        for options in ([], ["--no-tcp-relay"], ["--tcp-relay=0"]):
            self.assertEqual(self.tcp_allocation(row.OURS, *options).error, 442)
            self.assertEqual(self.tcp_allocation(row.OURS, *options, udp=True).kind, 2)
        for options in (["--tcp-relay"], ["--no-tcp-relay=0"], ["--no-udp-relay"]):
            self.assertEqual(self.tcp_allocation(row.OURS, *options).kind, 2)

    def test_it_cannot_be_all_off(self):
        status, output = run_to_end(options=["-z", "--no-tcp-relay", "--no-udp-relay"])
        self.assertNotEqual(status, 0)
        self.assertIn("cannot be used together", output)

    def speaks_dtls(self, binary, *options, expected=True):
        with Bare(binary, ["-z", *options], tls=True) as server:
            command = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}"]
            found = []
            for version in ("-tls1_2", "-dtls1_2"):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    run = subprocess.run([*command, version], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                         timeout=20 if expected or version == "-tls1_2" else 3, check=False)
                    found += re.findall(r"New, TLSv1.[23]", run.stdout)
            return found

    def test_dtls_is_spoken_with_who_asks(self):
        self.assertEqual(len(self.speaks_dtls(row.UNPATCHED)), 2)
        for options in ([], ["--no-dtls"], ["--dtls=0"]):
            self.assertEqual(self.speaks_dtls(row.OURS, *options, expected=False), ["New, TLSv1.2"])
        for options in (["--dtls"], ["--no-dtls=0"]):
            self.assertEqual(len(self.speaks_dtls(row.OURS, *options)), 2)


class Example(unittest.TestCase):
    """scripts/lib/turnserver.conf."""

    def setUp(self):
        here = os.path.dirname(os.path.abspath(__file__))
        with open(os.path.join(here, "../../scripts/lib/turnserver.conf"), encoding="utf-8") as file:
            self.text = file.read()

    def test_a_server_starts_with_it(self):
        conf = self.text + "lt-cred-mech\nrealm=x\nuser=alice:secret\n"
        with Bare(row.OURS, conf=conf, private=False) as server, Client(server.port) as client:
            self.assertEqual(client.allocate(lifetime=99999).lifetime, 3600)
            self.assertEqual(permitted_by(client, ["10.0.0.1", "8.8.8.8"]), ["8.8.8.8"])
            self.assertNotIn("Bad configuration format", server.output())

    def test_each_line_that_is_off_is_one_that_can_be_on(self):
        offered = {line[1:].split("=")[0] for line in self.text.split("\n") if re.match(r"#[a-z-]+=", line)}
        offered |= {line.split("=")[0] for line in self.text.split("\n") if re.match(r"[a-z-]+=", line)}
        self.assertGreater(len(offered), 12)
        run = subprocess.run([row.OURS, "-h"], capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual([one for one in sorted(offered) if not re.search(rf"--{one}\b", run.stdout)], [])

    def test_one_user_has_not_all_of_it(self):
        conf = self.text + "lt-cred-mech\nrealm=x\nuser=alice:secret\n"
        with Bare(row.OURS, conf=conf) as server, contextlib.ExitStack() as clients:
            errors = [clients.enter_context(Client(server.port)).allocate().error for _ in range(101)]
            self.assertEqual(errors, [None] * 100 + [486])


if __name__ == "__main__":
    unittest.main()
