"""Frames of a pcapng file (draft-ietf-opsawg-pcapng).

Packet blocks become frames, and blocks that hold none are passed over, in one compiled loop. It stops at
blocks that change what it has to know and at whatever is not as it should be: those are read here, and the
loop goes on behind them. Interfaces keep one numbering over all sections.

- A section's length is not believed: blocks are followed one by one, and a section begins with its header.
- A block whose length cannot be right loses what follows: nothing is guessed. A packet block that contradicts
  itself within its bounds costs only itself. A length that leaves out the padding is understood.
- A simple packet block has no time, and is cut at the snapshot length of the section's first interface.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from darkscope.ingest.capture.frames import NO_TIME, Interface
from darkscope.ingest.capture.walk import LONGEST_RECORD, MOST_INTERFACES, Columns, Findings, Walked
from darkscope.ingest.compiled import compiled

SECTION = 0x0A0D0D0A
INTERFACE, PACKET, SIMPLE_PACKET, STATISTICS, ENHANCED_PACKET = 1, 2, 3, 5, 6

MAGIC = SECTION.to_bytes(4, "big")
BYTE_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
HEADER = 12
"""Bytes of a block that are there in every one: type, length, and the length again at its end."""

SMALLEST = {SECTION: 28, INTERFACE: 20, PACKET: 32, SIMPLE_PACKET: 16, STATISTICS: 24, ENHANCED_PACKET: 32}
"""Bytes of the smallest block of a type; 12 of any other."""

IF_NAME, IF_TSRESOL, IF_TSOFFSET = 2, 9, 14
ISB_IFDROP, ISB_OSDROP = 5, 7

UNKNOWN_COUNT = 1 << 62
"""Packets that nobody ever lost: some writers say 2^64 - 1 for what they do not know."""

# Columns of a section's clocks, one row an interface: how ticks become nanoseconds.
PER_SECOND, MULTIPLIER, DIVISOR, BITS, OFFSET, PLAIN = range(6)
SECOND = 1_000_000_000
LAST_SECOND = (1 << 63) // SECOND - 1
"""Seconds from 1970 that fit 64 bits of nanoseconds whatever the fraction, either way."""


def clock(resolution: int, offset: int) -> list[int]:
    """One interface's clock from its if_tsresol byte and its if_tsoffset.

    Ticks are divided into seconds and a rest; the rest is multiplied and divided, or shifted by the bits of a
    binary resolution. Ticks below PLAIN are only multiplied.
    """
    power = resolution & 0x7F
    if resolution & 0x80:
        return [1 << power if power < 64 else 0, SECOND, 1, power, offset & (1 << 64) - 1, 0]
    per_second = 10**power if power < 20 else 0  # a second is more ticks than 64 bits hold
    multiplier, divisor = 10 ** max(9 - power, 0), 10 ** max(power - 9, 0)
    if divisor >= 1 << 64:
        multiplier, divisor = 0, 1
    plain = ((1 << 63) - 1) // multiplier if power <= 9 and not offset else 0
    return [per_second, multiplier, divisor, 0, offset & (1 << 64) - 1, plain]


@compiled
def nanoseconds(ticks: np.uint64, row: npt.NDArray[np.uint64]) -> np.int64:
    """Ticks of an interface's clock as nanoseconds since 1970; NO_TIME where they do not fit."""
    whole, rest = np.uint64(0), ticks
    if row[PER_SECOND] != 0:
        whole, rest = ticks // row[PER_SECOND], ticks % row[PER_SECOND]
    bits = row[BITS]
    if bits == 0:
        fraction = rest * row[MULTIPLIER] // row[DIVISOR]
    elif bits < 32:
        fraction = rest * row[MULTIPLIER] >> bits
    else:  # the product has up to 94 bits: its upper part is enough, as the lower is shifted out
        upper, lower = rest >> np.uint64(32), rest & np.uint64(0xFFFFFFFF)
        product = upper * row[MULTIPLIER] + (lower * row[MULTIPLIER] >> np.uint64(32))
        fraction = product >> (bits - np.uint64(32)) if bits < 96 else np.uint64(0)
    behind = row[OFFSET] >= np.uint64(1 << 63)
    if behind:
        distance = ~row[OFFSET] + np.uint64(1)
        behind = distance > whole
        seconds = distance - whole if behind else whole - distance
    else:
        if whole > np.uint64(LAST_SECOND):
            return np.int64(NO_TIME)
        seconds = whole + row[OFFSET]
    if seconds > np.uint64(LAST_SECOND):
        return np.int64(NO_TIME)
    if behind:
        return np.int64(fraction) - np.int64(seconds) * SECOND
    return np.int64(fraction) + np.int64(seconds) * SECOND


