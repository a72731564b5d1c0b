#!/usr/bin/env python3
"""A sanitized relay under mixed load for a long time; called by scripts/soak.

  TURNSERVER=… LIBTURNBROKER=… TURNBROKERCTL=… [LIVE_OCTETS=…] soak.py [--minutes N] [--seed N]

Clients over UDP, TCP, TLS and DTLS come, talk and go; a quota is used up, cuts them off and is raised, again and
again; the configuration and the certificate are loaded anew, the HTTP API is asked, and the Redis that keeps the
ledger is stopped and started. In the end every octet that arrived at a far end is in the ledger and no other, the
server ends by itself without a leak or a word of a sanitizer, and since it was warm neither its memory has grown nor
its descriptors and threads. LIVE_OCTETS names the library by which a server with AddressSanitizer tells the heap that
is in use. Prints one JSON object; ends with 1 when one of these does not hold.
"""

import argparse
import http.client
import json
import os
import random
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "fuzz", "blackbox")]

import clean  # noqa: E402  pylint: disable=wrong-import-position
import relay_under_test  # noqa: E402  pylint: disable=wrong-import-position
import stun  # noqa: E402  pylint: disable=wrong-import-position
from redis_server import Redis  # noqa: E402  pylint: disable=wrong-import-position
from turn_server import free_port, wait_for  # noqa: E402  pylint: disable=wrong-import-position
from visitors import ApiUser, Caller, Leaver, Spender  # noqa: E402  pylint: disable=wrong-import-position

ROUND_S = 10.0
RAISE_OCTETS = 150_000
EXTRA_OCTETS = 10_000_000  # on_store_loss; each time that the log says GRANTS_ENDED
GRANTS_ENDED = "out of reach for longer than grants are valid"
WARM_S = 600.0
# The share by which each may have grown since it was warm. Where the heap in use is told, a sanitizer's own memory
# is in what is resident.
GROWTH_MAX = {"resident_kib": 0.05, "heap_in_use_kib": 0.05, "descriptors": 0.25, "threads": 0.0}
SANITIZED_RESIDENT_GROWTH_MAX = 0.25
SAMPLES_MIN = 12


def slope_per_min(samples):
    """By how much the straight line nearest to (seconds, value) rises in a minute."""
    mean_x = sum(x for x, _ in samples) / len(samples)
    mean_y = sum(y for _, y in samples) / len(samples)
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return 60 * sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread if spread else 0.0


