"""Very many allocations at once: what each takes, and whether the relay still relays.

Relay and load have a descriptor for each. Where the limit of open files is too low for --count, it is done under a
kernel of its own (user_mode_linux.py); without that, as many as the limit leaves.
"""
import contextlib
import json
import os
import pathlib
import resource
import sys
import time

import relay
import subjects
import user_mode_linux
from allocations import Held
from subjects import Failed, note

RESERVED = 1_000  # descriptors, and allocations that come while the others are there
BEFORE = 200
LATE = 100
# Few: the clients that wait share a processor with these, and look at all their timers 50 times a second.
LATE_PACKETS_PER_S = 200
OF_ADDRESS = 10_000  # allocations, each from a port of its own
RELAY_ADDRESSES = 12  # with 16,384 ports each
MEMORY_OCTETS = 12 << 30
INSIDE = "TURNBROKER_BENCH_INSIDE"

GOALS = {
    "octets_per_allocation": {"max": 32_768},
    "late_packets_share": {"min": 0.99},
}


def arguments(parser):
    parser.add_argument("--count", type=int, default=100_000)


def possible(wanted):
    return min(wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - RESERVED)


class ManyAddresses(subjects.Subject):
    """Relays at many addresses, which clients do not share."""

    MORE = f"[broker.limits]\nallocations_max = {1 << 18}\n\n"

    def arguments(self, directory, port):
        return [*super().arguments(directory, port),
                *(f"--relay-ip=127.0.0.{n}" for n in range(2, 2 + RELAY_ADDRESSES))]


def parts(subject, server, count):
    """Clients at addresses of their own, so that each has a port; one part after the other, so that none waits long."""
    whole, rest = divmod(count, OF_ADDRESS)
    sizes = [OF_ADDRESS] * whole + [rest] * (rest > 0)
    return [Held(subject, server, size, "--local", f"127.0.1.{number}:0") for number, size in enumerate(sizes, 1)]


def measure(options):
    count = possible(options.count)
    if count < options.count and INSIDE not in os.environ and user_mode_linux.is_possible(MEMORY_OCTETS):
        script = pathlib.Path(__file__).with_name("bench.py")
        output = user_mode_linux.run(
            [sys.executable, "-B", script, "many-allocations", "--count", options.count], MEMORY_OCTETS,
            {INSIDE: 1, "PYTHONPATH": os.environ["PYTHONPATH"], "TURNBROKER_BUILD": relay.BUILD,
             "PATH": os.environ["PATH"]})
        return json.loads(output)["figures"]
    if count < BEFORE:
        raise Failed("the limit of open files leaves no room")
    note(f"{count} allocations of {options.count}")
    subject = ManyAddresses("plugin", relay.TURNSERVER, metered=True)
    with subject.running() as server, Held(subject, server, BEFORE):
        before, began = server.resident_octets(), time.monotonic()
        with contextlib.ExitStack() as others:
            for part in parts(subject, server, count - BEFORE):
                others.enter_context(part)
                note(f"{part.count} more after {time.monotonic() - began:.0f} s")
            seconds = time.monotonic() - began
            octets = (server.resident_octets() - before) / (count - BEFORE)
            report = subject.load(server, "--allocations", LATE, "--rate", LATE_PACKETS_PER_S, "--seconds", 5)
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
