"""When: the windows that questions are asked about, and the buckets that a window is cut into.

Text, a zone and the present time in, UTC instants out; the clock is never asked here.
Instants fall on whole minutes, the ledger's finest step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST = datetime(3000, 1, 1, tzinfo=UTC)
"""No question reaches beyond."""

DAY = 1440
"""Minutes of a UTC day."""

UNDERSTOOD = (
    "understood are a quarter (2020-Q2), a year (2020), a month (2020-06), a day (2020-06-24), "
    "days with both included (2020-06-24/2020-06-30), and a stretch up to now (90m, 24h, 7d)"
)


class PeriodError(ValueError):
    """A period or step that cannot be read; the message names it and what is understood."""


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open stretch of time that a question is asked about."""

    start: datetime  # UTC, included
    end: datetime  # UTC, excluded

    @property
    def minutes(self) -> tuple[int, int]:
        """Start and end in minutes since 1970."""
        return minute(self.start), minute(self.end)


@dataclass(frozen=True, slots=True)
class Period:
    """A window as a person named it, and the one that came before."""

    text: str
    zone: ZoneInfo  # where days begin
    window: Window
    previous: Window  # what it is compared with: of a quarter the quarter before; else the same length before

    @property
    def both(self) -> Window:
        """From the start of the earlier to the end of the later of the two."""
        now, before = self.window, self.previous
        return Window(min(now.start, before.start), max(now.end, before.end))


@dataclass(frozen=True, slots=True)
class Buckets:
    """A window cut into consecutive buckets, which begin anew with each local day."""

    zone: ZoneInfo
    step: str  # as it was asked for
    edges: tuple[int, ...]  # minutes since 1970; bucket i is edges[i] up to, without, edges[i + 1]

    def __len__(self) -> int:
        return len(self.edges) - 1

    @property
    def starts(self) -> list[datetime]:
        """Start of each bucket, in the zone."""
        return [instant(edge).astimezone(self.zone) for edge in self.edges[:-1]]

    @property
    def window(self) -> Window:
        """From the first bucket's start to the last one's end."""
        return Window(instant(self.edges[0]), instant(self.edges[-1]))


def minute(moment: datetime) -> int:
    """Minutes since 1970 of a moment, rounded down."""
    return (moment - EPOCH) // timedelta(minutes=1)


def instant(minutes: int) -> datetime:
    """Give the UTC moment so many minutes after 1970 began."""
    return EPOCH + timedelta(minutes=minutes)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a local day begins, in UTC; where the clock skips midnight, the moment of the skip."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def parse_period(text: str, zone: ZoneInfo, now: datetime) -> Period:
    """Read a period. Days begin in the zone; `24h` and the like end with the last whole minute before now.

    Raises PeriodError.
    """
    given = text.strip()
    try:
        found = _calendar(given, zone) or _rolling(given, minute(now))
    except (ValueError, OverflowError) as error:
        raise PeriodError(f"the period {text!r} does not exist: {error}") from None
    if found is None:
        raise PeriodError(f"the period {text!r} is not understood; {UNDERSTOOD}")
    before, start, end = found
    if before < EPOCH or end > LAST:
        raise PeriodError(
            f"the period {text!r}, or the one before it, lies outside of 1970 to {LAST.year - 1}"
        )
    if start >= instant(minute(now)):
        raise PeriodError(f"the period {text!r} has not begun, or less than a minute ago")
    return Period(given, zone, Window(start, end), Window(before, start))


def parse_days(text: str, now: datetime) -> tuple[date, date]:
    """Read a period of whole UTC days: the first and the last. Raises PeriodError."""
    window = parse_period(text, ZoneInfo("UTC"), now).window
    if any(minutes % DAY for minutes in window.minutes):
        raise PeriodError(f"the period {text!r} is not of whole UTC days, as 2020-06-24/2020-06-30 is")
    return window.start.date(), (window.end - timedelta(days=1)).date()


