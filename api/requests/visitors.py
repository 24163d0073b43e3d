"""Did the telescopes see the honeypots' visitors too (Q15)? Who was seen searches widely, and knew no target before.

Pure: frames in, rows and a verdict out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import polars as pl

from darkscope.api.address import address_text
from darkscope.api.dimension import Dimension, value_text
from darkscope.api.ranking import Provenance
from darkscope.api.requests.asked import moment
from darkscope.api.watch import Watch

FEWEST = 3
"""Visitors below which nothing is said."""

NEARLY_ALL, HARDLY_ANY = 0.9, 0.1
"""Share of the visitors that telescopes saw: from the one on they search widely, up to the other they chose."""


class Search(StrEnum):
    """How visitors found the honeypots."""

    BROAD = "broad"  # telescopes saw nearly all of them: they search widely
    FOCUSED = "focused"  # telescopes saw hardly any: they knew whom to ask
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class VisitorRow:
    """A source of requests to honeypots."""

    address: str
    country: str
    owner: str
    requests: int
    first_request: datetime  # in the reader's zone
    last_request: datetime
    ports: tuple[int, ...]  # that it asked
    honeypots: int  # that it reached
    rules: tuple[str, ...]  # that name its requests
    seen: bool  # by a telescope
    first_seen: datetime | None  # by one; None where it was not seen
    last_seen: datetime | None
    telescopes: int  # how many saw it
    before: int | None  # packets before the minute of its first request; None where the flows have expired
    after: int | None  # packets from then on


@dataclass(frozen=True, slots=True)
class Visitors:
    """Sources of requests, those of the most requests first."""

    ROW: ClassVar = VisitorRow
    verdict: Search
    reason: str  # the verdict in a sentence
    visitors: int  # how many there are
    seen: int  # of them, by a telescope
    share: float | None  # None where there are none
    seen_before: int  # of them, before the first request
    since: date | None
    wanted: Mapping[str, tuple[str, ...]]
    telescopes: Watch | None  # who else looked
    rows: tuple[VisitorRow, ...]
    provenance: Provenance


def visitors(
    counted: pl.DataFrame,
    seen: pl.DataFrame,
    limit: int,
    *,
    telescopes: Watch,
    since: date | None,
    wanted: Mapping[str, tuple[str, ...]],
    provenance: Provenance,
) -> Visitors:
    """List sources, of which `counted` has the requests and `seen` what telescopes saw, row by row."""
    both = pl.concat([counted, seen.drop("version", "source_high", "source_low")], how="horizontal")
    found = both.filter(pl.col("seen_first").is_not_null())
    share = len(found) / len(both) if len(both) else None
    verdict, reason = _verdict(len(both), len(found), telescopes)
    order = ("requests", "version", "source_high", "source_low")
    shown = both.sort(order, descending=[True, False, False, False]).head(limit)
    return Visitors(
        verdict,
        reason,
        len(both),
        len(found),
        share,
        len(found.filter(pl.col("seen_first") < pl.col("first"))),
        since,
        wanted,
        telescopes,
        tuple(_row(row, provenance.period.zone) for row in shown.iter_rows(named=True)),
        provenance,
    )


def _row(row: dict[str, Any], zone: ZoneInfo) -> VisitorRow:
    is_seen = row["seen_first"] is not None
    return VisitorRow(
        address=address_text(row["version"], row["source_high"], row["source_low"]),
        country=row["last_country"],
        owner=value_text(Dimension.OWNERS, (row["last_asn"],)),
        requests=row["requests"],
        first_request=moment(row["first"], zone),
        last_request=moment(row["last"], zone),
        ports=tuple(row["ports"]),
        honeypots=row["sensors"],
        rules=tuple(row["rules"]),
        seen=is_seen,
        first_seen=moment(row["seen_first"], zone) if is_seen else None,
        last_seen=moment(row["seen_last"], zone) if is_seen else None,
        telescopes=row["seen_on"] or 0,
        before=row["before"] if is_seen else 0,
        after=row["after"] if is_seen else 0,
    )


def _verdict(visitors: int, seen: int, telescopes: Watch) -> tuple[Search, str]:
    if not telescopes.seconds:
        return Search.UNCLEAR, "no telescope watched"
    told = f"telescopes saw {seen:,} of {visitors:,} visitors"
    if visitors < FEWEST:
        return Search.UNCLEAR, f"{told}; {FEWEST} are needed to say more"
    if seen >= NEARLY_ALL * visitors:
        return Search.BROAD, f"{told}: they search widely, not by a list of targets"
    if seen <= HARDLY_ANY * visitors:
        return Search.FOCUSED, f"{told}: they knew whom to ask"
    return Search.UNCLEAR, told
