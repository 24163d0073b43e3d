"""Read captures through a worker: what is gathered is committed in time, and one bad capture never stops the next.

Whoever finds captures (files, a spool, standard input, an interface) calls `read` for each, and `commit` where it
wants to be sure. What happens is logged as events; what it came to is in the summary.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Self, TypeVar

from darkscope.ingest.capture.reader import CaptureError, UnknownFormat
from darkscope.ingest.intake.stop import Stop
from darkscope.ingest.intake.stored import File, Stored
from darkscope.ingest.ledger.errors import Away, LedgerError, Overtaken
from darkscope.ingest.reading import Reading
from darkscope.ingest.sensors import SensorError
from darkscope.ingest.worker import Committed, DiskLow, Worker

LOG = logging.getLogger("darkscope.ingest.intake")

FRAMES, SECONDS = 8_000_000, 30.0
"""Size at which a batch is committed: it bounds what is read twice after a crash."""

CLOSED, HELD = 256, 32
"""Captures a batch may complete; fewer where they are held open, which costs memory, because they may vanish."""

OPEN = 2
"""Captures that are open before their turn comes."""

RETRY = 5.0
"""Seconds between two tries to commit while the ledger has no room."""

REMIND = 300.0
"""Seconds between two log lines that say that it still has none."""

PROBLEMS = 1000
"""Problems that the summary lists; more are counted and logged."""

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO})
"""What a ledger's place may get over while a daemon waits: it is full, read-only, not ours, not there."""

Result = TypeVar("Result")


class Outcome(StrEnum):
    """What became of a capture."""

    READ = "read"  # the ledger got frames of it
    KNOWN = "known"  # the ledger had all of it
    EMPTY = "empty"  # it holds no frame
    REFUSED = "refused"  # it could not be opened, told apart or read on
    PASSED_OVER = "passed over"  # it is no capture, and nobody said that it was one


@dataclass(frozen=True, slots=True)
class Problem:
    """What could not be read."""

    capture: str
    offset: int | None  # decompressed bytes from the capture's start; None: the capture as a whole
    reason: str

    def log(self) -> None:
        """Tell it as an event."""
        place = {} if self.offset is None else {"offset": self.offset}
        fields = {"capture": self.capture, **place, "reason": self.reason}
        LOG.warning("damage" if place else "refused", extra={"fields": fields})


@dataclass(slots=True)
class Summary:
    """What a session came to."""

    captures: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    damaged: int = 0  # captures of which some could not be read
    frames: int = 0  # committed, as are the next two
    flows: int = 0
    fates: dict[str, int] = field(default_factory=dict)  # frames by what became of them
    bytes: int = 0  # read, as they lie on the disk
    version: int | None = None  # of the ledger, after the last commit
    problems: deque[Problem] = field(default_factory=lambda: deque(maxlen=PROBLEMS))

    def add(self, other: Summary) -> None:
        """Add what another session came to."""
        for outcome, count in other.captures.items():
            self.captures[outcome] += count
        for fate, frames in other.fates.items():
            self.fates[fate] = self.fates.get(fate, 0) + frames
        self.damaged += other.damaged
        self.frames += other.frames
        self.flows += other.flows
        self.bytes += other.bytes
        self.version = max(self.version or 0, other.version or 0) or None
        self.problems += other.problems

    @property
    def is_clean(self) -> bool:
        """Whether every capture could be read, and all of it."""
        return not self.damaged and not self.captures[Outcome.REFUSED]

    @property
    def is_vain(self) -> bool:
        """Whether there were captures and none could be read."""
        refused = self.captures[Outcome.REFUSED]
        return bool(refused) and refused + self.captures[Outcome.PASSED_OVER] == sum(self.captures.values())


@dataclass(eq=False, slots=True)
class Capture:
    """One capture that a session reads. `open` gives its bytes from the first one on."""

    name: str
    open: Callable[[], BinaryIO]
    following: bool = False  # it may still grow, and it may vanish while it is read
    interface: str | None = None  # of a live capture
    is_stream: bool = False  # it can be opened once only
    was_named: bool = True  # somebody said that it is a capture
    stream: BinaryIO | None = None
    reading: Reading | None = None
    frames: int = 0
    is_ended: bool = False  # nothing is to be read of it any more
    refusal: Exception | None = None
    is_safe: bool = False  # the ledger has all that was read of it, and nothing more will be
    said: int = 0  # damages of this reading that were looked at
    said_to: int = -1  # byte up to which its damage was reported
    done: int = 0  # bytes of it that were read, as they lie on the disk

    @classmethod
    def of(cls, stored: Stored) -> Capture:
        """A capture that nobody writes any more."""
        return cls(stored.name, stored.open)

    @classmethod
    def of_file(cls, path: Path) -> Capture:
        """The same of a file."""
        return cls.of(File(path))


