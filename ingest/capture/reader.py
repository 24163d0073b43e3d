"""Read one capture from a stream of bytes: runs of frames out, and all that could not be read beside them.

The format is told by content: pcap or pcapng, plain or within gzip, zstd, bzip2 or xz. Memory is bounded: one
buffer of the size asked for, more only for a record that needs it. A reader can follow a file that grows, and
begin where an earlier reading of the same bytes ended. What a frame holds is not its business.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import BinaryIO

import numpy as np
from blake3 import blake3

from darkscope.ingest.capture import pcap, pcapng
from darkscope.ingest.capture.frames import NO_TIME, Damage, Frames, Interface
from darkscope.ingest.capture.unpack import NO_FILE, Unpacked
from darkscope.ingest.capture.walk import Columns, Findings, Walked, Walker

BYTES_A_FRAME = 64
"""Bytes of a record that size a run's columns: shorter records make a run end before the buffer does."""

LONGEST_RUN = 1 << 17
"""Frames of a run at most, also where a long record has made the buffer grow."""

SMALLEST_RECORD = 16
"""Bytes of a frame's record at least, in either format."""

SMALLEST_CHUNK = 64
"""Bytes of the buffer that recognising a format needs."""

KNOWN_OTHERS = {
    b"snoop\0\0\0": "a snoop file",
    b"RTSS": "a Network Monitor 1 file",
    b"GMBU": "a Network Monitor 2 file",
    b"PK\x03\x04": "a zip archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x04\x22\x4d\x18": "LZ4 data",
    b"\x1f\x9d": "compress data",
}
"""What is met in folders of captures and not read, by magic."""


class CaptureError(Exception):
    """A capture that cannot be read at all, or not as asked; says which and where."""


class UnknownFormat(CaptureError):
    """A stream that holds no capture."""

    def __init__(self, name: str, offset: int, seen: str) -> None:
        super().__init__(f"{name}: no pcap or pcapng at byte {offset}: {seen}")
        self.name = name
        self.offset = offset  # decompressed bytes from the start
        self.seen = seen


