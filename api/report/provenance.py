"""The page that says where all figures come from, so that anybody with the ledger can make them again.

Pure: findings in, blocks out. Sensors are named; their addresses are nobody's business.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import polars as pl
from blake3 import blake3

from darkscope.api.formats import Rows, rows_of
from darkscope.api.periods import Window
from darkscope.api.report.book import Book
from darkscope.api.report.document import Block, Paragraph
from darkscope.api.report.findings import Findings
from darkscope.ingest.series import HONEYPOT


def provenance(book: Book, findings: Findings, command: str) -> Iterator[Block]:
    """Write the page."""
    words = book.words
    yield Paragraph(words("provenance.intro"))
    number = book.table_number()
    items = [(words(f"provenance.{name}"), value) for name, value in _items(book, findings, command) if value]
    yield book.table(
        number, words("provenance.items"), ("item", "value"), items, Rows(("item", "value"), items)
    )
    number, roster = book.table_number(), findings.roster
    rows = [
        (
            row.label,
            row.organisation,
            words("provenance.honeypot" if row.kind == HONEYPOT else "provenance.telescope"),
            words("provenance.home" if row.home else "provenance.abroad"),
            "-" if row.covered_share is None else f"{row.covered_share:.1%}",
        )
        for row in roster.rows
    ]
    columns = ("sensor", "organisation", "kind", "where", "watched")
    yield book.table(number, words("provenance.sensors"), columns, rows, rows_of(roster), numeric=(4,))
    yield from _captures(book, findings.captures)


def _items(book: Book, findings: Findings, command: str) -> Iterator[tuple[str, str]]:
    period, told = findings.question.period, findings.ports.provenance
    yield "period", _window(book, period.window, findings)
    yield "previous", _window(book, period.previous, findings)
    yield "zone", period.zone.key
    yield "version", str(told.ledger_version)
    yield "databases", "; ".join(told.origins.databases)
    yield "rules", "; ".join(told.origins.rules)
    yield "request_rules", "" if findings.honeypots is None else findings.honeypots.vulnerabilities.ruleset
    yield "command", command


def _window(book: Book, window: Window, findings: Findings) -> str:
    zone = findings.question.period.zone
    last = (window.end - timedelta(minutes=1)).astimezone(zone).date()
    days = (window.start.astimezone(zone).date(), last)
    start, end = (book.words.full_day(day) for day in days)
    return book.words("provenance.from", start=start, end=end)


def _captures(book: Book, captures: pl.DataFrame | None) -> Iterator[Block]:
    words = book.words
    if captures is None:
        yield Paragraph(words("provenance.no_captures"))
        return
    yield Paragraph(
        words(
            "provenance.captures_text",
            captures=words.count(captures["digest"].n_unique()),
            frames=words.count(int(captures["frames"].sum())),
        )
    )
    rows = [
        (
            str(sensor),
            len(its),
            int(its["frames"].sum()),
            blake3("".join(sorted(its["digest"])).encode()).hexdigest(),
        )
        for (sensor,), its in captures.partition_by("sensor", as_dict=True, maintain_order=True).items()
    ]
    shown = [
        (sensor, words.count(count), words.count(frames), digest[:32])
        for sensor, count, frames, digest in rows
    ]
    number = book.table_number()
    data = Rows(("sensor", "captures", "frames", "digest"), rows)
    columns = ("sensor", "captures", "frames", "digest")
    yield book.table(number, words("provenance.captures"), columns, shown, data, numeric=(1, 2))
