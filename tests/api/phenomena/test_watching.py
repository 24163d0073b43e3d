from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl
from proposed import phenomena, proposal

from darkscope.api.breadth import Verdict
from darkscope.api.phenomena.proposal import Kind, Proposal
from darkscope.api.phenomena.watching import attacked, due
from darkscope.ingest.events import SECOND, Event

TODAY = date(2014, 11, 8)


def at(text: str) -> int:
    """A midnight of Tokyo, nanoseconds since 1970."""
    return int(datetime.fromisoformat(f"{text}T00:00+09:00").astimezone(UTC).timestamp()) * SECOND


def seen(*rows: Proposal, known: Sequence[Event] = (), today: date = TODAY) -> list[Event]:
    return list(due(phenomena(*rows), known, today))


def test_a_phenomenon_becomes_an_event_with_its_figures() -> None:
    (event,) = seen(proposal())
    assert event == Event(
        "23-tcp-up-2014-11-03",
        at("2014-11-03"),
        0,
        "rose",
        "23/TCP",
        "Packets to 23/TCP: rose",
        "Packets to 23/TCP rose on 3 November to 817 a day, 2.2 times the usual number, and have stayed there so far. "
        "Most of the change is owed to China (85%). "
        "Most of the 8 sensors that are compared saw it too: it is wide-area.",
        {
            "found_by": "phenomena",
            "id": "23-tcp-up-2014-11-03",
            "family": "up",
            "ports": ["23/TCP"],
            "countries": [],
            "base": 378.0,
            "level": 816.6,
            "factor": 2.16,
            "excess": 3842,
            "verdict": "wide",
            "regions": {"CN": 0.85, "KR": 0.04},
            "sensors": {"tokyo-2": 0.25},
        },
    )


def test_it_is_written_once_though_its_start_moves() -> None:
    known = seen(proposal())
    assert seen(proposal(), known=known) == []
    assert seen(proposal(start=date(2014, 11, 4), level=850.0), known=known) == []
    assert seen(proposal(start=date(2014, 11, 1), countries=("CN",)), known=known) == []


def test_it_gets_its_end_once_and_its_last_figures() -> None:
    known = seen(proposal())
    over = proposal(kind=Kind.JUMPED, end=date(2014, 11, 11), excess=5000)
    (ended,) = seen(over, known=known, today=date(2014, 11, 14))
    assert (ended.id, ended.start, ended.end) == (known[0].id, known[0].start, at("2014-11-12"))
    assert ended.numbers["excess"] == 5000
    assert ended.text == known[0].text
    assert seen(over, known=[ended], today=date(2014, 11, 15)) == []


def test_what_is_proposed_no_more_is_over_today() -> None:
    known = seen(proposal())
    (ended,) = seen(known=known, today=date(2014, 12, 10))
    assert ended == replace(known[0], end=at("2014-12-10"))
    assert seen(known=[ended]) == []


def test_while_nobody_watches_nothing_is_over() -> None:
    known = seen(proposal())
    assert list(due(replace(phenomena(), compared=0), known, date(2014, 12, 10))) == []


def test_a_second_rise_of_a_port_is_another_event() -> None:
    first = proposal(kind=Kind.JUMPED, end=date(2014, 11, 11))
    known = seen(first)
    second = proposal(kind=Kind.SWINGS, start=date(2014, 12, 2))
    (event,) = seen(first, second, known=known, today=date(2014, 12, 8))
    assert event.id == "23-tcp-up-2014-12-02"
    assert seen(first, second, known=[*known, event], today=date(2014, 12, 9)) == []


def test_a_fall_and_a_country_are_other_events() -> None:
    known = seen(proposal())
    fall = proposal(kind=Kind.FELL)
    country = proposal(ports=(), countries=("JP",), verdict=Verdict.LOCAL)
    found = seen(proposal(), fall, country, known=known)
    assert {event.id for event in found} == {"23-tcp-down-2014-11-03", "jp-up-2014-11-03"}


def test_two_of_one_port_that_begin_together_are_two_and_stay_two() -> None:
    rows = proposal(), proposal(start=date(2014, 11, 4), countries=("JP",))
    known = seen(*rows)
    assert [event.id for event in known] == ["23-tcp-up-2014-11-03", "23-tcp-up-2014-11-04"]
    assert seen(*rows, known=known) == []


def test_what_begins_on_no_day_and_what_others_wrote_are_left_alone() -> None:
    noted = Event("", at("2014-11-01"), 0, "note", "23/TCP", "a person's", "", {})
    assert seen(proposal(kind=Kind.ENTERED), proposal(kind=Kind.OFFICE_HOURS), known=[noted]) == []


def test_attacks_become_events_once_and_get_their_end() -> None:
    def rows(*told: tuple[int, int, str]) -> pl.DataFrame:
        names = ("start", "end", "subject")
        more = {
            "kind": "attack",
            "title": "attack on a host in NL",
            "text": "80 echoes",
            "numbers": '{"packets": 80}',
        }
        return pl.DataFrame([dict(zip(names, one, strict=True)) | more for one in told])

    known = list(attacked(rows((1, 5, "NL"), (2, 0, "US")), []))
    assert known == [
        Event("attack-nl-1", 1, 5, "attack", "NL", "attack on a host in NL", "80 echoes", {"packets": 80}),
        Event("attack-us-2", 2, 0, "attack", "US", "attack on a host in NL", "80 echoes", {"packets": 80}),
    ]
    (ended,) = attacked(rows((1, 5, "NL"), (2, 9, "US")), known)
    assert ended == replace(known[1], end=9)
    assert list(attacked(rows((1, 5, "NL"), (2, 9, "US")), [known[0], ended])) == []
