"""Questions as people put them, answered from any store: for the commands, the endpoints and the report.

Asks the store, and leaves ranking and completing to the pure modules. The clock is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from darkscope.api import (
    attacks,
    breadth,
    cases,
    events,
    lives,
    movements,
    profile,
    ranking,
    rhythm,
    roster,
    spread,
    targets,
    trend,
)
from darkscope.api.address import SENDER, SENDER_SCHEMA, Sender
from darkscope.api.calendars import Calendars, zone_of, zones_of
from darkscope.api.dimension import Dimension, Key, ValueTextError, value_text
from darkscope.api.names import Names, Told
from darkscope.api.periods import Buckets, Period, Window, cut, instant, midnight, minute
from darkscope.api.requests.rules import Rules
from darkscope.api.selection import EVERY_KIND, Choice, Selection, known_and, select
from darkscope.api.services import service_name
from darkscope.api.sources import OwnerList, SourceList, listed, owned
from darkscope.api.store import Filter, NotHeldError, Position, Posting, Precision, Store, TooMuch
from darkscope.api.watch import Watch, by_sensor, seconds_due, seconds_seen
from darkscope.ingest import series

STEADY = 0.9
"""Watched share of a period from which on a sensor's daily counts may be compared over it."""

WHOLE = 0.9
"""Watched share of a day from which on it counts as one."""

FEW = frozenset(Dimension) - {Dimension.PORTS, Dimension.OWNERS}
"""Dimensions of a few hundred values at most."""

MOST_BUCKETS = 1000
"""Buckets up to which all of few values may be summed by bucket: they are hundreds of thousands of rows then."""

MOST_WATCHED = 20_000_000
"""Buckets times sensors of which watched time is told: they take some 160 MB."""

WATCHED_AT_ONCE = 1_000_000
"""Of these so many are asked of the store at once, so that they take no more for a moment."""

ONE_DAY = timedelta(days=1)
"""By which local days can reach beyond UTC's."""

UTC = ZoneInfo("UTC")

Label = Callable[[Dimension, Key], str]

Place = tuple[int, ...]
"""A place in a list: packets and key of the row before it."""

Mark = Callable[[Place], str]
"""Writes a place."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a dimension, a period, and which packets."""

    dimension: Dimension
    period: Period
    selection: Selection = field(default_factory=Selection)
    where: Filter = field(default_factory=Filter)  # without sensors: the selection decides them


@dataclass(frozen=True, slots=True)
class Scope:
    """What a question is about: packets or requests, days, watched time, and where figures come from."""

    where: Filter  # with the chosen sensors
    days: Buckets  # of the period up to now; the first begins with it
    watch: Watch  # by day
    provenance: ranking.Provenance


@dataclass(frozen=True, slots=True)
class Steady:
    """Days as those sensors saw them that watched nearly all of their time: only what they say is comparable."""

    days: Buckets  # whole ones
    where: Filter  # the packets asked about, of these sensors
    exposure: tuple[float, ...]  # watched share of each day, sensors by what they receive; 0: too little
    provenance: ranking.Provenance


