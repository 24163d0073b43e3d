from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from darkscope.api import public
from darkscope.api.ask import Question
from darkscope.api.dimension import Dimension
from darkscope.api.periods import Buckets, parse_period
from darkscope.api.public import NotPublic
from darkscope.api.ranking import Provenance, Ranking, Row
from darkscope.api.selection import Selection
from darkscope.api.store import Filter
from darkscope.api.trend import Line, Trend
from darkscope.api.watch import Watch

NOW = datetime(2020, 6, 30, 12, tzinfo=UTC)
DELAY = timedelta(days=2)
PERIOD = parse_period("2020-06-24", ZoneInfo("UTC"), NOW)
WATCH = Watch({"tokyo-1": (3600,)}, {"tokyo-1": (86_400,)})
PROVENANCE = Provenance(7, PERIOD, Filter(), WATCH, WATCH)


def question(period: str = "2020-06-24", zone: str = "UTC", **how: Any) -> Question:
    return Question(how.pop("dimension", Dimension.PORTS), parse_period(period, ZoneInfo(zone), NOW), **how)


def row(packets: int, previous: int, rank: int | None = 1) -> Row:
    return Row(1, "23/TCP", "23/TCP (telnet)", packets, 0.5, rank, previous, 12.5, 3, 0.0)


@pytest.mark.parametrize("period", ["2020-06-27", "2020-06-01/2020-06-27", "2020-05", "2020-Q1", "2019"])
@pytest.mark.parametrize("step", ["day", "week", "month", "quarter"])
def test_whole_days_that_are_over_long_enough_are_public(period: str, step: str) -> None:
    public.check(question(period), step, NOW, DELAY)


@pytest.mark.parametrize("dimension", ["ports", "countries", "owners", "tools", "classes"])
def test_dimensions_of_what_was_sent_are_public(dimension: str) -> None:
    where = Filter(ports=frozenset({(6, 445)}), countries=frozenset({"VN"}))
    public.check(question(dimension=Dimension(dimension), where=where), "day", NOW, DELAY)


@pytest.mark.parametrize(
    ("asked", "step", "message"),
    [
        (question(dimension=Dimension.SENSORS), "day", "public are ports, countries, owners, tools, classes"),
        (question(dimension=Dimension.ORGANISATIONS), "day", "public are ports"),
        (question(selection=Selection(kind="all")), "day", "no sensors can be chosen"),
        (question(selection=Selection(home=True)), "day", "no sensors can be chosen"),
        (question(selection=Selection(organisations=("north",))), "day", "no sensors can be chosen"),
        (question(selection=Selection(sensors=("tokyo-1",))), "day", "no sensors can be chosen"),
        (question(where=Filter(owners=frozenset({64500}))), "day", "not narrowed to owners"),
        (question(), "hour", "public steps are day, week, month, quarter"),
        (question(), "6h", "public steps"),
        (question("24h"), "day", "whole UTC days"),
        (question("7d"), "day", "whole UTC days"),
        (question("2020-06-24", "Asia/Tokyo"), "day", "whole UTC days"),
        (question("2020-06-28"), "day", "ended by 2020-06-28T12:00Z"),
        (question("2020-06"), "day", "ended by 2020-06-28T12:00Z"),
        (question("2020-Q2"), "day", "ended by 2020-06-28T12:00Z"),
    ],
)
def test_nothing_else_is(asked: Question, step: str, message: str) -> None:
    with pytest.raises(NotPublic, match=message):
        public.check(asked, step, NOW, DELAY)


def test_what_a_public_period_is_compared_with_is_public_too() -> None:
    for text in ("24h", "2020-06-29"):
        other = parse_period(text, ZoneInfo("UTC"), NOW).window
        with pytest.raises(NotPublic):
            public.check(question_against(other), "day", NOW, DELAY)


def question_against(window: Any) -> Question:
    return Question(Dimension.PORTS, replace(PERIOD, previous=window))


def test_a_public_ranking_says_nothing_of_sensors_and_leaves_out_what_few_sent() -> None:
    rows = (
        replace(row(500, 90), targets=4, targets_error=0.1, targets_saturated=False),
        row(100, 100),
        row(99, 500),
    )
    told = public.published(Ranking(Dimension.PORTS, 699, 3, 0, rows, PROVENANCE), 100)
    assert told == Ranking(
        Dimension.PORTS,
        699,
        3,
        0,
        (
            replace(row(500, 0), per_sensor_day=None, previous_rank=None, previous_packets=0),
            replace(rows[1], per_sensor_day=None),
        ),
        replace(PROVENANCE, now=None, before=None),
    )


def test_a_public_trend_says_nothing_of_sensors_and_leaves_out_what_few_sent() -> None:
    buckets = Buckets(ZoneInfo("UTC"), "day", (0, 1440, 2880))
    lines = (Line("23/TCP", "23/TCP", (99, 1)), Line("80/TCP", "80/TCP", (99, None)))
    told = public.published(Trend(Dimension.PORTS, buckets, lines, (1.0, 0.5), 0, PROVENANCE), 100)
    assert told == Trend(
        Dimension.PORTS, buckets, lines[:1], (None, None), 0, replace(PROVENANCE, now=None, before=None)
    )


def test_an_answer_about_few_packets_is_not_public() -> None:
    buckets = Buckets(ZoneInfo("UTC"), "day", (0, 1440))
    for answer in (
        Ranking(Dimension.PORTS, 99, 1, 0, (row(99, 0),), PROVENANCE),
        Trend(Dimension.PORTS, buckets, (Line("23/TCP", "", (99,)),), (1.0,), 0, PROVENANCE),
    ):
        with pytest.raises(NotPublic, match="fewer than 100 packets are not public"):
            public.published(answer, 100)


def test_an_answer_of_another_kind_is_not_public() -> None:
    @dataclass(frozen=True)
    class Breadth:
        provenance: Provenance

    with pytest.raises(NotPublic, match="a breadth is not public"):
        public.published(Breadth(PROVENANCE), 1)


def test_what_is_split_by_sensors_is_not_public() -> None:
    buckets = Buckets(ZoneInfo("UTC"), "day", (0, 1440))
    lines = (Line("23/TCP", "", (900,), "tokyo-1", "tokyo-1"),)
    trend = Trend(Dimension.PORTS, buckets, lines, (1.0,), 0, PROVENANCE, by=Dimension.SENSORS)
    with pytest.raises(NotPublic, match="what is split by sensors is not public"):
        public.published(trend, 100)
