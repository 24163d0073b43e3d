"""Who scans broadly: many packets, spread over many ports, few of them on the ports that everybody asks for (Q9).

Pure: frames in, rows out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

import polars as pl

from darkscope.api.dimension import Dimension, Key, value_text
from darkscope.api.ranking import Provenance

PORTS = Dimension.PORTS.columns

MANY, FEW = 20, 5
"""Equally frequent ports: scans of more are broad, if they leave the leading ports; of fewer they are focused."""

ELSEWHERE = 0.5
"""Share that leaves the leading ports, beyond which scans do so."""


class Breadth(StrEnum):
    """What a value's scans are, in a word."""

    BROAD = "broad"
    FOCUSED = "focused"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class Row:
    """How one value's packets are spread over ports."""

    rank: int  # by packets
    value: str  # as filters take it
    label: str  # for people
    packets: int
    ports: int  # how many different ones
    effective_ports: float  # how many equally frequent ones its packets would be spread over
    off_top: float  # share of its packets that went elsewhere than to the leading ports
    main_port: str  # its most frequent
    main_share: float  # share of its packets that went there

    @property
    def breadth(self) -> Breadth:
        """The verdict."""
        if self.off_top > ELSEWHERE and self.effective_ports > MANY:
            return Breadth.BROAD
        return Breadth.FOCUSED if self.effective_ports < FEW else Breadth.MIXED


@dataclass(frozen=True, slots=True)
class Spread:
    """How the leading values' packets are spread over ports, the leading values by packets first."""

    ROW: ClassVar = Row
    dimension: Dimension
    top: tuple[str, ...]  # the leading ports of all packets of the question
    off_top: float | None  # share of all packets that went elsewhere; None where there are none
    ports: int  # how many different ones all packets went to
    rows: tuple[Row, ...]
    provenance: Provenance


def spread(
    dimension: Dimension,
    totals: pl.DataFrame,
    pairs: pl.DataFrame,
    values: Sequence[Key],
    top: int,
    *,
    label: Callable[[Key], str],
    provenance: Provenance,
) -> Spread:
    """Say how values are spread.

    `totals` has the columns of ports and `packets`; `pairs` those of the dimension too, of the values that are asked
    about, in the order in which they are ranked. `effective_ports` is 1 / sum p^2 (Hill's number of order 2).
    """
    keys = list(dimension.columns)
    occurring = totals.filter(pl.col("packets") > 0)
    leading = occurring.sort("packets", *PORTS, descending=[True, False, False]).head(top)
    everything = int(occurring["packets"].sum())
    on_top = leading.select(*PORTS, on_top=pl.lit(value=True))
    share = pl.col("packets") / pl.col("packets").sum()
    most = pl.struct(*PORTS).sort_by("packets", descending=True, maintain_order=True).first()
    found = (
        pairs.filter(pl.col("packets") > 0)
        .join(on_top, on=PORTS, how="left")
        .sort(PORTS)  # sums of floats depend on the order, and of equal ports the lowest is the main one
        .group_by(keys, maintain_order=True)
        .agg(
            pl.col("packets").sum(),
            ports=pl.len(),
            effective=1 / share.pow(2).sum(),
            off_top=share.filter(pl.col("on_top").is_null()).sum(),
            main=most,
            main_share=share.max(),
        )
    )
    by_key = {tuple(row[key] for key in keys): row for row in found.iter_rows(named=True)}
    rows = []
    for number, key in enumerate((key for key in values if key in by_key), 1):
        row = by_key[key]
        rows.append(
            Row(
                number,
                value_text(dimension, key),
                label(key),
                row["packets"],
                row["ports"],
                row["effective"],
                row["off_top"],
                value_text(Dimension.PORTS, tuple(row["main"].values())),
                row["main_share"],
            )
        )
    return Spread(
        dimension,
        tuple(value_text(Dimension.PORTS, key) for key in leading.select(PORTS).rows()),
        1 - int(leading["packets"].sum()) / everything if everything else None,
        len(occurring),
        tuple(rows),
        provenance,
    )
