"""Ledgers whose flows are made up row by row, committed as a worker would commit them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl

from darkscope.ingest.ledger.files import write_file
from darkscope.ingest.ledger.ledger import Ledger, Snapshot
from darkscope.ingest.ledger.plan import Change
from darkscope.ingest.series import COVERAGE, FLOWS, Table

EPOCH = date(1970, 1, 1)
DAY = 1440

DEFAULTS: dict[str, Any] = {
    "sensor": "a",
    "version": 4,
    "source_high": 0,
    "source_low": 1,
    "protocol": 6,
    "port": 23,
    "class": "scan",
    "tool": "",
    "country": "JP",
    "asn": 0,
    "packets": 1,
    "bytes": 60,
    "targets": 1,
}


def minute(day: date, hour: int = 0, of_hour: int = 0) -> int:
    return (day - EPOCH).days * DAY + hour * 60 + of_hour


def flow(at: int, **how: Any) -> dict[str, Any]:
    return {**DEFAULTS, "minute": at, **how}


def some(first: int, count: int, day: date) -> list[dict[str, Any]]:
    """Flows of so many sources in five hours of a day, the first with a number."""
    return [
        flow(minute(day, 9) + number % 300, sensor="ab"[number % 2], source_low=number, port=number % 50)
        for number in range(first, first + count)
    ]


def flows(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={name: FLOWS.schema[name] for name in FLOWS.schema}, orient="row")


def book(
    ledger: Ledger, rows: pl.DataFrame | Sequence[dict[str, Any]], *, watched: int = DAY, after: int = 0
) -> Snapshot:
    """Commit flows as one batch, with coverage of their sensors for the hours that they are in, from a minute on."""
    frame = rows if isinstance(rows, pl.DataFrame) else flows(rows)
    hours = (
        frame.group_by(pl.col("minute") // 60 * 60, "sensor")
        .agg(inbound=pl.col("packets").sum())
        .sort("minute", "sensor")
    )
    zeros = [
        name
        for name in COVERAGE.schema
        if name not in ("minute", "minutes", "bridge", "sensor", "point", "frames", "inbound")
    ]
    coverage = hours.with_columns(
        pl.col("minute") + after,
        pl.lit(min(60 - after, watched)).alias("minutes"),
        pl.lit(15).alias("bridge"),
        pl.lit("").alias("point"),
        pl.col("inbound").alias("frames"),
        *(pl.lit(0).alias(name) for name in zeros),
    )

    def build(_: Snapshot) -> dict[str, Change]:
        return {
            table.name: Change(_files(ledger, table, part))
            for table, part in ((FLOWS, frame), (COVERAGE, coverage))
        }

    return ledger.change("test", "ingest", build)


def _files(ledger: Ledger, table: Table, rows: pl.DataFrame) -> list[Any]:
    days = rows.with_columns(_day=pl.col("minute") // DAY).partition_by(
        "_day", as_dict=True, include_key=False
    )
    return [
        write_file(ledger.storage, table, EPOCH + timedelta(days=number), part)
        for (number,), part in sorted(days.items())
    ]