def _rolling(text: str, now: int) -> tuple[datetime, datetime, datetime] | None:
    """Bounds of a stretch up to now (minutes since 1970), after the start of the one before it."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})([mhd])", text)
    if not match:
        return None
    length = int(match[1]) * {"m": 1, "h": 60, "d": DAY}[match[2]]
    return instant(now - 2 * length), instant(now - length), instant(now)


def _calendar(text: str, zone: ZoneInfo) -> tuple[datetime, datetime, datetime] | None:
    """Bounds of calendar days, after the start of the ones before them."""
    days = _calendar_days(text)
    return days and (midnight(days[0], zone), midnight(days[1], zone), midnight(days[2], zone))


def _calendar_days(text: str) -> tuple[date, date, date] | None:
    """First days of the period before, the period, and what follows; None where it names no calendar days."""
    if match := re.fullmatch(r"([0-9]{4})-[Qq]([1-4])", text):
        year, month = int(match[1]), int(match[2]) * 3 - 2
        return _month(year, month - 3), _month(year, month), _month(year, month + 3)
    if match := re.fullmatch(r"([0-9]{4})", text):
        year = int(match[1])
        return date(year - 1, 1, 1), date(year, 1, 1), date(year + 1, 1, 1)
    if match := re.fullmatch(r"([0-9]{4})-([0-9]{2})", text):
        year, month = int(match[1]), int(match[2])
        first = date(year, month, 1)
        return _month(year, month - 1), first, _month(year, month + 1)
    if match := re.fullmatch(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:/([0-9]{4}-[0-9]{2}-[0-9]{2}))?", text):
        first = date.fromisoformat(match[1])
        last = date.fromisoformat(match[2] or match[1])
        if last < first:
            raise ValueError("its last day comes before its first")
        after = last + timedelta(days=1)
        return first - (after - first), first, after
    return None


def _month(year: int, month: int) -> date:
    """First day of a month, counted from those of a year: 0 is December before it, 13 January of the next."""
    years, month0 = divmod(month - 1, 12)
    return date(year + years, month0 + 1, 1)


CALENDAR_STEPS = {"week": 0, "month": 1, "quarter": 3}
"""Steps that are no part of a day, in months. A week begins with Monday (ISO 8601)."""


def parse_step(text: str) -> int:
    """Minutes of a step: `5m`, `1h`, `hour`, `day`; it divides a day. Raises PeriodError."""
    given = {"hour": "60m", "day": f"{DAY}m", "1d": f"{DAY}m"}.get(text, text)
    match = re.fullmatch(r"([1-9][0-9]{0,3})([mh])", given)
    minutes = int(match[1]) * (60 if match[2] == "h" else 1) if match else 0
    if not minutes or DAY % minutes:
        raise PeriodError(
            f"the step {text!r} is not understood; understood are hour, day, week, month, quarter, and parts of "
            "a day in whole minutes (1m, 5m, 15m, 2h, 6h)"
        )
    return minutes


def cut(window: Window, step: str, zone: ZoneInfo) -> Buckets:
    """Cut a window into buckets of a step, counted from each local midnight; or into weeks, months, quarters.

    A window that begins within a bucket is widened to that bucket's start, so that the first point is a whole
    one; the last bucket ends with the window. A local day of 23 or 25 hours has 23 or 25 hourly buckets.
    Raises PeriodError.
    """
    end = minute(window.end)
    starts = _calendar_starts if step in CALENDAR_STEPS else _parts_of_days
    return Buckets(zone, step, (*(edge for edge in starts(window, step, zone) if edge < end), end))


def _parts_of_days(window: Window, step: str, zone: ZoneInfo) -> Iterator[int]:
    length = parse_step(step)
    start, end = window.minutes
    day = window.start.astimezone(zone).date()
    while (opening := minute(midnight(day, zone))) < end:
        day += timedelta(days=1)
        closing = minute(midnight(day, zone))
        yield from (edge for edge in range(opening, closing, length) if start < edge + length)


def _calendar_starts(window: Window, step: str, zone: ZoneInfo) -> Iterator[int]:
    day = window.start.astimezone(zone).date()
    months = CALENDAR_STEPS[step]
    monday = day - timedelta(days=day.weekday())
    first = _month(day.year, (day.month - 1) // months * months + 1) if months else monday
    while (opening := midnight(first, zone)) < window.end:
        yield minute(opening)
        first = _month(first.year, first.month + months) if months else first + timedelta(days=7)
