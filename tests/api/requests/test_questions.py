"""Whatever strangers send: every answer is written and drawn, and nothing of it acts."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from unicodedata import category
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_ledger import snapshot_of
from rich.console import Console, RenderableType

from darkscope.api.ask import Observer
from darkscope.api.asked import Asked, Kind
from darkscope.api.command import requests as requests_command
from darkscope.api.command import visitors as visitors_command
from darkscope.api.command import vulnerabilities as vulnerabilities_command
from darkscope.api.dimension import Dimension, value_text
from darkscope.api.formats import FORMULA, Format, written
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.requests import questions
from darkscope.api.requests.rules import Rules
from darkscope.api.requests.wanted import Wanted
from darkscope.api.selection import KNOWN
from darkscope.api.visible import HIDDEN
from darkscope.ingest.honeypot.escaping import escaped

NOW = datetime(2020, 6, 30, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")
RULES = Rules.read(None)
COVERAGE = [{"minute": f"2020-06-24T{hour:02}:00", "sensor": "pot"} for hour in range(24)]
TEXTS = ("method", "path", "host", "agent", "headers", "preview", "fingerprint")

NUMBER = re.compile(r"-?[0-9]+(\.[0-9e-]+)?")

Draw = Callable[[Any, int], RenderableType]
QUESTIONS: list[tuple[Any, Draw]] = [
    (questions.by_day, requests_command._days),
    (questions.by_request, requests_command._totals),
    (questions.singly, requests_command._single),
    (questions.visited, visitors_command._drawn),
    (questions.exploited, vulnerabilities_command._drawn),
]


def observer(rows: list[dict[str, Any]]) -> Observer:
    known = pl.DataFrame([("pot", "pot", "", "honeypot", True, None, None, None)], schema=KNOWN, orient="row")
    store = LedgerStore(snapshot_of((), COVERAGE, (), rows))
    return Observer(store, known, value_text, NOW, rules=lambda: RULES)


HOSTILE = st.text() | st.sampled_from(
    [
        "=cmd|'/c calc'!A0",
        "@SUM(1)",
        "\x1b]0;owned\x07",
        "\u202egpj.exe",
        "[bold red]",
        '"><script>',
        "a\r\nb,c",
        "${jndi:ldap://x/a}",
        "\ud800",
    ]
)
ROWS = st.lists(
    st.fixed_dictionaries(
        dict.fromkeys(TEXTS, HOSTILE) | {"kind": st.sampled_from(["http", "tls", "unknown"]) | HOSTILE}
    ),
    max_size=3,
)


@settings(deadline=None, max_examples=20)
@given(ROWS, st.booleans())
def test_no_text_of_strangers_breaks_an_answer_or_acts_in_one(rows: list[dict[str, str]], kept: bool) -> None:
    if kept:  # as ingest keeps them
        rows = [
            {name: escaped(text.encode("utf-8", "surrogatepass"), 500) for name, text in row.items()}
            for row in rows
        ]
    else:  # or as they came
        rows = [{name: text.replace("\ud800", "?") for name, text in row.items()} for row in rows]
    who = observer(rows)
    question = Asked(Dimension.COUNTRIES, "2020-06-24", kind=Kind.HONEYPOT).question(UTC_ZONE, NOW)
    for ask, draw in QUESTIONS:
        answer = ask(who, question, Wanted(), 10)
        assert json.loads(written(answer, Format.JSON))
        cells = [
            cell for line in csv.reader(io.StringIO(written(answer, Format.CSV).decode())) for cell in line
        ]
        texts = [cell for cell in cells if not NUMBER.fullmatch(cell)]
        assert [cell for cell in texts if cell.startswith(FORMULA) or not _is_seen(cell)] == []
        assert len(written(answer, Format.NDJSON).splitlines()) == len(answer.rows)
        assert written(answer, Format.PARQUET)
        drawn = io.StringIO()
        Console(file=drawn, width=100).print(draw(answer, 100))
        assert _is_seen(drawn.getvalue().replace("\n", ""))


def _is_seen(text: str) -> bool:
    return not {category(one) for one in text} & HIDDEN


@pytest.mark.parametrize("ask", [ask for ask, _ in QUESTIONS])
def test_a_ledger_without_requests_answers_with_nothing(ask: Any) -> None:
    question = Asked(Dimension.COUNTRIES, "2020-06-24", kind=Kind.HONEYPOT).question(UTC_ZONE, NOW)
    answer = ask(observer([]), question, Wanted(), 10)
    assert (answer.rows, answer.since) == ((), None)
