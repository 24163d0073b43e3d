"""Write the tables of ledger.md from the vocabulary, between its markers: `python docs/tables.py`."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from darkscope.ingest.series import TABLES, Table

LEDGER = Path(__file__).with_name("ledger.md")
PIPE = r"\|"
START, END = "<!-- tables -->\n", "<!-- /tables -->\n"

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


def written(text: str) -> str:
    """Put the tables where the markers are."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}{''.join(map(described, TABLES))}{END}{after}"


if __name__ == "__main__":
    LEDGER.write_text(written(LEDGER.read_text(encoding="utf-8")), encoding="utf-8")
