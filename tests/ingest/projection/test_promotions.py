from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from flows import book, flow, minute

from darkscope.ingest.ledger.ledger import Ledger
from darkscope.ingest.projection import promotions
from darkscope.ingest.projection.earning import Evidence, evidence
from darkscope.ingest.projection.promotions import AGAIN, Promotions
from darkscope.ingest.settings import Influx, Settings

DAY = date(2020, 6, 24)


class Clock:
    now = 1_593_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger.open_or_create(tmp_path / "ledger")
    hear(ledger, DAY, 30)
    return ledger


def hear(ledger: Ledger, day: date, sources: int, port: int = 5555) -> None:
    book(ledger, [flow(minute(day, 1), source_low=source, port=port) for source in range(sources)])


def decided(of: Promotions, ledger: Ledger) -> list[date]:
    snapshot = ledger.snapshot()
    decisions = of.decide(snapshot, of.undecided(snapshot))
    of.write(decisions)
    return [one.day for one in decisions]


def test_a_day_is_decided_again_once_it_was_weighed_beside(ledger: Ledger) -> None:
    clock = Clock()
    one = Promotions(ledger, Settings(influx=Influx(watch=())), clock)
    assert decided(one, ledger) == [DAY]
    assert not one.wait()
    assert one.undecided(ledger.snapshot()) == []
    hear(ledger, DAY, 30, port=7777)
    clock.now += AGAIN
    one.undecided(ledger.snapshot())  # begins to weigh it
    assert one.wait()
    assert one.undecided(ledger.snapshot()) == [DAY]
    assert decided(one, ledger) == [DAY]
    assert one.owned(ledger.snapshot(), DAY).ports == {(6, 5555), (6, 7777)}
    assert not one.wait()


def test_a_day_that_could_not_be_weighed_is_weighed_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Promotions(ledger, Settings(influx=Influx(watch=())), Clock())
    broken = [OSError("the file has gone")]

    def sometimes(rows: pl.LazyFrame) -> Evidence:
        if broken:
            raise broken.pop()
        return evidence(rows)

    monkeypatch.setattr(promotions, "evidence", sometimes)
    with pytest.raises(OSError, match="has gone"):
        decided(one, ledger)
    assert decided(one, ledger) == [DAY]
    assert one.owned(ledger.snapshot(), DAY).ports == {(6, 5555)}


def test_what_was_weighed_of_a_day_that_went_on_does_not_stand_for_the_whole_day(ledger: Ledger) -> None:
    clock = Clock()
    one = Promotions(ledger, Settings(influx=Influx(watch=())), clock)
    decided(one, ledger)
    clock.now += AGAIN
    one.undecided(ledger.snapshot())  # begins to weigh the day anew
    one.wait()
    hear(ledger, DAY, 30, port=7777)
    hear(ledger, DAY + timedelta(days=1), 1, port=7777)
    assert decided(one, ledger) == [DAY + timedelta(days=1)]
    assert one.owned(ledger.snapshot(), DAY + timedelta(days=1)).ports == {(6, 5555), (6, 7777)}
