"""Trends: values of a dimension bucket by bucket, where an outage is a gap and a true zero a zero.

Pure: frames in, lines out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from darkscope.api.dimension import Dimension, Key, value_text
from darkscope.api.periods import Buckets
from darkscope.api.ranking import Provenance
from darkscope.api.watch import Watch


@dataclass(frozen=True, slots=True)
class Line:
    """One value over time."""

    value: str  # as filters take it
    label: str  # for people
    packets: tuple[int | None, ...]  # one a bucket; None where no sensor watched


@dataclass(frozen=True, slots=True)
class Trend:
    """Some values of a dimension over time."""

    dimension: Dimension
    buckets: Buckets
    lines: tuple[Line, ...]
    covered: tuple[float | None, ...]  # watched share of the sensors' time, one a bucket; None: none was due
    folded: int  # packets of values that the store does not know apart: in no line
    provenance: Provenance


def complete(
    dimension: Dimension,
    series: pl.DataFrame,
    values: Sequence[Key],
    buckets: Buckets,
    *,
    watch: Watch,
    label: Callable[[Key], str],
    provenance: Provenance,
) -> Trend:
    """Complete a series (the dimension's columns, `bucket`, `packets`) to one point a bucket for each value.

    A bucket watched in part keeps its count. Packets are never hidden, not even where no time was booked. Rows without
    a value are counted apart.
    """
    points = {key: np.zeros(len(buckets), np.int64) for key in values}
    folded = 0
    for *key, bucket, packets in series.select(*dimension.columns, "bucket", "packets").iter_rows():
        if None in key:
            folded += packets
        else:
            points[tuple(key)][bucket] += packets
    watched = watch.by_bucket() or [0] * len(buckets)
    return Trend(
        dimension,
        buckets,
        tuple(
            Line(
                value_text(dimension, key),
                label(key),
                tuple(
                    int(count) if count or seen else None for count, seen in zip(counts, watched, strict=True)
                ),
            )
            for key, counts in points.items()
        ),
        tuple(watch.shares()) or (None,) * len(buckets),
        folded,
        provenance,
    )
