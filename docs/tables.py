"""Write the tables of ledger.md and projection.md from the vocabularies, between markers: `python docs/tables.py`."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from darkscope.ingest.measurements import MEASUREMENTS, Measurement
from darkscope.ingest.series import TABLES, Table

LEDGER = Path(__file__).with_name("ledger.md")
PROJECTION = Path(__file__).with_name("projection.md")
PIPE = r"\|"

TYPES = {
    pl.Int16(): "int16",
    pl.Int32(): "int32",
    pl.Int64(): "int64",
    pl.String(): "text",
    pl.List(pl.Int64()): "list of int64",
}


def described(table: Table) -> str:
    """Describe one table."""
    merges = {
        column.name: f"{column.merge} {column.limit}" if column.limit else str(column.merge)
        for column in table.columns
        if table.mergeable
    }
    head = (
        "| column | type | merge | meaning |\n|-|-|-|-|\n"
        if merges
        else "| column | type | meaning |\n|-|-|-|\n"
    )
    rows = "".join(
        f"| `{column.name}` | {TYPES[column.type]} | "
        + (f"{merges[column.name]} | " if merges else "")
        + f"{column.meaning.replace('|', PIPE)} |\n"
        for column in table.columns
    )
    order = ", ".join(f"`{name}`" for name in table.order)
    return f"### {table.name}\n{_sentence(table.meaning)} Sorted by {order}.\n\n{head}{rows}\n"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def measured(measurement: Measurement) -> str:
    """Describe one measurement of InfluxDB."""
    rows = "".join(f"| `{tag.name}` | tag | | {tag.meaning} |\n" for tag in measurement.tags)
    rows += "".join(
        f"| `{field.name}` | {field.type} | {field.unit} | {field.meaning} |\n"
        for field in measurement.fields
    )
    head = "| name | type | unit | meaning |\n|-|-|-|-|\n"
    return f"### {measurement.name}\n{_sentence(measurement.meaning)}\n\n{head}{rows}\n"


def written(text: str) -> str:
    """Put the ledger's tables where the markers are."""
    return _between(text, "tables", "".join(map(described, TABLES)))


def projected(text: str) -> str:
    """Put the measurements where the markers are."""
    return _between(text, "measurements", "".join(map(measured, MEASUREMENTS)))


def _between(text: str, name: str, content: str) -> str:
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}{content}{end}{after}"


if __name__ == "__main__":
    LEDGER.write_text(written(LEDGER.read_text(encoding="utf-8")), encoding="utf-8")
    PROJECTION.write_text(projected(PROJECTION.read_text(encoding="utf-8")), encoding="utf-8")
