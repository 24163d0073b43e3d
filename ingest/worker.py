"""The worker: reads captures into batches, and commits each batch once.

A batch is staged as files that nothing names; one change makes it part of the ledger. What it relied on (how far
captures had been read, which time of a point was taken, which days were sealed) is looked at again in that very
moment: where another worker changed it, nothing is committed and `Overtaken` says to read again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain, count
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import polars as pl

from darkscope.ingest.capture.frames import Frames
from darkscope.ingest.capture.reader import CaptureReader
from darkscope.ingest.decode.columns import LINK_TYPE, Packets
from darkscope.ingest.decode.decoder import Decoder
from darkscope.ingest.echoes import Echoes
from darkscope.ingest.fates import DAY, SKIPPED, believable, count_hours, decide, note_hours
from darkscope.ingest.geo import Places
from darkscope.ingest.handshakes import Handshakes
from darkscope.ingest.honeypot.listener import Listener
from darkscope.ingest.honeypot.sealing import Seal
from darkscope.ingest.known import EARLIEST, TOLERANCE, Known, Missing, Span, Taken
from darkscope.ingest.ledger.errors import LedgerError, Overtaken
from darkscope.ingest.ledger.ledger import Ledger, Snapshot
from darkscope.ingest.ledger.plan import Change, Plan
from darkscope.ingest.ledger.staging import Staging
from darkscope.ingest.observers import Observer, Point, Run
from darkscope.ingest.reading import Beat, Piece, Reading, dates
from darkscope.ingest.reduce import AHEAD, Reduction
from darkscope.ingest.rollups import DAY_MINUTES, partitions, roll_up
from darkscope.ingest.rules.judge import Judge, Judgements
from darkscope.ingest.sensors import SensorError, Sensors
from darkscope.ingest.series import (
    CAPTURES,
    COVERAGE,
    EPOCH,
    FLOWS,
    HEARD,
    MONTH_ROLLUPS,
    ROLLUPS,
    SEALS,
    SOURCES,
    UNFINISHED,
    Merge,
)
from darkscope.ingest.settings import Settings
from darkscope.ingest.unfinished import AGAIN, FIRST, Unfinished

_CAPTURES = {"day": pl.Date(), **CAPTURES.schema}
_COVERAGE = {"day": pl.Date(), **COVERAGE.schema}
_HEARD = {"day": pl.Date(), **HEARD.schema}


class DiskLow(LedgerError):
    """The ledger's disk has less room than the reserve; nothing was lost, ingest waits."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit added."""

    version: int
    frames: int
    flows: int
    fates: dict[str, int]  # frames by what became of them, and those dropped: the columns of `coverage`


@dataclass(frozen=True, slots=True)
class _Closed:
    """A batch that is complete and not committed yet."""

    rows: dict[Reading, list[Taken]]  # of `captures`
    frames: int  # without those that were passed over
    fates: dict[str, int]
    unfinished: list[Point]  # points of which something is open, in the order of their files


