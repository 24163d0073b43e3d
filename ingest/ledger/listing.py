"""A table's data files as a list: by the table's log, and by the plans since.

A list has path, size, rows and day of each file, and its columns' smallest and largest values as `min.x`, `max.x`. Its
rows are in no order.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import polars as pl
from deltalake import DeltaTable

from darkscope.ingest.ledger.files import bounded
from darkscope.ingest.ledger.plan import Change, Plan
from darkscope.ingest.series import Table

PIECES = 64
"""That a list is in at most: each plan adds one."""

_BOUNDS = (("min", "minValues"), ("max", "maxValues"))
"""What a list calls them, and what a file's statistics do."""


def listed(table: Table, delta: DeltaTable) -> pl.DataFrame:
    """The files of a state of a table, as its log has them."""
    found = pl.DataFrame(delta.get_add_actions(flatten=True))
    found = found.rename({"size_bytes": "size", "num_records": "rows", "partition.day": "day"}, strict=False)
    return found.select(
        (pl.col(name) if name in found.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in _schema(table).items()
    )


def after(plan: Plan, table: Table, files: pl.DataFrame) -> pl.DataFrame:
    """The files after a plan, by those before it."""
    change = plan.changes.get(table.name, Change())
    if not (change.add or change.remove):
        return files
    gone = [file.path for file in change.remove]
    kept = files.filter(~pl.col("path").is_in(gone)) if gone else files
    rows: list[dict[str, Any]] = []
    for file in change.add:
        told = json.loads(file.statistics)
        bounds = {f"{bound}.{name}": value for bound, its in _BOUNDS for name, value in told[its].items()}
        day = date.fromisoformat(file.day)
        rows.append({"path": file.path, "size": file.size, "rows": told["numRecords"], "day": day, **bounds})
    added = pl.DataFrame(rows, schema=_schema(table))
    return pl.concat([kept, added], rechunk=kept.n_chunks() > PIECES)


def none(table: Table) -> pl.DataFrame:
    """No files."""
    return pl.DataFrame(schema=_schema(table))


def _schema(table: Table) -> dict[str, pl.DataType]:
    bounds = {f"{bound}.{name}": table.schema[name] for bound, _ in _BOUNDS for name in bounded(table)}
    return {"path": pl.String(), "size": pl.Int64(), "rows": pl.Int64(), "day": pl.Date(), **bounds}
