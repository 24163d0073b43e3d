"""What the report gives a section of its own: ports whose rise is wide, each with what came with it.

Pure: proposals in, topics out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product

from darkscope.api.breadth import Verdict
from darkscope.api.phenomena.proposal import Kind, Proposal

MOST = 5
"""Sections; what further is proposed is in the data."""

CONSIDERED, COMPARED = 8, 2
"""Topics of which it is asked whether their addresses are the same, and the ports of each that are asked about."""

MINOR = 0.1
"""Share of a topic's largest rise below which a port has no figure of its own."""

SHARED = 0.25
"""Share of a port's addresses that sent to another port too, from which on both are one topic."""

UP = frozenset({Kind.APPEARED, Kind.ROSE, Kind.JUMPED, Kind.SWINGS})
DOWN = frozenset({Kind.FELL, Kind.DIPPED, Kind.VANISHED})

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Tie:
    """A port whose addresses sent to another port of the topic too."""

    port: str
    other: str
    share: float  # of the port's addresses


@dataclass(frozen=True, slots=True)
class Topic:
    """Ports that are told of together, the greatest rise first."""

    ports: tuple[str, ...]
    countries: tuple[str, ...]  # where all of it came from; empty: from everywhere
    proposals: tuple[Proposal, ...]
    ties: tuple[Tie, ...] = ()

    @property
    def start(self) -> date:
        """First day of what rose first."""
        return min(one.start for one in self.proposals)

    @property
    def leads(self) -> tuple[Proposal, ...]:
        """The proposal about each port as a whole, else the greatest about it, in the topic's order."""
        found = []
        for port in self.ports:
            its = [one for one in self.proposals if port in one.ports]
            found.append(next((one for one in its if not one.countries), its[0]))
        return tuple({one.id: one for one in found}.values())

    @property
    def main_ports(self) -> tuple[str, ...]:
        """Ports that have figures."""
        most = max(abs(one.excess) for one in self.leads)
        large = {port for one in self.leads if abs(one.excess) >= MINOR * most for port in one.ports}
        return tuple(port for port in self.ports if port in large)

    @property
    def office(self) -> tuple[str, ...]:
        """Countries that keep office hours in it, in the order of its regions."""
        return tuple(dict.fromkeys(one.value for proposal in self.proposals for one in proposal.office_hours))


Overlap = Callable[[str, str, date], float | None]
"""Share of the addresses that sent to a port, from a day on, that sent to another port too; None: not known."""


def topics(
    proposals: Iterable[Proposal], overlap: Overlap, groups: Sequence[tuple[str, ...]] = ()
) -> tuple[Topic, ...]:
    """Choose topics among proposals. `groups` are ports that an analyst wants told of together."""
    told = [one for one in proposals if one.ports and one.kind in UP and one.verdict is not Verdict.LOCAL]
    by_port: dict[tuple[str, ...], list[Proposal]] = {}
    for one in told:
        key = next((ports for ports in by_port if set(ports) & set(one.ports)), one.ports)
        by_port.setdefault(key, []).append(one)
    found = [
        Topic(tuple(dict.fromkeys(port for one in its for port in one.ports)), _everywhere(its), tuple(its))
        for its in by_port.values()
    ]
    return tuple(_joined(found[:CONSIDERED], overlap, groups)[:MOST])


def _everywhere(proposals: Sequence[Proposal]) -> tuple[str, ...]:
    """Countries to which all proposals are narrowed; none where one is about all."""
    if any(not one.countries for one in proposals):
        return ()
    return tuple(dict.fromkeys(country for one in proposals for country in one.countries))


def _joined(found: Sequence[Topic], overlap: Overlap, groups: Sequence[tuple[str, ...]]) -> list[Topic]:
    """Join topics that an analyst named together, or whose addresses are the same to a large part."""
    kept: list[Topic] = []
    for topic in found:
        ties = {id(other): _tie(topic, other, overlap) for other in kept}
        near = [other for other in kept if ties[id(other)] or _are_named(topic, other, groups)]
        if not near:
            kept.append(topic)
            continue
        parts = [*near, topic]
        kept[kept.index(near[0])] = Topic(
            tuple(port for part in parts for port in part.ports),
            (),
            tuple(proposal for part in parts for proposal in part.proposals),
            (*(tie for part in parts for tie in part.ties), *filter(None, ties.values())),
        )
        kept = [one for one in kept if one not in near[1:]]
    return kept


def _are_named(topic: Topic, other: Topic, groups: Sequence[tuple[str, ...]]) -> bool:
    return any(set(group) & set(topic.ports) and set(group) & set(other.ports) for group in groups)


def _tie(topic: Topic, other: Topic, overlap: Overlap) -> Tie | None:
    """Find a port of the topic whose addresses sent to a port of the other too; None where there are few."""
    if topic.countries or other.countries:
        return None
    later = max(topic.start, other.start)
    for port, known in product(topic.ports[:COMPARED], other.ports[:COMPARED]):
        share = overlap(port, known, later)
        if share is not None and share >= SHARED:
            return Tie(port, known, share)
    return None


def stretches(days: Iterable[date], first: date, last: date) -> list[tuple[date, date]]:
    """Give the weeks, Sunday to Saturday, in which any of some days lie, neighbours in one, within a period."""
    sundays = sorted({day - timedelta(days=(day.weekday() + 1) % 7) for day in days if first <= day <= last})
    found: list[tuple[date, date]] = []
    for sunday in sundays:
        saturday = sunday + WEEK - timedelta(days=1)
        if found and found[-1][1] + timedelta(days=1) == sunday:
            found[-1] = (found[-1][0], saturday)
        else:
            found.append((sunday, saturday))
    return [(max(start, first), min(end, last)) for start, end in found]


def month_of(day: date) -> tuple[date, date]:
    """First and last day of a day's month."""
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
