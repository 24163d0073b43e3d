"""Names of services, by IANA's registry."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

from darkscope.ingest.protocols import DCCP, SCTP, TCP, UDP

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
