"""A turnserver with the plugin, for attacks and for load: two CSPs, one whose octets are counted at both ends and
one that may do what it likes within quotas that are soon used up."""

import json
import os
import random
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "abi"))
os.environ.setdefault("TEST_PLUGINS", "")
# What a sanitizer finds ends the server; of what was freed it keeps little, so that a leak shows in the memory.
os.environ.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
os.environ.setdefault("ASAN_OPTIONS", "quarantine_size_mb=16:detect_stack_use_after_return=0")
os.environ.setdefault("LSAN_OPTIONS", "print_suppressions=0:suppressions=" + os.path.join(
    HERE, "..", "..", "..", "coturn-patches", "lsan.supp"))

import turn_server  # noqa: E402  pylint: disable=wrong-import-position

from stun import User  # noqa: E402  pylint: disable=wrong-import-position

PLUGIN = os.environ["LIBTURNBROKER"]
CTL = os.environ["TURNBROKERCTL"]
SECRET = "a secret of 32 octets for a test"
API_KEY = "an-api-key-of-the-test-0123456789"
UNLIMITED = "1000 TB"


class Failed(Exception):
    """Something that must hold does not."""


class Relay(turn_server.Server):
    """Started with `with`. `store` are lines of turnbroker.toml behind [broker], `more` such behind [relay]."""

    def __init__(self, more="", store="", threads=2, options=(), wild=("64 kB", "2 MB", "50 MB")):
        # An address of its own to relay from: relays that share one can come to share a port, too, and each would
        # relay what another's peers send.
        own_address = f"127.{random.randrange(128, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"
        super().__init__(tls=True, threads=threads,
                         options=["--mobility", "--dtls", "--tcp-relay", "-E", own_address, *options])
        self.state = os.path.join(self.directory.name, "state")
        self.config_file = os.path.join(self.directory.name, "turnbroker.toml")
        self.more, self.store, self.wild = more, store, wild
        self.write_config()
        self.options += [f"--plugin={PLUGIN}", f"--plugin-config={self.config_file}",
                         f"--tls-listening-port={turn_server.free_port()}"]
        self.read = 0

    def __exit__(self, *_):
        """What a sanitizer said is asked for by new_reports(), and told by the exit status of stop()."""
        super().__exit__(True)

    def write_config(self, csps=""):
        """Anew, with further CSPs; the relay reloads it by itself."""
        audio, video, data = self.wild
        text = f"""[broker]
realm = "fuzz.test"
secret = "{SECRET}"
state_dir = "{self.state}"
{self.store}
[relay]
id = "fuzzed"
urls = ["turn:127.0.0.1:3478"]
{self.more}
[csp.clean]
secret = "{SECRET}"
api_keys = ["{API_KEY}"]
[csp.clean.quota.data]
volume = "{UNLIMITED}"
period = "total"
[csp.wild]
secret = "{SECRET}"
[csp.wild.quota.audio]
volume = "{audio}"
period = "total"
[csp.wild.quota.video]
volume = "{video}"
period = "total"
[csp.wild.quota.data]
volume = "{data}"
period = "total"
{csps}"""
        temporary = self.config_file + ".new"
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o600)
        os.replace(temporary, self.config_file)

    def ctl(self, *arguments):
        done = subprocess.run([CTL, "--socket", os.path.join(self.state, "control.sock"), "--json", *arguments],
                              capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise Failed(f"turnbrokerctl {arguments}: {done.stderr}")
        return json.loads(done.stdout)

    def account(self, csp, media):
        for row in self.ctl("usage")["accounts"]:
            if (row["csp"], row["media"]) == (csp, media):
                return row
        raise Failed(f"no account {csp} {media}")

    def alive(self):
        return self.process.poll() is None

    def goes_on(self):
        """Whether it goes on; one that a sanitizer is ending takes a while to."""
        try:
            self.process.wait(2)
            return False
        except subprocess.TimeoutExpired:
            return not self.new_reports_ahead()

    def new_reports_ahead(self):
        """Whether new_reports() has something to say."""
        with open(self.output_file, "rb") as file:
            file.seek(self.read)
            return turn_server.SANITIZER_REPORT.search(file.read().decode(errors="replace")) is not None

    def resident_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])

    def threads_now(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def new_reports(self):
        """What a sanitizer has said since the last call: the first lines of it, or ""."""
        with open(self.output_file, "rb") as file:
            file.seek(self.read)
            text = file.read()
        # A line that is being written is read whole the next time.
        end = text.rfind(b"\n") + 1
        self.read += end
        found = turn_server.SANITIZER_REPORT.search(text[:end].decode(errors="replace"))
        return text[:end].decode(errors="replace")[found.start():][:6000] if found else ""

    @staticmethod
    def user(csp, media, name):
        return User(csp, media, name, SECRET)
