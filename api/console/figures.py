"""Numbers and times as people read them. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import inf

NOTHING = "\N{EN DASH}"
"""What stands where a figure is not known."""

_SHORT = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def count(number: int | None) -> str:
    """Write a whole number with its thousands apart."""
    return NOTHING if number is None else f"{number:,}"


def short(number: float | None) -> str:
    """Write a number in three digits and a unit: `1.23 M`."""
    if number is None:
        return NOTHING
    for size, unit in _SHORT:
        if abs(number) >= size * 0.9995:
            return f"{_three(number / size)} {unit}"
    return f"{number:.0f}" if number == int(number) else _three(number)


def _three(number: float) -> str:
    decimals = next(count for count, end in ((2, 9.995), (1, 99.95), (0, inf)) if abs(number) < end)
    return f"{number:.{decimals}f}"


def share(part: float | None) -> str:
    """Write a share: `12.3 %`."""
    if part is None:
        return NOTHING
    return "<0.1 %" if 0 < part < 0.0005 else f"{part * 100:.1f} %"


def change(part: float | None) -> str:
    """Write a change with its sign; what is many times as much as a multiple."""
    if part is None:
        return NOTHING
    if part >= 9:
        return f"\N{MULTIPLICATION SIGN}{part + 1:,.0f}"
    percent = round(part * 100)
    return "±0 %" if percent == 0 else f"{percent:+d} %".replace("-", "\N{MINUS SIGN}")


def moment(time: datetime | None) -> str:
    """Write a time of day with its date, as the zone has it."""
    return NOTHING if time is None else f"{time:%Y-%m-%d %H:%M}"


def stretch(length: timedelta, units: str = "d h min s") -> str:
    """Write a length of time in its largest unit: `12 s`, `3 min`, `5 h`, `9 d`; `units` begin with the largest."""
    seconds = max(0, int(length.total_seconds()))
    *larger, least = units.split()
    for size, unit, from_size in zip((86_400, 3600, 60), larger, (2, 2, 1), strict=True):
        if seconds >= from_size * size:
            return f"{seconds // size:,} {unit}"
    return f"{seconds} {least}"
