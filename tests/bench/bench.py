#!/usr/bin/env python3
"""Runs one benchmark and prints one JSON object: name, figures, goals, met. Progress is on stderr."""
import argparse
import json
import sys

import allocations
import fleet_cost
import http_interference
import http_rate
import many_allocations
import relay_overhead
from subjects import Failed

BENCHMARKS = {
    "relay-overhead": relay_overhead,
    "allocations": allocations,
    "many-allocations": many_allocations,
    "http": http_rate,
    "http-interference": http_interference,
    "fleet": fleet_cost,
}


def is_met(figures, goals):
    """Whether every figure with a goal is within it; a goal without a figure is a mistake of ours."""
    return all(
        goal.get("min", float("-inf")) <= figures[name] <= goal.get("max", float("inf"))
        for name, goal in goals.items()
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    names = parser.add_subparsers(dest="name", required=True)
    for name, benchmark in BENCHMARKS.items():
        benchmark.arguments(names.add_parser(name, description=benchmark.__doc__))
    options = parser.parse_args()
    benchmark = BENCHMARKS[options.name]
    figures = benchmark.measure(options)
    print(json.dumps({
        "name": options.name,
        "figures": figures,
        "goals": benchmark.GOALS,
        "met": is_met(figures, benchmark.GOALS),
    }))


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"scripts/bench: {failure}")
