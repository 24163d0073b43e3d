"""Which series that left their level are one phenomenon: a port with its regions, a region with its ports.

Pure: findings in, groups of them out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from darkscope.api.phenomena.shifts import Excursion

NEAR = 5
"""Days within which two changes begin that are one."""

EXPLAINED = 0.5
"""Share of a country's change that a port's has in it, from which on the country's is no other."""

SAME_DAYS = 0.5
"""Share of their days that the changes of ports have in common that are one phenomenon."""

SOLE = 0.8
"""Share of ports' changes that one country has, from which on ports that change at once are one phenomenon."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A series that left its level: a port, a country, or a port from a country."""

    port: tuple[int, int] | None  # protocol, port; None: all
    country: str | None  # None: all
    excursion: Excursion


@dataclass(slots=True)
class Group:
    """Findings that are one phenomenon; the first leads."""

    lead: Finding
    ports: list[tuple[int, int]] = field(default_factory=list)  # empty: all
    countries: list[str] = field(default_factory=list)  # empty: all
    others: list[Finding] = field(default_factory=list)  # the rest of it

    @property
    def excursion(self) -> Excursion:
        """The lead's."""
        return self.lead.excursion


Excess = Callable[[tuple[int, int], str, Excursion], float]
"""Packets beyond the usual of a port from a country, over the days of an excursion."""

Main = Callable[[Finding], str | None]
"""Which country has SOLE of a port's change; None where none has."""


def grouped(findings: Iterable[Finding], excess: Excess, main: Main, days: int) -> list[Group]:
    """Put findings of so many days together."""
    found = sorted(findings, key=lambda one: (-abs(one.excursion.excess), one.port or (), one.country or ""))
    groups = [Group(one, [one.port]) for one in found if one.port and not one.country]
    for one in found:
        if one.port and one.country:
            _place_pair(one, groups)
    for one in found:
        if one.country and not one.port:
            _place_country(one, groups, excess)
    return _companions(groups, main, days)


def _place_pair(one: Finding, groups: list[Group]) -> None:
    """Put a port from a country to its port, else to others of that port, else alone."""
    for group in groups:
        is_its = group.ports == [one.port] and _together(group.excursion, one.excursion)
        of_port = not group.countries
        # What stays is no part of what swings.
        if is_its and (not of_port or one.excursion.swings or not group.excursion.swings):
            group.others.append(one)
            if not of_port:
                group.countries.append(str(one.country))
            return
    groups.append(Group(one, [one.port] if one.port else [], [str(one.country)]))


def _place_country(one: Finding, groups: list[Group], excess: Excess) -> None:
    """Put a country to the ports that explain its change, else let it stand, with its own ports in it."""
    country = str(one.country)
    near = [
        group
        for group in groups
        if group.ports
        and _together(group.excursion, one.excursion)
        and country in (group.countries or [country])
    ]
    parts = [
        (country in group.countries, sum(abs(excess(port, country, group.excursion)) for port in group.ports))
        for group in near
    ]
    if parts and sum(part for _, part in parts) >= EXPLAINED * abs(one.excursion.excess):
        near[parts.index(max(parts))].others.append(one)
        return
    standing = Group(one, [], [country])
    for group in near:
        if group.countries == [country]:
            standing.others += [group.lead, *group.others]
            groups.remove(group)
    groups.append(standing)


def _companions(groups: Sequence[Group], main: Main, days: int) -> list[Group]:
    """Put ports together that change at once because of one and the same country."""
    kept: list[Group] = []
    for group in groups:
        country = _owner(group, main)
        its = next((other for other in kept if country and _fit(other, group, main, days)), None)
        if its is None or country is None:
            kept.append(group)
            continue
        its.ports += group.ports
        its.countries = [country]
        its.others += [group.lead, *group.others]
    return kept


def _owner(group: Group, main: Main) -> str | None:
    """The one country of which a group of ports is; None where there is none, or are several."""
    if not group.ports or len(group.countries) > 1:
        return None
    return group.countries[0] if group.countries else main(group.lead)


def _fit(one: Group, other: Group, main: Main, days: int) -> bool:
    """Whether two groups of ports are of one country, begin together, and last about as long."""
    both = one.excursion, other.excursion
    return (
        both[0].swings == both[1].swings
        and _together(*both)
        and _shared(*both, days) >= SAME_DAYS
        and _owner(one, main) == _owner(other, main)
    )


def _shared(one: Excursion, other: Excursion, days: int) -> float:
    """Share of the days of either that are days of both."""
    ends = [days if each.end is None else each.end for each in (one, other)]
    return (min(ends) - max(one.start, other.start)) / (max(ends) - min(one.start, other.start))


def _together(one: Excursion, other: Excursion) -> bool:
    return one.rises == other.rises and abs(one.start - other.start) <= NEAR
