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
    """Seconds of each bucket that each sensor watched: `sensor`, `bucket`, `covered`; no row for zero.

    Watched times (`sensor`, `start`, `end`) are disjoint and sorted.
    """
    if not watched.height:
        return pl.DataFrame(schema=_SCHEMA)
    edges = np.asarray(buckets.edges, np.int64)
    start, end = watched["start"].to_numpy(), watched["end"].to_numpy()
    number = watched["sensor"].rle_id().to_numpy().astype(np.int64)  # of the sensor
    first = np.flatnonzero(np.diff(number, prepend=-1))  # its first time
    before = np.concatenate(
        ([0], np.cumsum(end - start))
    )  # minutes that were watched before each time, by anybody
    # Each sensor on a stretch of the number line of its own, where all are looked up at once.
    low = min(start[first].min(), edges[0])
    length = max(end.max(), edges[-1]) - low + 1
    asked = edges - low + length * np.arange(len(first))[:, None]
    last = np.searchsorted(start - low + length * number, asked, side="right") - 1  # time that began last
    inside = np.minimum(edges, end[last]) - start[last]
    begun = last >= first[:, None]
    until = np.where(
        begun, before[last] + inside - before[first][:, None], 0
    )  # minutes watched before each edge
    seconds = np.diff(until, axis=1) * 60
    sensor, bucket = np.nonzero(seconds)
    return pl.DataFrame(
        {
            "sensor": watched["sensor"][first][sensor],
            "bucket": bucket,
            "covered": seconds[sensor, bucket],
        },
        schema=_SCHEMA,
    )


_SCHEMA = {"sensor": pl.String, "bucket": pl.Int64, "covered": pl.Int64}
