"""What a capture reader hands on: runs of frames in one buffer, and what could not be read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

NO_TIME = np.iinfo(np.int64).min
"""Time of a frame whose capture gives none, or none that fits 64 bits of nanoseconds."""


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface of a capture, as the capture describes it."""

    link_type: int  # LINKTYPE_ number (tcpdump.org)
    name: str = ""  # empty where the capture names none


@dataclass(frozen=True, slots=True)
class Damage:
    """A place of a capture that could not be read."""

    offset: int  # decompressed bytes from the start
    reason: str


@dataclass(frozen=True, slots=True)
class Frames:
    """A run of complete frames. Arrays have one entry a frame; the buffer is valid until the next read."""

    buffer: npt.NDArray[np.uint8]
    offset: npt.NDArray[np.int64]  # of the frame's first byte in the buffer
    captured: npt.NDArray[np.int64]  # bytes of it that are there
    wire: npt.NDArray[np.int64]  # bytes it had on the wire
    time: npt.NDArray[np.int64]  # nanoseconds since 1970, or NO_TIME
    interface: npt.NDArray[np.int32]  # index into the reader's interfaces
    base: int = 0  # the capture's decompressed byte that is the buffer's first

    def __len__(self) -> int:
        return len(self.offset)
