"""Which of many prefixes holds an address: the longest, as routers decide.

Prefixes in, addresses looked up by columns; and the files that observers write prefixes in, as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Prefixes:
    """Prefixes by their place in a list."""

    _tables: tuple[tuple[int, int, pl.DataFrame], ...]  # version, length and prefixes; longest first

    @classmethod
    def of(cls, networks: Sequence[IPv4Network | IPv6Network]) -> Prefixes:
        """Take a list; of equal prefixes the last counts."""
        lengths: dict[tuple[int, int], dict[int, int]] = {}
        for index, network in enumerate(networks):
            of_length = lengths.setdefault((network.version, network.prefixlen), {})
            of_length[int(network.network_address)] = index
        return cls(
            tuple(
                (version, length, _table(prefixes))
                for (version, length), prefixes in sorted(lengths.items(), reverse=True)
            )
        )

    def find(
        self,
        version: npt.NDArray[np.integer],
        high: npt.NDArray[np.uint64] | npt.NDArray[np.int64],
        low: npt.NDArray[np.uint64] | npt.NDArray[np.int64],
    ) -> pl.Series:
        """Place of the longest prefix that holds each address (Int64); null where none does.

        Addresses as the ledger has them: two halves, an IPv4 address in the lowest 32 bits.
        """
        found = pl.DataFrame(
            {
                "version": version,
                "high": high.astype(np.uint64, copy=False),
                "low": low.astype(np.uint64, copy=False),
                "index": np.full(len(version), None),
            },
            schema_overrides={"index": pl.Int64},
        )
        for length_of, length, table in self._tables:
            mask = ((1 << length) - 1) << ((32 if length_of == 4 else 128) - length)
            held = found.select(
                pl.col("high") & pl.lit(mask >> 64, pl.UInt64),
                pl.col("low") & pl.lit(mask & _MASK, pl.UInt64),
            ).join(table, on=["high", "low"], how="left", maintain_order="left")["index"]
            is_version = pl.col("version") == length_of
            found = found.with_columns(
                pl.when(pl.col("index").is_null() & is_version)
                .then(held)
                .otherwise(pl.col("index"))
                .alias("index")
            )
        return found["index"]


def _table(prefixes: dict[int, int]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "high": [prefix >> 64 for prefix in prefixes],
            "low": [prefix & _MASK for prefix in prefixes],
            "index": list(prefixes.values()),
        },
        schema={"high": pl.UInt64, "low": pl.UInt64, "index": pl.Int64},
    )


def text_of(file: Path, failure: type[Exception]) -> str:
    """Read a file of prefixes, UTF-8 with or without a mark. Raises the failure, with the file and what is wrong."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise failure(f"{file}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise failure(f"{file}: is not UTF-8 at byte {error.start}") from error
