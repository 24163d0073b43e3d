"""Where simulated sources live: networks of real countries, from the country database, and their clocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

import maxminddb
import numpy as np
import numpy.typing as npt

from darkscope.ingest.geo import SHIPPED, country_of

BOGUS = "ZZ"
"""Stands for sources that exist nowhere: forged ones."""

UTC_OFFSET: Mapping[str, float] = {
    "AR": -3, "BR": -3, "CA": -5, "CN": 8, "DE": 1, "EG": 2, "FR": 1, "GB": 0, "HK": 8, "ID": 7, "IN": 5.5,
    "IR": 3.5, "IT": 1, "JP": 9, "KR": 9, "MX": -6, "MY": 8, "NL": 1, "PH": 8, "PL": 1, "RO": 2, "RU": 3,
    "SE": 1, "SG": 8, "TH": 7, "TR": 3, "TW": 8, "UA": 2, "US": -6, "VN": 7, BOGUS: 0,
}  # fmt: skip
"""Hours ahead of UTC where most of a country lives, summer time left out."""

_BOGONS = (("10.0.0.0", 8), ("172.16.0.0", 12), ("192.168.0.0", 16), ("100.64.0.0", 10))
_DRAWS = 120_000
_DRAWS6 = 12_000
_SEED = 1
_DENSE6 = (0x2001, 0x2400, 0x2401, 0x2402, 0x2403, 0x2404, 0x2600, 0x2604, 0x2607, 0x2A00, 0x2A01, 0x2A02)
"""First 16 bits of IPv6 addresses below which most is given out."""


@dataclass(frozen=True, slots=True)
class Networks:
    """Networks of one country, more often the larger they are."""

    first: npt.NDArray[np.uint64]  # first address; IPv6: its upper 64 bits
    size: npt.NDArray[np.uint64]  # addresses; IPv6: of the upper 64 bits


def utc_offset(country: str) -> float:
    """Tell how many hours a country is ahead of UTC. Raises ValueError where nobody said so."""
    if country not in UTC_OFFSET:
        raise ValueError(f"no UTC offset of country {country}")
    return UTC_OFFSET[country]


def networks(countries: Iterable[str], version: int = 4) -> dict[str, Networks]:
    """Find networks of these countries as the shipped database has them. Raises ValueError where it has none."""
    return {country: _of_country(country, version) for country in countries}


@lru_cache
def _of_country(country: str, version: int) -> Networks:
    table = _bogons() if country == BOGUS else _draw(version).get(country, [])
    if not table:
        raise ValueError(f"no IPv{version} network of country {country} in {SHIPPED}")
    first, size = zip(*table, strict=True)
    return Networks(np.array(first, np.uint64), np.array(size, np.uint64))


def _bogons() -> list[tuple[int, int]]:
    return [(int(IPv4Address(start)), 1 << (32 - length)) for start, length in _BOGONS]


@lru_cache(maxsize=2)
def _draw(version: int) -> dict[str, list[tuple[int, int]]]:
    """Look up random addresses: twenty times as fast as reading the whole database, and weighted by size."""
    random = np.random.default_rng([_SEED, version])
    found: dict[str, list[tuple[int, int]]] = {}
    with maxminddb.open_database(SHIPPED) as reader:
        for address in _addresses(version, random):
            record, prefix = reader.get_with_prefix_len(address)
            country = country_of(record)
            # The prefix is as long as the whole network is the country's.
            length, bits = (prefix, 32) if version == 4 else (min(prefix, 64), 64)
            value = int(address) if version == 4 else int(address) >> 64
            size = 1 << (bits - length)
            found.setdefault(country, []).append((value & ~(size - 1), size))
    return found


def _addresses(version: int, random: np.random.Generator) -> Iterable[IPv4Address | IPv6Address]:
    if version == 4:
        # 1.0.0.0 to 223.255.255.255: unicast.
        return map(IPv4Address, random.integers(1 << 24, 224 << 24, _DRAWS).tolist())
    upper = random.choice(np.array(_DENSE6, np.int64), _DRAWS6) << 16
    return (IPv6Address(prefix << 96) for prefix in (upper | random.integers(0, 1 << 16, _DRAWS6)).tolist())