@dataclass(frozen=True, slots=True)
class Observer:
    """Who answers: a store, the sensors that the settings know, and the words for people."""

    store: Store
    known: pl.DataFrame  # id, name, organisation, kind, home, since, until: see selection.KNOWN
    label: Label
    now: datetime  # UTC
    sees_all: bool = True  # False: sensors that are not `known` are as if they did not exist
    names: Names = field(default_factory=Names.none)
    calendars: Calendars = field(default_factory=Calendars)
    rules: Callable[[], Rules] = Rules.none  # of vulnerabilities, read where they are asked for

    def top(
        self,
        question: Question,
        limit: int,
        precision: Precision | None,
        *,
        with_targets: bool = False,
    ) -> ranking.Ranking:
        """Rank the leading values of the period, with their ranks in the period before.

        Distinct sources are counted as the store likes best where no precision is given; targets are estimated only
        where they are asked for.
        """
        precision = self.store.precision if precision is None else precision
        dimension, period = question.dimension, question.period
        choice = self._choice(question, period.both)
        where = replace(question.where, sensors=choice.filter)
        now = self._totals(dimension, period.window, where)
        whole, earlier_whole = (self._whole(window, period) for window in (period.window, period.previous))
        watch, earlier = self._watch(choice, whole), self._watch(choice, earlier_whole)
        first = [] if now.is_empty() else ranking.leading(dimension, now, limit)
        return ranking.rank(
            dimension,
            now,
            self.store.totals(dimension, period.previous, where),
            limit,
            behind=self._behind(dimension, choice, (whole, earlier_whole), (watch, earlier)),
            label=lambda key: self.label(dimension, key),
            sources=None
            if precision is Precision.NONE or not first
            else self.store.sources(dimension, period.window, where, first, precision),
            targets=targets.estimated(
                dimension, self.store.targets(dimension, period.window, where, first), choice.watched
            )
            if with_targets and first
            else None,
            provenance=self._provenance(period, where, watch, earlier),
        )

    def trend(
        self,
        question: Question,
        step: str,
        values: Sequence[Key],
        limit: int,
        by: Dimension | None = None,
        parts: int = 5,
    ) -> trend.Trend:
        """Named values, or else the leading ones of the period, bucket by bucket up to now.

        Each is split `by` another dimension where that is asked for, into so many leading parts and the rest.
        """
        dimension, period = question.dimension, question.period
        if by is dimension:
            raise ValueTextError(f"{dimension.value} cannot be split by {dimension.value}")
        buckets = cut(self._past(period.window), step, period.zone)
        choice = self._choice(question, buckets.window)
        where = replace(question.where, sensors=choice.filter)
        watch = self._watch(choice, buckets)
        provenance = self._provenance(period, where, watch)

        def completed(dimension: Dimension, chosen: Sequence[Key], counted: pl.DataFrame) -> trend.Trend:
            return trend.complete(
                dimension,
                counted,
                chosen,
                buckets,
                watch=watch,
                label=lambda key: self.label(dimension, key),
                provenance=provenance,
            )

        chosen, counted = self._followed(dimension, buckets, where, values, limit)
        whole = completed(dimension, chosen, counted)
        if by is None:
            return whole
        narrowed = [_narrowed(where, choice, dimension, key) for key in chosen]
        split = [self._followed(by, buckets, one, (), parts) for one in narrowed]
        return trend.split(whole, by, [completed(by, *one) for one in split])

    def _followed(
        self, dimension: Dimension, buckets: Buckets, where: Filter, values: Sequence[Key], limit: int
    ) -> tuple[Sequence[Key], pl.DataFrame]:
        """Give named values, or else the leading ones, and their sums by bucket."""
        if values or dimension not in FEW or len(buckets) > MOST_BUCKETS:
            chosen = values or ranking.leading(
                dimension, self.store.totals(dimension, buckets.window, where), limit
            )
            return chosen, self.store.series(dimension, buckets, where, chosen)
        # Of few values all are asked for at once, in half the time.
        counted = self.store.series(dimension, buckets, where, None)
        totals = counted.group_by(dimension.columns).agg(pl.col("packets").sum())
        chosen = ranking.leading(dimension, totals, limit)
        (value,) = map(pl.col, dimension.columns)
        return chosen, counted.filter(value.is_null() | value.is_in([key for (key,) in chosen]))

    def breadth(self, question: Question) -> breadth.Breadth:
        """Say how many sensors share in a rise of the packets asked about, against the period before."""
        period = question.period
        choice = self._choice(question, period.both)
        where = replace(question.where, sensors=choice.filter)
        now, before = (self._whole(window, period) for window in (period.window, period.previous))
        watch, earlier = self._watch(choice, now), self._watch(choice, before)
        packets, previous = (
            dict(self.store.totals(Dimension.SENSORS, buckets.window, where).rows())
            for buckets in (now, before)
        )
        return breadth.judge(
            (
                breadth.Seen(
                    sensor,
                    packets.get(sensor, 0),
                    previous.get(sensor, 0),
                    sum(watch.covered[sensor]),
                    sum(earlier.covered[sensor]),
                    sum(watch.expected[sensor]),
                    sum(earlier.expected[sensor]),
                )
                for sensor in choice.ids
            ),
            label=lambda sensor: self.label(Dimension.SENSORS, (sensor,)),
            provenance=self._provenance(period, where, watch, earlier),
        )

    def profile(self, question: Question, port: Key, limit: int) -> profile.Profile:
        """Tell of one port what is known: how it stands among all, who asks for it, whether its rise is wide."""
        choice = self._choice(question, question.period.both)
        everywhere = replace(question.where, sensors=choice.filter)
        windows = (question.period.window, question.period.previous)
        now, before = (self.store.totals(Dimension.PORTS, window, everywhere) for window in windows)
        its = replace(question, where=_narrowed(question.where, choice, Dimension.PORTS, port))
        return profile.profile(
            value_text(Dimension.PORTS, port),
            service_name(*map(int, port)),
            ranking.standing(Dimension.PORTS, now, port),
            ranking.standing(Dimension.PORTS, before, port),
            int(now["packets"].sum()),
            self.breadth(its),
            self._leading(its, limit),
        )

    def _leading(self, question: Question, limit: int) -> Iterator[ranking.Ranking]:
        """Leading values of what the store holds."""
        for dimension in (Dimension.COUNTRIES, Dimension.OWNERS, Dimension.TOOLS, Dimension.CLASSES):
            with suppress(NotHeldError):
                yield self.top(replace(question, dimension=dimension), limit, Precision.NONE)

    def spread(self, question: Question, limit: int, top: int) -> spread.Spread:
        """Say how the leading values' scans are spread over ports; other classes only where they are asked for.

        Raises NotHeldError where the store does not know all ports apart: what is folded would look like one port.
        """
        dimension, window = question.dimension, question.period.window
        choice = self._choice(question, window)
        classes = question.where.classes or frozenset({series.Traffic.SCAN.value})
        where = replace(question.where, sensors=choice.filter, classes=classes)
        first = ranking.leading(dimension, self.store.totals(dimension, window, where), limit)
        watch = self._watch(choice, self._whole(window, question.period))
        ports = self.store.totals(Dimension.PORTS, window, where)
        if ports["port"].has_nulls():
            raise NotHeldError(
                'not all ports are known apart here, so their spread is not known: set api.store = "ledger"'
            )
        return spread.spread(
            dimension,
            ports,
            self.store.cross(dimension, Dimension.PORTS, window, where, first),
            first,
            top,
            label=lambda key: self.label(dimension, key),
            provenance=self._provenance(question.period, where, watch),
        )

    def movements(self, question: Question, values: Sequence[Key], limit: int) -> movements.Movements:
        """Find which named values, or else which of the leading ones, shifted at the same time.

        Only sensors that watched nearly all of the period count, and only days that they watched nearly whole.
        """
        dimension, period = question.dimension, question.period
        days = cut(self._past(period.window), "day", period.zone)
        choice = self._choice(question, days.window)
        steady = choice.steady(self._watch(choice, days), STEADY)
        where = replace(question.where, sensors=steady.postings)
        chosen = values or ranking.leading(dimension, self.store.totals(dimension, days.window, where), limit)
        watch = self._watch(steady, days)
        shares = np.array([share or 0.0 for share in watch.shares()] or [0.0] * len(days))
        rates = np.zeros((len(chosen), len(days)))
        places = {key: number for number, key in enumerate(chosen)}
        counted = self.store.series(dimension, days, where, chosen).drop_nulls()
        for *key, day, packets in counted.iter_rows():
            rates[places[tuple(key)], day] += packets
        rates = np.where(shares >= WHOLE, rates / np.maximum(shares, WHOLE), np.nan)
        return movements.movements(
            dimension,
            chosen,
            [start.date() for start in days.starts],
            rates,
            label=lambda key: self.label(dimension, key),
            provenance=self._provenance(period, where, watch),
        )

    def steady(self, question: Question, lead: timedelta, least: float) -> Steady:
        """Give whole days of a period up to now, and so many before it, as far back as anybody watched.

        Of a day less than `least` of which was watched nothing is said.
        """
        period = question.period
        past = self._past(period.window)
        end = midnight(past.end.astimezone(period.zone).date(), period.zone)
        first = midnight((past.start - lead).astimezone(period.zone).date(), period.zone)
        days = cut(Window(first, max(end, first + ONE_DAY)), "day", period.zone)
        watched = self._watch(self._choice(question, days.window), days).by_bucket()
        begun = next((number for number, seconds in enumerate(watched) if seconds), 0)
        days = replace(days, edges=days.edges[begun:])
        choice = self._choice(question, days.window)
        choice = choice.steady(self._watch(choice, days), STEADY)
        where = replace(question.where, sensors=choice.postings)
        watch = self._watch(choice, days)
        heard = dict(self.store.totals(Dimension.SENSORS, days.window, where).rows())
        weights = {
            sensor: heard.get(sensor, 0) / seconds
            for sensor in watch.sensors
            if (seconds := sum(watch.covered[sensor]))
        }
        shares = [
            sum(weight * watch.covered[sensor][day] for sensor, weight in weights.items())
            / max(1e-9, sum(weight * watch.expected[sensor][day] for sensor, weight in weights.items()))
            for day in range(len(days))
        ]
        exposure = tuple(share if share >= least else 0.0 for share in shares)
        return Steady(days, where, exposure, self._provenance(period, where, watch))

    def rhythm(
        self, question: Question, values: Sequence[Key], limit: int, source_zone: ZoneInfo | None = None
    ) -> rhythm.Rhythms:
        """Find the rhythms of named source countries, or else of the leading ones; `source_zone` overrules theirs."""
        period = question.period
        window = self._past(period.window)
        choice = self._choice(question, window)
        where = replace(question.where, sensors=choice.filter)
        countries = Dimension.COUNTRIES
        chosen = values or ranking.leading(countries, self.store.totals(countries, window, where), limit)
        first, last = (moment.date() for moment in (window.start - ONE_DAY, window.end + ONE_DAY))

        def home(country: str) -> rhythm.Home:
            zone = source_zone or zone_of(country)
            return rhythm.Home(zone, len(zones_of(country)), self.calendars.days_off(country, first, last))

        homes = {str(country): home(str(country)) for (country,) in chosen}
        zones = [one.zone for one in homes.values() if one.zone is not None]
        slots = cut(window, rhythm.step([period.zone, *zones], window), UTC)
        watch = self._watch(choice, slots)
        packets = {country: np.zeros(len(slots), np.int64) for country in homes}
        for country, slot, count in self.store.series(countries, slots, where, chosen).iter_rows():
            if country in packets:
                packets[country][slot] += count
        return rhythm.rhythms(
            rhythm.Slots(np.array(slots.edges[:-1]), np.array(watch.by_bucket() or [0] * len(slots))),
            packets,
            homes.__getitem__,
            reader=period.zone,
            label=lambda country: self.label(countries, (country,)),
            provenance=ranking.Provenance(self.store.version, period, where, watch, None),
        )

    def sources(
        self, question: Question, limit: int, after: Place | None = None, mark: Mark | None = None
    ) -> SourceList:
        """List the source addresses of the period by packets, behind a place; `mark` writes where it goes on."""
        window, where, provenance = self._behind_sources(question)
        position = None if after is None else Position(after[0], (after[1], after[2], after[3]))
        senders = self.store.senders
        page = senders.page(window, where, position, limit)
        facts = senders.facts(window, where, page.senders)
        last = page.senders.select("packets", *SENDER).row(-1) if page.has_more else None
        return listed(
            facts,
            senders.evidence(window, self._witnesses(question), page.senders),
            Told.of(self.names, page.senders),
            packets=page.packets,
            addresses=page.addresses,
            following=mark(last) if mark and last else None,
            provenance=provenance,
        )

    def owners(
        self, question: Question, limit: int, after: Place | None = None, mark: Mark | None = None
    ) -> OwnerList:
        """List the owners of the sources by packets, behind a place; `mark` writes where it goes on."""
        window, where, provenance = self._behind_sources(question)
        found = self.store.senders.owners(window, where, self._witnesses(question), self.names.texts)
        return owned(found.owners, found.devices, after, limit, mark=mark, provenance=provenance)

    def cases(self, question: Question, most: int) -> cases.Cases:
        """Give the sources of the period that somebody could be told about, so many at most, with their evidence."""
        window, where, provenance = self._behind_sources(question)
        witnesses, senders = self._witnesses(question), self.store.senders
        sifted = cases.sift(
            senders.accounts(window, where, witnesses),
            lambda account: pl.Series(Told.of(self.names, account).research, dtype=pl.String),
            most,
        )
        found = sifted.kept.select(*SENDER)
        return cases.build(
            sifted,
            senders.targets(window, where, found, cases.TARGETS),
            senders.samples(window, where, found, cases.SAMPLES),
            senders.evidence(window, witnesses, found),
            Told.of(self.names, found),
            until=window.end,
            provenance=provenance,
        )

    def attacks(
        self, question: Question, limit: int, after: Place | None = None, mark: Mark | None = None
    ) -> attacks.AttackList:
        """List the attacks that lasted at some time of the period, behind a place; `mark` writes where it goes on.

        Only the echoes of the sensors asked about count; the rest of the filter is about the victims.
        """
        window, where, provenance = self._behind_sources(question)
        choice = self._choice(question, window)
        echoes = self.store.echoes

        def fetch(first: date, last: date, victims: pl.DataFrame | None) -> pl.DataFrame:
            if victims is None:
                victims = echoes.victims(first, last, where.sensors, attacks.LIKELY)
            return echoes.rows(first, last, where.sensors, victims)

        found = attacks.within(attacks.find(attacks.gather(fetch, window)), window)
        until = echoes.until(window.start.date(), where.sensors)
        return attacks.listed(
            attacks.narrowed(found, where),
            after,
            limit,
            until=60_000 * min(until or 0, minute(self.now)),
            addresses=choice.watched_on,
            known_since=echoes.since if self.sees_all else None,
            mark=mark,
            provenance=provenance,
        )

    def source(self, question: Question, sender: Sender) -> lives.Life:
        """Tell the life of one source address in the period's UTC days."""
        return lives.life(**self._lives(question, [sender]))

    def look_up(self, question: Question, senders: Sequence[Sender]) -> lives.Found:
        """Tell what is known of source addresses in the period's UTC days."""
        return lives.found(**self._lives(question, senders))

    def _lives(self, question: Question, senders: Sequence[Sender]) -> dict[str, Any]:
        """What lives are put together from."""
        window, where, provenance = self._behind_sources(question)
        wanted = pl.DataFrame(senders, schema=SENDER_SCHEMA, orient="row")
        store = self.store.senders
        return {
            "senders": wanted,
            "days": store.days(window, where, wanted),
            "verdicts": store.verdicts(window, self._witnesses(question), wanted),
            "told": Told.of(self.names, wanted),
            "since": store.since if self.sees_all else None,  # of all sensors, whoever's they are
            "provenance": provenance,
        }

    def scope(self, question: Question) -> Scope:
        """Give what a question about days, up to now, is about."""
        window = self._past(question.period.window)
        days = cut(window, "day", question.period.zone)
        days = replace(days, edges=(max(days.edges[0], minute(window.start)), *days.edges[1:]))
        choice = self._choice(question, window)
        where, watch = replace(question.where, sensors=choice.filter), self._watch(choice, days)
        return Scope(where, days, watch, self._provenance(question.period, where, watch))

    def sensors(self, question: Question) -> roster.Roster:
        """List the sensors asked about: who they are, what they watched, what became of their frames."""
        period = question.period
        buckets = self._whole(period.window, period)
        choice = self._choice(question, buckets.window)
        watch = self._watch(choice, buckets)
        return roster.roster(
            known_and(choice, self.known),
            watch,
            self.store.frames(buckets.window, choice.postings),
            label=lambda sensor: self.label(Dimension.SENSORS, (sensor,)),
            provenance=self._provenance(period, replace(question.where, sensors=choice.filter), watch),
        )

    def ids(self, question: Question) -> tuple[str, ...]:
        """Give the ids of the sensors asked about, sorted."""
        return self._choice(question, self._past(question.period.window)).ids

    def coverage(self, question: Question, step: str) -> roster.Coverage:
        """Say how much of each bucket, up to now, each sensor asked about watched."""
        period = question.period
        buckets = cut(self._past(period.window), step, period.zone)
        choice = self._choice(question, buckets.window)
        watch = self._watch(choice, buckets)
        return roster.coverage(
            watch,
            buckets,
            label=lambda sensor: self.label(Dimension.SENSORS, (sensor,)),
            provenance=self._provenance(period, replace(question.where, sensors=choice.filter), watch),
        )

    def events(self, question: Question) -> events.Events:
        """List the events that began in the period, whatever packets are asked about."""
        period = question.period
        provenance = ranking.Provenance(self.store.version, period, Filter(), None, None)
        return events.events(self.store.events(period.window), provenance)

    def _behind_sources(self, question: Question) -> tuple[Window, Filter, ranking.Provenance]:
        """What a question about single addresses is about: time up to now, packets, and where figures come from."""
        period = question.period
        window = self._past(period.window)
        choice = self._choice(question, window)
        where = replace(question.where, sensors=choice.filter)
        watch = self._watch(choice, self._whole(window, period))
        return window, where, self._provenance(period, where, watch)

    def _witnesses(self, question: Question) -> frozenset[Posting] | None:
        """Sensors whose evidence of a source counts: of every kind, for honeypots alone see handshakes."""
        everybody = Selection(EVERY_KIND, organisations=question.selection.organisations)
        return self._choice(replace(question, selection=everybody), question.period.window).filter

    def _choice(self, question: Question, window: Window) -> Choice:
        if self.sees_all:
            return select(question.selection, self.known, self.store.sensors(window))
        return replace(select(question.selection, self.known, ()), everything=False)

    def _past(self, window: Window) -> Window:
        """Give the part of a window that is over; a period has begun."""
        return Window(window.start, min(window.end, instant(minute(self.now))))

    def _whole(self, window: Window, period: Period) -> Buckets:
        return Buckets(period.zone, "whole", self._past(window).minutes)

    def _watch(self, choice: Choice, buckets: Buckets) -> Watch:
        """Say how much of each bucket each of the sensors watched. Raises TooMuch."""
        ids = choice.ids
        if len(ids) * len(buckets) > MOST_WATCHED:
            raise TooMuch(
                f"watched time is told of {MOST_WATCHED:,} stretches of sensors at most, and these are "
                f"{len(buckets):,} of {len(ids):,} sensors: a coarser step, a shorter period or fewer sensors have less"
            )
        covered: dict[str, Sequence[int]] = {}
        expected: dict[str, Sequence[int]] = {}
        at_once = max(1, WATCHED_AT_ONCE // len(buckets))
        for number in range(0, len(ids), at_once):
            some = ids[number : number + at_once]
            theirs = frozenset(some)
            postings = frozenset(one for one in choice.postings if one.sensor in theirs)
            found = self.store.coverage(buckets, postings)
            covered |= by_sensor(some, seconds_seen(found, some, buckets))
            expected |= by_sensor(some, seconds_due(postings, some, buckets))
        return Watch(covered, expected)

    def _behind(
        self,
        dimension: Dimension,
        choice: Choice,
        buckets: tuple[Buckets, Buckets],
        watches: tuple[Watch, Watch],
    ) -> Callable[[Key], ranking.Behind]:
        """Sensor time behind a value, of both periods: its own for a sensor or organisation, else everybody's."""

        def of(choice: Choice, now: Watch, before: Watch) -> ranking.Behind:
            return ranking.Behind(now.seconds, before.seconds, self._address_seconds(choice, buckets[0], now))

        match dimension:
            case Dimension.SENSORS:
                return lambda key: of(
                    choice.of_sensor(str(key[0])), *(watch.of(str(key[0])) for watch in watches)
                )
            case Dimension.ORGANISATIONS:

                def of_organisation(key: Key) -> ranking.Behind:
                    theirs = choice.of(str(key[0]))
                    return of(theirs, *(self._watch(theirs, each) for each in buckets))

                return of_organisation
        everybody = of(choice, *watches)
        return lambda _: everybody

    def _address_seconds(self, choice: Choice, buckets: Buckets, watch: Watch) -> int | None:
        """Watched time of all addresses together; None where those of a sensor that watched are not known."""
        seconds = 0
        for sensor, covered in watch.covered.items():
            postings = [posting for posting in choice.organisations if posting.sensor == sensor]
            for posting in postings:
                time = sum(covered)
                if len(postings) > 1:  # it changed: each time counts with the addresses of that time
                    time = int(self.store.coverage(buckets, frozenset({posting}))["covered"].sum())
                addresses = choice.addresses.get(posting)
                if time and addresses is None:
                    return None
                seconds += time * (addresses or 0)
        return seconds

    def _totals(self, dimension: Dimension, window: Window, where: Filter) -> pl.DataFrame:
        """Sum by value, with the packets of ranking.CLASSES beside where the store holds them apart."""
        if dimension is not Dimension.CLASSES:
            with suppress(NotHeldError):
                return self.store.totals(dimension, window, where, ranking.CLASSES)
        return self.store.totals(dimension, window, where)

    def _provenance(
        self, period: Period, where: Filter, now: Watch, before: Watch | None = None
    ) -> ranking.Provenance:
        origins = self.store.origins(period.window)
        return ranking.Provenance(self.store.version, period, where, now, before, origins)


def _narrowed(where: Filter, choice: Choice, dimension: Dimension, key: Key) -> Filter:
    """Narrow a filter to one value."""
    value = key[0]
    match dimension:
        case Dimension.SENSORS:
            return replace(where, sensors=choice.of_sensor(str(value)).postings)
        case Dimension.ORGANISATIONS:
            return replace(where, sensors=choice.of(str(value)).postings)
        case Dimension.PORTS:
            protocol, port = map(int, key)
            is_open = where.ports is None or {(protocol, port), (None, port)} & where.ports
            return replace(where, ports=frozenset({(protocol, port)} if is_open else ()))
        case Dimension.COUNTRIES:
            return replace(where, countries=_only(str(value), where.countries))
        case Dimension.OWNERS:
            return replace(where, owners=_only(int(value), where.owners))
        case Dimension.TOOLS:
            return replace(where, tools=_only(str(value), where.tools))
        case Dimension.CLASSES:
            return replace(where, classes=_only(str(value), where.classes))


Value = TypeVar("Value", int, str)


def _only(value: Value, allowed: frozenset[Value] | None) -> frozenset[Value]:
    return frozenset({value} if allowed is None or value in allowed else ())
