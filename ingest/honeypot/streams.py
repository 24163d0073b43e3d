"""The first data that a client sends over one TCP connection, put together from its segments.

Pure: segments in, bytes out. Segments may come in any order, overlap and repeat; of a byte that came several times the
first that was captured counts, as most receivers have it.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

LIMIT = 16 * 1024
"""Bytes of a connection that are read; requests, even those of exploits, are seldom longer."""

_ALONE, _A_PIECE = 1024, 128
"""Bytes that one takes without any data, and for each piece that lies apart."""

_HALF = 1 << 31
_SEQUENCES = 1 << 32


def distance(sequence: int, start: int) -> int:
    """How far a sequence number lies behind another, negative where before; they wrap at 2^32 (RFC 9293, 3.4)."""
    return (sequence - start + _HALF) % _SEQUENCES - _HALF


@dataclass(slots=True)
class FirstData:
    """What came of one connection so far."""

    start: int  # sequence number of the first byte
    buffer: bytearray = field(default_factory=bytearray)  # up to the last byte that came, gaps as zeros
    pieces: list[list[int]] = field(default_factory=list)  # start and end of what came, sorted, none touch
    end: int = LIMIT  # where the data end: the client said so, the sensor answered, or no more is read

    @property
    def held(self) -> int:
        """About how many bytes of memory it takes."""
        return _ALONE + len(self.buffer) + _A_PIECE * len(self.pieces)

    @property
    def length(self) -> int:
        """Bytes from the first one on, without a gap."""
        return min(self.pieces[0][1], self.end) if self.pieces and not self.pieces[0][0] else 0

    @property
    def is_complete(self) -> bool:
        """Whether all is there up to the end."""
        return self.length >= self.end

    @property
    def data(self) -> bytes:
        """The bytes from the first one on, without a gap."""
        return bytes(self.buffer[: self.length])

    def add(self, sequence: int, data: bytes) -> None:
        """Take a segment's bytes: those that are new, and that are to be read."""
        offset = distance(sequence, self.start)
        low, high = max(offset, 0), min(offset + len(data), LIMIT)
        if low >= high:
            return
        if len(self.buffer) < high:
            self.buffer.extend(bytes(high - len(self.buffer)))
        for start, end in self._gaps(low, high):
            self.buffer[start:end] = data[start - offset : end - offset]
        self._note(low, high)

    def end_at(self, sequence: int) -> None:
        """Take a sequence number for the first that is not of the data any more; of several the first in the data."""
        offset = distance(sequence, self.start)
        if offset > 0:
            self.end = min(self.end, offset)

    def _gaps(self, low: int, high: int) -> list[tuple[int, int]]:
        """What is not there yet between two places."""
        gaps = []
        for start, end in self.pieces[max(bisect_right(self.pieces, [low]) - 1, 0) :]:
            if start >= high:
                break
            if low < start:
                gaps.append((low, start))
            low = max(low, end)
        if low < high:
            gaps.append((low, high))
        return gaps

    def _note(self, low: int, high: int) -> None:
        """Note that everything between two places is there."""
        first = bisect_right(self.pieces, [low])
        if first and self.pieces[first - 1][1] >= low:
            first -= 1
        last = first
        while last < len(self.pieces) and self.pieces[last][0] <= high:
            low, high = min(low, self.pieces[last][0]), max(high, self.pieces[last][1])
            last += 1
        self.pieces[first:last] = [[low, high]]