class CaptureReader:
    """Read one capture from a stream of bytes, resumable, by content.

    `stream` needs `read` alone, and `seek` only where `resume` has to go back; it is closed with the reader.
    `name` is for messages. A `following` reader takes an end for the end so far. Methods that read raise
    `UnknownFormat` where the stream holds no capture, and whatever the stream raises.
    """

    def __init__(self, stream: BinaryIO, name: str, *, following: bool = False, chunk: int = 8 << 20) -> None:
        self.name = name
        self._stream = stream
        self._following = following
        self._buffer = np.empty(max(chunk, SMALLEST_CHUNK), np.uint8)
        self.fitting: set[tuple[int, str]] = set()
        """Of the readings that `resume` was told of, those that this capture continues."""
        self.unreached: set[tuple[int, str]] = set()
        """And those that end beyond its end: whether they are of the same bytes, nobody can tell."""
        self._start_over()

    def _start_over(self) -> None:
        self._unpacked = Unpacked(self._stream, following=self._following)
        self._findings = Findings()
        self._walker: Walker | None = None
        self._hash = blake3()
        self._base = 0  # the capture's byte that is the buffer's first
        self._start = 0  # of what is still to be read, in the buffer
        self._end = 0
        self._over = False
        self._front = 0  # reach before the first frame; known with the head
        self.head = ""
        """BLAKE3 (hex) of the decompressed bytes to the end of the first frame's record; empty until then."""
        self.first = NO_TIME
        """Time of the first frame, nanoseconds since 1970; known with the head."""

    @property
    def interfaces(self) -> list[Interface]:
        """Interfaces met so far; frames say theirs by its index."""
        return self._findings.interfaces

    @property
    def damage(self) -> list[Damage]:
        """What could not be read so far, in the order it was met."""
        return self._findings.damage

    @property
    def dropped(self) -> dict[int, int]:
        """Packets that the capturing side lost, by interface, as the capture last said."""
        return self._findings.dropped

    @property
    def reach(self) -> int:
        """Decompressed bytes to the end of the last record that was handed out or passed over."""
        return self._base + self._start

    def digest(self) -> str:
        """BLAKE3 (hex) of the decompressed bytes up to `reach`."""
        return self._hash.hexdigest()

    def open_head(self) -> str:
        """Read as far as `head` needs, hand nothing out, and return it; empty where there is no frame."""
        while not self.head and not self._over:
            if self._walker is None:
                self._walker = self._recognise()
            walked = self._walk(self._end, Columns.of(0))
            if self._walker is not None and walked.waiting:
                self._look_at_first(self._walker, walked.end + walked.waiting)
            elif self._over or not self._fill():
                break
        return self.head

    def resume(self, known: Iterable[tuple[int, str]]) -> int:
        """Go behind the longest earlier reading that this capture continues, and return its reach.

        `known` are `reach` and `digest` of earlier readings that have this `head`. Where none fits, the
        reader stands at the first frame and the answer is 0; `fitting` and `unreached` tell which do not and
        why. To be called before the first `read`; called once more, it begins at the first frame. A reading
        that does not fit makes it go back: a stream that cannot seek raises `CaptureError` then.
        """
        self.open_head()
        if self.head and self.reach != self._front:
            self._go_back()
            self.open_head()
        first = self.reach
        digests: dict[int, set[str]] = {}
        self.fitting, self.unreached = set(), set()
        for reach, digest in known:
            if reach > first:
                digests.setdefault(reach, set()).add(digest)
            else:
                self.fitting.add((reach, digest))
        found = 0
        for reach in sorted(digests):
            if self._skip_to(reach) and self.digest() in digests[reach]:
                found = reach
                self.fitting.add((reach, self.digest()))
            if self._over and self.reach < reach:
                self.unreached.update((reach, digest) for digest in digests[reach])
        if self.reach != (found or first):
            self._go_back()
            self.open_head()
            if found and not self._skip_to(found):
                raise CaptureError(f"{self.name}: changed while it was read")
        return found

    def read(self) -> Frames | None:
        """Return the next frames, at least one; None at the end (for now, where the reader follows)."""
        if not self.open_head():
            return None
        while not self._over:
            columns = self._room()
            walked = self._walk(self._end, columns)
            if walked.frames:
                return columns.frames(self._buffer, self._base, walked.frames)
            if self._over or not self._fill():
                break
        return None

    def finish(self) -> None:
        """Follow no further: the stream is complete, and a record that is not is damage to `read`."""
        self._following = False
        self._unpacked.finish()

    @property
    def follows(self) -> bool:
        """Whether more may come than there is now."""
        return self._following and not self._over and bool(len(self._buffer))

    @property
    def ended(self) -> bool:
        """Whether nothing can come any more, even where the reader follows."""
        return self._over

    def close(self) -> None:
        """Close the stream and give the buffer back."""
        self._stream.close()
        self._buffer = np.empty(0, np.uint8)

    def _room(self) -> Columns:
        """Columns for what is in the buffer, or for as much of it as a run may hold."""
        there = (self._end - self._start) // SMALLEST_RECORD + 1
        return Columns.of(min(there, LONGEST_RUN, max(1, len(self._buffer) // BYTES_A_FRAME)))

    def _walk(self, end: int, columns: Columns) -> Walked:
        """Walk to `end` in the buffer, and take what was walked over."""
        if self._walker is None:
            return Walked(0, self._start, 0)
        walked = self._walker.walk(self._buffer, self._start, end, self._base, columns)
        self._take(walked.end)
        if self._findings.lost:
            self._over = True
            self._say_what_is_lost()
        return walked

    def _look_at_first(self, walker: Walker, end: int) -> None:
        """Tell head and time from the first frame's record, which ends there, and leave it unread."""
        head = self._hash.copy()
        head.update(self._buffer.data[self._start : end])
        self.head = head.hexdigest()
        self._front = self.reach
        one = Columns.of(1)
        walker.walk(self._buffer, self._start, end, self._base, one)
        self.first = int(one.time[0])

    def _say_what_is_lost(self) -> None:
        """Complete the last damage, beyond which nothing is read."""
        last = self._findings.damage[-1]
        size = None if self._following else self._unpacked.size()
        rest = "what follows" if size is None else f"{size - self.reach} bytes from byte {self.reach} on"
        self._findings.damage[-1] = Damage(last.offset, f"{last.reason}; {rest} not read")

    def _take(self, end: int) -> None:
        self._hash.update(self._buffer.data[self._start : end])
        self._start = end

    def _fill(self) -> bool:
        """Get more bytes; False where there are none, and the end is noted unless it is followed."""
        held = self._end - self._start
        if self._start:
            self._buffer[:held] = self._buffer[self._start : self._end]
            self._base += self._start
            self._start, self._end = 0, held
        elif held == len(self._buffer):
            longer = np.empty(2 * held, np.uint8)
            longer[:held] = self._buffer
            self._buffer = longer
        size = self._unpacked.readinto(self._buffer.data[self._end :])
        self._end += size
        if not size and (self._unpacked.failure or not self._following):
            self._finish(held)
        return size > 0

    def _finish(self, held: int) -> None:
        """Note why the stream ends here, if it should not."""
        self._over = True
        if self._unpacked.failure:
            self._findings.stop(self._base + self._end, self._unpacked.failure)
        elif self._walker is None and held < 4:
            raise UnknownFormat(self.name, 0, self._seen())
        elif held:
            what = "a record" if self._walker is not None else "the file header"
            self._findings.stop(self.reach, f"cut off {held} bytes into {what}")

    def _recognise(self) -> Walker | None:
        """Tell the format from the first bytes; None while they are too few."""
        begin = bytes(self._buffer[: min(self._end, 32)])
        sign = pcap.order(begin)
        if sign:
            size = pcap.VARIANTS[struct.unpack(sign + "I", begin[:4])[0]].file_header
            if len(begin) < size:
                return None
            self._take(size)
            return pcap.PcapWalker(begin[:size], self._findings)
        if begin[:4] == pcapng.MAGIC[: len(begin)]:
            if len(begin) < pcapng.HEADER:
                return None
            if begin[8:12] in pcapng.BYTE_ORDERS:
                return pcapng.PcapngWalker(self._findings)
        elif len(begin) < 4:
            return None
        raise UnknownFormat(self.name, 0, self._seen())

    def _seen(self) -> str:
        begin = bytes(self._buffer[: min(self._end, 8)])
        if not begin:
            return "it is empty"
        within = f" within {self._unpacked.kind}" if self._unpacked.kind else ""
        for magic, what in KNOWN_OTHERS.items():
            if begin.startswith(magic):
                return f"it is {what}{within}"
        return f"it begins with {begin.hex(' ')}{within}"

    def _skip_to(self, reach: int) -> bool:
        """Pass over the records up to that byte; False where none ends there."""
        while self.reach < reach and not self._over:
            limit = min(self._end, reach - self._base)
            before = self.reach
            self._walk(limit, self._room())
            if self.reach == before and (self._over or limit < self._end or not self._fill()):
                break
        return self.reach == reach

    def _go_back(self) -> None:
        try:
            self._stream.seek(0)
        except NO_FILE as error:
            raise CaptureError(
                f"{self.name}: cannot go back to where an earlier reading fits: {error}"
            ) from error
        self._start_over()
