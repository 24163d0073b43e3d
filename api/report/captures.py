"""Which captures a period's figures rest on.

Pure, but for the ledger that is read.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
from polars.exceptions import PolarsError

from darkscope.api.ledger_tables import Snapshot
from darkscope.api.periods import Window
from darkscope.api.store import StoreError
from darkscope.ingest import series

SCHEMA = {"sensor": pl.String, "digest": pl.String, "bytes": pl.Int64, "frames": pl.Int64}

LONGEST = timedelta(days=31)
"""A row of a capture is of a stretch without an hour of silence, and begins no longer before a window than this."""

NANOSECONDS = 1_000_000_000


def captures_of(snapshot: Snapshot, window: Window) -> pl.DataFrame:
    """List captures with frames of a window (columns SCHEMA), by sensor and digest.

    A digest is of the bytes up to where a capture had been read; frames are those of the batches that reach into the
    window. Raises StoreError.
    """
    start, end = (round(moment.timestamp()) * NANOSECONDS for moment in (window.start, window.end))
    first = max(window.start - LONGEST, datetime(1970, 1, 1, tzinfo=UTC))
    rows = snapshot.scan(series.CAPTURES, first.date(), window.end.date())
    within = rows.filter((pl.col("first") < end) & (pl.col("last") >= start))
    by_capture = within.group_by("sensor", "head").agg(
        pl.col("digest").sort_by("reach", "digest").last(),
        pl.col("reach").max().alias("bytes"),
        pl.col("frames").sum(),
    )
    try:
        return by_capture.select(*SCHEMA).sort("sensor", "digest").collect()
    except (PolarsError, OSError) as error:
        raise StoreError(f"the captures cannot be read: {snapshot.told(error)}") from None
