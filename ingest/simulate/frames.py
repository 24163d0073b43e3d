"""Packet columns to the bytes of Ethernet frames, many at once, with valid checksums.

Pure: columns in, one matrix of bytes out. Layouts hold what packets of one kind share, columns hold the rest.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from darkscope.ingest.simulate.scenario import ICMP, ICMPV6, TCP, UDP

ETHERNET = 14
SHORTEST_FRAME = 60
"""A received Ethernet frame is padded to this; one that the sensor itself sends is captured before."""

_CHECKSUM_AT = {TCP: 16, UDP: 6, ICMP: 2, ICMPV6: 2}
_L4 = {4: ETHERNET + 20, 6: ETHERNET + 40}
_ROOM = _L4[6] + 20
"""Bytes that a row has at least: every header's columns fit, whatever the layout."""

ARP = 0
"""Stands for the protocol of a layout that is no IP packet."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What packets of one kind share."""

    protocol: int  # or ARP
    version: int = 4
    options: bytes = b""  # TCP
    payload: bytes = b""
    icmp: tuple[int, int] = (0, 0)
    quotes: bool = False  # an ICMP error: quotes a forged packet that named the sensor as its source

    def template(self) -> bytes:
        """Make the frame with zeros where columns go."""
        if self.protocol == ARP:
            # Ethernet, IPv4, request.
            return bytes(12) + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1) + bytes(20)
        match self.protocol:
            case 6:
                offset = (20 + len(self.options)) // 4
                body = bytes(12) + bytes([offset << 4]) + bytes(7) + self.options + self.payload
            case 17:
                body = bytes(4) + struct.pack("!HH", 8 + len(self.payload), 0) + self.payload
            case _:
                quoted = struct.pack("!BBHHHBBHII", 0x45, 0, 40, 0, 0, 50, TCP, 0, 0, 0) + bytes(8)
                body = bytes(self.icmp) + bytes(6) + (quoted if self.quotes else self.payload)
        if self.version == 6:
            header = struct.pack("!IHBB", 6 << 28, len(body), self.protocol, 0) + bytes(32)
            return bytes(12) + b"\x86\xdd" + header + body
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0x4000, 0, self.protocol, 0) + bytes(8)
        return bytes(12) + b"\x08\x00" + header + body


@dataclass(slots=True)
class Layouts:
    """Layouts by number, each once."""

    known: dict[Layout, int] = field(default_factory=dict)

    def number(self, layout: Layout) -> int:
        """Give the number of a layout, a new one to a new layout."""
        return self.known.setdefault(layout, len(self.known))


@dataclass(frozen=True, slots=True)
class Batch:
    """Columns of packets, one entry each; what a layout does not have is ignored."""

    time: npt.NDArray[np.int64]  # microseconds since 1970
    hour: npt.NDArray[np.int64]  # of the UTC day, whose file takes it (rotation may lag)
    sensor: npt.NDArray[np.int64]  # index into the scenario's sensors
    own: npt.NDArray[np.bool_]  # sent by the sensor
    layout: npt.NDArray[np.int64]
    source: npt.NDArray[np.uint64]  # IPv4 address, or the lower half of an IPv6 address
    source_high: npt.NDArray[np.uint64]
    target: npt.NDArray[np.uint64]
    target_high: npt.NDArray[np.uint64]
    source_port: npt.NDArray[np.int64]  # ICMP echo: identifier
    port: npt.NDArray[np.int64]  # ICMP echo: sequence
    sequence: npt.NDArray[np.uint64]
    acknowledgement: npt.NDArray[np.uint64]
    flags: npt.NDArray[np.int64]
    window: npt.NDArray[np.int64]
    ttl: npt.NDArray[np.int64]
    ip_id: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.time)

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_] | slice) -> Batch:
        """Select some of the packets."""
        return Batch(**{column.name: getattr(self, column.name)[rows] for column in fields(Batch)})


