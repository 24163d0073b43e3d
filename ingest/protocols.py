"""IP protocols by number and name, and how a port is written: the words that every reader shares.

Pure. Numbers and keywords are IANA's.
"""

from __future__ import annotations

from darkscope.ingest.series import NO_PORT

ICMP, TCP, UDP, DCCP, ICMPV6, SCTP, UDP_LITE = 1, 6, 17, 33, 58, 132, 136

PROTOCOLS = {
    0: "HOPOPT",
    ICMP: "ICMP",
    2: "IGMP",
    4: "IPv4",
    TCP: "TCP",
    8: "EGP",
    9: "IGP",
    UDP: "UDP",
    27: "RDP",
    DCCP: "DCCP",
    41: "IPv6",
    43: "IPv6-Route",
    44: "IPv6-Frag",
    46: "RSVP",
    47: "GRE",
    50: "ESP",
    51: "AH",
    ICMPV6: "ICMPv6",
    59: "IPv6-NoNxt",
    60: "IPv6-Opts",
    88: "EIGRP",
    89: "OSPF",
    94: "IPIP",
    97: "EtherIP",
    103: "PIM",
    108: "IPComp",
    112: "VRRP",
    115: "L2TP",
    SCTP: "SCTP",
    UDP_LITE: "UDPLite",
    137: "MPLS",
}
"""IP protocol numbers that are seen or asked about, by IANA's keyword; any other goes by its number."""

WITH_PORTS = frozenset({TCP, UDP, DCCP, SCTP, UDP_LITE})
"""Protocols that have ports; a packet of theirs without one is a fragment, or cut off."""


def protocol_text(number: int) -> str:
    """Write a protocol's short name; its number where it has none here."""
    return PROTOCOLS.get(number, str(number))


def port_number_text(protocol: int, port: int) -> str:
    """Write `23`, `0` (a protocol without ports), `none` (a packet whose port was not there)."""
    if port != NO_PORT:
        return str(port)
    return "none" if protocol in WITH_PORTS else "0"
