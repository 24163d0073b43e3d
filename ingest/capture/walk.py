"""What the two formats have in common: walking over the complete records of a stretch of bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from darkscope.ingest.capture.frames import Damage, Frames, Interface

LONGEST_RECORD = 64 << 20
"""Bytes of a record, beyond which it is damage: it is no packet, and would have to fit in memory."""

MOST_INTERFACES = 1 << 18
"""Interfaces of one capture, beyond which it is damage."""

MOST_DAMAGE = 1000
"""Places of one capture that may be damaged before it is given up: a list of them has to fit in memory."""


@dataclass(slots=True)
class Findings:
    """What a capture says beside its frames, and what could not be read."""

    interfaces: list[Interface] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)
    dropped: dict[int, int] = field(default_factory=dict)  # interface -> packets that the capturing side lost
    lost: bool = False  # nothing can be read beyond the last damage

    def damaged(self, offset: int, reason: str) -> None:
        """Note a record that could not be read; the next one can."""
        self.damage.append(Damage(offset, reason))
        if len(self.damage) >= MOST_DAMAGE:
            self.stop(offset, f"given up after {MOST_DAMAGE} damaged records")

    def stop(self, offset: int, reason: str) -> None:
        """Note a place beyond which nothing can be read."""
        self.damage.append(Damage(offset, reason))
        self.lost = True


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the frames of one run go; one entry a frame, as `Frames` has them."""

    offset: npt.NDArray[np.int64]
    captured: npt.NDArray[np.int64]
    wire: npt.NDArray[np.int64]
    time: npt.NDArray[np.int64]
    interface: npt.NDArray[np.int32]

    @classmethod
    def of(cls, length: int) -> Columns:
        """Columns for at most so many frames, uninitialised."""
        offset, captured, wire, time = (np.empty(length, np.int64) for _ in range(4))
        return cls(offset, captured, wire, time, np.empty(length, np.int32))

    def frames(self, buffer: npt.NDArray[np.uint8], base: int, count: int) -> Frames:
        """Return the first `count` of them, which lie in `buffer`; its first is the capture's byte `base`."""
        return Frames(
            buffer,
            self.offset[:count],
            self.captured[:count],
            self.wire[:count],
            self.time[:count],
            self.interface[:count],
            base,
        )


class Walked(NamedTuple):
    """How far a walk came."""

    frames: int  # put into the columns
    end: int  # of the last complete record, frame or not
    waiting: int  # bytes of the complete frame record there, for which the columns had no room; 0 for none


class Walker(Protocol):
    """One capture's format and what it has to remember between stretches of bytes."""

    def walk(
        self, buffer: npt.NDArray[np.uint8], start: int, end: int, base: int, columns: Columns
    ) -> Walked:
        """Walk over the complete records in buffer[start:end]; buffer[0] is the capture's byte `base`.

        Ends at an incomplete record, at a frame for which there is no room, or where framing is lost.
        """