@compiled
def word(words: npt.NDArray[np.uint32], index: int, big: bool) -> int:
    """Return an unsigned number of the section's byte order; the caller has checked that it is there."""
    value = np.int64(words[np.uint64(index)])
    if big:
        value = value >> 24 | (value >> 8 & 0xFF00) | (value & 0xFF00) << 8 | (value & 0xFF) << 24
    return int(value)


@compiled
def frame_blocks(
    words: npt.NDArray[np.uint32],
    start: int,
    end: int,
    big: bool,
    first: int,
    interfaces: int,
    snap: int,
    clocks: npt.NDArray[np.uint64],
    count: int,
    offset: npt.NDArray[np.int64],
    captured: npt.NDArray[np.int64],
    wire: npt.NDArray[np.int64],
    time: npt.NDArray[np.int64],
    interface: npt.NDArray[np.int32],
) -> tuple[int, int]:
    """Append the frames of the blocks from byte `start` on; how many there are then, and the end of the last.

    Ends at the first block that describes section or interface, is incomplete, has no room in the columns, or
    is in any way not as it should be. Blocks begin at multiples of four bytes, in capture and buffer alike,
    of which `words` are the little-endian words. `snap` is the first interface's snapshot length, 0 for none.
    """
    at = start
    while end - at >= HEADER:
        index = at >> 2
        kind = word(words, index, big)
        if kind in (SECTION, INTERFACE, STATISTICS):
            break
        total = word(words, index + 1, big)
        padded = (total + 3) & ~3
        if total < HEADER or padded > end - at or padded > LONGEST_RECORD:
            break
        if word(words, index + (padded >> 2) - 1, big) != total:
            break
        if kind in (ENHANCED_PACKET, PACKET):
            if total < 32 or count == len(offset):
                break
            number = word(words, index + 2, big)
            if kind == PACKET:  # a half, and how many packets were dropped before this one
                number = number >> 16 if big else number & 0xFFFF
            length = word(words, index + 5, big)
            if number >= interfaces or length > total - 32:
                break
            upper, lower = word(words, index + 3, big), word(words, index + 4, big)
            ticks = np.uint64(upper) << np.uint64(32) | np.uint64(lower)
            if ticks < clocks[number, PLAIN]:
                time[count] = np.int64(ticks * clocks[number, MULTIPLIER])
            else:
                time[count] = nanoseconds(ticks, clocks[number])
            offset[count] = at + 28
            captured[count] = length
            wire[count] = word(words, index + 6, big)
            interface[count] = first + number
            count += 1
        elif kind == SIMPLE_PACKET:
            if total < 16 or interfaces == 0 or count == len(offset):
                break
            length = word(words, index + 2, big)
            wire[count] = length
            if snap > 0:
                length = min(length, snap)
            captured[count] = min(length, total - 16)
            offset[count] = at + 12
            time[count] = NO_TIME
            interface[count] = first
            count += 1
        at += padded
    return count, at


