"""What honeypots were asked: which vulnerability is told of, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from darkscope.api.report.book import Book
from darkscope.api.report.document import Paragraph, Table
from darkscope.api.report.findings import FRESH, Findings, is_told
from darkscope.api.report.honeypots import MOST_ROWS, lens_blocks, missing_blocks
from darkscope.api.report.words import Words
from darkscope.api.requests.vulnerabilities import Change
from darkscope.ingest.values import Language


@pytest.mark.parametrize(
    ("lag", "change", "after_seconds", "told"),
    [
        (0, Change.UNKNOWN, 0, True),
        (FRESH, Change.UNKNOWN, 0, True),
        (FRESH + 1, Change.UNKNOWN, 0, False),
        (-1, Change.UNKNOWN, 0, False),
        (None, Change.UNKNOWN, 0, False),
        (FRESH + 1, Change.ROSE, 0, True),
        (-1, Change.NONE, 1, True),
    ],
)
def test_a_vulnerability_is_told_of_that_is_new_to_the_period_or_was_soon_used(
    found: Callable[[str], Findings], lag: int | None, change: Change, after_seconds: int, told: bool
) -> None:
    honeypots = found("2020-q2").honeypots
    assert honeypots
    one = honeypots.lenses[0].vulnerability
    mark = replace(one.marks[0], lag=lag, change=change, before_seconds=1, after_seconds=after_seconds)
    assert is_told(replace(one, marks=(mark,))) is told


@pytest.mark.parametrize(
    ("days", "rows"),
    [
        (1, (("1 May", "Russia", "8080", "/x", "2"),)),
        (MOST_ROWS + 1, (("1 May to 21 May 2020", "Russia", "8080", "/x", "42"),)),
    ],
)
def test_a_table_that_would_be_long_leaves_the_days_out(
    found: Callable[[str], Findings], days: int, rows: tuple[tuple[str, ...], ...]
) -> None:
    findings = found("2020-q2")
    honeypots = findings.honeypots
    assert honeypots
    lens = honeypots.lenses[0]
    row = replace(lens.days.rows[0], country="RU", port=8080, target="/x", requests=2)
    asked = tuple(replace(row, day=date(2020, 5, 1) + timedelta(days=number)) for number in range(days))
    lens = replace(lens, days=replace(lens.days, rows=asked))
    blocks = lens_blocks(Book(Words(Language.EN)), findings, honeypots, lens)
    (table,) = (block for block in blocks if isinstance(block, Table))
    assert table.rows == rows
    assert len(table.data.rows) == days


@pytest.mark.parametrize(
    ("since", "requests", "told"),
    [
        (date(2020, 3, 31), 19, []),
        (date(2020, 4, 1), 19, []),  # of which the first day in Tokyo has its larger part
        (
            date(2020, 5, 26),
            19,
            ["before 26 May 2020"],
        ),
        (
            None,
            0,
            ["in this period"],
        ),
    ],
)
def test_days_that_were_watched_and_of_which_no_requests_are_left_are_said(
    found: Callable[[str], Findings], since: date | None, requests: int, told: list[str]
) -> None:
    honeypots = found("2020-q2").honeypots
    assert honeypots
    honeypots = replace(
        honeypots, vulnerabilities=replace(honeypots.vulnerabilities, since=since, requests=requests)
    )
    blocks = list(missing_blocks(Book(Words(Language.EN)), honeypots))
    assert blocks == [
        Paragraph(
            f"Of what honeypots were asked {when}, the ledger has nothing: no request came, or it has expired."
        )
        for when in told
    ]
