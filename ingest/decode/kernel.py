"""Decode the plain frames of a run, compiled: where the outermost IP header lies, and what it says.

Frames in, columns out; nothing else is touched. A frame of a link layer that is not plain (LLC, MPLS, PPPoE and
the like) is marked UNDECIDED and left to the reference, which also reads every frame decided here the same way:
`reference.py` says what is right, this module says it fast.

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


@compiled
def _u16(buffer: npt.NDArray[np.uint8], at: int) -> int:
    return (np.int64(buffer[at]) << 8) | np.int64(buffer[at + 1])


@compiled
def _u32(buffer: npt.NDArray[np.uint8], at: int) -> int:
    return (
        (np.int64(buffer[at]) << 24)
        | (np.int64(buffer[at + 1]) << 16)
        | (np.int64(buffer[at + 2]) << 8)
        | np.int64(buffer[at + 3])
    )


@compiled
def _u64(buffer: npt.NDArray[np.uint8], at: int) -> np.uint64:
    return (np.uint64(_u32(buffer, at)) << np.uint64(32)) | np.uint64(_u32(buffer, at + 4))


@compiled
def _network(buffer: npt.NDArray[np.uint8], start: int, size: int, kind: int) -> tuple[int, int, int]:
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
        family = _u32(buffer, start)
        if family > 0xFFFF:  # written by a machine of the other byte order
            family = np.int64(buffer[start]) | (np.int64(buffer[start + 1]) << 8)
            if buffer[start + 2] != 0 or buffer[start + 3] != 0:
                return NOT_IP, 0, 0
        if family in (2, 10, 24, 28, 30):  # AF_INET, and AF_INET6 of Linux, the BSDs and macOS
            return DECODED, 4, _EITHER
        return NOT_IP, 0, 0
    if kind == ETHERNET:
        at = 14
        if size < at:
            return TRUNCATED, 0, 0
        ether = _u16(buffer, start + 12)
    elif kind in (SLL, SLL2):
        at = 16 if kind == SLL else 20
        if size < at:
            return TRUNCATED, 0, 0
        hardware = _u16(buffer, start + (2 if kind == SLL else 8))
        if hardware in (770, 803, 824):  # frame relay, radiotap, netlink: the protocol field is none
            return UNDECIDED, 0, 0
        ether = _u16(buffer, start + (14 if kind == SLL else 0))
    else:
        return UNDECIDED, 0, 0
    while ether in (0x8100, 0x88A8, 0x9100, 0x9200):
        if size < at + 4:
            return TRUNCATED, 0, 0
        ether = _u16(buffer, start + at + 2)
        at += 4
    if ether == 0x0800:
        return DECODED, at, 4
    if ether == 0x86DD:
        return DECODED, at, 6
    if ether == 0x0806:  # ARP
        return NOT_IP, 0, 0
    return UNDECIDED, 0, 0


@compiled
def decode(
    buffer: npt.NDArray[np.uint8],
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

        result, at, wanted = _network(buffer, start, size, kinds[interface[i]])
        ip = start + at
        number = 0  # IP version
        end = size  # of the IP packet in the frame, as far as it was captured
        up = -1  # offset in the frame of what follows the IP headers
        proto = -1
        hops = 0
        identity = -1
        piece = WHOLE
        zero = np.uint64(0)
        from_high, from_low, to_high, to_low = zero, zero, zero, zero

        if result == DECODED:
            if size <= at:
                result = TRUNCATED
            else:
                number = np.int64(buffer[ip]) >> 4
                if number not in (4, 6) or wanted not in (_EITHER, number):
                    result = MALFORMED
        if result == DECODED and number == 4:
            length = (np.int64(buffer[ip]) & 15) << 2
            if length < 20:
                result = MALFORMED
            elif size < at + 20:
                result = TRUNCATED
            else:
                total = _u16(buffer, ip + 2)
                if 0 < total < length:
                    result = MALFORMED
                elif size < at + length:
                    result = TRUNCATED
                else:
                    if total > 0:  # 0: left to the network card (segmentation offload)
                        end = min(size, at + total)
                    up = at + length
                    proto = np.int64(buffer[ip + 9])
                    hops = np.int64(buffer[ip + 8])
                    identity = _u16(buffer, ip + 4)
                    bits = _u16(buffer, ip + 6)
                    if bits & 0x1FFF:
                        piece = LATER_FRAGMENT
                    elif bits & 0x2000:
                        piece = FIRST_FRAGMENT
                    from_low = np.uint64(_u32(buffer, ip + 12))
                    to_low = np.uint64(_u32(buffer, ip + 16))
        elif result == DECODED:
            if size < at + 40:
                result = TRUNCATED
            else:
                total = _u16(buffer, ip + 4)
                if total > 0:  # 0: a jumbogram, or left to the network card
                    end = min(size, at + 40 + total)
                up = at + 40
                proto = np.int64(buffer[ip + 6])
                hops = np.int64(buffer[ip + 7])
                from_high, from_low = _u64(buffer, ip + 8), _u64(buffer, ip + 16)
                to_high, to_low = _u64(buffer, ip + 24), _u64(buffer, ip + 32)
                while proto in (0, 43, 44, 51, 60, 135, 139, 140):
                    if end < up + 8:
                        up = -1
                        break
                    if proto == 44:
                        bits = _u16(buffer, start + up + 2)
                        proto = np.int64(buffer[start + up])
                        up += 8
                        if bits & 0xFFF8:
                            piece = LATER_FRAGMENT
                            break
                        if bits & 1:
                            piece = FIRST_FRAGMENT
                        continue
                    length = (np.int64(buffer[start + up + 1]) + 1) << 3
                    if proto == 51:
                        length = (np.int64(buffer[start + up + 1]) + 2) << 2
                    if end < up + length:
                        up = -1
                        break
                    proto = np.int64(buffer[start + up])
                    up += length
        if result != DECODED:
            number = 0
        if result == UNDECIDED:
            undecided += 1

        from_port, to_port = -1, -1
        flags, seq, ack, win, offset_bytes = -1, -1, -1, -1, -1
        kind_of_icmp, code = -1, -1
        body = -1
        there = end - up  # captured bytes of what follows the IP headers
        if result == DECODED and up >= 0 and piece != LATER_FRAGMENT:
            base = start + up
            if proto in (6, 17, 33, 132, 136) and there >= 4:
                from_port = _u16(buffer, base)
                to_port = _u16(buffer, base + 2)
            if proto == 6:
                if there >= 8:
                    seq = _u32(buffer, base + 4)
                if there >= 12:
                    ack = _u32(buffer, base + 8)
                if there >= 14:
                    bits = _u16(buffer, base + 12)
                    flags = bits & 0x1FF
                    offset_bytes = (bits >> 12) << 2
                if there >= 16:
                    win = _u16(buffer, base + 14)
                if there >= 20 and 20 <= offset_bytes <= there:
                    body = up + offset_bytes
            elif proto == 17:
                if there >= 8:
                    body = up + 8
            elif (proto == 1 and number == 4) or (proto == 58 and number == 6):
                if there >= 2:
                    kind_of_icmp = np.int64(buffer[base])
                    code = np.int64(buffer[base + 1])
                if there >= 8:
                    body = up + 8

        outcome[i] = result
        version[i] = number
        source_high[i] = from_high
        source_low[i] = from_low
        target_high[i] = to_high
        target_low[i] = to_low
        protocol[i] = proto
        source_port[i] = from_port
        port[i] = to_port
        ttl[i] = hops
        ip_id[i] = identity
        ip_header[i] = at if result == DECODED else -1
        fragment[i] = piece
        header[i] = up
        tcp_flags[i] = flags
        sequence[i] = seq
        acknowledgement[i] = ack
        window[i] = win
        tcp_header[i] = offset_bytes
        icmp_type[i] = kind_of_icmp
        icmp_code[i] = code
        payload[i] = body
        payload_length[i] = end - body if body >= 0 else 0
    return undecided
