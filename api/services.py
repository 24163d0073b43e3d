"""Names of protocols, ports and services, by IANA's registries."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

from darkscope.ingest.series import NO_PORT

TCP, UDP, DCCP, SCTP = 6, 17, 33, 132

PROTOCOLS = {
    0: "HOPOPT",
    1: "ICMP",
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
    58: "ICMPv6",
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
    136: "UDPLite",
    137: "MPLS",
}
"""IP protocol numbers that are seen or asked about, by IANA's keyword; any other goes by its number."""

_REGISTERED = {"tcp": TCP, "udp": UDP, "dccp": DCCP, "sctp": SCTP}


@cache
def _services() -> dict[tuple[int, int], str]:
    text = files("darkscope.ingest").joinpath("data/services.csv").read_text(encoding="utf-8")
    return {
        (_REGISTERED[protocol], int(row["port"])): row["name"]
        for row in csv.DictReader(text.splitlines())
        for protocol in row["protocols"].split()
    }


def service_name(protocol: int, port: int) -> str:
    """Name of the service registered for a port, as `telnet`; empty where there is none."""
    return _services().get((protocol, port), "")


def protocol_name(protocol: int) -> str:
    """IANA's keyword of an IP protocol number, as `TCP`; `protocol 99` where it has none here."""
    return PROTOCOLS.get(protocol, f"protocol {protocol}")


def port_label(protocol: int, port: int) -> str:
    """Port and protocol as the reports write them: `23/TCP`, and `0/ICMP` for what has no port."""
    return f"{0 if port == NO_PORT else port}/{protocol_name(protocol)}"
