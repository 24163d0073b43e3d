"""The axis of time: where its marks stand and what they say, in the reader's zone and language.

Pure. Instants are exact UTC, and the marks' words are written here, so that no drawing program needs to know zones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from darkscope.api.charts.style import Spec
from darkscope.api.language import MONTH, SHORT_DAY, WEEKDAY, written_day
from darkscope.api.periods import Window, instant, midnight
from darkscope.ingest.values import Language

MOST_MARKS = 16
"""Words that fit beside each other."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark on the axis."""

    at: datetime  # UTC
    words: tuple[str, ...]  # lines


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970: instants as Vega has them."""
    return round(moment.timestamp() * 1000)


def minutes(minute: float) -> int:
    """Milliseconds since 1970 of a minute since 1970."""
    return round(minute * 60_000)


def axis(window: Window, zone: ZoneInfo, language: Language) -> Spec:
    """Give the axis of a window, as Vega-Lite's `axis`."""
    marks = marks_of(window, zone, language)
    words = ", ".join(f"'{milliseconds(mark.at)}': {list(mark.words)!r}" for mark in marks)
    return {
        "title": None,
        "values": [milliseconds(mark.at) for mark in marks],
        "labelExpr": f"({{{words}}})[toString(time(datum.value))]",
        "labelOverlap": True,
        "labelFlush": False,
        "grid": True,
    }


def marks_of(window: Window, zone: ZoneInfo, language: Language) -> list[Mark]:
    """Choose the marks of a window: as fine as there is room for words."""
    days = (window.end - window.start) / timedelta(days=1)
    first = window.start.astimezone(zone).date()
    if days <= 2:
        return _hours(window, zone, language, 1 if days < 0.5 else 3 if days <= 1.1 else 6)
    every = [first + timedelta(days=number) for number in range(int(days) + 2)]
    if days <= 2 * MOST_MARKS:
        chosen = every[:: 1 if days <= MOST_MARKS else 2]
        return _within(window, zone, chosen, lambda day: _numbered(day, chosen, language))
    if days <= 2 * 92:
        chosen = [day for day in every if day.day in ((1, 11, 21) if days <= 95 else (1, 16))]
        return _within(window, zone, chosen, lambda day: _day(day, language, weekday=False))
    months = [day for day in every if day.day == 1]
    step = -(-len(months) // MOST_MARKS)
    return _within(window, zone, months[::step], lambda day: (written_day(day, MONTH, language),))


def _hours(window: Window, zone: ZoneInfo, language: Language, step: int) -> list[Mark]:
    moment, marks = window.start.replace(minute=0), []
    while moment < window.end:
        local = moment.astimezone(zone)
        if moment >= window.start and local.hour % step == 0 and local.minute == 0:
            day = () if local.hour else (_day(local.date(), language, weekday=True)[0],)
            marks.append(Mark(moment, (f"{local.hour}:00", *day)))
        moment += timedelta(minutes=15)
    return marks


def _day(day: date, language: Language, *, weekday: bool) -> tuple[str, ...]:
    text = written_day(day, SHORT_DAY, language)
    return (text, written_day(day, WEEKDAY, language)) if weekday else (text,)


def _numbered(day: date, marked: Sequence[date], language: Language) -> tuple[str, ...]:
    """Name a day by its number, and the first of each month whole; and its weekday."""
    first = next(one for one in marked if (one.year, one.month) == (day.year, day.month))
    text, weekday = _day(day, language, weekday=True)
    return text if day == first else str(day.day), weekday


def _within(
    window: Window, zone: ZoneInfo, days: Sequence[date], words: Callable[[date], tuple[str, ...]]
) -> list[Mark]:
    moments = ((midnight(day, zone), day) for day in days)
    return [Mark(at, words(day)) for at, day in moments if window.start <= at < window.end]


def written_moment(minute: int, zone: ZoneInfo) -> str:
    """Write a moment for a tooltip: without its clock where it is a midnight."""
    local = instant(minute).astimezone(zone)
    return f"{local:%Y-%m-%d}" if (local.hour, local.minute) == (0, 0) else f"{local:%Y-%m-%d %H:%M}"
