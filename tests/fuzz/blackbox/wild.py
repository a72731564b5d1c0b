"""A client that does anything: what a TURN client does, in any order, and messages that are not quite right.

Everything it chooses comes from one random generator, so that the same seed does the same again.
"""

import contextlib
import struct

import mutate
import stun
import wire

CHANNELS = (0x4000, 0x4001, 0x4002, 0x4FFF, 0x5000, 0x7FFF, 0x3FFF, 0xFFFF)
LIFETIMES = (0, 1, 30, 600, 3600, 0x7FFFFFFF, 0xFFFFFFFF)
MEDIA = ("audio", "video", "data")


class Shared:
    """What the clients of a round know of each other."""

    def __init__(self, relay, peers, rng):
        self.relay, self.peers, self.rng = relay, peers, rng
        self.tickets, self.tokens, self.connections, self.relayed = [], [], [], []
        self.sent = self.answered = self.mutated = 0
        self.log = []

    def note(self, client, octets):
        self.sent += 1
        self.log.append(f"{client} {octets[:2048].hex()}")

    def peer(self):
        rng = self.rng
        if rng.random() < 0.85:
            return rng.choice(self.peers).address
        if self.relayed and rng.random() < 0.5:
            return rng.choice(self.relayed)
        return rng.choice(("127.0.0.1", "0.0.0.0", "224.0.0.1", "169.254.169.254", "255.255.255.255")), \
            rng.choice((0, 1, 9, self.relay.port))


