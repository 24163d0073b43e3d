"""Rollups: flows summed for the questions that are asked most. Pure definitions of what a rollup's rows are."""

from __future__ import annotations

import polars as pl

from darkscope.ingest.series import (
    QUARTER_HOUR,
    ROLLUP_COUNTRIES_DAY,
    ROLLUP_PORT_COUNTRIES,
    ROLLUP_PORTS_DAY,
    Table,
)

DAY_MINUTES = 24 * 60

BY_DAY = (ROLLUP_PORTS_DAY, ROLLUP_COUNTRIES_DAY, ROLLUP_PORT_COUNTRIES)
"""Rollups whose steps are UTC days; those of the others are quarters of an hour."""


def step(table: Table) -> int:
    """Minutes of a rollup's steps."""
    return DAY_MINUTES if table in BY_DAY else QUARTER_HOUR


def roll_up(flows: pl.LazyFrame, table: Table) -> pl.LazyFrame:
    """Rows of one rollup, from rows of `flows` (partial ones too); not sorted."""
    minutes = step(table)
    return (
        flows.with_columns(pl.col("minute") // minutes * minutes)
        .group_by(table.keys)
        .agg(pl.col("packets").sum(), pl.col("bytes").sum())
    )
