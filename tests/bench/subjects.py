"""The three relays that are compared, each with one relay thread and fresh for each measurement.

The module `relay` is scripts/lib's; scripts/bench puts that on PYTHONPATH.
"""
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import relay
from relay import Failed

SECRET = "a secret of the benchmark, 32 octets"
QUOTA = f"""[csp.bench]
secret = "{SECRET}"

[csp.bench.quota.data]
volume = "1000 TB"
period = "total"
"""
CLIENT_S_MAX = 300


def note(text):
    print(text, file=sys.stderr, flush=True)


def cores():
    """Prefixes that pin the relay and the load to a core of their own, where there are two."""
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        note("one core only: relay and load share it, which hides differences")
        return (), ()
    return ("taskset", "-c", str(available[0])), ("taskset", "-c", str(available[1]))


class Subject:
    """A way to start a relay, and the user name that its credentials are made for."""

    MORE = ""  # of the broker's configuration

    def __init__(self, name, binary, metered):
        self.name = name
        self.binary = pathlib.Path(binary)
        self.metered = metered
        self.user = "bench/data/c{}" if metered else "c{}"

    def arguments(self, directory, port):
        if not self.metered:
            return ["--use-auth-secret", f"--static-auth-secret={SECRET}", "--realm=relay.test"]
        config = directory / "turnbroker.toml"
        relay.write_private(config, relay.broker_config(directory / "state", port, "", self.MORE + QUOTA))
        return [f"--plugin={relay.PLUGIN}", f"--plugin-config={config}"]

    @contextlib.contextmanager
    def running(self, prefix=(), start_s=relay.START_S_MAX):
        with tempfile.TemporaryDirectory(prefix="turnbroker-bench-") as holder:
            directory = pathlib.Path(holder)
            port = relay.free_port()
            server = relay.Relay(
                self.binary, directory, port, ["-m", "1", *self.arguments(directory, port)], prefix)
            with server:
                server.wait_until_it_answers(start_s)
                yield server

    def load(self, server, *arguments, prefix=()):
        """turnload's report."""
        done = subprocess.run(
            self.load_command(server, *arguments, prefix=prefix), capture_output=True, text=True,
            timeout=CLIENT_S_MAX, preexec_fn=relay.die_with_parent)
        if done.returncode != 0:
            raise Failed(f"{self.name}: turnload: {done.stderr.strip()} {done.stdout.strip()}")
        report = json.loads(done.stdout)
        if report["errors"]:
            raise Failed(f"{self.name}: turnload met {report['errors']}")
        return report

    def load_command(self, server, *arguments, prefix=()):
        return [*prefix, str(relay.TURNLOAD), "--server", f"127.0.0.1:{server.port}",
                "--user-secret", SECRET, "--user", self.user, "--json", *map(str, arguments)]


def with_plugin():
    return Subject("plugin", relay.TURNSERVER, metered=True)


def without_plugin():
    return Subject("noplugin", relay.TURNSERVER, metered=False)


def debian():
    return Subject("debian", os.environ["DEBIAN_TURNSERVER"], metered=False)
