"""Who uses the relay in a soak: each a thread that goes on until it is told to stop, and counts far ends' octets."""

import contextlib
import http.client
import struct
import threading
import time

import clean
import relay_under_test
import stun
import wire


AGAIN_S = 3.0


class Visitor(threading.Thread):
    """visit() again and again; what it meets that must not be is kept in `trouble`."""

    def __init__(self, soak, rng):
        super().__init__(daemon=True)
        self.soak, self.relay, self.rng = soak, soak.relay, rng
        self.visits, self.trouble = 0, []
        self.ending = threading.Event()

    def run(self):
        while not self.ending.is_set() and len(self.trouble) < 3:
            try:
                self.visit()
                self.visits += 1
            except (clean.NoAnswer, wire.Closed, OSError) as error:
                # The relay may not take clients while its ledger is away.
                if not self.soak.store_was_away(clean.SECONDS + 15):
                    self.trouble.append(f"{type(self).__name__}: {error}")
                self.ending.wait(0.5)

    def visit(self):
        raise NotImplementedError

    def stop(self):
        self.ending.set()
        self.join(90)


class Caller(Visitor):
    """A client with an allocation and a peer that answers, over each transport in turn. Most of them say good-bye."""

    def __init__(self, soak, rng, csp="clean"):
        super().__init__(soak, rng)
        self.csp = csp
        self.peer, self.stream_peer = clean.UdpPeer(), clean.TcpPeer()
        self.received = 0
        self.sent_again = False  # in this visit

    def octets_at_far_ends(self):
        return self.peer.received + self.stream_peer.received + self.received

    def client(self, transport):
        user = self.relay.user(self.csp, "data", f"c{self.rng.randrange(8)}")
        return clean.CleanClient(self.relay, transport, user, f"127.100.{self.rng.randrange(256)}.{self.rng.randrange(1, 255)}")

    def visit(self):
        transport = wire.TRANSPORTS[self.visits % len(wire.TRANSPORTS)]
        client = self.client(transport)
        self.sent_again = False
        try:
            if transport in ("tcp", "tls") and self.rng.random() < 0.4:
                self.talk_by_stream(client)
            else:
                self.talk(client)
        except clean.NoAnswer:
            self.hear_out(client)
            raise
        finally:
            self.received += client.received
            client.close()

    def talk(self, client):
        client.allocate()
        client.bind(self.peer)
        for _ in range(self.rng.randrange(1, 60)):
            if self.ending.is_set():
                break
            self.exchange(client, self.rng.randbytes(self.rng.randrange(1, 1200)))
        self.hear_out(client)
        # A connection that ends takes its allocation along; a datagram's stays until its lifetime is over.
        if not client.wire.reliable or self.rng.random() < 0.8:
            client.release()

    def exchange(self, client, payload):
        """There and back. What is not answered in time is sent again: without credit nothing is relayed."""
        wanted = client.received + len(payload)
        deadline = time.monotonic() + clean.SECONDS
        while client.received < wanted:
            if time.monotonic() > deadline:
                raise clean.NoAnswer("no octet comes back")
            client.send_channel(payload)
            again = time.monotonic() + AGAIN_S
            while client.received < wanted and time.monotonic() < again:
                client.listen(0.5)
            self.sent_again |= client.received < wanted

    def hear_out(self, client):
        """What was late, and sent again, comes back twice; nobody would count what comes to a client that is gone."""
        if self.sent_again:
            self.hear_until_quiet(client)

    @staticmethod
    def hear_until_quiet(client):
        quiet_at = time.monotonic() + AGAIN_S
        while time.monotonic() < quiet_at:
            before = client.received
            client.listen(0.5)
            if client.received != before:
                quiet_at = time.monotonic() + AGAIN_S

    def talk_by_stream(self, client):
        client.allocate(stun.TCP_RELAY)
        data = client.stream_to(self.stream_peer)
        try:
            for _ in range(self.rng.randrange(1, 20)):
                size = self.rng.randrange(1, 8000)
                self.received += client.exchange_stream(data, self.rng.randbytes(size))
        finally:
            data.close()


class Spender(Caller):
    """Clients of a CSP whose quota is soon used up, and then raised a little: cut off in their midst each time."""

    def __init__(self, soak, rng):
        super().__init__(soak, rng, csp="cut")
        self.cuts = 0

    def visit(self):
        client = self.client(self.rng.choice(wire.TRANSPORTS))
        try:
            answer = client.ask(stun.ALLOCATE, (stun.TRANSPORT, stun.UDP_RELAY))
            if answer.kind != stun.SUCCESS:
                self.ending.wait(0.3)
                return
            client.bind(self.peer)
            quiet = 0
            while quiet < 4 and not self.ending.is_set():
                before = client.received
                client.send_channel(self.rng.randbytes(self.rng.randrange(1, 1200)))
                client.listen(0.25)
                quiet = quiet + 1 if client.received == before else 0
            self.cuts += quiet >= 4
            self.hear_until_quiet(client)
        except (clean.NoAnswer, wire.Closed):
            pass  # cut off before it had all it wanted
        finally:
            with contextlib.suppress(wire.Closed):
                client.listen(0.1)
            self.received += client.received
            client.close()


class Leaver(Visitor):
    """Clients that come and go: allocations, permissions, connections given up half way."""

    def visit(self):
        transport = self.rng.choice(wire.TRANSPORTS)
        try:
            client = clean.CleanClient(self.relay, transport, self.relay.user("clean", "data", "leaver"), "127.101.0.1")
        except wire.Closed:
            return
        try:
            step = self.rng.randrange(4)
            if step > 0:
                client.ask(stun.ALLOCATE, (stun.TRANSPORT, stun.UDP_RELAY), (stun.MOBILITY, b""))
            if step > 1:
                client.ask(stun.CREATE_PERMISSION, *[(stun.XOR_PEER, stun.xor_address("127.0.0.1", port)) for port in (9, 10)])
            if step > 0 and not client.wire.reliable:
                client.ask(stun.REFRESH, (stun.LIFETIME, struct.pack(">I", 0)))
        finally:
            client.wire.close(reset=self.rng.random() < 0.5)
        self.ending.wait(0.05)


class ApiUser(Visitor):
    """A back end, and somebody with a wrong key."""

    def __init__(self, soak, rng):
        super().__init__(soak, rng)
        self.calls = 0

    def call(self, method, path, body=None, key=None, allowed=(200,)):
        connection = http.client.HTTPConnection("127.0.0.1", self.soak.http_port, timeout=30)
        headers = {"Content-Type": "application/json"} if body else {}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = response.read()
            self.calls += 1
            if response.status not in allowed and not self.soak.store_was_away(20):
                self.trouble.append(f"{method} {path}: {response.status} {answer[:300]}")
        finally:
            connection.close()

    def visit(self):
        self.call("POST", "/v1/iceServers", '{"cspID":"clean","mediaType":"data","clientName":"alice"}',
                  relay_under_test.API_KEY)
        self.call("GET", "/metrics", key=self.soak.admin_token)
        self.call("GET", "/v1/admin/allocations", key=self.soak.admin_token)
        self.call("GET", "/healthz")
        self.call("POST", "/v1/iceServers", '{"cspID":"clean","mediaType":[["x"]]}', "a wrong key of the soak", (400, 401, 403, 429))
        self.ending.wait(0.7)
