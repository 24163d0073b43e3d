"""What the points are: sums over one state of the ledger, as frames with tags and fields.

Reads the ledger and nothing else. A frame has `seconds` (start of the step, or an event's own time), the measurement's
tags as text, and its fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from darkscope.ingest import measurements, series
from darkscope.ingest.ledger.ledger import Snapshot
from darkscope.ingest.measurements import ABROAD, HOME, NONE, OTHER, Measurement, Resolution
from darkscope.ingest.projection.folding import NEEDS, Owned, folded, own_tags, port_tags
from darkscope.ingest.rollups import step
from darkscope.ingest.sensors import Sensors
from darkscope.ingest.watched import islands, stepped

TRAFFIC = (measurements.PACKETS, measurements.PORTS, measurements.COUNTRIES, measurements.TOTALS)
"""Measurements summed from flows."""

DAY = Resolution.DAY.minutes
HOUR = Resolution.HOUR.minutes

LONGEST_BRIDGE = 2 * DAY
"""Minutes before and after a stretch in which coverage may bear on it."""

_COUNTS = tuple(field.name for field in measurements.COVERAGE.fields if field.name != "watched")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Minutes of one UTC day, in steps of one resolution."""

    resolution: Resolution
    low: int  # minutes since 1970, included; a multiple of the step
    high: int  # minutes since 1970, excluded

    @property
    def day(self) -> date:
        """The UTC day."""
        return day_of(self.low)


