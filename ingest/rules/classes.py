"""What one packet is: spoofable, backscatter, scan or other, judged from itself alone.

Each rule is a pure function of a few columns of one packet; `traffic` puts them in order. Nothing is dropped:
a class is a label. Rules after CAIDA's corsaro3 and Merit's ORION, with the differences named.
"""

from __future__ import annotations

import numpy as np

from darkscope.ingest.compiled import compiled
from darkscope.ingest.decode.columns import LATER_FRAGMENT
from darkscope.ingest.decode.protocols import ICMP, ICMPV6, TCP, UDP
from darkscope.ingest.decode.wire import Integer, members
from darkscope.ingest.series import Traffic

_TRAFFIC = tuple(Traffic)
SPOOFABLE = _TRAFFIC.index(Traffic.SPOOFABLE)
BACKSCATTER = _TRAFFIC.index(Traffic.BACKSCATTER)
SCAN = _TRAFFIC.index(Traffic.SCAN)
OTHER = _TRAFFIC.index(Traffic.OTHER)

FIN, SYN, RST, PSH, ACK, URG = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20


_ORDINARY_FLAGS = members(
    64,
    (SYN, ACK, RST, FIN, SYN | ACK, RST | ACK, FIN | ACK, PSH | ACK, FIN | PSH | ACK),
)
_ORDINARY_PROTOCOLS = members(256, (ICMP, TCP, UDP, 41, 47, ICMPV6))
_REPLY_ICMP = members(256, (0, 3, 4, 5, 11, 12, 14, 16, 18))
_REPLY_ICMPV6 = members(256, (1, 2, 3, 4, 129, 137))
_QUERY_ICMP = members(256, (8, 13, 15, 17))
_REFLECTORS = members(
    1 << 16,
    (17, 19, 53, 69, 111, 123, 137, 161, 389, 520, 1900, 3283, 3702, 5353, 5683, 10001, 11211, 27015, 37810),
)
_BOGON_EIGHTS = members(256, (0, 10, 127, *range(224, 256)))
_PARTLY_BOGON_EIGHTS = members(256, (100, 169, 172, 192, 198, 203))


@compiled
def is_bogon_v4(address: Integer) -> bool:
    """Tell whether no packet of the Internet can come from this IPv4 address.

    Source: IANA IPv4 Special-Purpose Address Registry, and 224/3 (multicast, reserved). Confidence: high.
    Caveat: inside a network private addresses are real; a sensor there sees its neighbours as spoofable.
    """
    eight = address >> 24
    if not _PARTLY_BOGON_EIGHTS[eight]:
        return bool(_BOGON_EIGHTS[eight])
    sixteen, twenty_four = address >> 16, address >> 8
    return (
        address >> 22 == 0x6440 >> 6  # 100.64.0.0/10
        or sixteen in (0xA9FE, 0xC0A8)  # 169.254.0.0/16, 192.168.0.0/16
        or address >> 20 == 0xAC1  # 172.16.0.0/12
        or address >> 17 == 0xC612 >> 1  # 198.18.0.0/15
        # 192.0.0.0/24, 192.0.2.0/24, 192.88.99.0/24, 198.51.100.0/24, 203.0.113.0/24
        or twenty_four in (0xC00000, 0xC00002, 0xC05863, 0xC63364, 0xCB0071)
    )


@compiled
def is_bogon_v6(high: np.uint64) -> bool:
    """Tell whether no packet of the Internet can come from an IPv6 address with this upper half.

    Source: IANA IPv6 Special-Purpose Address Registry (what is not globally reachable), and all outside
    2000::/3, the unicast space given out. Confidence: high. Caveat: link-local neighbours count as spoofable.
    """
    return bool(
        high >> np.uint64(61) != np.uint64(1)  # outside 2000::/3: ::, ::1, fc00::/7, fe80::/10, ff00::/8 ...
        or high >> np.uint64(32) == np.uint64(0x20010DB8)  # 2001:db8::/32, documentation
        or high >> np.uint64(44) == np.uint64(0x3FFF0)  # 3fff::/20, documentation
    )


@compiled
def has_odd_flags(flags: Integer) -> bool:
    """Tell whether no ordinary TCP sends these flags together.

    Source: corsaro3's ordinary sets (S, A, R, F, SA, FA, PA, FPA), to which RA belongs: RFC 9293 answers a
    SYN for a closed port with it, and most backscatter of floods is that. ECE, CWR and NS are left out of the
    judgement: RFC 3168 sets them on ordinary SYNs. Confidence: high.
    """
    return not _ORDINARY_FLAGS[flags & 0x3F]


@compiled
def is_reply_icmp(version: Integer, kind: Integer) -> bool:
    """Tell whether an ICMP type answers something, or reports an error about it.

    Source: as CAIDA and Merit filter: 0, 3, 4, 5, 11, 12, 14, 16, 18; for ICMPv6 the same meanings (RFC 4443,
    4861): errors 1 to 4, echo reply 129, redirect 137. Confidence: high.
    Caveat: traceroutes of the own network are answered with 11 and 3 as well.
    """
    if kind < 0:  # cut off
        return False
    return bool(_REPLY_ICMPV6[kind] if version == 6 else _REPLY_ICMP[kind])


