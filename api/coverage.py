"""Watched time out of the stretches that `coverage` holds.

Pure: frames in, frames out.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from darkscope.api.periods import Buckets
from darkscope.api.store import Posting


def posted(watched: pl.DataFrame, postings: frozenset[Posting]) -> pl.DataFrame:
    """Keep what lies within postings of their sensor, of watched times (`sensor`, `start`, `end`)."""
    terms = pl.DataFrame(
        [(posting.sensor, *posting.minutes) for posting in postings],
        schema={"sensor": pl.String, "since": pl.Int64, "until": pl.Int64},
        orient="row",
    )
    return (
        watched.join(terms, on="sensor")
        .select(
            "sensor",
            start=pl.max_horizontal("start", "since"),
            end=pl.min_horizontal("end", "until"),
        )
        .filter(pl.col("start") < pl.col("end"))
        .sort("sensor", "start")
    )


def covered(watched: pl.DataFrame, buckets: Buckets) -> pl.DataFrame:
    """Seconds of each bucket that each sensor watched: `sensor`, `bucket`, `covered`; no row for zero."""
    edges = np.asarray(buckets.edges, np.int64)
    parts = []
    for (sensor,), times in watched.group_by("sensor", maintain_order=True):
        start, end = times["start"].to_numpy(), times["end"].to_numpy()
        before = np.concatenate(([0], np.cumsum(end - start)))  # minutes watched before each island
        last = np.searchsorted(start, edges, side="right") - 1  # island that began last; -1: none yet
        inside = np.minimum(edges, end[last]) - start[last]
        until = np.where(last < 0, 0, before[last] + inside)  # minutes watched before each edge
        seconds = np.diff(until) * 60
        found = np.flatnonzero(seconds)
        parts.append(
            pl.DataFrame(
                {"sensor": [sensor] * len(found), "bucket": found, "covered": seconds[found]}, schema=_SCHEMA
            )
        )
    return pl.concat(parts) if parts else pl.DataFrame(schema=_SCHEMA)


_SCHEMA = {"sensor": pl.String, "bucket": pl.Int64, "covered": pl.Int64}
