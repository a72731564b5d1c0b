"""As many allocations at once as the limit of open files lets one relay have, up to --count, and what each takes.

Relay and load have a descriptor for each, and all clients one address, which has 28,000 ports by default.
"""
import pathlib
import resource
import time

import subjects
from allocations import Held
from subjects import Failed, note

RESERVED = 1_000  # descriptors, and allocations that come while the others are there
BEFORE = 200
LATE = 100

GOALS = {
    "octets_per_allocation": {"max": 32_768},
    "late_packets_share": {"min": 0.99},
}


def arguments(parser):
    parser.add_argument("--count", type=int, default=100_000)


def possible(wanted):
    first, last = map(int, pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return min(wanted, files - RESERVED, last - first - RESERVED)


class ManyAddresses(subjects.Subject):
    """Relays at addresses of their own, so that clients and relays do not share ports."""

    def arguments(self, directory, port):
        return [*super().arguments(directory, port), *(f"--relay-ip=127.0.0.{n}" for n in range(2, 10))]


def measure(options):
    count = possible(options.count)
    if count < BEFORE:
        raise Failed("the limit of open files leaves no room")
    note(f"{count} allocations of {options.count}")
    subject = ManyAddresses("noplugin", subjects.without_plugin().binary, metered=False)
    with subject.running() as server, Held(subject, server, BEFORE):
        before, began = server.resident_octets(), time.monotonic()
        with Held(subject, server, count - BEFORE):
            seconds = time.monotonic() - began
            octets = (server.resident_octets() - before) / (count - BEFORE)
            report = subject.load(server, "--allocations", LATE, "--rate", 2000, "--seconds", 3)
    return {
        "allocations": count,
        "allocations_wanted": options.count,
        "seconds_to_make": round(seconds, 2),
        "octets_per_allocation": round(octets),
        "late_packets_share": share(report),
    }


def share(report):
    sent = sum(report[way]["sent_packets"] for way in ("client_to_peer", "peer_to_client"))
    received = sum(report[way]["received_packets"] for way in ("client_to_peer", "peer_to_client"))
    return round(received / max(sent, 1), 4)
