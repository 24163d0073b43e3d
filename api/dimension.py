"""What is ranked and followed: the dimensions of traffic, and how their values are written and read.

Pure. A value's text is unique within its dimension, is what every filter takes, and never begins with a
character that a spreadsheet would run as a formula.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum

from darkscope.ingest import series
from darkscope.ingest.protocols import PROTOCOLS, WITH_PORTS, port_number_text, protocol_text

NO_TOOL = "none"
NO_OWNER = "unknown"
NO_ORGANISATION = "none"


class ValueTextError(ValueError):
    """A port, protocol or owner that cannot be read; the message names it and what is understood."""


class Dimension(StrEnum):
    """What totals and series are asked by."""

    PORTS = "ports"
    COUNTRIES = "countries"
    OWNERS = "owners"
    TOOLS = "tools"
    SENSORS = "sensors"
    CLASSES = "classes"
    ORGANISATIONS = "organisations"

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of an answer that hold a value of this dimension."""
        return COLUMNS[self]


class Spreading(StrEnum):
    """Whose packets can be spread over ports: every dimension but that of ports."""

    COUNTRIES = Dimension.COUNTRIES.value
    OWNERS = Dimension.OWNERS.value
    TOOLS = Dimension.TOOLS.value
    SENSORS = Dimension.SENSORS.value
    CLASSES = Dimension.CLASSES.value
    ORGANISATIONS = Dimension.ORGANISATIONS.value


COLUMNS: dict[Dimension, tuple[str, ...]] = {
    Dimension.PORTS: ("protocol", "port"),
    Dimension.COUNTRIES: ("country",),
    Dimension.OWNERS: ("asn",),
    Dimension.TOOLS: ("tool",),
    Dimension.SENSORS: ("sensor",),
    Dimension.CLASSES: ("class",),
    Dimension.ORGANISATIONS: ("organisation",),
}

Key = tuple[int | str, ...]
"""A value as the columns of its dimension hold it, in their order."""


def parse_protocol(text: str) -> int:
    """Read a protocol given by name (any case) or number. Raises ValueTextError."""
    for number, name in PROTOCOLS.items():
        if name.lower() == text.strip().lower():
            return number
    if re.fullmatch(r"[0-9]{1,3}", text.strip()) and int(text) <= 255:
        return int(text)
    raise ValueTextError(
        f"the protocol {text!r} is not understood; understood are "
        "names like TCP, UDP, ICMP, and numbers up to 255"
    )


def port_text(protocol: int, port: int) -> str:
    """Write `23/TCP`, `0/ICMP` (a protocol without ports), `none/TCP` (a packet whose port was not there)."""
    return f"{port_number_text(protocol, port)}/{protocol_text(protocol)}"


def parse_port(text: str) -> tuple[int | None, int]:
    """Protocol (None: any) and port of `23/tcp`, `445`, `0/icmp`, `none/tcp`. Raises ValueTextError."""
    number, slash, name = text.strip().partition("/")
    protocol = parse_protocol(name) if slash else None
    if number.lower() == "none" and protocol in WITH_PORTS:
        return protocol, series.NO_PORT
    if re.fullmatch(r"[0-9]{1,5}", number) and int(number) <= 65535:
        if protocol is None or protocol in WITH_PORTS:
            return protocol, int(number)
        if int(number) == 0:
            return protocol, series.NO_PORT
        raise ValueTextError(
            f"the port {text!r} cannot be: {protocol_text(protocol)} has none; write 0/{name}"
        )
    raise ValueTextError(f"the port {text!r} is not understood; understood are 23/tcp, 445 and 0/icmp")


def parse_owner(text: str) -> int:
    """Read an autonomous system: `AS64500` or `64500`. Raises ValueTextError."""
    if text.strip().lower() == NO_OWNER:
        return 0
    if match := re.fullmatch(r"(?:AS)?([0-9]{1,10})", text.strip(), re.IGNORECASE):
        return int(match[1])
    raise ValueTextError(f"the owner {text!r} is not understood; understood are AS64500 and 64500")


def parse_country(text: str) -> str:
    """Read an ISO 3166-1 alpha-2 code, in any case. Raises ValueTextError."""
    if re.fullmatch(r"[A-Za-z]{2}", text.strip()):
        return text.strip().upper()
    raise ValueTextError(f"the country {text!r} is not understood; understood are two-letter codes like JP")


def parse_tool(text: str) -> str:
    """Read a tool's name; `none` is a packet without a known fingerprint. Raises ValueTextError."""
    names = {tool.value or NO_TOOL: tool.value for tool in series.Tool}
    if text.strip().lower() in names:
        return names[text.strip().lower()]
    raise ValueTextError(f"the tool {text!r} is not known; known are {', '.join(names)}")


_TEXTS: dict[Dimension, Callable[..., str]] = {
    Dimension.PORTS: port_text,
    Dimension.OWNERS: lambda asn: f"AS{asn}" if asn else NO_OWNER,
    Dimension.TOOLS: lambda tool: tool or NO_TOOL,
    Dimension.ORGANISATIONS: lambda name: name or NO_ORGANISATION,
}


def value_text(dimension: Dimension, key: Key) -> str:
    """Write a value."""
    return _TEXTS.get(dimension, str)(*key)


def parse_value(dimension: Dimension, text: str) -> Key:
    """Read a value of a dimension, as `value_text` writes it. Raises ValueTextError."""
    match dimension:
        case Dimension.PORTS:
            protocol, port = parse_port(text)
            if protocol is None:
                raise ValueTextError(f"the port {text!r} needs its protocol here: {text}/tcp or {text}/udp")
            return protocol, port
        case Dimension.COUNTRIES:
            return (parse_country(text),)
        case Dimension.OWNERS:
            return (parse_owner(text),)
        case Dimension.TOOLS:
            return (parse_tool(text),)
        case Dimension.ORGANISATIONS:
            return ("" if text == NO_ORGANISATION else text,)
        case Dimension.SENSORS | Dimension.CLASSES:
            return (text,)
