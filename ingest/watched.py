"""Watched time out of the stretches that `coverage` holds.

Pure: frames in, frames out.
"""

from __future__ import annotations

import polars as pl


def islands(stretches: pl.DataFrame) -> pl.DataFrame:
    """Join stretches (`sensor`, `point`, `minute`, `minutes`, `bridge`) to disjoint times of each sensor.

    Silence of a point counts as watched when the point is heard again within the bridge of what came before.
    Gives `sensor`, `start`, `end` (minutes since 1970), sorted.
    """
    timed = (
        stretches.lazy()
        .filter(pl.col("minutes") > 0)
        .select(
            "sensor",
            "point",
            start=pl.col("minute").cast(pl.Int64),
            end=pl.col("minute").cast(pl.Int64) + pl.col("minutes"),
            reach=pl.col("minute").cast(pl.Int64) + pl.col("minutes") + pl.col("bridge"),
        )
    )
    points = _joined(timed, ["sensor", "point"]).with_columns(reach="end")
    return _joined(points, ["sensor"]).select("sensor", "start", "end").sort("sensor", "start").collect()


def _joined(stretches: pl.LazyFrame, keys: list[str]) -> pl.LazyFrame:
    """Join stretches of equal keys that begin no later than what came before reaches."""
    return (
        stretches.sort(
            "start"
        )  # across keys: windows keep the order of their rows, and one column sorts faster
        .with_columns(before=pl.col("reach").cum_max().shift(1).over(keys))
        .with_columns(island=(pl.col("start") > pl.col("before")).fill_null(value=False).cum_sum().over(keys))
        .group_by(*keys, "island")
        .agg(pl.col("start").min(), pl.col("end").max())
        .drop("island")
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
