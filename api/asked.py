"""Questions as they are put in words, read into what an observer answers.

Pure: text, a zone and the present time in, a question out. Commands and endpoints share it, and so one grammar.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from darkscope.api.ask import Question
from darkscope.api.dimension import (
    Dimension,
    parse_country,
    parse_owner,
    parse_port,
    parse_protocol,
    parse_tool,
)
from darkscope.api.periods import PeriodError, parse_period
from darkscope.api.selection import EVERY_KIND, Selection
from darkscope.api.store import Filter
from darkscope.ingest.series import HONEYPOT, TELESCOPE, Traffic

Value = TypeVar("Value")


class Kind(StrEnum):
    """Which kinds of sensors count."""

    TELESCOPE = TELESCOPE
    HONEYPOT = HONEYPOT
    ALL = EVERY_KIND


@dataclass(frozen=True, slots=True)
class Asked:
    """A question in words; what is empty or None is left open."""

    dimension: Dimension
    period: str
    time_zone: str | None = None  # None: the reader's own
    sensors: Sequence[str] = ()  # ids or names
    organisations: Sequence[str] = ()
    home: bool | None = None
    kind: Kind = Kind.TELESCOPE
    classes: Sequence[Traffic] = ()
    ports: Sequence[str] = ()
    countries: Sequence[str] = ()
    protocols: Sequence[str] = ()
    owners: Sequence[str] = ()
    tools: Sequence[str] = ()
    research: bool | None = None  # research scanners alone, or all but them
    against: str | None = None  # the period to compare with; None: the one before

    def question(self, own_zone: ZoneInfo, now: datetime) -> Question:
        """Read the words. Raises PeriodError and ValueTextError, which say what is understood."""
        zone = own_zone if self.time_zone is None else read_zone(self.time_zone)
        period = parse_period(self.period, zone, now)
        if self.against is not None:
            period = replace(period, previous=parse_period(self.against, zone, now).window)
        return Question(
            self.dimension,
            period,
            Selection(self.kind.value, self.home, tuple(self.organisations), tuple(self.sensors)),
            Filter(
                classes=self._classes(),
                ports=_set(map(parse_port, self.ports)),
                protocols=_set(map(parse_protocol, self.protocols)),
                countries=_set(map(parse_country, self.countries)),
                owners=_set(map(parse_owner, self.owners)),
                tools=_set(map(parse_tool, self.tools)),
            ),
        )

    def _classes(self) -> frozenset[str] | None:
        if self.research is None:
            return _set(traffic.value for traffic in self.classes)
        chosen = set(self.classes or Traffic)
        return frozenset(one.value for one in chosen if (one is Traffic.RESEARCH) is self.research)


def _set(values: Iterable[Value]) -> frozenset[Value] | None:
    """Give the chosen values; None where there are none, which leaves a column open."""
    return frozenset(values) or None


def read_zone(name: str) -> ZoneInfo:
    """Read a time zone's name. Raises PeriodError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PeriodError(
            f"the time zone {name!r} does not exist; zones are called like Asia/Tokyo"
        ) from None
