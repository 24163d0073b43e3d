"""Points as line protocol, whole columns at a time.

Pure: a frame in, chunks of bytes out. Text from outside cannot end a line, a tag or a string.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from darkscope.ingest.measurements import NONE, FieldType, Measurement

CHUNK = 5_000
"""Points a request: InfluxDB's own advice, and a small part of any limit on bodies."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines of one request."""

    data: bytes
    points: int


def chunks(points: pl.DataFrame, measurement: Measurement, size: int = CHUNK) -> Iterator[Chunk]:
    """Write points: `seconds` since 1970, the measurement's tags, its fields (null: left out)."""
    for start in range(0, points.height, size * 20):
        part = points.slice(start, size * 20)
        has_gaps = any(part[name].has_nulls() for name in measurement.field_names)
        text = part.select(line=_line(measurement, _unusual(part, measurement), has_gaps=has_gaps))
        for offset in range(0, text.height, size):
            lines = text.slice(offset, size)
            written = io.BytesIO()
            lines.write_csv(written, include_header=False, quote_style="never")
            yield Chunk(written.getvalue(), lines.height)


def _line(measurement: Measurement, unusual: frozenset[str], *, has_gaps: bool) -> pl.Expr:
    template, values = measurement.name, []
    for name in sorted(measurement.tag_names):  # InfluxDB takes sorted tags fastest
        template += f",{name}={{}}"
        values.append(_escaped(pl.col(name)) if name in unusual else pl.col(name))
    fields = {
        field.name: (pl.col(field.name), "{}i")
        if field.type is FieldType.INTEGER
        else (_string(pl.col(field.name)), "{}")
        for field in measurement.fields
    }
    if has_gaps:
        texts = [pl.format(f"{name}={written}", value) for name, (value, written) in fields.items()]
        template += " {}"
        values.append(pl.concat_str(texts, separator=",", ignore_nulls=True))
    else:  # at once, which takes half of the time
        template += " " + ",".join(f"{name}={written}" for name, (_, written) in fields.items())
        values += [value for value, _ in fields.values()]
    return pl.format(template + " {}", *values, pl.col("seconds"))


def _unusual(points: pl.DataFrame, measurement: Measurement) -> frozenset[str]:
    """Tags of which some value cannot stand as it is: hardly ever any, and looking at each row would take longer."""
    return frozenset(
        name
        for name in measurement.tag_names
        if not points[name].unique().str.contains(_PLAIN).fill_null(value=False).all()
    )


_PLAIN = r"^[\w./:-]+$"


def _escaped(text: pl.Expr) -> pl.Expr:
    """A tag's value: control characters become spaces; backslashes go at its end and before what is escaped.

    There they would eat the comma, or be read otherwise by one version than by another.
    """
    clean = text.str.replace_all(r"[\x00-\x1f\x7f]", " ").str.replace(r"[\s\\]+$", "").str.strip_chars_start()
    full = pl.when((clean == "") | clean.is_null()).then(pl.lit(NONE)).otherwise(clean)
    return full.str.replace_all(r"\\*([,= ])", r"\${1}")


def _string(text: pl.Expr) -> pl.Expr:
    """A string field, in its quotes; line breaks become spaces."""
    clean = text.str.replace_all(r"[\x00-\x1f\x7f]", " ")
    return pl.concat_str(pl.lit('"'), clean.str.replace_all(r'(["\\])', r"\${1}"), pl.lit('"'))