class WildClient:
    """One 5-tuple."""

    def __init__(self, shared, name, transport):
        self.shared, self.name, self.rng = shared, name, shared.rng
        self.source = f"127.{self.rng.randrange(1, 255)}.{self.rng.randrange(256)}.{self.rng.randrange(1, 255)}"
        self.transport = transport
        self.wire = None
        media = self.rng.choice(MEDIA)
        self.user = shared.relay.user("wild", media, f"c{self.rng.randrange(4)}")
        self.realm = self.nonce = None
        self.asked = {}

    # ---- the connection ----

    def connect(self):
        self.wire = wire.connect(self.transport, self.shared.relay.port, self.source)

    def reconnect(self):
        self.close()
        if self.rng.random() < 0.3:
            self.transport = self.rng.choice(wire.TRANSPORTS)
        self.nonce = None
        with contextlib.suppress(wire.Closed):
            self.connect()

    def close(self):
        if self.wire is not None:
            self.wire.close(reset=self.rng.random() < 0.3)
        self.wire = None

    def send(self, octets):
        self.shared.note(self.name, octets)
        rng = self.rng
        if self.wire is None:
            self.connect()
        if isinstance(self.wire, wire.Tcp) and len(octets) > 1 and rng.random() < 0.3:
            at = rng.randrange(1, len(octets))
            self.wire.send(octets[:at])
            self.wire.send(octets[at:])
        elif isinstance(self.wire, wire.Dtls) and rng.random() < 0.05:
            self.wire.send_raw(octets)
        else:
            self.wire.send(octets)

    def listen(self, seconds):
        """Takes in what has come: nonces, tickets, tokens, ids of connections."""
        if self.wire is None:
            return
        for frame in self.wire.receive(seconds):
            if len(frame) < 20 or frame[0] & 0xC0:
                continue
            answer = stun.Answer(frame)
            self.shared.answered += answer.kind in (stun.SUCCESS, stun.ERROR)
            if answer.get(stun.NONCE):
                self.nonce, self.realm = answer.get(stun.NONCE), (answer.get(stun.REALM) or b"").decode("latin-1")
            self.keep(self.shared.tickets, answer.get(stun.MOBILITY))
            self.keep(self.shared.tokens, answer.get(stun.RESERVATION))
            self.keep(self.shared.connections, answer.get(stun.CONNECTION_ID))
            self.keep(self.shared.relayed, stun.read_address(answer.get(stun.XOR_RELAYED)))

    @staticmethod
    def keep(known, value):
        if value:
            known.append(value)
            del known[:-16]

    # ---- messages ----

    def transmit(self, method, attributes, kind=stun.REQUEST):
        rng = self.rng
        transaction = rng.randbytes(12)
        attributes = [(a, v(transaction) if callable(v) else v) for a, v in attributes]
        spoil = rng.random() < 0.45
        self.shared.mutated += spoil
        if spoil and rng.random() < 0.6:
            for _ in range(rng.choice((1, 1, 2, 4))):
                attributes = mutate.mutate_attributes(rng, attributes)
        key = None
        if self.nonce and kind == stun.REQUEST and rng.random() < 0.95:
            attributes += [(stun.USERNAME, self.user.name.encode()), (stun.REALM, self.realm.encode("latin-1")),
                           (stun.NONCE, self.nonce)]
            if spoil and rng.random() < 0.2:
                attributes = mutate.mutate_attributes(rng, attributes)
            key = self.user.key(self.realm)
        octets = stun.encode(method, kind, transaction, attributes, key, rng.random() < 0.1)
        if spoil and rng.random() < 0.2:
            octets = mutate.behind_integrity(rng, octets, [(rng.choice(mutate.KINDS), mutate.any_value(rng))])
        if spoil and rng.random() < 0.4:
            octets = mutate.mutate_octets(rng, octets)
        if octets:
            self.send(octets)
        self.listen(0.001 if spoil or kind != stun.REQUEST else 0.05)

    def peer_attribute(self):
        host, port = self.shared.peer()
        return stun.XOR_PEER, lambda transaction: stun.xor_address(host, port, transaction)

    def lifetime(self):
        return stun.LIFETIME, struct.pack(">I", self.rng.choice(LIFETIMES))

    def allocate(self):
        rng = self.rng
        attributes = [(stun.TRANSPORT, stun.TCP_RELAY if self.transport in ("tcp", "tls") and rng.random() < 0.4
                       else stun.UDP_RELAY)]
        for chance, more in ((0.4, self.lifetime()), (0.3, (stun.MOBILITY, b"")),
                             (0.15, (stun.EVEN_PORT, rng.choice((b"\0", b"\x80")))),
                             (0.1, (stun.FAMILY, rng.choice((b"\1\0\0\0", b"\2\0\0\0", b"\3\0\0\0")))),
                             (0.1, (stun.ADDITIONAL_FAMILY, b"\2\0\0\0")), (0.1, (stun.DONT_FRAGMENT, b"")),
                             (0.1, (stun.ORIGIN, b"https://example.org")),
                             (0.1, (stun.RESERVATION, rng.choice(self.shared.tokens or [b"12345678"]))),
                             (0.05, (stun.ACCESS_TOKEN, b"\0\x0c" + rng.randbytes(60)))):
            if rng.random() < chance:
                attributes.append(more)
        self.transmit(stun.ALLOCATE, attributes)

    def refresh(self):
        attributes = [self.lifetime()]
        if self.rng.random() < 0.3:
            attributes.append((stun.MOBILITY, self.rng.choice(self.shared.tickets or [b"", b"\xff\xff\xff\xff"])))
        self.transmit(stun.REFRESH, attributes)

    def permit(self):
        self.transmit(stun.CREATE_PERMISSION, [self.peer_attribute() for _ in range(self.rng.choice((1, 1, 2, 8, 60)))])

    def bind(self):
        channel = struct.pack(">HH", self.rng.choice(CHANNELS), 0)
        self.transmit(stun.CHANNEL_BIND, [(stun.CHANNEL_NUMBER, channel), self.peer_attribute()])

    def payload(self):
        return self.rng.randbytes(self.rng.choice((0, 1, 3, 4, 100, 1200, 1200, 4000, 16000)))

    def indicate(self):
        attributes = [self.peer_attribute(), (stun.DATA_ATTR, self.payload())]
        if self.rng.random() < 0.2:
            attributes.append((stun.DONT_FRAGMENT, b""))
        self.transmit(stun.SEND, attributes, stun.INDICATION)

    def channel_data(self):
        rng = self.rng
        payload = self.payload()
        length = len(payload) if rng.random() < 0.8 else rng.randrange(65536)
        octets = struct.pack(">HH", rng.choice(CHANNELS[:5]), length) + payload
        self.send(stun.padded(octets) if rng.random() < 0.7 else octets)
        self.listen(0.001)

    def connect_peer(self):
        self.transmit(stun.CONNECT, [self.peer_attribute()])

    def bind_connection(self):
        known = self.shared.connections
        number = self.rng.choice(known) if known and self.rng.random() < 0.8 else self.rng.randbytes(4)
        self.transmit(stun.CONNECTION_BIND, [(stun.CONNECTION_ID, number)])

    def binding(self):
        attributes = [(stun.CHANGE_REQUEST, b"\0\0\0\6"), (stun.PADDING, b""), (stun.RESPONSE_PORT, b"\0\x09\0\0"),
                      (stun.SOFTWARE, b"wild")]
        self.transmit(stun.BINDING, [each for each in attributes if self.rng.random() < 0.2])

    def other_method(self):
        self.transmit(self.rng.randrange(4096), [self.peer_attribute()], self.rng.randrange(4))

    def garbage(self):
        octets = self.rng.choice((b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\xfe\xff" + self.rng.randbytes(60),
                                  b"\x17\xfe\xfd" + self.rng.randbytes(40), b"\x80" * 20, self.rng.randbytes(200)))
        self.send(octets)
        self.listen(0.001)

    def answer_from_peer(self):
        """Octets from a peer to somebody's relayed address."""
        if self.shared.relayed:
            peer = self.rng.choice(self.shared.peers)
            with contextlib.suppress(OSError):
                peer.socket.sendto(self.payload(), self.rng.choice(self.shared.relayed))

    STEPS = ((allocate, 14), (refresh, 8), (permit, 10), (bind, 10), (indicate, 12), (channel_data, 14),
             (connect_peer, 4), (bind_connection, 4), (binding, 3), (other_method, 3), (garbage, 1), (answer_from_peer, 8),
             (reconnect, 2))

    def sweep(self):
        """Each attribute with nothing in it, in each request, signed: what no luck is needed for."""
        self.transmit(stun.ALLOCATE, [(stun.TRANSPORT, stun.UDP_RELAY)])
        self.listen(1.0)
        for method in (stun.BINDING, stun.ALLOCATE, stun.REFRESH, stun.CREATE_PERMISSION, stun.CHANNEL_BIND, stun.CONNECT,
                       stun.CONNECTION_BIND):
            for kind in mutate.KINDS:
                known = [(stun.USERNAME, self.user.name.encode()), (stun.REALM, (self.realm or "").encode("latin-1")),
                         (stun.NONCE, self.nonce or b""), (stun.XOR_PEER, stun.xor_address("127.0.0.1", 9)),
                         (stun.TRANSPORT, stun.UDP_RELAY)]
                attributes = [(kind, b""), *((a, v) for a, v in known if a != kind)]
                key = self.user.key(self.realm or "")
                self.send(stun.encode(method, stun.REQUEST, self.rng.randbytes(12), attributes, key))
                self.listen(0.0)

    def step(self):
        steps, weights = zip(*self.STEPS)
        action = self.rng.choices(steps, weights)[0]
        try:
            action(self)
        except wire.Closed:
            self.reconnect()
