#!/usr/bin/env python3
"""A short run of a small fleet: all figures are there, and the ledger knows every octet that was relayed.
How fast it was is not asked. Usage: smoke.py"""
import sys

import fleet_cost
from subjects import Failed

SMALL = {"relays": 4, "accounts": 60, "rate": 2e8, "seconds": 1.5, "warmup": 2.5, "spread": 1,
         "seed": 1, "report_interval": 1}


def main():
    # A machine that is busy is late.
    figures = fleet_cost.run("fleet", may_be_late=True, **SMALL)
    missing = [name for name in (*fleet_cost.FLEET_FIGURES, "operations", "asked")
               if name not in figures]
    if missing:
        raise Failed(f"there is no {', '.join(missing)}")
    for kind in ("exchange", "heartbeat"):
        if figures["operations"].get(kind, {}).get("per_s", 0) <= 0:
            raise Failed(f"no {kind} was seen on the wire: {figures['operations']}")
    relayed, known = figures["relayed_octets_total"], figures["ledger_octets_total"]
    if relayed == 0 or relayed != known:
        raise Failed(f"{relayed} octets were relayed, the ledger knows of {known}")
    print(f"{relayed} octets, {figures['operations_per_s']:.0f} operations/s")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(str(failure))