def batch(length: int, **columns: npt.ArrayLike) -> Batch:
    """Columns from arrays and scalars; absent ones are 0."""
    unsigned = ("source", "source_high", "target", "target_high", "sequence", "acknowledgement")
    made: dict[str, npt.NDArray[Any]] = {}
    for column in fields(Batch):
        kind = np.uint64 if column.name in unsigned else np.bool_ if column.name == "own" else np.int64
        made[column.name] = np.broadcast_to(np.asarray(columns.get(column.name, 0)).astype(kind), (length,))
    return Batch(**made)


def joined(batches: Sequence[Batch]) -> Batch:
    """All packets of several batches, in their order."""
    names = [column.name for column in fields(Batch)]
    return Batch(**{name: np.concatenate([getattr(part, name) for part in batches]) for name in names})


@dataclass(frozen=True, slots=True)
class Wiring:
    """Addresses of the sensors' local networks, a row a sensor."""

    mac: npt.NDArray[np.uint8]  # of the sensor, 6 bytes
    gateway_mac: npt.NDArray[np.uint8]
    gateway: npt.NDArray[np.uint64]  # IPv4


def render(
    packets: Batch, layouts: Layouts, wiring: Wiring
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Frames as rows of a matrix, and their lengths; bytes beyond a length are zero."""
    known = list(layouts.known)
    used, number = np.unique(packets.layout, return_inverse=True)
    present = [known[layout] for layout in used.tolist()]
    templates = [layout.template() for layout in present]
    width = max(max(map(len, templates)) + 1 & ~1, _ROOM)
    table = np.zeros((len(templates), width), np.uint8)
    for row, template in enumerate(templates):
        table[row, : len(template)] = np.frombuffer(template, np.uint8)
    frames = table[number]
    length = np.array([len(template) for template in templates])[number]

    mine, gateways = wiring.mac[packets.sensor], wiring.gateway_mac[packets.sensor]
    own = packets.own[:, None]
    frames[:, 0:6] = np.where(own, gateways, mine)
    frames[:, 6:12] = np.where(own, mine, gateways)

    version = np.array([layout.version for layout in present])[number]
    protocol = np.array([layout.protocol for layout in present])[number]
    quotes = np.array([layout.quotes for layout in present])[number]
    is_arp = protocol == ARP
    _fill_arp(frames, np.flatnonzero(is_arp), packets, wiring)
    for of_version in (4, 6):
        rows = np.flatnonzero((version == of_version) & ~is_arp)
        if len(rows):
            _fill_ip(frames, rows, packets, of_version)
            _fill_transport(frames, rows, packets.take(rows), protocol[rows], _L4[of_version])
    _fill_quotes(frames, np.flatnonzero(quotes), packets)
    for of_version in (4, 6):
        rows = np.flatnonzero((version == of_version) & ~is_arp)
        if len(rows):
            _seal(frames, rows, protocol[rows], length[rows], of_version)
    return frames, np.where(packets.own, length, np.maximum(length, SHORTEST_FRAME))


def _big(values: npt.NDArray[np.generic], size: int) -> npt.NDArray[np.uint8]:
    """Unsigned integers as big-endian bytes, a row each."""
    return values.astype(f">u{size}").view(np.uint8).reshape(len(values), size)


def _words(
    frames: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64], start: int, end: int
) -> npt.NDArray[np.uint64]:
    """Sum the 16-bit words of a stretch, a row each."""
    sums: npt.NDArray[np.uint64] = frames.view(">u2")[rows, start // 2 : end // 2].sum(
        axis=1, dtype=np.uint64
    )
    return sums


def _folded(sums: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Complement one's complement sums (RFC 1071)."""
    mask, shift = np.uint64(0xFFFF), np.uint64(16)
    for _ in range(3):
        sums = (sums & mask) + (sums >> shift)
    return sums ^ mask


def _fill_arp(
    frames: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64], packets: Batch, wiring: Wiring
) -> None:
    if not len(rows):
        return
    sensor = packets.sensor[rows]
    frames[rows, 22:28] = wiring.gateway_mac[sensor]
    frames[rows, 28:32] = _big(wiring.gateway[sensor], 4)
    frames[rows, 38:42] = _big(packets.target[rows], 4)


