"""What a report is about: every figure that it tells, asked of a store once.

`gather` asks; what comes out is a value, and nothing after it asks again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from darkscope.api.ask import Observer, Question
from darkscope.api.asked import Asked, Kind
from darkscope.api.calendars import Calendars
from darkscope.api.dimension import NO_OWNER, Dimension, parse_value
from darkscope.api.phenomena.decisions import Decision, decided
from darkscope.api.phenomena.detector import detect
from darkscope.api.phenomena.proposal import Phenomena
from darkscope.api.ranking import Ranking
from darkscope.api.report.topics import Topic, month_of, stretches, topics
from darkscope.api.requests.asked import RequestDays
from darkscope.api.requests.questions import by_day, exploited, visited
from darkscope.api.requests.visitors import Visitors
from darkscope.api.requests.vulnerabilities import Change, Vulnerabilities, Vulnerability
from darkscope.api.requests.wanted import Wanted
from darkscope.api.rhythm import Rhythms
from darkscope.api.roster import Roster
from darkscope.api.sources import OwnerList
from darkscope.api.spread import Spread
from darkscope.api.store import NotHeldError, Precision
from darkscope.api.trend import Line, Trend
from darkscope.ingest.settings import SensorEntry

UNKNOWN = "ZZ"
"""No country."""

TOP = 5
"""Ports and regions in the tables, as the reports have it."""

NETWORKS = 10
"""Of senders, in their table."""

HOURS = timedelta(days=7)
"""The end of the period that is shown hour by hour."""

HOME_STEP = "3h"
"""Of what comes from home, where the hours of the day matter: there is little of it."""

FORTNIGHT = timedelta(days=13)
"""Days, beyond the first, over which it is asked whether two ports have the same addresses."""

FRESH = 92
"""Days after a date of a vulnerability in which first requests for it are soon: a quarter."""

MOST_RULES = 3
"""Vulnerabilities with a section of their own."""

MOST_REQUESTS = 100
"""Rows of requests, and of who made them."""

MOST_PROPOSALS = 50
"""Phenomena."""


@dataclass(frozen=True, slots=True)
class Holiday:
    """A public holiday of some countries."""

    day: date
    name: str  # in English
    countries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Office:
    """What is told of countries that keep office hours."""

    countries: tuple[str, ...]
    stretches: tuple[Trend, ...]  # of weeks with holidays, by day
    holidays: tuple[Holiday, ...]
    hours: Trend | None  # of the first country; None where the period is too short
    rhythms: Rhythms  # of the countries, and of home as the last


@dataclass(frozen=True, slots=True)
class Subject:
    """A topic with its figures."""

    topic: Topic
    together: Trend | None  # its ports beside each other; None where there is one
    by_region: tuple[tuple[str, Trend], ...]  # port, and that port by region
    home: Trend | None  # its ports from home; None where nothing came from there
    office: Office | None
    senders: OwnerList | None = None  # who sent it; None where nothing is known of networks and devices


@dataclass(frozen=True, slots=True)
class Lens:
    """A vulnerability with its requests."""

    vulnerability: Vulnerability
    days: RequestDays
    visitors: Visitors


@dataclass(frozen=True, slots=True)
class Honeypots:
    """What honeypots were asked."""

    vulnerabilities: Vulnerabilities
    lenses: tuple[Lens, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """All that a report tells."""

    question: Question  # about ports
    home: str  # country of the sensors at home, ISO 3166-1 alpha-2; empty: not known
    ports: Ranking
    port_days: Trend
    countries: Ranking
    country_days: Trend
    spread: Spread | None  # None where the store does not know all ports apart
    phenomena: Phenomena
    subjects: tuple[Subject, ...]
    honeypots: Honeypots | None  # None where there is none, or the store does not hold requests
    roster: Roster  # of all sensors
    captures: pl.DataFrame | None  # columns captures.SCHEMA; None where the store does not know them


def last_day(findings: Findings) -> date:
    """Give the last day of the period."""
    period = findings.question.period
    return (period.window.end - timedelta(minutes=1)).astimezone(period.zone).date()


@dataclass(frozen=True, slots=True)
class Inquiry:
    """How the questions of a report are put: to whom, about whose sensors and which period."""

    observer: Observer
    asked: Asked  # about ports, in the whole period
    zone: ZoneInfo  # where days begin, unless `asked` says otherwise
    home: str
    decisions: Mapping[str, Decision]  # an analyst's, of phenomena

    def question(
        self,
        dimension: Dimension,
        days: tuple[date, date] | None = None,
        ports: Sequence[str] = (),
        countries: Sequence[str] = (),
        kind: Kind = Kind.TELESCOPE,
    ) -> Question:
        """Ask about a dimension, in some days, both included, of the period."""
        period = self.asked.period if days is None else f"{days[0]}/{days[1]}"
        changed = replace(
            self.asked, dimension=dimension, period=period, ports=ports, countries=countries, kind=kind
        )
        return changed.question(self.zone, self.observer.now)

    @property
    def days(self) -> tuple[date, date]:
        """First and last day of the period, as far as it is over."""
        period = self.question(Dimension.PORTS).period
        end = min(period.window.end, self.observer.now) - timedelta(minutes=1)
        return period.window.start.astimezone(period.zone).date(), end.astimezone(period.zone).date()

    def trend(
        self,
        dimension: Dimension,
        values: Sequence[str],
        limit: int = TOP,
        step: str = "day",
        days: tuple[date, date] | None = None,
        ports: Sequence[str] = (),
        countries: Sequence[str] = (),
    ) -> Trend:
        """Follow named values, or else the leading ones."""
        keys = [parse_value(dimension, value) for value in values]
        return self.observer.trend(self.question(dimension, days, ports, countries), step, keys, limit)


def gather(
    inquiry: Inquiry,
    captures: pl.DataFrame | None,
    groups: Sequence[tuple[str, ...]],
    told: Callable[[str], None],
) -> Findings:
    """Ask for all that a report tells; `told` takes what is done next, for who waits.

    `groups` are ports that an analyst wants told of together. Raises what the store raises.
    """
    observer = inquiry.observer
    question = inquiry.question(Dimension.PORTS)
    told("ports")
    ports = observer.top(question, TOP, Precision.NONE)
    port_days = inquiry.trend(Dimension.PORTS, [row.value for row in ports.rows])
    told("regions")
    countries = observer.top(inquiry.question(Dimension.COUNTRIES), TOP, Precision.NONE)
    country_days = inquiry.trend(Dimension.COUNTRIES, [row.value for row in countries.rows])
    told("spread over ports")
    spread = None
    with suppress(NotHeldError):
        spread = observer.spread(inquiry.question(Dimension.COUNTRIES), TOP, TOP)
    told("phenomena")
    found = decided(detect(observer, question, MOST_PROPOSALS), inquiry.decisions)
    chosen = topics(found.rows, Overlaps(inquiry).share, groups)
    subjects = []
    for topic in chosen:
        told(", ".join(topic.ports))
        subjects.append(_subject(inquiry, topic))
    told("honeypots")
    honeypots = _honeypots(inquiry)
    told("sensors")
    everybody = replace(inquiry.asked, kind=Kind.ALL, home=None)
    roster = observer.sensors(everybody.question(inquiry.zone, observer.now))
    return Findings(
        question, inquiry.home, ports, port_days, countries, country_days, spread, found, tuple(subjects), honeypots,
        roster, captures,
    )  # fmt: skip


class Overlaps:
    """Whether two ports are asked for by the same addresses. What was counted is kept."""

    def __init__(self, inquiry: Inquiry) -> None:
        self._inquiry = inquiry
        self._counted: dict[tuple[frozenset[str], date, date], int] = {}

    def share(self, port: str, other: str, since: date) -> float | None:
        """Share of the addresses that sent to a port in a fortnight that sent to another too; None: not known."""
        first, last = self._inquiry.days
        days = max(since, first), min(since + FORTNIGHT, last)
        try:
            its = self._addresses({port}, days)
            if not its:
                return None
            return (its + self._addresses({other}, days) - self._addresses({port, other}, days)) / its
        except NotHeldError:
            return None

    def _addresses(self, ports: set[str], days: tuple[date, date]) -> int:
        name = frozenset(ports), *days
        if name not in self._counted:
            question = self._inquiry.question(Dimension.PORTS, days, ports=sorted(ports))
            self._counted[name] = self._inquiry.observer.sources(question, 1).addresses
        return self._counted[name]


def _subject(inquiry: Inquiry, topic: Topic) -> Subject:
    ports, narrow = topic.main_ports, topic.countries
    senders = _senders(inquiry, topic)
    if narrow:  # it is about them alone, so there is no region and no home to tell of
        alone = inquiry.trend(Dimension.PORTS, ports, countries=narrow)
        return Subject(topic, alone, (), None, None, senders)
    office = _office(inquiry, topic) if topic.office else None
    together = inquiry.trend(Dimension.PORTS, ports) if len(ports) > 1 else None
    by_region = tuple((port, _by_region(inquiry, port)) for port in ports)
    return Subject(topic, together, by_region, _from_home(inquiry, topic, office), office, senders)


def _senders(inquiry: Inquiry, topic: Topic) -> OwnerList | None:
    """Who sent a topic's packets while they rose, by network; nobody is asked for where none is known."""
    first, last = inquiry.days
    days = max(topic.start, first), last
    question = inquiry.question(Dimension.OWNERS, days, topic.main_ports, topic.countries)
    try:
        found = inquiry.observer.owners(question, NETWORKS)
    except NotHeldError:
        return None
    return found if any(row.owner != NO_OWNER or row.devices for row in found.rows) else None


