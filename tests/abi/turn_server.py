"""Runs the built turnserver for a test: loopback only, a port the system chose, its output in files."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time

from ports import PortLease, free_port, relay_ports  # noqa: F401  pylint: disable=unused-import
from turn_client import BINDING, Message

SECONDS = 20.0
TURNSERVER = os.environ["TURNSERVER"]
PLUGINS = os.environ["TEST_PLUGINS"]
with open(TURNSERVER, "rb") as program:
    SANITIZED = re.search(rb"__[at]san_init", program.read()) is not None
SANITIZER_REPORT = re.compile(r"runtime error:|(ERROR|WARNING): \w+Sanitizer|: Sanitizer")


def plugin(name):
    return os.path.join(PLUGINS, name + ".so")


def wait_for(condition, what, seconds=SECONDS):
    """Waits until condition() is true and returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen in {seconds} s: {what}")
        time.sleep(0.01)


class Server:
    """A turnserver with `--plugin` (and its configuration, as text), until the end of a with block."""

    binary = TURNSERVER
    # The unpatched server has a CLI, and does not start with loopback peers and without its password.
    always = ["--no-cli"]

    def __init__(self, plugin_name=None, config=None, options=(), threads=1, ready=True,
                 conf=None, tls=False, preload=None):
        self.directory = tempfile.TemporaryDirectory(prefix="turn-abi-")
        self.events_file = os.path.join(self.directory.name, "events")
        self.commands_file = os.path.join(self.directory.name, "commands")
        self.output_file = os.path.join(self.directory.name, "output")
        self.plugin_options = []
        if plugin_name:
            self.plugin_options.append("--plugin=" + (plugin_name if "/" in plugin_name else plugin(plugin_name)))
        if config is not None:
            config_file = os.path.join(self.directory.name, "config")
            with open(config_file, "w", encoding="utf-8") as file:
                file.write(f"events {self.events_file}\ncommands {self.commands_file}\n{config}")
            self.plugin_options.append("--plugin-config=" + config_file)
        self.options, self.threads, self.ready = list(options), threads, ready
        self.options += self._certificate() if tls else ["--no-tls", "--no-dtls"]
        self.conf = ["-n"]
        if conf is not None:
            self.conf = ["-c", os.path.join(self.directory.name, "turnserver.conf")]
            with open(self.conf[1], "w", encoding="utf-8") as file:
                file.write(conf)
        self.environment = {**os.environ, "LD_PRELOAD": plugin(preload)} if preload else None
        self.process = None
        self.lease = None

    def _certificate(self):
        """A certificate of this run; TLS and DTLS are then served on the one port."""
        cert, key = (os.path.join(self.directory.name, name) for name in ("cert.pem", "key.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=test",
                        "-keyout", key, "-out", cert], check=True, capture_output=True)
        return ["--cert", cert, "--pkey", key]

    def start(self):
        for _ in range(5):
            self.lease = PortLease()
            self.port = self.lease.port
            with open(self.output_file, "wb") as output:
                self.process = subprocess.Popen(
                    [self.binary, *self.conf, *self.always, "-L", "127.0.0.1", "-p", str(self.port), "-m", str(self.threads),
                     "--allow-loopback-peers", "-v", "-l", "stdout",
                     "--pidfile", os.path.join(self.directory.name, "pid"),
                     "--userdb", os.path.join(self.directory.name, "turndb"),
                     *self.plugin_options, *self.options],
                    stdout=output, stderr=subprocess.STDOUT, cwd=self.directory.name, env=self.environment)
            if not self.ready or self._answers():
                return self
            # Somebody who asks for no lease took the port.
            self.lease.close()
        raise AssertionError(f"turnserver does not start:\n{self.output()}")

    def _answers(self):
        deadline = time.monotonic() + SECONDS
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.1)
            while time.monotonic() < deadline:
                if self.process.poll() is not None:
                    if "Address already in use" in self.output():
                        return False
                    raise AssertionError(f"turnserver ended with {self.process.returncode}:\n{self.output()}")
                try:
                    probe.sendto(Message(BINDING).encode(), ("127.0.0.1", self.port))
                    probe.recv(2048)
                    return True
                except OSError:
                    continue
        return False

    def output(self):
        with open(self.output_file, encoding="utf-8", errors="replace") as file:
            return file.read()

    def events(self, name=None):
        """What the scripted plugin recorded so far."""
        try:
            with open(self.events_file, encoding="utf-8") as file:
                lines = file.read().split("\n")[:-1]
        except FileNotFoundError:
            return []
        events = [json.loads(line) for line in lines]
        return [event for event in events if name is None or event["event"] == name]

    def wait_event(self, name, count=1, seconds=SECONDS):
        """Waits for the count-th event of a name and returns it."""
        return wait_for(lambda: self.events(name)[count - 1:count] or None,
                        f"event {name} number {count} in {self.events()}", seconds)[0]

    def command(self, *words):
        """Tells the scripted plugin to do something on a thread of its own."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as commands:
            commands.sendto(" ".join(str(word) for word in words).encode(), self.commands_file)

    @contextlib.contextmanager
    def stopped(self):
        """What happens meanwhile the server finds all at once."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def wait_exit(self, seconds=SECONDS):
        return self.process.wait(timeout=seconds)

    def stop(self, signum=signal.SIGTERM):
        """Signals the server and returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signum)
        return self.wait_exit()

    def __enter__(self):
        return self.start()

    def __exit__(self, failure=None, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.lease is not None:
            self.lease.close()
        reports = [line for line in self.output().split("\n") if SANITIZER_REPORT.search(line)]
        output = self.output()
        self.directory.cleanup()
        if reports and failure is None:
            raise AssertionError(f"{reports[0]}\n{output[output.index(reports[0]):][:6000]}")


def run_to_end(plugin_name=None, config=None, options=(), seconds=SECONDS, conf=None):
    """Runs a turnserver that is expected to refuse to start. Returns status and output."""
    server = Server(plugin_name, config, options, ready=False, conf=conf).start()
    try:
        status = server.wait_exit(seconds)
        return status, server.output()
    finally:
        server.__exit__()
