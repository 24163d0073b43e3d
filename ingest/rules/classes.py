"""What one packet is: spoofable, backscatter, scan or other, judged from itself alone.

Each rule is a pure function of a few columns of one packet; `traffic` puts them in order. Nothing is dropped:
a class is a label. Rules after CAIDA's corsaro3 and Merit's ORION, with the differences named.
"""

from __future__ import annotations

import numpy as np

from darkscope.ingest.compiled import compiled
from darkscope.ingest.decode.columns import LATER_FRAGMENT
from darkscope.ingest.series import Traffic

_TRAFFIC = tuple(Traffic)
SPOOFABLE = _TRAFFIC.index(Traffic.SPOOFABLE)
BACKSCATTER = _TRAFFIC.index(Traffic.BACKSCATTER)
SCAN = _TRAFFIC.index(Traffic.SCAN)
OTHER = _TRAFFIC.index(Traffic.OTHER)

FIN, SYN, RST, PSH, ACK, URG = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20


@compiled
def is_bogon_v4(address: int) -> bool:
    """Whether no packet of the Internet can come from this IPv4 address.

    Source: IANA IPv4 Special-Purpose Address Registry, and 224/3 (multicast, reserved). Confidence: high.
    Caveat: inside a network private addresses are real; a sensor there sees its neighbours as spoofable.
    """
    return (
        address >> 24 in (0, 10, 127)
        or address >= 0xE0000000  # 224.0.0.0/3
        or address >> 22 == 0x6440 >> 6  # 100.64.0.0/10
        or address >> 16 in (0xA9FE, 0xC0A8)  # 169.254/16, 192.168/16
        or address >> 20 == 0xAC1  # 172.16.0.0/12
        or address >> 17 == 0xC612 >> 1  # 198.18.0.0/15
        # 192.0.0/24, 192.0.2/24, 192.88.99/24, 198.51.100/24, 203.0.113/24
        or address >> 8 in (0xC00000, 0xC00002, 0xC05863, 0xC63364, 0xCB0071)
    )


@compiled
def is_bogon_v6(high: int) -> bool:
    """Whether no packet of the Internet can come from an IPv6 address with this upper half.

    Source: IANA IPv6 Special-Purpose Address Registry (what is not globally reachable), and all outside 2000::/3,
    the only unicast space given out. Confidence: high. Caveat: link-local neighbours count as spoofable.
    """
    return (
        high >> np.uint64(61) != np.uint64(1)  # outside 2000::/3: ::, ::1, fc00::/7, fe80::/10, ff00::/8 ...
        or high >> np.uint64(32) == np.uint64(0x20010DB8)  # 2001:db8::/32, documentation
        or high >> np.uint64(44) == np.uint64(0x3FFF0)  # 3fff::/20, documentation
    )


@compiled
def has_odd_flags(flags: int) -> bool:
    """Whether no TCP of this world sends these flags together.

    Source: corsaro3's list of ordinary sets (S, A, R, F, SA, FA, PA, FPA), to which RA belongs: RFC 9293 answers a
    SYN for a closed port with it, and most backscatter of floods is that. ECE, CWR and NS are left out of the
    judgement: RFC 3168 sets them on ordinary SYNs. Confidence: high.
    """
    return flags & 0x3F not in (
        SYN,
        ACK,
        RST,
        FIN,
        SYN | ACK,
        RST | ACK,
        FIN | ACK,
        PSH | ACK,
        FIN | PSH | ACK,
    )


@compiled
def is_reply_icmp(version: int, kind: int) -> bool:
    """Whether an ICMP type answers something, or reports an error about it.

    Source: facts of CAIDA's and Merit's filters: 0, 3, 4, 5, 11, 12, 14, 16, 18; for ICMPv6 the same meanings
    (RFC 4443, 4861): errors 1 to 4, echo reply 129, redirect 137. Confidence: high.
    Caveat: traceroutes of the own network are answered with 11 and 3 as well.
    """
    if version == 6:
        return 1 <= kind <= 4 or kind in (129, 137)
    return kind in (0, 3, 4, 5, 11, 12, 14, 16, 18)


@compiled
def is_query_icmp(version: int, kind: int) -> bool:
    """Whether an ICMP type asks: echo, timestamp, information, address mask (RFC 792, 950); ICMPv6 echo."""
    if version == 6:
        return kind == 128
    return kind in (8, 13, 15, 17)


