"""Who is told of which source: cases by recipient, and what nobody is told.

Pure: cases and settings in, notices out. Of the contacts that stand for a source the nearest is told: by owner and
country, by owner, by country, by neither. Every source is in one notice or counted under one reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from darkscope.api.cases import Case, Cases
from darkscope.api.grades import Reason
from darkscope.api.ranking import Provenance
from darkscope.ingest.contacts import Tlp, claims_of
from darkscope.ingest.settings import Settings
from darkscope.ingest.values import Language


class Kind(StrEnum):
    """What a source is named for; the values are IntelMQ's `classification.type` (eCSIRT II)."""

    INFECTED = "infected-system"  # malware sends from it
    EXPLOIT = "exploit"  # its requests are after known vulnerabilities
    SCANNER = "scanner"  # asks for services


TAXONOMIES = {
    Kind.SCANNER: "information-gathering",
    Kind.INFECTED: "malicious-code",
    Kind.EXPLOIT: "intrusion-attempts",
}
"""Kinds by IntelMQ's `classification.taxonomy` (RSIT)."""


def kind_of(case: Case) -> Kind:
    """What the packets of a source are."""
    return Kind.INFECTED if case.is_infected else Kind.SCANNER


def kinds_of(case: Case) -> tuple[Kind, ...]:
    """What a source is named for: its packets, and its requests."""
    return (kind_of(case), Kind.EXPLOIT) if case.attempts else (kind_of(case),)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is told, and how."""

    id: str
    name: str
    email: tuple[str, ...]
    language: Language
    zone: ZoneInfo
    tlp: Tlp


@dataclass(frozen=True, slots=True)
class Notice:
    """What one recipient is told."""

    recipient: Recipient
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Unaddressed:
    """Sources of one country and owner for whom there is no contact."""

    country: str
    asn: int  # 0 unknown
    sources: int
    packets: int


@dataclass(frozen=True, slots=True)
class Sender:
    """Who tells, and what is said of sensors."""

    provider: str
    reply_to: str | None
    names_sensors: bool


@dataclass(frozen=True, slots=True)
class Notices:
    """What all recipients are told about a period, and what nobody is."""

    sender: Sender
    notices: tuple[Notice, ...]  # in the order of the settings
    unaddressed: tuple[Unaddressed, ...]  # the most sources first
    sources: int  # of the question: as many as in all notices and left out together
    left_out: Mapping[Reason, int]
    until: datetime  # UTC; up to when was looked
    owners: Mapping[int, str]  # names of autonomous systems, as far as they are known
    provenance: Provenance

    @property
    def named(self) -> int:
        """Sources in all notices."""
        return sum(len(notice.cases) for notice in self.notices)


class Directory:
    """The contacts of the settings."""

    def __init__(self, settings: Settings, language: Language | None = None) -> None:
        """A language is that of all texts."""
        common = settings.notices
        self.sender = Sender(common.provider, common.reply_to, common.name_sensors)
        self.recipients = tuple(
            Recipient(
                contact.id,
                contact.name or contact.id,
                contact.email,
                language or contact.language or common.language,
                contact.time_zone or settings.time_zone,
                contact.tlp or common.tlp,
            )
            for contact in settings.contacts
        )
        self._claims = {
            claim: recipient
            for contact, recipient in zip(settings.contacts, self.recipients, strict=True)
            for claim in claims_of(contact)
        }

    def find(self, country: str, asn: int) -> Recipient | None:
        """Who is told of a source of a country and owner; None where nobody is."""
        for claim in ((asn, country), (asn, None), (None, country), (None, None)):
            if claim in self._claims:
                return self._claims[claim]
        return None


def address(
    found: Cases,
    directory: Directory,
    was_named: Callable[[Recipient, Case], bool],
    owners: Callable[[Iterable[Case]], Mapping[int, str]],
) -> Notices:
    """Tell each recipient of his cases, but for those that he `was_named`; `owners` knows names of networks."""
    left_out = Counter(found.left_out)
    told: dict[str, list[Case]] = {}
    unaddressed: dict[tuple[str, int], list[Case]] = {}
    for case in found.cases:
        recipient = directory.find(case.country, case.asn)
        if recipient is None:
            unaddressed.setdefault((case.country, case.asn), []).append(case)
            left_out[Reason.NO_CONTACT] += 1
        elif was_named(recipient, case):
            left_out[Reason.NOTIFIED] += 1
        else:
            told.setdefault(recipient.id, []).append(case)
    rows = (
        Unaddressed(country, asn, len(cases), sum(case.packets for case in cases))
        for (country, asn), cases in unaddressed.items()
    )
    return Notices(
        directory.sender,
        tuple(Notice(one, tuple(told[one.id])) for one in directory.recipients if one.id in told),
        tuple(sorted(rows, key=lambda row: (-row.sources, row.country, row.asn))),
        found.sources,
        {reason: left_out[reason] for reason in Reason if left_out[reason]},
        found.until,
        owners(found.cases),
        found.provenance,
    )
