"""A folder that is watched for captures, as long as the daemon runs.

New captures are read, growing ones followed. A capture is complete when it has not grown for a while, or when a newer
one lies beside it and it rests; what becomes of it then waits until the ledger has all of it. What is deleted or
replaced while it is read is read to its end all the same.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from darkscope.ingest.capture.frames import NO_TIME
from darkscope.ingest.capture.peek import first_time
from darkscope.ingest.capture.reader import CaptureError
from darkscope.ingest.intake.daemon import POLL
from darkscope.ingest.intake.files import files_below
from darkscope.ingest.intake.session import Capture, Session

LOG = logging.getLogger("darkscope.ingest.intake")

RUNS = 16
"""Runs that a growing capture is read for at a time: one that never ends must not starve the others."""

RESTS = 2
"""Looks at which a capture must not have grown, before a newer one beside it makes it complete."""

EASE = 20
"""Times as long as a look at the folder took that the next one waits: large folders cost 5 % of a core at most."""

TRY_AGAIN = 60.0
"""Seconds after which a capture that could not be opened is tried again."""

TOLD = 64
"""Bytes of a file after which it is known whether it is a capture."""

Done = Literal["stay", "move", "delete"]


@dataclass(frozen=True, slots=True)
class Policy:
    """When a capture is complete and what becomes of it."""

    settle: float  # seconds without growth; 0: only a newer capture completes it
    done: Done = "stay"
    done_folder: Path = Path("done")


@dataclass(eq=False, slots=True)
class Entry:
    """One file as it was when it was last looked at."""

    path: Path
    place: tuple[int, int]  # device and inode
    size: int
    changed: int  # time of its last change, by the file system
    grown: float  # when it grew last, as far as its age tells, monotonic
    seen: float  # when it was first seen, or last seen to grow, monotonic
    rests: int = 0  # looks since then
    capture: Capture | None = None
    tried: float = 0.0  # when it was opened last, monotonic
    is_over: bool = False  # growth adds nothing: it is no capture, or damaged beyond reading on
    has_come_back: bool = False  # it grew after it was thought complete


class Spool:
    """One watched folder. `interface` names the live interface whose private spool it is."""

    is_over = False
    descriptors: Sequence[int] = ()

    def __init__(self, folder: Path, policy: Policy, *, interface: str | None = None) -> None:
        self._folder = folder
        self._policy = policy
        self._interface = interface
        self._entries: dict[str, Entry] = {}
        self._active: dict[Entry, None] = {}  # to be read, in their order
        self._safe: list[Entry] = []  # complete in the ledger, still to be moved or deleted
        self._newest: dict[str, int] = {}  # time of the last change of any capture, by folder
        self._next_look = 0.0
        self._fault = ""

    def turn(self, session: Session) -> bool:
        """Look at the folder when it is time, and read what there is."""
        now = time.monotonic()
        if now >= self._next_look:
            self._look(session, now)
            self._next_look = now + max(POLL, EASE * (time.monotonic() - now))
        was_busy = False
        for entry in list(self._active):
            if session.is_stopping:
                break
            was_busy |= self._read(entry, session)
        self._clear_away()
        return was_busy

    def end(self, session: Session) -> None:
        """Read what came since the last look, but wait for nothing."""
        for entry in list(self._active):
            if entry.capture is not None:
                session.read(entry.capture)

    def finish(self, session: Session) -> None:
        """Read to the end what is there: nobody writes any more."""
        self._look(session, time.monotonic())
        for entry in list(self._active):
            self._complete(entry, session)
        session.commit()
        self._clear_away()

    def _look(self, session: Session, now: float) -> None:
        """Find what is new, has grown, was replaced or is gone."""
        files = self._files()
        if files is None:
            return
        missing = dict(self._entries)
        new = []
        self._newest.clear()
        for name, status in files:
            folder = name.rpartition("/")[0]
            self._newest[folder] = max(self._newest.get(folder, 0), status.st_mtime_ns)
            entry = missing.pop(name, None)
            place = status.st_dev, status.st_ino
            if entry is not None and (place != entry.place or status.st_size < entry.size):
                self._leave(entry, session)
                entry = None
            if entry is None:
                age = time.time() - status.st_mtime
                grown = now - self._policy.settle if age >= self._policy.settle else now
                entry = Entry(Path(name), place, status.st_size, status.st_mtime_ns, grown, now)
                self._entries[name] = entry
                new.append(entry)
            elif (status.st_size, status.st_mtime_ns) != (entry.size, entry.changed):
                entry.size, entry.changed = status.st_size, status.st_mtime_ns
                entry.grown = entry.seen = now
                entry.rests = 0
                self._wake(entry)
            else:
                entry.rests += 1
                if isinstance(self._refusal(entry), OSError) and now - entry.tried >= TRY_AGAIN:
                    self._wake(entry)
        for entry in missing.values():
            self._leave(entry, session)
            del self._entries[str(entry.path)]
        for entry in sorted(new, key=_order) if len(new) > 1 else new:
            self._active[entry] = None

    def _files(self) -> list[tuple[str, os.stat_result]] | None:
        """All files with their state; None where not all of them can be seen."""
        done = str(self._policy.done_folder.absolute()) if self._policy.done == "move" else ""
        try:
            files = list(files_below(str(self._folder), without=done))
        except OSError as error:
            self._say(f"{error.filename or self._folder}: {error.strerror}")
            return None
        self._fault = ""
        return files

    def _say(self, fault: str) -> None:
        if fault != self._fault:
            self._fault = fault
            LOG.warning("spool", extra={"fields": {"reason": fault}})

    def _read(self, entry: Entry, session: Session) -> bool:
        """Read from one capture; whether there was anything."""
        capture = entry.capture or self._open(entry)
        runs = 0
        while runs < RUNS and not session.is_stopping and session.read(capture):
            runs += 1
        if runs < RUNS and not session.is_stopping and (capture.is_ended or self._is_complete(entry)):
            self._complete(entry, session)
        return runs > 0

    def _open(self, entry: Entry) -> Capture:
        def open_it() -> BinaryIO:
            return entry.path.open("rb", buffering=0)

        entry.tried = time.monotonic()
        entry.capture = Capture(
            str(entry.path), open_it, following=True, interface=self._interface, was_named=False
        )
        return entry.capture

    def _is_complete(self, entry: Entry) -> bool:
        settled = self._policy.settle > 0 and time.monotonic() - entry.grown >= self._policy.settle
        if not settled and (
            entry.has_come_back
            or entry.rests < RESTS
            or self._newest.get(str(entry.path.parent), 0) <= entry.changed
        ):
            return False
        stream = entry.capture.stream if entry.capture is not None else None
        return stream is None or not _has_writer(stream.fileno())

    def _complete(self, entry: Entry, session: Session) -> None:
        capture = entry.capture or self._open(entry)
        is_damaged = capture.reading is not None and capture.reading.reader.ended
        session.close(capture)
        may_change = isinstance(capture.refusal, OSError) or entry.size < TOLD
        entry.is_over = is_damaged or (capture.refusal is not None and not may_change)
        self._active.pop(entry, None)
        if self._policy.done != "stay" and capture.refusal is None:
            self._safe.append(entry)

    def _leave(self, entry: Entry, session: Session) -> None:
        """Read to its end what the folder no longer has."""
        if entry in self._safe:
            self._safe.remove(entry)
        if entry not in self._active:
            return
        if entry.capture is None:
            LOG.warning(
                "gone", extra={"fields": {"capture": str(entry.path), "reason": "deleted before it was read"}}
            )
            del self._active[entry]
        else:
            self._complete(entry, session)
            if entry in self._safe:
                self._safe.remove(entry)

    def _wake(self, entry: Entry) -> None:
        """Read on a capture that was complete."""
        if entry in self._active or entry.is_over:
            return
        if entry in self._safe:
            self._safe.remove(entry)
        entry.capture = None
        entry.has_come_back = True
        self._active[entry] = None

    def _clear_away(self) -> None:
        """Move or delete what the ledger has, once it rests."""
        now = time.monotonic()
        ready = [
            entry
            for entry in self._safe
            if entry.capture is not None
            and entry.capture.is_safe
            and now - entry.seen >= self._policy.settle  # its age may be the clock's mistake
        ]
        if not ready:
            return
        for entry in ready:
            self._safe.remove(entry)
            try:
                status = entry.path.stat()
                if ((status.st_dev, status.st_ino), status.st_size) != (entry.place, entry.size):
                    continue  # the next look will see
                self._put_away(entry.path)
            except FileNotFoundError:
                continue
            except OSError as error:
                fields = {"capture": str(entry.path), "reason": f"cannot {self._policy.done}: {error}"}
                LOG.warning("stays", extra={"fields": fields})
            else:
                LOG.debug(self._policy.done, extra={"fields": {"capture": str(entry.path)}})
                self._entries.pop(str(entry.path), None)

    def _put_away(self, path: Path) -> None:
        if self._policy.done == "delete":
            path.unlink()
            return
        target = self._policy.done_folder / path.relative_to(self._folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        number = 0
        free = target
        while free.exists():
            number += 1
            free = target.with_name(f"{target.name}.{number}")
        shutil.move(path, free)

    @staticmethod
    def _refusal(entry: Entry) -> Exception | None:
        return entry.capture.refusal if entry.capture is not None else None


def _order(entry: Entry) -> tuple[int, str]:
    """By the time of the first frame, then by name; captures without one first."""
    try:
        time = first_time(entry.path)
    except (OSError, CaptureError):
        time = None
    return NO_TIME if time is None else time, str(entry.path)


def _has_writer(descriptor: int) -> bool:
    """Whether some process has the file open for writing, as far as the system tells.

    A read lease is refused where one has (fcntl(2), Linux). Only a file's owner and root may ask; where one may not,
    the answer is no.
    """
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)  # SIGIO would end the process
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
