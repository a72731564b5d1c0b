"""Runs turnserver with the broker for a test, as a user of its own, and looks at its process."""

import contextlib
import json
import os
import pathlib
import pwd
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "abi"))

import turn_server  # noqa: E402  pylint: disable=wrong-import-position
from turn_client import Client, minted  # noqa: E402  pylint: disable=wrong-import-position
from turn_server import wait_for  # noqa: E402  pylint: disable=wrong-import-position

PLUGIN = os.environ["LIBTURNBROKER"]
TURNBROKERCTL = os.environ["TURNBROKERCTL"]
PROBE = os.environ["SANDBOX_PROBE"]
USER = "nobody"  # Debian always has it; its group is nogroup
IS_ROOT = os.getuid() == 0
NEEDS_ROOT = "needs root, to drop it"
SECRET = "acme-secret-0123456789"
CSP = f'[csp.acme]\nsecret = "{SECRET}"\n[csp.acme.quota.data]\nvolume = "1 GB"\nperiod = "total"\n'


def credentials(client="alice", secret=SECRET):
    """Username and password that the CSP acme mints."""
    return minted(secret, f"acme/data/{client}")


class Broker(turn_server.Server):
    """A turnserver with the broker; `user` is its --proc-user, None: whoever runs the test."""

    def __init__(self, broker="", csp=CSP, user=USER if IS_ROOT else None, options=(), probe=(), after="", **more):
        options = [*options, *(["--proc-user=" + user] if user else [])]
        super().__init__(PLUGIN, options=options, **more)
        self.path = pathlib.Path(self.directory.name)
        self.path.chmod(0o755)
        self.state = self.path / "state"
        self.state.mkdir()
        self.config = self.path / "turnbroker.toml"
        self.after = after
        self.write(broker, csp)
        self.plugin_options.append(f"--plugin-config={self.config}")
        for name in ("cert.pem", "key.pem"):
            if (self.path / name).exists():
                self.give(self.path / name, user)
        self.give(self.state, user)
        if probe:
            self.environment = {**os.environ, "LD_PRELOAD": PROBE, "PROBE_CALLS": " ".join(probe),
                                "PROBE_FILE": str(self.path / "probed")}

    def start(self):
        super().start()
        # A relay thread may answer before the main thread has come so far.
        if self.ready:
            self.log("turnbroker: relay ")
            self.log("turnbroker: seccomp: ")
        return self

    @staticmethod
    def give(path, user):
        if user and IS_ROOT:
            entry = pwd.getpwnam(user)
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def write(self, broker="", csp=CSP):
        """The configuration, as a whole; a server that runs loads it within a second."""
        new = self.config.with_suffix(".new")
        new.write_text(f'[broker]\nrealm = "relay.test"\nsecret = "broker-secret-0123456789"\n'
                       f'state_dir = "{self.state}"\n{broker}\n{csp}', encoding="utf-8")
        new.replace(self.config)

    def client(self, transport="udp", name="alice", secret=SECRET):
        return Client(self.port, transport, *credentials(name, secret))

    def ctl(self, *arguments):
        done = subprocess.run([TURNBROKERCTL, "--socket", self.state / "control.sock", "--json", *arguments],
                              capture_output=True, text=True, timeout=30, check=False)
        if done.returncode != 0:
            raise AssertionError(f"turnbrokerctl {arguments}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def log(self, text, seconds=turn_server.SECONDS):
        """Waits until the log has the text."""
        wait_for(lambda: text in self.output(), f"{text!r} in\n{self.output()[-3000:]}", seconds)

    def statuses(self):
        """/proc/PID/task/*/status as dictionaries."""
        found = []
        for file in pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/status"):
            # A thread may end meanwhile.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found.append(dict(re.findall(r"^(\w+):\t(.*)$", file.read_text(encoding="ascii"), re.M)))
        return found

    def probed(self):
        """What the probe has done so far: {name: errno}; and whether it has come to its end."""
        try:
            text = (self.path / "probed").read_text(encoding="ascii")
        except FileNotFoundError:
            return {}, False
        return ({name: int(error) for name, error in re.findall(r"^(\S+) (-?\d+)$", text, re.M)},
                text.endswith("done\n"))
