"""Which patch closes which defect of coturn 4.6.1: a table of what the patches' headers say under Fixes.

    defects.py    prints it, for README.md; test_defects.py holds README against it
"""

import glob
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
PATCHES = os.path.join(HERE, "..", "..", "coturn-patches")
FIX = re.compile(r"#(?P<row>\d+) (?P<id>[^\s,(:]+(?: (?!CVE-)[^\s,(:]+)*)(?:[\s(:]*(?P<cve>CVE-\d+-\d+))?")


def fixes_of(path):
    """The value of the header's field, its further lines too; empty if there is none."""
    with open(path, encoding="utf-8") as file:
        header = file.read().split("\n---\n", maxsplit=1)[0]
    field = re.search(r"^Fixes: (.*(?:\n .*)*)", header, re.MULTILINE)
    return re.sub(r"\s+", " ", field[1]) if field else ""


def defects():
    """{row: (id, CVE or "", [patch numbers])}"""
    found = {}
    for path in sorted(glob.glob(os.path.join(PATCHES, "*.patch"))):
        number = os.path.basename(path)[:4]
        for fix in FIX.finditer(fixes_of(path)):
            name, cve, numbers = found.get(int(fix["row"]), (fix["id"], "", []))
            found[int(fix["row"])] = (name, cve or fix["cve"] or "", [*numbers, number])
    return dict(sorted(found.items()))


def table():
    lines = ["| Defect | CVE | Closed by patch |", "|---|---|---|"]
    for row, (name, cve, numbers) in defects().items():
        lines.append(f"| {row} {name} | {cve} | {', '.join(numbers)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
