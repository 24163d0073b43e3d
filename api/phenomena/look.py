"""One period's days as steady sensors saw them, and what is asked of a store about stretches of them.

Asks an Observer, and judges nothing: `detector` and `standings` do, with what comes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import polars as pl

from darkscope.api import breadth, rhythm
from darkscope.api.ask import Observer, Question, Steady
from darkscope.api.dimension import Dimension, Key, value_text
from darkscope.api.periods import Period, Window, instant
from darkscope.api.phenomena.proposal import Office, Part
from darkscope.api.phenomena.shifts import BASE, FEWEST, STEP, WEEK, Excursion
from darkscope.api.store import Filter, NotHeldError
from darkscope.ingest.series import Traffic

WEIGHT = 0.0003
"""Share of all packets of the period that a change brings, or takes, at least."""

HALF_WATCHED = 0.5
"""Share of a day, by the packets that its sensors receive, below which nothing is said of it."""

PARTS = 5
"""Countries, sensors and tools that are named of a proposal."""

MANY, AT_ONCE = 5_000, 14
"""Of more values so many days are asked at once: a whole quarter of all ports would take a gigabyte."""

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


class Look:
    """What is looked at. Days count from the first one; rates are of watched time."""

    def __init__(self, observer: Observer, question: Question) -> None:
        """Raises StoreError where the store cannot be read, UnknownSensorError."""
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
        self.countries = self.table(
            Dimension.COUNTRIES,
            self.values(Dimension.COUNTRIES, countries),
            self.steady.where,
            self.steady,
        )
        self.all = self.countries.counts.sum(axis=0)
        self.fewest = max(FEWEST, WEIGHT * float(self.all[self.first :].sum()))

    def _steady_utc(self) -> Steady:
        """The same by UTC's days, of which there are small rollups: for the look at everything."""
        period = self.question.period
        if period.zone.key == UTC.key:
            return self.steady
        question = replace(self.question, period=replace(period, zone=UTC))
        return self.observer.steady(question, timedelta(days=BASE), HALF_WATCHED)

    def table(self, dimension: Dimension, keys: list[Key], where: Filter, steady: Steady) -> Table:
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

    def values(self, dimension: Dimension, totals: pl.DataFrame) -> list[Key]:
        """Values of totals, sorted."""
        return totals.select(dimension.columns).sort(dimension.columns).rows()

    def ports(self, keys: Iterable[Key]) -> frozenset[tuple[int | None, int]]:
        """The ports of a filter, as far as the question lets them through."""
        asked = self.question.where.ports
        ports = ((int(protocol), int(port)) for protocol, port in keys)
        return frozenset(one for one in ports if asked is None or {one, (None, one[1])} & asked)

    def beyond(self, counts: Floats, over: Excursion) -> float:
        """Packets of the days of an excursion beyond those of the weeks before it."""
        here, before = self.slices(over)
        usual = counts[before].sum() / max(STEP, self.exposure[before].sum())
        return float(counts[here].sum() - usual * self.exposure[here].sum())

    def slices(self, over: Excursion) -> tuple[slice, slice]:
        """Days of an excursion, and of the weeks before it, as parts of a series."""
        end = len(self.days) if over.end is None else over.end
        return slice(over.start, end), slice(max(0, over.start - BASE), over.start)

    def windows(self, over: Excursion) -> tuple[Window, Window]:
        """The time of an excursion, and the weeks before it."""
        edges = self.steady.days.edges
        here, before = self.slices(over)
        now, past = (Window(instant(edges[part.start]), instant(edges[part.stop])) for part in (here, before))
        return now, past

    def narrowed(self, ports: Sequence[Key], countries: Sequence[str]) -> Filter:
        """The question's filter, narrowed to ports and countries where there are any."""
        where = self.question.where
        if ports:
            where = replace(where, ports=self.ports(ports))
        return replace(where, countries=frozenset(countries)) if countries else where

    def asked(self, where: Filter, now: Window, before: Window) -> Question:
        """The question about other packets, and other stretches of time."""
        period = self.question.period
        return replace(self.question, where=where, period=Period(period.text, period.zone, now, before))

    def breadth(self, where: Filter, now: Window, before: Window, *, rises: bool) -> breadth.Breadth:
        """Judge a rise; a fall is a rise seen backwards."""
        return self.observer.breadth(
            self.asked(where, now, before) if rises else self.asked(where, before, now)
        )

    def parts(
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

    def classes(self, where: Filter, window: Window) -> dict[str, float] | None:
        """Share of each class among the packets of a window; None where it is not known."""
        where = replace(where, sensors=self.steady.where.sensors)
        try:
            rows = self.observer.store.totals(Dimension.CLASSES, window, where).drop_nulls().rows()
        except NotHeldError:
            return None
        whole = sum(packets for _, packets in rows)
        shares = {traffic.value: 0.0 for traffic in Traffic}
        return shares | {str(name): packets / whole for name, packets in rows if whole}

    def past(self, window: Window) -> Window:
        """The part of a window of which all days are over."""
        return Window(window.start, min(window.end, self.steady.days.window.end))

    def office_hours(self, where: Filter, window: Window, countries: Sequence[str]) -> tuple[Office, ...]:
        """Those of some countries that keep office hours in packets of a window."""
        if not countries or window.end - window.start < timedelta(days=WEEK):
            return ()
        keys: list[Key] = [(country,) for country in countries]
        asked = replace(self.asked(where, window, window), dimension=Dimension.COUNTRIES)
        found = self.observer.rhythm(asked, keys, len(keys))
        return tuple(
            Office(row.value, row.label, row.strength, row.reason)
            for row in found.rows
            if row.verdict is rhythm.Verdict.OFFICE
        )

    def _watched(self, window: Window) -> float:
        """Watched days of a window."""
        start, end = (self.steady.days.edges.index(edge) for edge in window.minutes)
        return float(self.exposure[start:end].sum())
