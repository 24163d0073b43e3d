"""What the console's pages ask: each section is one answer of the interface, and knows the call that gives it.

Pure but for what an observer does. A section's export is that call, so a figure on a page is the figure of the call.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

from fastapi import Request

from darkscope.api.address import Sender, parse_address
from darkscope.api.ask import Mark, Observer, Place, Question
from darkscope.api.console.usual import Usual, usual
from darkscope.api.dimension import Dimension, Key, parse_value, value_text
from darkscope.api.http import honeypots
from darkscope.api.http import sources as lists
from darkscope.api.http.attacks import AttacksQuery
from darkscope.api.http.honeypots import By, CountedQuery, RequestsQuery, SingleQuery
from darkscope.api.http.listing import Opened
from darkscope.api.http.live import LiveQuery
from darkscope.api.http.lives import LifeQuery
from darkscope.api.http.movements import MovementsQuery
from darkscope.api.http.phenomena import PhenomenaQuery
from darkscope.api.http.ports import PortQuery
from darkscope.api.http.questions import Narrowed, Observed
from darkscope.api.http.rankings import RankingQuery
from darkscope.api.http.rhythms import RhythmQuery
from darkscope.api.http.sensors import CoverageQuery
from darkscope.api.http.source import Source
from darkscope.api.http.sources import PagedQuery, PageQuery
from darkscope.api.http.spreads import SpreadQuery
from darkscope.api.http.trends import TrendQuery
from darkscope.api.keys import Scope
from darkscope.api.periods import Period, parse_period
from darkscope.api.phenomena.decisions import Decision, decided
from darkscope.api.phenomena.detector import detect
from darkscope.api.ranking import SENSOR_DAY, Ranking
from darkscope.api.requests import questions as asking
from darkscope.api.rhythm import LONGEST as LONGEST_RHYTHM
from darkscope.api.store import Precision
from darkscope.ingest.series import Traffic

Query = TypeVar("Query", bound=Observed)

STEPS = (
    (timedelta(hours=3), "1m"),
    (timedelta(hours=12), "5m"),
    (timedelta(days=2), "30m"),
    (timedelta(days=8), "2h"),
    (timedelta(days=45), "6h"),
    (timedelta(days=400), "day"),
    (timedelta(days=1500), "week"),
)
"""How long the buckets of a trend are in a period of at most so long: some hundred of them."""

LEADING = 10
"""Rows of a table of leading values."""

LINES = 5
"""Values that a chart follows: more cannot be told apart."""

COUNTRIES = 300
"""More than there are."""

MANY = 50
"""Rows of a list at first: there are more of it."""

SOME = 20
"""Rows of a list that is not what a page is about."""

MOST = 1000
"""Rows of a list that has no further pages."""

SHORTEST_NOTED, LONGEST_NOTED = timedelta(days=6), timedelta(days=400)
"""Of periods in which phenomena are looked for: a week may have an hour less."""

JUST, SHORT = timedelta(minutes=5), timedelta(days=2)
"""Of a period that is compared with the same hours of the days before: how long ago it ended, and how long it is."""

SHORTEST_RHYTHM = timedelta(days=1)
"""Of periods: less has no rhythm of days."""

Shown = Mapping[str, Any]
"""What a template shows."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page."""

    name: str  # of its template, `part_NAME.html`
    path: str  # of the call that gives its figures
    dimension: Dimension
    query: Observed
    ask: Callable[
        ..., Shown
    ]  # of an observer and a question; of a list also of a place and what marks the next one
    scope: Scope = Scope.READ
    chart: str = ""  # the call whose picture is its chart; empty: it has none
    rests_on: str = ""  # what else its figures rest on than the ledger and the settings
    opened: Callable[[Request, Source, datetime], Opened] | None = None  # of a list that has pages

    @property
    def file(self) -> str:
        """What its figures are called where they are taken along, without an ending."""
        return re.sub(r"[^0-9A-Za-z.]+", "-", f"{self.path.removeprefix('/v1/')} {self.query.period}")

    def call(self, **also: str) -> str:
        """Write the call, from the root of the interface on."""
        given = self.query.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        given |= {"period": self.query.period, **also}
        pairs = [
            (name, str(one).lower() if isinstance(one, bool) else one)
            for name, value in given.items()
            for one in (value if isinstance(value, list) else [value])
        ]
        return f"{self.path}?{urlencode(pairs)}"


def stream(view: Narrowed) -> str:
    """Write the call whose events say that the ledger has more about what a page is about."""
    return Section(
        "live", "/v1/live/ports", Dimension.PORTS, about(view, LiveQuery, period="60m", limit=1), _nothing
    ).call()


def _nothing(*_: object) -> Shown:
    return {}


