"""Find what is worth a paragraph of the report: look at all series at once, closer at few, and verify each (Q16).

Asks an Observer, and leaves judging to the pure modules: `screen` and `shifts` find, `grouping` puts together, and
what is proposed was compared sensor by sensor, so that no outage is ever proposed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import polars as pl

from darkscope.api import breadth, ranking, rhythm
from darkscope.api.ask import Observer, Question, Steady
from darkscope.api.dimension import Dimension, Key, parse_value, value_text
from darkscope.api.periods import Period, Window, instant
from darkscope.api.phenomena.grouping import SOLE, Finding, Group, grouped
from darkscope.api.phenomena.proposal import (
    Kind,
    Office,
    Part,
    Phenomena,
    Proposal,
    Relation,
    Standing,
    last_day,
    name,
    subject_text,
)
from darkscope.api.phenomena.screen import MOST, MOST_BASE, changes, demanded, standing_out, stirred
from darkscope.api.phenomena.shifts import (
    BACK,
    BASE,
    FACTOR,
    FEWEST,
    LEAST,
    STEP,
    WEEK,
    Excursion,
    excursions,
)
from darkscope.api.store import Filter, NotHeldError, Precision
from darkscope.ingest.series import Traffic

WEIGHT = 0.0003
"""Share of all packets of the period that a change brings, or takes, at least."""

HALF_WATCHED = 0.5
"""Share of a day, by the packets that its sensors receive, below which nothing is said of it."""

LEADING = 30
"""Ports that are looked at from each country, whether all of them stand out or not."""

TOP = 5
"""Leading ports and countries, as the reports list them."""

PARTS = 5
"""Countries, sensors and tools that are named of a proposal."""

NEW = 20.0
"""Factor from which on a rise is an appearance, and below the inverse of which a fall is a disappearance."""

LAG = 3
"""Days that the beginnings of two proposals may lie apart and still be together."""

MANY, AT_ONCE = 5_000, 14
"""Of more values so many days are asked at once: a whole quarter of all ports would take a gigabyte."""

OFFICES = 10
"""Leading countries whose hours are looked at."""

UTC = ZoneInfo("UTC")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """Daily packets of series: one row each."""

    keys: list[Key]
    counts: Floats

    @cached_property
    def places(self) -> dict[Key, int]:
        """Row of each key."""
        return {key: number for number, key in enumerate(self.keys)}

    def leading(self, limit: int) -> list[Key]:
        """Keys with the most packets, in order."""
        order = np.argsort(-self.counts.sum(axis=1), kind="stable")
        return [self.keys[row] for row in order[:limit].tolist()]


def detect(observer: Observer, question: Question, limit: int = 30) -> Phenomena:
    """Propose the phenomena of a period. The question's dimension says nothing.

    Raises StoreError where the store cannot be read, UnknownSensorError.
    """
    return _Detector(observer, question).phenomena(limit)


class _Detector:
    """One period's look at everything."""

    def __init__(self, observer: Observer, question: Question) -> None:
        self.observer = observer
        self.question = question
        self.steady: Steady = observer.steady(question, timedelta(days=BASE), HALF_WATCHED)
        self.days = [start.date() for start in self.steady.days.starts]
        self.exposure = np.array(self.steady.exposure)
        self.weekday = self.days[0].weekday()
        start = question.period.window.start.astimezone(question.period.zone).date()
        self.first = next((number for number, day in enumerate(self.days) if day >= start), len(self.days))
        self.utc = self._steady_utc()
        countries = observer.store.totals(
            Dimension.COUNTRIES, self.steady.days.window, self.steady.where
        ).drop_nulls()
        self.countries = self._table(
            Dimension.COUNTRIES,
            self._values(Dimension.COUNTRIES, countries),
            self.steady.where,
            self.steady,
        )
        self.all = self.countries.counts.sum(axis=0)
        self.fewest = max(FEWEST, WEIGHT * float(self.all[self.first :].sum()))
        self.ports = Table([], np.zeros((0, len(self.days))))  # those that are looked at closer
        self.pairs: dict[Key, Table] = {}
        self.compared = 0
        self.score = np.inf

    def phenomena(self, limit: int) -> Phenomena:
        """Find, put together, verify."""
        if self.first == len(self.days):  # no day of the period is over
            return Phenomena((), 0, 0, 0, self.steady.provenance)
        groups = grouped(self._findings(), self._excess, self._main, len(self.days))
        proposals = [one for group in groups if (one := self._proposal(group)) is not None]
        proposals += self._ranked(proposals)
        proposals += self._offices(proposals)
        proposals.sort(
            key=lambda one: (one.verdict is breadth.Verdict.LOCAL, -abs(one.excess), one.subject, one.start)
        )
        proposals = self._named(proposals)
        proposals = [replace(one, relations=self._relations(one, proposals)) for one in proposals]
        return Phenomena(
            tuple(proposals[:limit]),
            self.compared,
            max(0, len(proposals) - limit),
            0,
            self.steady.provenance,
        )

    def _steady_utc(self) -> Steady:
        """The same by UTC's days, of which there are small rollups: for the look at everything."""
        period = self.question.period
        if period.zone.key == UTC.key:
            return self.steady
        question = replace(self.question, period=replace(period, zone=UTC))
        return self.observer.steady(question, timedelta(days=BASE), HALF_WATCHED)

    def _table(self, dimension: Dimension, keys: list[Key], where: Filter, steady: Steady) -> Table:
        """Daily packets of some values, asked for some days at a time where they are many."""
        columns, days = list(dimension.columns), steady.days
        counts = np.zeros((len(keys), len(days)))
        step = AT_ONCE if len(keys) > MANY else len(days)
        for first in range(0, len(days) if keys else 0, step):
            span = replace(days, edges=days.edges[first : first + step + 1])
            rows = self.observer.store.series(dimension, span, where, keys).drop_nulls()
            at = pl.DataFrame(keys, schema={name: rows.schema[name] for name in columns}, orient="row")
            placed = rows.join(at.with_row_index("row"), on=columns)
            day = placed["bucket"].to_numpy() + first
            counts[placed["row"].to_numpy(), day] = placed["packets"].to_numpy()
        return Table(keys, counts)

    def _values(self, dimension: Dimension, totals: pl.DataFrame) -> list[Key]:
        """Values of totals, sorted."""
        return totals.select(dimension.columns).sort(dimension.columns).rows()

    def _findings(self) -> list[Finding]:
        """Series that leave their level in the period."""
        store, steady, countries = self.observer.store, self.steady, self.countries
        totals = store.totals(Dimension.PORTS, steady.days.window, steady.where).drop_nulls()
        leading = ranking.leading(Dimension.PORTS, totals, LEADING)
        self.compared = totals.height + (1 + LEADING) * len(countries.keys)
        self.score = demanded(self.compared, len(self.days))
        self.ports = self._table(Dimension.PORTS, self._standing_out(totals), steady.where, steady)
        found = [Finding((int(key[0]), int(key[1])), None, one) for key, one in self._excursions(self.ports)]
        found += [Finding(None, str(key[0]), one) for key, one in self._excursions(countries)]
        wanted = dict.fromkeys((one.port for one in found if one.port), countries.keys)
        for port, stirred_countries in (self._stirred(leading) | wanted).items():
            where = replace(steady.where, ports=self._ports([port]))
            self.pairs[port] = self._table(Dimension.COUNTRIES, stirred_countries, where, steady)
        pairs = Table(
            [(*port, *country) for port, table in self.pairs.items() for country in table.keys],
            np.concatenate(
                [table.counts for table in self.pairs.values()] or [np.zeros((0, len(self.days)))]
            ),
        )
        found += [
            Finding((int(key[0]), int(key[1])), str(key[2]), one) for key, one in self._excursions(pairs)
        ]
        return found

    def _standing_out(self, totals: pl.DataFrame) -> list[Key]:
        """Ports that may have left their level, by UTC's days."""
        enough = totals.filter(pl.col("packets") >= self.fewest / MOST_BASE)
        keys = self._values(Dimension.PORTS, enough)
        table = self._table(Dimension.PORTS, keys, self.utc.where, self.utc)
        weekday = self.utc.days.starts[0].weekday()
        exposure = np.array(self.utc.exposure)
        rows = standing_out(table.counts, exposure, weekday, self.score, self.fewest)
        return [table.keys[row] for row in rows[:MOST].tolist()]

    def _stirred(self, ports: Sequence[Key]) -> dict[Key, list[Key]]:
        """Countries of ports whose weeks differ so much that their days want a look."""
        edges = self.utc.days.edges[::-WEEK][::-1]
        windows = [Window(instant(low), instant(high)) for low, high in pairwise(edges)]
        columns = [*Dimension.PORTS.columns, *Dimension.COUNTRIES.columns]
        frames = [
            self.observer.store.cross(Dimension.PORTS, Dimension.COUNTRIES, window, self.steady.where, ports)
            .drop_nulls()
            .with_columns(week=pl.lit(number))
            for number, window in enumerate(windows)
        ]
        if not frames:
            return {}
        rows = pl.concat(frames)
        keys = rows.select(columns).unique().sort(columns).with_row_index("row")
        placed = rows.join(keys, on=columns)
        weeks = np.zeros((keys.height, len(windows)))
        weeks[placed["row"].to_numpy(), placed["week"].to_numpy()] = placed["packets"].to_numpy()
        days = np.array(self.utc.exposure)[len(self.utc.exposure) - WEEK * len(windows) :]
        exposure = days.reshape(len(windows), WEEK).mean(axis=1)
        found: dict[Key, list[Key]] = {}
        for protocol, port, country in (
            keys.filter(stirred(weeks, exposure, self.fewest)).select(columns).rows()
        ):
            found.setdefault((protocol, port), []).append((country,))
        return found

    def _ports(self, keys: Iterable[Key]) -> frozenset[tuple[int | None, int]]:
        """The ports of a filter, as far as the question lets them through."""
        asked = self.question.where.ports
        ports = ((int(protocol), int(port)) for protocol, port in keys)
        return frozenset(one for one in ports if asked is None or {one, (None, one[1])} & asked)

    def _excursions(self, table: Table) -> Iterator[tuple[Key, Excursion]]:
        found = changes(table.counts, self.exposure, self.weekday, self.score, self.fewest)
        for row, one in found:
            if self._is_told(one):
                yield table.keys[row], one

    def _is_told(self, one: Excursion) -> bool:
        """Whether the period tells of it: it lives through its third day."""
        return one.start + LEAST > self.first

    def _of(self, counts: Floats) -> list[Excursion]:
        """Excursions of one series that the period tells of."""
        found = excursions(counts, self.exposure, self.weekday, self.score, self.fewest)
        return [one for one in found if self._is_told(one)]

    def _excess(self, port: tuple[int, int], country: str, over: Excursion) -> float:
        """Packets beyond the usual of a port from a country."""
        table = self.pairs.get(port)
        place = None if table is None else table.places.get((country,))
        return 0.0 if table is None or place is None else self._beyond(table.counts[place], over)

    def _beyond(self, counts: Floats, over: Excursion) -> float:
        """Packets of the days of an excursion beyond those of the weeks before it."""
        here, before = self._slices(over)
        usual = counts[before].sum() / max(STEP, self.exposure[before].sum())
        return float(counts[here].sum() - usual * self.exposure[here].sum())

    def _slices(self, over: Excursion) -> tuple[slice, slice]:
        end = len(self.days) if over.end is None else over.end
        return slice(over.start, end), slice(max(0, over.start - BASE), over.start)

    def _main(self, one: Finding) -> str | None:
        """The country that has nearly all of a port's change."""
        if one.country is not None or one.port is None:
            return one.country
        table = self.pairs[one.port]
        parts = [
            (abs(self._beyond(counts, one.excursion)), str(key[0]))
            for key, counts in zip(table.keys, table.counts, strict=True)
        ]
        most, country = max(parts, default=(0.0, ""))
        return country if most >= SOLE * abs(one.excursion.excess) else None

    def _proposal(self, group: Group) -> Proposal | None:
        """Verify a group sensor by sensor, and tell of it; None where no sensor that watched confirms it."""
        counts = self._daily(group.ports, group.countries)
        found = self._of(counts)
        its = min(found, key=lambda one: abs(one.start - group.excursion.start), default=group.excursion)
        if abs(its.start - group.excursion.start) > LAG:
            its = group.excursion
        now, before = self._windows(its)
        where = self._where(group.ports, group.countries)
        rise = self._breadth(where, now, before, rises=its.rises)
        if (rise.growth is not None and rise.growth < BACK) or not rise.rows:
            return None

        def parts(dimension: Dimension) -> tuple[Part, ...]:
            return self._parts(dimension, where, now, before, rises=its.rises)

        regions, sensors, tools = map(parts, (Dimension.COUNTRIES, Dimension.SENSORS, Dimension.TOOLS))
        classes = self._classes(where, now)
        here, _ = self._slices(its)
        keys = sorted(group.ports, key=lambda port: (port[1], port[0]))
        ports = tuple(value_text(Dimension.PORTS, port) for port in keys)
        return Proposal(
            id="",
            kind=_kind(its),
            subject=subject_text(ports, group.countries),
            ports=ports,
            countries=tuple(group.countries),
            start=self.days[its.start],
            end=last_day(None if its.end is None else self.days[its.end]),
            base=its.base,
            level=its.level,
            peak=its.peak,
            factor=its.factor,
            excess=round(its.excess),
            share=max(0.0, its.excess) / max(1.0, float(self.all[here].sum())),
            score=its.score,
            peaks=its.peaks,
            verdict=rise.verdict,
            reason=rise.reason,
            growth=rise.growth if its.rises or not rise.growth else 1 / rise.growth,
            compared_sensors=rise.sensors,
            sharing_sensors=rise.sharing,
            regions=regions,
            services=() if group.ports else parts(Dimension.PORTS),
            sensors=sensors,
            tools=tools,
            spoofable=classes.get(Traffic.SPOOFABLE.value) if classes else None,
            backscatter=classes.get(Traffic.BACKSCATTER.value) if classes else None,
            ranks=tuple(self._standings(keys, group.countries)),
            relations=(),
            office_hours=self._office_hours(where, now, [part.value for part in regions]),
            includes=tuple(sorted({_text(one) for one in group.others})),
        )

    def _daily(self, ports: Sequence[Key], countries: Sequence[str]) -> Floats:
        """The daily packets of ports, countries, or ports from countries."""
        if ports and countries:
            parts = [
                self.pairs[port].counts[self.pairs[port].places[country,]]
                for port in ports
                for country in countries
            ]
        elif ports:
            table = self.ports
            parts = [table.counts[table.places[port]] for port in ports]
        else:
            table = self.countries
            parts = [table.counts[table.places[country,]] for country in countries]
        counts: Floats = np.sum(parts, axis=0)
        return counts

    def _windows(self, over: Excursion) -> tuple[Window, Window]:
        """The time of an excursion, and the weeks before it."""
        edges = self.steady.days.edges
        here, before = self._slices(over)
        now, past = (Window(instant(edges[part.start]), instant(edges[part.stop])) for part in (here, before))
        return now, past

    def _where(self, ports: Sequence[Key], countries: Sequence[str]) -> Filter:
        where = self.question.where
        if ports:
            where = replace(where, ports=self._ports(ports))
        return replace(where, countries=frozenset(countries)) if countries else where

    def _asked(self, where: Filter, now: Window, before: Window) -> Question:
        period = self.question.period
        return replace(self.question, where=where, period=Period(period.text, period.zone, now, before))

    def _breadth(self, where: Filter, now: Window, before: Window, *, rises: bool) -> breadth.Breadth:
        """Judge a rise; a fall is a rise seen backwards."""
        return self.observer.breadth(
            self._asked(where, now, before) if rises else self._asked(where, before, now)
        )

    def _parts(
        self, dimension: Dimension, where: Filter, now: Window, before: Window, *, rises: bool
    ) -> tuple[Part, ...]:
        """Values that a change is owed to, by packets beyond what they sent before."""
        where = replace(where, sensors=self.steady.where.sensors)
        keys = list(dimension.columns)
        try:
            totals = [
                self.observer.store.totals(dimension, window, where).drop_nulls() for window in (now, before)
            ]
        except NotHeldError:
            return ()
        share = self._watched(now) / max(STEP, self._watched(before))
        both = totals[0].join(totals[1], on=keys, how="full", coalesce=True, suffix="_before").fill_null(0)
        beyond = both.with_columns(excess=pl.col("packets") - pl.col("packets_before") * share)
        moved = beyond.filter(pl.col("excess") > 0 if rises else pl.col("excess") < 0).sort(
            pl.col("excess").abs(), *keys, descending=[True, *(False for _ in keys)]
        )
        whole = float(moved["excess"].sum())  # in their order: sums of floats depend on it
        return tuple(
            Part(
                value_text(dimension, key), self.observer.label(dimension, key), round(excess), excess / whole
            )
            for *columns, excess in moved.select(*keys, "excess").head(PARTS).iter_rows()
            for key in [tuple(columns)]
        )

    def _watched(self, window: Window) -> float:
        """Watched days of a window."""
        start, end = (self.steady.days.edges.index(edge) for edge in window.minutes)
        return float(self.exposure[start:end].sum())

    def _classes(self, where: Filter, window: Window) -> dict[str, float] | None:
        """Share of each class among the packets of a window; None where it is not known."""
        where = replace(where, sensors=self.steady.where.sensors)
        try:
            rows = self.observer.store.totals(Dimension.CLASSES, window, where).drop_nulls().rows()
        except NotHeldError:
            return None
        whole = sum(packets for _, packets in rows)
        shares = {traffic.value: 0.0 for traffic in Traffic}
        return shares | {str(name): packets / whole for name, packets in rows if whole}

    def _standings(self, ports: Sequence[Key], countries: Sequence[str]) -> Iterator[Standing]:
        """Ranks of the subject's ports and leading country among all, in the period and in the one before."""
        keys: list[tuple[Dimension, Key]] = [(Dimension.PORTS, port) for port in ports]
        keys += [(Dimension.COUNTRIES, (country,)) for country in countries[:1]]
        for dimension, key in keys:
            (rank, _), (previous, _) = (
                ranking.standing(dimension, totals, key) for totals in self._everybody[dimension]
            )
            yield Standing(value_text(dimension, key), rank, previous)

    @cached_property
    def _everybody(self) -> dict[Dimension, list[pl.DataFrame]]:
        """Totals of all sensors asked about, of the period and of the one before."""
        period = self.question.period
        return {
            dimension: [
                self.observer.store.totals(dimension, window, self._leading[dimension].provenance.where)
                for window in (period.window, period.previous)
            ]
            for dimension in (Dimension.PORTS, Dimension.COUNTRIES)
        }

    @cached_property
    def _leading(self) -> dict[Dimension, ranking.Ranking]:
        return {
            dimension: self._top(dimension, self.question)
            for dimension in (Dimension.PORTS, Dimension.COUNTRIES)
        }

    def _top(self, dimension: Dimension, question: Question) -> ranking.Ranking:
        return self.observer.top(replace(question, dimension=dimension), TOP, Precision.NONE)

    def _ranked(self, proposals: Sequence[Proposal]) -> Iterator[Proposal]:
        """Ports and countries that came among the leading ones, or went, and of which nothing is said yet."""
        period = self.question.period
        swapped = replace(period, window=period.previous, previous=period.window)
        for dimension, now in self._leading.items():
            before = self._top(dimension, replace(self.question, period=swapped))
            for kind, rows in ((Kind.ENTERED, now.rows), (Kind.LEFT, before.rows)):
                for row in rows:
                    is_out = row.previous_rank is None or row.previous_rank > TOP
                    factor = None if row.change is None else row.change + 1
                    if is_out and (factor is None or factor >= FACTOR) and not _told(row.value, proposals):
                        one = self._standing_change(dimension, kind, row)
                        if one is not None:
                            yield one

    def _standing_change(self, dimension: Dimension, kind: Kind, row: ranking.Row) -> Proposal | None:
        """Tell of a change of rank by the figures of both periods; None where no sensor that watched confirms it."""
        period, is_port = self.question.period, dimension is Dimension.PORTS
        windows = (self._past(period.window), period.previous)
        now, before = windows if kind is Kind.ENTERED else windows[::-1]
        key = parse_value(dimension, row.value)
        where = self._where([key] if is_port else [], [] if is_port else [row.value])
        rise = self._breadth(where, now, before, rises=True)
        if not rise.rows or (rise.growth is not None and rise.growth < FACTOR):
            return None
        rates = [
            sum(each)
            for each in zip(*((one.previous_per_day, one.per_day) for one in rise.rows), strict=True)
        ]
        base, level = rates
        if kind is Kind.LEFT:
            base, level = level, base
        return Proposal(
            id="",
            kind=kind,
            subject=row.value,
            ports=(row.value,) if is_port else (),
            countries=() if is_port else (row.value,),
            start=self.days[min(self.first, len(self.days) - 1)],
            end=None,
            base=base,
            level=level,
            peak=level,
            factor=(level + STEP) / (base + STEP),
            excess=round((level - base) * len(self.days[self.first :])),
            share=0.0,
            score=0.0,
            peaks=0,
            verdict=rise.verdict,
            reason=rise.reason,
            growth=rise.growth,
            compared_sensors=rise.sensors,
            sharing_sensors=rise.sharing,
            regions=(),
            services=(),
            sensors=(),
            tools=(),
            spoofable=row.spoofable,
            backscatter=row.backscatter,
            ranks=tuple(self._standings([key] if is_port else [], [] if is_port else [row.value])),
            relations=(),
            office_hours=(),
            includes=(),
        )

    def _past(self, window: Window) -> Window:
        return Window(window.start, min(window.end, self.steady.days.window.end))

    def _office_hours(self, where: Filter, window: Window, countries: Sequence[str]) -> tuple[Office, ...]:
        """Those of some countries that keep office hours in packets of a window."""
        if not countries or window.end - window.start < timedelta(days=WEEK):
            return ()
        keys: list[Key] = [(country,) for country in countries]
        asked = replace(self._asked(where, window, window), dimension=Dimension.COUNTRIES)
        found = self.observer.rhythm(asked, keys, len(keys))
        return tuple(
            Office(row.value, row.label, row.strength, row.reason)
            for row in found.rows
            if row.verdict is rhythm.Verdict.OFFICE
        )

    def _offices(self, proposals: Sequence[Proposal]) -> Iterator[Proposal]:
        """Leading countries that keep office hours, and of which that is not said yet."""
        period = self.question.period
        window = self._past(period.window)
        leading = self.countries.leading(OFFICES)
        told = {one.value for proposal in proposals for one in proposal.office_hours}
        where = self.question.where
        for office in self._office_hours(where, window, [str(country) for (country,) in leading]):
            if office.value in told:
                continue
            counts = self.countries
            rates = counts.counts[counts.places[office.value,]][self.first :]
            level = float(rates.sum() / max(STEP, self.exposure[self.first :].sum()))
            yield Proposal(
                id="",
                kind=Kind.OFFICE_HOURS,
                subject=office.value,
                ports=(),
                countries=(office.value,),
                start=self.days[min(self.first, len(self.days) - 1)],
                end=None,
                base=level,
                level=level,
                peak=level,
                factor=1.0,
                excess=0,
                share=0.0,
                score=0.0,
                peaks=0,
                verdict=breadth.Verdict.UNCLEAR,
                reason=office.reason,
                growth=None,
                compared_sensors=0,
                sharing_sensors=0,
                regions=(),
                services=(),
                sensors=(),
                tools=(),
                spoofable=None,
                backscatter=None,
                ranks=tuple(self._standings([], [office.value])),
                relations=(),
                office_hours=(office,),
                includes=(),
            )

    def _named(self, proposals: Iterable[Proposal]) -> list[Proposal]:
        """Give each its id: of several with one, the earlier have the lower numbers."""
        given = list(proposals)
        first_day = self.question.period.window.start.astimezone(self.question.period.zone).date()
        names: dict[int, str] = {}
        for number in sorted(range(len(given)), key=lambda number: given[number].start):
            one = given[number]
            plain = name(one.kind, one.ports, one.countries, first_day)
            further = sum(other == plain or other.startswith(f"{plain}.") for other in names.values())
            names[number] = f"{plain}.{further + 1}" if further else plain
        return [replace(one, id=names[number]) for number, one in enumerate(given)]

    def _relations(self, one: Proposal, proposals: Sequence[Proposal]) -> tuple[Relation, ...]:
        """Proposals that begin at the same time."""
        if one.kind not in MOVING:
            return ()
        near = [
            other
            for other in proposals
            if other is not one and other.kind in MOVING and abs((other.start - one.start).days) <= LAG
        ]
        return tuple(
            Relation(
                other.id,
                other.subject,
                "together" if other.rises == one.rises else "against",
                (other.start - one.start).days,
                self._correlation(one, other),
            )
            for other in sorted(near, key=lambda other: (-abs(other.excess), other.id))
        )

    def _correlation(self, one: Proposal, other: Proposal) -> float | None:
        """Pearson's, of weekly sums over all days."""
        sums = [
            np.lib.stride_tricks.sliding_window_view(self._rates(each), WEEK).sum(axis=1)
            for each in (one, other)
        ]
        if len(sums[0]) < WEEK or not all(each.std() for each in sums):
            return None
        return float(np.corrcoef(*sums)[0, 1])

    def _rates(self, one: Proposal) -> Floats:
        """The daily packets of a proposal, by watched time; days that were not watched are left out."""
        ports = [parse_value(Dimension.PORTS, port) for port in one.ports]
        counts = self._daily(ports, one.countries)
        watched = self.exposure > 0
        rates: Floats = counts[watched] / self.exposure[watched]
        return rates


MOVING = frozenset(
    {Kind.APPEARED, Kind.ROSE, Kind.JUMPED, Kind.SWINGS, Kind.FELL, Kind.DIPPED, Kind.VANISHED}
)
"""Kinds that begin on a day."""


def _kind(over: Excursion) -> Kind:
    if over.rises:
        if over.swings:
            return Kind.SWINGS
        if over.returned:
            return Kind.JUMPED
        return Kind.APPEARED if over.factor >= NEW else Kind.ROSE
    if over.returned:
        return Kind.DIPPED
    return Kind.VANISHED if over.factor <= 1 / NEW else Kind.FELL


def _text(one: Finding) -> str:
    ports = [value_text(Dimension.PORTS, one.port)] if one.port else []
    return subject_text(ports, [one.country] if one.country else [])


def _told(value: str, proposals: Iterable[Proposal]) -> bool:
    """Whether a port or country is part of what is proposed."""
    return any(
        value in (*one.ports, *one.countries)
        or value in one.includes
        or any(text.endswith(f" from {value}") for text in one.includes)
        for one in proposals
    )
