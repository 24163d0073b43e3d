from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as some

from darkscope.api.console import drawn

SHARES = some.none() | some.floats(0, 1)
RATES = some.none() | some.floats(0, 1e15)


def pieces(picture: str, kind: str) -> list[dict[str, str]]:
    return [dict(one.attrib) for one in ElementTree.fromstring(picture).iter(kind)]


def test_a_gap_stays_a_gap_and_one_value_between_gaps_is_seen() -> None:
    area, line = (one["d"] for one in pieces(drawn.spark([1, 2, None, 2, None, 0, 2]), "path"))
    assert line == "M0.0 11.0L16.0 1.5M47.3 1.5h1.4M80.0 20.5L96.0 1.5"
    assert len(re.findall("M", area)) == 2


@given(some.lists(RATES, max_size=40))
def test_a_sparkline_stays_within_its_picture(values: list[float | None]) -> None:
    for one in pieces(drawn.spark(values), "path"):
        for x, y in re.findall(r"[ML](-?[\d.]+) ([\d.]+)", one["d"]):
            assert -0.8 <= float(x) <= drawn.SPARK_WIDTH
            assert 0 <= float(y) <= drawn.SPARK_HEIGHT


def test_a_strip_says_when_a_sensor_watched_in_as_few_pieces_as_there_are_changes() -> None:
    shares = [None, None, 1.0, 0.999, 0.5, 0.0, 0.0, 1.0]
    found = [(one["class"], one["x"], one["width"]) for one in pieces(drawn.strip(shares), "rect")]
    assert found == [("whole", "2", "2"), ("partly", "4", "1"), ("outage", "5", "2"), ("whole", "7", "1")]


@given(some.lists(SHARES, max_size=40))
def test_the_pieces_of_a_strip_are_all_of_its_time_but_that_before_the_sensor(
    shares: list[float | None],
) -> None:
    found = [int(one["width"]) for one in pieces(drawn.strip(shares), "rect")]
    assert sum(found) == sum(share is not None for share in shares)


@pytest.mark.parametrize(("part", "width"), [(None, "0.0"), (0.5, "30.0"), (1.2, "60.0"), (-1.0, "0.0")])
def test_a_bar_is_as_long_as_its_share(part: float | None, width: str) -> None:
    assert [one["width"] for one in pieces(drawn.bar(part), "rect")] == ["60", width]


def test_hours_are_bars_of_which_some_are_marked() -> None:
    found = pieces(drawn.hours([None, 1.0, 2.0], range(1, 2)), "rect")
    assert [(one["class"], one["height"]) for one in found] == [
        ("rest", "0.0"),
        ("part", "21.0"),
        ("rest", "42.0"),
    ]


@given(some.lists(RATES, max_size=40))
def test_pictures_have_no_styles_and_no_scripts_which_the_pages_policy_forbids(
    values: list[float | None],
) -> None:
    for picture in (drawn.spark(values), drawn.hours(values), drawn.strip([None]), drawn.bar(0.1)):
        assert not re.search(r"style|script|\son\w+=", picture)