def drawn(section: Section, **also: str) -> Section:
    """A section whose call has a picture."""
    return replace(section, chart=section.call(**also))


def listed(
    what: str, path: str, query: PageQuery, ask: Callable[..., Any], scope: Scope = Scope.READ
) -> Section:
    """One of the lists of sources, which have pages."""

    def show(who: Observer, question: Question, after: Place | None, mark: Mark) -> Shown:
        found = ask(who, question, query.limit, after, mark)
        return {what: found, "following": found.next}

    def opened(request: Request, source: Source, at: datetime) -> Opened:
        return lists.opened(request, source, what, query, at)

    return Section(what, path, Dimension.OWNERS, query, show, scope, opened=opened)


def step(period: Period) -> str:
    """Choose the length of the buckets of a trend."""
    length = period.window.end - period.window.start
    return next((step for longest, step in STEPS if length <= longest), "month")


def about(view: Narrowed, kind: type[Query], **also: object) -> Query:
    """Ask something about what a page is about."""
    fields = set(Narrowed.model_fields) & set(kind.model_fields)
    given = view.model_dump(include=fields, by_alias=True, exclude_unset=True)
    return kind.model_validate(given | {"period": view.period} | also)


def leading(
    view: Narrowed, period: Period, dimension: Dimension, *, limit: int = LEADING, has_chart: bool = True
) -> Section:
    """The leading values with their ranks before, and how each goes over time."""

    def ask(who: Observer, what: Question) -> Shown:
        ranking = who.top(what, limit, Precision.NONE)
        values = [parse_value(dimension, row.value) for row in ranking.rows]
        trend = who.trend(what, step(period), values, limit) if values else None
        lines = {} if trend is None else {line.value: line.packets for line in trend.lines}
        return {
            "ranking": ranking,
            "trend": trend,
            "lines": lines,
            "dimension": dimension,
            "has_chart": has_chart,
        }

    path, query = f"/v1/rankings/{dimension.value}", about(view, RankingQuery, limit=limit)
    return Section(
        "leading",
        path,
        dimension,
        query,
        ask,
        chart=trend(view, period, dimension).call() if has_chart else "",
    )


def short(view: Narrowed, dimension: Dimension, *, limit: int = 6) -> Section:
    """The leading values in short."""

    def ask(who: Observer, what: Question) -> Shown:
        return {"ranking": who.top(what, limit, Precision.NONE), "dimension": dimension}

    path = f"/v1/rankings/{dimension.value}"
    return drawn(Section("short", path, dimension, about(view, RankingQuery, limit=limit), ask))


def trend(
    view: Narrowed,
    period: Period,
    dimension: Dimension,
    values: list[Key] | None = None,
    by: Dimension | None = None,
) -> Section:
    """How named values, or else the leading ones, go over time, in parts where that is asked for."""
    chosen = values or []
    texts = [value_text(dimension, key) for key in chosen]
    how = {"value": texts, "step": step(period), "limit": LINES} | ({} if by is None else {"by": by.value})

    def ask(who: Observer, what: Question) -> Shown:
        found = who.trend(what, step(period), chosen, LINES, by, LINES)
        return {"trend": found, "dimension": by or dimension}

    path, query = f"/v1/trends/{dimension.value}", about(view, TrendQuery, **how)
    return drawn(Section("trend", path, dimension, query, ask))


def now(view: Narrowed, period: Period) -> Section:
    """All packets against the period before, by class; over time; and who watched."""
    classes = Dimension.CLASSES

    def ask(who: Observer, what: Question) -> Shown:
        ranking = who.top(what, 10, Precision.NONE)
        before = replace(what, period=replace(what.period, window=what.period.previous))
        values = [parse_value(classes, row.value) for row in ranking.rows]
        trend = who.trend(what, step(period), values, 10) if values else None
        total = (
            []
            if trend is None
            else [_sum(counts) for counts in zip(*(line.packets for line in trend.lines), strict=True)]
        )
        return {
            "ranking": ranking,
            "total": total,
            "usual": _usual(who, what),
            "rate": _daily(ranking),
            "earlier": _daily(who.top(before, 10, Precision.NONE)),  # classes that are no more count as well
        }

    return Section("now", "/v1/rankings/classes", classes, about(view, RankingQuery, limit=10), ask)


def _daily(ranking: Ranking) -> float | None:
    """Packets of all values a day of watched sensor time; None where nobody watched."""
    watch = ranking.provenance.now
    return ranking.packets * SENSOR_DAY / watch.seconds if watch and watch.seconds else None


