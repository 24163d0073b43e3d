"""Find what is worth a paragraph of the report: look at all series at once, closer at few, and verify each (Q16).

Asks by a Look, and leaves judging to the pure modules: `screen` and `shifts` find, `grouping` puts together, and
what is proposed was compared sensor by sensor, so that no outage is ever proposed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl

from darkscope.api import breadth, ranking
from darkscope.api.ask import Observer, Question
from darkscope.api.dimension import Dimension, Key, parse_value, value_text
from darkscope.api.periods import Window, instant
from darkscope.api.phenomena.grouping import SOLE, Finding, Group, grouped
from darkscope.api.phenomena.look import Floats, Look, Table
from darkscope.api.phenomena.proposal import (
    Kind,
    Part,
    Phenomena,
    Proposal,
    Relation,
    last_day,
    name,
    subject_text,
)
from darkscope.api.phenomena.screen import MOST, MOST_BASE, changes, demanded, standing_out, stirred
from darkscope.api.phenomena.shifts import BACK, LEAST, WEEK, Excursion, excursions
from darkscope.api.phenomena.standings import Standings
from darkscope.ingest.series import Traffic

LEADING = 30
"""Ports that are looked at from each country, whether all of them stand out or not."""

NEW = 20.0
"""Factor from which on a rise is an appearance, and below the inverse of which a fall is a disappearance."""

LAG = 3
"""Days that the beginnings of two proposals may lie apart and still be together."""


def detect(observer: Observer, question: Question, limit: int = 30) -> Phenomena:
    """Propose the phenomena of a period. The question's dimension says nothing.

    Raises StoreError where the store cannot be read, UnknownSensorError.
    """
    return _Detector(Look(observer, question)).phenomena(limit)


class _Detector:
    """One period's look at everything."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.standings = Standings(look)
        self.ports = Table([], np.zeros((0, len(look.days))))  # those that are looked at closer
        self.pairs: dict[Key, Table] = {}
        self.compared = 0
        self.score = np.inf

    def phenomena(self, limit: int) -> Phenomena:
        """Find, put together, verify."""
        if self.look.first == len(self.look.days):  # no day of the period is over
            return Phenomena((), 0, 0, 0, self.look.steady.provenance)
        groups = grouped(self._findings(), self._excess, self._main, len(self.look.days))
        proposals = [one for group in groups if (one := self._proposal(group)) is not None]
        proposals += self.standings.changed(proposals)
        proposals += self.standings.offices(proposals)
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
            self.look.steady.provenance,
        )

    def _findings(self) -> list[Finding]:
        """Series that leave their level in the period."""
        store, steady, countries = self.look.observer.store, self.look.steady, self.look.countries
        totals = store.totals(Dimension.PORTS, steady.days.window, steady.where).drop_nulls()
        leading = ranking.leading(Dimension.PORTS, totals, LEADING)
        self.compared = totals.height + (1 + LEADING) * len(countries.keys)
        self.score = demanded(self.compared, len(self.look.days))
        self.ports = self.look.table(Dimension.PORTS, self._standing_out(totals), steady.where, steady)
        found = [Finding((int(key[0]), int(key[1])), None, one) for key, one in self._excursions(self.ports)]
        found += [Finding(None, str(key[0]), one) for key, one in self._excursions(countries)]
        wanted = dict.fromkeys((one.port for one in found if one.port), countries.keys)
        for port, stirred_countries in (self._stirred(leading) | wanted).items():
            where = replace(steady.where, ports=self.look.ports([port]))
            self.pairs[port] = self.look.table(Dimension.COUNTRIES, stirred_countries, where, steady)
        pairs = Table(
            [(*port, *country) for port, table in self.pairs.items() for country in table.keys],
            np.concatenate(
                [table.counts for table in self.pairs.values()] or [np.zeros((0, len(self.look.days)))]
            ),
        )
        found += [
            Finding((int(key[0]), int(key[1])), str(key[2]), one) for key, one in self._excursions(pairs)
        ]
        return found

    def _standing_out(self, totals: pl.DataFrame) -> list[Key]:
        """Ports that may have left their level, by UTC's days."""
        enough = totals.filter(pl.col("packets") >= self.look.fewest / MOST_BASE)
        keys = self.look.values(Dimension.PORTS, enough)
        table = self.look.table(Dimension.PORTS, keys, self.look.utc.where, self.look.utc)
        weekday = self.look.utc.days.starts[0].weekday()
        exposure = np.array(self.look.utc.exposure)
        rows = standing_out(table.counts, exposure, weekday, self.score, self.look.fewest)
        return [table.keys[row] for row in rows[:MOST].tolist()]

    def _stirred(self, ports: Sequence[Key]) -> dict[Key, list[Key]]:
        """Countries of ports whose weeks differ so much that their days want a look."""
        edges = self.look.utc.days.edges[::-WEEK][::-1]
        windows = [Window(instant(low), instant(high)) for low, high in pairwise(edges)]
        columns = [*Dimension.PORTS.columns, *Dimension.COUNTRIES.columns]
        frames = [
            self.look.observer.store.cross(
                Dimension.PORTS, Dimension.COUNTRIES, window, self.look.steady.where, ports
            )
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
        days = np.array(self.look.utc.exposure)[len(self.look.utc.exposure) - WEEK * len(windows) :]
        exposure = days.reshape(len(windows), WEEK).mean(axis=1)
        found: dict[Key, list[Key]] = {}
        for protocol, port, country in (
            keys.filter(stirred(weeks, exposure, self.look.fewest)).select(columns).rows()
        ):
            found.setdefault((protocol, port), []).append((country,))
        return found

    def _excursions(self, table: Table) -> Iterator[tuple[Key, Excursion]]:
        found = changes(table.counts, self.look.exposure, self.look.weekday, self.score, self.look.fewest)
        for row, one in found:
            if self._is_told(one):
                yield table.keys[row], one

    def _is_told(self, one: Excursion) -> bool:
        """Whether the period tells of it: it lives through its third day."""
        return one.start + LEAST > self.look.first

    def _of(self, counts: Floats) -> list[Excursion]:
        """Excursions of one series that the period tells of."""
        found = excursions(counts, self.look.exposure, self.look.weekday, self.score, self.look.fewest)
        return [one for one in found if self._is_told(one)]

    def _excess(self, port: tuple[int, int], country: str, over: Excursion) -> float:
        """Packets beyond the usual of a port from a country."""
        table = self.pairs.get(port)
        place = None if table is None else table.places.get((country,))
        return 0.0 if table is None or place is None else self.look.beyond(table.counts[place], over)

    def _main(self, one: Finding) -> str | None:
        """The country that has nearly all of a port's change."""
        if one.country is not None or one.port is None:
            return one.country
        table = self.pairs[one.port]
        parts = [
            (abs(self.look.beyond(counts, one.excursion)), str(key[0]))
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
        now, before = self.look.windows(its)
        where = self.look.narrowed(group.ports, group.countries)
        rise = self.look.breadth(where, now, before, rises=its.rises)
        if (rise.growth is not None and rise.growth < BACK) or not rise.rows:
            return None

        def parts(dimension: Dimension) -> tuple[Part, ...]:
            return self.look.parts(dimension, where, now, before, rises=its.rises)

        regions, sensors, tools = map(parts, (Dimension.COUNTRIES, Dimension.SENSORS, Dimension.TOOLS))
        classes = self.look.classes(where, now)
        here, _ = self.look.slices(its)
        keys = sorted(group.ports, key=lambda port: (port[1], port[0]))
        ports = tuple(value_text(Dimension.PORTS, port) for port in keys)
        return Proposal(
            id="",
            kind=_kind(its),
            subject=subject_text(ports, group.countries),
            ports=ports,
            countries=tuple(group.countries),
            start=self.look.days[its.start],
            end=last_day(None if its.end is None else self.look.days[its.end]),
            base=its.base,
            level=its.level,
            peak=its.peak,
            factor=its.factor,
            excess=round(its.excess),
            share=max(0.0, its.excess) / max(1.0, float(self.look.all[here].sum())),
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
            ranks=tuple(self.standings.standings(keys, group.countries)),
            relations=(),
            office_hours=self.look.office_hours(where, now, [part.value for part in regions]),
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
            table = self.look.countries
            parts = [table.counts[table.places[country,]] for country in countries]
        counts: Floats = np.sum(parts, axis=0)
        return counts

    def _named(self, proposals: Iterable[Proposal]) -> list[Proposal]:
        """Give each its id: of several with one, the earlier have the lower numbers."""
        given = list(proposals)
        first_day = self.look.question.period.window.start.astimezone(self.look.question.period.zone).date()
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
        watched = self.look.exposure > 0
        rates: Floats = counts[watched] / self.look.exposure[watched]
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
