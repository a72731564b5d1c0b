"""What the plugin costs per relayed packet: throughput against the same server without it and against
Debian's, and instructions in user space."""
import os
import pathlib
import random
import signal
import statistics
import tempfile

import subjects
from subjects import Failed, note

PAYLOAD_OCTETS = 120
ALLOCATIONS = 4
WINDOW_PACKETS = 64
# Callgrind runs some fifty times slower; the difference of two lengths leaves the start-up out.
CALLGRIND_PACKETS = (5_000, 25_000)
CALLGRIND_START_S = 60

GOALS = {
    "throughput_ratio_vs_noplugin": {"min": 0.98},
    "throughput_ratio_vs_debian": {"min": 0.98},
    "added_instructions_per_packet": {"max": 60},
}


def arguments(parser):
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=3.0, help="of one measurement")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32),
                        help="of the order within the rounds")


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def throughput(subject, seconds, pins):
    """(packets per second that arrived, the relay's CPU nanoseconds per packet)"""
    relay_pin, load_pin = pins
    with subject.running(relay_pin) as server:
        before = cpu_seconds(server.process.pid)
        report = subject.load(
            server, "--payload", PAYLOAD_OCTETS, "--allocations", ALLOCATIONS, "--rate", 0,
            "--window", WINDOW_PACKETS, "--direction", "c2p", "--warmup", seconds / 6,
            "--seconds", seconds, prefix=load_pin)
        spent = cpu_seconds(server.process.pid) - before
    packets = report["client_to_peer"]["received_packets"]
    return report["received_packets_per_s"], spent * 1e9 / packets


def instructions_of(subject, packets):
    """Instructions by thread of a relay that relayed this many packets."""
    with tempfile.TemporaryDirectory(prefix="turnbroker-callgrind-") as holder:
        callgrind = ("valgrind", "--tool=callgrind", "--separate-threads=yes", "--quiet",
                     f"--callgrind-out-file={holder}/out")
        with subject.running(callgrind, CALLGRIND_START_S) as server:
            # Always some packets waiting, so that the relay takes as many at a time in each run;
            # few enough that none is lost.
            report = subject.load(
                server, "--payload", PAYLOAD_OCTETS, "--allocations", 1, "--rate", 0,
                "--window", WINDOW_PACKETS, "--direction", "c2p", "--seconds", 0,
                "--octets", packets * PAYLOAD_OCTETS)
            # coturn without a plugin has no handler for SIGTERM.
            if server.stop() not in (0, -signal.SIGTERM):
                raise Failed(f"{subject.name}: under callgrind: {server.tail()}")
        if report["client_to_peer"]["received_packets"] != packets:
            raise Failed(f"{subject.name}: packets were lost: the slope would mean nothing")
        threads = {}
        for path in pathlib.Path(holder).glob("out-*"):
            for line in path.read_text().splitlines():
                if line.startswith("totals:"):
                    threads[path.name.rsplit("-", 1)[1]] = int(line.split()[1])
        return threads


def instructions_per_packet(subject):
    """Of the relay thread: the one whose work grows most with the packets."""
    few, many = CALLGRIND_PACKETS
    note(f"counting instructions: {subject.name}")
    a, b = instructions_of(subject, few), instructions_of(subject, many)
    return max((b[t] - a[t]) / (many - few) for t in a.keys() & b.keys())


def measure(options):
    order = random.Random(options.seed)
    note(f"{options.rounds} rounds, seed {options.seed}")
    pins = subjects.cores()
    all_subjects = [subjects.with_plugin(), subjects.without_plugin(), subjects.debian()]
    rates = {subject.name: [] for subject in all_subjects}
    cpu = {subject.name: [] for subject in all_subjects}
    for number in range(options.rounds):
        order.shuffle(all_subjects)
        for subject in all_subjects:
            rate, ns = throughput(subject, options.seconds, pins)
            rates[subject.name].append(rate)
            cpu[subject.name].append(ns)
        note(f"round {number + 1}: " + ", ".join(
            f"{name} {values[-1]:,.0f} packets/s" for name, values in rates.items()))

    def ratio(values, other, invert=False):
        pairs = zip(values["plugin"], values[other])
        return statistics.median(b / a if invert else a / b for a, b in pairs)

    instructions = {s.name: instructions_per_packet(s)
                    for s in (subjects.with_plugin(), subjects.without_plugin())}
    return {
        **{f"packets_per_s_{name}": round(statistics.median(v)) for name, v in rates.items()},
        **{f"relay_cpu_ns_per_packet_{n}": round(statistics.median(v)) for n, v in cpu.items()},
        "throughput_ratio_vs_noplugin": round(ratio(rates, "noplugin"), 4),
        "throughput_ratio_vs_debian": round(ratio(rates, "debian"), 4),
        "cpu_ratio_vs_noplugin": round(ratio(cpu, "noplugin", invert=True), 4),
        "cpu_ratio_vs_debian": round(ratio(cpu, "debian", invert=True), 4),
        "instructions_per_packet_plugin": round(instructions["plugin"], 1),
        "instructions_per_packet_noplugin": round(instructions["noplugin"], 1),
        "added_instructions_per_packet": round(
            instructions["plugin"] - instructions["noplugin"], 1),
        "rounds": options.rounds,
        "seed": options.seed,
    }
