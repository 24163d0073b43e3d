"""The time of a capture's first frame, cheaply: for putting files in order before they are read."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from darkscope.ingest.capture.frames import NO_TIME
from darkscope.ingest.capture.reader import CaptureReader

LITTLE = 1 << 16
"""Bytes that nearly always hold the first frame."""


def first_time(path: Path) -> int | None:
    """Return the time of the first frame, nanoseconds since 1970; None where there is none to be read.

    Raises UnknownFormat where the file holds no capture, OSError where it cannot be read.
    """
    with path.open("rb", buffering=0) as stream:
        return first_time_of(stream, str(path))


def first_time_of(stream: BinaryIO, name: str) -> int | None:
    """The same of a stream that stands at its first byte, whose errors it raises."""
    reader = CaptureReader(stream, name, chunk=LITTLE)
    if not reader.open_head() or reader.first == NO_TIME:
        return None
    return reader.first
