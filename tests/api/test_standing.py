from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from flows import book, flow, minute

from darkscope.api.periods import Window, parse_period
from darkscope.api.standing import Standing
from darkscope.ingest.ledger.files import write_file
from darkscope.ingest.ledger.ledger import Ledger, Snapshot
from darkscope.ingest.ledger.plan import Change
from darkscope.ingest.ledger.upkeep import keep_up
from darkscope.ingest.series import HEARD

NOW = datetime(2020, 9, 1, tzinfo=UTC)
JUNE, JULY, AUGUST = (date(2020, month, 10) for month in (6, 7, 8))


def window(text: str) -> Window:
    return parse_period(text, ZoneInfo("UTC"), NOW).both


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A ledger of a day in June."""
    made = Ledger.open_or_create(tmp_path / "ledger")
    took(made, JUNE)
    return made


def took(ledger: Ledger, day: date) -> Snapshot:
    """Take a packet of a day."""
    return book(ledger, [flow(minute(day, 9))])


def test_an_answer_stands_as_long_as_nothing_of_its_period_changes(ledger: Ledger) -> None:
    standing, june = Standing(), window("2020-06-10")
    first = ledger.snapshot()
    assert standing.since(first, june) == first.version
    later = took(ledger, AUGUST)
    assert later.version == first.version + 1
    assert standing.since(later, june) == first.version
    assert standing.since(later, window("2020-08-10")) == later.version
    late = took(ledger, JUNE)
    assert standing.since(late, june) == late.version
    assert standing.since(took(ledger, AUGUST), june) == late.version
    assert standing.since(first, june) == first.version  # a question that is still about the older state


def test_it_stands_for_whoever_begins_to_look_since_now(ledger: Ledger) -> None:
    later = took(ledger, AUGUST)
    assert Standing().since(later, window("2020-06-10")) == later.version


def test_what_bridges_silence_or_widens_a_trend_belongs_to_a_period(ledger: Ledger) -> None:
    standing, july = Standing(), window("2020-07-10/2020-07-11")  # compared with the 8th and 9th
    assert standing.since(ledger.snapshot(), july) == ledger.snapshot().version
    for day in (date(2020, 7, 13), date(2020, 4, 10)):  # a bridge of two days; a quarter that begins earlier
        now = took(ledger, day)
        assert standing.since(now, july) == now.version
    now = ledger.snapshot()
    for day in (date(2020, 7, 15), date(2020, 3, 30)):
        assert standing.since(took(ledger, day), july) == now.version


def test_days_after_a_period_count_where_a_rollup_of_their_month_is_taken_off(ledger: Ledger) -> None:
    for number in range(1, 6):
        took(ledger, date(2020, 7, number))
    keep_up(ledger, "tests", NOW)
    standing, july = Standing(), window("2020-07-02/2020-07-03")
    first = ledger.snapshot()
    assert standing.since(first, july) == first.version
    late = took(ledger, date(2020, 7, 30))
    assert standing.since(late, july) == late.version


def test_upkeep_changes_files_and_no_answer(ledger: Ledger) -> None:
    standing, june = Standing(), window("2020-06-10")
    later = took(ledger, AUGUST)
    assert standing.since(later, june) == later.version
    keep_up(ledger, "tests", NOW)
    assert (
        standing.since(ledger.snapshot(), june) == later.version
    )  # the same number, for upkeep observes nothing


def test_what_is_heard_of_a_honeypot_elsewhere_changes_no_answer(ledger: Ledger) -> None:
    standing, june = Standing(), window("2020-06-10")
    first = ledger.snapshot()
    assert standing.since(first, june) == first.version
    row = {"head": "ab", "start": 0, "reach": 9, "digest": "cd", "sensor": "honeypot-1", "point": "eth0"}
    heard = write_file(ledger.storage, HEARD, AUGUST, pl.DataFrame([row], schema=HEARD.schema))
    later = ledger.change("test", "ingest", lambda _: {HEARD.name: Change([heard])})
    assert later.files(HEARD).height == 1
    assert later.version == first.version + 1
    assert standing.since(later, june) == first.version
