"""Runs a command under a Linux kernel of its own, as a process: where the machine's limits are too low.

Such a kernel has this machine's files, one processor, and limits that it may raise itself. System calls take some
times longer in it, so that it is no place to measure time.
"""
import contextlib
import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile

import relay
from subjects import Failed, note

PROGRAM = "linux.uml"
RUN_S_MAX = 1_200
PAGE_OCTETS = 4_096
INIT = """#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmpfs /tmp
ip link set lo up
echo 1024 65535 >/proc/sys/net/ipv4/ip_local_port_range
ulimit -n "$(cat /proc/sys/fs/nr_open)"
cd "$DIRECTORY" || echo o >/proc/sysrq-trigger
sh ./command >output 2>errors
echo $? >status
echo o >/proc/sysrq-trigger
sleep 60
"""


def available_octets():
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def is_possible(memory_octets):
    """Its memory is a file without a name; it grows as it is used."""
    return (os.geteuid() == 0 and shutil.which(PROGRAM) is not None and available_octets() > memory_octets
            and shutil.disk_usage("/dev/shm").free > memory_octets)


@contextlib.contextmanager
def mappings(count):
    """Each page of a process in it is a mapping here, and this machine may allow too few of them. As it was, afterwards."""
    limit = pathlib.Path("/proc/sys/vm/max_map_count")
    before = limit.read_text()
    if int(before) >= count:
        yield
        return
    try:
        limit.write_text(str(count))
    except OSError as error:
        raise Failed(f"{limit}: {count} mappings are needed: {error.strerror}") from error
    try:
        yield
    finally:
        limit.write_text(before)


def run(command, memory_octets, environment):
    """What it writes to stdout. Its files must not be below /tmp, which is empty there."""
    (relay.BUILD / "bench").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="uml-", dir=relay.BUILD / "bench") as holder:
        directory = pathlib.Path(holder)
        init, script = directory / "init", directory / "command"
        init.write_text(INIT.replace("$DIRECTORY", holder))
        init.chmod(0o755)
        assignments = [f"{name}={value}" for name, value in environment.items()]
        script.write_text("exec " + shlex.join(["env", *assignments, *map(str, command)]) + "\n")
        note("under a kernel of its own, with other limits")
        with open(directory / "console", "wb") as console, mappings(memory_octets // PAGE_OCTETS):
            subprocess.run(
                [PROGRAM, "rootfstype=hostfs", "rw", f"mem={memory_octets >> 20}M", f"init={init}", "con=null",
                 "con0=null,fd:1", "quiet"],
                env={**os.environ, "TMPDIR": "/dev/shm", "HOME": holder}, stdin=subprocess.DEVNULL, stdout=console,
                stderr=console, timeout=RUN_S_MAX, check=False, preexec_fn=relay.die_with_parent)

        def text(name):
            path = directory / name
            return path.read_text(errors="replace") if path.exists() else ""

        for line in text("errors").splitlines():
            note(f"  {line}")
        if text("status").strip() != "0":
            raise Failed(f"{PROGRAM}: {(text('errors') or text('console')).strip()[-500:]}")
        return text("output")