def _by_region(inquiry: Inquiry, port: str) -> Trend:
    """A port by its leading regions, and home."""
    found = inquiry.trend(Dimension.COUNTRIES, [], ports=(port,))
    if not inquiry.home or inquiry.home in {line.value for line in found.lines}:
        return found
    home = inquiry.trend(Dimension.COUNTRIES, [inquiry.home], ports=(port,))
    return replace(found, lines=(*found.lines, *home.lines)) if any(map(_is_seen, home.lines)) else found


def _from_home(inquiry: Inquiry, topic: Topic, office: Office | None) -> Trend | None:
    """The topic's ports from home: around the first holidays by the hour, else in the month of the rise by day."""
    if not inquiry.home:
        return None
    first, last = inquiry.days
    if office is not None and office.stretches:
        end = office.stretches[0].buckets.starts[-1].date()
        days, step = (topic.start - timedelta(days=1), end), HOME_STEP
    else:
        its = [one.start for one in topic.proposals if inquiry.home in one.countries]
        days, step = month_of(max(its, default=max(one.start for one in topic.leads))), "day"
    within = max(days[0], first), min(days[1], last)
    if within[0] > within[1]:
        return None
    found = inquiry.trend(
        Dimension.PORTS, topic.main_ports, step=step, days=within, countries=(inquiry.home,)
    )
    return found if any(map(_is_seen, found.lines)) else None


