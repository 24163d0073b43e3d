"""Where one series of daily counts leaves its usual level, and where it comes back.

Pure: counts and watched time in, stretches out. The series is cut into stretches of one level by optimal partitioning
(Jackson et al., IEEE Signal Processing Letters 12, 2005; Killick, Fearnhead and Eckley's PELT finds the same cuts,
JASA 107, 2012), under a quasi-Poisson likelihood: what was not watched weighs nothing, the week's rhythm is part of
what is expected, and the noise is the series' own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import exp, inf, sqrt
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

WEEK = 7

LEAST = 3
"""Days that a level lasts at least: what is shorter is a burst, and no paragraph."""

BASE = 4 * WEEK
"""Watched days before a change that say what is usual."""

BASE_LEAST = 2 * WEEK
"""Of these so many at least, or nothing is known to be usual."""

FACTOR = 1.5
"""Change of the level, up or down, from which on it is worth a paragraph."""

BACK = sqrt(FACTOR)
"""So near to the usual level, up or down, a change is over."""

LEFT_OVER = 1 / 3
"""Part of a change, on a scale of factors, that may be left when it is over."""

STAYED = 4 * WEEK
"""Days after which a changed level is the usual one."""

FEWEST = 100
"""Packets that a change brings, or takes, at least."""

SPIKE = 3.0
"""A day with more than so many times its larger neighbour counts as so many times it: one day is no level."""

SPIKE_ROOM = 10.0
"""Packets a day that no spike is cut below."""

PRIOR = 20.0
"""Packets that pull the weekday's factor of a small series to 1."""

STEP = 1 / WEEK
"""A packet a week: added to levels where they are compared, so that what is new has a factor too."""

USUAL = 0.907
"""Median of a week's mean of squares of normal variables: that of chi2 with 7 degrees, over 7."""

KNOWN = 0.4
"""Degrees of freedom that a day lends to the noise: half of what it had if days were not compared in pairs."""

TURN = 3.0
"""Standard deviations between a peak and a trough."""

DEEP = 20.0
"""Packets a day between them at least."""

LEARNED = 4 * WEEK
"""Usual days from which the week's rhythm is learned without the unusual ones."""

PEAKS = 3
"""Ups and downs from which on a series swings."""

CALM = 2 * WEEK
"""Days of the usual level that part two swings from each other."""

