"""Decode the plain frames of a run, compiled: where the outermost IP header lies, and what it says.

Frames in, columns out; nothing else is touched. A frame whose link layer is not plain (LLC, MPLS, PPPoE and
the like) is marked UNDECIDED and left to the reference, which says what is right; this module says it fast.

Every index is compared with the frame's captured length before it is used, and the frame with the buffer.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from darkscope.ingest.compiled import compiled
from darkscope.ingest.decode.columns import (
    DECODED,
    FIRST_FRAGMENT,
    LATER_FRAGMENT,
    LINK_TYPE,
    MALFORMED,
    NOT_IP,
    TRUNCATED,
    UNDECIDED,
    WHOLE,
)
from darkscope.ingest.decode.protocols import (
    AUTHENTICATION,
    EXTENSIONS,
    FRAGMENT,
    ICMP,
    ICMPV6,
    TCP,
    UDP,
    WITH_PORTS,
)
from darkscope.ingest.decode.wire import Buffer, Integer, members, u8, u16, u32, u64

UNKNOWN, OTHER, ETHERNET, SLL, SLL2, LOOPBACK, RAW, IPV4, IPV6 = range(9)
"""Kinds of link layer as the kernel tells them apart; OTHER is read by the reference alone."""

KINDS = {
    1: ETHERNET,
    113: SLL,
    276: SLL2,
    0: LOOPBACK,
    108: LOOPBACK,
    12: RAW,
    14: RAW,
    101: RAW,
    228: IPV4,
    229: IPV6,
}
"""Kind of each LINKTYPE_ number that the kernel reads (tcpdump.org)."""

_EITHER = 0  # the IP version is what its first four bits say
_HAS_PORTS = members(256, WITH_PORTS)
_IS_EXTENSION = members(256, EXTENSIONS)


@compiled
def _network(
    buffer: Buffer, start: Integer, size: Integer, kind: Integer
) -> tuple[Integer, Integer, Integer]:
    """Outcome so far, offset in the frame of the IP header, and its version (0: as its first bits say)."""
    if kind == UNKNOWN:
        return LINK_TYPE, 0, 0
    if kind == RAW:
        return DECODED, 0, _EITHER
    if kind == IPV4:
        return DECODED, 0, 4
    if kind == IPV6:
        return DECODED, 0, 6
    if kind == LOOPBACK:
        if size < 4:
            return TRUNCATED, 0, 0
        family = u32(buffer, start)
        if family > 0xFFFF:  # written by a machine of the other byte order
            family = u8(buffer, start) | u8(buffer, start + 1) << 8
            if u16(buffer, start + 2) != 0:
                return NOT_IP, 0, 0
        if family in (2, 10, 24, 28, 30):  # AF_INET, and AF_INET6 of Linux, the BSDs and macOS
            return DECODED, 4, _EITHER
        return NOT_IP, 0, 0
    if kind == ETHERNET:
        at = 14
        if size < at:
            return TRUNCATED, 0, 0
        ether = u16(buffer, start + 12)
    elif kind in (SLL, SLL2):
        at = 16 if kind == SLL else 20
        if size < at:
            return TRUNCATED, 0, 0
        hardware = u16(buffer, start + (2 if kind == SLL else 8))
        if hardware in (770, 803, 824):  # frame relay, radiotap, netlink: the protocol field is none
            return UNDECIDED, 0, 0
        ether = u16(buffer, start + (14 if kind == SLL else 0))
    else:
        return UNDECIDED, 0, 0
    while ether in (0x8100, 0x88A8, 0x9100, 0x9200):
        if size < at + 4:
            return TRUNCATED, 0, 0
        ether = u16(buffer, start + at + 2)
        at += 4
    if ether == 0x0800:
        return DECODED, at, 4
    if ether == 0x86DD:
        return DECODED, at, 6
    if ether == 0x0806:  # ARP
        return NOT_IP, 0, 0
    return UNDECIDED, 0, 0


@compiled
def _extensions(
    buffer: Buffer, start: Integer, up: Integer, end: Integer, proto: Integer
) -> tuple[Integer, Integer, Integer]:
    """Walk IPv6 extension headers: protocol after them, its offset (-1 where one is cut), fragment code."""
    piece = WHOLE
    while _IS_EXTENSION[proto]:
        if end <= up or (proto == FRAGMENT and end < up + 8):
            return proto, -1, piece
        extension = proto
        proto = u8(buffer, start + up)
        if end < up + 8:
            return proto, -1, piece
        length: Integer = 8
        if extension == AUTHENTICATION:
            length = (u8(buffer, start + up + 1) + 2) << 2
        elif extension != FRAGMENT:
            length = (u8(buffer, start + up + 1) + 1) << 3
        if end < up + length:
            return proto, -1, piece
        if extension == FRAGMENT:
            bits = u16(buffer, start + up + 2)
            if bits & 0xFFF8:
                return proto, up + length, LATER_FRAGMENT
            if bits & 1:
                piece = FIRST_FRAGMENT
        up += length
    return proto, up, piece


@compiled
def decode(
    buffer: Buffer,
    offset: npt.NDArray[np.int64],
    captured: npt.NDArray[np.int64],
    interface: npt.NDArray[np.int32],
    kinds: npt.NDArray[np.int32],
    outcome: npt.NDArray[np.uint8],
    version: npt.NDArray[np.uint8],
    source_high: npt.NDArray[np.uint64],
    source_low: npt.NDArray[np.uint64],
    target_high: npt.NDArray[np.uint64],
    target_low: npt.NDArray[np.uint64],
    protocol: npt.NDArray[np.int16],
    source_port: npt.NDArray[np.int32],
    port: npt.NDArray[np.int32],
    ttl: npt.NDArray[np.uint8],
    ip_id: npt.NDArray[np.int32],
    ip_header: npt.NDArray[np.int32],
    fragment: npt.NDArray[np.uint8],
    header: npt.NDArray[np.int32],
    tcp_flags: npt.NDArray[np.int32],
    sequence: npt.NDArray[np.int64],
    acknowledgement: npt.NDArray[np.int64],
    window: npt.NDArray[np.int32],
    tcp_header: npt.NDArray[np.int32],
    icmp_type: npt.NDArray[np.int16],
    icmp_code: npt.NDArray[np.int16],
    payload: npt.NDArray[np.int32],
    payload_length: npt.NDArray[np.int32],
) -> int:
    """Fill the columns; gives the number of undecided frames, or -1 - i when frame i leaves the buffer."""
    undecided = 0
    for i in range(len(offset)):
        start = offset[i]
        size = captured[i]
        if start < 0 or size < 0 or size > len(buffer) - start or not 0 <= interface[i] < len(kinds):
            return -1 - i

        # Every column first gets what a frame without the field has; what is found is written over it.
        version[i] = 0
        source_high[i] = 0
        source_low[i] = 0
        target_high[i] = 0
        target_low[i] = 0
        protocol[i] = -1
        source_port[i] = -1
        port[i] = -1
        ttl[i] = 0
        ip_id[i] = -1
        ip_header[i] = -1
        fragment[i] = WHOLE
        header[i] = -1
        tcp_flags[i] = -1
        sequence[i] = -1
        acknowledgement[i] = -1
        window[i] = -1
        tcp_header[i] = -1
        icmp_type[i] = -1
        icmp_code[i] = -1
        payload[i] = -1
        payload_length[i] = 0

        kind = kinds[interface[i]]
        result: Integer = DECODED
        at: Integer = 14
        wanted: Integer = 4
        if kind != ETHERNET or size < 14 or u16(buffer, start + 12) != 0x0800:  # by far the most are
            result, at, wanted = _network(buffer, start, size, kind)
        if result == DECODED and size <= at:
            result = TRUNCATED
        if result != DECODED:
            outcome[i] = result
            undecided += result == UNDECIDED
            continue

        ip = start + at
        first = u8(buffer, ip)
        number = first >> 4  # IP version
        up: Integer = 0  # offset in the frame of what follows the IP headers
        end: Integer = size  # of the IP packet in the frame, as far as it was captured
        if number == 4 and wanted != 6:
            length = (first & 15) << 2
            if length < 20:
                outcome[i] = MALFORMED
                continue
            if size < at + 20:
                outcome[i] = TRUNCATED
                continue
            total = u16(buffer, ip + 2)
            if 0 < total < length:
                outcome[i] = MALFORMED
                continue
            if 0 < total < size - at:  # 0: left to the network card (segmentation offload)
                end = at + total
            up = at + length if size >= at + length else -1  # -1: options cut off
            proto = u8(buffer, ip + 9)
            ip_id[i] = u16(buffer, ip + 4)
            ttl[i] = u8(buffer, ip + 8)
            source_low[i] = u32(buffer, ip + 12)
            target_low[i] = u32(buffer, ip + 16)
            bits = u16(buffer, ip + 6)
            if bits & 0x1FFF:
                piece: Integer = LATER_FRAGMENT
            elif bits & 0x2000:
                piece = FIRST_FRAGMENT
            else:
                piece = WHOLE
        elif number == 6 and wanted != 4:
            if size < at + 40:
                outcome[i] = TRUNCATED
                continue
            total = u16(buffer, ip + 4)
            if 0 < total < size - at - 40:  # 0: a jumbogram, or left to the network card
                end = at + 40 + total
            ttl[i] = u8(buffer, ip + 7)
            source_high[i] = u64(buffer, ip + 8)
            source_low[i] = u64(buffer, ip + 16)
            target_high[i] = u64(buffer, ip + 24)
            target_low[i] = u64(buffer, ip + 32)
            proto, up, piece = _extensions(buffer, start, at + 40, end, u8(buffer, ip + 6))
        else:
            outcome[i] = MALFORMED
            continue
        outcome[i] = DECODED
        version[i] = number
        protocol[i] = proto
        ip_header[i] = at
        fragment[i] = piece
        header[i] = up
        if up < 0 or piece == LATER_FRAGMENT:
            continue

        there = end - up  # captured bytes of what follows the IP headers
        base = start + up
        body: Integer = 0  # of them, the transport header's
        if there >= 4 and _HAS_PORTS[proto]:
            source_port[i] = u16(buffer, base)
            port[i] = u16(buffer, base + 2)
        if proto == TCP:
            if there >= 8:
                sequence[i] = u32(buffer, base + 4)
            if there >= 12:
                acknowledgement[i] = u32(buffer, base + 8)
            if there >= 14:
                bits = u16(buffer, base + 12)
                length = (bits >> 12) << 2
                tcp_flags[i] = bits & 0x1FF
                tcp_header[i] = length
                if there >= 16:
                    window[i] = u16(buffer, base + 14)
                if 20 <= length <= there:
                    body = length
        elif proto == UDP:
            body = 8
        elif (proto == ICMP and number == 4) or (proto == ICMPV6 and number == 6):
            body = 8
            if there >= 2:
                icmp_type[i] = u8(buffer, base)
                icmp_code[i] = u8(buffer, base + 1)
        if 0 < body <= there:
            payload[i] = up + body
            payload_length[i] = there - body
    return undecided