def _is_seen(line: Line) -> bool:
    return any(line.packets)


def _office(inquiry: Inquiry, topic: Topic) -> Office:
    first, last = inquiry.days
    countries = topic.office
    holidays = _holidays(inquiry.observer.calendars, countries, max(topic.start, first), last)
    weeks = stretches([one.day for one in holidays], first, last)
    ports = topic.main_ports[:1]
    whole = (max(topic.start, first), last)
    named = [(country,) for country in dict.fromkeys((*countries, *([inquiry.home] if inquiry.home else [])))]
    hourly = max(first, last - HOURS + timedelta(days=1)), last
    return Office(
        countries,
        tuple(inquiry.trend(Dimension.COUNTRIES, countries, days=days, ports=ports) for days in weeks),
        holidays,
        inquiry.trend(Dimension.COUNTRIES, countries[:1], step="hour", days=hourly, ports=ports),
        inquiry.observer.rhythm(inquiry.question(Dimension.COUNTRIES, whole, ports=ports), named, len(named)),
    )


def _holidays(calendars: Calendars, countries: Iterable[str], first: date, last: date) -> tuple[Holiday, ...]:
    """Public holidays of some countries, by day; one that several have on a day is one."""
    found: dict[tuple[date, str], list[str]] = {}
    for country in countries:
        for day, name in calendars.days_off(country, first, last).holidays.items():
            found.setdefault((day, name), []).append(country)
    return tuple(Holiday(day, name, tuple(whose)) for (day, name), whose in sorted(found.items()))


def _honeypots(inquiry: Inquiry) -> Honeypots | None:
    """What honeypots at home, or wherever the report is about, were asked."""
    observer, question = inquiry.observer, inquiry.question(Dimension.SENSORS, kind=Kind.HONEYPOT)
    try:
        found = exploited(observer, question, Wanted(), MOST_REQUESTS)
    except NotHeldError:
        return None
    watch = found.provenance.now
    if watch is None or not watch.sensors:
        return None
    lenses = []
    for one in [one for one in found.rows if one.requests and is_told(one)][:MOST_RULES]:
        wanted = Wanted(rules=(one.rule,))
        days = by_day(observer, question, wanted, MOST_REQUESTS)
        lenses.append(Lens(one, days, visited(observer, question, wanted, MOST_REQUESTS)))
    return Honeypots(found, tuple(lenses))


def is_told(one: Vulnerability) -> bool:
    """Whether a vulnerability is worth a section.

    It is where a date of it divides the period, where its requests rose at one, and where they came soon after one.
    """
    return any(
        mark.change is Change.ROSE
        or (mark.before_seconds and mark.after_seconds)
        or (mark.lag is not None and 0 <= mark.lag <= FRESH)
        for mark in one.marks
    )


def home_country(sensors: Iterable[SensorEntry]) -> str:
    """Country in which most of the sensors at home stand; empty where none says."""
    told = Counter(one.country for one in sensors if one.home and one.country != UNKNOWN)
    return min(told, key=lambda country: (-told[country], country), default="")