def by_minute(samples):
    """The mean of each minute, from the first on: whether what grows comes to an end is seen here."""
    minutes = {}
    for seconds, value in samples:
        minutes.setdefault(int(seconds // 60), []).append(value)
    return [round(sum(each) / len(each)) for _, each in sorted(minutes.items())]


def summary_of(samples, seconds):
    """Of (seconds, value), from when the relay was warm."""
    warm_from = min(WARM_S, seconds / 2)
    warm = [each for each in samples if each[0] >= warm_from] or samples[-1:]
    slope = slope_per_min(warm)
    return {"mean": round(sum(value for _, value in warm) / len(warm)), "slope_per_min": round(slope, 2),
            "fitted_growth": round(slope * (warm[-1][0] - warm[0][0]) / 60, 1), "first": round(samples[0][1]),
            "last": round(samples[-1][1]), "by_minute": by_minute(samples)}


class Soak:
    """One relay, its Redis and who uses it."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.http_port, self.admin_token = free_port(), "an admin token of the soak, long enough"
        self.redis = self.relay = None
        self.away_until = -1e9
        self.limit, self.reloads, self.certificates, self.restarts = 0, 0, 0, 0
        self.samples = {}  # of what grows in a relay that loses something: (seconds, value) by its name
        self.findings = []
        self.live_file = None

    def store_was_away(self, seconds):
        return time.monotonic() - self.away_until < seconds

    def raise_quota(self):
        """Writes the configuration anew: what was used up has something again."""
        self.limit += RAISE_OCTETS
        self.relay.write_config(f'[csp.cut]\nsecret = "{relay_under_test.SECRET}"\n[csp.cut.quota.data]\n'
                                f'volume = "{self.limit} B"\nperiod = "total"\n')
        self.reloads += 1

    def renew_certificate(self):
        self.relay._certificate()  # into the same files  pylint: disable=protected-access
        self.relay.process.send_signal(signal.SIGUSR2)
        self.certificates += 1

    def restart_store(self):
        self.away_until = time.monotonic() + 3600
        self.redis.stop()
        time.sleep(self.rng.uniform(0.2, 2.0))
        self.redis.start()
        self.away_until = time.monotonic()
        self.restarts += 1

    def disturb(self, number):
        self.raise_quota()
        if number % 3 == 1:
            self.restart_store()
        if number % 4 == 2:
            self.renew_certificate()
        if number % 5 == 3:
            self.relay.ctl("reload")
            self.reloads += 1

    def look(self, began):
        if not self.relay.alive():
            raise relay_under_test.Failed(f"the server ended with {self.relay.process.returncode}: "
                                          f"{self.relay.new_reports() or self.relay.output()[-4000:]}")
        if report := self.relay.new_reports():
            raise relay_under_test.Failed(report)
        now = time.monotonic() - began
        for name, value in self.relay_figures().items():
            self.samples.setdefault(name, []).append((now, value))

    def relay_figures(self):
        figures = {"resident_kib": self.relay.resident_kib(), "descriptors": self.relay.descriptors(),
                   "threads": self.relay.threads_now()}
        if self.live_file:
            with open(self.live_file, encoding="ascii") as file:
                figures["heap_in_use_kib"] = int(file.read()) / 1024
        return figures

    def check_ledger(self, visitors):
        """What the relay has counted, and what the ledger was told, against the far ends."""
        for csp in ("clean", "cut"):
            def far_ends():
                return sum(each.octets_at_far_ends() for each in visitors if isinstance(each, Caller) and each.csp == csp)
            seen = {}
            def settled():
                rows = [self.relay.account(csp, "data"),
                        *(row for row in self.relay.ctl("usage", "--fleet")["accounts"] if row["csp"] == csp)]
                seen["rows"] = rows
                return len(rows) == 2 and all(row["used_octets"] == far_ends() for row in rows)
            try:
                wait_for(settled, "", 60)
            except AssertionError:
                self.findings.append(f"{csp}: {far_ends()} octets at the far ends, {seen['rows']}")
        allowed = self.limit + EXTRA_OCTETS * self.relay.output().count(GRANTS_ENDED)
        if seen["rows"][0]["used_octets"] > allowed:
            self.findings.append(f"more than the {allowed} octets that are allowed: {seen['rows']}")
        if not self.relay.ctl("ledger", "check")["ok"]:
            self.findings.append("the ledger does not add up")

    def check_growth(self, seconds):
        bounds = dict(GROWTH_MAX)
        if self.live_file:
            bounds["resident_kib"] = SANITIZED_RESIDENT_GROWTH_MAX
        growth = {name: summary_of(samples, seconds) for name, samples in self.samples.items()}
        # What is not yet warm grows, and a few samples say nothing.
        judged = seconds > WARM_S and len(self.samples["resident_kib"]) >= SAMPLES_MIN
        for name, summary in growth.items():
            if judged and summary["fitted_growth"] > bounds[name] * summary["mean"]:
                self.findings.append(f"{name} has grown since it was warm: {summary}")
        return {"warm_from_s": round(min(WARM_S, seconds / 2)), "judged": judged, **growth}

    def takes_calls(self):
        """An empty ledger grants nothing for a validity time."""
        client = clean.CleanClient(self.relay, "udp", self.relay.user("clean", "data", "first"))
        try:
            return client.ask(stun.ALLOCATE, (stun.TRANSPORT, stun.UDP_RELAY)).kind == stun.SUCCESS
        finally:
            client.close()

    def is_ready(self):
        """Of all shards of the ledger, some of which may have begun later."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=30)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        finally:
            connection.close()

    def run(self, seconds):
        wait_for(self.takes_calls, "the first allocation", 60)
        wait_for(self.is_ready, "the API to send clients here", 60)
        began = time.monotonic()
        number = 0
        self.raise_quota()
        visitors = [*(Caller(self, random.Random(self.rng.random())) for _ in range(3)),
                    *(kind(self, random.Random(self.rng.random())) for kind in (Spender, Spender, Leaver, ApiUser))]
        for each in visitors:
            each.start()
        try:
            while time.monotonic() < began + seconds:
                self.disturb(number)
                number += 1
                end = min(time.monotonic() + ROUND_S, began + seconds)
                while time.monotonic() < end:
                    time.sleep(min(2.0, max(0.0, end - time.monotonic())))
                    self.look(began)
        finally:
            for each in visitors:
                each.ending.set()
            for each in visitors:
                each.stop()
        self.findings += [text for each in visitors for text in each.trouble]
        self.findings += [f"{type(each).__name__} does not end" for each in visitors if each.is_alive()]
        self.look(began)
        self.check_ledger(visitors)
        callers = [each for each in visitors if isinstance(each, Caller)]
        return {"rounds": number, "reloads": self.reloads, "certificates": self.certificates,
                "redis_restarts": self.restarts, "calls": sum(each.visits for each in callers if each.csp == "clean"),
                "octets": sum(each.octets_at_far_ends() for each in callers),
                "cuts": sum(each.cuts for each in visitors if isinstance(each, Spender)),
                "left_half_way": sum(each.visits for each in visitors if isinstance(each, Leaver)),
                "api_calls": sum(each.calls for each in visitors if isinstance(each, ApiUser)),
                "growth": self.check_growth(seconds)}

    def everything(self, seconds):
        relay = relay_under_test.Relay(
            store=f'[broker.store]\nkind = "redis"\nurl = "redis://127.0.0.1:0"\nreport_interval = "1s"\n'
                  'validity_time = "5s"\n'
                  f'on_store_loss = "continue:{EXTRA_OCTETS} B"\n',
            more=f'[broker.http]\nlisten = "127.0.0.1:{self.http_port}"\nadmin_token = "{self.admin_token}"\n')
        if library := os.environ.get("LIVE_OCTETS"):
            self.live_file = os.path.join(relay.directory.name, "live_octets")
            relay.environment = {**os.environ, "LD_PRELOAD": library, "LIVE_OCTETS_FILE": self.live_file,
                                 "ASAN_OPTIONS": os.environ["ASAN_OPTIONS"] + ":verify_asan_link_order=0"}
        summary = {}
        with Redis(os.path.join(relay.directory.name, "redis")) as self.redis:
            relay.store = relay.store.replace("127.0.0.1:0", f"127.0.0.1:{self.redis.port}")
            relay.write_config()
            with relay as self.relay:
                try:
                    summary = self.run(seconds)
                    status = relay.stop()
                    if status != 0:
                        self.findings.append(f"the server ended with {status}: {relay.output()[-4000:]}")
                except (relay_under_test.Failed, AssertionError) as error:
                    self.findings.append(str(error))
        return summary


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    soak = Soak(seed)
    summary = soak.everything(options.minutes * 60)
    print(json.dumps({"name": "soak", "minutes": options.minutes, "seed": seed, **summary, "findings": soak.findings,
                      "ok": not soak.findings}, indent=1))
    return 1 if soak.findings else 0


if __name__ == "__main__":
    sys.exit(main())
