"""The sensors of a question: who they are, how much of the time they watched, what became of their frames.

Pure: frames in, rows out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

import polars as pl

from darkscope.api.periods import Buckets
from darkscope.api.ranking import Provenance
from darkscope.api.watch import Watch
from darkscope.ingest.series import Rejected

REJECTED = tuple(f"rejected_{reason}" for reason in Rejected)
FATES = ("inbound", "own", "stray", "overlap", *REJECTED)
"""What becomes of a frame: these add up to `frames`."""

COUNTS = ("frames", *FATES, "dropped")
"""What is counted of a sensor's frames; `dropped` are packets that no capture has."""


@dataclass(frozen=True, slots=True)
class Row:
    """One sensor."""

    sensor: str  # id
    label: str  # for people
    organisation: str  # empty: of none
    kind: str  # telescope or honeypot
    home: bool
    since: date | None  # first UTC day of what holds for it now; None: from ever
    until: date | None  # first UTC day that this no longer holds; None: for ever
    expected_seconds: int  # of the period up to now, in which the sensor existed
    covered_seconds: int  # of those, watched
    covered_share: float | None  # None where it did not exist
    frames: int  # in the captures
    inbound: int  # frames that became packets
    own: int  # frames that the sensor itself sent
    stray: int  # frames for addresses that it does not watch
    overlap: int  # frames left out, for another capture has them
    rejected: int  # frames that became no packet
    dropped: int  # packets that the capturing program says it lost


@dataclass(frozen=True, slots=True)
class Roster:
    """The sensors of a question, by id."""

    ROW: ClassVar = Row
    rejected: Mapping[str, int]  # frames of all sensors that became no packet, by reason
    rows: tuple[Row, ...]
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Strip:
    """One sensor over time."""

    sensor: str  # id
    label: str  # for people
    covered: tuple[float | None, ...]  # watched share of each bucket; None where it did not exist


@dataclass(frozen=True, slots=True)
class Coverage:
    """When sensors watched."""

    buckets: Buckets
    strips: tuple[Strip, ...]  # by id
    provenance: Provenance


def roster(
    known: Iterable[Mapping[str, Any]],
    watch: Watch,
    frames: pl.DataFrame,
    *,
    label: Callable[[str], str],
    provenance: Provenance,
) -> Roster:
    """List the sensors of a watch.

    `known` has a row a posting (columns selection.KNOWN), of which a sensor's last says what it is; `frames` has the
    columns `sensor` and COUNTS.
    """
    who = {str(row["id"]): row for row in known}
    counted = {row["sensor"]: row for row in frames.iter_rows(named=True)}
    rows = []
    for sensor in watch.sensors:
        its, own = who[sensor], watch.of(sensor)
        counts = counted.get(sensor, dict.fromkeys(COUNTS, 0))
        rows.append(
            Row(
                sensor,
                label(sensor),
                its["organisation"],
                its["kind"],
                its["home"],
                its["since"],
                its["until"],
                sum(own.expected[sensor]),
                own.seconds,
                own.share,
                counts["frames"],
                counts["inbound"],
                counts["own"],
                counts["stray"],
                counts["overlap"],
                sum(counts[name] for name in REJECTED),
                counts["dropped"],
            )
        )
    chosen = [counted[sensor] for sensor in watch.sensors if sensor in counted]
    by_reason = {
        reason.value: sum(row[name] for row in chosen)
        for reason, name in zip(Rejected, REJECTED, strict=True)
    }
    return Roster(by_reason, tuple(rows), provenance)


def coverage(
    watch: Watch, buckets: Buckets, *, label: Callable[[str], str], provenance: Provenance
) -> Coverage:
    """Give the watched share of each bucket of each sensor of a watch."""
    return Coverage(
        buckets,
        tuple(Strip(sensor, label(sensor), tuple(watch.of(sensor).shares())) for sensor in watch.sensors),
        provenance,
    )
