"""A client that does all as it should, and counts what arrives at both ends."""

import socket
import struct
import threading
import time

import stun
import wire

SECONDS = 30.0


class UdpPeer:
    """Sends every datagram back, unless told not to, and counts octets."""

    def __init__(self, echo=True):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.address = self.socket.getsockname()
        self.received = 0
        self.echo = echo
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                octets, source = self.socket.recvfrom(65536)
                if source is None:  # closed
                    return
                self.received += len(octets)
                if self.echo:
                    self.socket.sendto(octets, source)
            except OSError:
                if self.socket.fileno() < 0:
                    return

    def close(self):
        # Closing alone does not wake who reads.
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class TcpPeer:
    """The same for streams (RFC 6062)."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(64)
        self.address = self.socket.getsockname()
        self.received = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                stream, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.run, args=(stream,), daemon=True).start()

    def run(self, stream):
        with stream:
            try:
                while octets := stream.recv(65536):
                    self.received += len(octets)
                    stream.sendall(octets)
            except OSError:
                return

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class NoAnswer(Exception):
    """The relay did not do what it does for everybody."""


class CleanClient:
    """An allocation of the CSP `clean`, or of another user; `sent` and `received` are octets of payload."""

    CHANNEL = 0x4001

    def __init__(self, relay, transport, user, source="127.0.0.1"):
        self.relay, self.user, self.source, self.transport = relay, user, source, transport
        self.wire = wire.connect(transport, relay.port, source)
        self.realm = self.nonce = None
        self.frames = []
        self.sent = self.received = 0

    def close(self):
        self.wire.close()

    def frame(self, deadline):
        while not self.frames:
            left = deadline - time.monotonic()
            if left <= 0:
                raise NoAnswer("no frame in time")
            self.frames += self.wire.receive(min(left, 1.0))
        return self.frames.pop(0)

    def encode(self, method, attributes, transaction):
        key = None
        if self.nonce:
            attributes = [*attributes, (stun.USERNAME, self.user.name.encode()), (stun.REALM, self.realm.encode()),
                          (stun.NONCE, self.nonce)]
            key = self.user.key(self.realm)
        return stun.encode(method, stun.REQUEST, transaction, attributes, key)

    def ask(self, method, *attributes, transaction=None):
        """The answer; what is data meanwhile is counted."""
        deadline = time.monotonic() + SECONDS
        transaction = transaction or struct.pack(">III", method, id(self) & 0xFFFFFFFF, time.monotonic_ns() & 0xFFFFFFFF)
        octets = self.encode(method, attributes, transaction)
        self.wire.send(octets)
        again = time.monotonic() + 1
        while True:
            try:
                frame = self.frame(min(again, deadline))
            except NoAnswer:
                if time.monotonic() >= deadline:
                    raise NoAnswer(f"method {method} over {self.transport}") from None
                again = time.monotonic() + 1
                if not self.wire.reliable:
                    self.wire.send(octets)
                continue
            if frame[0] & 0xC0:
                self.take(frame)
                continue
            answer = stun.Answer(frame)
            if answer.transaction != transaction:
                continue
            if answer.error in (401, 438) and answer.get(stun.NONCE) and answer.get(stun.NONCE) != self.nonce:
                self.nonce, self.realm = answer.get(stun.NONCE), answer.get(stun.REALM).decode()
                return self.ask(method, *attributes)
            return answer

    def must(self, method, *attributes):
        answer = self.ask(method, *attributes)
        if answer.kind != stun.SUCCESS:
            raise NoAnswer(f"method {method} over {self.transport}: error {answer.error}")
        return answer

    def allocate(self, relay_transport=stun.UDP_RELAY, *more):
        return self.must(stun.ALLOCATE, (stun.TRANSPORT, relay_transport), *more)

    def bind(self, peer):
        self.must(stun.CHANNEL_BIND, (stun.CHANNEL_NUMBER, struct.pack(">HH", self.CHANNEL, 0)),
                  (stun.XOR_PEER, stun.xor_address(*peer.address)))

    def release(self):
        self.must(stun.REFRESH, (stun.LIFETIME, struct.pack(">I", 0)))

    def take(self, frame):
        self.received += struct.unpack(">H", frame[2:4])[0]

    def send_channel(self, payload):
        self.wire.send(stun.padded(struct.pack(">HH", self.CHANNEL, len(payload)) + payload))
        self.sent += len(payload)

    def listen(self, seconds=0.0):
        for frame in [*self.frames, *self.wire.receive(seconds)]:
            if frame[0] & 0xC0:
                self.take(frame)
        self.frames.clear()

    def exchange(self, payload):
        """There and back; waits until it is here."""
        wanted = self.received + len(payload)
        self.send_channel(payload)
        deadline = time.monotonic() + SECONDS
        while self.received < wanted:
            if time.monotonic() > deadline:
                raise NoAnswer(f"{wanted - self.received} octets did not come back over {self.transport}")
            self.listen(0.5)

    # ---- RFC 6062 ----

    def stream_to(self, peer):
        """A bound data connection to the peer; its octets are the caller's to count."""
        answer = self.must(stun.CONNECT, (stun.XOR_PEER, stun.xor_address(*peer.address)))
        data = wire.connect(self.transport, self.relay.port, self.source)
        transaction = b"connectionbd"
        data.send(self.encode(stun.CONNECTION_BIND, [(stun.CONNECTION_ID, answer.get(stun.CONNECTION_ID))], transaction))
        octets = b""
        deadline = time.monotonic() + SECONDS
        while len(octets) < 20 or len(octets) < 20 + struct.unpack(">H", octets[2:4])[0]:
            if time.monotonic() > deadline:
                raise NoAnswer("no answer to ConnectionBind")
            octets += data.receive_octets(0.5)
        if stun.Answer(octets).kind != stun.SUCCESS:
            raise NoAnswer(f"ConnectionBind: {stun.Answer(octets).error}")
        return data

    @staticmethod
    def exchange_stream(data, payload):
        data.send(payload)
        got = 0
        deadline = time.monotonic() + SECONDS
        while got < len(payload):
            if time.monotonic() > deadline:
                raise NoAnswer(f"{len(payload) - got} octets of a stream did not come back")
            got += len(data.receive_octets(0.5))
        return got