def _usual(who: Observer, what: Question) -> Usual | None:
    """The last hour beside the same hour of a week, where the period is of these days."""
    window = what.period.window
    if who.now - window.end > JUST or window.end - window.start > SHORT:
        return None
    week = parse_period("8d", what.period.zone, who.now)
    return usual(who.trend(replace(what, period=week), "hour", [], len(Traffic)))


def _sum(counts: tuple[int | None, ...]) -> int | None:
    return None if None in counts else sum(count or 0 for count in counts)


def map_of(view: Narrowed) -> Section:
    """Packets by source country, for a map."""

    def ask(who: Observer, what: Question) -> Shown:
        return {"ranking": who.top(what, COUNTRIES, Precision.NONE)}

    countries = Dimension.COUNTRIES
    query = about(view, RankingQuery, limit=COUNTRIES)
    return drawn(Section("map", "/v1/rankings/countries", countries, query, ask), map="true")


def coverage(view: Narrowed, period: Period) -> Section:
    """When each sensor watched."""

    def ask(who: Observer, what: Question) -> Shown:
        return {"coverage": who.coverage(what, step(period)), "roster": who.sensors(what)}

    query = about(view, CoverageQuery, step=step(period))
    return drawn(Section("coverage", "/v1/coverage", Dimension.SENSORS, query, ask))


def port(view: Narrowed, key: Key) -> Section:
    """One port in short."""
    number, _, protocol = value_text(Dimension.PORTS, key).partition("/")

    def ask(who: Observer, what: Question) -> Shown:
        return {"profile": who.profile(what, key, 8), "rise": who.breadth(_narrowed_to_port(what, key))}

    path = f"/v1/ports/{protocol.lower()}/{number}"
    return Section("port", path, Dimension.PORTS, about(view, PortQuery, limit=8), ask)


def _narrowed_to_port(what: Question, key: Key) -> Question:
    protocol, number = map(int, key)
    return replace(what, where=replace(what.where, ports=frozenset({(protocol, number)})))


def region(view: Narrowed, country: str) -> Section:
    """How a country stands among all, and whether its scans are spread over many ports."""

    def ask(who: Observer, what: Question) -> Shown:
        ranking = who.top(what, COUNTRIES, Precision.NONE)
        row = next((row for row in ranking.rows if row.value == country), None)
        spread = None
        if row is not None:
            found = who.spread(what, row.rank, 5)
            spread = found, next((one for one in found.rows if one.value == country), None)
        its = replace(what, where=replace(what.where, countries=frozenset({country})))
        return {
            "ranking": ranking,
            "row": row,
            "spread": spread,
            "rise": who.breadth(its),
            "country": country,
        }

    countries = Dimension.COUNTRIES
    return Section(
        "region", "/v1/rankings/countries", countries, about(view, RankingQuery, limit=COUNTRIES), ask
    )


def breadth(view: Narrowed) -> Section:
    """The sensors' parts in a rise."""

    def ask(who: Observer, what: Question) -> Shown:
        return {"rise": who.breadth(what)}

    return drawn(Section("breadth", "/v1/breadth", Dimension.PORTS, about(view, Narrowed), ask))


def rhythm(view: Narrowed, values: list[Key] | None = None) -> Section:
    """When in the day and in the week the leading countries, or named ones, send."""
    chosen = values or []
    texts = [value_text(Dimension.COUNTRIES, key) for key in chosen]

    def ask(who: Observer, what: Question) -> Shown:
        length = what.period.window.end - what.period.window.start
        if not SHORTEST_RHYTHM <= length <= LONGEST_RHYTHM:
            return {"rhythms": None}
        return {"rhythms": who.rhythm(what, chosen, LINES)}

    query = about(view, RhythmQuery, value=texts, limit=LINES)
    return drawn(Section("rhythm", "/v1/rhythms", Dimension.COUNTRIES, query, ask))


def owners(view: Narrowed, after: str | None) -> Section:
    """Owners of the sources' networks, with what is known of the sources."""
    return listed("owners", "/v1/owners", about(view, PagedQuery, limit=SOME, cursor=after), Observer.owners)


def spread(view: Narrowed) -> Section:
    """Who scans broadly."""

    def ask(who: Observer, what: Question) -> Shown:
        return {"spread": who.spread(what, MANY, LINES)}

    path, query = "/v1/spreads/countries", about(view, SpreadQuery, limit=MANY, top=LINES)
    return drawn(Section("spread", path, Dimension.COUNTRIES, query, ask))


def movements(view: Narrowed, dimension: Dimension) -> Section:
    """Which of the leading values changed their level at the same time."""

    def ask(who: Observer, what: Question) -> Shown:
        return {"movements": who.movements(what, [], LEADING), "dimension": dimension}

    path = f"/v1/movements/{dimension.value}"
    return Section("movements", path, dimension, about(view, MovementsQuery, limit=LEADING), ask)


