"""Captures that are being read: what of each is in the batch, and the rows that say so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from darkscope.ingest.capture.frames import Damage, Frames
from darkscope.ingest.capture.reader import CaptureReader
from darkscope.ingest.coverage import Row, coverage_rows
from darkscope.ingest.fates import DAY, FATES, HOUR, NO_HOUR, Hour
from darkscope.ingest.geo import Places
from darkscope.ingest.known import BRANCH, SILENCE, Hole, Missing, Taken, capture_day
from darkscope.ingest.rules import RULES_VERSION
from darkscope.ingest.sensors import Sensor
from darkscope.ingest.series import EPOCH


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames of one batch and point, without a long silence between them."""

    first: int  # nanoseconds since 1970, both included; zeros where no frame has a believable time
    last: int
    frames: int


@dataclass(slots=True)
class Piece:
    """One interface of a capture that is being read: one point of one sensor."""

    sensor: Sensor
    point: str
    again: int  # time of the `forget` that is being refilled; 0 for a first reading
    missing: list[Missing]  # what is to be refilled
    before: int  # latest time of earlier readings, nanoseconds; 0: none
    dropped: int  # packets lost that the ledger already has
    hours: dict[int, Hour] = field(default_factory=dict)  # of this batch
    around: dict[int, Hour] = field(default_factory=dict)  # likewise of days not asked for: nothing counts
    low: int = 0  # no time of this batch is earlier
    high: int = 0  # none is later

    @property
    def asked(self) -> npt.NDArray[np.int64]:
        """UTC days that are to be refilled, sorted."""
        return np.array(sorted({one.day for one in self.missing}), np.int64)

    def is_missing(
        self, time: npt.NDArray[np.int64], position: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        """Which frames are to be refilled, by their time and their byte in the capture."""
        found = np.zeros(len(time), np.bool_)
        for one in self.missing:
            found |= (time // DAY == one.day) & (position >= one.start) & (position < one.end)
        return found

    @property
    def stretches(self) -> list[Stretch]:
        """What came without a silence; frames without a believable time are with the first.

        Of a refilling each day stands alone: those between were not asked for.
        """
        found: list[Stretch] = []
        for hour in sorted(key for key in self.hours if key != NO_HOUR):
            entry = self.hours[hour]
            frames = int(entry.counts.sum())
            is_same = not self.again or (found and found[-1].last // DAY == entry.low // DAY)
            if found and is_same and entry.low - found[-1].last <= SILENCE:
                found[-1] = Stretch(found[-1].first, entry.high, found[-1].frames + frames)
            else:
                found.append(Stretch(entry.low, entry.high, frames))
        untimed = int(self.hours[NO_HOUR].counts.sum()) if NO_HOUR in self.hours else 0
        first, *others = found or [Stretch(0, 0, 0)]
        return [Stretch(first.first, first.last, first.frames + untimed), *others]

    @property
    def times(self) -> tuple[int, int]:
        """Earliest and latest believable time of this batch; zeros where there is none."""
        timed = [hour for key, hour in self.hours.items() if key != NO_HOUR]
        return (min(hour.low for hour in timed), max(hour.high for hour in timed)) if timed else (0, 0)


@dataclass(eq=False, slots=True)
class Reading:
    """One capture that is being read."""

    reader: CaptureReader
    name: str
    interface: str | None  # of a live capture
    is_stream: bool = False  # what was read of it cannot be read again
    earlier: list[Taken] = field(default_factory=list)  # what the ledger has of all with its head, in order
    own: set[tuple[int, str]] = field(default_factory=set)  # reach and digest of those that are of it
    again: int = 0
    holes: list[Hole] = field(default_factory=list)  # all of its sensors, where it is refilled
    start: int = 0  # decompressed byte at which this batch began to read it
    reach: int = 0  # and up to which it has been counted
    digest: str = ""
    as_of: int = 0  # plan of the ledger at which `earlier` was all of it
    branch: int = 0  # number of one that begins with the bytes of a known capture, and does not continue it
    is_over: bool = False  # nothing of it is wanted, or wanted any more
    pieces: dict[int, Piece] = field(default_factory=dict)  # by interface
    link_types: dict[int, int] = field(default_factory=dict)  # unknown ones, of this batch
    uncounted: Frames | None = None  # what was read while the ledger could not be asked about it

    @property
    def capture(self) -> str:
        """Under which its time is taken."""
        return self.reader.head + (f"{BRANCH}{self.branch}" if self.branch else "")

    def of_it(self, rows: Iterable[Taken]) -> list[Taken]:
        """Those of rows with its head that are of its bytes."""
        return [row for row in rows if (row.reach, row.digest) in self.own]

    @property
    def new_damage(self) -> list[Damage]:
        """What could not be read, and the ledger does not say yet."""
        if not self.reader.damage:
            return []
        said = {line for row in self.of_it(self.earlier) for line in row.damage.split("\n")}
        return [damage for damage in self.reader.damage if _line(damage) not in said]

    @property
    def has_news(self) -> bool:
        """Whether the batch has anything of it."""
        return not self.is_over and bool(self.reach > self.start or self.new_damage) and bool(self.digest)

    def capture_rows(self, taken: int, places: Places) -> list[Taken]:
        """Rows of `captures` for the batch; `taken` is its time."""
        rows = [
            Taken(
                day=capture_day(self.reader.first),
                head=self.reader.head,
                start=self.start,
                reach=self.reach,
                digest=self.digest,
                name=self.name,
                sensor=piece.sensor.id,
                point=piece.point,
                frames=stretch.frames,
                first=stretch.first,
                last=stretch.last,
                link_types="",
                damage="",
                dropped=max(piece.dropped, self.reader.dropped.get(index, 0)),
                again=piece.again,
                taken=taken,
                geo=places.build(stretch.first // DAY) if stretch.first else "",
                rules=RULES_VERSION,
            )
            for index, piece in sorted(self.pieces.items())
            for stretch in piece.stretches
        ]
        damage = "\n".join(_line(one) for one in self.new_damage)
        links = ",".join(f"{number}={count}" for number, count in sorted(self.link_types.items()))
        rows[0] = rows[0]._replace(link_types=links, damage=damage)
        return rows

    def heard_rows(self) -> list[tuple[object, ...]]:
        """Rows of `heard` for the batch, with their `day`; what is refilled was heard before, or will be."""
        return [
            (
                capture_day(self.reader.first),
                self.reader.head,
                self.start,
                self.reach,
                self.digest,
                piece.sensor.id,
                piece.point,
            )
            for _, piece in sorted(self.pieces.items())
            if piece.sensor.is_honeypot and not piece.again
        ]

    def coverage_rows(self, bridge: int) -> list[Row]:
        """Rows of `coverage` for the batch; `bridge` in minutes, as there."""
        rows: list[Row] = []
        for index, piece in self.pieces.items():
            dropped = max(0, self.reader.dropped.get(index, 0) - piece.dropped)
            hours = piece.around | piece.hours
            of_piece = coverage_rows(piece.sensor.id, piece.point, hours, piece.before, bridge, dropped)
            asked = set(dates(piece.asked))
            rows += [row for row in of_piece if not piece.again or row[0] in asked]
        return rows

    def go_on(self, rows: Iterable[Taken]) -> None:
        """Make ready for the next batch, once the rows of this one are committed."""
        self.earlier = sorted([*self.earlier, *rows], key=lambda row: row.order)
        self.own.add((self.reach, self.digest))
        self.start = self.reach
        self.link_types.clear()
        for index, piece in self.pieces.items():
            around = max((hour.high for hour in piece.around.values()), default=0)
            piece.before = max(piece.before, piece.times[1], around)
            piece.dropped = max(piece.dropped, self.reader.dropped.get(index, 0))
            piece.hours, piece.around = {}, {}
            piece.low = piece.high = 0


@dataclass(slots=True)
class Beat:
    """What a live point says of itself, beside what its capture holds."""

    hours: dict[int, Hour] = field(default_factory=dict)
    dropped: int = 0

    def note(self, when: int, dropped: int) -> None:
        """Note that it listened at a time (nanoseconds), and packets lost since the last time."""
        hour = self.hours.setdefault(when // HOUR, Hour(when, when, np.zeros(FATES, np.int64)))
        hour.low, hour.high = min(hour.low, when), max(hour.high, when)
        self.dropped += dropped

    def coverage_rows(self, sensor: str, point: str, bridge: int) -> list[Row]:
        """Rows of `coverage`."""
        rows: list[Row] = []
        dropped = self.dropped
        for hour, entry in sorted(self.hours.items()):  # one by one: a jump of the clock is no silence
            rows += coverage_rows(sensor, point, {hour: entry}, 0, bridge, dropped)
            dropped = 0
        return rows


def dates(days: npt.NDArray[np.int64]) -> list[date]:
    """UTC days out of their numbers since 1970."""
    return [EPOCH + timedelta(days=day) for day in days.tolist()]


def _line(damage: Damage) -> str:
    return f"{damage.offset}: {damage.reason}"
