#!/usr/bin/env python3
"""Every C++ file of ours is as .clang-format has it. Usage: format.py SOURCE_DIR CLANG_FORMAT"""
import pathlib
import subprocess
import sys

OURS = ("broker-core", "plugin", "tests")


def main():
    root, clang_format = pathlib.Path(sys.argv[1]), sys.argv[2]
    files = [
        str(path)
        for part in OURS
        for path in sorted((root / part).rglob("*"))
        if path.suffix in (".h", ".cpp")
    ]
    if not files:
        sys.exit(f"{root}: no sources")
    done = subprocess.run(
        [clang_format, "--dry-run", "--Werror", "--ferror-limit=1", *files],
        capture_output=True, text=True,
    )
    bad = sorted({line.split(":")[0] for line in done.stderr.splitlines() if ": error:" in line})
    for path in bad:
        print(f"{path}: run {clang_format} -i on it")
    print(f"{len(files)} files, {len(bad)} not formatted")
    if done.returncode != 0 and not bad:
        print(done.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
