"""Judge decoded packets: class, tool, and the evidence that takes several packets of a source, compiled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from darkscope.ingest.capture.frames import Frames
from darkscope.ingest.compiled import compiled
from darkscope.ingest.decode.columns import DECODED, LATER_FRAGMENT, Packets
from darkscope.ingest.rules.classes import OTHER, traffic
from darkscope.ingest.rules.tools import (
    NO_NMAP,
    NO_UNICORNSCAN,
    NONE,
    SYN_AND_ACK,
    SYN_WITHOUT_ACK,
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
        judge(
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
            packets.ttl,
            packets.ip_id,
            packets.ip_header,
            packets.fragment,
            packets.header,
            packets.tcp_flags,
            packets.sequence,
            packets.window,
            packets.tcp_header,
            packets.icmp_type,
            packets.payload,
            result.traffic,
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
def judge(
    buffer: npt.NDArray[np.uint8],
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
    ttl: npt.NDArray[np.uint8],
    ip_id: npt.NDArray[np.int32],
    ip_header: npt.NDArray[np.int32],
    fragment: npt.NDArray[np.uint8],
    header: npt.NDArray[np.int32],
    tcp_flags: npt.NDArray[np.int32],
    sequence: npt.NDArray[np.int64],
    window: npt.NDArray[np.int32],
    tcp_header: npt.NDArray[np.int32],
    icmp_type: npt.NDArray[np.int16],
    payload: npt.NDArray[np.int32],
    traffic_out: npt.NDArray[np.uint8],
    tool_out: npt.NDArray[np.uint8],
    masscan_hit: npt.NDArray[np.bool_],
    nmap: npt.NDArray[np.int64],
    unicornscan: npt.NDArray[np.int64],
) -> None:
    """Fill the last five columns."""
    for i in range(len(outcome)):
        traffic_out[i] = OTHER
        tool_out[i] = NONE
        masscan_hit[i] = False
        nmap[i] = NO_NMAP
        unicornscan[i] = NO_UNICORNSCAN
        if outcome[i] != DECODED:
            continue
        ip = np.int64(version[i])
        flags = np.int64(tcp_flags[i])
        to_port = np.int64(port[i])
        # The reserved bit lies in the seventh byte of an IPv4 header, which a decoded packet has whole.
        reserved = ip == 4 and buffer[offset[i] + ip_header[i] + 6] & 0x80 != 0
        traffic_out[i] = traffic(
            ip,
            source_high[i],
            source_low[i],
            target_high[i],
            target_low[i],
            np.int64(protocol[i]),
            np.int64(source_port[i]),
            to_port,
            np.int64(fragment[i]),
            reserved,
            flags,
            np.int64(icmp_type[i]),
        )
        # A SYN whose header was captured whole; what is cut cannot be told from what is not there.
        if (
            flags < 0
            or flags & SYN_AND_ACK != SYN_WITHOUT_ACK
            or payload[i] < 0
            or fragment[i] == LATER_FRAGMENT
        ):
            continue
        target = np.int64(target_low[i] & np.uint64(0xFFFFFFFF))
        number = sequence[i]
        options = offset[i] + header[i] + 20
        masscan_hit[i] = keeps_masscan_id(ip, target, to_port, number, np.int64(ip_id[i]))
        sender = tool(
            ip,
            target,
            np.int64(source_port[i]),
            to_port,
            np.int64(ttl[i]),
            np.int64(ip_id[i]),
            number,
            np.int64(window[i]),
            np.int64(tcp_header[i]),
            buffer,
            options,
        )
        tool_out[i] = sender
        if sender == NONE:
            nmap[i] = nmap_key(number, np.int64(window[i]), np.int64(tcp_header[i]), buffer, options)
            unicornscan[i] = unicornscan_key(ip, target, np.int64(source_port[i]), to_port, number)
