"""Investigated devices: what stands behind an address, by a file of an analyst's findings.

The file is the observer's own; none ships. It is CSV with a header: `prefix,vendor,product,kind,seen,by`, of which
only `prefix` must be filled. Lines that begin with `#` are comments.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from darkscope.ingest.prefixes import Prefixes, text_of

COLUMNS = ("prefix", "vendor", "product", "kind", "seen", "by")


class DevicesError(Exception):
    """A file that cannot be used; the text has one line for each mistake, with file and line."""


@dataclass(frozen=True, slots=True)
class Device:
    """What an investigation found at an address or in a prefix; empty where it does not say."""

    vendor: str
    product: str
    kind: str  # NAS, camera, router ...
    seen: date | None  # day of the investigation
    by: str  # who investigated

    @property
    def text(self) -> str:
        """What it is, in words."""
        return " ".join(filter(None, (self.vendor, self.product, self.kind))) or "unnamed device"


@dataclass(frozen=True, slots=True)
class Devices:
    """Findings by prefix: of one address, the longest prefix tells, and of one prefix the newest finding."""

    _prefixes: Prefixes
    _devices: tuple[Device, ...]  # of each prefix

    @classmethod
    def none(cls) -> Devices:
        """Know nothing."""
        return cls(Prefixes.of(()), ())

    @classmethod
    def read(cls, file: Path) -> Devices:
        """Read a file. Raises DevicesError with every mistake in it."""
        return cls.parse(text_of(file, DevicesError), str(file))

    @classmethod
    def parse(cls, text: str, name: str) -> Devices:
        """Read the text of a file of that name. Raises DevicesError with every mistake in it."""
        found: dict[IPv4Network | IPv6Network, Device] = {}
        mistakes = []
        for number, cells in _lines(text):
            try:
                network, device = _finding(cells)
            except ValueError as error:
                mistakes.append(f"{name} line {number}: {error}")
                continue
            known = found.setdefault(network, device)
            if (device.seen or date.min) > (known.seen or date.min):
                found[network] = device
            elif known != device and known.seen == device.seen:
                mistakes.append(f"{name} line {number}: {cells[0]} is another device in an earlier line")
        if mistakes:
            raise DevicesError("\n".join(mistakes))
        return cls(Prefixes.of(tuple(found)), tuple(found.values()))

    def __len__(self) -> int:
        """Count the prefixes."""
        return len(self._devices)

    def at(
        self,
        version: npt.NDArray[np.integer],
        high: npt.NDArray[np.int64],
        low: npt.NDArray[np.int64],
    ) -> list[Device | None]:
        """Tell what each address is; None where nobody looked."""
        places = self._prefixes.find(version, high, low)
        return [None if place is None else self._devices[place] for place in places]

    def texts(
        self,
        version: npt.NDArray[np.integer],
        high: npt.NDArray[np.int64],
        low: npt.NDArray[np.int64],
    ) -> pl.Series:
        """Tell it in words; empty where nobody looked."""
        words = pl.Series([device.text for device in self._devices], dtype=pl.String)
        return words.gather(self._prefixes.find(version, high, low)).fill_null("")


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Lines with findings, each with its number, after the header."""
    rows = csv.reader(text.splitlines())
    for cells in rows:
        if any(cells) and not cells[0].startswith("#") and tuple(cells) != COLUMNS:
            yield rows.line_num, [cell.strip() for cell in cells]


def _finding(cells: list[str]) -> tuple[IPv4Network | IPv6Network, Device]:
    if len(cells) != len(COLUMNS):
        raise ValueError(f"has {len(cells)} cells; a line is `{','.join(COLUMNS)}`")
    prefix, vendor, product, kind, seen, by = cells
    try:
        day = date.fromisoformat(seen) if seen else None
    except ValueError:
        raise ValueError(f"{seen!r} is no day like 2026-04-01") from None
    return ip_network(prefix), Device(vendor, product, kind, day, by)
