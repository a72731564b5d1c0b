"""Runs the fuzzers for a time, all cores at once, and prints a table; called by scripts/fuzz.

A libFuzzer target ends with its first finding; it is started again for what is left of its time, until it has
found as many as are worth looking at.
"""

import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import time

FINDINGS_MAX = 3
BLACKBOX = "blackbox"
BLACKBOX_SHARES = 3  # a relay has more in it than a parser
STATISTICS = re.compile(r"^#(\d+)\s.*?cov: (\d+).*?corp: (\d+)/", re.MULTILINE)
ARTIFACT = re.compile(r"Test unit written to (\S+)")
QUIET = ("address", "oauth_token")  # each refusal of these is a line on stderr


@dataclasses.dataclass
class Report:
    """What became of a target."""

    name: str
    seconds: float = 0.0
    executions: int = 0
    edges: str = "-"
    corpus: str = "-"
    findings: list = dataclasses.field(default_factory=list)


class Fuzzing:
    """The targets of one tree."""

    def __init__(self, root, seed):
        self.root, self.seed = pathlib.Path(root), seed
        self.build = self.root / "build-fuzz"
        self.sanitized = self.root / "build-asan-ubsan"
        self.sources = self.root / "tests/fuzz"
        self.findings = self.build / "findings"
        self.findings.mkdir(parents=True, exist_ok=True)

    def targets(self):
        names = sorted(path.name.removesuffix("_fuzzer.cpp") for path in self.sources.glob("*_fuzzer.cpp"))
        return [*names, BLACKBOX]

    def run(self, name, seconds):
        return self.run_blackbox(seconds) if name == BLACKBOX else self.run_target(name, seconds)

    def run_target(self, name, seconds):
        report = Report(name)
        found = self.build / "tests/fuzz/corpus" / name
        found.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        while len(report.findings) < FINDINGS_MAX and (left := seconds - (time.monotonic() - began)) >= 1:
            command = [str(self.build / "bin" / f"{name}-fuzzer"), f"-max_total_time={int(left)}", "-timeout=10",
                       "-rss_limit_mb=2048", f"-seed={self.seed + len(report.findings)}",
                       f"-artifact_prefix={self.findings}/{name}-"]
            if (self.sources / f"{name}.dict").exists():
                command.append(f"-dict={self.sources / f'{name}.dict'}")
            if name in QUIET:
                command.append("-close_fd_mask=2")
            log = self.findings / f"{name}.log"
            with open(log, "wb") as output:
                status = subprocess.run([*command, str(found), str(self.sources / "corpus" / name)], stdout=output,
                                        stderr=subprocess.STDOUT, cwd=self.findings, check=False).returncode
            text = log.read_text(encoding="utf-8", errors="replace")
            last = (STATISTICS.findall(text) or [(0, "-", "-")])[-1]
            report.executions += int(last[0])
            report.edges, report.corpus = last[1], last[2]
            if status == 0:
                break
            artifact = ARTIFACT.search(text)
            what = re.search(r"SUMMARY: (.*)|runtime error: (.*)", text)
            kept = log.with_name(f"{name}-{len(report.findings)}.log")
            log.replace(kept)
            report.findings.append((what.group(0) if what else f"status {status}",
                                    f"{command[0]} {artifact[1]}" if artifact else f"see {kept}"))
        report.seconds = time.monotonic() - began
        return report

    def run_blackbox(self, seconds):
        report = Report(BLACKBOX)
        began = time.monotonic()
        environment = {**os.environ, "TURNSERVER": str(self.sanitized / "bin/turnserver"),
                       "TURNBROKERCTL": str(self.sanitized / "bin/turnbrokerctl"),
                       "LIBTURNBROKER": str(self.sanitized / "lib/libturnbroker.so"), "FINDINGS": str(self.findings)}
        program = self.sources / "blackbox/blackbox.py"
        seed = self.seed
        while len(report.findings) < FINDINGS_MAX and (left := seconds - (time.monotonic() - began)) >= 1:
            done = subprocess.run([sys.executable, "-B", str(program), "--seed", str(seed), "--seconds", str(int(left))],
                                  env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
            try:
                summary = json.loads(done.stdout.splitlines()[-1])
            except (IndexError, ValueError):
                report.findings.append((done.stderr[-2000:], f"{program} --seed {seed}"))
                break
            report.executions += summary["sent"]
            if done.returncode == 0:
                break
            report.findings.append((summary["finding"], f"see {self.findings}/blackbox-{seed}-*.log"))
            seed += 1
        report.seconds = time.monotonic() - began
        return report


def print_table(reports):
    print(f"{'TARGET':<18}{'SECONDS':>9}{'EXECUTIONS':>13}{'EXEC/S':>10}{'EDGES':>8}{'CORPUS':>8}{'FINDINGS':>10}")
    for each in reports:
        rate = each.executions / each.seconds if each.seconds else 0
        print(f"{each.name:<18}{each.seconds:>9.0f}{each.executions:>13}{rate:>10.0f}{each.edges:>8}{each.corpus:>8}"
              f"{len(each.findings):>10}")
    for each in reports:
        for what, again in each.findings:
            print(f"\n{each.name}: {what}\n  {again}")


def main():
    parser = argparse.ArgumentParser(prog="scripts/fuzz")
    parser.add_argument("root")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("targets", nargs="*")
    options = parser.parse_intermixed_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1, 1 << 31)
    fuzzing = Fuzzing(options.root, seed)
    targets = options.targets or fuzzing.targets()
    if unknown := set(targets) - set(fuzzing.targets()):
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(fuzzing.targets())}")
    cores = min(len(os.sched_getaffinity(0)), len(targets))
    shares = {name: BLACKBOX_SHARES if name == BLACKBOX else 1 for name in targets}
    share = min(options.minutes * 60 * cores / sum(shares.values()), options.minutes * 60 / max(shares.values()))
    print(f"scripts/fuzz: {len(targets)} targets, {share:.0f} s each ({BLACKBOX} {BLACKBOX_SHARES} times that), "
          f"{cores} at once, seed {seed}", file=sys.stderr)
    # The longest first, so that it is not what is waited for in the end.
    order = sorted(targets, key=lambda name: -shares[name])
    with concurrent.futures.ThreadPoolExecutor(cores) as pool:
        reports = list(pool.map(lambda name: fuzzing.run(name, share * shares[name]), order))
    print_table(sorted(reports, key=lambda each: each.name))
    return 1 if any(each.findings for each in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
