"""Watched time out of the stretches that `coverage` holds.

Pure: frames in, frames out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl


def islands(stretches: pl.DataFrame) -> pl.DataFrame:
    """Join stretches (`sensor`, `point`, `minute`, `minutes`, `bridge`) to disjoint times of each sensor.

    Silence of a point counts as watched when the point is heard again within the bridge of what came before.
    Gives `sensor`, `start`, `end` (minutes since 1970), sorted.
    """
    keys = ["sensor", "point"]
    of_points = _joined(_timed(stretches, keys), keys).with_columns(reach="end")
    return _joined(of_points, ["sensor"]).select("sensor", "start", "end")


def joined(stretches: pl.DataFrame) -> pl.DataFrame:
    """Join the stretches of each `day` and point that touch, overlap or are bridged: fewer, of the same columns.

    Stretches joined day by day have the same islands as before. Sorted by day.
    """
    start, end = pl.col("start"), pl.col("end")
    keys = ["day", "sensor", "point"]
    return _joined(_timed(stretches, keys), keys).select(
        *keys, minute=start, minutes=end - start, bridge=pl.col("reach") - end
    )


def _timed(stretches: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Give stretches that last their `start`, `end` and `reach`, up to which they bridge silence."""
    minute = pl.col("minute").cast(pl.Int64)
    end = minute + pl.col("minutes")
    return stretches.filter(pl.col("minutes") > 0).select(
        *keys, start=minute, end=end, reach=end + pl.col("bridge")
    )


def _joined(stretches: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Join stretches of equal keys that begin no later than what came before reaches; sorted by key and start."""
    if not stretches.height:
        return stretches.select(*keys, "start", "end", "reach")
    rows = stretches.sort(*keys, "start")
    start, end, reach = (rows[name].to_numpy() for name in ("start", "end", "reach"))
    # Each key on a stretch of the number line of its own, so that nothing is joined across keys.
    low = start.min()
    apart = (reach.max() - low + 1) * rows.select(
        pl.struct(keys).rle_id().cast(pl.Int64)
    ).to_series().to_numpy()
    reached = np.maximum.accumulate(reach - low + apart)
    first = np.flatnonzero(np.concatenate(([True], (start - low + apart)[1:] > reached[:-1])))
    return rows[first].select(
        *keys,
        "start",
        end=pl.Series(np.maximum.reduceat(end, first)),
        reach=pl.Series(np.maximum.reduceat(reach, first)),
    )


def stepped(times: pl.DataFrame, step: int) -> pl.DataFrame:
    """Watched seconds of each step (a multiple of `step` minutes) in disjoint times as `islands` gives them.

    Gives `minute` (start of the step), `sensor`, `watched`; no row for a step that was not watched at all.
    """
    first, last = pl.col("start") // step, (pl.col("end") - 1) // step
    minute = pl.col("minute")
    inside = pl.min_horizontal(minute + step, "end") - pl.max_horizontal(minute, "start")
    return (
        times.with_columns(minute=pl.int_ranges(first, last + 1))
        .explode("minute")
        .with_columns(minute * step)
        .with_columns(watched=inside * 60)
        .group_by("minute", "sensor")
        .agg(pl.col("watched").sum())
    )
