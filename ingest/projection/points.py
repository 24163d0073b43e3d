"""Points that InfluxDB has, read back: to compare them with the ledger's, and to zero those that should not be.

Reads InfluxDB and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from darkscope.ingest.measurements import FieldType, Measurement
from darkscope.ingest.projection.server import Server, quoted
from darkscope.ingest.projection.sums import Stretch

AT_ONCE = 250_000
"""Points that are read at a time, about."""


def swept(
    server: Server, bucket: str, measurement: Measurement, stretch: Stretch, points: pl.DataFrame
) -> pl.DataFrame:
    """Points, and zeros for all that InfluxDB has in the stretch beside them. Raises Refused, Unavailable."""
    counted = [field.name for field in measurement.fields if field.type is FieldType.INTEGER]
    if not counted:
        return points  # text cannot be taken back: InfluxDB has no empty string that panels would pass over
    keys = ["seconds", *measurement.tag_names]
    zeros = []
    for low, high in pieces(stretch, points.height):
        has = read(server, bucket, measurement, low, high)
        has = has.filter(pl.any_horizontal(pl.col(counted) != 0))
        zeros.append(has.select(keys).join(points, on=keys, how="anti"))
    gone = pl.concat(zeros).with_columns(pl.lit(0, pl.Int64).alias(name) for name in counted)
    return pl.concat([points.select(gone.columns), gone])


def pieces(stretch: Stretch, points: int) -> Iterator[tuple[int, int]]:
    """Cut a stretch, so that not too many points are read at a time: minutes, low and high."""
    length = stretch.high - stretch.low
    parts = min(points // AT_ONCE + 1, max(1, length // stretch.resolution.minutes))
    step = -(-length // parts // stretch.resolution.minutes) * stretch.resolution.minutes
    for low in range(stretch.low, stretch.high, max(step, stretch.resolution.minutes)):
        yield low, min(stretch.high, low + max(step, stretch.resolution.minutes))


def read(server: Server, bucket: str, measurement: Measurement, low: int, high: int) -> pl.DataFrame:
    """All points of a measurement between two minutes: `seconds`, tags, integer fields (0 where missing).

    Raises Refused, Unavailable.
    """
    tags, fields = measurement.tag_names, measurement.field_names
    found = server.select(bucket, quoted(fields), measurement.name, low * 60, high * 60, quoted(tags))
    schema = {
        "seconds": pl.Int64(),
        **dict.fromkeys(tags, pl.String()),
        **{
            field.name: pl.Int64() if field.type is FieldType.INTEGER else pl.String()
            for field in measurement.fields
        },
    }
    columns: dict[str, list[object]] = {name: [] for name in schema}
    for one in found:
        for name in tags:
            columns[name] += [one.tags.get(name, "")] * len(one.values)
        for name, values in zip(("seconds", *fields), zip(*one.values, strict=True), strict=True):
            columns[name] += values
    # Not strict: what somebody else wrote there as text is no count of ours.
    return pl.DataFrame(columns, schema=schema, strict=False).with_columns(
        pl.col(field.name).fill_null(0) for field in measurement.fields if field.type is FieldType.INTEGER
    )
