#!/usr/bin/env python3
"""clang-tidy over broker-core and the plugin; .clang-tidy says what for.

What it found nothing in is remembered in the build directory by the hash of all that went in, so that
only what changed is looked at again. Usage: tidy.py SOURCE_DIR BUILD_DIR CLANG_TIDY
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys

OURS = ("broker-core", "plugin")


def sources_of(root, build):
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    ours = tuple(f"{root / part}{os.sep}" for part in OURS)
    return {c["file"]: c["command"] for c in commands if c["file"].startswith(ours)}


def digest_of_headers(root):
    """Any header may be part of any file: finer is not worth the trouble."""
    digest = hashlib.sha256((root / ".clang-tidy").read_bytes())
    for part in (*OURS, "coturn-patches/include"):
        for path in sorted((root / part).rglob("*.h")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def main():
    root, build, clang_tidy = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    sources = sources_of(root, build)
    if not sources:
        sys.exit(f"{build}/compile_commands.json: nothing of ours")
    known = build / "tidy-clean"
    known.mkdir(exist_ok=True)
    headers = digest_of_headers(root)

    def look(file):
        key = f"{headers}{sources[file]}{clang_tidy}".encode() + pathlib.Path(file).read_bytes()
        mark = known / hashlib.sha256(key).hexdigest()
        if mark.exists():
            mark.touch()
            return None
        done = subprocess.run(
            [clang_tidy, "-p", str(build), "--quiet", "--warnings-as-errors=*", file],
            capture_output=True, text=True,
        )
        if done.returncode == 0:
            mark.touch()
        return done

    faulty = looked = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for file, done in zip(sources, pool.map(look, sources)):
            if done is None:
                continue
            looked += 1
            if done.returncode != 0:
                faulty += 1
                print(done.stdout or done.stderr, flush=True)
    print(f"{len(sources)} files, {looked} looked at, {faulty} with findings")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
