"""A prefix of a bucket that is watched for captures, as long as the daemon runs.

Objects come whole and do not grow: each is read once, by the time of its first frame. One that is replaced is a new
capture. What cannot be read for now is tried again. Deleted, where asked for, is only what the ledger has all of.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from darkscope.ingest.capture.frames import NO_TIME
from darkscope.ingest.capture.peek import beginning
from darkscope.ingest.capture.reader import CaptureError
from darkscope.ingest.far import NoObjectStorageError
from darkscope.ingest.intake.bucket import Bucket, Object
from darkscope.ingest.intake.session import Capture, Session
from darkscope.ingest.intake.spool import RUNS, TRY_AGAIN, Done
from darkscope.ingest.intake.stored import CONNECTIONS, IntakeError
from darkscope.ingest.objects import Objects, split
from darkscope.ingest.settings import Storage

LOG = logging.getLogger("darkscope.ingest.intake")

LOOK = 10.0
"""Seconds between two listings: a request each for every thousand objects that stay."""


@dataclass(eq=False, slots=True)
class _Read:
    """A capture that is read, or was."""

    object: Object
    capture: Capture


class Prefix:
    """The feed of one prefix; see `daemon.Feed`. `deletes` what the ledger has all of."""

    is_over = False
    descriptors: Sequence[int] = ()

    def __init__(self, bucket: Bucket, prefix: str, *, deletes: bool) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._deletes = deletes
        self._known: dict[str, str] = {}  # tags by key, of what was read or waits for it
        self._waiting: deque[_Read] = deque()
        self._safe: list[_Read] = []  # read to the end, still to be deleted
        self._again: dict[str, float] = {}  # when to try once more, monotonic, by key
        self._next_look = 0.0
        self._fault = ""

    @classmethod
    def of(cls, address: str, storage: Storage | None, done: Done) -> Prefix:
        """The feed of an address; what becomes of captures that the ledger has. Raises IntakeError."""
        if done == "move":
            raise IntakeError(
                f'{address}: ingest.done = "move" is of files: objects stay, or "delete" deletes them'
            )
        try:
            place, key = split(address)
            bucket = Bucket(Objects(place, storage))
            next(bucket.objects.below(key), None)
        except NoObjectStorageError as error:
            raise IntakeError(str(error)) from None
        except OSError as error:
            raise IntakeError(f"{error.filename}: {error.strerror}") from error
        return cls(bucket, key, deletes=done == "delete")

    def turn(self, session: Session) -> bool:
        """List when it is time, and read what there is."""
        now = time.monotonic()
        if not self._waiting and now >= self._next_look:
            self._look(now)
            self._next_look = time.monotonic() + LOOK
        runs = 0
        while self._waiting and runs < RUNS and not session.is_stopping:
            one = self._waiting[0]
            if session.read(one.capture):
                runs += 1
            else:
                self._finish(self._waiting.popleft(), session)
        self._clear_away()
        return runs > 0 or bool(self._waiting)

    def end(self, session: Session) -> None:
        """What is left is read on by the next start."""

    def _look(self, now: float) -> None:
        try:
            found = self._bucket.below(self._prefix) or []
        except OSError as error:
            self._say(f"{error.filename}: {error.strerror}")
            return
        self._fault = ""
        there = {one.listed.key for one in found}
        self._known = {key: tag for key, tag in self._known.items() if key in there}
        self._again = {key: when for key, when in self._again.items() if key in there}
        new = [
            one
            for one in found
            if self._known.get(one.listed.key) != one.listed.tag
            or self._again.get(one.listed.key, now + 1) <= now
        ]
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            times = list(pool.map(_time, new))
        for _, _, one in sorted(
            zip(times, (one.name for one in new), new, strict=True), key=lambda row: row[:2]
        ):
            self._known[one.listed.key] = one.listed.tag
            self._again.pop(one.listed.key, None)
            self._waiting.append(_Read(one, Capture(one.name, one.open, was_named=False)))

    def _finish(self, one: _Read, session: Session) -> None:
        session.close(one.capture)
        if isinstance(one.capture.refusal, OSError):
            self._again[one.object.listed.key] = time.monotonic() + TRY_AGAIN
        elif self._deletes and one.capture.refusal is None:
            self._safe.append(one)

    def _clear_away(self) -> None:
        """Delete what the ledger has, unless it is another object by now."""
        ready = [one for one in self._safe if one.capture.is_safe]
        self._safe = [one for one in self._safe if not one.capture.is_safe]
        for one in ready:
            try:
                now = self._bucket.look(one.object.listed.key)
                if now is not None and now.listed.tag == one.object.listed.tag:
                    self._bucket.objects.delete(one.object.listed.key)
            except OSError as error:
                fields = {"capture": one.object.name, "reason": f"cannot delete: {error.strerror}"}
                LOG.warning("stays", extra={"fields": fields})

    def _say(self, fault: str) -> None:
        if fault != self._fault:
            self._fault = fault
            LOG.warning("spool", extra={"fields": {"reason": fault}})


def _time(one: Object) -> int:
    """The time of its first frame; captures without one come first."""
    try:
        with one.peek() as stream:
            return beginning(stream, one.name).time
    except (OSError, CaptureError):
        return NO_TIME
