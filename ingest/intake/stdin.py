"""A stream of packets that comes once: standard input, a named pipe.

What is gathered is committed in time although nothing more comes. A stream cannot be read again: what a crash can
lose is what was not committed, `ingest.batch_seconds` of it at most.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import select
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO, cast

from darkscope.ingest.intake.session import Capture, Session
from darkscope.ingest.intake.stop import Stop

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PIPE = 1 << 20
"""Bytes of a pipe's buffer: Linux gives so much to anybody. Small ones make many short runs, which are slow."""

HOUR = 3600.0
"""Seconds of one wait for bytes that have to come."""

LAST_SECONDS = 1.0
"""Seconds that are read on when the end is asked for: what the writer has sent, but not all it ever will."""


class Pipe(io.RawIOBase):
    """Bytes of a descriptor as far as they are there: no byte means none for now, until `is_over`.

    While it `waits`, no byte means that the end of all was asked for: to find where an earlier reading of the same
    bytes ended, they have to come.
    """

    def __init__(self, descriptor: int, stop: Stop) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._stop = stop
        self.waits = True
        self.is_over = False
        with contextlib.suppress(OSError):  # a file, a terminal, or more than a user may have
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE)

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Put in what is there, and say how many bytes."""
        is_there = self._is_there()
        while (
            not self.is_over and self.waits and not is_there and not self._stop.wait(HOUR, self._descriptor)
        ):
            is_there = self._is_there()
        if self.is_over or not is_there:
            return 0
        size = os.readv(self._descriptor, [buffer])
        self.is_over = not size
        return size

    def _is_there(self) -> bool:
        return bool(select.select([self._descriptor], [], [], 0)[0])


class Stream:
    """The feed of one stream; see `daemon.Feed`."""

    def __init__(self, descriptor: int, name: str, stop: Stop) -> None:
        self.descriptors: Sequence[int] = (descriptor,)
        self._pipe = Pipe(descriptor, stop)
        self._capture = Capture(name, lambda: cast("BinaryIO", self._pipe), following=True, is_stream=True)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come, or can be read."""
        return self._capture.is_ended

    def turn(self, session: Session) -> bool:
        """Read what is there."""
        was_there = session.read(self._capture) > 0
        reading = self._capture.reading
        self._pipe.waits = reading is None or not reading.digest
        if not was_there and (self._pipe.is_over or self._capture.refusal is not None):
            session.close(self._capture)
        return was_there

    def end(self, session: Session) -> None:
        """Read what was sent."""
        until = time.monotonic() + LAST_SECONDS
        while not self.is_over and time.monotonic() < until and self.turn(session):
            pass
