"""How many addresses of the sensors packets went to, estimated from marks: their addresses themselves are kept nowhere.

Pure. A mark has 64 bits, of which each destination address sets one, chosen by a hash of the address and its sensor.
Marks of one sensor merge by OR; those of several are of different addresses, so their estimates add. The estimate is
linear counting (Whang, Vander-Zanden, Taylor: A Linear-Time Probabilistic Counting Algorithm for Database Applications,
1990): of m bits z are not set, so there were about m ln(m / z) addresses.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from darkscope.api.dimension import Dimension

BITS = 64


def estimated(dimension: Dimension, marks: pl.DataFrame, watched: Mapping[str, int | None]) -> pl.DataFrame:
    """Estimate the addresses behind marks: the dimension's columns, `targets`, `error`, `is_saturated`.

    `marks` has the dimension's columns, `sensor`, `version` (of IP) and `targets` (Int64, 64 bits): one row or several
    for each. `watched` says how many IPv4 addresses a sensor has, where that is known: there were no more. The error is
    the relative standard error; null where a mark is full, and then there may be more.
    """
    keys = list(dimension.columns)
    of_sensors = [*keys, *(name for name in ("sensor", "version") if name not in keys)]
    mark = pl.col("targets")
    # Sorted, for sums of floats depend on the order, and equal data have equal answers.
    merged = marks.group_by(of_sensors).agg(mark.bitwise_or()).sort(of_sensors)
    found = merged.select(count=counted(mark), is_full=mark.bitwise_count_ones() == BITS)
    count, is_full = found["count"].to_numpy(), found["is_full"].to_numpy()
    limit = np.array(
        [
            watched.get(sensor) or np.inf if version == 4 else np.inf
            for sensor, version in merged.select("sensor", "version").iter_rows()
        ]
    )
    is_known = count >= limit  # all of them, as far as can be told
    told = merged.select(keys).with_columns(
        count=np.minimum(count, limit),
        variance=np.where(is_known, 0.0, (_error(count) * count) ** 2),
        is_saturated=is_full & ~is_known,
    )
    summed = told.group_by(keys, maintain_order=True).agg(
        pl.col("count", "variance").sum(), pl.col("is_saturated").any()
    )
    is_known_about = ~pl.col("is_saturated") & (pl.col("count") > 0)
    error = pl.when(is_known_about).then(pl.col("variance").sqrt() / pl.col("count"))
    return summed.select(
        *keys, pl.col("count").round().cast(pl.Int64).alias("targets"), error.alias("error"), "is_saturated"
    )


def counted(mark: pl.Expr) -> pl.Expr:
    """Estimate how many addresses one mark is of, as a Float64; of a full one it is about the least."""
    empty = (BITS - mark.bitwise_count_ones().cast(pl.Int64)).clip(1)
    return BITS * (BITS / empty).log()


def _error(count: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Give the relative standard error of linear counting."""
    load = np.maximum(count, 1.0) / BITS
    return np.asarray(np.sqrt(BITS * (np.exp(load) - load - 1)) / (load * BITS))
