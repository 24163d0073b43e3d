"""Whether two rates differ: the exact conditional test of two Poisson counts.

Pure. Given how many came in all, those of the second stretch are binomial where the rates are equal, with its part of
the time (Przyborowski and Wilenski, Biometrika 31, 1940). Two-sided: the chance of all outcomes that are not likelier
than the one that was seen.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from math import exp, lgamma, log

NEARLY = 1e-7
"""Relative difference below which two chances count as equal: sums of logarithms are not exact."""

NEGLIGIBLE = 1e-18
"""Part of a tail below which its rest is left out."""


def chance(before: int, after: int, before_seconds: int, after_seconds: int) -> float | None:
    """Give the chance of such a difference or a larger one, had the rate not changed; None where nothing was watched.

    Counts and watched seconds of both stretches.
    """
    if not before_seconds or not after_seconds:
        return None
    together, part = before + after, after_seconds / (before_seconds + after_seconds)
    if not together:
        return 1.0

    def log_chance(count: int) -> float:
        ways = lgamma(together + 1) - lgamma(count + 1) - lgamma(together - count + 1)
        return ways + count * log(part) + (together - count) * log(1 - part)

    likely = log_chance(after) + NEARLY
    mode = int((together + 1) * part)
    # Up to the mode chances rise, beyond it they fall: on each side the outcomes that are not likelier are its end.
    low = bisect_right(range(mode + 1), likely, key=log_chance) - 1
    high = (
        bisect_left(range(mode + 1, together + 1), -likely, key=lambda count: -log_chance(count)) + mode + 1
    )
    odds = part / (1 - part)
    downwards = (count / (together - count + 1) / odds for count in range(low, 0, -1))
    upwards = (odds * (together - count) / (count + 1) for count in range(high, together))
    down = _sum(log_chance(low), downwards) if low >= 0 else 0
    up = _sum(log_chance(high), upwards) if high <= together else 0
    return min(1.0, down + up)


def _sum(first: float, ratios: Iterable[float]) -> float:
    """Sum falling terms: the logarithm of the first, and of each to the one before the ratio."""
    term = total = exp(first)
    for ratio in ratios:
        term *= ratio
        total += term
        if term <= NEGLIGIBLE * total:
            break
    return total
