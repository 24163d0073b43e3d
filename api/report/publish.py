"""A document as files in a folder: HTML, PDF, Markdown with its figures, and the data of every table and figure.

Writes only what it names, and deletes only tables and figures of a report that was there before. The same document
gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import polars as pl

from darkscope.api.charts import drawing
from darkscope.api.formats import Rows, csv_text
from darkscope.api.report.document import Document
from darkscope.api.report.markdown import markdown
from darkscope.api.report.page import html
from darkscope.api.report.paper import pdf

NAME = "report"

NUMBERED = re.compile(r"(?:table|figure)-[0-9]+")
"""Names of the files of tables and figures."""


def publish(
    document: Document, folder: Path, captures: pl.DataFrame | None, told: Callable[[str], None]
) -> list[Path]:
    """Write all files, and list them; `told` takes what is written next, for who waits. Raises OSError."""
    written = []
    for name, data in _files(document, captures, told):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        partial.write_bytes(data)
        partial.replace(path)
        written.append(path)
    _clean(folder, set(written))
    return written


def _clean(folder: Path, written: set[Path]) -> None:
    """Delete tables and figures of a report that was here before, which has more of them."""
    for path in [*(folder / "data").glob("*.csv"), *(folder / "figures").glob("*.svg")]:
        if NUMBERED.fullmatch(path.stem) and path not in written:
            path.unlink()


def _files(
    document: Document, captures: pl.DataFrame | None, told: Callable[[str], None]
) -> Iterator[tuple[str, bytes]]:
    pictures: Mapping[str, str] = {}
    for figure in document.figures:
        told(figure.name)
        pictures = {**pictures, figure.name: drawing.svg(figure.spec)}
        yield f"figures/{figure.name}.svg", pictures[figure.name].encode()
        yield f"data/{figure.name}.csv", csv_text(figure.data).encode()
    for table in document.tables:
        yield f"data/{table.name}.csv", csv_text(table.data).encode()
    if captures is not None:
        rows = Rows(tuple(captures.columns), captures.rows())
        yield "data/captures.csv", csv_text(rows).encode()
    told("HTML")
    yield f"{NAME}.html", html(document, pictures).encode()
    yield f"{NAME}.md", markdown(document).encode()
    told("PDF")
    yield f"{NAME}.pdf", pdf(document, pictures)
