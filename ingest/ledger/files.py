"""Data files of the tables: written whole, invisible until a plan names them.

A file's name ends in a digest of its bytes, so that a change of one bit is found.
"""

from __future__ import annotations

import io
import json
import time
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from blake3 import blake3

from darkscope.ingest.ledger.storage import Storage
from darkscope.ingest.series import Table

ROW_GROUP = 64 * 1024
"""Rows a row group: small enough that a question for one port skips most of a file."""

LEVEL = 3
"""zstd level of files that stay."""

FAST = 1
"""zstd level of files that upkeep will soon replace."""

FAST_ROW_GROUP = 256 * 1024
"""Rows a row group of those: not sorted by port, nothing in them is skipped, and the larger take less time and room."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file of a table, as the Delta log will name it."""

    path: str  # relative to the table's folder
    day: str  # its partition, ISO 8601
    size: int  # bytes
    statistics: str  # Delta's JSON: rows, smallest and largest values

    def as_json(self) -> dict[str, Any]:
        """The file as a plan stores it."""
        return asdict(self)


def write_file(
    storage: Storage, table: Table, day: date, rows: pl.DataFrame, *, level: int = FAST
) -> DataFile:
    """Write rows of one UTC day into the ledger's storage; they count only once a plan names the file.

    `level` is zstd's. A file that could not be written whole is not there; OSError goes on to the caller.
    """
    rows = rows.select(pl.col(name).cast(kind) for name, kind in table.schema.items())
    written = io.BytesIO()
    size = FAST_ROW_GROUP if level == FAST else ROW_GROUP
    rows.write_parquet(written, compression="zstd", compression_level=level, row_group_size=size)
    data = written.getbuffer()
    path = f"day={day.isoformat()}/{time.time_ns():x}-{_digest(data)}.parquet"
    storage.put(f"{table.name}/{path}", data)
    return DataFile(path, day.isoformat(), len(data), _statistics(table, rows))


def is_intact(name: str, data: bytes | memoryview) -> bool:
    """Whether these are the bytes that were written into a file: its name ends in their digest."""
    return name.endswith(f"-{_digest(data)}.parquet")


def _digest(data: bytes | memoryview) -> str:
    return blake3(data).hexdigest(8)


def bounded(table: Table) -> list[str]:
    """Columns of which each file tells the smallest and the largest value."""
    return [one.name for one in table.columns if not (one.is_long or isinstance(one.type, pl.List))]


def _statistics(table: Table, rows: pl.DataFrame) -> str:
    names = bounded(table)
    low = rows.select(pl.col(names).min()).row(0, named=True)
    high = rows.select(pl.col(names).max()).row(0, named=True)
    return json.dumps(
        {
            "numRecords": rows.height,
            "minValues": {name: value for name, value in low.items() if value is not None},
            "maxValues": {name: value for name, value in high.items() if value is not None},
            "nullCount": dict.fromkeys(names, 0),
        }
    )


def merge(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of one day with equal keys made one, in the table's order."""
    rows = rows.select(list(table.schema))
    if table.mergeable:
        # Few keys have several rows, and grouping takes ten times as long as finding them; a row alone stays.
        has_others = rows.select(table.keys).hash_rows().is_duplicated()
        several = rows.filter(has_others).group_by(table.keys).agg(table.merged())
        rows = pl.concat([rows.filter(~has_others), several.select(rows.columns)])
    return ordered(table, rows)


def ordered(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows in the table's order: by one number where its columns fit into one, for that takes a third of the time."""
    number, size = np.zeros(rows.height, np.int64), 1
    for name in table.order if rows.height else ():
        column = rows[name]
        if column.dtype == pl.String:
            column = column.cast(pl.Enum(column.unique().sort())).to_physical()
        values = column.to_numpy().astype(np.int64)
        low, high = int(values.min()), int(values.max())
        size *= high - low + 1
        if size >= 1 << 63:
            return rows.sort(table.order)
        number = number * (high - low + 1) + (values - low)
    return rows.sort(pl.Series(number))
