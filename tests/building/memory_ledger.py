"""A ledger in memory, as the store sees it: frames instead of files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
from flows import DEFAULTS as FLOW

from darkscope.api.periods import EPOCH
from darkscope.ingest import series
from darkscope.ingest.ledger import listing
from darkscope.ingest.rollups import month, roll_up

DEFAULTS: dict[str, Any] = {"minute": 0, **FLOW, "country": "CN"}

SOURCE_DEFAULTS: dict[str, Any] = {
    "day": "2020-06-24",
    "sensor": "a",
    "version": 4,
    "source_high": 0,
    "source_low": 1,
    "country": "CN",
    "asn": 0,
    "packets": 1,
    "bytes": 60,
    "first": 0,
    "last": 0,
    "source_port": 40_000,
    "ttl": 50,
    "scan": 0,
    "backscatter": 0,
    "spoofable": 0,
    "mirai": 0,
    "zmap": 0,
    "masscan": 0,
    "nmap": [],
    "unicornscan": [],
    "ports": [],
    "offered": [],
    "completed": [],
}


REQUEST_DEFAULTS: dict[str, Any] = {
    "time": "2020-06-24T12:00:00",
    "sensor": "pot",
    "version": 4,
    "source_high": 0,
    "source_low": 1,
    "country": "RU",
    "asn": 64500,
    "source_port": 40_000,
    "port": 8080,
    "number": 0,
    "kind": "http",
    "method": "GET",
    "path": "/",
    "host": "",
    "agent": "",
    "headers": "",
    "fingerprint": "",
    "body": "",
    "size": 100,
    "preview": "",
}

NANOSECONDS = 86_400_000_000_000
"""Of a day."""


@dataclass
class MemorySnapshot:
    """Tables as frames; rollups are made of the flows when they are read."""

    flows: pl.DataFrame
    coverage: pl.DataFrame
    sources: pl.DataFrame = field(default_factory=lambda: evidence(()))
    requests: pl.DataFrame = field(default_factory=lambda: asked(()))
    version: int = 7
    rolled: dict[str, frozenset[date]] = field(default_factory=dict)
    captures: pl.DataFrame = field(default_factory=lambda: listing.none(series.CAPTURES))  # their files
    scanned: list[tuple[str, date, date]] = field(default_factory=list)

    @property
    def plan(self) -> int:
        return self.version

    def scan(self, table: series.Table, first_day: date, last_day: date) -> pl.LazyFrame:
        self.scanned.append((table.name, first_day, last_day))
        if table is series.SOURCES:
            return self.sources.lazy().filter(pl.col("day").is_between(first_day, last_day))
        if table is series.REQUESTS:
            return self.requests.lazy().filter(pl.col("day").is_between(first_day, last_day))
        rows = {"flows": self.flows, "coverage": self.coverage}.get(table.name)
        if rows is None:
            rows = self._rollup(table)
        return rows.lazy().with_columns(_day()).filter(pl.col("day").is_between(first_day, last_day))

    def told(self, error: Exception) -> str:
        return str(error)

    def rows(self, table: series.Table, first_day: date, last_day: date) -> int:
        return int(self.scan(table, first_day, last_day).select(pl.len()).collect().item())

    def files(self, table: series.Table) -> pl.DataFrame:
        if table is series.CAPTURES:
            return self.captures
        rows = {"flows": self.flows, "coverage": self.coverage}.get(table.name, self.flows.clear())
        return rows.select(_day(), path=pl.lit(f"version {self.version}")).unique()

    def days(self, table: series.Table) -> frozenset[date]:
        if table is series.SOURCES:
            return frozenset(self.sources["day"])
        if table is series.REQUESTS:
            return frozenset(self.requests["day"])
        return self.rolled.get(table.name, frozenset())

    def roll_up(self, days: Iterable[date], tables: Iterable[series.Table] = series.ROLLUPS) -> None:
        for table in tables:
            self.rolled[table.name] = frozenset(days)

    def roll_up_months(self, months: Iterable[date]) -> None:
        """Roll up months and all their days."""
        days = [day for first in months for day in days_of(first)]
        self.roll_up({*days, *self.days(series.ROLLUP_PORTS)})
        for table in series.MONTH_ROLLUPS:
            self.rolled[table.name] = frozenset(months)

    def _rollup(self, table: series.Table) -> pl.DataFrame:
        day = pl.col("day").dt.month_start() if table in series.MONTH_ROLLUPS else pl.col("day")
        rolled = self.flows.lazy().with_columns(_day()).filter(day.is_in(list(self.days(table))))
        return roll_up(rolled, table).select(*table.schema).collect()


def days_of(first: date) -> list[date]:
    """Days of the month that begins on a day."""
    days = (first + timedelta(days=number) for number in range(31))
    return [day for day in days if month(day) == first]


def _day() -> pl.Expr:
    return (pl.lit(EPOCH.date()) + pl.duration(minutes=pl.col("minute"))).cast(pl.Date).alias("day")


def minute_of(moment: str | int) -> int:
    return (
        moment
        if isinstance(moment, int)
        else (datetime.fromisoformat(f"{moment}+00:00") - EPOCH) // timedelta(minutes=1)
    )


def frame(table: series.Table, rows: Iterable[dict[str, Any]], defaults: dict[str, Any]) -> pl.DataFrame:
    complete = [{**defaults, **row} for row in rows]
    for row in complete:
        row["minute"] = minute_of(row["minute"])
    return pl.DataFrame(complete, schema=table.schema)


def snapshot_of(
    flows: Iterable[dict[str, Any]],
    coverage: Iterable[dict[str, Any]],
    sources: Iterable[dict[str, Any]] = (),
    requests: Iterable[dict[str, Any]] = (),
) -> MemorySnapshot:
    """Make a snapshot of flows, coverage, evidence and requests, given as rows with only the columns that matter."""
    return MemorySnapshot(
        frame(series.FLOWS, flows, DEFAULTS), watched(coverage), evidence(sources), asked(requests)
    )


def watched(coverage: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Give rows of `coverage`, hours where they do not say otherwise."""
    none = dict.fromkeys(series.COVERAGE.schema, 0)
    return frame(series.COVERAGE, coverage, {**none, "sensor": "a", "point": "", "minutes": 60, "bridge": 0})


def evidence(rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Rows of `sources` with their `day`, which may be a text."""
    complete = [{**SOURCE_DEFAULTS, **row} for row in rows]
    for row in complete:
        row["day"] = date.fromisoformat(row["day"]) if isinstance(row["day"], str) else row["day"]
    return pl.DataFrame(complete, schema={"day": pl.Date(), **series.SOURCES.schema})


def asked(rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Rows of `requests` with their `day`; the `time` may be a text, in UTC."""
    complete = [{**REQUEST_DEFAULTS, **row} for row in rows]
    for row in complete:
        if isinstance(row["time"], str):
            moment = datetime.fromisoformat(f"{row['time']}+00:00")
            row["time"] = (moment - EPOCH) // timedelta(microseconds=1) * 1000
        row["day"] = EPOCH.date() + timedelta(days=row["time"] // NANOSECONDS)
    return pl.DataFrame(complete, schema={"day": pl.Date(), **series.REQUESTS.schema})