@compiled
def is_reflector(port: int) -> bool:
    """Whether a UDP service answers strangers with more than they sent, and is used to reflect floods.

    Source: US-CERT TA14-017A and its later additions: QOTD, chargen, DNS, TFTP, portmap, NTP, NetBIOS, SNMP, CLDAP,
    RIP, SSDP, ARMS, WS-Discovery, ubiquiti, mDNS, CoAP, memcached, Steam, DHDiscover. Confidence: medium.
    """
    return port in (
        17, 19, 53, 69, 111, 123, 137, 161, 389, 520, 1900, 3283, 3702, 5353, 5683, 10001, 11211, 27015, 37810
    )  # fmt: skip


@compiled
def is_reply_udp(source_port: int, port: int) -> bool:
    """Whether a UDP packet comes from a reflector's port, and so answers a query with a forged source.

    Source: corsaro3 (source port 53), widened to the known reflectors. Confidence: medium.
    Caveat: scanners may choose such a source port; where both ports are the same it is taken for a query between
    servers (NTP, NetBIOS), which scanners imitate, since who forges a query picks the victim's port, not 123.
    """
    return is_reflector(source_port) and source_port != port


@compiled
def is_spoofable(
    version: int,
    source_high: int,
    source_low: int,
    target_high: int,
    target_low: int,
    protocol: int,
    source_port: int,
    port: int,
    fragment: int,
    reserved: bool,
    flags: int,
) -> bool:
    """Whether the source is forged or easily forged.

    Source: corsaro3's spoofed-source filters: bogon source, source equal to destination, port 0, later fragment or
    reserved IP bit (`ip_off & 0x9fff`), odd TCP flags, a protocol outside ICMP, TCP, UDP, IPv6, GRE, AH, ICMPv6.
    Its TTL >= 200 rule is left out: ZMap and masscan start at 255. Confidence: medium; a source that completed a
    handshake is none of it (judged in `sources`).
    """
    if version == 6:
        bogon = is_bogon_v6(source_high)
    else:
        bogon = is_bogon_v4(np.int64(source_low))
    if bogon or (source_high == target_high and source_low == target_low):
        return True
    if reserved or fragment == LATER_FRAGMENT or source_port == 0 or port == 0:
        return True
    if protocol == 6:
        return flags >= 0 and has_odd_flags(flags)
    return protocol not in (1, 17, 41, 47, 51, 58)


@compiled
def is_backscatter(
    version: int, protocol: int, source_port: int, port: int, flags: int, icmp_type: int
) -> bool:
    """Whether the packet replies to someone who forged the sensor's address.

    Source: Moore et al., "Inferring Internet Denial-of-Service Activity" (2001), as CAIDA applies it: TCP SYN+ACK
    or RST, replying ICMP, UDP from a reflector. Confidence: high for TCP and ICMP on unused addresses, medium for
    UDP. Caveat: a honeypot that opens connections gets the same answers.
    """
    if protocol == 6:
        return flags >= 0 and (flags & RST != 0 or flags & (SYN | ACK) == SYN | ACK)
    if protocol == 17:
        return is_reply_udp(source_port, port)
    if (version == 4 and protocol == 1) or (version == 6 and protocol == 58):
        return is_reply_icmp(version, icmp_type)
    return False


@compiled
def is_scan(version: int, protocol: int, port: int, flags: int, icmp_type: int) -> bool:
    """Whether the packet asks for a service: TCP SYN without ACK, UDP to a port, an ICMP query.

    Confidence: high for TCP and ICMP; UDP also carries leftovers of peer-to-peer programs.
    """
    if protocol == 6:
        return flags >= 0 and flags & (SYN | ACK | RST | FIN) == SYN
    if protocol == 17:
        return port > 0
    if (version == 4 and protocol == 1) or (version == 6 and protocol == 58):
        return is_query_icmp(version, icmp_type)
    return False


@compiled
def traffic(
    version: int,
    source_high: int,
    source_low: int,
    target_high: int,
    target_low: int,
    protocol: int,
    source_port: int,
    port: int,
    fragment: int,
    reserved: bool,
    flags: int,
    icmp_type: int,
) -> int:
    """Class of one packet as the index in `Traffic`, whose order is the precedence.

    Spoofable comes first, because where the source is forged nothing else that is said about it holds. Backscatter
    comes before scan, because a reply from a reflector's port is also UDP to a port. A packet cut before its flags,
    ports or type is other: nothing is known of it.
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