class Worker:
    """Reads captures into the ledger. One per process; not to be shared between threads."""

    def __init__(
        self,
        ledger: Ledger,
        settings: Settings,
        sensors: Sensors,
        places: Places,
        *,
        again: bool = False,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.ledger = ledger
        self._settings = settings
        self._sensors = sensors
        self._places = places
        self._again = again
        self._clock = clock
        # Some of each, used in turn: the packets of one run are counted while the next run is decoded.
        self._desks = [(Decoder(), Judge()) for _ in range(AHEAD + 1)]
        self._desk = 0
        self._reduction = Reduction(settings.ingest.flows_per_file)
        self._observers: list[Observer] = [
            Handshakes(),
            Echoes(settings.ingest.flows_per_file),
            Listener(sensors, Seal(ledger.storage)),
        ]
        self._unfinished = Unfinished(self._observers, AGAIN if again else FIRST)
        self._bridge = int(settings.ingest.rotation / timedelta(minutes=1))
        self._staging = Staging(ledger.storage)
        self._closed: _Closed | None = None
        self._frames = self._flows = 0
        self._readings: list[Reading] = []
        self._of_point: dict[tuple[str, str], list[tuple[Reading, Piece]]] = {}
        self._followed: dict[str, Reading] = {}  # by head: of those with one head the first
        self._beats: dict[tuple[str, str], Beat] = {}
        self._branches = count(1)
        self._others = 0  # last plan by which somebody else may have changed the ledger
        self._known = self._relied = Known(ledger.read_logs())  # what the batch is built on, and its change
        self._sealed = _days(self._known.snapshot)
        self._is_last = False

    def start_over(self) -> None:
        """Drop the batch and look at the ledger afresh: after `Overtaken`; every capture is to be opened again.

        Heartbeats stay: nobody else has them.
        """
        self._reduction.clear()
        for observer in self._observers:
            observer.clear()
        self._unfinished.clear()
        beats = self._beats
        self._followed.clear()
        self._empty()
        self._beats = beats
        self._readings.clear()
        self._of_point.clear()
        self._known = self._relied = Known(self.ledger.finish())
        self._sealed = _days(self._known.snapshot)

    def open(
        self,
        stream: BinaryIO,
        name: str,
        *,
        following: bool = False,
        interface: str | None = None,
        is_stream: bool = False,
    ) -> Reading:
        """Begin to read a capture where the ledger's knowledge of it ends. Raises CaptureError.

        What was read of a stream cannot be read again: what another worker took of the same point in the very same
        moment is then not left out as overlap, which is one batch at most.
        """
        reading = Reading(CaptureReader(stream, name, following=following), name, interface, is_stream)
        reading.reader.open_head()
        return reading

    def read(self, reading: Reading) -> int:
        """Read the next run of frames into the batch; 0 at the end (for now, where the capture is followed).

        Raises CaptureError, SensorError, OSError of the stream: then what was read before stays in the batch.
        LedgerError: the batch cannot be written for now, nothing was read. Not to be called after a `commit` that
        failed, until one succeeds.
        """
        reader = reading.reader
        if not reading.digest:
            if not reader.open_head() or self._is_followed(reading):
                return 0
            self._begin(reading)
        if reading not in self._readings:
            self._readings.append(reading)
        if reading.is_over:
            return 0
        if self._reduction.is_full or any(observer.is_full for observer in self._observers):
            self._staging.finish()
            self._take_rows(all_sources=False)
        self._staging.go_on()
        frames = reader.read() if reading.uncounted is None else reading.uncounted
        pieces = self._pieces(reading, frames)
        if frames is None:
            return 0
        reading.uncounted = frames
        self._go_on(pieces, frames)
        reading.uncounted = None
        decoder, judge = self._desks[self._desk]
        packets = decoder.decode(frames, reader.interfaces)
        judged = judge.judge(packets, frames)
        for index, piece in pieces:
            self._count(reading, index, piece, frames, packets, judged)
        if pieces:
            self._desk = (self._desk + 1) % len(self._desks)
        self._note_link_types(reading, frames, packets)
        reading.reach, reading.digest = reader.reach, reader.digest()
        self._frames += len(frames)
        return len(frames)

    def heartbeat(self, sensor: str, point: str, when: int, dropped: int = 0) -> None:
        """Say that a live point was listening at a time (nanoseconds), though nothing may have come.

        `dropped` are packets lost since the last heartbeat, of a capturing program that does not write them into its
        captures.
        """
        self._beats.setdefault((sensor, point), Beat()).note(when, dropped)

    @property
    def gathered(self) -> int:
        """Frames in the batch."""
        return self._frames

    def commit(self, *, is_last: bool = False) -> Committed | None:
        """Commit the batch; None where there is nothing to commit.

        After the last one of a run over files nothing more comes: what observers have open is finished with it.
        Raises Overtaken (read again, after `start_over`) and LedgerError, DiskLow among them: the batch is kept, and
        the next `commit` tries again, also where this one failed half way.
        """
        self._is_last |= is_last
        if self._closed is None and is_last:
            self._finish()
        if self._closed is None and not self._has_batch():
            self._readings.clear()
            self._of_point.clear()
            return None
        free = self.ledger.free_bytes()
        if free is not None and free < self._settings.retention.disk_reserve:
            raise DiskLow(
                f"{self.ledger.storage}: {free} bytes free, less than the reserve of "
                f"{self._settings.retention.disk_reserve} (retention.disk_reserve); nothing is lost, ingest waits"
            )
        if self._closed is None:
            self._staging.finish()
            self._closed = self._close()
        self._staging.finish()
        closed = self._closed
        snapshot = self.ledger.change(
            self._settings.worker, "ingest", lambda now: self._changes(now, closed.rows)
        )
        result = Committed(snapshot.version, closed.frames, self._flows, closed.fates)
        self._follow(snapshot, closed)
        files = [file.path for file in self._staging.files.get(UNFINISHED, ())]
        self._unfinished.committed(dict(zip(closed.unfinished, files, strict=True)))
        for reading, rows in closed.rows.items():
            reading.go_on(rows)
        self._empty()
        self._readings.clear()
        self._of_point.clear()
        self._followed = {head: one for head, one in self._followed.items() if one.reader.follows}
        self._sealed = _days(snapshot)
        return result

    def _follow(self, snapshot: Snapshot, closed: _Closed) -> None:
        """Know what is known now: what the batch relied on, and the batch."""
        relied, before = self._relied, self._known
        if relied.snapshot.plan != snapshot.plan - 1:  # an earlier try had been decided
            relied = Known(snapshot)
        else:
            for reading, rows in closed.rows.items():
                relied.note(rows)
                for piece in reading.pieces.values():
                    relied.add(self._spans(reading, piece))
            relied.settle(snapshot)
        if relied is before:
            for reading in closed.rows:
                reading.as_of = snapshot.plan
        else:  # somebody else changed the ledger as well
            self._others = snapshot.plan
        self._known = self._relied = relied

    def _has_batch(self) -> bool:
        return (
            bool(self._beats)
            or any(reading.has_news for reading in self._readings)
            or self._unfinished.is_open
        )

    def _finish(self) -> None:
        """Take what is open for all there will be."""
        try:
            self._unfinished.finish(self._known.snapshot, self._now())
        except OSError as error:
            raise self._failed(error) from error

    def _close(self) -> _Closed:
        """Make the batch's last rows."""
        self._take_rows(all_sources=True)
        taken = self._now()
        try:
            unfinished = self._unfinished.rows(taken)
        except OSError as error:  # no room for the key that seals it
            raise self._failed(error) from error
        readings = [reading for reading in self._readings if reading.has_news]
        rows = {reading: reading.capture_rows(taken, self._places) for reading in readings}
        heard = [row for reading in readings for row in reading.heard_rows()]
        watched = [row for reading in readings for row in reading.coverage_rows(self._bridge)]
        for (sensor, point), beat in self._beats.items():
            watched += beat.coverage_rows(sensor, point, self._bridge)
        coverage = pl.DataFrame(watched, schema=_COVERAGE, orient="row")
        captures = pl.DataFrame([*chain(*rows.values())], schema=_CAPTURES, orient="row")
        for one in unfinished.values():  # only now, for what failed before is done again
            self._staging.add(UNFINISHED, one)
        self._staging.add(CAPTURES, captures)
        self._staging.add(HEARD, pl.DataFrame(heard, schema=_HEARD, orient="row"))
        self._staging.add(COVERAGE, coverage)
        fates = coverage.select(pl.col(*_FATES).sum()).row(0, named=True)
        return _Closed(rows, int(coverage["frames"].sum()), fates, list(unfinished))

    def _failed(self, error: OSError) -> LedgerError:
        return LedgerError(f"{error.filename or self.ledger.storage}: {error.strerror or error}")

    def _empty(self) -> None:
        self._staging.clear()
        self._closed = None
        self._frames = self._flows = 0
        self._beats = {}
        self._is_last = False

    def _is_followed(self, reading: Reading) -> bool:
        """Whether the same capture is followed under another name; this one's turn comes once that one is complete."""
        if not reading.reader.follows:
            return False
        first = self._followed.setdefault(reading.reader.head, reading)
        if first is not reading and not (first.reader.follows and first.digest and not first.is_over):
            first = self._followed[reading.reader.head] = reading
        return first is not reading

    def _begin(self, reading: Reading) -> None:
        reader = reading.reader
        reading.earlier = self._known.readings(reader.head, reader.first)
        here = {(one.reach, one.digest) for one in self._readings if one.reader.head == reader.head}
        first = {(row.reach, row.digest) for row in reading.earlier if not row.again}
        others = {(row.reach, row.digest) for row in reading.earlier if not reading.is_stream} | first | here
        reading.start = reader.resume(others)
        reading.own = set(reader.fitting)
        if self._again and all(row.again for row in reading.of_it(reading.earlier)):
            reading.own |= reader.unreached - here  # cut short, it brings back what it has
        if self._again and reading.of_it(reading.earlier):
            missing = [
                one
                for point in {row.point for row in reading.earlier}
                for one in self._missing(reading, point)
            ]
            reading.again = max((one.at for one in missing), default=0)
            reading.holes = self._known.holes_of(reading.earlier)
            reading.is_over = not missing
            back = min((one.start for one in missing), default=0)
            wanted = {one for one in reading.own if one in here or one[0] <= back}
        else:
            wanted = reading.own & (first | here)
        if reading.start != max((reach for reach, _ in wanted), default=0):
            reading.start = reader.resume(wanted)
        for row in reading.of_it(reading.earlier):
            if row.last:
                self._unfinished.visit((row.sensor, row.point), row.last)
        if others - reading.own:
            reading.branch = next(self._branches)
        reading.as_of = self._known.snapshot.plan
        reading.reach, reading.digest = reader.reach, reader.digest()

    def _missing(self, reading: Reading, point: str) -> list[Missing]:
        return self._known.missing(row for row in reading.of_it(reading.earlier) if row.point == point)

    def _now(self) -> int:
        """The time, nanoseconds since 1970; not before what the ledger says was done: then the clock is wrong."""
        return max(self._clock(), self._known.latest)

    def _pieces(self, reading: Reading, frames: Frames | None) -> list[tuple[int, Piece]]:
        """The points that a run, or damage before any frame, belongs to. Raises SensorError."""
        if frames is not None:
            indexes = np.unique(frames.interface).tolist()
        else:
            indexes = [0] if reading.new_damage and not reading.pieces else []
        try:
            return [(index, self._piece(reading, index)) for index in indexes]
        except SensorError:
            reading.is_over = not reading.pieces  # then there is nothing to commit
            raise

    def _piece(self, reading: Reading, index: int) -> Piece:
        piece = reading.pieces.get(index)
        if piece is None:
            name = reading.reader.interfaces[index].name
            if reading.interface is not None:
                sensor, point = self._sensors.of_interface(reading.interface), reading.interface
            else:
                sensor, point = (
                    self._sensors.of_capture(reading.name, name),
                    name or (f"#{index}" if index else ""),
                )
            earlier = [
                row
                for row in reading.of_it(reading.earlier)
                if row.point == point and (row.reach <= reading.start if reading.again else not row.again)
            ]
            before = max((row.last for row in earlier), default=0)
            dropped = max((row.dropped for row in earlier), default=0)
            missing = self._missing(reading, point) if reading.again else []
            piece = Piece(sensor, point, reading.again, missing, before, dropped)
            reading.pieces[index] = piece
        return piece

    def _go_on(self, pieces: list[tuple[int, Piece]], frames: Frames) -> None:
        """Take up what is open at the points of honeypots. Raises LedgerError: nothing of the frames was counted."""
        for index, piece in pieces:
            if not piece.sensor.is_honeypot:
                continue
            times = believable(frames.time, frames.interface, index, EARLIEST, self._now() + DAY)
            if len(times):
                point, left = (piece.sensor.id, piece.point), piece.before or int(times.min())
                try:
                    self._unfinished.go_on(self._known.snapshot, point, left, int(times.max()), self._now())
                except (
                    FileNotFoundError
                ) as error:  # cleaned away: others have come far since this was looked at
                    raise Overtaken(f"{error.filename or error}: gone; read again") from error
                except OSError as error:
                    raise self._failed(error) from error

    def _count(
        self, reading: Reading, index: int, piece: Piece, frames: Frames, packets: Packets, judged: Judgements
    ) -> None:
        until = self._now() + DAY
        times = believable(frames.time, frames.interface, index, EARLIEST, until)
        if len(times):
            low, high = int(times.min()), int(times.max())
            taken = self._taken(reading, piece, low, high, self._beside(reading, piece, low, high))
            if not piece.high:
                self._of_point.setdefault((piece.sensor.id, piece.point), []).append((reading, piece))
            piece.low, piece.high = min(low, piece.low or low), max(high, piece.high)
        else:
            taken = _NO_SPANS
        fate = np.empty(len(frames), np.uint8)
        decide(
            fate,
            packets.outcome,
            piece.sensor.direction(packets, frames.time),
            frames.interface,
            index,
            frames.time,
            EARLIEST,
            until,
            taken,
            self._sealed if self._settings.ingest.late == "refused" else _NO_DAYS,
            piece.asked,
            not piece.again,
        )
        if piece.again:
            fate[~piece.is_missing(frames.time, frames.base + frames.offset)] = SKIPPED
        self._reduction.absorb(piece.sensor.id, fate, frames.time, frames.wire, packets, judged)
        run = Run(piece.sensor, piece.point, frames, packets, judged, fate)
        for observer in self._observers:
            observer.see(run)
        count_hours(piece.hours, fate, frames.time)
        if piece.again:
            passed = (fate == SKIPPED) & (frames.interface == index)
            passed &= (frames.time >= EARLIEST) & (frames.time < until)
            note_hours(piece.around, frames.time[passed])

    def _taken(
        self, reading: Reading, piece: Piece, low: int, high: int, also: Iterable[Span] = ()
    ) -> npt.NDArray[np.int64]:
        """Time of the point that other captures have; of a live one none, for one program alone writes them."""
        if reading.interface is not None:
            return _NO_SPANS
        if reading.branch:
            rows = self._known.readings(reading.reader.head, reading.reader.first)
            twins = [row for row in rows if (row.reach, row.digest) not in reading.own]
            also = (*also, *self._known.twins(piece.sensor.id, piece.point, twins))
        return self._known.taken(piece.sensor.id, piece.point, reading.capture, low, high, also)

    def _beside(self, reading: Reading, piece: Piece, low: int, high: int) -> Iterator[Span]:
        """Time near low and high that other captures of the point have in this batch."""
        for other, its in self._of_point.get((piece.sensor.id, piece.point), ()):
            if other is not reading and its.low <= high + TOLERANCE and its.high >= low - TOLERANCE:
                yield from self._spans(other, its)

    def _spans(self, reading: Reading, piece: Piece) -> Iterator[Span]:
        """Time that a piece has in this batch."""
        taken = self._now()
        for stretch in piece.stretches:
            if stretch.first:
                yield Span(piece.sensor.id, piece.point, reading.capture, stretch.first, stretch.last, taken)

    def _note_link_types(self, reading: Reading, frames: Frames, packets: Packets) -> None:
        where = packets.outcome == LINK_TYPE
        if where.any():
            for index, count in zip(*np.unique(frames.interface[where], return_counts=True), strict=True):
                number = reading.reader.interfaces[index].link_type
                reading.link_types[number] = reading.link_types.get(number, 0) + int(count)

    def _take_rows(self, *, all_sources: bool) -> None:
        """Take the rows that were counted; of the sources where they are many, or `all_sources`."""
        for observer in self._observers:
            for table, rows in observer.take(self._places):
                self._staging.add(table, rows)
        if not self._reduction.is_empty:
            self._take_flows(self._reduction.take_flows(self._places))
        if self._reduction.sources > (0 if all_sources else self._reduction.most_sources):
            self._staging.add(SOURCES, self._reduction.take_sources())

    def _take_flows(self, flows: pl.DataFrame) -> None:
        self._flows += flows.height
        late = pl.col("day").is_in(dates(self._sealed))
        if len(self._sealed):
            for table in ROLLUPS:
                day = (pl.col("minute") // DAY_MINUTES).cast(pl.Date)
                rolled = roll_up(flows.lazy().filter(late), table).with_columns(day=day)
                self._staging.add(table, rolled.collect())
            seals = (
                flows.filter(late)
                .group_by("day", "sensor")
                .agg(pl.col("packets").sum(), pl.col("bytes").sum(), flows=pl.lit(0, pl.Int64))
            )
            self._staging.add(SEALS, seals)
            flows = flows.filter(~late)
        self._staging.add(FLOWS, flows)

    def _changes(self, now: Snapshot, readings: dict[Reading, list[Taken]]) -> dict[str, Change] | None:
        """What the batch does to a state, if that state still is what the batch relied on; None where it has it."""
        moved = now.plan != self._known.snapshot.plan
        known = self._relied  # of an earlier try, so that each looks only at what came since
        if now.plan != known.snapshot.plan:
            plans = self.ledger.plans_since(known.snapshot, now)
            if self._is_decided(now, plans):
                return None  # an earlier try failed after it was decided
            known = known.moved_on(now, plans)
        doubtful = [reading for reading in readings if moved or reading.as_of < self._others]
        if (
            moved and not (np.array_equal(_days(now), self._sealed) and self._unfinished.holds(now))
        ) or not all(self._still_holds(reading, known, readings[reading]) for reading in doubtful):
            raise Overtaken(f"{self.ledger.storage}: another worker took the same captures")
        self._relied = known
        changes = {table.name: Change(add=files) for table, files in self._staging.files.items()}
        sealed = set(dates(self._sealed))
        days = {date.fromisoformat(file.day) for file in self._staging.files.get(FLOWS, ())} - sealed
        late = {date.fromisoformat(file.day) for file in self._staging.files.get(SEALS, ())}
        if removed := self._unfinished.removals(now):
            changes.setdefault(UNFINISHED.name, Change()).remove = removed
        for table in (*ROLLUPS, *MONTH_ROLLUPS):  # a rollup is there only while it is true
            untrue = days | late if table in MONTH_ROLLUPS else days
            removed = now.removals(table, partitions(table, untrue))
            if removed:
                changes.setdefault(table.name, Change()).remove = removed
        return changes

    def _is_decided(self, now: Snapshot, plans: Sequence[Plan] | None) -> bool:
        """Whether the batch is in a newer state, `plans` being those since, where they are there."""
        for table, files in self._staging.files.items():
            if plans is None:
                there = set(now.files(table)["path"])
            else:
                changes = (plan.changes.get(table.name, Change()) for plan in plans)
                there = {file.path for change in changes for file in change.add}
            if {file.path for file in files} <= there:
                return True
        return False

    def _still_holds(self, reading: Reading, known: Known, rows: list[Taken]) -> bool:
        reader = reading.reader
        if known.readings(reader.head, reader.first) != reading.earlier:
            return False
        if reading.again and known.holes_of(reading.earlier) != reading.holes:
            return False
        if any(hole.at > row.taken for row in rows for hole in known.holes(row.sensor)):
            return False  # forgotten since these rows were made: they would look as if they had been there
        return (
            reading.is_stream
            or reading.interface is not None
            or all(
                np.array_equal(
                    known.taken(piece.sensor.id, piece.point, reading.capture, *piece.times),
                    self._known.taken(piece.sensor.id, piece.point, reading.capture, *piece.times),
                )
                for piece in reading.pieces.values()
            )
        )


_FATES = [column.name for column in COVERAGE.columns if column.merge is Merge.SUM and column.name != "frames"]
_NO_DAYS = np.empty(0, np.int64)
_NO_SPANS = np.empty((0, 2), np.int64)


def _days(snapshot: Snapshot) -> npt.NDArray[np.int64]:
    """Sealed UTC days, sorted, since 1970."""
    return np.array(sorted((day - EPOCH).days for day in snapshot.days(SEALS)), np.int64)
