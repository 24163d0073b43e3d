"""What every page obeys, as its address has it: period, sensors, zone, filters, language, theme.

Pure. An address is all there is: a link shows the same to everybody who may see it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import quote, urlencode

from darkscope.api.periods import Period

ABOUT_SENSORS = ("kind", "home", "organisation", "sensor")
ABOUT_PACKETS = ("port", "country", "protocol", "class", "owner", "tool", "research")
KEPT = ("period", "against", "time_zone", *ABOUT_SENSORS, *ABOUT_PACKETS, "lang", "theme", "as", "live")
"""Parameters that go from page to page."""

OF_LISTS = ("rows", "after", "owners_after")
"""Parameters that say what is shown of lists: another question has other lists."""

Given = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """Where a page is, and what its address says."""

    base: str  # path under which a proxy publishes all this; empty: none
    path: str  # of the page
    given: Given  # parameters of the address, in their order

    @classmethod
    def of(cls, base: str, path: str, given: Iterable[tuple[str, str]]) -> Bar:
        """Read an address; parameters without a value are as if they were not there."""
        return cls(base, path, tuple((name, value) for name, value in given if value))

    def values(self, name: str) -> list[str]:
        """All values of a parameter."""
        return [value for key, value in self.given if key == name]

    def value(self, name: str) -> str:
        """Value of a parameter; empty where it has none."""
        return next(iter(self.values(name)), "")

    def link(self, path: str | None = None, /, *parts: str, **changes: object) -> str:
        """Write the address of a page, this one where none is named, obeying the same bar.

        `parts` follow the path, each quoted whole; a change takes the place of a parameter: None, False and empty
        remove it, a list is all its values. What belongs to this page alone stays here, but for places in lists.
        """
        kept = [
            (name, value)
            for name, value in self.others(*(key.rstrip("_") for key in changes))
            if name in KEPT or path is None
        ]
        for name, value in changes.items():
            values = value if isinstance(value, list | tuple) else [value]
            kept += [
                (name.rstrip("_"), "true" if one is True else str(one))
                for one in values
                if one is not None and one is not False and one != ""
            ]
        target = "/".join(
            [(self.path if path is None else path).rstrip("/"), *(quote(one, safe="") for one in parts)]
        )
        query = urlencode(kept)
        return f"{self.base}{target or '/'}{'?' if query else ''}{query}"

    def others(self, *names: str) -> Given:
        """Give the parameters but some, as a form or a link that changes these keeps them."""
        return tuple((name, value) for name, value in self.given if name not in (*names, *OF_LISTS))

    def without(self, name: str, value: str) -> str:
        """Write this page's address without one value of a parameter."""
        return self.link(None, **{name: [one for one in self.values(name) if one != value]})

    @property
    def narrowed(self) -> Given:
        """The filters about packets."""
        return tuple((name, value) for name, value in self.given if name in ABOUT_PACKETS)


def stepped(period: Period, step: int) -> str:
    """Name the period so many steps later, or earlier where `step` is negative: of the same kind and length.

    What ends now is followed by days: `7d` comes after the seven days that ended with the day before it began.
    """
    text = period.text
    if match := re.fullmatch(r"([0-9]{4})-[Qq]([1-4])", text):
        quarters = int(match[1]) * 4 + int(match[2]) - 1 + step
        return f"{quarters // 4:04d}-Q{quarters % 4 + 1}"
    if re.fullmatch(r"[0-9]{4}", text):
        return f"{int(text) + step:04d}"
    if match := re.fullmatch(r"([0-9]{4})-([0-9]{2})", text):
        months = int(match[1]) * 12 + int(match[2]) - 1 + step
        return f"{months // 12:04d}-{months % 12 + 1:02d}"
    first, last = local_days(period)
    length = last - first + timedelta(days=1)
    if re.fullmatch(r"[1-9][0-9]*[mhd]", text):
        length = max(timedelta(days=1), period.window.end - period.window.start)
        last = first - timedelta(days=1)
        return days_text(last - length + timedelta(days=1), last)
    return days_text(first + step * length, last + step * length)


def local_days(period: Period) -> tuple[date, date]:
    """First and last day of a period, both included, by its zone's calendar."""
    start, end = (moment.astimezone(period.zone) for moment in (period.window.start, period.window.end))
    return start.date(), (end - timedelta(minutes=1)).date()


def days_text(first: date, last: date) -> str:
    """Name days, both included, as periods are named."""
    return f"{first}" if first == last else f"{first}/{last}"


def quarter_of(moment: datetime) -> str:
    """Name the quarter of a moment, by its own zone."""
    return f"{moment.year:04d}-Q{(moment.month + 2) // 3}"
