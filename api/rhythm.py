"""Rhythms: when in the day and in the week a country's packets come, and whether that looks like people at work.

Pure: counts by slots of time in, profiles out. All averages are over watched time, so an outage is no dip; the day of
a profile counts each hour the same, however much of it was watched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import ClassVar
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import polars as pl

from darkscope.api.calendars import DaysOff
from darkscope.api.periods import EPOCH, Window
from darkscope.api.ranking import Provenance

HOURS, WEEK = 24, 7

LONGEST = timedelta(days=400)
"""Of periods: rhythms change, and each hour is looked at."""

MORNING = (4, 5, 6)
"""Hours before offices open: by 7 and 8 it rises."""
OPEN = (9, 10, 11, 13, 14, 15, 16)
"""Hours at work."""
AROUND_NOON = (11, 13)
NOON = (12,)
EVENING = (19, 20, 21, 22, 23)
"""Hours after offices closed."""

NOTABLE = 0.25
"""A rise, a dip at noon, an end: each by this share of what is usual at work."""

CERTAINTY = 1.64
"""Standard errors by which a share must differ from what is notable: 95 % on one side."""

FEWEST_DAYS = 3
FEWEST_PACKETS = 200
"""Of working days, for a verdict."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Verdict(StrEnum):
    """Whether packets keep office hours."""

    OFFICE = "office hours"
    NONE = "none"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Slots:
    """Consecutive slots of time, each within one local hour of every zone in question."""

    starts: Ints  # minutes since 1970
    covered: Ints  # watched seconds of all sensors together


@dataclass(frozen=True, slots=True)
class Home:
    """What is known of a country's days."""

    zone: ZoneInfo | None
    zones: int  # how many it has
    off: DaysOff


@dataclass(frozen=True, slots=True)
class Row:
    """The rhythm of one source country. Rates are packets per sensor; None where nobody watched."""

    value: str
    label: str
    packets: int
    zone: str | None  # of the source; None where it is not known
    zones: int  # how many the country has; of several the most populous is taken
    verdict: Verdict
    strength: float | None  # the weakest of rise, dip and end, 0 to 1; None where they are not known
    rise: float | None  # share by which mornings (4-6 h) are below working hours (9-11 h, 13-16 h)
    dip: float | None  # share by which noon (12 h) is below the hours beside it
    end: float | None  # share by which evenings (19-23 h) are below working hours
    reason: str
    work_days: int
    weekend_days: int  # weekend and holidays are those of the country
    holiday_days: int  # public holidays that are no weekend
    work: float | None  # a day
    weekend: float | None  # a day
    holiday: float | None  # a day
    rest_ratio: float | None  # weekends and holidays together over working days
    weekdays: tuple[float | None, ...]  # a day: Monday to Sunday, without public holidays
    work_hours: tuple[float | None, ...]  # an hour: working days by the source's clock, from 0 h
    hours: tuple[float | None, ...]  # an hour: all days by the source's clock
    reader_hours: tuple[float | None, ...]  # an hour: all days by the reader's clock
    holidays: tuple[str, ...]  # the public holidays of the period, with their names


@dataclass(frozen=True, slots=True)
class Rhythms:
    """The rhythms of some source countries."""

    ROW: ClassVar = Row
    rows: tuple[Row, ...]
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class _Local:
    """Slots by a clock."""

    day: Ints  # days since 1970
    hour: Ints


