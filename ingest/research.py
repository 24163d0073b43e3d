"""Research scanners: who measures the Internet openly, by a file of prefixes with names.

The file is the observer's own; none ships. A line is `prefix,name`, IPv4 or IPv6; empty lines and lines that
begin with `#` are comments. Research scanners are shown apart, never left out of counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from darkscope.ingest.prefixes import Prefixes, text_of


class ResearchError(Exception):
    """A file that cannot be used; the text has one line for each mistake, with file and line."""


@dataclass(frozen=True, slots=True)
class Research:
    """Prefixes with names: of one address, the longest prefix names it."""

    _prefixes: Prefixes
    _names: tuple[str, ...]  # of each prefix

    @classmethod
    def none(cls) -> Research:
        """Know nobody."""
        return cls(Prefixes.of(()), ())

    @classmethod
    def read(cls, file: Path) -> Research:
        """Read a file. Raises ResearchError with every mistake in it."""
        return cls.parse(text_of(file, ResearchError), str(file))

    @classmethod
    def parse(cls, text: str, name: str) -> Research:
        """Read the text of a file of that name. Raises ResearchError with every mistake in it."""
        names: dict[IPv4Network | IPv6Network, str] = {}
        mistakes = []
        for number, line in _lines(text):
            prefix, _, owner = (part.strip() for part in line.partition(","))
            try:
                network = ip_network(prefix)
            except ValueError as error:
                mistakes.append(f"{name} line {number}: {error}")
                continue
            if not owner:
                mistakes.append(f"{name} line {number}: {prefix} has no name: a line is `prefix,name`")
            elif names.setdefault(network, owner) != owner:
                mistakes.append(f"{name} line {number}: {prefix} has another name in an earlier line")
        if mistakes:
            raise ResearchError("\n".join(mistakes))
        return cls(Prefixes.of(tuple(names)), tuple(names.values()))

    def __len__(self) -> int:
        """Count the prefixes."""
        return len(self._names)

    def names(
        self,
        version: npt.NDArray[np.integer],
        high: npt.NDArray[np.uint64] | npt.NDArray[np.int64],
        low: npt.NDArray[np.uint64] | npt.NDArray[np.int64],
    ) -> pl.Series:
        """Name the scanner behind each source; empty where it is none that is known."""
        found = self._prefixes.find(version, high, low)
        return pl.Series(self._names, dtype=pl.String).gather(found).fill_null("")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line
