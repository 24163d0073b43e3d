"""What every export says of a case, in the same words.

Pure.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid5

from darkscope.api.cases import Attempt, Case, Sample
from darkscope.api.formats import FORMULA
from darkscope.api.notices.notice import Notice, Sender, kind_of
from darkscope.api.visible import visible
from darkscope.ingest.protocols import PROTOCOLS
from darkscope.ingest.series import Tool

NAMESPACE = UUID("8f6b0a51-6a5e-5d7b-9d0e-3c1f7a2b4e60")
"""Of the names that exports give to events, so that the same evidence has the same name."""

_TRANSPORTS = {
    "tcp",
    "udp",
    "icmp",
    "sctp",
    "gre",
    "ipv6",
    "ipv6-icmp",
    "esp",
    "ah",
    "igmp",
    "etherip",
    "l2tp",
}


def cell(text: str) -> str:
    """Write a text into a cell of CSV: visible, and nothing that a spreadsheet runs."""
    return f"'{visible(text)}" if text.startswith(FORMULA) else visible(text)


def utc(moment: datetime) -> str:
    """Write a time, UTC, with as many digits as it has."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def transport(protocol: int | None) -> str | None:
    """Name a protocol above IP as IntelMQ does; None where it has no name for it."""
    if protocol is None:
        return None
    name = "ipv6-icmp" if protocol == 58 else PROTOCOLS.get(protocol, "").lower()
    return name if name in _TRANSPORTS else None


def time_of(case: Case) -> datetime:
    """When a case's packet came, exactly where that is known, else the minute."""
    return case.sample.time if case.sample else case.last


def text_of(case: Case) -> str:
    """Say what a source did, in one line."""
    ports = ", ".join(target.text for target in case.targets) or "no port"
    more = case.ports - len(case.targets)
    to = f"{ports} and {more} more ports" if more > 0 else ports
    sensors = "1 sensor" if case.sensors == 1 else f"{case.sensors} sensors"
    packets = "1 packet" if case.packets == 1 else f"{case.packets} packets"
    return f"{packets} to {to} of {sensors}, {case.grade} source"


def attempt_text(attempt: Attempt) -> str:
    """Say what a request was after, in one line."""
    asked = f"{attempt.method} {attempt.path}" if attempt.application == "http" else attempt.application
    return f"{asked}: {names_of(attempt)}, {attempt.vendor} {attempt.product}: {attempt.title}"


def names_of(attempt: Attempt) -> str:
    """Name the vulnerabilities that a request is after."""
    return " ".join(attempt.cves or attempt.rules)


def identifier(case: Case) -> str:
    """What exactly a source is named for."""
    return Tool.MIRAI.value if case.is_infected else "darknet"


def sample_of(sample: Sample, sender: Sender) -> dict[str, object]:
    """Tell of one packet; what is not known is left out."""
    told = {
        "time": utc(sample.time),
        "source_port": sample.source_port,
        "protocol": transport(sample.protocol),
        "destination_port": sample.port,
        "sensor": sample.sensor if sender.names_sensors else None,
    }
    return {name: value for name, value in told.items() if value is not None}


def event_id(notice: Notice, case: Case) -> UUID:
    """Name what a recipient is told of a source: other evidence, another name."""
    parts = (notice.recipient.id, case.address, kind_of(case).value, utc(case.first), utc(case.last))
    return uuid5(NAMESPACE, "\n".join((*parts, str(case.packets))))


def attempt_id(notice: Notice, case: Case, attempt: Attempt) -> UUID:
    """Name what a recipient is told of a request."""
    parts = (notice.recipient.id, case.address, "request", utc(attempt.time))
    more = (attempt.source_port, attempt.port, attempt.number)
    return uuid5(NAMESPACE, "\n".join((*parts, *map(str, more))))
