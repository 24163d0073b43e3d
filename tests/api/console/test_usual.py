from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from darkscope.api.console.usual import Usual, usual
from darkscope.api.dimension import Dimension
from darkscope.api.periods import Window, cut
from darkscope.api.trend import Line, Trend

NOW = datetime(2020, 6, 30, 12, 20, tzinfo=UTC)
HOURS = 8 * 24


def trend(packets: list[int | None], covered: list[float | None] | None = None) -> Trend:
    """Two classes, of which one has nothing, over eight days up to now: the last bucket is of twenty minutes."""
    buckets = cut(Window(NOW - timedelta(days=8), NOW), "hour", ZoneInfo("UTC"))
    assert len(buckets) == HOURS + 1
    nothing: tuple[Any, ...] = (0,) * len(packets)
    lines = (Line("scan", "scan", tuple(packets)), Line("other", "other", nothing))
    return Trend(Dimension.CLASSES, buckets, lines, tuple(covered or [1.0] * len(packets)), 0, None)


def flat(last: int, usual: int = 100) -> list[int | None]:
    return [*[usual] * (HOURS - 1), last, 7]


@pytest.mark.parametrize(("last", "verdict"), [(101, "above"), (100, "within"), (99, "below")])
def test_the_last_whole_hour_is_held_against_the_same_hour_of_the_days_before(
    last: int, verdict: str
) -> None:
    found = usual(trend(flat(last)))
    assert found == Usual(last, 100, 100, 100)
    assert found.verdict == verdict


def test_other_hours_of_the_day_say_nothing() -> None:
    packets = flat(100)
    for place in range(HOURS - 1):
        if (HOURS - 1 - place) % 24:
            packets[place] = 10_000
    assert usual(trend(packets)) == Usual(100, 100, 100, 100)


def test_an_hour_that_was_watched_in_part_counts_by_its_rate_and_one_that_was_hardly_not_at_all() -> None:
    packets, covered = flat(60), [1.0] * (HOURS + 1)
    covered[HOURS - 1] = 0.6
    packets[HOURS - 1 - 24], covered[HOURS - 1 - 24] = 0, 0.4
    packets[HOURS - 1 - 48], covered[HOURS - 1 - 48] = None, 0.0
    assert usual(trend(packets, list(covered))) == Usual(100, 100, 100, 100)


def test_without_some_days_before_nothing_is_usual() -> None:
    covered: list[float | None] = [0.0] * (HOURS - 50) + [1.0] * 51
    assert usual(trend(flat(100), covered)) is None
    assert usual(trend([None] * (HOURS + 1), [None] * (HOURS + 1))) is None


def test_an_hour_that_is_long_over_is_not_compared_as_if_it_were_now() -> None:
    covered: list[float | None] = [1.0] * (HOURS - 4) + [0.0] * 5
    assert usual(trend(flat(100), covered)) is None
    covered[HOURS - 3] = 1.0  # three hours and twenty minutes ago: captures come late
    assert usual(trend(flat(100), covered)) == Usual(100, 100, 100, 100)
