from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from flows import book, some
from ledgers import day

from darkscope.ingest import events
from darkscope.ingest.events import SECOND, Event
from darkscope.ingest.ledger.ledger import Ledger
from darkscope.ingest.ledger.upkeep import upkeep
from darkscope.ingest.series import EVENTS

NOON = 1_593_000_000 * SECOND  # 24 June 2020, 12:00
EARLIER = NOON - 3 * 86_400 * SECOND

ONE = Event("one", NOON, 0, "rose", "23/TCP", "23/TCP rose", "In words.", {"level": 3})
OTHER = Event("other", NOON, NOON + SECOND, "fell", "JP", "JP fell", "In words, 増減.", {})


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger.open_or_create(tmp_path / "ledger")
    book(made, some(0, 10, day("2020-06-24")))
    return made


def read(ledger: Ledger) -> list[Event]:
    """As another process would find them, without the id that their figures repeat."""
    found = events.read(Ledger(ledger.storage.path).snapshot())
    return [
        replace(one, numbers={name: value for name, value in one.numbers.items() if name != "id"})
        for one in found
    ]


def once(*wanted: Event) -> object:
    def decide(known: Sequence[Event]) -> list[Event]:
        ids = {one.id for one in known}
        return [one for one in wanted if one.id not in ids]

    return decide


def write(ledger: Ledger, *wanted: Event) -> list[Event]:
    return events.write(ledger, "test", once(*wanted))


def test_what_is_written_is_read_and_moves_no_version(ledger: Ledger) -> None:
    version = ledger.snapshot().version
    assert write(ledger, ONE, OTHER) == [ONE, OTHER]
    assert read(ledger) == [OTHER, ONE]
    assert ledger.snapshot().version == version


def test_what_is_there_is_not_written_again(ledger: Ledger) -> None:
    write(ledger, ONE)
    plan = ledger.snapshot().plan
    assert write(ledger, ONE) == []
    assert ledger.snapshot().plan == plan
    assert write(ledger, ONE, OTHER) == [OTHER]
    assert read(ledger) == [OTHER, ONE]


def test_a_writer_that_is_second_is_asked_again_on_the_state_of_the_first(ledger: Ledger) -> None:
    rival = Ledger(ledger.storage.path)
    asked: list[int] = []

    def decide(known: Sequence[Event]) -> list[Event]:
        asked.append(len(known))
        if len(asked) == 1:
            write(rival, ONE)
        return [] if known else [ONE]

    assert events.write(ledger, "test", decide) == []
    assert asked == [0, 1]
    assert read(ledger) == [ONE]


def test_an_event_gets_its_end_in_place_and_others_of_its_day_stay(ledger: Ledger) -> None:
    write(ledger, ONE, OTHER, replace(ONE, id="old", start=EARLIER))
    ended = replace(ONE, end=NOON + 9 * SECOND)
    assert events.write(ledger, "test", lambda _: [ended]) == [ended]
    assert read(ledger) == [replace(ONE, id="old", start=EARLIER), OTHER, ended]


def test_an_event_that_moves_to_another_day_leaves_none_behind(ledger: Ledger) -> None:
    write(ledger, ONE)
    moved = replace(ONE, start=EARLIER)
    events.write(ledger, "test", lambda _: [moved])
    assert read(ledger) == [moved]


def test_rows_without_an_id_are_kept_as_they_are(ledger: Ledger) -> None:
    noted = replace(ONE, id="", title="a person's note")
    events.write(ledger, "test", lambda known: [] if known else [noted])
    write(ledger, OTHER)
    assert read(ledger) == [OTHER, noted]
    assert "id" not in events.read(ledger.snapshot())[1].numbers


def test_upkeep_keeps_events(ledger: Ledger) -> None:
    from datetime import UTC, datetime

    from darkscope.ingest.settings import Retention, Settings

    write(ledger, ONE)
    write(ledger, OTHER)
    settings = Settings(ledger=ledger.storage.path, worker="two", retention=Retention(disk_reserve=0))
    upkeep(Ledger(ledger.storage.path), settings, datetime(2020, 7, 10, tzinfo=UTC))
    assert read(ledger) == [OTHER, ONE]
    assert ledger.finish().days(EVENTS) == {day("2020-06-24")}
