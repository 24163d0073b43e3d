"""Notices as an answer: recipients with their sources, and what became of all others.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from darkscope.api.cases import Attempt, Case, Sample
from darkscope.api.dimension import Dimension, port_text, value_text
from darkscope.api.notices.notice import Notice, Notices, kinds_of
from darkscope.api.ranking import Provenance
from darkscope.api.visible import visible
from darkscope.ingest.protocols import TCP
from darkscope.ingest.series import NO_PORT


@dataclass(frozen=True, slots=True)
class SampleRow:
    """One packet."""

    time: str  # UTC, ISO 8601 with microseconds
    source_port: int | None
    port: str | None  # where it went, as filters take it; None where that is not known
    sensor: str | None  # id; None where sensors are not named


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One request that was after a known vulnerability; texts are made visible."""

    time: str  # UTC, ISO 8601 with microseconds
    source_port: int
    port: str
    application: str
    method: str
    path: str
    agent: str
    rules: tuple[str, ...]
    cves: tuple[str, ...]
    sensor: str | None


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One source."""

    address: str
    country: str
    owner: str  # as filters take it
    owner_name: str | None
    grade: str
    reasons: tuple[str, ...]  # what it is named for
    packets: int
    first_seen: datetime  # the minute, in the recipient's zone
    last_seen: datetime
    sensors: int
    ports: int
    top_ports: tuple[str, ...]  # as filters take them
    tools: tuple[str, ...]
    device: str | None
    samples: tuple[SampleRow, ...]
    requests: int  # that were after known vulnerabilities
    attempts: tuple[AttemptRow, ...]


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """What one recipient would be told."""

    recipient: str  # id
    name: str
    email: tuple[str, ...]
    language: str
    zone: str
    tlp: str
    sources: int
    packets: int
    cases: tuple[CaseRow, ...]


@dataclass(frozen=True, slots=True)
class UnaddressedRow:
    """Sources without a contact."""

    country: str
    owner: str
    owner_name: str | None
    sources: int
    packets: int


@dataclass(frozen=True, slots=True)
class Told:
    """All notices of a question."""

    provider: str
    until: datetime
    sources: int  # of the question
    named: int  # in notices
    left_out: Mapping[str, int]  # by reason
    rows: tuple[NoticeRow, ...]
    no_contact: tuple[UnaddressedRow, ...]
    provenance: Provenance


def answer(notices: Notices) -> Told:
    """Give notices as an answer."""
    return Told(
        notices.sender.provider,
        notices.until,
        notices.sources,
        notices.named,
        {reason.value: count for reason, count in notices.left_out.items()},
        tuple(_notice(notices, notice) for notice in notices.notices),
        tuple(
            UnaddressedRow(
                row.country, _owner(row.asn), notices.owners.get(row.asn), row.sources, row.packets
            )
            for row in notices.unaddressed
        ),
        notices.provenance,
    )


def _notice(notices: Notices, notice: Notice) -> NoticeRow:
    one = notice.recipient
    return NoticeRow(
        one.id,
        one.name,
        one.email,
        one.language.value,
        one.zone.key,
        f"TLP:{one.tlp.value}",
        len(notice.cases),
        sum(case.packets for case in notice.cases),
        tuple(_case(notices, notice, case) for case in notice.cases),
    )


def _case(notices: Notices, notice: Notice, case: Case) -> CaseRow:
    zone = notice.recipient.zone
    return CaseRow(
        address=case.address,
        country=case.country,
        owner=_owner(case.asn),
        owner_name=notices.owners.get(case.asn),
        grade=case.grade.value,
        reasons=tuple(kind.value for kind in kinds_of(case)),
        packets=case.packets,
        first_seen=case.first.astimezone(zone),
        last_seen=case.last.astimezone(zone),
        sensors=case.sensors,
        ports=case.ports,
        top_ports=tuple(target.text for target in case.targets),
        tools=case.tools,
        device=case.device or None,
        samples=tuple(_sample(sample, names_it=notices.sender.names_sensors) for sample in case.samples),
        requests=case.requests,
        attempts=tuple(_attempt(one, names_it=notices.sender.names_sensors) for one in case.attempts),
    )


def _sample(sample: Sample, *, names_it: bool) -> SampleRow:
    port = None
    if sample.protocol is not None:
        port = port_text(sample.protocol, NO_PORT if sample.port is None else sample.port)
    return SampleRow(_time(sample.time), sample.source_port, port, sample.sensor if names_it else None)


def _attempt(attempt: Attempt, *, names_it: bool) -> AttemptRow:
    return AttemptRow(
        _time(attempt.time),
        attempt.source_port,
        port_text(TCP, attempt.port),
        attempt.application,
        visible(attempt.method),
        visible(attempt.path),
        visible(attempt.agent),
        attempt.rules,
        attempt.cves,
        attempt.sensor if names_it else None,
    )


def _time(moment: datetime) -> str:
    """Write a time of which microseconds matter; always all digits, so that a column of times has one width."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _owner(asn: int) -> str:
    return value_text(Dimension.OWNERS, (asn,))
