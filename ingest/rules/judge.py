"""Judge decoded packets: class, tool, and the evidence that takes several packets of a source, compiled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from darkscope.ingest.capture.frames import Frames
from darkscope.ingest.compiled import compiled
from darkscope.ingest.decode.columns import DECODED, Packets
from darkscope.ingest.decode.wire import Buffer, u8, u32
from darkscope.ingest.rules.classes import ACK, OTHER, SYN, traffic
from darkscope.ingest.rules.tools import (
    NO_NMAP,
    NO_UNICORNSCAN,
    NONE,
    keeps_masscan_id,
    nmap_key,
    tool,
    unicornscan_key,
)


@dataclass(frozen=True, slots=True)
class Judgements:
    """One entry a packet; entries of frames that did not decode mean nothing."""

    traffic: npt.NDArray[np.uint8]  # index in `Traffic`
    tool: npt.NDArray[np.uint8]  # index in `Tool`
    masscan_hit: npt.NDArray[np.bool_]  # SYN that keeps masscan's rule of the IP id
    nmap_key: npt.NDArray[np.int64]  # key << 32 | sequence number, or NO_NMAP
    unicornscan_key: npt.NDArray[np.int64]  # likewise, or NO_UNICORNSCAN


class Judge:
    """Judges one run after another; not to be shared between threads."""

    def __init__(self) -> None:
        self._room = _empty(0)

    def judge(self, packets: Packets, frames: Frames) -> Judgements:
        """Judge the packets that were decoded from these frames; valid until the next call."""
        if len(self._room.traffic) < len(packets):
            self._room = _empty(len(packets))
        length = len(packets)
        result = Judgements(
            self._room.traffic[:length],
            self._room.tool[:length],
            self._room.masscan_hit[:length],
            self._room.nmap_key[:length],
            self._room.unicornscan_key[:length],
        )
        classify(
            frames.buffer,
            frames.offset,
            packets.outcome,
            packets.version,
            packets.source_high,
            packets.source_low,
            packets.target_high,
            packets.target_low,
            packets.protocol,
            packets.source_port,
            packets.port,
            packets.ip_header,
            packets.fragment,
            packets.tcp_flags,
            packets.icmp_type,
            result.traffic,
        )
        fingerprint(
            frames.buffer,
            frames.offset,
            packets.version,
            packets.target_low,
            packets.source_port,
            packets.port,
            packets.ttl,
            packets.ip_id,
            packets.header,
            packets.tcp_flags,
            packets.sequence,
            packets.window,
            packets.tcp_header,
            packets.payload,
            result.tool,
            result.masscan_hit,
            result.nmap_key,
            result.unicornscan_key,
        )
        return result


def _empty(length: int) -> Judgements:
    return Judgements(
        np.empty(length, np.uint8),
        np.empty(length, np.uint8),
        np.empty(length, np.bool_),
        np.empty(length, np.int64),
        np.empty(length, np.int64),
    )


@compiled
def classify(
    buffer: Buffer,
    offset: npt.NDArray[np.int64],
    outcome: npt.NDArray[np.uint8],
    version: npt.NDArray[np.uint8],
    source_high: npt.NDArray[np.uint64],
    source_low: npt.NDArray[np.uint64],
    target_high: npt.NDArray[np.uint64],
    target_low: npt.NDArray[np.uint64],
    protocol: npt.NDArray[np.int16],
    source_port: npt.NDArray[np.int32],
    port: npt.NDArray[np.int32],
    ip_header: npt.NDArray[np.int32],
    fragment: npt.NDArray[np.uint8],
    tcp_flags: npt.NDArray[np.int32],
    icmp_type: npt.NDArray[np.int16],
    result: npt.NDArray[np.uint8],
) -> None:
    """Fill the last column with the class of each packet."""
    for i in range(len(outcome)):
        if outcome[i] != DECODED:
            result[i] = OTHER
            continue
        ip = np.int64(version[i])
        # The reserved bit lies in the seventh byte of an IPv4 header, which a decoded packet has whole.
        reserved = bool(ip == 4 and u8(buffer, offset[i] + ip_header[i] + 6) >= 0x80)
        result[i] = traffic(
            ip,
            source_high[i],
            source_low[i],
            target_high[i],
            target_low[i],
            np.int64(protocol[i]),
            np.int64(source_port[i]),
            np.int64(port[i]),
            np.int64(fragment[i]),
            reserved,
            np.int64(tcp_flags[i]),
            np.int64(icmp_type[i]),
        )


@compiled
def fingerprint(
    buffer: Buffer,
    offset: npt.NDArray[np.int64],
    version: npt.NDArray[np.uint8],
    target_low: npt.NDArray[np.uint64],
    source_port: npt.NDArray[np.int32],
    port: npt.NDArray[np.int32],
    ttl: npt.NDArray[np.uint8],
    ip_id: npt.NDArray[np.int32],
    header: npt.NDArray[np.int32],
    tcp_flags: npt.NDArray[np.int32],
    sequence: npt.NDArray[np.int64],
    window: npt.NDArray[np.int32],
    tcp_header: npt.NDArray[np.int32],
    payload: npt.NDArray[np.int32],
    sender: npt.NDArray[np.uint8],
    masscan_hit: npt.NDArray[np.bool_],
    nmap: npt.NDArray[np.int64],
    unicornscan: npt.NDArray[np.int64],
) -> None:
    """Fill the last four columns with what each SYN without ACK tells of its sender.

    A loop of its own: with `classify` in one, the compiler keeps too much in memory and takes twice as long.
    """
    for i in range(len(tcp_flags)):
        sender[i] = NONE
        masscan_hit[i] = False
        nmap[i] = NO_NMAP
        unicornscan[i] = NO_UNICORNSCAN
        # The header must be captured whole: what is cut cannot be told from what is not there.
        flags = np.int64(tcp_flags[i])
        if flags < 0 or flags & (SYN | ACK) != SYN or payload[i] < 0:
            continue
        ip = np.int64(version[i])
        target = np.int64(target_low[i] & np.uint64(0xFFFFFFFF))
        from_port = np.int64(source_port[i])
        to_port = np.int64(port[i])
        identity = np.int64(ip_id[i])
        number = sequence[i]
        size = np.int64(window[i])
        length = np.int64(tcp_header[i])
        options = offset[i] + header[i] + 20
        first = u32(buffer, options) if length >= 24 else 0
        second = u32(buffer, options + 4) if length >= 28 else 0
        third = u32(buffer, options + 8) if length >= 32 else 0
        masscan_hit[i] = keeps_masscan_id(ip, target, to_port, number, identity)
        sender[i] = tool(
            ip,
            target,
            from_port,
            to_port,
            np.int64(ttl[i]),
            identity,
            number,
            size,
            length,
            first,
            second,
            third,
        )
        if sender[i] == NONE:
            nmap[i] = nmap_key(number, size, length, first)
            unicornscan[i] = unicornscan_key(ip, target, from_port, to_port, number)