ALIKE = 2.0
"""Peaks of swings differ by no more than this factor."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Excursion:
    """A stretch of days off the usual level. Rates are packets a day, were all sensors watching all day."""

    start: int  # day
    end: int | None  # the first day after it; None: it lasts
    returned: bool  # whether the level is usual again after it
    base: float  # usual rate
    level: float  # mean rate
    peak: float  # rate of the highest level (of a fall: of the lowest)
    excess: float  # packets beyond the usual; negative for a fall
    score: float  # how far beyond chance, in standard deviations of the series' noise
    peaks: int  # ups and downs inside

    @property
    def rises(self) -> bool:
        """Whether it is above the usual."""
        return self.level > self.base

    @property
    def factor(self) -> float:
        """Level over usual level."""
        return (self.level + STEP) / (self.base + STEP)

    @property
    def swings(self) -> bool:
        """Whether it goes up and down, above the usual."""
        return self.rises and self.peaks >= PEAKS


def certainty(looks: float, doubt: float, days: int) -> float:
    """Standard deviations that noise exceeds in none of so many looks, but with a chance of `doubt`.

    By Bonferroni; the noise itself is estimated from so many days, so the quantile is Student's (Wallace, Annals of
    Mathematical Statistics 30, 1959).
    """
    freedom = max(3.0, days * KNOWN)
    normal = NormalDist().inv_cdf(1 - doubt / 2 / max(1.0, looks)) * (8 * freedom + 3) / (8 * freedom + 1)
    return sqrt(freedom * (exp(normal**2 / freedom) - 1)) if normal**2 / freedom < 50 else inf


def calmed(counts: Floats, exposure: Floats) -> Floats:
    """Counts (days last) without spikes of a single day."""
    watched = exposure > 0
    rates = np.where(watched, counts / np.where(watched, exposure, 1), np.nan)
    edge = [(0, 0)] * (counts.ndim - 1) + [(1, 1)]
    padded = np.pad(rates, edge, constant_values=np.nan)
    neighbour = np.fmax(padded[..., :-2], padded[..., 2:])
    most = np.maximum(SPIKE * np.nan_to_num(neighbour, nan=inf), SPIKE_ROOM)
    calm: Floats = np.where(watched, np.minimum(rates, most) * exposure, 0.0)
    return calm


def expected(
    counts: Floats, exposure: Floats, first_weekday: int, without: npt.NDArray[np.int64] | None = None
) -> Floats:
    """Watched time of each day, times its weekday's share of the week; the week's rhythm is in it (days last).

    The rhythm is learned from all days, but for those `without`.
    """
    days = counts.shape[-1]
    watched = np.broadcast_to(exposure, counts.shape)
    total, time = _week_around(counts), _week_around(watched)
    usual = np.where(time > 0, total / np.where(time > 0, time, 1), 0.0) * exposure
    ordinary = np.minimum(counts, SPIKE * usual)
    if without is not None:
        ordinary[..., without], usual[..., without] = 0.0, 0.0
    factors = np.ones_like(counts)
    for weekday in range(WEEK):
        its = np.arange((weekday - first_weekday) % WEEK, days, WEEK)
        ratio = (ordinary[..., its].sum(-1) + PRIOR) / (usual[..., its].sum(-1) + PRIOR)
        factors[..., its] = ratio[..., None]
    found: Floats = exposure * factors
    return found


def _week_around(values: Floats) -> Floats:
    """Sum over the week around each day; at the ends over what there is of it."""
    sums = np.concatenate([np.zeros((*values.shape[:-1], 1)), np.cumsum(values, axis=-1)], axis=-1)
    day = np.arange(values.shape[-1])
    low, high = np.maximum(0, day - WEEK // 2), np.minimum(len(day), day + WEEK // 2 + 1)
    found: Floats = sums[..., high] - sums[..., low]
    return found


def dispersion(counts: Floats, time: Floats) -> Floats:
    """How much more than a Poisson count each series varies: variance over mean, at least 1 (days last).

    From each day to the next and to the same weekday, whichever varies more, each week for itself; of the weeks
    with packets the median, for those in which the level changes say nothing of the noise.
    """
    return np.maximum(1.0, np.maximum(_varied(counts, time, 1), _varied(counts, time, WEEK)))


def _varied(counts: Floats, time: Floats, lag: int) -> Floats:
    one, other = counts[..., lag:], counts[..., :-lag]
    its, others = time[..., lag:], time[..., :-lag]
    both = one + other
    known = (its > 0) & (others > 0) & (both > 0)
    share = np.where(known, its / np.where(known, its + others, 1), 0.5)
    # Of the packets of both days each falls on the first by its time: a binomial count.
    squares = np.where(known, (one - share * both) ** 2 / np.where(known, both * share * (1 - share), 1), 0.0)
    weeks = squares.shape[-1] // WEEK
    shape = (*squares.shape[:-1], weeks, WEEK)
    sums, days = (values[..., : weeks * WEEK].reshape(shape).sum(-1) for values in (squares, known))
    means = np.sort(np.where(days > 0, sums / np.maximum(days, 1), inf), axis=-1)
    heard = (days > 0).sum(axis=-1)
    # Weeks without packets say nothing; but what is heard in fewer than half of the weeks was quiet in the others.
    quiet = np.maximum(0, weeks // 2 - heard)
    low, high = (np.clip((heard + quiet - one) // 2 - quiet, -1, weeks - 1) for one in (1, 0))
    found: Floats = (_at(means, low) + _at(means, np.minimum(high, heard - 1))) / 2 / USUAL
    return found


def _at(means: Floats, place: npt.NDArray[np.int64]) -> Floats:
    """Value at a place of sorted rows; before the first it is that of a Poisson count."""
    found = np.take_along_axis(means, np.maximum(place, 0)[..., None], axis=-1)[..., 0]
    value: Floats = np.where(place < 0, USUAL, found)
    return value


def likelihood(packets: Floats, time: Floats) -> Floats:
    """Twice the Poisson log-likelihood of counts at their own rate, but for what all models of them share."""
    is_known = (packets > 0) & (time > 0)
    found: Floats = np.where(
        is_known,
        2 * packets * np.log(np.where(is_known, packets, 1) / np.where(is_known, time, 1)),
        0.0,
    )
    return found


def partition(counts: Floats, time: Floats, penalty: float) -> list[int]:
    """Cut a series of watched days into stretches of one level, LEAST days each: their starts, and the end.

    The exact minimum of the sum of costs, each further stretch costing the penalty.
    """
    days = len(counts)
    packets, watched = (np.concatenate([[0.0], np.cumsum(values)]) for values in (counts, time))
    best = np.full(days + 1, inf)
    best[0] = -penalty
    came_from = np.zeros(days + 1, np.int64)
    for end in range(LEAST, days + 1):
        start = np.arange(end - LEAST + 1)
        cost = (
            best[start] + penalty - likelihood(packets[end] - packets[start], watched[end] - watched[start])
        )
        came_from[end] = start[np.argmin(cost)]
        best[end] = cost[came_from[end]]
    cuts = [days]
    while cuts[-1] > 0:
        cuts.append(int(came_from[cuts[-1]]))
    return cuts[::-1]


def excursions(
    counts: Floats, exposure: Floats, first_weekday: int, score: float, fewest: float = FEWEST
) -> list[Excursion]:
    """Find where one series leaves its usual level, beyond a score of noise; swings are one excursion.

    `exposure` is the share of each day that was watched, 0 where too little was.
    """
    found = _excursions(counts, exposure, first_weekday, score, fewest, None)
    unusual = {day for one in found for day in range(one.start, one.end or len(counts))}
    if unusual and len(counts) - len(unusual) >= LEARNED:
        found = _excursions(counts, exposure, first_weekday, score, fewest, np.array(sorted(unusual)))
    return list(_swinging(found))


def _excursions(
    counts: Floats,
    exposure: Floats,
    first_weekday: int,
    score: float,
    fewest: float,
    unusual: npt.NDArray[np.int64] | None,
) -> list[Excursion]:
    watched = np.flatnonzero(exposure > 0)
    if len(watched) < BASE_LEAST + LEAST:
        return []
    calm = calmed(counts, exposure)
    time = expected(calm, exposure, first_weekday, unusual)[watched]
    calm = calm[watched]
    noise = float(dispersion(calm, time))
    levels = _Levels(calm, time, noise, partition(calm / noise, time, score**2))
    return [
        replace(
            one,
            start=int(watched[one.start]),
            end=None if one.end is None else int(watched[one.end]),
        )
        for one in levels.excursions()
        if abs(one.excess) >= fewest and one.score >= score
    ]


@dataclass(frozen=True, slots=True)
class _Levels:
    """A series of watched days, cut into levels."""

    counts: Floats
    time: Floats
    noise: float  # dispersion
    cuts: list[int]
    usual: list[int] = field(default_factory=list)  # days that say what is usual

    def excursions(self) -> Iterator[Excursion]:
        """Walk through the levels: what leaves the usual level begins, what is near it again ends."""
        stretches = list(pairwise(self.cuts))
        number = 0
        while number < len(stretches):
            base = self._base()
            last = number if base is None else self._last(stretches, number, base)
            start, end = stretches[number][0], stretches[last][1]
            is_off = base is not None and _beyond(self._rate(*stretches[number]), base, FACTOR)
            if base is not None and is_off and self._holds(start, end, base):
                rises = self._rate(start, end) > base
                returned = last + 1 < len(stretches) and not _beyond(
                    self._rate(*stretches[last + 1]), base, self._near(start, end, base), rises=rises
                )
                yield self._excursion(stretches[number : last + 1], base, returned=returned)
                if (end - start >= BASE_LEAST and not returned) or end - start >= STAYED:
                    self.usual.clear()
            else:
                last, end = number, stretches[number][1]
                is_off = False
            if not is_off or not self.usual:
                self.usual.extend(range(start, end))
            number = last + 1

    def _last(self, stretches: list[tuple[int, int]], number: int, base: float) -> int:
        """Number of the last stretch that is still off the usual level, and is no further change of its own."""
        first, last = stretches[number][0], number
        rises = self._rate(*stretches[number]) > base
        while last + 1 < len(stretches):
            following = self._rate(*stretches[last + 1])
            reached = stretches[last][1]
            goes_on = reached - first >= BASE_LEAST and _beyond(
                following, self._rate(first, reached), FACTOR, rises=rises
            )
            near = self._near(first, reached, base)
            if goes_on or not _beyond(following, base, near, rises=rises):
                break
            last += 1
        return last

    def _near(self, start: int, end: int, base: float) -> float:
        """Factor within which a level is the usual again: the greater the change was, the more is left of it."""
        ratio = (self._rate(start, end) + STEP) / (base + STEP)
        return max(BACK, float(max(ratio, 1 / ratio) ** LEFT_OVER))

    def _excursion(self, stretches: list[tuple[int, int]], base: float, *, returned: bool) -> Excursion:
        start, end = self._trimmed(stretches[0][0], stretches[-1][1], base)
        level = self._rate(start, end)
        rates = [self._rate(*one) for one in stretches]
        before, here = self.usual[-BASE:], list(range(start, end))
        y0, e0, y1, e1 = (
            float(values[part].sum()) for part in (before, here) for values in (self.counts, self.time)
        )
        apart = likelihood(np.array([y0, y1]), np.array([e0, e1])).sum()
        together = likelihood(np.array(y0 + y1), np.array(e0 + e1))
        return Excursion(
            start=start,
            end=None if end == len(self.counts) else end,
            returned=returned,
            base=base,
            level=level,
            peak=max(rates) if level > base else min(rates),
            excess=y1 - base * e1,
            score=sqrt(max(0.0, float(apart - together)) / self.noise),
            peaks=self._peaks(start, end),
        )

    def _peaks(self, start: int, end: int) -> int:
        """How often a stretch goes up and down, day by day; not by the week."""
        days = np.arange(end - start)
        rates = self.counts[start:end] / self.time[start:end]
        if len(days) >= STAYED:  # it may have a rhythm that the usual days have not
            smooth = _week_around(rates) / _week_around(np.ones(len(days)))
            ratio = rates / np.maximum(smooth, STEP)
            typical = np.array([np.median(ratio[days % WEEK == day]) for day in range(WEEK)])
            rates = rates / np.maximum(typical, STEP)[days % WEEK]
        return turns(rates, float(self.noise / self.time[start:end].mean()))

    def _rate(self, start: int, end: int) -> float:
        return float(self.counts[start:end].sum() / self.time[start:end].sum())

    def _base(self) -> float | None:
        """Say what is usual by now: the median of the last usual weeks."""
        days = self.usual[-BASE:]
        if len(days) < BASE_LEAST:
            return None
        weeks = (days[max(0, last - WEEK) : last] for last in range(len(days), LEAST, -WEEK))
        return float(np.median([self.counts[week].sum() / self.time[week].sum() for week in weeks]))

    def _trimmed(self, start: int, end: int, base: float) -> tuple[int, int]:
        """Take usual days off both ends: a stretch of LEAST days may have begun with them."""

        def is_usual(day: int) -> bool:
            return not _beyond(float(self.counts[day] / self.time[day]), base, BACK)

        first = next((day for day in range(start, min(end, start + LEAST)) if not is_usual(day)), start)
        last = next((day for day in range(end, max(start, end - LEAST), -1) if not is_usual(day - 1)), end)
        return (first, last) if last - first >= 1 and end < len(self.counts) else (first, end)

    def _holds(self, start: int, end: int, base: float) -> bool:
        """Whether most days are off the usual level, not only their sum."""
        rates = self.counts[start:end] / self.time[start:end]
        return _beyond(float(np.median(rates)), base, BACK)


def _beyond(rate: float, base: float, factor: float, rises: bool | None = None) -> bool:
    """Whether a rate lies so far from the usual, on the side asked about."""
    ratio = (rate + STEP) / (base + STEP)
    above, below = ratio >= factor, ratio <= 1 / factor
    return above or below if rises is None else above if rises else below


def turns(rates: Floats, noise: float) -> int:
    """Count the peaks of daily rates that stand out from the troughs beside them, by factor and by noise.

    The variance of a day's rate is `noise` times the rate.
    """

    def apart(high: float, low: float) -> bool:
        return high >= FACTOR * low and high - low >= max(DEEP, TURN * sqrt(noise * (high + low)))

    peaks, low, high, is_up = 0, float(rates[0]), float(rates[0]), True
    for rate in rates.tolist():
        if is_up:
            high = max(high, rate)
            if apart(high, rate):
                peaks, low, is_up = peaks + 1, rate, False
        else:
            low = min(low, rate)
            if apart(rate, low):
                high, is_up = rate, True
    return peaks + is_up


def _swinging(found: list[Excursion]) -> Iterator[Excursion]:
    """Make one of several excursions alike, in a row, where they are as many as swing."""
    row: list[Excursion] = []
    for one in found:
        last = row[-1] if row else None
        if last is None or not _follows(last, one):
            yield from _together(row)
            row = []
        row.append(one)
    yield from _together(row)


def _follows(last: Excursion, one: Excursion) -> bool:
    near = last.end is not None and one.start - last.end <= CALM
    alike = max(last.peak, one.peak) <= ALIKE * min(last.peak, one.peak)
    return near and alike and last.rises == one.rises


def _together(row: list[Excursion]) -> Iterator[Excursion]:
    if sum(one.peaks for one in row) < PEAKS or len(row) == 1:
        yield from row
        return
    peak = max(one.peak for one in row) if row[0].rises else min(one.peak for one in row)
    yield replace(
        row[0],
        end=row[-1].end,
        returned=row[-1].returned,
        level=float(np.mean([one.level for one in row])),
        peak=peak,
        excess=sum(one.excess for one in row),
        score=max(one.score for one in row),
        peaks=sum(one.peaks for one in row),
    )
