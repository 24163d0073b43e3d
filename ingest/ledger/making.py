"""Tables are made, and brought from an older format to this one: what is there stays as it is, as far as it can."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

import polars as pl
from deltalake import DeltaTable, Field, Schema
from deltalake.exceptions import CommitFailedError
from deltalake.schema import ArrayType, PrimitiveType

from darkscope.ingest.ledger.storage import Storage
from darkscope.ingest.series import Table

CHECKPOINT = 10
"""Commits of a table between two checkpoints: each reader replays what came since, and 100 took twice the time."""

ATTEMPTS = 50
"""Times a table is given what it lacks while others do the same."""

_DELTA_TYPES: dict[pl.DataType, PrimitiveType | ArrayType] = {
    pl.Int16(): PrimitiveType("short"),
    pl.Int32(): PrimitiveType("integer"),
    pl.Int64(): PrimitiveType("long"),
    pl.String(): PrimitiveType("string"),
    pl.List(pl.Int64()): ArrayType(PrimitiveType("long"), contains_null=False),
}


def create(storage: Storage, table: Table) -> None:
    """Make a table where there is none, else give it what it lacks. Raises DeltaError, OSError."""
    _define(storage, table, "ignore")
    _fit(storage, table)
    with suppress(FileNotFoundError):  # of an old table it is cleaned away
        storage.keep_commit(table.name, 0)
        storage.keep("", [table.name])


def _define(storage: Storage, table: Table, mode: Literal["ignore", "overwrite"]) -> None:
    DeltaTable.create(
        storage.table(table.name),
        schema=Schema(
            [Field("day", PrimitiveType("date"), nullable=False)]
            + [Field(column.name, _DELTA_TYPES[column.type], nullable=False) for column in table.columns]
        ),
        mode=mode,
        partition_by=["day"],
        name=table.name,
        description=table.meaning,
        configuration={
            "delta.checkpointInterval": str(CHECKPOINT),
            "delta.logRetentionDuration": "interval 1 hours",
            "delta.deletedFileRetentionDuration": "interval 1 days",
        },
        storage_options=storage.options,
    )


def _fit(storage: Storage, table: Table) -> None:
    """Give a table of an older format the columns that came since; nothing had written to it.

    One that has other columns lets go of its rows: `unfinished` alone, of what was open in that moment.
    """
    for _ in range(ATTEMPTS):
        delta = DeltaTable(storage.table(table.name), storage_options=storage.options)
        there = {field.name for field in delta.schema().fields}
        if there - {"day", *table.schema}:
            with suppress(CommitFailedError):  # another process does the same
                _define(storage, table, "overwrite")
                storage.keep_commit(table.name, delta.version() + 1)
            continue
        lacking = [column for column in table.columns if column.name not in there]
        if not lacking:
            return
        # Delta adds no column that must have values, for rows that are there would have none.
        with suppress(CommitFailedError):  # another process does the same
            delta.alter.add_columns([Field(column.name, _DELTA_TYPES[column.type]) for column in lacking])
            storage.keep_commit(table.name, delta.version())
