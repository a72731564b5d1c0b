"""A relay that serves the HTTP API, and wrk to ask it."""
import json
import pathlib
import subprocess

import relay
import subjects
from subjects import Failed

API_KEY = "an API key of the benchmark, 32 octets"
LUA = pathlib.Path(__file__).with_name("wrk_report.lua")
PATH = "/v1/iceServers?cspID=bench&mediaType=data&clientName=alice"
AUTHORIZATION = f"Authorization: Bearer {API_KEY}"


def make_certificate(directory):
    """(certificate, private key) as PEM files"""
    files = directory / "cert.pem", directory / "key.pem"
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", "/CN=localhost", "-days", "2", "-out", str(files[0]), "-keyout", str(files[1])],
        capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"openssl: {done.stderr.strip()}")
    return files


class ApiSubject(subjects.Subject):
    """A metered relay whose API refuses nobody for asking too often."""

    def __init__(self):
        super().__init__("api", relay.TURNSERVER, metered=True)
        self.port = self.tls_port = 0

    def arguments(self, directory, port):
        certificate, key = make_certificate(directory)
        self.port, self.tls_port = relay.free_port(), relay.free_port()
        quote = json.dumps
        rest = subjects.QUOTA.replace(
            "\n\n", f"\napi_key = {quote(API_KEY)}\n\n", 1) + f"""
[broker.http]
listen = "127.0.0.1:{self.port}"
listen_tls = "127.0.0.1:{self.tls_port}"
certificate = {quote(str(certificate))}
private_key = {quote(str(key))}
connections_max = 1024
connections_per_address = 1024
requests_per_address = 1000000
requests_per_csp = 1000000
"""
        config = directory / "turnbroker.toml"
        secret = f"secret = {quote(subjects.SECRET)}"
        relay.write_private(config, relay.broker_config(directory / "state", port, secret, rest))
        return [f"--plugin={relay.PLUGIN}", f"--plugin-config={config}"]

    def url(self, tls=False):
        return f"https://127.0.0.1:{self.tls_port}" if tls else f"http://127.0.0.1:{self.port}"


def one_answer(url):
    """The answer's octets; everything that is measured later is to be like it."""
    done = subprocess.run(["curl", "-sS", "-f", "-H", AUTHORIZATION, url + PATH],
                          capture_output=True, text=True, timeout=30)
    if done.returncode != 0 or "iceServers" not in json.loads(done.stdout):
        raise Failed(f"the API does not answer: {done.stderr.strip()} {done.stdout.strip()}")
    return len(done.stdout)


def wrk_command(url, seconds, connections, prefix=()):
    return [*prefix, "wrk", "-t", "1", "-c", str(connections), "-d", f"{max(1, round(seconds))}s",
            "-s", str(LUA), "-H", AUTHORIZATION, url + PATH]


def report_of(text):
    for line in text.splitlines():
        if line.startswith("REPORT "):
            report = json.loads(line.removeprefix("REPORT "))
            if report["requests"] == 0 or report["refused"] or report["broken"]:
                raise Failed(f"not every request was answered as it should be: {report}")
            return report
    raise Failed(f"wrk reported nothing: {text.strip()}")


def ask_at_full_speed(url, seconds, connections, prefix=()):
    """(requests per second, microseconds of the 99th percentile)"""
    done = subprocess.run(wrk_command(url, seconds, connections, prefix), capture_output=True,
                          text=True, timeout=seconds + 60, preexec_fn=relay.die_with_parent)
    report = report_of(done.stdout + done.stderr)
    return report["requests"] * 1e6 / report["duration_us"], report["p99_us"]
