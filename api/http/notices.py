"""`/v1/notices`: what those who can act would be told, in the formats that their tools take. Nothing is recorded."""

from __future__ import annotations

import logging
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from darkscope.api.asked import Kind
from darkscope.api.dimension import Dimension
from darkscope.api.formats import MEDIA_TYPES, Format, json_text
from darkscope.api.grades import NAMED, Reason
from darkscope.api.http import questions
from darkscope.api.http.access import needs
from darkscope.api.http.answers import Count, Described, ProvenanceAnswer
from darkscope.api.http.problems import Unusable, declared
from darkscope.api.http.questions import Narrowing, Posed, Words
from darkscope.api.http.remembered import Kept
from darkscope.api.http.source import Source
from darkscope.api.keys import Scope
from darkscope.api.notices import exports
from darkscope.api.notices.answer import answer
from darkscope.api.notices.export import Export
from darkscope.api.notices.making import made
from darkscope.api.notices.notice import Kind as Named
from darkscope.ingest.owners import OwnersError

LOG = logging.getLogger("darkscope.api.http")

MOST_SOURCES = 10_000

MEDIA = {
    Export.INTELMQ: MEDIA_TYPES[Format.NDJSON],
    Export.SHADOWSERVER: MEDIA_TYPES[Format.CSV],
    Export.SHADOWSERVER_HTTP: MEDIA_TYPES[Format.CSV],
    Export.MISP: MEDIA_TYPES[Format.JSON],
    Export.STIX: "application/stix+json;version=2.1",
}
"""What the formats are called on the Internet."""


class SampleAnswer(Described):
    """One packet, exactly."""

    time: Annotated[str, Field(examples=["2020-06-24T10:00:05.250000Z"])]
    """When it came, UTC, to the microsecond."""
    source_port: Annotated[int | None, Field(ge=0, le=65535)]
    """Null where it has none."""
    port: Annotated[str | None, Field(examples=["445/TCP"])]
    """Where it went; null where packets of its minute went elsewhere too."""
    sensor: str | None
    """Id of the sensor; null where the settings do not name sensors."""


class AttemptAnswer(Described):
    """One request to a honeypot that was after a known vulnerability."""

    time: Annotated[str, Field(examples=["2020-05-28T10:00:05.250000Z"])]
    """When its connection's first data came, UTC, to the microsecond."""
    source_port: Annotated[int, Field(ge=0, le=65535)]
    """Of TCP."""
    port: Annotated[str, Field(examples=["8080/TCP"])]
    """Where it went."""
    application: str
    """`http`, `tls`, or a guess."""
    method: str
    """Of HTTP; empty elsewhere."""
    path: str
    """The request target, with sensors' addresses masked."""
    agent: str
    """The User-Agent field."""
    rules: list[str]
    """Ids of the rules that name it."""
    cves: Annotated[list[str], Field(examples=[["CVE-2019-7192"]])]
    """What they are about."""
    sensor: str | None
    """Id of the sensor; null where the settings do not name sensors."""


class CaseAnswer(Described):
    """One source, with what its owner needs to find it."""

    address: Annotated[str, Field(examples=["192.0.2.7"])]
    """The address, IPv6 in its shortest form."""
    country: Annotated[str, Field(examples=["VN"])]
    """ISO 3166-1 alpha-2, `ZZ` unknown."""
    owner: Annotated[str, Field(examples=["AS64500"])]
    """Autonomous system; `unknown` where no database says."""
    owner_name: str | None
    """What it is called; null where no database says."""
    grade: Annotated[str, Field(json_schema_extra={"enum": [one.value for one in NAMED]})]
    """`confirmed`: completed a handshake with a honeypot; `likely`: several sensors, some minutes, one distance."""
    reasons: list[Named]
    """What it is named for: its packets (`scanner` or `infected-system`), and `exploit` where requests were after known
    vulnerabilities."""
    packets: Annotated[int, Field(ge=1)]
    """Scans that were asked about."""
    first_seen: datetime
    """The minute of the first of them, in the recipient's zone."""
    last_seen: datetime
    """The minute of the last of them."""
    sensors: Annotated[int, Field(ge=1)]
    """How many sensors they reached."""
    ports: Count
    """How many destination ports they went to."""
    top_ports: Annotated[list[str], Field(examples=[["445/TCP"]])]
    """Up to 16 of these, the most packets first."""
    tools: list[str]
    """Programs that sent, judged by all packets of a UTC day."""
    device: str | None
    """What an investigation found there."""
    samples: list[SampleAnswer]
    """Up to 5 packets, the newest first."""
    requests: Count
    """Requests to honeypots that were after known vulnerabilities."""
    attempts: list[AttemptAnswer]
    """Up to 5 of these, the newest first."""


