"""Rollups: flows summed for the questions that are asked most. Pure definitions of what a rollup's rows are."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import polars as pl

from darkscope.ingest.series import (
    FLOWS,
    MONTH_ROLLUPS,
    QUARTER_HOUR,
    ROLLUP_ALL_PORTS_MONTH,
    ROLLUP_COUNTRIES,
    ROLLUP_COUNTRIES_DAY,
    ROLLUP_COUNTRIES_MONTH,
    ROLLUP_OWNERS,
    ROLLUP_OWNERS_MONTH,
    ROLLUP_PORT_COUNTRIES,
    ROLLUP_PORTS,
    ROLLUP_PORTS_DAY,
    ROLLUP_PORTS_MONTH,
    ROLLUP_TOOLS,
    ROLLUP_TOOLS_MONTH,
    Table,
)

DAY_MINUTES = 24 * 60

BY_DAY = (ROLLUP_PORTS_DAY, ROLLUP_COUNTRIES_DAY, ROLLUP_PORT_COUNTRIES)
"""Rollups whose steps are UTC days; those of the months' are UTC months, and of the others quarters of an hour."""

_FINER = {
    ROLLUP_PORTS_DAY: ROLLUP_PORTS,
    ROLLUP_COUNTRIES_DAY: ROLLUP_COUNTRIES,
    ROLLUP_PORTS_MONTH: ROLLUP_PORTS_DAY,
    ROLLUP_ALL_PORTS_MONTH: ROLLUP_PORTS_DAY,
    ROLLUP_COUNTRIES_MONTH: ROLLUP_COUNTRIES_DAY,
    ROLLUP_OWNERS_MONTH: ROLLUP_OWNERS,
    ROLLUP_TOOLS_MONTH: ROLLUP_TOOLS,
}


def finer(table: Table) -> Table:
    """Give the smallest table that a rollup can be made from: another rollup, or `flows`."""
    return _FINER.get(table, FLOWS)


def step(table: Table) -> int:
    """Minutes of the steps of a day's rollup."""
    return DAY_MINUTES if table in BY_DAY else QUARTER_HOUR


def month(day: date) -> date:
    """Give the first day of a day's month, under which the sums of the month lie."""
    return day.replace(day=1)


def partitions(table: Table, days: Iterable[date]) -> set[date]:
    """Give the partitions of a rollup that hold sums of certain days."""
    return set(map(month, days)) if table in MONTH_ROLLUPS else set(days)


def roll_up(rows: pl.LazyFrame, table: Table) -> pl.LazyFrame:
    """Rows of one rollup, from rows of `flows` or of a finer rollup (partial ones too); not sorted."""
    return (
        rows.with_columns(_start(table).cast(pl.Int32).alias("minute"))
        .group_by(table.keys)
        .agg(pl.col("packets").sum(), pl.col("bytes").sum())
    )


def _start(table: Table) -> pl.Expr:
    """When the step of a row begins."""
    minute = pl.col("minute")
    if table in MONTH_ROLLUPS:
        first = (minute // DAY_MINUTES).cast(pl.Date).dt.month_start()
        return first.cast(pl.Int32) * DAY_MINUTES
    return minute // step(table) * step(table)
