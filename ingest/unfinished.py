"""What is open at a point of a sensor when a batch is committed: whoever reads on there goes on with it.

It belongs to the point and to the time that was read, never to a worker: so another one takes a capture over whole, and
one that reads an old backlog of a point disturbs nobody who reads what comes now. Who commits what goes on from it
withdraws it, in the same change; where somebody else did so first, `holds` says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from darkscope.ingest.fates import HOUR
from darkscope.ingest.ledger.ledger import Snapshot
from darkscope.ingest.ledger.plan import Removal
from darkscope.ingest.observers import Observer, Point
from darkscope.ingest.series import UNFINISHED

NEAR = HOUR
"""Nanoseconds between what is open and what is read, by the time of the frames, within which the one goes on with the
other; and that nobody went on with it, by the clock, after which it is finished for good."""

FIRST, AGAIN, REQUESTS = "", "again", "requests"
"""Readings: what is read again is no continuation of what was read first."""

NO_DAY = date(1970, 1, 1)
"""Where rows lie that are of no day."""


@dataclass(slots=True)
class _Held:
    """What one point has open, as this worker goes on with it."""

    file: str | None  # in which the ledger has it as it was taken up; None: nothing was open
    begun: int  # time at which it was taken up, nanoseconds since 1970
    time: int  # latest time that was read; where time ran back by more than an hour, since then
    others: list[str] = field(default_factory=list)  # files of what was finished for good

    @property
    def files(self) -> list[str]:
        """What the ledger has of it."""
        return [*self.others, *([self.file] if self.file else [])]


class Unfinished:
    """What observers have open, point by point, as far as one worker reads."""

    def __init__(self, observers: Sequence[Observer], reading: str) -> None:
        self._observers = observers
        self._reading = reading
        self._held: dict[Point, _Held] = {}
        self._touched: dict[Point, None] = {}  # of this batch
        self._visited: dict[Point, int] = {}  # latest time of what this run has read, or found to be known

    def go_on(self, snapshot: Snapshot, point: Point, left: int, high: int, now: int) -> None:
        """Before frames of a point are seen: take up what the ledger has open there, once a batch.

        `left` is the time at which their capture was left, or of the first frames of one that is new; `high` their
        latest; `now` is the time. Nanoseconds since 1970. Raises OSError of the table's files and of what is sealed.
        """
        if point not in self._touched:
            held = self._held.get(point)
            if held is None or not self._is_newest(snapshot, point, held):
                self._take_up(snapshot, point, self._nearest(snapshot, point, left), left)
            self._touch(snapshot, point, left, now)
        held = self._held[point]
        if high > held.time or held.time - high > NEAR:
            held.time = high

    def visit(self, point: Point, last: int) -> None:
        """Take note that a capture of a point is known up to a time: what is open there is of this run as well."""
        self._visited[point] = max(last, self._visited.get(point, 0))

    def finish(self, snapshot: Snapshot, now: int) -> None:
        """Take what is open at the points of this run for all there will be."""
        for point in self._touched:
            self.visit(point, self._held[point].time)
        for point, last in self._visited.items():
            if point not in self._touched:
                held = self._held.get(point)
                file = held.file if held else self._nearest(snapshot, point, last, last)
                if file is None or not self._has(snapshot, point, file):
                    continue  # nothing is open, or somebody else goes on with it
                if held is None:
                    self._take_up(snapshot, point, file, last)
                self._touch(snapshot, point, last, now)
            for observer in self._observers:
                observer.finish(point)

    @property
    def is_open(self) -> bool:
        """Whether this batch changes anything that the ledger has open."""
        return any(self._held[point].files for point in self._touched)

    def rows(self, taken: int) -> dict[Point, pl.DataFrame]:
        """Rows of `unfinished` for the batch, with their `day`, by point: a file each. Raises OSError."""
        found = {}
        for point in self._touched:
            kept = ((observer.name, observer.kept(point)) for observer in self._observers)
            time = self._held[point].time
            rows = [(NO_DAY, *point, self._reading, time, taken, *one) for one in kept if one[1]]
            if rows:
                found[point] = pl.DataFrame(rows, schema=_ROWS, orient="row")
        return found

    def holds(self, now: Snapshot) -> bool:
        """Whether what the batch goes on from is still what the ledger has open."""
        batch = [*self._of_batch()]
        there = set(now.files(UNFINISHED)["path"]) if batch else set()
        return all(
            set(held.files) <= there
            and (held.file is not None or self._nearest(now, point, held.begun) is None)
            for point, held in batch
        )

    def removals(self, now: Snapshot) -> list[Removal]:
        """What the batch went on from."""
        gone = {path for _, held in self._of_batch() for path in held.files}
        return [one for one in now.removals(UNFINISHED, [NO_DAY]) if one.path in gone] if gone else []

    def committed(self, files: dict[Point, str]) -> None:
        """Take note that the batch is in the ledger, and in which file what is open of a point."""
        for point, held in self._of_batch():
            held.file, held.others = files.get(point), []
            self.visit(point, held.time)
        self._touched.clear()

    def clear(self) -> None:
        """Drop what is held and not in the ledger; observers are to be cleared as well."""
        self._held.clear()
        self._touched.clear()

    def _of_batch(self) -> Iterator[tuple[Point, _Held]]:
        return ((point, self._held[point]) for point in self._touched)

    def _is_newest(self, snapshot: Snapshot, point: Point, held: _Held) -> bool:
        """Whether nobody else went on with what is held."""
        if held.file is None:
            return self._nearest(snapshot, point, held.time) is None
        return self._has(snapshot, point, held.file)

    def _has(self, snapshot: Snapshot, point: Point, file: str) -> bool:
        return file in self._files(snapshot, point)["path"]

    def _files(self, snapshot: Snapshot, point: Point) -> pl.DataFrame:
        """Files of what is open at a point: one a stretch of time."""
        sensor, name = point
        return snapshot.files(UNFINISHED).filter(
            pl.col("min.sensor") == sensor,
            pl.col("min.point") == name,
            pl.col("min.reading") == self._reading,
        )

    def _nearest(self, snapshot: Snapshot, point: Point, time: int, last: int | None = None) -> str | None:
        """The file of what is open at a point near a time; with `last` only where nothing later was read."""
        upto = time + NEAR if last is None else last
        is_near = pl.col("min.time").is_between(time - NEAR, upto)
        near = self._files(snapshot, point).filter(is_near).sort("min.time", "path")
        return str(near["path"][-1]) if near.height else None

    def _abandoned(self, snapshot: Snapshot, point: Point, time: int, now: int) -> list[str]:
        """Files of what was open long before a time, and nobody went on with."""
        long_ago = (pl.col("min.time") < time - NEAR) & (pl.col("min.taken") < now - NEAR)
        files = self._files(snapshot, point).filter(long_ago)
        return [path for path in files["path"] if path != self._held[point].file]

    def _states(self, snapshot: Snapshot, path: str | None) -> dict[str, str]:
        if path is None:
            return {}
        rows = snapshot.scan(UNFINISHED, where=pl.col("path") == path).select("observer", "state").collect()
        return dict(rows.iter_rows())

    def _take_up(self, snapshot: Snapshot, point: Point, file: str | None, time: int) -> None:
        """Give observers what a file has, in place of what they had open there."""
        states = self._states(snapshot, file)
        for observer in self._observers:
            observer.resume(point, states.get(observer.name, ""))
        self._held[point] = _Held(file, time, time)

    def _touch(self, snapshot: Snapshot, point: Point, time: int, now: int) -> None:
        """Have what is held in this batch, and finish what nobody went on with."""
        held = self._held[point]
        held.begun = time
        others = self._abandoned(snapshot, point, time, now)
        states = [self._states(snapshot, path) for path in others]  # all, before anything is finished
        for state in states:
            self._finish_for_good(point, state)
        held.others = others
        self._touched[point] = None

    def _finish_for_good(self, point: Point, states: dict[str, str]) -> None:
        """Finish what nobody went on with, beside what is held."""
        for observer in self._observers:
            kept = observer.kept(point)
            observer.resume(point, states.get(observer.name, ""))
            observer.finish(point)
            observer.resume(point, kept)


_ROWS = {"day": pl.Date(), **UNFINISHED.schema}
