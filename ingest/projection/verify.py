"""Compare InfluxDB with the ledger, bucket by bucket and point by point, and name the first that differs.

Reads both and writes neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

import polars as pl

from darkscope.ingest.ledger.ledger import Snapshot
from darkscope.ingest.measurements import Measurement, Resolution
from darkscope.ingest.projection import sums
from darkscope.ingest.projection.points import pieces, read
from darkscope.ingest.projection.projector import Projector
from darkscope.ingest.projection.server import Server
from darkscope.ingest.projection.sums import Stretch, minute_of
from darkscope.ingest.projection.waiting import Task, Work


@dataclass(frozen=True, slots=True)
class Difference:
    """The first point of a bucket, measurement and day that is not what the ledger says."""

    bucket: str
    measurement: str
    time: datetime  # UTC
    tags: dict[str, str]
    field: str
    expected: int
    found: int
    others: int  # further points of that bucket, measurement and day

    def __str__(self) -> str:
        tags = ",".join(f"{name}={value}" for name, value in self.tags.items())
        more = f"; {self.others:,} more points of this day differ" if self.others else ""
        return (
            f"{self.bucket}, {self.measurement}, {self.time:%Y-%m-%dT%H:%MZ}, {tags}: {self.field} is "
            f"{self.found:,} in InfluxDB, {self.expected:,} in the ledger{more}"
        )


@dataclass(slots=True)
class Compared:
    """What was added up."""

    points: int = 0
    packets: int = 0  # of `packets`, in the bucket of days


def compare(
    projector: Projector,
    snapshot: Snapshot,
    server: Server,
    name: str,
    days: Iterable[date],
    counted: Compared,
) -> Iterator[Difference]:
    """Differences of some UTC days, one a day, bucket and measurement at most.

    Sealed days and what a bucket does not remember are left out. Raises Refused, Unavailable.
    """
    for day in days:
        for resolution in Resolution:
            stretch = projector.open(snapshot, Stretch(resolution, minute_of(day), minute_of(day) + sums.DAY))
            if stretch is None:
                continue
            bucket = resolution.bucket(name)
            for work in (Work.TRAFFIC, Work.COVERAGE, Work.SENSORS):
                task = Task(work, resolution, stretch.low, stretch.high, 0.0)
                for measurement, points in projector.points(snapshot, stretch, task):
                    counted.points += points.height
                    if measurement.name == "packets" and resolution is Resolution.DAY:
                        counted.packets += int(points["packets"].sum())
                    difference = _first(server, bucket, measurement, stretch, points)
                    if difference is not None:
                        yield difference


def _first(
    server: Server, bucket: str, measurement: Measurement, stretch: Stretch, points: pl.DataFrame
) -> Difference | None:
    keys = ["seconds", *measurement.tag_names]
    fields = list(measurement.field_names)
    points = points.filter(pl.col("seconds") >= stretch.low * 60).with_columns(pl.col(fields).fill_null(0))
    for low, high in pieces(stretch, points.height):
        has = read(server, bucket, measurement, low, high)
        expected = points.filter(pl.col("seconds").is_between(low * 60, high * 60, closed="left"))
        both = expected.join(has, on=keys, how="full", coalesce=True, suffix="_found").with_columns(
            pl.col(fields).fill_null(0), pl.col(f"{field}_found" for field in fields).fill_null(0)
        )
        wrong = both.filter(
            pl.any_horizontal(pl.col(field) != pl.col(f"{field}_found") for field in fields)
        ).sort(keys)
        if wrong.height:
            row = wrong.row(0, named=True)
            field = next(field for field in fields if row[field] != row[f"{field}_found"])
            return Difference(
                bucket,
                measurement.name,
                datetime.fromtimestamp(row["seconds"], UTC),
                {name: row[name] for name in measurement.tag_names},
                field,
                row[field],
                row[f"{field}_found"],
                wrong.height - 1,
            )
    return None
