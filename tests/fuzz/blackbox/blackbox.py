#!/usr/bin/env python3
"""A stateful fuzzer of a whole relay, from outside, over UDP, TCP, TLS and DTLS.

  TURNSERVER=… LIBTURNBROKER=… TURNBROKERCTL=… blackbox.py [--seed N] [--seconds S | --rounds N] [--first N]

In each round a few clients with good credentials do what TURN clients do, in any order, half of it spoiled;
beside them one client does all as it should. After each round the server lives and answers, no sanitizer has
said anything, no account has relayed more than its quota, and of the good client every octet was counted that
arrived at its far ends, and no other. The same seed and round make the same choices: `--seed N --first ROUND
--rounds 1` is one round again. Prints one JSON object; ends with 1 when something did not hold, and leaves what
was sent in blackbox-SEED-ROUND.log in the directory $FINDINGS, or here.
"""

import argparse
import contextlib
import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import clean  # noqa: E402  pylint: disable=wrong-import-position
import stun  # noqa: E402  pylint: disable=wrong-import-position
import wild  # noqa: E402  pylint: disable=wrong-import-position
import wire  # noqa: E402  pylint: disable=wrong-import-position
from relay_under_test import Failed, Relay  # noqa: E402  pylint: disable=wrong-import-position
from turn_server import wait_for  # noqa: E402  pylint: disable=wrong-import-position

CLIENTS = 6
STEPS = 400


class Fuzzer:
    """One relay, for all rounds."""

    def __init__(self, relay, seed):
        self.relay, self.seed = relay, seed
        self.rounds = self.sent = self.answered = self.mutated = 0
        self.transports = dict.fromkeys(wire.TRANSPORTS, 0)
        self.clean_octets = 0
        self.log = []

    def good_client(self, rng, peer, number):
        transport = wire.TRANSPORTS[number % len(wire.TRANSPORTS)]
        client = clean.CleanClient(self.relay, transport, self.relay.user("clean", "data", "good"),
                                   f"127.200.{rng.randrange(256)}.{rng.randrange(1, 255)}")
        client.allocate()
        client.bind(peer)
        return client

    def round(self, number):
        rng = random.Random(f"{self.seed}/{number}")
        peers = [clean.UdpPeer(echo=False), clean.UdpPeer(echo=True), clean.TcpPeer()]
        counted = clean.UdpPeer()
        shared = wild.Shared(self.relay, peers, rng)
        self.log = shared.log
        clients = []
        try:
            good = self.good_client(rng, counted, number)
            for index in range(CLIENTS):
                transport = rng.choice(wire.TRANSPORTS)
                self.transports[transport] += 1
                clients.append(wild.WildClient(shared, index, transport))
            if number == 0:
                with contextlib.suppress(wire.Closed):
                    clients[0].sweep()
            for step in range(STEPS):
                rng.choice(clients).step()
                if step % 10 == 0:
                    good.exchange(rng.randbytes(rng.randrange(1, 1200)))
            for client in clients:
                client.close()
            good.release()
            good.close()
            self.clean_octets += good.sent + good.received
            self.check(good, counted)
        finally:
            for peer in [*peers, counted]:
                peer.close()
            self.rounds += 1
            self.sent += shared.sent
            self.answered += shared.answered
            self.mutated += shared.mutated

    def check(self, good, counted):
        if not self.relay.alive():
            raise Failed(f"the server ended with {self.relay.process.returncode}")
        self.fresh_client()
        if report := self.relay.new_reports():
            raise Failed(report)
        if counted.received != good.sent or good.received != good.sent:
            raise Failed(f"sent {good.sent}, the peer got {counted.received}, the client got back {good.received}")
        seen = {}
        def settled():
            seen.update(self.relay.account("clean", "data"))
            return seen["used_octets"] == self.clean_octets and seen["allocations"] == 0
        try:
            wait_for(settled, "")
        except AssertionError:
            raise Failed(f"at the far ends there were {self.clean_octets} octets: {seen}") from None
        for row in self.relay.ctl("usage")["accounts"]:
            both = row["client_to_peer_octets"] + row["peer_to_client_octets"]
            if not 0 <= row["used_octets"] <= row["limit_octets"] or row["used_octets"] != both:
                raise Failed(f"more than the quota, or not what was relayed: {row}")

    def fresh_client(self):
        """A client that was never here before gets an allocation."""
        transport = wire.TRANSPORTS[self.rounds % len(wire.TRANSPORTS)]
        client = clean.CleanClient(self.relay, transport, self.relay.user("clean", "data", "fresh"), "127.201.0.1")
        client.must(stun.BINDING)
        client.allocate()
        client.release()
        client.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=None)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    began = time.monotonic()
    number = options.first
    finding = ""
    with Relay() as relay:
        fuzzer = Fuzzer(relay, seed)
        try:
            while (number < options.first + options.rounds if options.rounds is not None
                   else time.monotonic() < began + options.seconds):
                fuzzer.round(number)
                number += 1
            status = relay.stop()
            if status != 0:
                raise Failed(f"the server ended with {status}:\n{relay.output()[-6000:]}")
        except (Failed, clean.NoAnswer, wire.Closed) as error:
            finding = f"{error}"
            if not relay.goes_on():
                relay.process.wait(30)
                said = relay.new_reports() or f"the server ended with {relay.process.returncode}\n{relay.output()[-4000:]}"
                finding = f"{said}\n{finding}"
            path = os.path.join(os.environ.get("FINDINGS", "."), f"blackbox-{seed}-{number}.log")
            with open(path, "w", encoding="utf-8") as file:
                file.write("\n".join([finding, f"again: blackbox.py --seed {seed} --first {number} --rounds 1",
                                      *fuzzer.log]) + "\n")
            with open(path + ".server", "w", encoding="utf-8") as file:
                file.write(relay.output())
            print(f"{finding}\nall that was sent: {path}", file=sys.stderr)
    print(json.dumps({"seed": seed, "rounds": fuzzer.rounds, "sent": fuzzer.sent, "mutated": fuzzer.mutated,
                      "answered": fuzzer.answered, "clients": fuzzer.transports, "counted_octets": fuzzer.clean_octets,
                      "seconds": round(time.monotonic() - began, 1), "finding": finding.split("\n")[0]}))
    return 1 if finding else 0


if __name__ == "__main__":
    sys.exit(main())
