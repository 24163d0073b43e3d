"""Which of very many series of daily counts may have left their level: a cheap look at all of them at once.

Pure: a table of counts in, rows of it out. It errs on the side of looking closer: what it lets through is cut into
levels by `shifts`, under the full demand.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from darkscope.api.phenomena.shifts import (
    BASE,
    BASE_LEAST,
    FACTOR,
    FEWEST,
    LEAST,
    STEP,
    Excursion,
    calmed,
    certainty,
    dispersion,
    excursions,
    expected,
    likelihood,
)

SCALES = (LEAST, 7, 14, 28)
"""Lengths of stretches, days, that are compared with the weeks before them."""

DOUBT = 0.05
"""Chance that noise alone, over all series and days together, is taken for a change."""

MOST = 200
"""Series that are looked at closer, the strongest first."""

EASE = 0.8
"""Part of the demanded score that is enough for a closer look."""

MOST_BASE = 4.0
"""How many times a series' packets, the four weeks before the quarter among them, a change may have taken."""

MIN_WEEKS = 3
"""Weeks that can be compared; of fewer all series are looked at by the day."""

STIRRED = 1.15
"""Factor between the fullest and the emptiest week of a series, below which no three days are off its level."""

ROWS = 4096
"""Series looked at in one go: the tables of one go stay in the processor's cache, or near it."""

Floats = npt.NDArray[np.float64]


def demanded(series: int, days: int) -> float:
    """Score that a change of any of so many series must have, so that noise seldom has it."""
    return certainty(series * len(SCALES) * days, DOUBT, days)


def changes(
    counts: Floats, exposure: Floats, first_weekday: int, score: float, fewest: float
) -> Iterator[tuple[int, Excursion]]:
    """Find where any of many series (rows, by day) leaves its usual level; the strongest rows first."""
    rows = standing_out(counts, exposure, first_weekday, score, fewest)
    for row in rows[:MOST].tolist():
        for one in excursions(counts[row], exposure, first_weekday, score, fewest):
            yield row, one


def standing_out(
    counts: Floats, exposure: Floats, first_weekday: int, score: float, fewest: float = FEWEST
) -> npt.NDArray[np.int64]:
    """Rows (series by day) of which some stretch differs from the four weeks before it; the strongest first."""
    strength = np.zeros(len(counts))
    if counts.shape[1] < BASE_LEAST + LEAST:  # nothing is known to be usual yet
        return np.zeros(0, np.int64)
    enough = np.flatnonzero(
        counts.sum(axis=1) >= fewest / MOST_BASE
    )  # others cannot have brought, or lost, it
    for number in range(0, len(enough), ROWS):
        rows = enough[number : number + ROWS]
        strength[rows] = _strength(counts[rows], exposure, first_weekday)
    order = np.argsort(-strength, kind="stable")
    return order[strength[order] >= EASE * score]


def stirred(weeks: Floats, exposure: Floats, fewest: float) -> npt.NDArray[np.bool_]:
    """Say which series may have left their level, by their weekly sums (series by week) alone.

    `exposure` is the watched part of each week. What a change brings or takes is beyond the median week, or the weeks
    without it are: at least half of it.
    """
    known = exposure >= 0.5
    if known.sum() < MIN_WEEKS:
        return np.ones(len(weeks), np.bool_)
    rates = weeks[:, known] / exposure[known]
    beyond = (np.abs(rates - np.median(rates, axis=1, keepdims=True)) * exposure[known]).sum(axis=1)
    differ = (rates.max(axis=1) + 1) >= STIRRED * (rates.min(axis=1) + 1)
    found: npt.NDArray[np.bool_] = (beyond >= fewest / 2) & differ
    return found


def _strength(counts: Floats, exposure: Floats, first_weekday: int) -> Floats:
    """Largest score of any stretch of each series."""
    calm = calmed(counts, exposure)
    time = expected(calm, exposure, first_weekday)
    noise = dispersion(calm, time)
    packets, watched = (_sums(values) for values in (calm, time))
    days = counts.shape[1]
    best = np.zeros(len(counts))
    for scale in SCALES:
        start = np.arange(LEAST, days - LEAST + 1)
        end, low = np.minimum(days, start + scale), np.maximum(0, start - BASE)
        y0, e0 = packets[:, start] - packets[:, low], watched[:, start] - watched[:, low]
        y1, e1 = packets[:, end] - packets[:, start], watched[:, end] - watched[:, start]
        gain = likelihood(y0, e0) + likelihood(y1, e1) - likelihood(y0 + y1, e0 + e1)
        known = (e0 > 0) & (e1 > 0)
        ratio = (y1 / np.where(known, e1, 1) + STEP) / (y0 / np.where(known, e0, 1) + STEP)
        moved = known & ((ratio >= FACTOR * EASE) | (ratio <= 1 / FACTOR / EASE))
        best = np.maximum(best, np.where(moved, gain, 0.0).max(axis=1, initial=0.0))
    found: Floats = np.sqrt(np.maximum(0.0, best) / noise)
    return found


def _sums(values: Floats) -> Floats:
    return np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
