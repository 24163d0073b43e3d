from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pytest

from darkscope.api.dimension import Dimension
from darkscope.api.movements import Movements, movements
from darkscope.api.periods import parse_period
from darkscope.api.ranking import Provenance
from darkscope.api.store import Filter
from darkscope.api.watch import Watch

PROVENANCE = Provenance(
    7,
    parse_period("2020-Q2", ZoneInfo("UTC"), datetime(2020, 8, 1, tzinfo=UTC)),
    Filter(),
    Watch({}, {}),
    None,
)
FIRST = date(2020, 4, 1)
DAYS = 91
Floats = npt.NDArray[np.float64]


def found(*rates: Floats | Sequence[float]) -> Movements:
    days = [FIRST + timedelta(days=number) for number in range(len(rates[0]))]
    return movements(
        Dimension.COUNTRIES,
        [(f"{chr(65 + number // 26)}{chr(65 + number % 26)}",) for number in range(len(rates))],
        days,
        np.array(rates, np.float64),
        label=lambda key: f"in {key[0]}",
        provenance=PROVENANCE,
    )


def noisy(level: Floats, seed: int) -> Floats:
    return np.random.default_rng(seed).poisson(level).astype(np.float64)


def step(before: float, after: float, day: int) -> Floats:
    return np.where(np.arange(DAYS) < day, before, after).astype(np.float64)


WORKDAYS = np.where((np.arange(DAYS) + 2) % 7 >= 5, 0.4, 1.0)  # 1 April 2020 was a Wednesday


def told(answer: Movements) -> list[tuple[str, str, str, int, int]]:
    return [(row.value, row.other, row.direction, (row.day - FIRST).days, row.lag) for row in answer.rows]


def test_values_that_shift_on_the_same_day_move_together_or_against_each_other() -> None:
    answer = found(noisy(step(200, 500, 30), 1), noisy(step(300, 120, 30), 2), noisy(step(100, 100, 0), 3))
    assert told(answer) == [("AA", "AB", "against", 30, 0)]
    (row,) = answer.rows
    assert (row.label, row.other_label) == ("in AA", "in AB")
    assert row.factor == pytest.approx(2.5, rel=0.1)
    assert row.other_factor == pytest.approx(0.4, rel=0.1)
    assert row.correlation == pytest.approx(-0.97, abs=0.03)
    assert row.coincidence == pytest.approx(7 / 91)
    assert [len(level.shifts) for level in answer.levels] == [1, 1, 0]


def test_who_shifts_first_is_named_first_with_the_days_between() -> None:
    later, sooner = noisy(step(200, 500, 33), 1), noisy(step(300, 800, 31), 2)
    assert told(found(later, sooner)) == [("AB", "AA", "together", 31, 2)]
    assert told(found(sooner, later)) == [("AA", "AB", "together", 31, 2)]


def test_shifts_more_than_three_days_apart_are_no_pair() -> None:
    assert told(found(noisy(step(200, 500, 30), 1), noisy(step(300, 800, 35), 2))) == []


def test_the_weeks_rhythm_is_no_shift() -> None:
    answer = found(noisy(400 * WORKDAYS, 1), noisy(900 * WORKDAYS, 2))
    assert [level.shifts for level in answer.levels] == [(), ()]


def test_a_shift_is_found_beneath_the_weeks_rhythm() -> None:
    (level,) = found(noisy(step(200, 500, 30) * WORKDAYS, 1)).levels
    assert [(shift.day - FIRST).days for shift in level.shifts] == [30]


def test_days_that_nobody_watched_are_no_fall() -> None:
    rates = noisy(step(300, 300, 0), 1)
    rates[[20, 21, 50, 51, 60]] = np.nan
    assert found(rates).levels[0].shifts == ()
    rates[20:40] = np.nan  # so long a gap hides what happened in it, and no more
    assert found(rates).levels[0].shifts == ()


def test_a_peak_of_two_weeks_is_a_rise_and_a_fall() -> None:
    level = step(200, 600, 30) - step(0, 400, 44)
    (found_level,) = found(noisy(level, 5)).levels
    assert [(round((shift.day - FIRST).days), shift.factor > 1) for shift in found_level.shifts] == [
        (30, True),
        (44, False),
    ]


@pytest.mark.parametrize("mean", [1, 20, 500])
def test_noise_shifts_in_at_most_one_of_twenty_questions(mean: int) -> None:
    chance = np.random.default_rng(3)
    asked = 40
    with_any = 0
    for _ in range(asked):
        rates = chance.poisson(mean * chance.gamma(30, 1 / 30, size=(30, DAYS)) * WORKDAYS)
        with_any += any(level.shifts for level in found(*rates).levels)
    assert with_any <= 4  # 2 are expected at most


@pytest.mark.parametrize("days", [1, 13, 14, 20])
def test_in_too_few_days_nothing_shifts_and_nothing_breaks(days: int) -> None:
    assert found(step(10, 500, 7)[:days]).rows == ()


def test_what_is_always_zero_stays() -> None:
    assert found(np.zeros(DAYS), np.full(DAYS, np.nan)).rows == ()
