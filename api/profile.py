"""One port in short: what is registered for it, how it stands, who asks for it, and whether its rise is wide.

Pure: rankings and a verdict in, one answer out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from darkscope.api.breadth import Breadth
from darkscope.api.dimension import Dimension
from darkscope.api.ranking import Provenance, Ranking


@dataclass(frozen=True, slots=True)
class Row:
    """One of the leading values of the port."""

    dimension: Dimension
    rank: int
    value: str  # as filters take it
    label: str  # for people
    packets: int
    share: float | None  # of the port's packets
    change: float | None  # of the packets a sensor-day, against the period before


@dataclass(frozen=True, slots=True)
class Profile:
    """A port in a period."""

    ROW: ClassVar = Row
    port: str  # as filters take it
    service: str  # registered with IANA; empty where none is
    packets: int
    share: float | None  # of all packets
    rank: int | None  # among all ports; None where it does not occur
    previous_rank: int | None
    growth: (
        float | None
    )  # of the rates of the sensors that are compared, against the period before; 1 is no change
    verdict: str  # of its rise: wide, local or unclear
    reason: str  # the verdict in a sentence
    rows: tuple[Row, ...]  # the leading countries, owners, tools and classes
    provenance: Provenance


def profile(
    port: str,
    service: str,
    now: tuple[int | None, int],
    before: tuple[int | None, int],
    everything: int,
    rise: Breadth,
    leading: Iterable[Ranking],
) -> Profile:
    """Put together a port: its rank and packets `now` and `before` among all ports, whose packets are `everything`.

    `leading` has the leading values of other dimensions among its packets.
    """
    rank, packets = now
    return Profile(
        port,
        service,
        packets,
        packets / everything if everything else None,
        rank,
        before[0],
        rise.growth,
        rise.verdict.value,
        rise.reason,
        tuple(
            Row(ranking.dimension, row.rank, row.value, row.label, row.packets, row.share, row.change)
            for ranking in leading
            for row in ranking.rows
        ),
        rise.provenance,
    )
