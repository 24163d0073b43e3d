"""Answers as JSON, CSV, NDJSON and Parquet: exact, documented shapes for scripts.

Pure: an answer in, text or bytes out. JSON has all of an answer, the other formats its rows. JSON numbers are whole or
full floats; what is not known is null, in CSV an empty cell.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import singledispatch
from typing import ClassVar, Protocol, cast

import polars as pl

from darkscope.api.periods import Window
from darkscope.api.ranking import Provenance
from darkscope.api.requests.rules import DATES
from darkscope.api.requests.vulnerabilities import Vulnerabilities, Vulnerability
from darkscope.api.roster import Coverage
from darkscope.api.trend import Trend
from darkscope.api.watch import Watch


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"
    SVG = "svg"
    PNG = "png"


PICTURES = frozenset({Format.SVG, Format.PNG})
"""Formats that `api/charts/` draws."""


class UnwrittenError(ValueError):
    """An answer that cannot be written as it was asked for; the message says which."""


MEDIA_TYPES = {
    Format.JSON: "application/json",
    Format.CSV: "text/csv",
    Format.NDJSON: "application/x-ndjson",
    Format.PARQUET: "application/vnd.apache.parquet",
    Format.SVG: "image/svg+xml",
    Format.PNG: "image/png",
}
"""What the formats for scripts are called on the Internet (IANA; NDJSON has no registered name)."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters with which a spreadsheet runs a cell (OWASP, CSV Injection)."""


class Answer(Protocol):
    """What can be written: a frozen dataclass with the provenance of its figures."""

    @property
    def provenance(self) -> Provenance:
        """Where the figures come from."""


class Listed(Answer, Protocol):
    """An answer that is a list."""

    ROW: ClassVar[type]  # class of the rows

    @property
    def rows(self) -> Sequence[object]:
        """The list."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of an answer."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[object]]


def written(answer: Answer, output: Format) -> bytes:
    """Write an answer in a format for scripts; text is UTF-8."""
    match output:
        case Format.CSV:
            return csv_text(rows_of(answer)).encode()
        case Format.NDJSON:
            return ndjson_text(rows_of(answer)).encode()
        case Format.PARQUET:
            return parquet(rows_of(answer))
        case _:
            return json_text(answer).encode()


def json_text(answer: Answer) -> str:
    """Write all of an answer as one object."""
    return json.dumps(plain(answer), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def csv_text(rows: Rows) -> str:
    """Write a header, and one line a row."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_cell(name) for name in rows.columns])
    writer.writerows([[_cell(_flat(value)) for value in row] for row in rows.rows])
    return text.getvalue()


def ndjson_text(rows: Rows) -> str:
    """Write one object a line and row."""
    lines = (dict(zip(rows.columns, map(plain, row), strict=True)) for row in rows.rows)
    return "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines)


def parquet(rows: Rows) -> bytes:
    """Write a Parquet file; lists are text, as in CSV."""
    cells = [[_flat(value) for value in row] for row in rows.rows]
    frame = pl.DataFrame(cells, schema=list(rows.columns), orient="row", infer_schema_length=None)
    file = io.BytesIO()
    frame.write_parquet(file)
    return file.getvalue()


@singledispatch
def plain(value: object) -> object:
    """Give what JSON knows: a dataclass is an object with its fields, a time is ISO 8601 with offset."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


@plain.register
def _(value: datetime) -> str:
    return value.isoformat(timespec="seconds")


@plain.register
def _(value: date) -> str:
    return value.isoformat()


@plain.register
def _(watch: Watch) -> dict[str, object]:
    return {
        "sensors": list(watch.sensors),
        "covered_seconds": watch.seconds,
        "covered_share": watch.share,
        "outages": list(watch.outages),
    }


@plain.register
def _(provenance: Provenance) -> dict[str, object]:
    period = provenance.period
    return {
        "ledger_version": provenance.ledger_version,
        "period": {"asked": period.text, "zone": period.zone.key, **_window(period.window)},
        "previous": _window(period.previous),
        "filter": {name: list(texts) for name, texts in provenance.where.texts().items()},
        "sensors": plain(provenance.now),
        "previous_sensors": plain(provenance.before),
        "databases": list(provenance.origins.databases),
        "rules": list(provenance.origins.rules),
    }


@plain.register
def _(trend: Trend) -> dict[str, object]:
    return {
        "dimension": trend.dimension,
        "by": trend.by,
        "step": trend.buckets.step,
        "starts": plain(trend.buckets.starts),
        "covered": list(trend.covered),
        "folded": trend.folded,
        "lines": [plain(line) for line in trend.lines],
        "provenance": plain(trend.provenance),
    }


@plain.register
def _(coverage: Coverage) -> dict[str, object]:
    return {
        "step": coverage.buckets.step,
        "starts": plain(coverage.buckets.starts),
        "strips": plain(coverage.strips),
        "provenance": plain(coverage.provenance),
    }


def _window(window: Window) -> dict[str, object]:
    return {"start": plain(window.start), "end": plain(window.end)}


@singledispatch
def rows_of(answer: object) -> Rows:
    """Give an answer's rows: its field `rows`, with a column for each field of `ROW`, their class."""
    listed = cast("Listed", answer)
    columns = tuple(field.name for field in fields(listed.ROW))
    return Rows(columns, [[getattr(row, name) for name in columns] for row in listed.rows])


@rows_of.register
def _(trend: Trend) -> Rows:
    """One row a bucket: `start`, `covered`, and a column for each value."""
    names = (line.value if line.part is None else f"{line.value} {line.part}" for line in trend.lines)
    columns = ("start", "covered", *names)
    counts = [line.packets for line in trend.lines]
    return Rows(columns, list(zip(trend.buckets.starts, trend.covered, *counts, strict=True)))


@rows_of.register
def _(coverage: Coverage) -> Rows:
    """One row a bucket: `start`, and a column for each sensor."""
    shares = [strip.covered for strip in coverage.strips]
    columns = ("start", *(strip.sensor for strip in coverage.strips))
    return Rows(columns, list(zip(coverage.buckets.starts, *shares, strict=True)))


@rows_of.register
def _(vulnerabilities: Vulnerabilities) -> Rows:
    """One row a rule, with its four dates, and what of each fits in cells."""
    names = [field.name for field in fields(Vulnerability) if field.name not in NESTED]
    told = ("day", "lag", "chance", "change")
    columns = (*names, *(f"{name}_{key}" for name in DATES for key in told))
    rows = []
    for row in vulnerabilities.rows:
        marks = {mark.name: mark for mark in row.marks}
        cells = [getattr(marks.get(name), key, None) for name in DATES for key in told]
        rows.append([*(getattr(row, name) for name in names), *cells])
    return Rows(columns, rows)


NESTED = ("marks", "first_by_sensor", "timeline")
"""Parts of a vulnerability that are lists of their own."""


def _flat(value: object) -> object:
    """Give a value that fits in a cell: a list is its members, separated by spaces."""
    told = plain(value)
    return " ".join(map(str, told)) if isinstance(told, list) else told


def _cell(value: object) -> object:
    """Give a cell that no spreadsheet runs: text like a formula gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