def sources(view: Narrowed, limit: int = SOME, after: str | None = None) -> Section:
    """Who sends, address by address."""
    query = about(view, PagedQuery, limit=limit, cursor=after)
    return listed("sources", "/v1/sources", query, Observer.sources, Scope.SOURCES)


def life(view: Narrowed, address: str) -> Section:
    """One source's life, day by day."""
    sender: Sender = parse_address(address)

    def ask(who: Observer, what: Question) -> Shown:
        return {"life": who.source(what, sender)}

    query = about(view, LifeQuery)
    return Section("life", f"/v1/sources/{address}", Dimension.OWNERS, query, ask, Scope.SOURCES)


def attacks(view: Narrowed, after: str | None) -> Section:
    """Attacks on others, told by their echo."""
    query = about(view, AttacksQuery, limit=MANY, cursor=after)
    return listed("attacks", "/v1/attacks", query, Observer.attacks, Scope.SOURCES)


def phenomena(view: Narrowed, known: Mapping[str, Decision]) -> Section:
    """What is worth a paragraph, with what analysts decided of it."""

    def ask(who: Observer, what: Question) -> Shown:
        length = what.period.window.end - what.period.window.start
        if not SHORTEST_NOTED <= length <= LONGEST_NOTED:
            return {"phenomena": None}
        return {"phenomena": decided(detect(who, what), known)}

    path, query = "/v1/phenomena", about(view, PhenomenaQuery)
    return Section("phenomena", path, Dimension.PORTS, query, ask, rests_on=repr(sorted(known.items())))


def vulnerabilities(view: Narrowed, wanted: Mapping[str, Sequence[str]]) -> Section:
    """Which known vulnerabilities requests to honeypots were after."""
    query = about(view, RequestsQuery, **wanted)

    def ask(who: Observer, what: Question) -> Shown:
        return {"vulnerabilities": asking.exploited(who, what, query.wanted, query.limit)}

    return drawn(Section("vulnerabilities", "/v1/vulnerabilities", Dimension.PORTS, query, ask))


def requests(view: Narrowed, wanted: Mapping[str, Sequence[str]], rows: int) -> Section:
    """What honeypots were asked, the most frequent first; or by day, where it is narrowed to some rules."""
    by = By.DAY if any(wanted.values()) else By.REQUEST
    query = about(view, CountedQuery, limit=rows, by=by.value, **wanted)

    def ask(who: Observer, what: Question) -> Shown:
        count = asking.by_day if by is By.DAY else asking.by_request
        return {"requests": count(who, what, query.wanted, query.limit), "by_day": by is By.DAY}

    return Section("requests", "/v1/requests", Dimension.PORTS, query, ask)


def single_requests(view: Narrowed, wanted: Mapping[str, Sequence[str]], after: str | None) -> Section:
    """Single requests, in the order of time."""
    query = about(view, SingleQuery, limit=MANY, cursor=after, **wanted)

    def ask(who: Observer, what: Question, place: Place | None, mark: Mark) -> Shown:
        found = asking.singly(who, what, query.wanted, query.limit, place, mark)
        return {"requests": found, "following": found.next}

    def opened(request: Request, source: Source, at: datetime) -> Opened:
        return honeypots.opened(request, source, query, at)

    path = "/v1/requests/single"
    return Section("single", path, Dimension.PORTS, query, ask, Scope.SOURCES, opened=opened)


def visitors(view: Narrowed, wanted: Mapping[str, Sequence[str]], rows: int) -> Section:
    """Who asked honeypots, and whether telescopes saw them too."""
    query = about(view, RequestsQuery, limit=rows, **wanted)

    def ask(who: Observer, what: Question) -> Shown:
        return {"visitors": asking.visited(who, what, query.wanted, query.limit)}

    return Section("visitors", "/v1/visitors", Dimension.PORTS, query, ask, Scope.SOURCES)


def roster(view: Narrowed, period: Period) -> Section:
    """The sensors: who they are, when they watched, what became of their frames."""

    def ask(who: Observer, what: Question) -> Shown:
        return {"roster": who.sensors(what), "coverage": who.coverage(what, step(period))}

    return Section("roster", "/v1/sensors", Dimension.SENSORS, about(view, Narrowed), ask)


def sensor(view: Narrowed, period: Period) -> Section:
    """One sensor: who it is, when it watched, what became of its frames."""

    def ask(who: Observer, what: Question) -> Shown:
        found = who.sensors(what)
        return {
            "row": next(iter(found.rows), None),
            "roster": found,
            "coverage": who.coverage(what, step(period)),
        }

    return Section("sensor", "/v1/sensors", Dimension.SENSORS, about(view, Narrowed), ask)