class NoticeAnswer(Described):
    """What one recipient would be told."""

    recipient: str
    """The contact's id."""
    name: str
    """For people."""
    email: list[str]
    """Where a notice would go."""
    language: str
    """Of a notice's text."""
    zone: str
    """Of the times beside UTC (IANA)."""
    tlp: Annotated[str, Field(examples=["TLP:AMBER"])]
    """How far it may go."""
    sources: Count
    """How many sources."""
    packets: Count
    """Of all of them."""
    cases: list[CaseAnswer]
    """The sources, those with the surest grade first, then by packets."""


class UnaddressedAnswer(Described):
    """Sources of one country and owner without a contact."""

    country: str
    """ISO 3166-1 alpha-2, `ZZ` unknown."""
    owner: str
    """Autonomous system; `unknown` where no database says."""
    owner_name: str | None
    """What it is called."""
    sources: Count
    """How many."""
    packets: Count
    """Of all of them."""


class NoticesAnswer(Described):
    """What all recipients would be told, and what became of the other sources."""

    provider: str
    """Who tells."""
    until: datetime
    """Up to when was looked."""
    sources: Count
    """Of the question: those that are named and those that are left out."""
    named: Count
    """In notices."""
    left_out: dict[Reason, Count]
    """The others, by reason."""
    rows: list[NoticeAnswer]
    """Recipients, in the order of the settings."""
    no_contact: list[UnaddressedAnswer]
    """For whom there is no contact, the most sources first."""
    provenance: ProvenanceAnswer


class Shape(StrEnum):
    """How notices are written."""

    JSON = Format.JSON.value
    INTELMQ = Export.INTELMQ.value
    SHADOWSERVER = Export.SHADOWSERVER.value
    SHADOWSERVER_HTTP = Export.SHADOWSERVER_HTTP.value
    MISP = Export.MISP.value
    STIX = Export.STIX.value


class NoticesQuery(Narrowing):
    """The parameters of notices."""

    kind: Kind = Kind.ALL
    """Which kind of sensors; honeypots see handshakes, telescopes see more."""
    recipient: Words = ()
    """Only what these recipients would be told, by id; repeatable."""
    limit: Annotated[int, Field(ge=1, le=MOST_SOURCES)] = 1000
    """How many sources, at most: the surest and the most packets first; the others are counted as `beyond`."""
    format: Shape = Shape.JSON
    """`json` tells everything; `intelmq` is NDJSON, `shadowserver` CSV, and `shadowserver-http` that of requests;
    `misp` is a list of events, one a recipient, `stix` one bundle."""

    def shape(self, _request: Request, /) -> Shape:
        """How the answer is to be written."""
        return self.format


def router(source: Source) -> APIRouter:
    """The endpoint of notices, over a source."""
    routes = APIRouter(prefix="/v1", tags=["questions"])

    @routes.get(
        "/notices",
        dependencies=[needs(Scope.SOURCES, Scope.EXPORT)],
        response_model=NoticesAnswer,
        responses={
            200: {
                "description": "The notices.",
                "content": {
                    media: {"schema": {"type": "string"}}
                    for media in (MEDIA[Export.INTELMQ], MEDIA[Export.SHADOWSERVER], MEDIA[Export.STIX])
                },
            },
            304: {"description": "`If-None-Match` names the answer that the ledger would give again."},
            **declared(404, 410, 422, 503),
        },
    )
    def notices(request: Request, query: Annotated[NoticesQuery, Query()]) -> Response:
        """Tell what those who can act would be told: sources by recipient, graded, with exact times and source ports.

        Also what they were told before: nothing is recorded here, `darkscope notices` does that.
        """
        known = [contact.id for contact in source.settings.contacts]
        for name in query.recipient:
            if name not in known:
                raise Unusable(f"no contact is called {name!r}; there are {', '.join(known) or 'none'}")
        posed = Posed.of(request, source, Dimension.OWNERS, query, source.state(None))
        media_type = None if query.format is Shape.JSON else MEDIA[Export(query.format)]
        unchanged = posed.unchanged(request, posed.tag)
        if unchanged is not None:
            return unchanged

        def compute() -> Kept:
            found = made(
                source.settings, posed.observer, posed.question, most=query.limit, unreadable=_unreadable
            )
            if query.recipient:
                found = exports.of(found, frozenset(query.recipient))
            if query.format is Shape.JSON:
                return Kept(json_text(answer(found)).encode())
            return Kept(exports.together(found, Export(query.format)))

        kept = questions.in_turn(request, source, posed, compute)
        return posed.sent(request, kept.data, media_type)

    return routes


def _unreadable(error: OwnersError) -> None:
    LOG.warning("names", extra={"fields": {"reason": str(error)}})
