"""Decode runs of frames: the compiled kernel first, the dpkt reference for what it leaves undecided.

Every frame gets an outcome; link types that nobody here reads are counted by their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from darkscope.ingest.capture.frames import Frames, Interface
from darkscope.ingest.decode import kernel
from darkscope.ingest.decode.columns import (
    DECODED,
    LINK_TYPE,
    REASONS,
    UNDECIDED,
    Packets,
    empty,
)
from darkscope.ingest.decode.links import LINKS
from darkscope.ingest.decode.reference import Reading, read

_NAMES = tuple(field.name for field in fields(Packets))
_READ_AS_THEY_ARE = tuple(name for name in _NAMES if name in Reading.__dataclass_fields__)
_LOW_64 = (1 << 64) - 1


class Decoder:
    """Decodes one run after another; not to be shared between threads."""

    def __init__(self) -> None:
        self.unknown_link_types: dict[int, int] = {}
        """Frames of link types that nobody reads, by LINKTYPE_ number, since the start."""
        self._columns = empty(0)

    def decode(self, frames: Frames, interfaces: Sequence[Interface]) -> Packets:
        """One entry for each frame; valid until the next call, which writes into the same arrays.

        Raises ValueError where a frame does not lie in the buffer or names an interface that is not there.
        """
        kinds = np.array([_kind(interface.link_type) for interface in interfaces], np.int32)
        packets = self._room(len(frames))
        columns = [getattr(packets, name) for name in _NAMES]
        undecided = kernel.decode(
            frames.buffer, frames.offset, frames.captured, frames.interface, kinds, *columns
        )
        if undecided < 0:
            raise ValueError(f"frame {-1 - undecided} of the run leaves its buffer or names no interface")
        if undecided:
            self._refer(frames, interfaces, packets)
        if kernel.UNKNOWN in kinds:
            self._count_unknown(frames, interfaces, packets)
        return packets

    def _room(self, length: int) -> Packets:
        if len(self._columns) < length:
            self._columns = empty(length)
        return Packets(**{name: getattr(self._columns, name)[:length] for name in _NAMES})

    def _refer(self, frames: Frames, interfaces: Sequence[Interface], packets: Packets) -> None:
        for i in np.flatnonzero(packets.outcome == UNDECIDED).tolist():
            start = int(frames.offset[i])
            frame = frames.buffer[start : start + int(frames.captured[i])].tobytes()
            enter(packets, i, read(frame, interfaces[int(frames.interface[i])].link_type))

    def _count_unknown(self, frames: Frames, interfaces: Sequence[Interface], packets: Packets) -> None:
        counts = np.bincount(frames.interface[packets.outcome == LINK_TYPE], minlength=len(interfaces))
        for interface, count in zip(interfaces, counts.tolist(), strict=True):
            if count:
                before = self.unknown_link_types.get(interface.link_type, 0)
                self.unknown_link_types[interface.link_type] = before + count


def enter(packets: Packets, i: int, reading: Reading) -> None:
    """Write what the reference read into entry `i` of the columns."""
    packets.outcome[i] = DECODED if reading.rejected is None else 1 + REASONS.index(reading.rejected)
    packets.source_high[i] = reading.source >> 64
    packets.source_low[i] = reading.source & _LOW_64
    packets.target_high[i] = reading.target >> 64
    packets.target_low[i] = reading.target & _LOW_64
    for name in _READ_AS_THEY_ARE:
        getattr(packets, name)[i] = getattr(reading, name)


def _kind(link_type: int) -> int:
    return kernel.KINDS.get(link_type, kernel.OTHER if link_type in LINKS else kernel.UNKNOWN)