def step(zones: Iterable[ZoneInfo], window: Window) -> str:
    """Give the longest step whose slots lie within one local hour of every zone: some are 30 or 45 minutes off."""
    days = range((window.end - window.start) // timedelta(days=1) + 1)  # a clock may be changed in between
    moments = [*(window.start + timedelta(days=day) for day in days), window.end]
    offsets = (moment.astimezone(zone).utcoffset() or timedelta() for zone in zones for moment in moments)
    return "15m" if any(offset % timedelta(hours=1) for offset in offsets) else "hour"


def rhythms(
    slots: Slots,
    packets: Mapping[str, Ints],
    home: Callable[[str], Home],
    *,
    reader: ZoneInfo,
    label: Callable[[str], str],
    provenance: Provenance,
) -> Rhythms:
    """Find the rhythm of each country, given its packets slot by slot."""
    by_reader = _local(slots, reader)
    rows = tuple(
        _row(country, label(country), slots, counts, home(country), by_reader)
        for country, counts in packets.items()
    )
    return Rhythms(rows, provenance)


def _row(country: str, label: str, slots: Slots, counts: Ints, home: Home, by_reader: _Local) -> Row:
    local = by_reader if home.zone is None else _local(slots, home.zone)
    known = home.zone is not None
    kinds = _kinds(local, home.off)
    named = {_number(day): f"{day} {name}" for day, name in sorted(home.off.holidays.items())}
    within = set(local.day[kinds != _PART])
    ordinary = (kinds != _PART) & ~np.isin(local.day, list(named))
    weekday = (local.day + EPOCH.weekday()) % WEEK

    def day_rate(chosen: npt.NDArray[np.bool_]) -> float | None:
        rates = _hourly(local.hour, counts, slots.covered, chosen)
        return _number_or_none(rates.sum()) if known else None

    work, weekend, holiday = (kinds == kind for kind in (_WORK, _WEEKEND, _HOLIDAY))
    at_work, at_rest = day_rate(work), day_rate(weekend | holiday)
    parts = _Parts.of(local, counts, slots.covered, work) if known else None
    verdict, reason = (Verdict.UNCLEAR, "no time zone is known") if parts is None else parts.judged()
    return Row(
        value=country,
        label=label,
        packets=int(counts.sum()),
        zone=home.zone.key if home.zone else None,
        zones=home.zones,
        verdict=verdict,
        strength=None if parts is None else parts.strength,
        rise=None if parts is None else _number_or_none(parts.shares[0]),
        dip=None if parts is None else _number_or_none(parts.shares[1]),
        end=None if parts is None else _number_or_none(parts.shares[2]),
        reason=reason,
        work_days=_days(local, slots.covered, work) if known else 0,
        weekend_days=_days(local, slots.covered, weekend) if known else 0,
        holiday_days=_days(local, slots.covered, holiday) if known else 0,
        work=at_work,
        weekend=day_rate(weekend),
        holiday=day_rate(holiday),
        rest_ratio=at_rest / at_work if at_work and at_rest is not None else None,
        weekdays=tuple(day_rate((weekday == day) & ordinary) for day in range(WEEK)),
        work_hours=_told(_hourly(local.hour, counts, slots.covered, work), known=known),
        hours=_told(_hourly(local.hour, counts, slots.covered, None), known=known),
        reader_hours=_told(_hourly(by_reader.hour, counts, slots.covered, None), known=True),
        holidays=tuple(text for day, text in named.items() if known and day in within),
    )


_PART, _WORK, _WEEKEND, _HOLIDAY = range(4)
"""Kinds of days; of a part, less than half lies within the slots."""


def _kinds(local: _Local, off: DaysOff) -> Ints:
    """What kind of day each slot is of."""
    weekday = (local.day + EPOCH.weekday()) % WEEK
    holiday = np.isin(local.day, [_number(day) for day in off.holidays])
    kinds = np.where(holiday, _HOLIDAY, _WORK)
    kinds = np.where(np.isin(weekday, sorted(off.weekend)), _WEEKEND, kinds)
    days, slots = np.unique(local.day, return_counts=True)
    parts = days[2 * slots < slots.max(initial=0)]
    return np.where(np.isin(local.day, parts), _PART, kinds)


def _local(slots: Slots, zone: ZoneInfo) -> _Local:
    at = (
        pl.from_epoch(pl.Series("at", slots.starts * 60), time_unit="s")
        .dt.replace_time_zone("UTC")
        .dt.convert_time_zone(zone.key)
    )
    return _Local(
        at.dt.date().to_physical().to_numpy().astype(np.int64), at.dt.hour().to_numpy().astype(np.int64)
    )


def _hourly(hour: Ints, counts: Ints, covered: Ints, chosen: npt.NDArray[np.bool_] | None) -> Floats:
    """Packets per sensor and hour, by hour of the day; NaN where nobody watched."""
    which = np.ones(len(hour), np.bool_) if chosen is None else chosen
    packets = np.bincount(hour[which], counts[which], HOURS)
    seconds = np.bincount(hour[which], covered[which], HOURS)
    rates: Floats = np.divide(packets * 3600, seconds, out=np.full(HOURS, np.nan), where=seconds > 0)
    return rates


def _told(rates: Floats, *, known: bool) -> tuple[float | None, ...]:
    return tuple(_number_or_none(rate) if known else None for rate in rates)


def _number_or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _days(local: _Local, covered: Ints, chosen: npt.NDArray[np.bool_]) -> int:
    """Days of which anything was watched."""
    return len(np.unique(local.day[chosen & (covered > 0)]))


def _number(day: date) -> int:
    return (day - EPOCH.date()) // timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Parts:
    """The three marks of office hours on working days, with their standard errors."""

    shares: Floats  # of MARKS; NaN where not known
    errors: Floats
    days: int
    packets: int

    @classmethod
    def of(cls, local: _Local, counts: Ints, covered: Ints, work: npt.NDArray[np.bool_]) -> _Parts:
        """Find the marks, and their errors by leaving out each day in turn (jackknife), and by the counts alone."""
        which = work & (covered > 0)
        days, row = np.unique(local.day[which], return_inverse=True)
        place = row * HOURS + local.hour[which]
        shape = (len(days), HOURS)
        packets = np.bincount(place, counts[which], len(days) * HOURS).reshape(shape)
        seconds = np.bincount(place, covered[which], len(days) * HOURS).reshape(shape)
        shares = _shares(packets.sum(0), seconds.sum(0))
        left_out = zip(packets.sum(0) - packets, seconds.sum(0) - seconds, strict=True)
        others = np.array([_shares(*rest) for rest in left_out]).reshape(len(days), len(MARKS))
        spread = (others - others.mean(0)) ** 2 if len(days) else others
        jackknife = np.sqrt((len(days) - 1) / max(len(days), 1) * spread.sum(0))
        errors = np.fmax(jackknife, _chance(packets.sum(0), shares))
        return cls(shares, errors, len(days), int(packets.sum()))

    @property
    def strength(self) -> float | None:
        """The weakest of the marks, 0 to 1."""
        return _number_or_none(np.clip(self.shares.min(), 0, 1))

    def judged(self) -> tuple[Verdict, str]:
        """Say whether these are office hours, and why."""
        if self.days < FEWEST_DAYS or self.packets < FEWEST_PACKETS or not np.isfinite(self.shares).all():
            return Verdict.UNCLEAR, f"too little: {self.packets:,} packets on {self.days} working days"
        told = ", ".join(f"{name} {share:.0%}" for name, share in zip(NAMES, self.shares, strict=True))
        margin = CERTAINTY * self.errors
        low, high = self.shares - margin, self.shares + margin
        if (low >= NOTABLE).all():
            return Verdict.OFFICE, told
        missing = [f"no {name}" for name, bound in zip(NAMES, high, strict=True) if bound < NOTABLE]
        if missing:
            return Verdict.NONE, f"{told}: {' and '.join(missing)}"
        return Verdict.UNCLEAR, f"{told}: not certain"


MARKS = ((MORNING, OPEN), (NOON, AROUND_NOON), (EVENING, OPEN))
"""Rise, dip, end: hours that are to be low, and hours that they are compared with."""

NAMES = ("rise by 9 h", "dip at 12 h", "end by 19 h")


def _shares(packets: Floats, seconds: Floats) -> Floats:
    """By what share the low hours of each mark are below the others."""
    rates = [[_ratio(packets[list(hours)], seconds[list(hours)]) for hours in mark] for mark in MARKS]
    return np.array([1 - low / high if high else np.nan for low, high in rates])


def _ratio(packets: Floats, seconds: Floats) -> float:
    return float(packets.sum() / seconds.sum()) if seconds.sum() else np.nan


def _chance(packets: Floats, shares: Floats) -> Floats:
    """Standard errors of the shares if packets came independently (Poisson); a count of 0 is no certainty."""
    inverse = [sum(1 / (packets[list(hours)].sum() + 1) for hours in mark) for mark in MARKS]
    errors: Floats = np.fmax(1 - shares, 1 / (1 + packets.sum())) * np.sqrt(inverse)
    return errors
