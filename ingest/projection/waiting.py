"""What waits to be written: stretches of time, kept in the registry, so that a kill forgets none of them.

Together with the watermark (the plan of the ledger up to which changes were taken) this is the whole memory of the
projection. It does not grow with an outage: what waits twice waits once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from darkscope.ingest.measurements import Resolution
from darkscope.ingest.projection.folding import NOTHING, Owned
from darkscope.ingest.registry import Registry

TABLES = (
    """CREATE TABLE IF NOT EXISTS watermarks (
        target TEXT PRIMARY KEY, plan INTEGER NOT NULL, version INTEGER NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS marked (
        target TEXT, resolution INTEGER, plan INTEGER NOT NULL, PRIMARY KEY (target, resolution))""",
    """CREATE TABLE IF NOT EXISTS waiting (
        target TEXT, work TEXT, resolution INTEGER, slot INTEGER, low INTEGER NOT NULL, high INTEGER NOT NULL,
        whole INTEGER NOT NULL, sweep INTEGER NOT NULL, touched TEXT NOT NULL, since REAL NOT NULL,
        generation INTEGER NOT NULL, PRIMARY KEY (target, work, resolution, slot))""",
)
"""Tables of the registry: `marked` is up to which plan each bucket was told to have everything."""

FOR_EVER = 1e12
"""A time after all others, seconds since 1970."""

_SLOT = {Resolution.MINUTE: 60, Resolution.HOUR: 1440, Resolution.DAY: 1440}
"""Minutes of what is kept as one: an hour of minutes, a day of the others."""


class Work(StrEnum):
    """What is computed from what."""

    TRAFFIC = "traffic"  # packets, ports, countries, totals, from flows
    COVERAGE = "coverage"
    SENSORS = "sensors"
    EVENTS = "events"


Place = tuple[Work, Resolution, int]
"""Work of a resolution, and the start of its slot."""


@dataclass(frozen=True, slots=True)
class Task:
    """A stretch inside one slot whose points have to be written."""

    work: Work
    resolution: Resolution
    low: int  # minutes since 1970, included; a multiple of the step
    high: int  # minutes since 1970, excluded
    since: float  # when it first had to wait, seconds since 1970
    whole: bool = True  # all series; else only those that gain or lose by what was promoted
    sweep: bool = False  # also look for points that should not be there any more, and zero them
    touched: Owned = NOTHING  # values that were promoted since the points were written
    generation: int = 0

    @property
    def place(self) -> Place:
        """What is kept as one."""
        return self.work, self.resolution, self.slot

    @property
    def slot(self) -> int:
        """Start of the slot."""
        return self.low // _SLOT[self.resolution] * _SLOT[self.resolution]


@dataclass(frozen=True, slots=True)
class Watermark:
    """Up to which state of the ledger changes were taken."""

    plan: int
    version: int


def tasks(
    work: Work,
    resolution: Resolution,
    low: int,
    high: int,
    since: float,
    *,
    whole: bool = True,
    sweep: bool = False,
    touched: Owned = NOTHING,
) -> Iterator[Task]:
    """Cut a stretch into tasks, widened to whole steps."""
    step, slot = resolution.minutes, _SLOT[resolution]
    low, high = low // step * step, -(-high // step) * step
    for start in range(low // slot * slot, high, slot):
        yield Task(work, resolution, max(low, start), min(high, start + slot), since, whole, sweep, touched)


class Waiting:
    """What waits for one InfluxDB."""

    def __init__(self, registry: Registry, target: str) -> None:
        self._registry = registry
        self._target = target

    @property
    def watermark(self) -> Watermark | None:
        """Up to where changes were taken; None where nothing ever was. Raises RegistryError."""
        for plan, version in self._registry.rows(
            "SELECT plan, version FROM watermarks WHERE target = ?", self._target
        ):
            return Watermark(plan, version)
        return None

    def take(self, new: Iterable[Task], watermark: Watermark | None = None) -> None:
        """Let tasks wait, and move the watermark past what they come from, as one change. Raises RegistryError."""
        with self._registry.change() as cursor:
            for task in new:
                key = (self._target, task.work, task.resolution.minutes, task.slot)
                row = cursor.execute(
                    "SELECT low, high, whole, sweep, touched, since, generation FROM waiting "
                    "WHERE target = ? AND work = ? AND resolution = ? AND slot = ?",
                    key,
                ).fetchone()
                both = task if row is None else _joined(task, row)
                cursor.execute(
                    "INSERT OR REPLACE INTO waiting VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *key,
                        both.low,
                        both.high,
                        both.whole,
                        both.sweep,
                        json.dumps(sorted(both.touched.rows())),
                        both.since,
                        both.generation,
                    ),
                )
            if watermark is not None:
                cursor.execute(
                    "INSERT OR REPLACE INTO watermarks VALUES (?, ?, ?)",
                    (self._target, watermark.plan, watermark.version),
                )

    def next(self, count: int, since: float | None = None, without: Collection[Place] = ()) -> list[Task]:
        """What is to be done first: the newest. `since`: hours and days only where they wait since before.

        `without`: places that are left out. Raises RegistryError.
        """
        rows = self._registry.rows(
            "SELECT work, resolution, low, high, whole, sweep, touched, since, generation FROM waiting "
            "WHERE target = ? AND work || ' ' || resolution || ' ' || slot NOT IN (SELECT value FROM json_each(?)) "
            "AND (resolution = 1 OR since <= ?) "
            "ORDER BY slot + CASE resolution WHEN 1 THEN 60 ELSE 1440 END DESC, resolution, work LIMIT ?",
            self._target,
            _listed(without),
            FOR_EVER if since is None else since,
            count,
        )
        return [
            Task(
                Work(work),
                Resolution(resolution),
                low,
                high,
                began,
                bool(whole),
                bool(sweep),
                Owned.of_rows(map(tuple, json.loads(touched))),
                generation,
            )
            for work, resolution, low, high, whole, sweep, touched, began, generation in rows
        ]

    def done(self, finished: Iterable[Task]) -> None:
        """Let tasks wait no longer, but for those that were added to meanwhile. Raises RegistryError."""
        with self._registry.change() as cursor:
            cursor.executemany(
                "DELETE FROM waiting WHERE target = ? AND work = ? AND resolution = ? AND slot = ? "
                "AND generation = ?",
                [
                    (self._target, task.work, task.resolution.minutes, task.slot, task.generation)
                    for task in finished
                ],
            )

    def count(self, since: float = FOR_EVER) -> int:
        """Tasks that wait, since then or longer. Raises RegistryError."""
        ((count,),) = self._registry.rows(
            "SELECT count(*) FROM waiting WHERE target = ? AND since <= ?", self._target, since
        )
        return int(count)

    def oldest(self, without: Collection[Place] = ()) -> float | None:
        """Since when the first of those of minutes waits, seconds since 1970; `without` as in `next`.

        Raises RegistryError.
        """
        ((since,),) = self._registry.rows(
            "SELECT min(since) FROM waiting WHERE target = ? AND resolution = 1 "
            "AND work || ' ' || resolution || ' ' || slot NOT IN (SELECT value FROM json_each(?))",
            self._target,
            _listed(without),
        )
        return None if since is None else float(since)

    def mark(self, resolution: Resolution, plan: int) -> None:
        """Remember which plan a bucket was told to have. Raises RegistryError."""
        with self._registry.change() as cursor:
            cursor.execute(
                "INSERT OR REPLACE INTO marked VALUES (?, ?, ?)", (self._target, resolution.minutes, plan)
            )

    def marked(self, resolution: Resolution) -> int | None:
        """The plan a bucket was told last, None where none was. Raises RegistryError."""
        for (plan,) in self._registry.rows(
            "SELECT plan FROM marked WHERE target = ? AND resolution = ?", self._target, resolution.minutes
        ):
            return int(plan)
        return None


def _listed(places: Collection[Place]) -> str:
    return json.dumps([f"{work} {resolution.minutes} {slot}" for work, resolution, slot in places])


def _joined(task: Task, row: tuple[Any, ...]) -> Task:
    low, high, whole, sweep, touched, since, generation = row
    return replace(
        task,
        low=min(task.low, low),
        high=max(task.high, high),
        whole=task.whole or bool(whole),
        sweep=task.sweep or bool(sweep),
        touched=task.touched | Owned.of_rows(map(tuple, json.loads(touched))),
        since=min(task.since, since),
        generation=generation + 1,
    )
