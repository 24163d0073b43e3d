from __future__ import annotations

from datetime import UTC, date, datetime

from proposed import phenomena, proposal

from darkscope.api.console import noted
from darkscope.api.events import Events, Row
from darkscope.ingest.values import Language


def test_the_days_around_a_phenomenon_reach_a_week_beyond_it_but_not_beyond_the_period() -> None:
    found = phenomena(proposal())
    period = found.provenance.period
    assert noted.around(proposal(), period) == "2014-10-27/2014-12-31"
    assert noted.around(proposal(end=date(2014, 11, 9)), period) == "2014-10-27/2014-11-16"


def test_a_phenomenon_is_marked_at_the_midnight_of_its_first_day_in_charts_of_what_it_is_about() -> None:
    both = proposal(ports=("23/TCP",), countries=("JP",), start=date(2014, 12, 2))
    first, second = noted.events(phenomena(proposal(), both), Language.EN)
    midnight = datetime(2014, 11, 2, 15, tzinfo=UTC)  # of 3 November in Tokyo
    assert first == {
        "at": midnight.timestamp() * 1000,
        "text": noted.title(proposal(), Language.EN),
        "about": ["23/TCP"],
    }
    assert second["about"] == ["23/TCP", "JP"]


def test_a_chart_has_few_marks() -> None:
    assert len(noted.events(phenomena(*[proposal()] * 20), Language.JA)) == noted.MOST


def test_an_analysts_words_stand_in_place_of_the_generated_ones() -> None:
    own = proposal(words_ja="自前の文")
    assert noted.words(own, Language.JA) == "自前の文"
    assert "23/TCP" in noted.words(own, Language.EN)


def test_a_recorded_event_is_about_the_ports_and_countries_that_it_names_or_about_everything() -> None:
    start = datetime(2014, 11, 3, tzinfo=UTC)
    rows = tuple(
        Row(start, None, "rose", subject, "a title", "", None)
        for subject in ("23/TCP", "5000/TCP, 5001/TCP from RU, NL", "tokyo-1", "0/ICMP")
    )
    marks = noted.recorded(Events(rows, phenomena().provenance))
    assert marks[0] == {"at": start.timestamp() * 1000, "text": "a title", "about": ["23/TCP"]}
    assert [one["about"] for one in marks[1:]] == [["5000/TCP", "5001/TCP", "RU", "NL"], [], ["0/ICMP"]]
