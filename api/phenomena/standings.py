"""What whole periods say beside their days: ports and countries among the leading ones, and who keeps office hours.

Asks what the look asks, and the figures of the period and of the one before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import polars as pl

from darkscope.api import breadth, ranking
from darkscope.api.ask import Question
from darkscope.api.dimension import Dimension, Key, parse_value, value_text
from darkscope.api.phenomena.look import Look
from darkscope.api.phenomena.proposal import Kind, Proposal, Standing
from darkscope.api.phenomena.shifts import FACTOR, STEP
from darkscope.api.store import Precision

TOP = 5
"""Leading ports and countries, as the reports list them."""

OFFICES = 10
"""Leading countries whose hours are looked at."""


class Standings:
    """Ranks in a period and in the one before, and what they say that days do not."""

    def __init__(self, look: Look) -> None:
        self._look = look

    def standings(self, ports: Sequence[Key], countries: Sequence[str]) -> Iterator[Standing]:
        """Ranks of the subject's ports and leading country among all, in the period and in the one before."""
        keys: list[tuple[Dimension, Key]] = [(Dimension.PORTS, port) for port in ports]
        keys += [(Dimension.COUNTRIES, (country,)) for country in countries[:1]]
        for dimension, key in keys:
            (rank, _), (previous, _) = (
                ranking.standing(dimension, totals, key) for totals in self._everybody[dimension]
            )
            yield Standing(value_text(dimension, key), rank, previous)

    def changed(self, proposals: Sequence[Proposal]) -> Iterator[Proposal]:
        """Ports and countries that came among the leading ones, or went, and of which nothing is said yet."""
        period = self._look.question.period
        swapped = replace(period, window=period.previous, previous=period.window)
        for dimension, now in self._leading.items():
            before = self._top(dimension, replace(self._look.question, period=swapped))
            for kind, rows in ((Kind.ENTERED, now.rows), (Kind.LEFT, before.rows)):
                for row in rows:
                    is_out = row.previous_rank is None or row.previous_rank > TOP
                    factor = None if row.change is None else row.change + 1
                    if is_out and (factor is None or factor >= FACTOR) and not _told(row.value, proposals):
                        one = self._standing_change(dimension, kind, row)
                        if one is not None:
                            yield one

    def offices(self, proposals: Sequence[Proposal]) -> Iterator[Proposal]:
        """Leading countries that keep office hours, and of which that is not said yet."""
        period = self._look.question.period
        window = self._look.past(period.window)
        leading = self._look.countries.leading(OFFICES)
        told = {one.value for proposal in proposals for one in proposal.office_hours}
        where = self._look.question.where
        for office in self._look.office_hours(where, window, [str(country) for (country,) in leading]):
            if office.value in told:
                continue
            counts = self._look.countries
            rates = counts.counts[counts.places[office.value,]][self._look.first :]
            level = float(rates.sum() / max(STEP, self._look.exposure[self._look.first :].sum()))
            yield Proposal(
                id="",
                kind=Kind.OFFICE_HOURS,
                subject=office.value,
                ports=(),
                countries=(office.value,),
                start=self._look.days[min(self._look.first, len(self._look.days) - 1)],
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
                ranks=tuple(self.standings([], [office.value])),
                relations=(),
                office_hours=(office,),
                includes=(),
            )

    @cached_property
    def _everybody(self) -> dict[Dimension, list[pl.DataFrame]]:
        """Totals of all sensors asked about, of the period and of the one before."""
        period = self._look.question.period
        return {
            dimension: [
                self._look.observer.store.totals(dimension, window, self._leading[dimension].provenance.where)
                for window in (period.window, period.previous)
            ]
            for dimension in (Dimension.PORTS, Dimension.COUNTRIES)
        }

    @cached_property
    def _leading(self) -> dict[Dimension, ranking.Ranking]:
        return {
            dimension: self._top(dimension, self._look.question)
            for dimension in (Dimension.PORTS, Dimension.COUNTRIES)
        }

    def _top(self, dimension: Dimension, question: Question) -> ranking.Ranking:
        return self._look.observer.top(replace(question, dimension=dimension), TOP, Precision.NONE)

    def _standing_change(self, dimension: Dimension, kind: Kind, row: ranking.Row) -> Proposal | None:
        """Tell of a change of rank by the figures of both periods; None where no sensor that watched confirms it."""
        period, is_port = self._look.question.period, dimension is Dimension.PORTS
        windows = (self._look.past(period.window), period.previous)
        now, before = windows if kind is Kind.ENTERED else windows[::-1]
        key = parse_value(dimension, row.value)
        where = self._look.narrowed([key] if is_port else [], [] if is_port else [row.value])
        rise = self._look.breadth(where, now, before, rises=True)
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
            start=self._look.days[min(self._look.first, len(self._look.days) - 1)],
            end=None,
            base=base,
            level=level,
            peak=level,
            factor=(level + STEP) / (base + STEP),
            excess=round((level - base) * len(self._look.days[self._look.first :])),
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
            ranks=tuple(self.standings([key] if is_port else [], [] if is_port else [row.value])),
            relations=(),
            office_hours=(),
            includes=(),
        )


def _told(value: str, proposals: Iterable[Proposal]) -> bool:
    """Whether a port or country is part of what is proposed."""
    return any(
        value in (*one.ports, *one.countries)
        or value in one.includes
        or any(text.endswith(f" from {value}") for text in one.includes)
        for one in proposals
    )
