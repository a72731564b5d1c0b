#!/usr/bin/env python3
"""A metered relay on loopback until Ctrl-C; called by scripts/run. Arguments go to turnserver."""
import os
import pathlib
import re
import secrets
import signal
import sys
import tempfile
import tomllib

import relay
from relay import Failed

HTTP_PORT = 8080  # what README.md's examples speak to
# How call.html and the examples are let in; each can also be given by other keys.
API_LINES = {
    'api_key = "demo-api-key-0123456789"': {"api_key", "api_keys", "api_key_file", "api_keys_files"},
    'allowed_origins = ["http://127.0.0.1:8080", "http://localhost:8080"]': {"allowed_origins"},
}
API = "\n".join(API_LINES)
QUOTAS = f"""# Yours to edit: a change counts within a second, without a restart.
[csp.demo]
name = "Demo"
{API}

[csp.demo.quota.audio]
volume = "1 GB"
period = "day"

[csp.demo.quota.video]
volume = "10 GB"
period = "month"

[csp.demo.quota.data]
volume = "50 MB"
period = "total"
"""


def state_directory():
    """build/demo or $TURNBROKER_DEMO, unless its control socket would have too long a name for a socket."""
    wanted = pathlib.Path(os.environ.get("TURNBROKER_DEMO", relay.BUILD / "demo"))
    if len(str(wanted / "state/control.sock")) <= relay.UNIX_PATH_MAX:
        wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
        return wanted
    return pathlib.Path(tempfile.mkdtemp(prefix="turnbroker-demo-"))


def with_origins(text, port):
    """The quotas' file, whose allowed origins are those of call.html at this run's port."""
    return re.sub(r"http://(127\.0\.0\.1|localhost):\d+", rf"http://\1:{port}", text)


def missing_lines(text, port):
    """Those of API_LINES that a quotas' file lacks, as one of an earlier scripts/run does."""
    try:
        demo = tomllib.loads(text).get("csp", {}).get("demo", {})
    except tomllib.TOMLDecodeError:  # the server says what is wrong
        return []
    return [with_origins(line, port) for line, keys in API_LINES.items() if not keys & demo.keys()]


def tell_what_is_missing(quotas, lines):
    """The file is the operator's, so that nothing is added to it."""
    if lines:
        print(f"""
Without these lines in [csp.demo] the first call and README.md's examples are refused. The file is yours,
so they are for you to add; saving it is enough:

  {quotas}
""" + "".join(f"    {line}\n" for line in lines), flush=True)


def http_config(port):
    """The page call.html and the admin token are for a machine of one's own."""
    return f"""[broker.http]
listen = "127.0.0.1:{port}"
admin_token = "demo-admin-token-0123456789"
example = true
"""


def write_configuration(directory, port, http_port):
    """turnbroker.toml anew, with this run's ports; the secret and the quotas once."""
    secret = directory / "secret"
    if not secret.exists():
        relay.write_private(secret, secrets.token_urlsafe(32) + "\n")
    quotas = directory / "csp.d/demo.toml"
    quotas.parent.mkdir(mode=0o700, exist_ok=True)
    before = quotas.read_text(encoding="utf-8") if quotas.exists() else QUOTAS
    relay.write_private(quotas, with_origins(before, http_port))
    config = directory / "turnbroker.toml"
    text = relay.broker_config(
        directory / "state", port, 'secret_file = "secret"\ninclude = "csp.d/*.toml"',
        http_config(http_port))
    relay.write_private(config, f"# Written anew by every scripts/run; quotas: {quotas}\n{text}")
    return config


def write_turnserver_conf(directory):
    """The example of a relay on the Internet, as it is; what loopback needs besides is on the command line."""
    config = directory / "turnserver.conf"
    example = pathlib.Path(__file__).with_name("turnserver.conf").read_text(encoding="utf-8")
    relay.write_private(config, f"# Written anew by every scripts/run.\n{example}")
    return config


def tell(directory, config, port, http_port, ctl):
    credentials = ctl.ask("credentials", "--csp", "demo", "--media", "data", "--client", "alice")
    ctl_command = f"build/bin/turnbrokerctl --socket {ctl.socket_path}"
    print(f"""
A metered TURN relay runs on 127.0.0.1, port {port}. Ctrl-C stops it.

  a first call   http://127.0.0.1:{http_port}/call.html in two tabs of a browser
  HTTP API       http://127.0.0.1:{http_port}/, described in README.md and at /openapi.json

  TURN URLs      {"  ".join(credentials["uris"])}
  username       {credentials["username"]}
  password       {credentials["password"]}
  good for       {credentials["ttl"]} s, CSP demo, media type data, client alice

  configuration  {config}
                 {directory}/turnserver.conf
  quotas         {directory}/csp.d/demo.toml
  control socket {ctl.socket_path}
  usage records  {directory}/state/usage.jsonl
  log            {directory}/turnserver.log

Try, from another terminal:

  {ctl_command} usage
  {ctl_command} allocations
  {ctl_command} credentials --csp demo --media video --client bob --ttl 10m
  build/bin/turnload --server 127.0.0.1:{port} --user '{credentials["username"]}' \\
      --password '{credentials["password"]}' --allocations 4 --rate 5000 --until-cut --seconds 0 --progress
""", flush=True)


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    directory = state_directory()
    port = relay.free_port(3478)
    http_port = relay.free_http_port(HTTP_PORT)
    config = write_configuration(directory, port, http_port)
    server = relay.Relay(relay.TURNSERVER, directory, port, [
        f"--plugin={relay.PLUGIN}", f"--plugin-config={config}", *sys.argv[1:]], config=write_turnserver_conf(directory))
    with server:
        try:
            server.wait_until_it_answers()
            quotas = directory / "csp.d/demo.toml"
            tell_what_is_missing(quotas, missing_lines(quotas.read_text(encoding="utf-8"), http_port))
            tell(directory, config, port, http_port, relay.Ctl(directory / "state/control.sock"))
            status = server.process.wait()
            raise Failed(f"turnserver ended with {status}:\n{server.tail()}")
        except KeyboardInterrupt:
            print("\nstopping", flush=True)
            status = server.stop()
            if status != 0:
                raise Failed(f"turnserver ended with {status}:\n{server.tail()}") from None
            print("stopped; everything is settled in the ledger")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"scripts/run: {failure}")
