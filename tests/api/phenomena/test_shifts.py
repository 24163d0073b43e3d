from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from darkscope.api.phenomena.shifts import Excursion, Floats, certainty, excursions, partition, turns

DAYS = 119
SCORE = 7.5
WATCHED = np.ones(DAYS)


def level(*steps: tuple[int, float], seed: int = 1) -> Floats:
    """Poisson counts of a level that changes on given days."""
    random = np.random.default_rng(seed)
    starts = [day for day, _ in steps]
    rates = np.repeat([rate for _, rate in steps], np.diff([*starts, DAYS]))
    return random.poisson(rates).astype(float)


def found(counts: Floats, exposure: Floats = WATCHED) -> list[tuple[int, int | None, bool]]:
    return [(one.start, one.end, one.returned) for one in excursions(counts, exposure, 0, SCORE)]


def only(counts: Floats, **how: Any) -> Excursion:
    (one,) = excursions(counts, WATCHED, 0, SCORE, **how)
    return one


def test_a_level_that_stays_is_found_on_its_day_with_its_figures() -> None:
    one = only(level((0, 100), (60, 200)))
    assert (one.start, one.end, one.returned, one.rises, one.swings, one.peaks) == (
        60,
        None,
        False,
        True,
        False,
        1,
    )
    assert one.base == pytest.approx(100, rel=0.05)
    assert one.level == pytest.approx(200, rel=0.05)
    assert one.factor == pytest.approx(2, rel=0.1)
    assert one.excess == pytest.approx(59 * 100, rel=0.1)
    assert one.score > SCORE


def test_a_fall_is_found_as_well() -> None:
    one = only(level((0, 200), (60, 80)))
    assert (one.start, one.end, one.rises) == (60, None, False)
    assert one.excess < 0


def test_what_comes_back_has_an_end_and_is_no_fall() -> None:
    assert found(level((0, 50), (40, 300), (49, 50))) == [(40, 49, True)]


def test_a_change_that_stayed_for_two_weeks_is_what_a_further_one_is_held_against() -> None:
    assert found(level((0, 50), (40, 100), (70, 300))) == [(40, 70, False), (70, None, False)]


def test_a_day_is_no_level() -> None:
    counts = level((0, 100))
    counts[50] = 5000
    assert found(counts) == []


def test_three_peaks_are_swings() -> None:
    counts = level((0, 100), (40, 400), (45, 100), (50, 420), (55, 100), (60, 380), (65, 100))
    one = only(counts)
    assert (one.start, one.end, one.swings, one.peaks) == (40, 65, True, 3)


def test_two_peaks_are_two_jumps() -> None:
    assert found(level((0, 100), (40, 400), (45, 100), (50, 420), (55, 100))) == [
        (40, 45, True),
        (50, 55, True),
    ]


def test_what_nobody_watched_is_no_fall() -> None:
    counts, exposure = level((0, 200)), WATCHED.copy()
    counts[60:75], exposure[60:75] = 0, 0
    counts[80:90] *= 0.5
    exposure[80:90] = 0.5
    assert found(counts, exposure) == []


def test_a_rhythm_of_the_week_is_no_change() -> None:
    random = np.random.default_rng(2)
    rest = np.isin(np.arange(DAYS) % 7, (5, 6))
    assert found(random.poisson(np.where(rest, 40, 200)).astype(float)) == []


def test_a_change_is_found_within_a_rhythm_of_the_week() -> None:
    random = np.random.default_rng(3)
    day = np.arange(DAYS)
    rates = np.where(np.isin(day % 7, (5, 6)), 40, 200) * np.where(day >= 63, 2.5, 1)
    assert [(start, end) for start, end, _ in found(random.poisson(rates).astype(float))] == [(63, None)]


def test_what_is_too_short_or_brings_too_little_is_none() -> None:
    assert found(level((0, 0.1), (60, 3), (90, 0.1))) == []
    assert excursions(np.ones(10), np.ones(10), 0, SCORE) == []
    assert excursions(level((0, 100), (60, 200)), WATCHED, 0, SCORE, fewest=1e6) == []


def test_levels_are_cut_where_they_change_and_last_three_days_at_least() -> None:
    counts = np.repeat([10.0, 100.0, 10.0, 100.0], [20, 20, 1, 20])
    assert partition(counts, np.ones(61), 20) == [0, 20, 61]
    assert partition(np.repeat([10.0, 100.0], [20, 20]), np.ones(40), 20) == [0, 20, 40]


def test_more_looks_and_fewer_days_demand_more() -> None:
    assert 2 < certainty(1, 0.05, 119) < certainty(1e6, 0.05, 119) < certainty(1e6, 0.05, 30)


def test_turns_must_stand_out() -> None:
    assert turns(np.array([100.0, 300, 100, 320, 90, 310, 100]), 1.0) == 3
    assert turns(np.array([100.0, 120, 100, 125, 100]), 1.0) == 1
    assert turns(np.array([1.0, 9, 1, 8, 1]), 1.0) == 1
