"""Names of protocols, ports and services, by IANA's registries."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

from darkscope.ingest.protocols import DCCP, PROTOCOLS, SCTP, TCP, UDP
from darkscope.ingest.series import NO_PORT

_REGISTERED = {"tcp": TCP, "udp": UDP, "dccp": DCCP, "sctp": SCTP}


@cache
def services() -> dict[tuple[int, int], str]:
    """Names of all registered services, by protocol and port."""
    text = files("darkscope.ingest").joinpath("data/services.csv").read_text(encoding="utf-8")
    return {
        (_REGISTERED[protocol], int(row["port"])): row["name"]
        for row in csv.DictReader(text.splitlines())
        for protocol in row["protocols"].split()
    }


def service_name(protocol: int, port: int) -> str:
    """Name of the service registered for a port, as `telnet`; empty where there is none."""
    return services().get((protocol, port), "")


def protocol_name(protocol: int) -> str:
    """IANA's keyword of an IP protocol number, as `TCP`; `protocol 99` where it has none here."""
    return PROTOCOLS.get(protocol, f"protocol {protocol}")


def port_label(protocol: int, port: int) -> str:
    """Port and protocol as the reports write them: `23/TCP`, and `0/ICMP` for what has no port."""
    return f"{0 if port == NO_PORT else port}/{protocol_name(protocol)}"
