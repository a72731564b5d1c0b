"""Prints what the attacks of tests/security show, as a Markdown table.

    TURNSERVER=... UNPATCHED_TURNSERVER=... table.py [--also NAME=PATH]...

The variables are those of the tests; --also asks a further server, such as a newer coturn.
"""

import argparse
import glob
import importlib
import os
import sys
import unittest

import row


def rows():
    """All rows there are a test for, in the order of the table."""
    here = os.path.dirname(os.path.abspath(__file__))
    found = []
    for path in sorted(glob.glob(os.path.join(here, "test_*.py"))):
        module = importlib.import_module(os.path.basename(path)[:-3])
        for name in dir(module):
            kind = getattr(module, name)
            if isinstance(kind, type) and issubclass(kind, row.Row) and issubclass(kind, unittest.TestCase):
                found.append((kind.ROW, kind.__name__, kind, os.path.basename(path)))
    return sorted(found, key=lambda entry: entry[:2])


def result(kind, binary):
    try:
        return "**affected**" if kind("test_ours_is_safe").shows(binary) else "safe"
    except row.Unshowable:
        return "not asked"
    except Exception as error:  # pylint: disable=broad-exception-caught
        # Another server may answer in a way that the attack does not know: that is worth a look, not an end.
        print(f"#{kind.ROW} {kind.ID}: {binary}: {type(error).__name__}: {error}", file=sys.stderr)
        return "unclear"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--also", action="append", default=[], metavar="NAME=PATH")
    servers = [("4.6.1", row.UNPATCHED), ("ours", row.OURS)]
    servers += [also.split("=", 1) for also in parser.parse_args().also]
    print("| row | id | test | " + " | ".join(name for name, _ in servers) + " |")
    print("|---|---|---|" + "---|" * len(servers))
    for number, name, kind, file in rows():
        results = [result(kind, binary) for _, binary in servers]
        print(f"| {number} | {kind.ID} | `{file}` {name} | " + " | ".join(results) + " |", flush=True)


if __name__ == "__main__":
    main()
