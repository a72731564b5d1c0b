"""A turnserver on loopback for scripts/run and scripts/bench: made, waited for, and never left behind."""
import ctypes
import json
import os
import pathlib
import resource
import secrets
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TURNBROKER_BUILD", ROOT / "build"))
TURNSERVER = BUILD / "bin/turnserver"
TURNBROKERCTL = BUILD / "bin/turnbrokerctl"
TURNLOAD = BUILD / "bin/turnload"
PLUGIN = BUILD / "lib/libturnbroker.so"
START_S_MAX = 20
STOP_S_MAX = 20
UNIX_PATH_MAX = 107
PR_SET_PDEATHSIG = 1


class Failed(Exception):
    """What went wrong, as one sentence for a person."""


def die_with_parent():
    """In the child: even a kill -9 of the script leaves no relay behind. Many descriptors."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def port_is_free(port):
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def free_port(wanted=0):
    """`wanted` if UDP and TCP have it, else one that both have. Below the ports of relayed addresses."""
    for port in [wanted] if wanted else []:
        if port_is_free(port):
            return port
    for _ in range(1000):
        port = 20000 + secrets.randbelow(12000)
        if port_is_free(port):
            return port
    raise Failed("no port is free on 127.0.0.1")


class Relay:
    """A turnserver of `binary`, listening on 127.0.0.1:port. Its log is directory/turnserver.log.

    `config` is its turnserver.conf; without one it reads none.
    """

    def __init__(self, binary, directory, port, arguments, prefix=(), config=None):
        self.port = port
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.log = self.directory / "turnserver.log"
        command = [
            *prefix, str(binary), *(["-c", str(config)] if config else ["-n"]),
            "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", f"--listening-port={port}",
            "--allow-loopback-peers", "--no-cli", "--no-tls", "--no-dtls",
            "--log-file=stdout", "--simple-log", f"--pidfile={self.directory}/turnserver.pid",
            f"--userdb={self.directory}/turndb", *arguments,
        ]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                cwd=self.directory, start_new_session=True,  # Ctrl-C is ours to pass on
                preexec_fn=die_with_parent)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def wait_until_it_answers(self, seconds=START_S_MAX):
        """Asks from one socket all the time: to the server each would be another client."""
        deadline = time.monotonic() + seconds
        request = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + secrets.token_bytes(12)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.1)
            client.connect(("127.0.0.1", self.port))
            while time.monotonic() < deadline:
                if self.process.poll() is not None:
                    raise Failed(f"turnserver ended with {self.process.returncode}:\n{self.tail()}")
                try:
                    client.send(request)
                    if client.recv(2048)[4:20] == request[4:20]:
                        return self
                except ConnectionRefusedError:  # not listening yet
                    time.sleep(0.02)
                except TimeoutError:
                    pass
        self.stop()
        raise Failed(f"turnserver does not answer on port {self.port}:\n{self.tail()}")

    def tail(self, lines=15):
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def stop(self):
        """Its exit status; killed when it does not end by itself in time."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()

    def resident_octets(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise Failed("turnserver has no memory: it ended")


def write_private(path, text):
    """With mode 0600 from the first octet on, and never half."""
    temporary = pathlib.Path(f"{path}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def free_http_port(wanted):
    """`wanted` if TCP has it, else one that it has."""
    return wanted if port_is_free(wanted) else free_port()


def broker_config(state_dir, port, secret_line, rest):
    """The text of a turnbroker.toml for a relay on 127.0.0.1:port."""
    quote = json.dumps  # a JSON string is a TOML string
    return f"""[broker]
realm = "relay.test"
{secret_line}
state_dir = {quote(str(state_dir))}

[relay]
id = "demo"
urls = ["turn:127.0.0.1:{port}?transport=udp", "turn:127.0.0.1:{port}?transport=tcp"]

{rest}"""


class Ctl:
    """turnbrokerctl on one control socket."""

    def __init__(self, socket_path):
        self.socket_path = str(socket_path)

    def ask(self, *arguments):
        done = subprocess.run(
            [str(TURNBROKERCTL), "--socket", self.socket_path, "--json", *arguments],
            capture_output=True, text=True, timeout=30)
        if done.returncode != 0:
            raise Failed(f"turnbrokerctl {arguments[0]}: {done.stderr.strip()}")
        return json.loads(done.stdout)
