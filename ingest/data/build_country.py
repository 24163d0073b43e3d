"""Rebuild country.mmdb from the text ranges of Debian's package tor-geoipdb.

Run it as `python ingest/data/build_country.py [GEOIP GEOIP6]` with mmdb-writer and netaddr installed (the
`dev` extra); it reads /usr/share/tor/geoip and geoip6 where no files are named, and takes two minutes. The
data are those of IPFire Location, CC BY-SA 4.0; LICENCES.md beside this file gives the attribution. The build
date kept in the database is the day the data were generated, not the day this ran.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from pathlib import Path

from mmdb_writer import MMDBWriter
from netaddr import IPNetwork, IPSet

UNKNOWN = "??"
OUTPUT = Path(__file__).with_name("country.mmdb")


def generated(text: str) -> datetime:
    """Tell when the data were made, by the comment at the head of a file."""
    found = re.search(r"^# Generated: (.+)$", text, re.MULTILINE)
    if not found:
        raise SystemExit("no line `# Generated: ...`: not a file of tor-geoipdb with IPFire Location data")
    return parsedate_to_datetime(found[1])


def ranges(text: str) -> Iterator[tuple[int, int, str]]:
    """Read first address, last address and country of each line; join neighbours of one country."""
    first = last = -2
    country = UNKNOWN
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        start, end, code = line.split(",")
        begins, ends = (int(ip_address(part)) if ":" in part else int(part) for part in (start, end))
        if begins <= last:
            raise SystemExit(f"ranges overlap or go backwards at {line}")
        if code == country and begins == last + 1:
            last = ends
            continue
        if country != UNKNOWN:
            yield first, last, country
        first, last, country = begins, ends, code
    if country != UNKNOWN:
        yield first, last, country


def prefixes(first: int, last: int, bits: int) -> Iterator[tuple[int, int]]:
    """Find the fewest prefixes (address, length) that cover a range of addresses of so many bits."""
    while first <= last:
        size = min((first & -first).bit_length() - 1 if first else bits, (last - first + 1).bit_length() - 1)
        yield first, bits - size
        first += 1 << size


class CountryWriter(MMDBWriter):
    """An MMDB of countries for IPv4 and IPv6 in one tree, dated as its data."""

    def __init__(self, built: datetime) -> None:
        super().__init__(
            ip_version=6,
            database_type="IPFire-Location-Country",
            languages=["en"],
            description={"en": "Country by address. IPFire Location data, CC BY-SA 4.0, location.ipfire.org"},
            ipv4_compatible=True,
        )
        self._built = built

    def _build_meta(self) -> dict[str, object]:
        return {**super()._build_meta(), "build_epoch": int(self._built.timestamp())}


def main() -> None:
    """Read the two files, write the database."""
    files = [Path(name) for name in sys.argv[1:]] or [
        Path("/usr/share/tor/geoip"),
        Path("/usr/share/tor/geoip6"),
    ]
    texts = [file.read_text(encoding="ascii") for file in files]
    networks: dict[str, list[IPNetwork]] = defaultdict(list)
    for text, bits in zip(texts, (32, 128), strict=True):
        for first, last, country in ranges(text):
            for address, length in prefixes(first, last, bits):
                networks[country].append(IPNetwork((address, length), version=4 if bits == 32 else 6))
    writer = CountryWriter(max(map(generated, texts)))
    for country in sorted(networks):
        writer.insert_network(IPSet(networks[country]), {"country": {"iso_code": country}})
    writer.to_db_file(str(OUTPUT))


if __name__ == "__main__":
    main()
