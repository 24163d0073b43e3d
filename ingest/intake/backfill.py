"""A backfill: many captures at once, shared out into units that know nothing of each other.

What is counted must not depend on who read what when. So all captures that can be of one sensor are one unit, read in
the order of their time: handshakes, connections and overlap join neighbours. So are captures that begin alike, for of
copies one counts. No unit is ever cut: one sensor is read by one task, and the largest unit bounds the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from darkscope.ingest.geo import Places
from darkscope.ingest.intake.files import Found
from darkscope.ingest.intake.session import Session, Summary, opened
from darkscope.ingest.intake.stop import Stop
from darkscope.ingest.intake.stored import Stored
from darkscope.ingest.ledger.ledger import Ledger, storage_of
from darkscope.ingest.sensors import Sensors
from darkscope.ingest.settings import Settings
from darkscope.ingest.worker import Worker

_NAMED = 3
"""Sensors that a unit's text names."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Captures that are read one after the other."""

    sensors: tuple[str, ...]  # ids of all that these can be of, sorted
    captures: tuple[Stored, ...]  # in the order in which they are read

    @property
    def size(self) -> int:
        """Bytes, as they lie there."""
        return sum(one.size for one in self.captures)

    def __str__(self) -> str:
        named = ", ".join(self.sensors[:_NAMED]) or self.captures[0].name
        more = len(self.sensors) - _NAMED
        return f"{named} and {more} more" if more > 0 else named


def units(found: Found, sensors: Sensors) -> list[Unit]:
    """Share captures out, the largest unit first."""
    whose = [sensors.that_may_have(one.name) for one in found.captures]
    keys = [
        {*(("sensor", id_) for id_ in ids), *([("head", head)] if head else [])}
        for ids, head in zip(whose, found.heads, strict=True)
    ]
    shared = [
        Unit(
            tuple(sorted(set().union(*(whose[number] for number in group)))),
            tuple(found.captures[number] for number in group),
        )
        for group in _joined(keys)
    ]
    return sorted(shared, key=lambda unit: (-unit.size, unit.sensors))


def read(
    settings: Settings,
    places: Places,
    captures: Iterable[Stored],
    stop: Stop,
    *,
    again: bool = False,
    on_progress: Callable[[int, int], None] = lambda _bytes, _frames: None,
) -> Summary:
    """Read captures one after the other into a ledger that is there. Raises LedgerError."""
    worker = Worker(Ledger(storage_of(settings)), settings, Sensors(settings), places, again=again)
    with Session(worker, stop, on_progress=on_progress) as session:
        for capture in opened(captures):
            if stop.is_asked:
                if capture.stream is not None:
                    capture.stream.close()
                break
            session.read_all(capture)
        session.end()
    return session.summary


@dataclass(frozen=True, slots=True)
class Task:
    """Reads a unit in whatever process. Run twice, also at once, it changes nothing: the ledger says what is new."""

    settings: Settings  # without a relative path
    again: bool = False

    def __call__(self, unit: Unit) -> Summary:
        """Read one unit to its end. Raises LedgerError, GeoError."""
        places = Places(self.settings.geo, self.settings.research)
        return read(self.settings, places, unit.captures, Stop(), again=self.again)


def _joined(keys: list[set[tuple[str, str]]]) -> list[list[int]]:
    """Numbers of those that share a key with each other, or with one that does, each group in order."""
    parent = list(range(len(keys)))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = number = parent[parent[number]]
        return number

    first: dict[tuple[str, str], int] = {}
    for number, of_one in enumerate(keys):
        for key in of_one:
            one, other = sorted((root(first.setdefault(key, number)), root(number)))
            parent[other] = one
    groups: dict[int, list[int]] = {}
    for number in range(len(keys)):
        groups.setdefault(root(number), []).append(number)
    return list(groups.values())