def day_of(minute: int) -> date:
    """UTC day of a minute since 1970."""
    return series.EPOCH + timedelta(days=minute // DAY)


def minute_of(day: date) -> int:
    """First minute of a UTC day, since 1970."""
    return (day - series.EPOCH).days * DAY


def traffic(
    snapshot: Snapshot,
    stretch: Stretch,
    owned: Owned,
    before: Owned | None = None,
    touched: Owned | None = None,
    only: Iterable[Measurement] = TRAFFIC,
) -> list[tuple[Measurement, pl.DataFrame]]:
    """Points of `packets`, `ports`, `countries` and `totals`; `before` and `touched` as in `folded`.

    Sums come from a rollup where one answers, and from flows where none does.
    """
    asked = []
    for measurement in only:
        rollup = _rollup(snapshot, measurement, stretch)
        if rollup is None:
            overlap = (pl.col("max.minute") >= stretch.low) & (pl.col("min.minute") < stretch.high)
            rows = snapshot.scan(series.FLOWS, stretch.day, stretch.day, where=overlap)
        else:
            rows = snapshot.scan(rollup, stretch.day, stretch.day)
        rows = _within(rows, stretch)
        asked.append(
            (measurement, folded(rows, measurement, owned, stretch.resolution.minutes, before, touched))
        )
    answers = pl.collect_all([points for _, points in asked], engine="streaming")
    return [(measurement, _timed(points)) for (measurement, _), points in zip(asked, answers, strict=True)]


def _rollup(snapshot: Snapshot, measurement: Measurement, stretch: Stretch) -> series.Table | None:
    """The rollup with the longest steps that the day has, and that no step of the stretch cuts."""
    needed = {*NEEDS[measurement], "packets"}
    fitting = [
        table
        for table in series.ROLLUPS
        if needed <= table.schema.keys()
        and stretch.resolution.minutes % step(table) == 0
        and stretch.day in snapshot.days(table)
    ]
    return max(fitting, key=step, default=None)


def _within(rows: pl.LazyFrame, stretch: Stretch) -> pl.LazyFrame:
    if stretch.high - stretch.low == DAY:
        return rows
    return rows.filter(pl.col("minute") >= stretch.low, pl.col("minute") < stretch.high)


def coverage(snapshot: Snapshot, stretch: Stretch) -> pl.DataFrame:
    """Points of `coverage`. What became of frames is known by the hour, and stands at the first step of the hour."""
    length = stretch.resolution.minutes
    low, high = stretch.low // HOUR * HOUR, -(-stretch.high // HOUR) * HOUR
    around = snapshot.scan(series.COVERAGE, day_of(low - LONGEST_BRIDGE), day_of(high + LONGEST_BRIDGE))
    rows = around.filter((pl.col("minute") > 0) | (pl.col("minutes") > 0)).collect()
    times = islands(rows.select("sensor", "point", "minute", "minutes", "bridge"))
    times = times.with_columns(pl.col("start").clip(lower_bound=low), pl.col("end").clip(upper_bound=high))
    watched = stepped(times.filter(pl.col("start") < pl.col("end")), length)
    coarse = max(length, HOUR)
    counts = (
        rows.filter(pl.col("minute") >= low, pl.col("minute") < high)
        .group_by(pl.col("minute").cast(pl.Int64) // coarse * coarse, "sensor")
        .agg(pl.col(_COUNTS).sum())
    )
    both = watched.join(counts, on=["minute", "sensor"], how="full", coalesce=True)
    # Counts of an hour were booked at one minute of it, wherever in it something was heard: so they come always.
    shown = both.filter(
        pl.col("minute").is_between(stretch.low, stretch.high, closed="left") | (pl.col("minute") % HOUR == 0)
    )
    # The other minutes of an hour say when they were watched, and no more: most points of a quarter are such.
    counted = pl.when(pl.col("minute") % HOUR == 0).then(pl.col(_COUNTS).fill_null(0))
    return _timed(shown.with_columns(pl.col("watched").fill_null(0), counted))


def own(snapshot: Snapshot, owned: Owned, day: date) -> pl.DataFrame:
    """Points of `own` for a UTC day; none for a day without flows."""
    values = own_tags(owned) if day in snapshot.days(series.FLOWS) else []
    tags = dict.fromkeys(measurements.OWN.tag_names, pl.String)
    return pl.DataFrame(values, schema=tags, orient="row").with_columns(
        seconds=pl.lit(minute_of(day) * 60, pl.Int64), own=pl.lit(1, pl.Int64)
    )


def sensors(snapshot: Snapshot, days: Iterable[date], known: Sensors) -> pl.DataFrame:
    """Points of `sensors`: for each UTC day those that the settings have for it, and those that were heard."""
    rows = []
    table = known.table()
    for day in days:
        heard = (
            snapshot.scan(series.COVERAGE, day, day)
            .filter(pl.col("minutes") > 0)
            .select("sensor")
            .unique()
            .collect()
        )
        # A sensor that the settings have for other days only was heard by mistake: its frames were rejected.
        unknown = [one for one in heard["sensor"] if not known.of_id(one).is_known]
        holding = table if not unknown else known.table(unknown)
        holding = holding.filter(
            (pl.col("since") <= day) | pl.col("since").is_null(),
            (pl.col("until") > day) | pl.col("until").is_null(),
        )
        rows.append(
            holding.select(
                pl.lit(minute_of(day) * 60, pl.Int64).alias("seconds"),
                sensor="id",
                organisation=pl.when(pl.col("organisation") == "")
                .then(pl.lit(NONE))
                .otherwise("organisation"),
                home=pl.when("home").then(pl.lit(HOME)).otherwise(pl.lit(ABROAD)),
                kind="kind",
                country="country",
                listed=pl.lit(1, pl.Int64),
            )
        )
    return pl.concat(rows)


def events(
    snapshot: Snapshot, days: Sequence[date], owned: Owned, known: Iterable[str], room: int
) -> pl.DataFrame:
    """Points of `events` that began on some UTC days; a subject without a tag value of its own is `other`.

    Of kinds and subjects the first `room` keep their subject. Two that would be one point stand a second apart.
    """
    ports = ["{1}/{0}".format(*port_tags(*port)) for port in owned.ports]
    subjects = {*ports, *(port.upper() for port in ports), *owned.countries, *known}
    shown = pl.when(pl.col("subject").is_in(sorted(subjects))).then("subject").otherwise(pl.lit(OTHER))
    rows = (
        snapshot.scan(series.EVENTS)
        .sort("start", "kind", "subject", "title")
        .with_columns(tags=pl.concat_str("kind", "subject", separator=","), subject=shown)
        .collect()
    )
    first = rows.select("kind", "subject").unique(maintain_order=True).head(room)
    return (
        rows.filter(pl.col("day").is_in(list(days)))
        .join(first.with_columns(is_first=pl.lit(value=True)), on=["kind", "subject"], how="left")
        .sort("start", "kind", "tags", "title")
        .select(
            "kind",
            "title",
            "text",
            "tags",
            seconds=pl.col("start") // 1_000_000_000,
            subject=pl.when("is_first").then("subject").otherwise(pl.lit(OTHER)),
        )
        .with_columns(pl.col("seconds") + pl.int_range(pl.len()).over("seconds", "kind", "subject"))
    )


def _timed(points: pl.DataFrame) -> pl.DataFrame:
    return points.with_columns(seconds=pl.col("minute").cast(pl.Int64) * 60).drop("minute")
