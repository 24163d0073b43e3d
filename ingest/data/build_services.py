"""Rebuild services.csv from rows of IANA's service name registry.

Run it as `python ingest/data/build_services.py FILE`; FILE is a CSV with the columns port, protocol and
service, at most one row for each port and protocol. LICENCES.md beside this file tells the source.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

OUTPUT = Path(__file__).with_name("services.csv")

FIRST_NAMES = {(80, "tcp"): "http", (80, "udp"): "http", (631, "tcp"): "ipp"}
"""Ports with several names, of which the source keeps the last and the registry names this one first."""


def main() -> None:
    """Read the rows, join those of one port and name, write them by port."""
    joined: dict[tuple[int, str], list[str]] = {}
    with Path(sys.argv[1]).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            port, protocol = int(row["port"]), row["protocol"]
            if protocol not in ("tcp", "udp", "sctp", "dccp"):
                continue
            name = FIRST_NAMES.get((port, protocol), row["service"])
            joined.setdefault((port, name), []).append(protocol)
    with OUTPUT.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("port", "protocols", "name"))
        for (port, name), protocols in sorted(joined.items()):
            writer.writerow((port, " ".join(sorted(protocols)), name))


if __name__ == "__main__":
    main()
