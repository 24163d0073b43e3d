"""Simulated quarters as the store sees them: flows and coverage in memory, without captures or a ledger."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl

from darkscope.api.periods import DAY, EPOCH
from darkscope.ingest import series
from darkscope.ingest.simulate import Scenario


def flows(table: pl.DataFrame) -> pl.DataFrame:
    """Give simulated packets (columns as `simulated.drawn` gives them) as rows of `flows`, all of class scan."""
    rows = table.select(
        minute=(pl.col("time") // 60_000_000).cast(pl.Int32),
        sensor="sensor",
        version=pl.col("version").cast(pl.Int16),
        source_high=pl.col("source_high").cast(pl.UInt64).reinterpret(signed=True),
        source_low=pl.col("source").cast(pl.UInt64).reinterpret(signed=True),
        protocol=pl.col("protocol").cast(pl.Int16),
        port=pl.when(pl.col("protocol").is_in([6, 17]))
        .then(pl.col("port").cast(pl.Int32))
        .otherwise(series.NO_PORT),
        country="country",
    )
    keys = rows.columns
    rest = {
        "class": pl.lit("scan"),
        "tool": pl.lit(""),
        "asn": pl.lit(0, pl.Int64),
        "targets": pl.lit(1, pl.Int64),
    }
    counted = rows.group_by(keys).agg(pl.len().cast(pl.Int64).alias("packets"))
    return counted.with_columns(bytes=pl.col("packets") * 60, **rest).select(*series.FLOWS.schema)


def coverage(shown: Scenario) -> list[dict[str, Any]]:
    """Give the hours that the sensors of a scenario watched: all but their outages."""
    first, last = shown.truth.before[0] - timedelta(days=1), shown.truth.period[1] + timedelta(days=1)
    rows = []
    for sensor in shown.sensors:
        out = {
            day
            for outage in shown.outages
            if outage.sensor == sensor.id
            for day in (
                outage.first + timedelta(days=n) for n in range((outage.last - outage.first).days + 1)
            )
        }
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            minute = (day - EPOCH.date()).days * DAY
            if day not in out:
                rows += [{"minute": minute + 60 * hour, "sensor": sensor.id} for hour in range(24)]
    return rows


def sources(table: pl.DataFrame) -> list[dict[str, Any]]:
    """Give simulated packets as rows of `sources`, all of class scan."""
    counted = table.group_by(
        "sensor",
        day=(pl.col("time") // 86_400_000_000).cast(pl.Int32).cast(pl.Date),
        version=pl.col("version").cast(pl.Int16),
        source_high=pl.col("source_high").cast(pl.UInt64).reinterpret(signed=True),
        source_low=pl.col("source").cast(pl.UInt64).reinterpret(signed=True),
    ).agg(
        country=pl.col("country").first(),
        packets=pl.len(),
        scan=pl.len(),
        first=pl.col("time").min() * 1000,
        last=pl.col("time").max() * 1000,
    )
    return counted.rows(named=True)


def requests(table: pl.DataFrame) -> list[dict[str, Any]]:
    """Give simulated requests (as `simulated.asked` does) as rows of `requests`."""
    rows = []
    for row in table.iter_rows(named=True):
        first, *fields = row["text"].partition("\r\n\r\n")[0].split("\r\n")
        method, path, _ = first.split(" ")
        told = dict(field.split(": ", 1) for field in fields)
        rows.append(
            {
                "time": row["time"] * 1000,
                "sensor": row["sensor"],
                "source_low": row["source"],
                "source_port": row["source_port"],
                "country": row["country"],
                "port": row["port"],
                "method": method,
                "path": path,
                "host": told["Host"],
                "agent": told["User-Agent"],
                "headers": "\n".join(fields),
                "size": len(row["text"]),
            }
        )
    return rows
