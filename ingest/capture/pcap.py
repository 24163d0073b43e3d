"""Frames of a pcap file: the format of tcpdump, and those of its variants that their magic tells.

The file header is read once; the records are framed by one compiled loop. Sources: draft-ietf-opsawg-pcap,
libpcap's sf-pcap.c, Wireshark's wiretap/libpcap.c.

- Times and lengths are taken as recorded: unsigned seconds (to 2106), a fraction of a second or more carries
  on, and a length on the wire may be less than what was captured.
- Of the link type field the lower 16 bits are the link type; the upper ones (FCS, reserved) are ignored.
- Before version 2.3 a record has its two lengths the other way round, in 2.3 wherever that makes more sense.
- The header's snapshot length is not believed: a record that is longer holds what it says.
- One file behind the other (`cat a.pcap b.pcap`) is damage, as it is to libpcap.
- Variants that share a magic and differ in their records (Nokia, some patched libpcaps) are not guessed at.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from darkscope.ingest.capture.frames import Interface
from darkscope.ingest.capture.walk import LONGEST_RECORD, Columns, Findings, Walked
from darkscope.ingest.compiled import compiled


@dataclass(frozen=True, slots=True)
class Variant:
    """A kind of pcap file."""

    tick: int  # nanoseconds of the unit in which a record's time has its fraction
    file_header: int = 24  # bytes
    record_header: int = 16  # bytes


VARIANTS = {
    0xA1B2C3D4: Variant(1000),
    0xA1B23C4D: Variant(1),  # nanoseconds
    0xA1B2CD34: Variant(1000, record_header=24),  # Kuznetzov's libpcap: interface, protocol, packet type
    0xA1B234CD: Variant(1000),  # Mesquita's libpcap
    0xA12B3C4D: Variant(1000),  # Navtel's libpcap
    0x1C0001AC: Variant(1, file_header=28),  # Ixia's lcap by hardware: the size of all records follows
    0x1C0001AB: Variant(1000, file_header=28),  # the same by software
}

LONGEST_FRAME = 256 << 10
"""Captured bytes, beyond which a record header is none: MAXIMUM_SNAPLEN of libpcap and tcpdump."""

LONG_FRAMES = frozenset({231, 249, 279})
"""Link types of longer messages (D-Bus, USBPcap, EBHSCR), for which libpcap has bounds of their own."""

TOO_LONG, ANOTHER_FILE = -1, -2

NOT_SWAPPED, SWAPPED, SWAPPED_WHERE_LONGER = 0, 1, 2


def order(magic: bytes) -> str:
    """Byte order, as `struct` writes it, of a file with this magic; empty where it is no pcap."""
    if int.from_bytes(magic[:4], "little") in VARIANTS:
        return "<"
    return ">" if int.from_bytes(magic[:4], "big") in VARIANTS else ""


@compiled
def word(buffer: npt.NDArray[np.uint8], at: int, big: bool) -> int:
    """Four bytes as an unsigned number; the caller has checked that they are there."""
    first, second, third, last = buffer[at], buffer[at + 1], buffer[at + 2], buffer[at + 3]
    if big:
        first, second, third, last = last, third, second, first
    return int(np.int64(last) << 24 | np.int64(third) << 16 | np.int64(second) << 8 | np.int64(first))


@compiled
def frame_records(
    buffer: npt.NDArray[np.uint8],
    start: int,
    end: int,
    big: bool,
    magic: int,
    header: int,
    tick: int,
    swapped: int,
    longest: int,
    offset: npt.NDArray[np.int64],
    captured: npt.NDArray[np.int64],
    wire: npt.NDArray[np.int64],
    time: npt.NDArray[np.int64],
) -> tuple[int, int, int]:
    """Frames in buffer[start:end], the end of the last, and bytes of the next where there was no room for it.

    Those are TOO_LONG where the next record is longer than `longest`, ANOTHER_FILE where it is a file header.
    """
    count, at = 0, start
    while end - at >= header:
        length = word(buffer, at + 8, big)
        original = word(buffer, at + 12, big)
        if swapped == SWAPPED or (swapped == SWAPPED_WHERE_LONGER and length > original):
            length, original = original, length
        if length > longest:
            return count, at, TOO_LONG
        seconds = word(buffer, at, big)
        if seconds == magic and length == 0 and original == 0:
            return count, at, ANOTHER_FILE
        if end - at - header < length:
            break
        if count == len(offset):
            return count, at, header + length
        offset[count] = at + header
        captured[count] = length
        wire[count] = original
        time[count] = seconds * 1_000_000_000 + word(buffer, at + 4, big) * tick
        count += 1
        at += header + length
    return count, at, 0


class PcapWalker:
    """Walks over the records of one pcap file."""

    def __init__(self, header: bytes, findings: Findings) -> None:
        """`header` is the whole file header, of a known magic."""
        sign = order(header)
        magic, major, minor, link = struct.unpack_from(sign + "IHH12xI", header)
        self._magic = magic
        self._variant = VARIANTS[magic]
        self._big = sign == ">"
        self._swapped = NOT_SWAPPED
        if (major == 2 and minor < 3) or major == 543:  # 543.0 is the tcpdump of DG/UX
            self._swapped = SWAPPED
        elif major == 2 and minor == 3:
            self._swapped = SWAPPED_WHERE_LONGER
        link_type = link & 0xFFFF
        self._longest = LONGEST_RECORD if link_type in LONG_FRAMES else LONGEST_FRAME
        self._findings = findings
        findings.interfaces.append(Interface(link_type))

    def walk(
        self, buffer: npt.NDArray[np.uint8], start: int, end: int, base: int, columns: Columns
    ) -> Walked:
        """See `Walker`."""
        count, at, waiting = frame_records(
            buffer,
            start,
            end,
            self._big,
            self._magic,
            self._variant.record_header,
            self._variant.tick,
            self._swapped,
            self._longest,
            columns.offset,
            columns.captured,
            columns.wire,
            columns.time,
        )
        columns.interface[:count] = 0
        if waiting == TOO_LONG:
            self._findings.stop(base + at, f"a record of more than {self._longest} bytes is none")
        elif waiting == ANOTHER_FILE:
            self._findings.stop(base + at, "another pcap file begins here")
        return Walked(count, at, max(waiting, 0))
