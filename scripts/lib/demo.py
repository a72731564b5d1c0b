#!/usr/bin/env python3
"""A relay with a quota of 50 MB, real traffic through it, and what happens; called by scripts/run --demo.

Ends with 0 only when the relay did what it is for: not one octet beyond the limit, the account
exhausted, every allocation ended for that reason, a new one refused with 486.
"""
import json
import pathlib
import secrets
import shutil
import subprocess
import sys
import tempfile
import time

import relay
from relay import Failed

LIMIT_OCTETS = 50_000_000
ALLOCATIONS = 8
PACKETS_PER_S = 5000  # of 1200 octets: some eight seconds to watch
DEMO_S_MAX = 120
POLL_S = 0.2

QUOTA = """[csp.demo]
name = "Demo"

[csp.demo.quota.data]
volume = "50 MB"
period = "total"
"""


def megabytes(octets):
    return f"{octets / 1e6:.2f} MB"


def account_of(ctl):
    accounts = ctl.ask("usage")["accounts"]
    return next(a for a in accounts if (a["csp"], a["media"]) == ("demo", "data"))


def progress_line(account, began):
    width = 32
    used, limit = account["used_octets"], account["limit_octets"]
    bar = "#" * round(width * used / limit)
    state = "exhausted" if account["exhausted"] else f"{account['allocations']} allocations"
    return (f"  {time.monotonic() - began:5.1f} s  [{bar:<{width}}] "
            f"{megabytes(used)} of {megabytes(limit)}  {state}")


def show(text, last=False):
    """One line that changes in place on a terminal; in a log only every fifth, as lines."""
    if sys.stdout.isatty():
        print(f"\r\x1b[K{text}", end="\n" if last else "", flush=True)
    elif last or show.count % 5 == 0:
        print(text, flush=True)
    show.count += 1


show.count = 0


def load_command(server, credentials, *arguments):
    return [str(relay.TURNLOAD), "--server", f"127.0.0.1:{server.port}",
            "--user", credentials["username"], "--password", credentials["password"],
            "--json", *arguments]


def relay_until_cut(server, ctl, credentials):
    """What turnload counted at the far ends."""
    began = time.monotonic()
    load = subprocess.Popen(
        load_command(server, credentials, "--allocations", str(ALLOCATIONS),
                     "--rate", str(PACKETS_PER_S), "--payload", "1200", "--seconds", "0",
                     "--direction", "both", "--until-cut"),
        stdout=subprocess.PIPE, text=True, preexec_fn=relay.die_with_parent)
    try:
        while load.poll() is None:
            if time.monotonic() - began > DEMO_S_MAX:
                raise Failed(f"nothing was cut within {DEMO_S_MAX} s")
            show(progress_line(account_of(ctl), began))
            time.sleep(POLL_S)
        show(progress_line(account_of(ctl), began), last=True)
        return json.loads(load.stdout.read())
    finally:
        if load.poll() is None:
            load.terminate()
            load.wait()


def records_of(directory):
    """The usage records; they are written within a moment of an allocation's end."""
    path = directory / "state/usage.jsonl"
    deadline = time.monotonic() + 5
    while True:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        if len(lines) >= ALLOCATIONS or time.monotonic() > deadline:
            return [json.loads(line) for line in lines]
        time.sleep(0.05)


def refusal_of(server, credentials):
    """What a new Allocate is answered, as turnload names it."""
    done = subprocess.run(
        load_command(server, credentials, "--allocations", "1", "--seconds", "1"),
        capture_output=True, text=True, timeout=60)
    return sorted(json.loads(done.stdout)["errors"]) if done.stdout else [done.stderr.strip()]


def judge(report, account, records, refusal):
    """(what should be, whether it is) for each thing this demonstrates."""
    received = report["received_octets"]
    recorded = sum(r["client_to_peer_octets"] + r["peer_to_client_octets"] for r in records)
    return [
        (f"the far ends received {received:,} octets, the limit is {LIMIT_OCTETS:,}",
         LIMIT_OCTETS * 99 // 100 <= received <= LIMIT_OCTETS),
        (f"{account['used_octets']:,} octets are charged to the account",
         received <= account["used_octets"] <= LIMIT_OCTETS),
        (f"the account is exhausted: {account['exhausted']}", account["exhausted"] is True),
        (f"{len(records)} usage records with the reason quota_exhausted, {recorded:,} octets in all",
         len(records) == ALLOCATIONS
         and {r["reason"] for r in records} == {"quota_exhausted"}
         and recorded == account["used_octets"]),
        (f"a new Allocate is refused with {', '.join(refusal) or 'nothing'}",
         any("486" in name for name in refusal)),
    ]


def demonstrate(directory, arguments):
    port = relay.free_port()
    config = directory / "turnbroker.toml"
    secret = f'secret = "{secrets.token_urlsafe(32)}"'
    relay.write_private(config, relay.broker_config(directory / "state", port, secret, QUOTA))
    server = relay.Relay(relay.TURNSERVER, directory, port, [
        f"--plugin={relay.PLUGIN}", f"--plugin-config={config}", *arguments])
    with server:
        server.wait_until_it_answers()
        ctl = relay.Ctl(directory / "state/control.sock")
        credentials = ctl.ask("credentials", "--csp", "demo", "--media", "data", "--client", "alice")
        print(f"A TURN relay on 127.0.0.1:{port}; alice's calls are paid from a quota of "
              f"{megabytes(LIMIT_OCTETS)}.\n{ALLOCATIONS} allocations now relay in both directions "
              "until they are cut:\n", flush=True)
        report = relay_until_cut(server, ctl, credentials)
        account = account_of(ctl)
        records = records_of(directory)
        results = judge(report, account, records, refusal_of(server, credentials))
        status = server.stop()
    results.append((f"turnserver stopped with {status}", status == 0))
    print("\nWhat happened:\n")
    for text, holds in results:
        print(f"  {'yes' if holds else 'NO '}  {text}")
    if records:
        print(f"\nOne of the usage records:\n  {json.dumps(records[0])}")
    return all(holds for _, holds in results)


def main():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="turnbroker-demo-"))
    succeeded = False
    try:
        succeeded = demonstrate(directory, sys.argv[1:])
    finally:
        if succeeded:
            shutil.rmtree(directory)
        else:
            print(f"kept for a look: {directory}", file=sys.stderr)
    return 0 if succeeded else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"scripts/run --demo: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
