from __future__ import annotations

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkscope.api.requests.rates import chance


@pytest.mark.parametrize(
    ("before", "after", "before_seconds", "after_seconds", "expected"),
    [
        # R's own examples: poisson.test(c(11, 6+8+7), c(800, 1083+1050+878)), binom.test(682, 925, p = 0.75).
        (21, 11, 3011, 800, 0.07967),
        (243, 682, 1, 3, 0.3825),
        (0, 5, 1, 1, 2 / 32),
        (5, 5, 1, 1, 1.0),
        (0, 0, 1, 1, 1.0),
    ],
)
def test_chances_are_those_of_the_exact_test(
    before: int, after: int, before_seconds: int, after_seconds: int, expected: float
) -> None:
    assert chance(before, after, before_seconds, after_seconds) == pytest.approx(expected, rel=5e-4)


def test_what_nobody_watched_is_not_compared() -> None:
    assert chance(0, 5, 0, 60) is None
    assert chance(5, 0, 60, 0) is None


def test_counts_of_a_flood_are_compared_as_well() -> None:
    assert chance(10**6, 10**6, 1, 1) == pytest.approx(1.0)
    assert chance(10**6, 10**6 + 10**5, 1, 1) == 0.0
    # So many are normally distributed: two standard deviations apart, and one.
    assert chance(5 * 10**5 - 1000, 5 * 10**5 + 1000, 1, 1) == pytest.approx(0.04560, rel=1e-3)
    assert chance(5 * 10**5 - 500, 5 * 10**5 + 500, 1, 1) == pytest.approx(0.31780, rel=1e-3)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 100), st.integers(1, 100))
def test_a_chance_is_the_sum_over_all_outcomes_that_are_not_likelier(
    before: int, after: int, before_seconds: int, after_seconds: int
) -> None:
    together, part = before + after, after_seconds / (before_seconds + after_seconds)
    outcomes = [comb(together, n) * part**n * (1 - part) ** (together - n) for n in range(together + 1)]
    expected = sum(one for one in outcomes if one <= outcomes[after] * (1 + 1e-6))
    assert chance(before, after, before_seconds, after_seconds) == pytest.approx(min(1.0, expected), rel=1e-6)


@given(st.integers(0, 500), st.integers(0, 500), st.integers(1, 9), st.integers(1, 9))
def test_which_side_is_first_does_not_matter(before: int, after: int, first: int, second: int) -> None:
    assert chance(before, after, first, second) == pytest.approx(
        chance(after, before, second, first), rel=1e-6
    )
