"""The formats that evidence is written in."""

from __future__ import annotations

from enum import StrEnum


class Export(StrEnum):
    """A format that other programs read."""

    INTELMQ = "intelmq"
    SHADOWSERVER = "shadowserver"
    SHADOWSERVER_HTTP = "shadowserver-http"
    MISP = "misp"
    STIX = "stix"
