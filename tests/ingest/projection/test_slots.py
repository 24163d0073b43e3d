from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkscope.ingest.measurements import Resolution
from darkscope.ingest.projection.slots import Slots, ceiling, rounded, slots

DOCS = Path(__file__).parents[3] / "docs"


@given(st.integers(1, 250))
def test_the_whole_budget_is_never_passed(sensors: int) -> None:
    assert ceiling(100_000, sensors) <= 100_000


@given(st.integers(1, 500))
def test_a_buckets_packets_have_less_than_twenty_thousand_series(sensors: int) -> None:
    assert slots(100_000, sensors).joint * sensors < 20_000


@given(st.integers(1000, 100_000), st.integers(1, 500))
def test_where_there_is_room_for_ports_there_is_room_for_all(series: int, sensors: int) -> None:
    given = slots(series, sensors)
    if given.ports:
        assert ceiling(series, sensors) <= series
    assert min(given.ports, given.pairs, given.countries) >= 0


def test_what_a_sensor_comes_to_is_counted_by_hand() -> None:
    given = Slots(ports=2, pairs=3, countries=1, events=7)
    assert given.joint == 5 + 2 + 3
    assert given.sensor == given.joint + 5 * (5 + 2) + 5 * (1 + 1) + 4 + 5 * 5
    assert given.own == 2 + 2 + 3 + 1


@given(st.integers(1000, 100_000), st.integers(1, 500))
def test_what_has_tags_of_its_own_is_listed_in_fewer_series_than_a_sensor_takes(
    series: int, sensors: int
) -> None:
    given = slots(series, sensors)
    assert given.own <= given.sensor


@pytest.mark.parametrize(("sensors", "planned"), [(1, 20), (20, 20), (21, 30), (100, 100), (101, 110)])
def test_sensors_are_rounded_up(sensors: int, planned: int) -> None:
    assert rounded(sensors) == planned


def test_the_table_of_the_documentation_is_so() -> None:
    text = (DOCS / "projection.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (\d+) \| (\d+) \| ([\d,]+) \|$", text, re.MULTILINE)
    assert len(rows) == 3
    for sensors, *cells in rows:
        given = slots(100_000, int(sensors))
        joint = f"{given.joint * int(sensors):,}"
        assert cells == [str(given.ports), str(given.pairs), str(given.countries), joint]
    assert len(Resolution) == 3
