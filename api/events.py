"""Events: what analysis found, or a person noted, that began in a period.

Pure: a frame in, rows out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import polars as pl

from darkscope.api.periods import EPOCH
from darkscope.api.ranking import Provenance

SCHEMA = {
    "start": pl.Int64(),  # nanoseconds since 1970
    "end": pl.Int64(),  # likewise; 0 while it lasts; null where the store does not know
    "kind": pl.String(),
    "subject": pl.String(),
    "title": pl.String(),
    "text": pl.String(),
    "numbers": pl.String(),  # JSON; null where the store does not hold it
}
"""Columns of a store's events."""


@dataclass(frozen=True, slots=True)
class Row:
    """One event."""

    start: datetime  # in the zone of the period
    end: datetime | None  # likewise; None while it lasts, and where it is not known
    kind: str  # the detector's word
    subject: str  # port, country or sensor
    title: str
    text: str
    numbers: str | None  # JSON; None where it is not known


@dataclass(frozen=True, slots=True)
class Events:
    """Events that began in a period, by their start."""

    ROW: ClassVar = Row
    rows: tuple[Row, ...]
    provenance: Provenance


def events(found: pl.DataFrame, provenance: Provenance) -> Events:
    """Tell events (columns SCHEMA)."""
    zone = provenance.period.zone

    def at(nanoseconds: int | None) -> datetime | None:
        if not nanoseconds:
            return None
        return (EPOCH + timedelta(microseconds=nanoseconds // 1000)).astimezone(zone)

    return Events(
        tuple(
            Row(at(start) or datetime.fromtimestamp(0, UTC), at(end), *texts)
            for start, end, *texts in found.sort("start", "kind", "subject", "title").iter_rows()
        ),
        provenance,
    )