def _fill_ip(
    frames: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64], packets: Batch, version: int
) -> None:
    if version == 4:
        frames[rows, 18:20] = _big(packets.ip_id[rows], 2)
        frames[rows, 22] = packets.ttl[rows]
        frames[rows, 26:30] = _big(packets.source[rows], 4)
        frames[rows, 30:34] = _big(packets.target[rows], 4)
        return
    frames[rows, 21] = packets.ttl[rows]
    frames[rows, 22:30] = _big(packets.source_high[rows], 8)
    frames[rows, 30:38] = _big(packets.source[rows], 8)
    frames[rows, 38:46] = _big(packets.target_high[rows], 8)
    frames[rows, 46:54] = _big(packets.target[rows], 8)


def _fill_transport(
    frames: npt.NDArray[np.uint8],
    rows: npt.NDArray[np.int64],
    packets: Batch,
    protocol: npt.NDArray[np.int64],
    at: int,
) -> None:
    ported = (protocol == TCP) | (protocol == UDP)
    frames[rows[ported], at : at + 2] = _big(packets.source_port[ported], 2)
    frames[rows[ported], at + 2 : at + 4] = _big(packets.port[ported], 2)
    tcp = protocol == TCP
    frames[rows[tcp], at + 4 : at + 8] = _big(packets.sequence[tcp], 4)
    frames[rows[tcp], at + 8 : at + 12] = _big(packets.acknowledgement[tcp], 4)
    frames[rows[tcp], at + 13] = packets.flags[tcp]
    frames[rows[tcp], at + 14 : at + 16] = _big(packets.window[tcp], 2)
    # Echo requests and replies carry an identifier and a sequence number; errors must have zeros there.
    echo = np.isin(frames[rows, at], (0, 8, 128, 129)) & ~ported
    frames[rows[echo], at + 4 : at + 6] = _big(packets.source_port[echo], 2)
    frames[rows[echo], at + 6 : at + 8] = _big(packets.port[echo], 2)


def _fill_quotes(frames: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64], packets: Batch) -> None:
    """Write what an ICMP error quotes: a packet from the sensor's forged address to the victim."""
    if not len(rows):
        return
    at = _L4[4] + 8
    frames[rows, at + 12 : at + 16] = _big(packets.target[rows], 4)
    frames[rows, at + 16 : at + 20] = _big(packets.source[rows], 4)
    frames[rows, at + 10 : at + 12] = _big(_folded(_words(frames, rows, at, at + 20)), 2)
    frames[rows, at + 20 : at + 22] = _big(packets.source_port[rows], 2)
    frames[rows, at + 22 : at + 24] = _big(packets.port[rows], 2)
    frames[rows, at + 24 : at + 28] = _big(packets.sequence[rows], 4)


def _seal(
    frames: npt.NDArray[np.uint8],
    rows: npt.NDArray[np.int64],
    protocol: npt.NDArray[np.int64],
    length: npt.NDArray[np.int64],
    version: int,
) -> None:
    """Checksums of IPv4 headers, TCP, UDP, ICMP and ICMPv6."""
    at = _L4[version]
    if version == 4:
        frames[rows, 24:26] = _big(_folded(_words(frames, rows, ETHERNET, at)), 2)
        addresses = (26, 34)
    else:
        addresses = (22, 54)
    pseudo = _words(frames, rows, *addresses) + (length - at).astype(np.uint64) + protocol.astype(np.uint64)
    pseudo[protocol == ICMP] = 0
    checksum = _folded(_words(frames, rows, at, frames.shape[1]) + pseudo)
    checksum[(protocol == UDP) & (checksum == 0)] = 0xFFFF  # zero would mean "none" (RFC 768)
    for of_protocol, place in _CHECKSUM_AT.items():
        chosen = protocol == of_protocol
        frames[rows[chosen], at + place : at + place + 2] = _big(checksum[chosen], 2)
