"""What a frame says, read with dpkt one frame at a time: the specification that the kernel is tested against.

One frame in, one outcome with all its fields out, whatever the bytes are. dpkt's own recursion is not used:
on cut or hostile frames it forgets headers that were read, raises out of later layers, and never says where a
layer begins. Each header is cut out and read by dpkt on its own; where even that loses fields, struct reads.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

import dpkt

from darkscope.ingest.decode.columns import FIRST_FRAGMENT, LATER_FRAGMENT, WHOLE
from darkscope.ingest.decode.links import locate
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
from darkscope.ingest.series import Rejected


@dataclass(frozen=True, slots=True)
class Reading:
    """One frame as the columns of `Packets` hold it; the defaults are what a rejected frame has."""

    rejected: Rejected | None = None
    version: int = 0
    source: int = 0
    target: int = 0
    protocol: int = -1
    source_port: int = -1
    port: int = -1
    ttl: int = 0
    ip_id: int = -1
    ip_header: int = -1
    fragment: int = WHOLE
    header: int = -1
    tcp_flags: int = -1
    sequence: int = -1
    acknowledgement: int = -1
    window: int = -1
    tcp_header: int = -1
    icmp_type: int = -1
    icmp_code: int = -1
    payload: int = -1
    payload_length: int = 0


def read(frame: bytes, link_type: int) -> Reading:
    """Read one frame of a link type (LINKTYPE_ number)."""
    network = locate(frame, link_type)
    if isinstance(network, Rejected):
        return Reading(network)
    at = network.offset
    if at >= len(frame):
        return Reading(Rejected.TRUNCATED)
    version = frame[at] >> 4
    if version not in (4, 6) or network.version not in (0, version):
        return Reading(Rejected.MALFORMED)
    return _ipv4(frame, at) if version == 4 else _ipv6(frame, at)


def _ipv4(frame: bytes, at: int) -> Reading:
    """RFC 791."""
    length = (frame[at] & 15) * 4
    if length < 20:
        return Reading(Rejected.MALFORMED)
    if len(frame) < at + 20:
        return Reading(Rejected.TRUNCATED)
    ip = dpkt.ip.IP(frame[at : at + 20])
    if 0 < ip.len < length:
        return Reading(Rejected.MALFORMED)
    first = FIRST_FRAGMENT if ip.mf else WHOLE
    packet = Reading(
        version=4,
        source=int.from_bytes(ip.src),
        target=int.from_bytes(ip.dst),
        protocol=ip.p,
        ttl=ip.ttl,
        ip_id=ip.id,
        ip_header=at,
        fragment=LATER_FRAGMENT if ip.offset else first,
        header=at + length if len(frame) >= at + length else -1,  # -1: options cut off
    )
    # Length 0 was left to the network card (segmentation offload): then the frame's end is the packet's.
    return _transport(frame[: at + ip.len] if ip.len else frame, packet)


def _ipv6(frame: bytes, at: int) -> Reading:
    """RFC 8200. The protocol is what the last captured next-header field says, behind extension headers."""
    if len(frame) < at + 40:
        return Reading(Rejected.TRUNCATED)
    # dpkt.ip6.IP6 raises, and the addresses are lost, where an extension header or one of its options is cut.
    length, protocol, hops, source, target = struct.unpack_from(">4xHBB16s16s", frame, at)
    if length:  # 0: a jumbogram, or left to the network card
        frame = frame[: at + 40 + length]
    header = at + 40
    fragment = WHOLE
    while protocol in EXTENSIONS and fragment != LATER_FRAGMENT:
        extension = frame[header:]
        length = _extension_length(extension, protocol)
        if length > len(extension):
            # Of a fragment header's rest depends whether its protocol is here at all.
            if extension and protocol != FRAGMENT:
                protocol = extension[0]
            header = -1
            break
        if protocol == FRAGMENT:
            piece = dpkt.ip6.IP6FragmentHeader(extension[:8])
            if piece.frag_off:
                fragment = LATER_FRAGMENT
            elif piece.m_flag:
                fragment = FIRST_FRAGMENT
        protocol = extension[0]
        header += length
    packet = Reading(
        version=6,
        source=int.from_bytes(source),
        target=int.from_bytes(target),
        protocol=protocol,
        ttl=hops,
        ip_header=at,
        fragment=fragment,
        header=header,
    )
    return _transport(frame, packet)


def _extension_length(extension: bytes, protocol: int) -> int:
    """Bytes of an extension header; 8, the least, where its length is cut off."""
    # dpkt reads the options too and gives up on odd ones; the length is all that is needed.
    if len(extension) < 8 or protocol == FRAGMENT:
        return 8
    return (extension[1] + 2) * 4 if protocol == AUTHENTICATION else (extension[1] + 1) * 8


def _transport(frame: bytes, packet: Reading) -> Reading:
    """Add what the header after IP says; `frame` ends where the IP packet does."""
    if packet.header < 0 or packet.fragment == LATER_FRAGMENT:
        return packet
    data = frame[packet.header :]
    if packet.protocol in WITH_PORTS and len(data) >= 4:
        source_port, port = struct.unpack_from(">HH", data)
        packet = replace(packet, source_port=source_port, port=port)
    length = 0  # of the transport header where it is complete
    if packet.protocol == TCP:
        packet, length = _tcp(data, packet)
    elif packet.protocol == UDP:
        length = 8 if len(data) >= 8 else 0
    elif (packet.version, packet.protocol) in ((4, ICMP), (6, ICMPV6)):
        if len(data) >= 2:
            packet = replace(packet, icmp_type=data[0], icmp_code=data[1])
        length = 8 if len(data) >= 8 else 0
    if not length:
        return packet
    return replace(packet, payload=packet.header + length, payload_length=len(data) - length)


def _tcp(data: bytes, packet: Reading) -> tuple[Reading, int]:
    """RFC 9293; as many fields as were captured, and the header's length where it is complete."""
    try:
        tcp = dpkt.tcp.TCP(data)
    except dpkt.UnpackError:
        # dpkt gives up on a header that is cut or claims less than 20 bytes; its fields still count.
        return _cut_tcp(data, packet), 0
    length = tcp.off * 4
    packet = replace(
        packet,
        sequence=tcp.seq,
        acknowledgement=tcp.ack,
        tcp_flags=tcp.flags,
        window=tcp.win,
        tcp_header=length,
    )
    return packet, length if length <= len(data) else 0


def _cut_tcp(data: bytes, packet: Reading) -> Reading:
    if len(data) >= 8:
        packet = replace(packet, sequence=int.from_bytes(data[4:8]))
    if len(data) >= 12:
        packet = replace(packet, acknowledgement=int.from_bytes(data[8:12]))
    if len(data) >= 14:
        bits = int.from_bytes(data[12:14])
        packet = replace(packet, tcp_flags=bits & 0x1FF, tcp_header=(bits >> 12) * 4)
    if len(data) >= 16:
        packet = replace(packet, window=int.from_bytes(data[14:16]))
    return packet
