"""How a capture begins, cheaply: to put files in order, and the same ones together, before they are read."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, NamedTuple

from darkscope.ingest.capture.frames import NO_TIME
from darkscope.ingest.capture.reader import CaptureReader

LITTLE = 1 << 16
"""Bytes that nearly always hold the first frame."""


class Beginning(NamedTuple):
    """What a capture begins with."""

    time: int  # of the first frame, nanoseconds since 1970; NO_TIME where there is none to be read
    head: str  # see `CaptureReader.head`; empty where there is no frame


NOTHING = Beginning(NO_TIME, "")


def first_time(path: Path) -> int | None:
    """Return the time of the first frame, nanoseconds since 1970; None where there is none to be read.

    Raises UnknownFormat where the file holds no capture, OSError where it cannot be read.
    """
    with path.open("rb", buffering=0) as stream:
        time = beginning(stream, str(path)).time
    return None if time == NO_TIME else time


def beginning(stream: BinaryIO, name: str) -> Beginning:
    """What a stream that stands at its first byte begins with; its errors are raised, and UnknownFormat."""
    reader = CaptureReader(stream, name, chunk=LITTLE)
    head = reader.open_head()
    return Beginning(reader.first, head)
