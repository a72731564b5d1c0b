"""Whether relaying notices that the HTTP API is flooded: throughput with and without the flood.

The relay thread has a core of its own. Where there are four cores, so have the API's thread, the load
and the flood; where there are fewer, the API and the flood get what the load leaves of its core.
"""
import os
import pathlib
import random
import signal
import statistics
import subprocess

import api
import relay
import subjects
from relay_overhead import ALLOCATIONS, PAYLOAD_OCTETS, WINDOW_PACKETS
from subjects import Failed, note

FLOOD_CONNECTIONS = 512
PROBE_S = 0.5
FLOOD_S_MAX = 600

GOALS = {"throughput_ratio_flooded": {"min": 0.97}}


def arguments(parser):
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=3.0, help="of one measurement")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32),
                        help="of the order within the rounds")


def ticks_of_threads(pid):
    out = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
        out[int(task.name)] = int(fields[11]) + int(fields[12])
    return out


def busiest_during(pid, work):
    """The thread that had most to do."""
    before = ticks_of_threads(pid)
    work()
    after = ticks_of_threads(pid)
    return max(after, key=lambda thread: after[thread] - before.get(thread, 0))


def relaying(subject, server, seconds, prefix):
    """packets per second that arrived"""
    report = subject.load(
        server, "--payload", PAYLOAD_OCTETS, "--allocations", ALLOCATIONS, "--rate", 0, "--window",
        WINDOW_PACKETS, "--direction", "c2p", "--warmup", seconds / 6, "--seconds", seconds,
        prefix=prefix)
    return report["received_packets_per_s"]


def spread(server, subject):
    """Gives threads their cores; (prefix of the load, prefix of the flood)."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise Failed("one core only: the API's thread would share the relay thread's")
    pid = server.process.pid
    relay_thread = busiest_during(pid, lambda: relaying(subject, server, PROBE_S, ()))
    api_thread = busiest_during(pid, lambda: api.ask_at_full_speed(subject.url(), 1, 8))
    if relay_thread == api_thread:
        raise Failed("the API's thread cannot be told from the relay thread")
    others = set(cores[1:])
    for thread in ticks_of_threads(pid):
        os.sched_setaffinity(thread, others)
    os.sched_setaffinity(relay_thread, {cores[0]})
    if len(cores) >= 4:
        os.sched_setaffinity(api_thread, {cores[1]})
        return ("taskset", "-c", str(cores[2])), ("taskset", "-c", str(cores[3]))
    note(f"{len(cores)} cores: the API and the flood get what the load leaves of its core")
    # Only SCHED_IDLE is what is left: the nicest of the other class still takes 1.5 % a thread.
    os.sched_setscheduler(api_thread, os.SCHED_IDLE, os.sched_param(0))
    pin = ("taskset", "-c", str(cores[-1]))
    return pin, (*pin, "chrt", "--idle", "0")


class Flood:
    """Asks on all the API's connections, one request after another, for the time of the `with`."""

    def __init__(self, url, prefix):
        self.command = api.wrk_command(url, FLOOD_S_MAX, FLOOD_CONNECTIONS, prefix)

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True,
                                        preexec_fn=relay.die_with_parent)
        return self

    def end(self):
        """requests per second"""
        if self.process.poll() is not None:
            raise Failed("the flood ended before the measurement")
        self.process.send_signal(signal.SIGINT)
        report = api.report_of(self.process.communicate(timeout=120)[0])
        return report["requests"] * 1e6 / report["duration_us"]

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def measure(options):
    order = random.Random(options.seed)
    note(f"{options.rounds} rounds, seed {options.seed}")
    subject = api.ApiSubject()
    rates = {"quiet": [], "flooded": []}
    asked = []
    with subject.running() as server:
        api.one_answer(subject.url())
        load_pin, flood_pin = spread(server, subject)
        for number in range(options.rounds):
            names = list(rates)
            order.shuffle(names)
            for name in names:
                if name == "quiet":
                    rates[name].append(relaying(subject, server, options.seconds, load_pin))
                    continue
                with Flood(subject.url(), flood_pin) as flood:
                    rates[name].append(relaying(subject, server, options.seconds, load_pin))
                    asked.append(flood.end())
            note(f"round {number + 1}: quiet {rates['quiet'][-1]:,.0f} packets/s, flooded "
                 f"{rates['flooded'][-1]:,.0f} packets/s at {asked[-1]:,.0f} requests/s")
    return {
        **{f"packets_per_s_{name}": round(statistics.median(v)) for name, v in rates.items()},
        "throughput_ratio_flooded": round(
            statistics.median(b / a for a, b in zip(rates["quiet"], rates["flooded"])), 4),
        "requests_per_s": round(statistics.median(asked)),
        "flood_connections": FLOOD_CONNECTIONS,
        "cores": len(os.sched_getaffinity(0)),
        "rounds": options.rounds,
        "seed": options.seed,
    }