@compiled
def is_query_icmp(version: Integer, kind: Integer) -> bool:
    """Tell whether an ICMP type asks: echo, timestamp, information, address mask (RFC 792, 950); ICMPv6 echo.

    Confidence: high. Caveat: a neighbour's ping is the same.
    """
    if kind < 0:
        return False
    return bool(kind == 128 if version == 6 else _QUERY_ICMP[kind])


@compiled
def is_reply_udp(source_port: Integer, port: Integer) -> bool:
    """Tell whether a UDP packet comes from a reflector's port, and so answers a query with a forged source.

    Source: corsaro3 (source port 53), widened to the services of US-CERT TA14-017A and its later additions:
    QOTD, chargen, DNS, TFTP, portmap, NTP, NetBIOS, SNMP, CLDAP, RIP, SSDP, ARMS, WS-Discovery, mDNS, CoAP,
    Ubiquiti, memcached, Steam, DHDiscover. Confidence: medium.
    Caveat: scanners may choose such a source port. Where both ports are the same it is taken for a query
    between servers (NTP, NetBIOS), which scanners imitate: who forges a query puts the victim's port there.
    """
    return bool(source_port >= 0 and source_port != port and _REFLECTORS[source_port])


@compiled
def is_spoofable(
    version: Integer,
    source_high: np.uint64,
    source_low: np.uint64,
    target_high: np.uint64,
    target_low: np.uint64,
    protocol: Integer,
    source_port: Integer,
    port: Integer,
    fragment: Integer,
    reserved: bool,
    flags: Integer,
) -> bool:
    """Tell whether the source is forged or easily forged.

    Source: corsaro3's filters: bogon source, source equal to destination, port 0, later fragment or reserved
    IP bit (`ip_off & 0x9fff`), odd TCP flags, a protocol outside ICMP, TCP, UDP, IPv6, GRE, ICMPv6.
    Confidence: medium; a source that completed a handshake is none of it (judged in `sources`).
    Its TTL >= 200 rule is left out: ZMap and masscan start at 255.
    """
    bogon = is_bogon_v6(source_high) if version == 6 else is_bogon_v4(np.int64(source_low))
    if bogon or reserved or (source_low == target_low and source_high == target_high):
        return True
    if fragment == LATER_FRAGMENT or source_port == 0 or port == 0:
        return True
    if protocol == TCP:
        return bool(flags >= 0 and has_odd_flags(flags))
    return not _ORDINARY_PROTOCOLS[protocol]


@compiled
def is_backscatter(
    version: Integer,
    protocol: Integer,
    source_port: Integer,
    port: Integer,
    flags: Integer,
    icmp_type: Integer,
) -> bool:
    """Tell whether the packet replies to someone who forged the sensor's address.

    Source: Moore et al., "Inferring Internet Denial-of-Service Activity" (2001), as CAIDA applies it: TCP
    SYN+ACK or RST, replying ICMP, UDP from a reflector. Confidence: high for TCP and ICMP on unused
    addresses, medium for UDP. Caveat: a honeypot that opens connections gets the same answers.
    """
    if protocol == TCP:
        return bool(flags >= 0 and (flags & RST != 0 or flags & (SYN | ACK) == SYN | ACK))
    if protocol == UDP:
        return is_reply_udp(source_port, port)
    return is_reply_icmp(version, icmp_type)  # of other protocols the type is absent


@compiled
def is_scan(version: Integer, protocol: Integer, port: Integer, flags: Integer, icmp_type: Integer) -> bool:
    """Tell whether the packet asks for a service: TCP SYN without ACK, UDP to a port, an ICMP query.

    Source: TSUBAME and Merit count these. Confidence: high for TCP and ICMP; UDP also carries leftovers of
    peer-to-peer programs.
    """
    if protocol == TCP:
        return bool(flags >= 0 and flags & (SYN | ACK | RST | FIN) == SYN)
    if protocol == UDP:
        return bool(port > 0)
    return is_query_icmp(version, icmp_type)


@compiled
def traffic(
    version: Integer,
    source_high: np.uint64,
    source_low: np.uint64,
    target_high: np.uint64,
    target_low: np.uint64,
    protocol: Integer,
    source_port: Integer,
    port: Integer,
    fragment: Integer,
    reserved: bool,
    flags: Integer,
    icmp_type: Integer,
) -> int:
    """Class of one packet as the index in `Traffic`, whose order is the precedence.

    Spoofable comes first: where the source is forged, nothing else that is said about it holds. Backscatter
    comes before scan: a reply from a reflector's port is also UDP to a port. A packet cut before its flags,
    ports or type is other: nothing is known of it. So are TCP segments of a session (ACK, FIN, data).
    """
    if is_spoofable(
        version,
        source_high,
        source_low,
        target_high,
        target_low,
        protocol,
        source_port,
        port,
        fragment,
        reserved,
        flags,
    ):
        return SPOOFABLE
    if is_backscatter(version, protocol, source_port, port, flags, icmp_type):
        return BACKSCATTER
    if is_scan(version, protocol, port, flags, icmp_type):
        return SCAN
    return OTHER
