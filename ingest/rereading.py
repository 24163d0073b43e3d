"""Reads captures again that the ledger has, for `requests` alone: what was read before honeypots were heard.

Exactly once: `heard` says which bytes of a capture were, and gets the others in the same commit as their requests.
Flows, coverage and the list of captures stay as they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import polars as pl

from darkscope.ingest.capture.frames import Frames
from darkscope.ingest.capture.reader import CaptureReader
from darkscope.ingest.decode.columns import Packets
from darkscope.ingest.decode.decoder import Decoder
from darkscope.ingest.fates import DAY, SKIPPED, believable, decide
from darkscope.ingest.geo import Places
from darkscope.ingest.honeypot.listener import Listener
from darkscope.ingest.honeypot.sealing import Seal
from darkscope.ingest.known import BRANCH, EARLIEST, Hole, Known, Taken, capture_day
from darkscope.ingest.ledger.errors import LedgerError, Overtaken
from darkscope.ingest.ledger.ledger import Ledger, Snapshot
from darkscope.ingest.ledger.plan import Change
from darkscope.ingest.ledger.staging import Staging
from darkscope.ingest.observers import Run
from darkscope.ingest.rules.judge import Judge
from darkscope.ingest.sensors import Sensor, Sensors
from darkscope.ingest.series import HEARD, UNFINISHED
from darkscope.ingest.settings import Settings
from darkscope.ingest.unfinished import REQUESTS, Unfinished

_HEARD = {"day": pl.Date(), **HEARD.schema}
_NO_DAYS = np.empty(0, np.int64)


@dataclass(slots=True)
class _Point:
    """One interface of a capture: one point of a honeypot."""

    sensor: Sensor
    name: str
    before: int  # time of its first reading: captures taken later took nothing from it
    heard: list[tuple[int, int]]  # bytes that were heard: from the first, up to the second
    forgotten: npt.NDArray[np.int64]  # days that were forgotten since: they bring their requests with them


@dataclass(frozen=True, slots=True)
class _Basis:
    """What the ledger said of a capture as it was read again."""

    day: date  # partition of its rows
    head: str
    heard: list[dict[str, Any]]  # rows of `heard` with its head
    holes: dict[str, list[Hole]]  # forgotten days of its sensors, by their ids

    def holds(self, now: Snapshot) -> bool:
        """Whether it still says so."""
        known = Known(now)
        return _heard(now, self.day, self.head) == self.heard and all(
            known.holes(sensor) == holes for sensor, holes in self.holes.items()
        )


class Rereader:
    """Reads captures for requests, one commit each. Not to be shared between threads."""

    def __init__(
        self,
        ledger: Ledger,
        settings: Settings,
        sensors: Sensors,
        places: Places,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._sensors = sensors
        self._places = places
        self._clock = clock
        self._listener = Listener(sensors, Seal(ledger.storage))
        self._unfinished = Unfinished([self._listener], REQUESTS)
        self._staging = Staging(ledger.storage)
        self._start_over()

    def read(self, name: str, open_it: Callable[[], BinaryIO]) -> int | None:
        """Read what was not heard of a capture, and commit it; requests found, None where there was nothing to hear.

        Raises CaptureError, OSError, GeoError, LedgerError: then nothing of it counts, and it may be read again.
        """
        while True:
            try:
                return self._read(name, open_it)
            except Overtaken:
                self._start_over()
            except BaseException:
                self._start_over()
                raise

    def finish(self) -> int:
        """Commit what is still open: nothing more is to be read. Requests found. Raises LedgerError."""
        while True:
            try:
                self._unfinished.finish(self._known.snapshot, self._clock())
                return self._commit(pl.DataFrame(schema=_HEARD))
            except Overtaken:
                self._start_over()
            except OSError as error:
                raise LedgerError(
                    f"{error.filename or self._ledger.storage}: {error.strerror or error}"
                ) from error

    def _start_over(self) -> None:
        self._staging.clear()
        self._listener.clear()
        self._found = 0
        self._basis: _Basis | None = None  # of the capture that is read
        self._unfinished.clear()
        self._known = Known(self._ledger.finish())

    def _read(self, name: str, open_it: Callable[[], BinaryIO]) -> int | None:
        with open_it() as stream:
            reader = CaptureReader(stream, name)
            try:
                earlier = self._earlier(reader)
                day = capture_day(reader.first)
                heard = _heard(self._known.snapshot, day, reader.head) if earlier else []
                points = self._points(earlier, heard)
                reach = max((row.reach for row in earlier), default=0)
                for row in earlier:
                    self._unfinished.visit((row.sensor, row.point), row.last)
                if not any(_gaps(point.heard, reach) for point in points.values()):
                    return None
                sensors = {point.sensor.id for point in points.values()}
                self._basis = _Basis(
                    day, reader.head, heard, {one: self._known.holes(one) for one in sensors}
                )
                twins = self._twins(reader, earlier)
                reader.resume(())
                self._hear(reader, points, reach, twins)
            finally:
                reader.close()
        digests = {row.reach: row.digest for row in earlier}  # each batch begins where another ended
        rows = [
            (day, reader.head, start, end, digests[end], point.sensor.id, point.name)
            for point in points.values()
            for start, end in _gaps(point.heard, reach)
        ]
        return self._commit(pl.DataFrame(rows, schema=_HEARD, orient="row"))

    def _earlier(self, reader: CaptureReader) -> list[Taken]:
        """First readings of the very bytes."""
        if not reader.open_head():
            return []
        rows = [row for row in self._known.readings(reader.head, reader.first) if not row.again]
        reader.resume({(row.reach, row.digest) for row in rows})
        return [row for row in rows if (row.reach, row.digest) in reader.fitting]

    def _twins(self, reader: CaptureReader, earlier: list[Taken]) -> list[Taken]:
        """Readings of other captures that begin alike."""
        own = {(row.reach, row.digest) for row in earlier}
        rows = self._known.readings(reader.head, reader.first)
        return [row for row in rows if not row.again and (row.reach, row.digest) not in own]

    def _points(self, earlier: list[Taken], heard: list[dict[str, Any]]) -> dict[str, _Point]:
        """Points of honeypots in a capture, by their names, as it was read; `heard` are rows with its head."""
        fitting = {(row.reach, row.digest) for row in earlier}
        heard = [row for row in heard if (row["reach"], row["digest"]) in fitting]
        found = {}
        for row in earlier:
            sensor = self._sensors.of_id(row.sensor)
            if not sensor.is_honeypot or row.point in found:
                continue
            before = min(one.taken for one in earlier if one.point == row.point)
            days = {hole.day for hole in self._known.holes(sensor.id) if hole.at > before}
            spans = [(one["start"], one["reach"]) for one in heard if one["point"] == row.point]
            found[row.point] = _Point(
                sensor, row.point, before, sorted(spans), np.array(sorted(days), np.int64)
            )
        return found

    def _hear(self, reader: CaptureReader, points: dict[str, _Point], reach: int, twins: list[Taken]) -> None:
        decoder, judge = Decoder(), Judge()
        while (frames := reader.read()) is not None:
            packets = decoder.decode(frames, reader.interfaces)
            judged = judge.judge(packets, frames)
            for index in np.unique(frames.interface).tolist():
                name = reader.interfaces[index].name or (f"#{index}" if index else "")
                if point := points.get(name):
                    fate = self._fate(reader.head, index, point, frames, packets, twins)
                    fate[frames.base + frames.offset >= reach] = SKIPPED
                    until = self._clock() + DAY
                    times = believable(frames.time, frames.interface, index, EARLIEST, until)
                    if len(times):
                        low, high = int(times.min()), int(times.max())
                        self._unfinished.go_on(
                            self._known.snapshot, (point.sensor.id, name), low, high, self._clock()
                        )
                    self._listener.see(Run(point.sensor, name, frames, packets, judged, fate))
            if self._listener.is_full:
                self._take()
            if frames.base + int(frames.offset[-1]) >= reach:
                break

    def _fate(
        self, head: str, index: int, point: _Point, frames: Frames, packets: Packets, twins: list[Taken]
    ) -> npt.NDArray[np.uint8]:
        """What became of frames when they were read first; those that were heard, or will be, are skipped."""
        until = self._clock() + DAY
        fate = np.empty(len(frames), np.uint8)
        times = believable(frames.time, frames.interface, index, EARLIEST, until)
        taken = np.empty((0, 2), np.int64)
        if len(times):
            taken = self._known.taken(
                point.sensor.id,
                point.name,
                f"{head}{BRANCH}0" if twins else head,
                int(times.min()),
                int(times.max()),
                self._known.twins(point.sensor.id, point.name, twins),
                before=point.before,
            )
        direction = point.sensor.direction(packets, frames.time)
        decide(
            fate, packets.outcome, direction, frames.interface, index, frames.time, EARLIEST, until, taken,
            _NO_DAYS, _NO_DAYS, True,
        )  # fmt: skip
        place = frames.base + frames.offset
        for start, end in point.heard:
            fate[(place >= start) & (place < end)] = SKIPPED
        fate[np.isin(frames.time // DAY, point.forgotten)] = SKIPPED
        return fate

    def _take(self) -> None:
        for table, rows in self._listener.take(self._places):
            self._found += rows.height
            self._staging.add(table, rows)
        self._staging.finish()

    def _commit(self, heard: pl.DataFrame) -> int:
        """Commit what was found, and what was heard for it."""
        self._take()
        self._staging.add(HEARD, heard)
        unfinished = self._unfinished.rows(max(self._clock(), self._known.latest))
        for one in unfinished.values():
            self._staging.add(UNFINISHED, one)
        self._staging.finish()
        found = {table.name: Change(add=files) for table, files in self._staging.files.items()}
        snapshot = self._ledger.change(self._settings.worker, "ingest", lambda now: self._changes(now, found))
        files = [file.path for file in self._staging.files.get(UNFINISHED, ())]
        self._unfinished.committed(dict(zip(unfinished, files, strict=True)))
        self._staging.clear()
        self._known = Known(snapshot)
        self._basis = None
        count, self._found = self._found, 0
        return count

    def _changes(self, now: Snapshot, found: dict[str, Change]) -> dict[str, Change] | None:
        """What the batch does to a state, if that state still is what it relied on; None where it has it."""
        if now.plan != self._known.snapshot.plan:
            heard = {file.path for file in found.get(HEARD.name, Change()).add}
            if heard & set(now.files(HEARD)["path"]):
                return None  # an earlier try failed after it was decided
            if not (self._unfinished.holds(now) and (self._basis is None or self._basis.holds(now))):
                raise Overtaken(f"{self._ledger.storage}: another worker heard the same captures")
        changes = {name: Change(add=list(change.add)) for name, change in found.items()}
        if removed := self._unfinished.removals(now):
            changes.setdefault(UNFINISHED.name, Change()).remove = removed
        return changes or None


def _heard(snapshot: Snapshot, day: date, head: str) -> list[dict[str, Any]]:
    """Rows of `heard` of captures that begin alike, in order."""
    rows = snapshot.scan(HEARD, day, day).filter(pl.col("head") == head).collect()
    return rows.sort(rows.columns).to_dicts()


def _gaps(heard: list[tuple[int, int]], reach: int) -> list[tuple[int, int]]:
    """Bytes up to the reach that were not heard."""
    gaps, place = [], 0
    for start, end in heard:
        if place < min(start, reach):
            gaps.append((place, min(start, reach)))
        place = max(place, end)
    if place < reach:
        gaps.append((place, reach))
    return gaps
