"""Which stretches of time a change of the ledger bears on.

Pure: plans in, tasks out. Upkeep and expiry move no sum, so nothing follows from them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any

from darkscope.ingest.ledger.files import DataFile
from darkscope.ingest.ledger.plan import Change, Plan
from darkscope.ingest.measurements import Resolution
from darkscope.ingest.projection.sums import DAY, minute_of
from darkscope.ingest.projection.waiting import Task, Work, tasks
from darkscope.ingest.series import COVERAGE, EVENTS, FLOWS

SILENT = ("upkeep", "expire", "promote")
"""Kinds of plans that change no sum."""

_NOTHING = Change()


def of_plans(plans: Iterable[Plan], since: float) -> list[Task]:
    """Tasks that follow from plans; `since` is when they are taken, seconds since 1970."""
    return [task for plan in plans if plan.kind not in SILENT for task in _of_plan(plan, since)]


def of_days(
    days: Iterable[date], since: float, *, sweep: bool, resolutions: Iterable[Resolution] = Resolution
) -> Iterator[Task]:
    """Everything of some UTC days."""
    for day in days:
        low = minute_of(day)
        for resolution in resolutions:
            for work in Work:
                yield from tasks(work, resolution, low, low + DAY, since, sweep=sweep)


def _of_plan(plan: Plan, since: float) -> Iterator[Task]:
    removed = {
        date.fromisoformat(removal.day)
        for table in (FLOWS, COVERAGE)
        for removal in plan.changes.get(table.name, _NOTHING).remove
    }
    yield from of_days(sorted(removed), since, sweep=True)
    for file in plan.changes.get(FLOWS.name, _NOTHING).add:
        if date.fromisoformat(file.day) not in removed:
            low, high = _minutes(file)
            yield from _everywhere(Work.TRAFFIC, low, high + 1, since)
    for file in plan.changes.get(COVERAGE.name, _NOTHING).add:
        day = date.fromisoformat(file.day)
        if day in removed:
            continue
        low, high = _minutes(file)
        highest = _statistics(file)["maxValues"]
        # Silence before a stretch turns into watched time where it is bridged, also into the day before.
        yield from _everywhere(Work.COVERAGE, low - highest["bridge"], high + highest["minutes"], since)
        for resolution in Resolution:
            yield from tasks(Work.SENSORS, resolution, minute_of(day), minute_of(day) + DAY, since)
    for file in plan.changes.get(EVENTS.name, _NOTHING).add:
        low = minute_of(date.fromisoformat(file.day))
        yield from _everywhere(Work.EVENTS, low, low + DAY, since)


def _everywhere(work: Work, low: int, high: int, since: float) -> Iterator[Task]:
    for resolution in Resolution:
        yield from tasks(work, resolution, max(0, low), high, since)


def _minutes(file: DataFile) -> tuple[int, int]:
    statistics = _statistics(file)
    return int(statistics["minValues"]["minute"]), int(statistics["maxValues"]["minute"])


def _statistics(file: DataFile) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.statistics)
    return found


def days_between(first: date, last: date) -> Iterator[date]:
    """UTC days from first to last, both included."""
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)
