"""Captures built byte by byte, and what a reader makes of them."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO, cast

from darkscope.ingest.capture.reader import CaptureReader

PCAP, NANOSECOND_PCAP, KUZNETZOV, IXIA_HARDWARE, IXIA_SOFTWARE = (
    0xA1B2C3D4,
    0xA1B23C4D,
    0xA1B2CD34,
    0x1C0001AC,
    0x1C0001AB,
)
ETHERNET, RAW = 1, 101


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame as a reader handed it out."""

    data: bytes
    time: int
    wire: int
    interface: int = 0


class Stream:
    """A stream that can do nothing but read, and can grow."""

    def __init__(self, data: bytes = b"", at_most: int = 1 << 30) -> None:
        self._data = data
        self._at_most = at_most

    def grow(self, data: bytes) -> None:
        self._data += data

    def read(self, size: int) -> bytes:
        size = min(size, self._at_most)
        data, self._data = self._data[:size], self._data[size:]
        return data

    def close(self) -> None:
        self._data = b""

    def binary(self) -> BinaryIO:
        """Call itself what a reader asks for."""
        return cast("BinaryIO", self)


def drain(reader: CaptureReader) -> list[Frame]:
    """All frames there are, or are so far."""
    seen = []
    while (frames := reader.read()) is not None:
        assert len(frames)
        rows = zip(frames.offset, frames.captured, frames.wire, frames.time, frames.interface, strict=True)
        for offset, captured, wire, time, interface in rows:
            data = bytes(frames.buffer[offset : offset + captured])
            seen.append(Frame(data, int(time), int(wire), int(interface)))
    return seen


def record(
    data: bytes,
    seconds: int = 0,
    fraction: int = 0,
    *,
    wire: int | None = None,
    captured: int | None = None,
    order: str = "<",
    extra: bytes = b"",
) -> bytes:
    """A record of a pcap file; `extra` ends its header."""
    lengths = len(data) if captured is None else captured, len(data) if wire is None else wire
    return struct.pack(order + "IIII", seconds, fraction, *lengths) + extra + data


def pcap(
    records: Iterable[bytes] = (),
    *,
    magic: int = PCAP,
    order: str = "<",
    version: tuple[int, int] = (2, 4),
    link: int = ETHERNET,
    extra: bytes = b"",
) -> bytes:
    """A pcap file; `extra` ends its header."""
    return struct.pack(order + "IHHiIII", magic, *version, 0, 0, 65535, link) + extra + b"".join(records)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def block(kind: int, body: bytes = b"", *, order: str = "<", length: int | None = None) -> bytes:
    """A pcapng block with its lengths, or with another."""
    size = struct.pack(order + "I", len(padded(body)) + 12 if length is None else length)
    return struct.pack(order + "I", kind) + size + padded(body) + size


def option(code: int, value: bytes = b"", *, order: str = "<", length: int | None = None) -> bytes:
    return struct.pack(order + "HH", code, len(value) if length is None else length) + padded(value)


def section(*, order: str = "<", version: tuple[int, int] = (1, 0), length: int = -1) -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, *version, length), order=order)


def interface(link: int = ETHERNET, options: bytes = b"", *, snap: int = 0, order: str = "<") -> bytes:
    return block(1, struct.pack(order + "HHI", link, 0, snap) + options, order=order)


def enhanced(
    data: bytes,
    ticks: int = 0,
    *,
    interface: int = 0,
    wire: int | None = None,
    captured: int | None = None,
    order: str = "<",
    options: bytes = b"",
) -> bytes:
    lengths = len(data) if captured is None else captured, len(data) if wire is None else wire
    header = struct.pack(order + "IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, *lengths)
    return block(6, header + padded(data) + options, order=order)


def obsolete(data: bytes, ticks: int = 0, *, interface: int = 0, order: str = "<") -> bytes:
    """A packet block, as it was before the enhanced one."""
    header = struct.pack(
        order + "HHIIII", interface, 0xFFFF, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data)
    )
    return block(2, header + padded(data), order=order)


def simple(data: bytes, wire: int | None = None, *, order: str = "<") -> bytes:
    return block(3, struct.pack(order + "I", len(data) if wire is None else wire) + data, order=order)


def statistics(interface: int, options: bytes, *, order: str = "<") -> bytes:
    return block(5, struct.pack(order + "III", interface, 0, 0) + options, order=order)