class PcapngWalker:
    """Walks over the blocks of one pcapng file, and remembers the section it is in."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._order = "<"
        self._first = 0  # number of the section's first interface
        self._clocks = np.zeros((0, 6), np.uint64)  # of the section's interfaces, and room for more
        self._snap = 0  # snapshot length of the section's first interface; 0 for none

    @property
    def _known(self) -> int:
        return len(self._findings.interfaces) - self._first

    def walk(
        self, buffer: npt.NDArray[np.uint8], start: int, end: int, base: int, columns: Columns
    ) -> Walked:
        """See `Walker`."""
        count, at = 0, start
        view = buffer.data
        words = buffer[: len(buffer) & ~3].view("<u4")
        while not self._findings.lost:
            count, at = frame_blocks(
                words,
                at,
                end,
                self._order == ">",
                self._first,
                self._known,
                self._snap,
                self._clocks,
                count,
                columns.offset,
                columns.captured,
                columns.wire,
                columns.time,
                columns.interface,
            )
            total = self._block_length(view, at, end, base)
            if not total:
                break
            block = view[at : at + total]
            (kind,) = struct.unpack_from(self._order + "I", block)
            if kind in (ENHANCED_PACKET, PACKET, SIMPLE_PACKET):
                fault = self._fault(kind, block)
                if not fault:  # complete and right, so that only room was missing
                    return Walked(count, at, total)
                self._findings.damaged(base + at, fault)
            elif kind == SECTION:
                self._first = len(self._findings.interfaces)
            elif kind == INTERFACE:
                self._describe(block, base + at)
            elif kind == STATISTICS:
                self._statistics(block, base + at)
            at += total
        return Walked(count, at, 0)

    def _block_length(self, view: memoryview, at: int, end: int, base: int) -> int:
        """Length of the complete block there; 0 where it is not complete, or not to be believed."""
        if end - at < HEADER:
            return 0
        if view[at : at + 4] == MAGIC:
            order = BYTE_ORDERS.get(bytes(view[at + 8 : at + 12]))
            if order is None:
                return self._lost(base + at, "a section header of no known byte order")
            if end - at >= 16:
                major, minor = struct.unpack_from(order + "HH", view, at + 12)
                if major != 1:
                    return self._lost(base + at, f"a section of version {major}.{minor}")
            self._order = order
        kind, total = struct.unpack_from(self._order + "II", view, at)
        padded = total + -total % 4
        if total < SMALLEST.get(kind, HEADER):
            return self._lost(base + at, f"a block of type {kind:#x} cannot have {total} bytes")
        if padded > LONGEST_RECORD:
            return self._lost(base + at, f"a block of type {kind:#x} and {total} bytes is too long")
        if padded > end - at:
            return 0
        (again,) = struct.unpack_from(self._order + "I", view, at + padded - 4)
        if again != total:
            return self._lost(
                base + at, f"a block begins with a length of {total} bytes and ends with {again}"
            )
        return int(padded)

    def _lost(self, offset: int, reason: str) -> int:
        self._findings.stop(offset, reason)
        return 0

    def _fault(self, kind: int, block: memoryview) -> str:
        """Say why the compiled loop does not take a complete packet block; empty where it would."""
        if kind == SIMPLE_PACKET:
            number, captured, room = 0, 0, 0
        else:
            total, number, captured = struct.unpack_from(self._order + "4xII8xI", block)
            room = total - 32
            if kind == PACKET:
                (number,) = struct.unpack_from(self._order + "H", block, 8)
        if number >= self._known:
            return f"a packet of interface {number}, which the section does not have"
        if captured > room:
            return f"a packet of {captured} bytes in a block with room for {room}"
        return ""

    def _options(self, block: memoryview, at: int, offset: int) -> Iterator[tuple[int, memoryview]]:
        """Codes and values of a block's options, which begin at block[at] and may fill it to its end."""
        end = len(block) - 4
        while end - at >= 4:
            code, length = struct.unpack_from(self._order + "HH", block, at)
            if code == 0:
                return
            at += 4
            if length > end - at:
                self._findings.damaged(offset, f"option {code} of {length} bytes does not fit its block")
                return
            yield code, block[at : at + length]
            at += length + -length % 4

    def _describe(self, block: memoryview, offset: int) -> None:
        number = self._known
        if len(self._findings.interfaces) >= MOST_INTERFACES:
            self._findings.stop(offset, f"more than {MOST_INTERFACES} interfaces")
            return
        link_type, snap = struct.unpack_from(self._order + "HxxI", block, 8)
        name, resolution, shift = "", 6, 0
        for code, value in self._options(block, 16, offset):
            if code == IF_NAME:
                name = bytes(value).rstrip(b"\0").decode("utf-8", "replace")
            elif code == IF_TSRESOL and len(value) == 1:
                resolution = value[0]
            elif code == IF_TSOFFSET and len(value) == 8:
                (shift,) = struct.unpack(self._order + "q", value)
        if number == 0:
            self._snap = snap
        if number >= len(self._clocks):
            self._clocks = np.vstack([self._clocks, np.zeros((max(4, number), 6), np.uint64)])
        self._clocks[number] = clock(resolution, shift)
        self._findings.interfaces.append(Interface(link_type, name))

    def _statistics(self, block: memoryview, offset: int) -> None:
        (number,) = struct.unpack_from(self._order + "I", block, 8)
        if number >= self._known:
            self._findings.damaged(
                offset, f"statistics of interface {number}, which the section does not have"
            )
            return
        counts = {
            code: struct.unpack(self._order + "Q", value)[0]
            for code, value in self._options(block, 20, offset)
            if code in (ISB_IFDROP, ISB_OSDROP) and len(value) == 8
        }
        known = [count for count in counts.values() if count < UNKNOWN_COUNT]
        if known:
            self._findings.dropped[self._first + number] = sum(known)
