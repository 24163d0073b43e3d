"""Requests that a rule names become evidence of the cases whose sources made them, and of nobody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from told import case, cases

from darkscope.api.ask import Observer
from darkscope.api.asked import Asked, Kind
from darkscope.api.cases import Attempt
from darkscope.api.dimension import Dimension
from darkscope.api.labels import labels
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.notices.attempts import ATTEMPTS, attempted
from darkscope.api.requests.rules import Rules, parse
from darkscope.api.selection import known
from darkscope.ingest.settings import SensorEntry

NOW = datetime(2020, 7, 1, tzinfo=UTC)
LOW = 198 << 24 | 41 << 16 | 4  # the address of told.CASE
SENSORS = known((SensorEntry(id="pot", kind="honeypot"), SensorEntry(id="other", kind="honeypot")))


def rule(name: str, path: str, cves: str = "[]") -> Any:
    text = f"""\
id: {name}
title: T
cves: {cves}
vendor: V
product: P
references: [https://example.com/]
requests: [{{path: '{path}'}}]
must_match: [x]
must_not_match: [y]
"""
    return parse(text.encode(), f"{name}.yaml")


RULES = Rules(
    (rule("album", "album", "[CVE-2019-7192]"), rule("php", r"\.php$", "[CVE-2019-7192, CVE-2020-0001]"))
)


def ask(snapshot: Callable[..., Any], rows: list[dict[str, Any]], **how: Any) -> Any:
    store = LedgerStore(snapshot(requests=rows), {})
    observer = Observer(store, SENSORS, labels(SENSORS), NOW, rules=lambda: RULES)
    asked = Asked(Dimension.OWNERS, "2020-06-24", kind=Kind.ALL, **how)
    question = asked.question(ZoneInfo("UTC"), NOW)
    return attempted(observer, question, cases(case(), case("192.0.2.9")))


def request(second: int, **how: Any) -> dict[str, Any]:
    return {"time": f"2020-06-24T12:00:{second:02}", "source_low": LOW, "path": "/album.php", **how}


def test_the_newest_requests_of_a_case_are_told_and_all_are_counted(snapshot: Callable[..., Any]) -> None:
    rows = [request(second, source_port=second) for second in range(ATTEMPTS + 2)]
    rows += [request(9, path="/index.html"), request(9, source_low=7), request(9, source_low=LOW, version=6)]
    asked, other = ask(snapshot, rows).cases
    assert asked.requests == ATTEMPTS + 2
    assert [one.source_port for one in asked.attempts] == [6, 5, 4, 3, 2]
    assert asked.attempts[0] == Attempt(
        time=datetime(2020, 6, 24, 12, 0, 6, tzinfo=UTC),
        sensor="pot",
        source_port=6,
        port=8080,
        number=0,
        application="http",
        method="GET",
        path="/album.php",
        agent="",
        rules=("album", "php"),
        cves=("CVE-2019-7192", "CVE-2020-0001"),
        vendor="V",
        product="P",
        title="T",
    )
    assert other == case("192.0.2.9")


@pytest.mark.parametrize(
    ("how", "requests"),
    [({}, 1), ({"ports": ["8080/tcp"]}, 1), ({"ports": ["23/tcp"]}, 0), ({"sensors": ["other"]}, 0)],
)
def test_only_what_the_question_is_about_counts(
    snapshot: Callable[..., Any], how: dict[str, Any], requests: int
) -> None:
    assert ask(snapshot, [request(1)], **how).cases[0].requests == requests


def test_without_requests_or_cases_nothing_changes(snapshot: Callable[..., Any]) -> None:
    found = ask(snapshot, [])
    assert found == cases(case(), case("192.0.2.9"))
    none = replace(found, cases=())
    assert attempted(None, None, none) is none
