"""Questions as people put them, answered from any store: for the commands, the endpoints and the report.

Asks the store, and leaves ranking and completing to the pure modules. The clock is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise

import polars as pl

from darkscope.api import ranking, trend
from darkscope.api.dimension import Dimension, Key
from darkscope.api.periods import Buckets, Period, Window, cut, instant, minute
from darkscope.api.selection import Choice, Selection, select
from darkscope.api.store import Filter, Precision, Store
from darkscope.api.watch import Watch

Label = Callable[[Dimension, Key], str]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a dimension, a period, and which packets."""

    dimension: Dimension
    period: Period
    selection: Selection = field(default_factory=Selection)
    where: Filter = field(default_factory=Filter)  # without sensors: the selection decides them


@dataclass(frozen=True, slots=True)
class Observer:
    """Who answers: a store, the sensors that the settings know, and the words for people."""

    store: Store
    known: pl.DataFrame  # id, name, organisation, kind, home, since, until: see selection.KNOWN
    label: Label
    now: datetime  # UTC
    sees_all: bool = True  # False: sensors that are not `known` are as if they did not exist

    def top(self, question: Question, limit: int, precision: Precision | None) -> ranking.Ranking:
        """Rank the leading values of the period, with their ranks in the period before.

        Distinct sources are counted as the store likes best where no precision is given.
        """
        precision = self.store.precision if precision is None else precision
        dimension, period = question.dimension, question.period
        choice = self._choice(question, Window(period.previous.start, period.window.end))
        where = replace(question.where, sensors=choice.filter)
        now = self.store.totals(dimension, period.window, where)
        first = ranking.leading(dimension, now, limit)
        whole = self._whole(period.window, period)
        watch = self._watch(choice, whole)
        return ranking.rank(
            dimension,
            now,
            self.store.totals(dimension, period.previous, where),
            limit,
            watched=self._behind(dimension, choice, watch, whole),
            label=lambda key: self.label(dimension, key),
            sources=None
            if precision is Precision.NONE or not first
            else self.store.sources(dimension, period.window, where, first, precision),
            provenance=ranking.Provenance(
                self.store.version,
                period,
                where,
                watch,
                self._watch(choice, self._whole(period.previous, period)),
            ),
        )

    def trend(self, question: Question, step: str, values: Sequence[Key], limit: int) -> trend.Trend:
        """Named values, or else the leading ones of the period, bucket by bucket up to now."""
        dimension, period = question.dimension, question.period
        buckets = cut(self._past(period.window), step, period.zone)
        choice = self._choice(question, buckets.window)
        where = replace(question.where, sensors=choice.filter)
        chosen = values or ranking.leading(
            dimension, self.store.totals(dimension, buckets.window, where), limit
        )
        watch = self._watch(choice, buckets)
        return trend.complete(
            dimension,
            self.store.series(dimension, buckets, where, chosen),
            chosen,
            buckets,
            watch=watch,
            label=lambda key: self.label(dimension, key),
            provenance=ranking.Provenance(self.store.version, period, where, watch, None),
        )

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
        covered = {sensor: [0] * len(buckets) for sensor in choice.ids}
        for sensor, bucket, seconds in self.store.coverage(buckets, choice.postings).iter_rows():
            covered[sensor][bucket] = seconds
        expected = {sensor: [0] * len(buckets) for sensor in choice.ids}
        for posting in choice.postings:
            since, until = posting.minutes
            for bucket, (start, end) in enumerate(pairwise(buckets.edges)):
                first = start if since is None else max(start, since)
                last = end if until is None else min(end, until)
                expected[posting.sensor][bucket] += max(0, last - first) * 60
        return Watch(
            {sensor: tuple(seconds) for sensor, seconds in covered.items()},
            {sensor: tuple(seconds) for sensor, seconds in expected.items()},
        )

    def _behind(
        self, dimension: Dimension, choice: Choice, watch: Watch, buckets: Buckets
    ) -> Callable[[Key], int]:
        """Seconds of sensor time behind a value: its own for a sensor or organisation, else everybody's."""
        if dimension is Dimension.SENSORS:
            return lambda key: sum(watch.covered.get(str(key[0]), ()))
        if dimension is Dimension.ORGANISATIONS:
            return lambda key: self._watch(choice.of(str(key[0])), buckets).seconds
        seconds = watch.seconds
        return lambda _: seconds
