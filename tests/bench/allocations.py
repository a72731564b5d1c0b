"""How many allocations per second come and go, and what memory one takes, against Debian's."""
import json
import random
import statistics
import subprocess

import relay
import subjects
from subjects import Failed, note

CONCURRENT = 16
HELD = 5_000
HELD_BEFORE = 200  # what the first allocations take once is no allocation's price
MEMORY_ROUNDS = 3

GOALS = {
    "cycles_ratio_vs_debian": {"min": 0.95},
    "added_octets_per_allocation": {"max": 512},
}


def arguments(parser):
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=3.0, help="of one measurement")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32),
                        help="of the order within the rounds")


def cycles_per_s(subject, seconds, pins):
    relay_pin, load_pin = pins
    with subject.running(relay_pin) as server:
        report = subject.load(server, "--cycles", "--allocations", CONCURRENT,
                              "--warmup", seconds / 6, "--seconds", seconds, prefix=load_pin)
    return report["cycles_per_s"]


class Held:
    """Allocations that live until the end of the `with`."""

    def __init__(self, subject, server, count, *arguments):
        self.count = count
        self.command = subject.load_command(server, "--hold", "--allocations", count, *arguments)
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=relay.die_with_parent)
        report = json.loads(self.process.stdout.readline() or "{}")
        if report.get("held") != self.count:
            raise Failed(f"not all allocations came to life: {report}")
        return self

    def __exit__(self, *_):
        self.process.communicate(timeout=60)


def octets_per_allocation(subject):
    with subject.running() as server:
        with Held(subject, server, HELD_BEFORE):
            before = server.resident_octets()
            with Held(subject, server, HELD):
                return (server.resident_octets() - before) / HELD


def measure(options):
    order = random.Random(options.seed)
    note(f"{options.rounds} rounds, seed {options.seed}")
    pins = subjects.cores()
    pair = [subjects.with_plugin(), subjects.debian()]
    rates = {subject.name: [] for subject in pair}
    memory = {subject.name: [] for subject in pair}
    for number in range(options.rounds):
        order.shuffle(pair)
        for subject in pair:
            rates[subject.name].append(cycles_per_s(subject, options.seconds, pins))
        note(f"round {number + 1}: " + ", ".join(
            f"{name} {values[-1]:,.0f} cycles/s" for name, values in rates.items()))
    for _ in range(MEMORY_ROUNDS):
        order.shuffle(pair)
        for subject in pair:
            memory[subject.name].append(octets_per_allocation(subject))
    octets = {name: statistics.median(values) for name, values in memory.items()}
    note(f"octets per allocation: {octets}")
    return {
        **{f"cycles_per_s_{name}": round(statistics.median(v)) for name, v in rates.items()},
        "cycles_ratio_vs_debian": round(
            statistics.median(a / b for a, b in zip(rates["plugin"], rates["debian"])), 4),
        **{f"octets_per_allocation_{name}": round(value) for name, value in octets.items()},
        "added_octets_per_allocation": round(octets["plugin"] - octets["debian"]),
        "rounds": options.rounds,
        "seed": options.seed,
    }
