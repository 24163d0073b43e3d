"""Which values changed together, or against each other, and when (Q10).

Pure: daily rates in, changes and pairs of them out. A change is a shift of the level, found by comparing each week with
the week before it: both hold every weekday once, so that the week's rhythm is in neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from statistics import NormalDist
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from darkscope.api.dimension import Dimension, Key, value_text
from darkscope.api.ranking import Provenance

WEEK = 7

FEWEST_DAYS = 3 * WEEK
"""Days below which no shift can be told from noise."""

MISSING = 2
"""Days of a week that may be missing, for want of watched time, where it is compared."""

DOUBT = 0.05
"""Chance that noise alone, over all values and days of the question together, is called a shift."""

FACTOR = 1.25
"""Change of the level, up or down, from which on a shift is worth a word."""

LAG = 3
"""Days that two shifts may lie apart and still be together."""

SHIFTED = 0.2
"""Share of the days that may differ from the same weekday before because of a shift: not taken for noise."""

USUAL = 0.440
"""Mean of the rest of the squares of normal variables: P(chi2 with 3 degrees < q) / 0.8, q the 0.8 quantile with 1."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shift:
    """A change of a value's level."""

    day: date  # the first of the new level
    factor: float  # level of the week from that day on over that of the week before
    score: float  # in standard deviations of the noise


@dataclass(frozen=True, slots=True)
class Level:
    """One value with the shifts of its level."""

    value: str  # as filters take it
    label: str  # for people
    shifts: tuple[Shift, ...]  # by day


@dataclass(frozen=True, slots=True)
class Row:
    """Two values that shifted at the same time."""

    value: str  # that which shifted first; of one day, the one that is named first
    other: str
    label: str
    other_label: str
    direction: str  # together or against
    day: date  # when the first shifted
    lag: int  # days until the other did
    factor: float  # new level over old
    other_factor: float
    correlation: (
        float | None
    )  # of the two values' weekly changes over the whole period, the other's `lag` later
    coincidence: float  # chance that unrelated shifts, as many as the two have, would fall so near each other


@dataclass(frozen=True, slots=True)
class Movements:
    """What moved together in a period."""

    ROW: ClassVar = Row
    dimension: Dimension
    days: int  # of the period
    levels: tuple[Level, ...]  # the compared values, in the order in which they were asked for
    rows: tuple[Row, ...]  # pairs, the greater changes first
    provenance: Provenance


def movements(
    dimension: Dimension,
    values: Sequence[Key],
    days: Sequence[date],
    rates: Floats,
    *,
    label: Callable[[Key], str],
    provenance: Provenance,
) -> Movements:
    """Find shifts and the pairs that lie together.

    `rates` has a row a value and a column a day: packets of watched time, not a number where too little was watched.
    The statistic is a moving sum (MOSUM: Eichinger and Kirch, Bernoulli 24, 2018) of log rates, a week on either side;
    its noise is that of counts as dispersed as the value's own. A shift is the largest of two weeks, and larger than
    any of so many normal ones is but with the chance DOUBT.
    """
    contrasts = [_contrast(row) for row in rates]
    looks = sum(int(np.isfinite(contrast).sum()) for contrast, _ in contrasts)
    least = NormalDist().inv_cdf(1 - DOUBT / 2 / looks) if looks else np.inf
    levels = tuple(
        Level(value_text(dimension, key), label(key), tuple(_shifts(contrast, noise, least, days)))
        for key, (contrast, noise) in zip(values, contrasts, strict=True)
    )
    rows = [
        row
        for (one, (change, _)), (other, (other_change, _)) in combinations(
            zip(levels, contrasts, strict=True), 2
        )
        for row in _pairs(one, change, other, other_change, len(days))
    ]
    rows.sort(key=lambda row: -min(abs(np.log(row.factor)), abs(np.log(row.other_factor))))
    return Movements(dimension, len(days), levels, tuple(rows), provenance)


def _contrast(rates: Floats) -> tuple[Floats, Floats]:
    """Log ratio of the week from each day on to the week before, and its noise; not a number near the ends."""
    days = len(rates)
    contrast, noise = np.full(days, np.nan), np.full(days, np.inf)
    if days < FEWEST_DAYS:
        return contrast, noise
    weeks = np.lib.stride_tricks.sliding_window_view(rates, WEEK)
    watched = np.isfinite(weeks).sum(axis=1)
    enough = watched >= WEEK - MISSING
    sums = np.where(enough, np.nansum(weeks, axis=1) * WEEK / np.maximum(1, watched), np.nan) + 1
    inside = slice(WEEK, days - WEEK + 1)
    contrast[inside] = np.log(sums[WEEK:] / sums[:-WEEK])
    noise[inside] = np.sqrt(_dispersion(rates) * (1 / sums[WEEK:] + 1 / sums[:-WEEK]))
    return contrast, noise


def _dispersion(rates: Floats) -> float:
    """How much more than a Poisson count a value varies, from each day to the same weekday: variance over mean."""
    now, before = rates[WEEK:], rates[:-WEEK]
    known = now + before > 0
    squares = np.sort((now[known] - before[known]) ** 2 / (now[known] + before[known]))
    usual = squares[: len(squares) - int(len(squares) * SHIFTED)]
    return max(1.0, float(usual.mean()) / USUAL) if len(usual) else 1.0


def _shifts(contrast: Floats, noise: Floats, least: float, days: Sequence[date]) -> Iterator[Shift]:
    strength = np.where(np.isfinite(contrast), np.abs(contrast), 0)
    for at in np.flatnonzero((strength > least * noise) & (strength >= np.log(FACTOR))).tolist():
        around = strength[max(0, at - WEEK + 1) : at + WEEK]
        if strength[at] == around.max() and (around[: min(at, WEEK - 1)] < strength[at]).all():
            yield Shift(days[at], float(np.exp(contrast[at])), float(contrast[at] / noise[at]))


def _pairs(one: Level, change: Floats, other: Level, other_change: Floats, days: int) -> Iterator[Row]:
    """Pair each shift of one with the nearest of the other."""
    chance = 1 - (1 - min(1.0, (2 * LAG + 1) / days)) ** (len(one.shifts) * len(other.shifts))
    for shift in one.shifts:
        near = [theirs for theirs in other.shifts if abs((theirs.day - shift.day).days) <= LAG]
        if not near:
            continue
        theirs = min(near, key=lambda its: (abs((its.day - shift.day).days), its.day))
        lag = (theirs.day - shift.day).days
        first, then = ((one, shift), (other, theirs)) if lag >= 0 else ((other, theirs), (one, shift))
        yield Row(
            first[0].value,
            then[0].value,
            first[0].label,
            then[0].label,
            "together" if (shift.factor > 1) == (theirs.factor > 1) else "against",
            first[1].day,
            abs(lag),
            first[1].factor,
            then[1].factor,
            _correlation(change, other_change, lag),
            chance,
        )


def _correlation(one: Floats, other: Floats, lag: int) -> float | None:
    """Pearson's, of the first with the second so many days later."""
    early, late = (one[: len(one) - lag], other[lag:]) if lag >= 0 else (one[-lag:], other[:lag])
    both = np.isfinite(early) & np.isfinite(late)
    if both.sum() < WEEK or not early[both].std() or not late[both].std():
        return None
    return float(np.corrcoef(early[both], late[both])[0, 1])
