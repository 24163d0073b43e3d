from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from darkscope.ingest.watched import islands, joined

EPOCH = date(1970, 1, 1)
DAY = 1440
SCHEMA = {
    "day": pl.Date,
    "sensor": pl.String,
    "point": pl.String,
    "minute": pl.Int32,
    "minutes": pl.Int32,
    "bridge": pl.Int32,
}


def stretches(*rows: tuple[str, str, int, int, int]) -> pl.DataFrame:
    """Sensor, point, minute, minutes, bridge."""
    whole = [(EPOCH + timedelta(days=row[2] // DAY), *row) for row in rows]
    return pl.DataFrame(whole, schema=SCHEMA, orient="row")


def by_hand(rows: pl.DataFrame) -> list[tuple[str, int, int]]:
    """Minute by minute: watched while a point is, and while it is silent for no longer than it bridges."""
    watched: defaultdict[str, set[int]] = defaultdict(set)
    for (sensor, _), its in rows.filter(pl.col("minutes") > 0).sort("minute").group_by("sensor", "point"):
        end = reach = 0
        for minute, minutes, bridge in its.select("minute", "minutes", "bridge").sort("minute").iter_rows():
            watched[str(sensor)] |= {*range(end, minute if minute <= reach else 0)}
            watched[str(sensor)] |= {*range(minute, minute + minutes)}
            end, reach = max(end, minute + minutes), max(reach, minute + minutes + bridge)
    found: list[tuple[str, int, int]] = []
    for sensor, minute in sorted((sensor, minute) for sensor, its in watched.items() for minute in its):
        if found and found[-1][::2] == (sensor, minute):
            found[-1] = sensor, found[-1][1], minute + 1
        else:
            found.append((sensor, minute, minute + 1))
    return found


STRETCHES = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.sampled_from(["", "eth1"]),
        st.integers(DAY - 100, DAY + 100) | st.integers(3 * DAY - 50, 3 * DAY + 50),
        st.integers(0, 60),
        st.sampled_from([0, 5, 30, 2 * DAY]),
    ),
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(STRETCHES)
def test_islands_are_the_minutes_that_any_point_watched_or_bridged(rows: list[Any]) -> None:
    assert islands(stretches(*rows)).rows() == by_hand(stretches(*rows))


@settings(max_examples=200, deadline=None)
@given(STRETCHES)
def test_stretches_joined_day_by_day_have_the_same_islands(rows: list[Any]) -> None:
    whole = stretches(*rows)
    by_day = joined(whole)
    assert_frame_equal(islands(by_day), islands(whole))
    keys = ["day", "sensor", "point"]
    assert by_day.select(keys).rows() == sorted(by_day.select(keys).rows())


def test_stretches_that_touch_or_are_bridged_become_one_a_day() -> None:
    rows = stretches(
        ("a", "", 0, 10, 5),
        ("a", "", 15, 5, 0),
        ("a", "", 20, 5, 7),
        ("a", "", 40, 1, 0),
        ("a", "", DAY, 60, 0),
    )
    assert joined(rows).select("minute", "minutes", "bridge").rows() == [(0, 25, 7), (40, 1, 0), (DAY, 60, 0)]
