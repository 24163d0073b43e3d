"""Which events follow from what is proposed now, given the events there are: each phenomenon once, with its end.

Pure. A phenomenon is known again by what it is about and when it began, though both are estimates that may move by
some days while it is young.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from darkscope.api.periods import midnight
from darkscope.api.phenomena.grouping import NEAR
from darkscope.api.phenomena.proposal import FAMILIES, Kind, Phenomena, Proposal
from darkscope.api.phenomena.wording import sentences, title
from darkscope.ingest.events import SECOND, Event
from darkscope.ingest.values import Language

FOUND_BY = "phenomena"
"""What events say of where they come from."""

MOVING = frozenset(
    {Kind.APPEARED, Kind.ROSE, Kind.JUMPED, Kind.SWINGS, Kind.FELL, Kind.DIPPED, Kind.VANISHED}
)
"""Kinds that begin on a day."""


def due(found: Phenomena, known: Sequence[Event], today: date) -> Iterator[Event]:
    """Give the events that are to be written: new ones, and those that are over by now.

    What is found was asked of days up to the one before `today`. An event that lasts is over when its phenomenon is,
    and when nothing is proposed of it any more: a level that has stayed for four weeks is the usual one.
    """
    if not found.compared:  # nobody watched: nothing is known, not even that something is over
        return
    zone = found.provenance.period.zone
    ours = [one for one in known if one.numbers.get("found_by") == FOUND_BY]
    told: set[str] = set()
    for proposal in sorted(found.rows, key=lambda one: (one.start, -abs(one.excess), one.id)):
        if proposal.kind not in MOVING:
            continue
        its = _known(proposal, [one for one in ours if one.id not in told], zone)
        if its is None:
            its = _event(proposal, zone)
            if its.id in told:
                continue
            ours.append(its)
            yield its
        elif not its.end and proposal.end is not None:
            yield replace(
                its, end=_at(proposal.end + timedelta(days=1), zone), numbers=_numbers(proposal, its)
            )
        told.add(its.id)
    now = _at(today, zone)
    for one in ours:
        if not one.end and one.id not in told and one.start < now:
            yield replace(one, end=now)


def attacked(rows: pl.DataFrame, known: Sequence[Event]) -> Iterator[Event]:
    """Give the events of attacks (rows of `events`) that are to be written: new ones, and those that are over by now.

    An attack is known again by when it began and by its subject.
    """
    by_id = {one.id: one for one in known if one.id}
    for row in rows.iter_rows(named=True):
        told = {name: row[name] for name in ("start", "end", "kind", "subject", "title", "text")}
        name = f"{row['kind']}-{row['subject'].lower()}-{row['start']}"
        event = Event(id=name, numbers=json.loads(row["numbers"]), **told)
        its = by_id.get(event.id)
        if its is None or (not its.end and event.end):
            yield event
        by_id[event.id] = event


def _known(proposal: Proposal, events: Iterable[Event], zone: ZoneInfo) -> Event | None:
    """The event of a proposal: that which began nearest to it, else one that lasts."""
    same = [one for one in events if _is_about(proposal, one)]
    start = _at(proposal.start, zone)
    near = [one for one in same if abs(one.start - start) <= NEAR * _DAY]
    lasting = [one for one in same if not one.end and one.start < start]
    return min(near or lasting, key=lambda one: abs(one.start - start), default=None)


_DAY = 86_400 * SECOND


def _is_about(proposal: Proposal, event: Event) -> bool:
    numbers = event.numbers
    ports, countries = (set(numbers.get(name, ())) for name in ("ports", "countries"))
    if numbers.get("family") != FAMILIES[proposal.kind] or bool(ports) != bool(proposal.ports):
        return False
    return bool(ports & set(proposal.ports)) if ports else bool(countries & set(proposal.countries))


def _event(proposal: Proposal, zone: ZoneInfo) -> Event:
    first = _at(proposal.start, zone)
    subject = (*proposal.ports, *proposal.countries)[0]
    day = datetime.fromtimestamp(first // SECOND, UTC).astimezone(zone).date()
    name = f"{subject.lower().replace('/', '-')}-{FAMILIES[proposal.kind]}-{day}"
    event = Event(
        name,
        first,
        0 if proposal.end is None else _at(proposal.end + timedelta(days=1), zone),
        proposal.kind.value,
        subject,
        title(proposal, Language.EN),
        sentences(proposal, Language.EN, so_far=True),
    )
    return replace(event, numbers=_numbers(proposal, event))


def _numbers(proposal: Proposal, event: Event) -> dict[str, Any]:
    """Figures of a proposal, and by what it is known again: as it was when the event was written."""
    same = {name: event.numbers[name] for name in ("family", "ports", "countries") if name in event.numbers}
    return {
        "found_by": FOUND_BY,
        "id": event.id,
        "family": FAMILIES[proposal.kind],
        "ports": list(proposal.ports),
        "countries": list(proposal.countries),
        "base": round(proposal.base, 1),
        "level": round(proposal.level, 1),
        "factor": round(proposal.factor, 2),
        "excess": proposal.excess,
        "verdict": proposal.verdict.value,
        "regions": {part.value: round(part.share, 2) for part in proposal.regions},
        "sensors": {part.value: round(part.share, 2) for part in proposal.sensors},
    } | same


def _at(day: date, zone: ZoneInfo) -> int:
    """When a local day begins, nanoseconds since 1970."""
    return int(midnight(day, zone).timestamp()) * SECOND
