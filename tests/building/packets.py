"""Frames built byte by byte, and what decoding makes of them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import fields
from ipaddress import ip_address
from typing import Any

import numpy as np

from darkscope.ingest.capture.frames import Frames, Interface
from darkscope.ingest.decode.columns import Packets, empty
from darkscope.ingest.decode.decoder import Decoder, enter
from darkscope.ingest.decode.reference import Reading, read

COLUMNS = tuple(field.name for field in fields(Packets))
ETHERNET, RAW = 1, 101
SOURCE, TARGET = "198.41.0.4", "133.8.0.9"
SOURCE6, TARGET6 = "2001:503:ba3e::2:30", "2001:3b8::9"
NOBODY = b"\x00\x11\x22\x33\x44\x55" * 2


def ethernet(payload: bytes, ether_type: int = 0x0800, *tags: tuple[int, int]) -> bytes:
    """A frame with VLAN tags (EtherType, tag) before its EtherType."""
    stack = b"".join(struct.pack(">HH", kind, tag) for kind, tag in tags)
    return NOBODY + stack + struct.pack(">H", ether_type) + payload


def ipv4(
    payload: bytes,
    protocol: int = 6,
    *,
    source: str = SOURCE,
    target: str = TARGET,
    ip_id: int = 7,
    flags: int = 0,
    ttl: int = 64,
    options: bytes = b"",
    total: int | None = None,
) -> bytes:
    length = 20 + len(options)
    return (
        struct.pack(
            ">BBHHHBBH",
            0x40 | length // 4,
            0,
            length + len(payload) if total is None else total,
            ip_id,
            flags,
            ttl,
            protocol,
            0,
        )
        + ip_address(source).packed
        + ip_address(target).packed
        + options
        + payload
    )


def ipv6(payload: bytes, protocol: int = 6, *, source: str = SOURCE6, length: int | None = None) -> bytes:
    return (
        struct.pack(">IHBB", 0x60000000, len(payload) if length is None else length, protocol, 57)
        + ip_address(source).packed
        + ip_address(TARGET6).packed
        + payload
    )


def tcp(
    port: int = 23,
    *,
    source_port: int = 40000,
    sequence: int = 0x01020304,
    acknowledgement: int = 0,
    flags: int = 0x02,
    window: int = 1024,
    options: bytes = b"",
    payload: bytes = b"",
) -> bytes:
    return (
        struct.pack(
            ">HHIIHHHH",
            source_port,
            port,
            sequence,
            acknowledgement,
            (5 + len(options) // 4) << 12 | flags,
            window,
            0,
            0,
        )
        + options
        + payload
    )


def udp(port: int = 53, *, source_port: int = 40000, payload: bytes = b"") -> bytes:
    return struct.pack(">HHHH", source_port, port, 8 + len(payload), 0) + payload


def icmp(kind: int = 8, code: int = 0, payload: bytes = b"ping") -> bytes:
    return struct.pack(">BBHHH", kind, code, 0, 1, 1) + payload


def run(frames: Sequence[bytes]) -> Frames:
    """Frames of interface 0, one after another in a buffer, without time."""
    captured = np.array([len(frame) for frame in frames], np.int64)
    return Frames(
        buffer=np.frombuffer(b"".join(frames), np.uint8),
        offset=np.cumsum(captured) - captured,
        captured=captured,
        wire=captured,
        time=np.zeros(len(frames), np.int64),
        interface=np.zeros(len(frames), np.int32),
    )


def decoded(*frames: bytes, link_type: int = ETHERNET) -> Packets:
    return Decoder().decode(run(frames), [Interface(link_type)])


def referred(frames: Frames, interfaces: Sequence[Interface]) -> Packets:
    """The same columns from the reference alone."""
    packets = empty(len(frames))
    for i in range(len(frames)):
        start = int(frames.offset[i])
        frame = frames.buffer[start : start + int(frames.captured[i])].tobytes()
        enter(packets, i, read(frame, interfaces[int(frames.interface[i])].link_type))
    return packets


def differences(ours: Packets, theirs: Packets) -> list[tuple[int, str, Any, Any]]:
    """(entry, column, our value, their value) wherever two decodings differ."""
    return [
        (int(i), name, getattr(ours, name)[i].item(), getattr(theirs, name)[i].item())
        for name in COLUMNS
        for i in np.flatnonzero(getattr(ours, name) != getattr(theirs, name))
    ]


def row(packets: Packets, i: int = 0) -> dict[str, int]:
    """One entry, without the fields that a rejected frame has as well."""
    absent = empty(1)
    enter(absent, 0, Reading())
    values = {name: getattr(packets, name)[i].item() for name in COLUMNS}
    return {name: value for name, value in values.items() if value != getattr(absent, name)[0]}
