"""What the report on April to June 2020 says of honeypots, asked as a person would, of the simulated quarter."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from math import comb
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import observed
import polars as pl
import pytest
from memory_ledger import MemorySnapshot, evidence, watched
from memory_ledger import asked as asked_rows
from runs import run
from simulated import asked, drawn, written

from darkscope.api.address import parse_address
from darkscope.api.ask import Observer, Question
from darkscope.api.asked import Asked, Kind
from darkscope.api.dimension import Dimension, value_text
from darkscope.api.formats import json_text
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.requests import questions
from darkscope.api.requests.rules import Rules
from darkscope.api.requests.visitors import Search
from darkscope.api.requests.wanted import Wanted
from darkscope.api.selection import KNOWN
from darkscope.api.store import Precision
from darkscope.ingest.simulate import SETTINGS, scenario

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2021, 1, 1, tzinfo=UTC)
SHOWN = scenario("2020-q2")
ALBUM = Wanted(paths=("/photo/p/api/album.php",))
TABLE_4 = [
    ("2020-05-27", "RU", 8080, 1),
    ("2020-05-28", "RU", 8080, 3),
    ("2020-05-29", "RU", 5000, 1),
    ("2020-05-29", "RU", 5001, 4),
    ("2020-05-29", "RU", 8083, 4),
    ("2020-05-30", "RU", 5000, 3),
    ("2020-05-31", "RU", 8080, 3),
]


@pytest.fixture(scope="module")
def tables() -> MemorySnapshot:
    table = drawn(SHOWN, scale=0.02)
    return MemorySnapshot(
        observed.flows(table),
        watched(observed.coverage(SHOWN)),
        evidence(observed.sources(table)),
        asked_rows(observed.requests(asked(SHOWN))),
    )


@pytest.fixture(scope="module")
def spring(tables: MemorySnapshot) -> Observer:
    return observer(tables)


@pytest.fixture(scope="module")
def shuffled(tables: MemorySnapshot) -> Observer:
    """The same, of tables whose rows lie in another order."""
    frames = (tables.flows, tables.coverage, tables.sources, tables.requests)
    return observer(MemorySnapshot(*(one.sample(fraction=1.0, shuffle=True, seed=7) for one in frames)))


def observer(tables: MemorySnapshot) -> Observer:
    kinds = ((one, "honeypot" if one.honeypot else "telescope") for one in SHOWN.sensors)
    rows = [(one.id, one.id, one.organisation, kind, one.home, None, None, None) for one, kind in kinds]
    known = pl.DataFrame(rows, schema=KNOWN, orient="row")
    return Observer(LedgerStore(tables), known, value_text, NOW, rules=lambda: Rules.read(None))


def about(period: str, **how: Any) -> Question:
    return Asked(Dimension.COUNTRIES, period, kind=Kind.HONEYPOT, **how).question(TOKYO, NOW)


def test_table_4_comes_out_exactly(spring: Observer) -> None:
    found = questions.by_day(spring, about("2020-Q2"), ALBUM, 100)
    assert [(str(row.day), row.country, row.port, row.requests) for row in found.rows] == TABLE_4
    assert {row.rules for row in found.rows} == {("qnap-photo-station-album",)}
    assert (found.requests, found.groups) == (19, 7)
    by_rule = questions.by_day(spring, about("2020-Q2"), Wanted(rules=("CVE-2019-7192",)), 100)
    assert by_rule.rows == found.rows


def test_it_was_asked_for_two_days_after_the_proof_of_concept_and_before_the_notice(spring: Observer) -> None:
    # The report read its honeypots' data from 1 May on.
    found = questions.exploited(spring, about("2020-05-01/2020-06-30"), Wanted(rules=("CVE-2019-7192",)), 10)
    (album,) = found.rows
    marks = {mark.name: mark for mark in album.marks}
    poc, notice = marks["proof_of_concept"], marks["vendor_notice"]
    assert (poc.day, poc.lag, poc.before, poc.after) == (date(2020, 5, 25), 2, 0, 19)
    assert (notice.day, notice.lag, notice.before, notice.after) == (date(2020, 6, 8), -12, 19, 0)
    # 37 of 61 days lie behind the date; what is no likelier than all 19 there are few on the other side.
    outcomes = [comb(19, behind) * (37 / 61) ** behind * (24 / 61) ** (19 - behind) for behind in range(20)]
    assert poc.chance == pytest.approx(sum(one for one in outcomes if one <= outcomes[19]), rel=1e-9)
    assert (poc.change.value, notice.change.value) == ("rose", "fell")
    days = dict(zip((start.date() for start in found.starts), album.timeline, strict=True))
    assert {day: count for day, count in days.items() if count} == {
        date(2020, 5, day): count for day, count in ((27, 1), (28, 3), (29, 9), (30, 3), (31, 3))
    }


def test_telescopes_saw_the_visitors_almost_without_exception(spring: Observer) -> None:
    found = questions.visited(spring, about("2020-Q2"), ALBUM, 100)
    assert (found.verdict, found.seen, found.seen_before) == (Search.BROAD, found.visitors, found.visitors)
    assert sum(row.requests for row in found.rows) == 19
    assert all(row.before for row in found.rows)
    # One that asked for nothing widely was seen by none.
    robots = questions.visited(spring, about("2020-Q2"), Wanted(paths=("/robots.txt",)), 100)
    assert (robots.visitors, robots.seen) == (1, 0)


def test_what_no_rule_names_is_told(spring: Observer) -> None:
    found = questions.exploited(spring, about("2020-Q2"), Wanted(), 2)
    assert found.named + found.unnamed == found.requests
    assert {row.target for row in found.unnamed_rows} < {visit.path for visit in SHOWN.visits} - {
        *ALBUM.paths
    }


def test_table_4_comes_out_of_captures_by_the_commands_that_a_person_types(tmp_path: Path) -> None:
    written(SHOWN, tmp_path, [date(2020, 5, day) for day in range(25, 32)], scale=0.02)
    settings = ("--settings", tmp_path / SETTINGS)
    code, _, message = run("ingest", *settings, "--quiet", tmp_path)
    assert (code, message) == (0, "")
    asked = (*settings, "--period", "2020-05", "--format", "csv")
    code, told, _ = run("requests", *asked, "--rule", "CVE-2019-7192")
    rows = list(csv.DictReader(told.splitlines()))
    assert code == 0
    assert [(row["day"], row["country"], int(row["port"]), int(row["requests"])) for row in rows] == TABLE_4
    assert {row["target"] for row in rows} == {"/photo/p/api/album.php"}
    code, told, _ = run("visitors", *asked, "--path", "/photo/*")
    visitors = list(csv.DictReader(told.splitlines()))
    assert (code, {row["seen"] for row in visitors}) == (0, {"True"})
    assert sum(int(row["requests"]) for row in visitors) == 19


SOME = Wanted()
JUNE = Asked(Dimension.OWNERS, "2020-06", kind=Kind.ALL).question(TOKYO, NOW)


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda one: questions.by_day(one, about("2020-Q2"), SOME, 50), id="by_day"),
        pytest.param(lambda one: questions.by_request(one, about("2020-Q2"), SOME, 50), id="by_request"),
        pytest.param(lambda one: questions.singly(one, about("2020-Q2"), SOME, 50, None, str), id="singly"),
        pytest.param(lambda one: questions.visited(one, about("2020-Q2"), SOME, 50), id="visited"),
        pytest.param(lambda one: questions.exploited(one, about("2020-Q2"), SOME, 50), id="exploited"),
        pytest.param(lambda one: one.sources(JUNE, 50, None, str), id="sources"),
        pytest.param(lambda one: one.owners(JUNE, 50), id="owners"),
        pytest.param(lambda one: one.cases(JUNE, 50), id="cases"),
        pytest.param(
            lambda one: one.source(JUNE, parse_address(one.sources(JUNE, 1).rows[0].address)), id="source"
        ),
        pytest.param(lambda one: one.sensors(JUNE), id="sensors"),
        pytest.param(lambda one: one.coverage(JUNE, "day"), id="coverage"),
        pytest.param(lambda one: one.rhythm(about("2020-06"), [], 5), id="rhythm"),
        pytest.param(lambda one: one.profile(JUNE, (6, 445), 5), id="profile"),
        pytest.param(lambda one: one.trend(JUNE, "day", [], 5, Dimension.COUNTRIES), id="trend"),
        pytest.param(
            lambda one: one.top(
                replace(JUNE, dimension=Dimension.PORTS), 50, Precision.EXACT, with_targets=True
            ),
            id="ranking",
        ),
    ],
)
def test_one_state_gives_the_same_bytes_in_whatever_order_its_rows_lie(
    spring: Observer, shuffled: Observer, ask: Callable[[Observer], Any]
) -> None:
    assert json_text(ask(shuffled)) == json_text(ask(spring))
