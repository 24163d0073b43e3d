"""Trends: values of a dimension bucket by bucket, where an outage is a gap and a true zero a zero.

Pure: frames in, lines out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

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
    part: str | None = None  # the part of the value that is followed, as filters take it; None: all of it
    part_label: str | None = None  # for people


@dataclass(frozen=True, slots=True)
class Trend:
    """Some values of a dimension over time."""

    dimension: Dimension
    buckets: Buckets
    lines: tuple[Line, ...]
    covered: tuple[float | None, ...]  # watched share of the sensors' time, one a bucket; None: none was due
    folded: int  # packets of values that the store does not know apart: in no line
    provenance: Provenance
    by: Dimension | None = None  # what the values are split by; None: they are not


REST = "rest"
"""What is left of a value when its leading parts are taken off."""


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


def split(whole: Trend, by: Dimension, parts: Sequence[Trend]) -> Trend:
    """Split each line of a trend into the lines of a trend of its own, and a rest where there is any."""
    lines = []
    for line, its in zip(whole.lines, parts, strict=True):
        lines += [
            replace(line, packets=one.packets, part=one.value, part_label=one.label) for one in its.lines
        ]
        known = (
            zip(*(one.packets for one in its.lines), strict=True) if its.lines else [()] * len(line.packets)
        )
        rest = tuple(
            None if count is None else count - sum(part or 0 for part in counts)
            for count, counts in zip(line.packets, known, strict=True)
        )
        if any(rest):
            lines.append(replace(line, packets=rest, part=REST, part_label=REST))
    return replace(whole, lines=tuple(lines), by=by)
