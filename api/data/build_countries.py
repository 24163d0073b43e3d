"""Rebuild countries.csv from Unicode's CLDR, as the package Babel carries it.

Run it as `python api/data/build_countries.py` where Babel is installed; darkscope itself does not need it.
LICENCES.md beside this file tells the source.
"""

from __future__ import annotations

import csv
from importlib import import_module
from pathlib import Path

OUTPUT = Path(__file__).with_name("countries.csv")

NO_COUNTRIES = frozenset(["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"])
"""Two-letter codes of CLDR that ISO 3166-1 does not assign; XK stays, because address registries use it."""


def main() -> None:
    """Write code and English name, by code."""
    names = import_module("babel").Locale("en").territories
    with OUTPUT.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("code", "name"))
        writer.writerows(
            (code, name)
            for code, name in sorted(names.items())
            if len(code) == 2 and code.isalpha() and code not in NO_COUNTRIES
        )


if __name__ == "__main__":
    main()