def opened(captures: Iterable[Stored]) -> Iterator[Capture]:
    """Captures that are read one after the other; the next are open already: what is far away comes meanwhile."""
    coming: deque[Capture] = deque()
    try:
        for one in captures:
            capture = Capture.of(one)
            with contextlib.suppress(OSError):  # reading it will say why
                capture.stream = capture.open()
            coming.append(capture)
            if len(coming) > OPEN:
                yield coming.popleft()
        while coming:
            yield coming.popleft()
    finally:
        for capture in coming:
            if capture.stream is not None:
                capture.stream.close()


class Session:
    """One run of a worker over captures. Leaving its context closes them; what was not committed is dropped.

    A `patient` session waits while the ledger has no room; any other raises LedgerError. `on_progress` is told the
    bytes that were read in all, as they lie on the disk, and the frames.
    """

    def __init__(
        self,
        worker: Worker,
        stop: Stop,
        *,
        patient: bool = False,
        seconds: float = SECONDS,
        on_progress: Callable[[int, int], None] = lambda _bytes, _frames: None,
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self.summary = Summary()
        self._worker = worker
        self._stop = stop
        self._patient = patient
        self._seconds = seconds
        self._on_progress = on_progress
        self._on_commit = on_commit
        self._open: dict[Capture, None] = {}  # those that are open, or wait for a commit
        self._since: float | None = None  # when the batch was begun, monotonic
        self._read_frames = 0
        self._lost = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close_all()

    @property
    def seconds_left(self) -> float:
        """Seconds until what was gathered is to be committed."""
        return (
            self._seconds if self._since is None else max(0.0, self._since + self._seconds - time.monotonic())
        )

    @property
    def is_stopping(self) -> bool:
        """Whether the end of all was asked for."""
        return self._stop.is_asked

    @property
    def is_due(self) -> bool:
        """Whether what was gathered should be committed by now."""
        if self._since is None:
            return any(capture.is_ended for capture in self._open)
        return not self.seconds_left

    def read(self, capture: Capture) -> int:
        """Read the next run of a capture, and commit what is due; frames read, 0 at the end (so far).

        What is wrong with the capture ends it and is reported. Raises LedgerError.
        """
        if self._is_full:
            self.commit()
        try:
            frames = 0 if capture.is_ended else self._run(capture)
        except Overtaken as error:  # what it would have gone on with is gone
            self._note_overtaken(error)
            frames = self._run(capture)
        if frames and self._since is None:
            self._since = time.monotonic()
        self._read_frames += frames
        self._on_progress(self.summary.bytes + sum(one.done for one in self._open), self._read_frames)
        return frames

    def read_all(self, capture: Capture) -> None:
        """Read a capture to its end and close it; sooner where the end of all is asked for. Raises LedgerError."""
        while not self._stop.is_asked:
            if not self.read(capture):
                self.close(capture)
                break

    def close(self, capture: Capture) -> None:
        """Take what was read of a capture for all there is, and report what it came to."""
        if not capture.is_ended:
            self._read_out(capture)
        capture.is_ended = True
        self._open[capture] = None
        self._count(capture)
        if not capture.following:
            self._release(capture)

    def heartbeat(self, sensor: str, point: str, dropped: int = 0) -> None:
        """Book that a live point listens now, and packets that were lost since it was booked last."""
        self._worker.heartbeat(sensor, point, time.time_ns(), dropped)
        if self._since is None:
            self._since = time.monotonic()

    def commit(self, *, is_last: bool = False) -> Committed | None:
        """Commit what was gathered, all there will be where it is the last time.

        Raises LedgerError, where nobody is patient or the end is asked for.
        """
        while True:
            try:
                committed = self._insist(lambda: self._worker.commit(is_last=is_last))
            except Overtaken as error:
                self._note_overtaken(error)
            else:
                break
        self._since = None
        if committed is not None:
            self._note(committed)
        for capture in [one for one in self._open if one.is_ended]:
            del self._open[capture]
            self._release(capture)
            self.summary.bytes += capture.done
            capture.is_safe = capture.refusal is None
        if committed is not None:
            self._on_commit()
        return committed

    def end(self) -> None:
        """Commit what was gathered, and count what was read in part. Raises LedgerError.

        Where nobody asked for the end, all was read: what is open is finished, like a connection of which more could
        have come.
        """
        self.commit(is_last=not self.is_stopping)
        for capture in self._open:
            self._count(capture)
        self._close_all()

    def _close_all(self) -> None:
        for capture in self._open:
            self._release(capture)
        self._open.clear()

    @property
    def _is_full(self) -> bool:
        return (
            self._worker.gathered >= FRAMES
            or sum(one.is_ended for one in self._open) >= CLOSED
            or sum(one.is_ended and one.stream is not None for one in self._open) >= HELD
            or self.is_due
        )

    def _run(self, capture: Capture) -> int:
        """Read one run; what is wrong with the capture ends it."""
        try:
            reading = capture.reading or self._begin(capture)
            frames = self._insist(lambda: self._worker.read(reading))
        except (CaptureError, SensorError, OSError) as error:
            self._refuse(capture, error)
            return 0
        capture.frames += frames
        if capture.stream is not None and not capture.is_stream:
            capture.done = capture.stream.tell()
        self._report_damage(capture, reading)
        return frames

    def _begin(self, capture: Capture) -> Reading:
        self._open[capture] = None
        stream = capture.stream or capture.open()
        if stream is capture.stream:
            stream.seek(0)
        try:
            reading = self._worker.open(
                stream,
                capture.name,
                following=capture.following,
                interface=capture.interface,
                is_stream=capture.is_stream,
            )
        except BaseException:
            capture.stream = None
            stream.close()
            raise
        capture.stream, capture.reading = stream, reading
        return reading

    def _note_overtaken(self, error: Overtaken) -> None:
        LOG.info("overtaken", extra={"fields": {"reason": str(error), "frames": self._worker.gathered}})
        self._begin_again()

    def _begin_again(self) -> None:
        """Read again what was not committed, on top of what another worker has."""
        lost = [capture for capture in self._open if capture.is_stream and capture.reading is not None]
        if lost:
            raise LedgerError(
                f"{lost[0].name}: another worker took the same bytes at the same time; the last "
                f"{self._worker.gathered} frames are not in the ledger: feed them again"
            )
        self._insist(self._worker.start_over)
        for capture in self._open:
            if not capture.following:
                self._release(capture)
            capture.reading, capture.frames, capture.said = None, 0, 0
        for capture in [one for one in self._open if one.is_ended and one.refusal is None]:
            capture.is_ended = False
            self._read_out(capture)
            capture.is_ended = True

    def _read_out(self, capture: Capture) -> None:
        """Read what there is, and take its end for the end."""
        while self._run(capture):
            pass
        if capture.reading is not None and capture.refusal is None:
            capture.reading.reader.finish()
            while self._run(capture):
                pass

    def _insist(self, action: Callable[[], Result]) -> Result:
        """Do something to the ledger; wait as long as it has no room, if that is how it was asked."""
        waiting_since = reminded = 0.0
        while True:
            try:
                result = action()
            except (Overtaken, CaptureError, SensorError):
                raise
            except LedgerError as error:
                if not self._patient or not _passes(error):
                    raise
                now = time.monotonic()
                if not waiting_since or now - reminded >= REMIND:
                    reminded = now
                    LOG.warning("waiting", extra={"fields": {"reason": str(error)}})
                waiting_since = waiting_since or now
                if self._stop.wait(RETRY):
                    raise
            else:
                if waiting_since:
                    seconds = round(time.monotonic() - waiting_since)
                    LOG.warning("going on", extra={"fields": {"waited_seconds": seconds}})
                return result

    def _refuse(self, capture: Capture, error: Exception) -> None:
        capture.is_ended = True
        capture.refusal = error
        self._open[capture] = None
        if isinstance(error, UnknownFormat) and not capture.was_named:
            return
        reason = str(error) if not isinstance(error, OSError) else error.strerror or str(error)
        self._report(Problem(capture.name, None, reason.removeprefix(f"{capture.name}: ")))

    def _report_damage(self, capture: Capture, reading: Reading) -> None:
        damage = reading.reader.damage
        for one in damage[capture.said :]:
            if one.offset > capture.said_to:
                self._report(Problem(capture.name, one.offset, one.reason))
                capture.said_to = one.offset
        capture.said = len(damage)

    def _report(self, problem: Problem) -> None:
        self.summary.problems.append(problem)
        problem.log()

    def _count(self, capture: Capture) -> None:
        reading = capture.reading
        if isinstance(capture.refusal, UnknownFormat) and not capture.was_named:
            outcome = Outcome.PASSED_OVER
        elif capture.refusal is not None:
            outcome = Outcome.REFUSED
        elif capture.frames:
            outcome = Outcome.READ
        elif reading is not None and reading.earlier:
            outcome = Outcome.KNOWN
        else:
            outcome = Outcome.EMPTY
        self.summary.captures[outcome] += 1
        self.summary.damaged += capture.said_to >= 0
        fields = {"capture": capture.name, "outcome": outcome.value, "frames": capture.frames}
        LOG.debug("capture", extra={"fields": fields})

    def _note(self, committed: Committed) -> None:
        summary = self.summary
        summary.version = committed.version
        summary.frames += committed.frames
        summary.flows += committed.flows
        for fate, frames in committed.fates.items():
            summary.fates[fate] = summary.fates.get(fate, 0) + frames
        fields = {"version": committed.version, "frames": committed.frames, "flows": committed.flows}
        if lost := self._worker.ledger.lost - self._lost:  # tries that others came before
            fields["lost"] = lost
            self._lost += lost
        LOG.info("committed", extra={"fields": fields})

    @staticmethod
    def _release(capture: Capture) -> None:
        if capture.stream is None:
            return
        if capture.reading is not None:
            capture.reading.reader.close()
        capture.stream.close()
        capture.stream = None


def _passes(error: LedgerError) -> bool:
    """Whether waiting may help."""
    if isinstance(error, (Away, DiskLow)):
        return True
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno is not None:
        return cause.errno in NO_ROOM
    told = re.search(r"\(os error (\d+)\)", str(error))
    return told is not None and int(told[1]) in NO_ROOM
