"""Research scanners: who measures the Internet openly, by a file of prefixes with names.

The file is the observer's own; none ships. A line is `prefix,name`, IPv4 or IPv6; empty lines and lines that
begin with `#` are comments. Research scanners are shown apart, never left out of counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

_MASK = (1 << 64) - 1


class ResearchError(Exception):
    """A file that cannot be used; the text has one line for each mistake, with file and line."""


@dataclass(frozen=True, slots=True)
class Research:
    """Prefixes with names: of one address, the longest prefix names it."""

    _tables: tuple[tuple[int, int, pl.DataFrame], ...]  # version, length and prefixes; longest first

    @classmethod
    def none(cls) -> Research:
        """Know nobody."""
        return cls(())

    @classmethod
    def read(cls, file: Path) -> Research:
        """Read a file. Raises ResearchError with every mistake in it."""
        try:
            text = file.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise ResearchError(f"{file}: cannot be read: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise ResearchError(f"{file}: is not UTF-8 at byte {error.start}") from error
        return cls.parse(text, str(file))

    @classmethod
    def parse(cls, text: str, name: str) -> Research:
        """Read the text of a file of that name. Raises ResearchError with every mistake in it."""
        lengths: dict[tuple[int, int], dict[int, str]] = {}
        mistakes = []
        for number, line in _lines(text):
            prefix, _, owner = (part.strip() for part in line.partition(","))
            try:
                network = ip_network(prefix)
            except ValueError as error:
                mistakes.append(f"{name} line {number}: {error}")
                continue
            known = lengths.setdefault((network.version, network.prefixlen), {})
            if not owner:
                mistakes.append(f"{name} line {number}: {prefix} has no name: a line is `prefix,name`")
            elif known.setdefault(int(network.network_address), owner) != owner:
                mistakes.append(f"{name} line {number}: {prefix} has another name in an earlier line")
        if mistakes:
            raise ResearchError("\n".join(mistakes))
        return cls(
            tuple(
                (version, length, _table(prefixes))
                for (version, length), prefixes in sorted(lengths.items(), reverse=True)
            )
        )

    def __len__(self) -> int:
        """Count the prefixes."""
        return sum(len(table) for _, _, table in self._tables)

    def names(
        self,
        version: npt.NDArray[np.integer],
        high: npt.NDArray[np.uint64] | npt.NDArray[np.int64],
        low: npt.NDArray[np.uint64] | npt.NDArray[np.int64],
    ) -> pl.Series:
        """Name the scanner behind each source; empty where it is none that is known."""
        sources = pl.DataFrame(
            {
                "version": version,
                "high": high.astype(np.uint64, copy=False),
                "low": low.astype(np.uint64, copy=False),
                "name": np.full(len(version), None),
            },
            schema_overrides={"name": pl.String},
        )
        for length_of, length, table in self._tables:
            mask = ((1 << length) - 1) << ((32 if length_of == 4 else 128) - length)
            found = sources.select(
                pl.col("high") & pl.lit(mask >> 64, pl.UInt64),
                pl.col("low") & pl.lit(mask & _MASK, pl.UInt64),
            ).join(table, on=["high", "low"], how="left", maintain_order="left")["name"]
            is_version = pl.col("version") == length_of
            sources = sources.with_columns(
                pl.when(pl.col("name").is_null() & is_version)
                .then(found)
                .otherwise(pl.col("name"))
                .alias("name")
            )
        return sources["name"].fill_null("")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line


def _table(prefixes: dict[int, str]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "high": [prefix >> 64 for prefix in prefixes],
            "low": [prefix & _MASK for prefix in prefixes],
            "name": list(prefixes.values()),
        },
        schema={"high": pl.UInt64, "low": pl.UInt64, "name": pl.String},
    )
