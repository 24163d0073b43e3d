"""`/v1/sources/{address}` and `/v1/sources/lookup`: one source's life, and what is known of many addresses."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field

from darkscope.api.address import AddressError, Sender, parse_address
from darkscope.api.asked import Kind
from darkscope.api.dimension import Dimension
from darkscope.api.formats import MEDIA_TYPES, Format
from darkscope.api.http import questions
from darkscope.api.http.access import asker_of, needs
from darkscope.api.http.answers import Count, Described, EvidenceAnswer, ProvenanceAnswer
from darkscope.api.http.problems import declared
from darkscope.api.http.questions import Observed, Posed, Word, drawn_or_written, responses
from darkscope.api.http.source import Source
from darkscope.api.keys import Scope

MOST_ADDRESSES = 1000

LIFE_EXAMPLE = """\
day,packets,first_seen,last_seen,sensors,ports,ports_exact,classes,tools,confirmed,spoofable,broad
2020-06-24,60,2020-06-24T10:00:00+00:00,2020-06-24T18:12:00+00:00,3,2,True,scan,mirai,False,False,False
"""

FOUND_EXAMPLE = """\
address,subnet,seen,country,owner,packets,first_seen,last_seen,days,sensors,ports,ports_exact,classes,tools,confirmed,spoofable,broad,research,device_vendor,device_product,device_kind,device_seen,device_by
192.0.2.7,,True,VN,AS64500,60,2020-06-24T10:00:00+00:00,2020-06-24T18:12:00+00:00,1,3,2,True,scan,mirai,False,False,False,,,,,,
192.0.2.8,,False,,,0,,,0,0,0,True,,,False,False,False,,,,,,
"""


class FoundRowAnswer(EvidenceAnswer):
    """What is known of one address."""

    address: Annotated[str, Field(examples=["192.0.2.7", "2001:db8::7"])]
    """The address, IPv6 in its shortest form."""
    subnet: Annotated[str | None, Field(examples=["2001:db8::/64"])]
    """The /64 of an IPv6 address, by which sources are counted; null for IPv4."""
    seen: bool
    """Whether the chosen sensors received packets of it."""
    country: Annotated[str | None, Field(examples=["VN"])]
    """Country of its last packets, ISO 3166-1 alpha-2, `ZZ` unknown; null where it was not seen."""
    owner: Annotated[str | None, Field(examples=["AS64500"])]
    """Autonomous system of its last packets; null where it was not seen."""
    packets: Annotated[Count, Field(examples=[60])]
    """Packets of the period's UTC days."""
    first_seen: datetime | None
    """The minute of the first of them, in the zone."""
    last_seen: datetime | None
    """The minute of the last of them."""
    days: Annotated[Count, Field(examples=[3])]
    """UTC days on which it was seen."""
    sensors: Annotated[Count, Field(examples=[3])]
    """Sensors that it reached."""
    ports: Annotated[Count, Field(examples=[2])]
    """Destination ports (with their protocols) that it tried."""
    ports_exact: bool
    """Whether there are no more ports; false where a sensor's day had 16 or more."""


class FoundAnswer(Described):
    """What is known of many addresses."""

    known_since: date | None
    """First UTC day of which there is evidence at all; null where there is none."""
    rows: list[FoundRowAnswer]
    """One for each address, in the order given."""
    provenance: ProvenanceAnswer


class PlaceAnswer(Described):
    """Where a source was over some of its days, as databases said at the time."""

    country: Annotated[str, Field(examples=["VN"])]
    """ISO 3166-1 alpha-2, `ZZ` unknown."""
    owner: Annotated[str, Field(examples=["AS64500"])]
    """Autonomous system."""
    since: date
    """First of these days."""
    until: date
    """Last of these days."""


class DayRowAnswer(Described):
    """One UTC day of a source."""

    day: date
    """The day, UTC."""
    packets: Annotated[int, Field(ge=1)]
    """Packets to the chosen sensors."""
    first_seen: datetime
    """The minute of the first of them, in the zone."""
    last_seen: datetime
    """The minute of the last of them."""
    sensors: Annotated[int, Field(ge=1)]
    """Sensors that they reached."""
    ports: Count
    """Destination ports (with their protocols)."""
    ports_exact: bool
    """Whether there are no more."""
    classes: list[str]
    """Classes of these packets."""
    tools: list[str]
    """Program that sent, judged by all packets of the day."""
    confirmed: bool
    """Completed a handshake with a honeypot."""
    spoofable: bool
    """Sent packets whose source is forged or easily forged."""
    broad: bool
    """Tried more than 10 ports."""


class LifeAnswer(Described):
    """What is known of one source address."""

    source: FoundRowAnswer
    """All of it in short."""
    sensors: list[str]
    """Ids of the sensors that it reached."""
    ports: Annotated[list[str], Field(examples=[["23/TCP", "2323/TCP"]])]
    """Destination ports that it tried, by number; see `source.ports_exact`."""
    places: list[PlaceAnswer]
    """Its countries and owners, in the order of time."""
    known_since: date | None
    """First UTC day of which there is evidence at all."""
    rows: list[DayRowAnswer]
    """The days on which it was seen."""
    provenance: ProvenanceAnswer


class LifeQuery(Observed):
    """The parameters of what is asked about given addresses."""

    period: Annotated[str, Field(max_length=40, examples=["2020-Q2", "90d"])] = "365d"
    """As elsewhere; its UTC days count whole."""
    kind: Kind = Kind.ALL
    """Which kind of sensors."""


class Wanted(BaseModel):
    """Addresses to look up."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    addresses: Annotated[
        list[Word],
        Field(min_length=1, max_length=MOST_ADDRESSES, examples=[["192.0.2.7", "2001:db8::7"]]),
    ]
    """IPv4 and IPv6 addresses."""


def router(source: Source) -> APIRouter:
    """The endpoints of given addresses, over a source."""
    routes = APIRouter(prefix="/v1/sources", tags=["questions"])

    @routes.post(
        "/lookup",
        dependencies=[needs(Scope.SOURCES)],
        response_model=FoundAnswer,
        responses=_unkept(responses("What is known of the addresses.", FOUND_EXAMPLE)),
    )
    def lookup(
        request: Request, wanted: Annotated[Wanted, Body()], query: Annotated[LifeQuery, Query()]
    ) -> Response:
        """Look addresses up: a row for each, in the order given, also for those that were not seen."""
        senders = _senders(wanted.addresses)
        posed = Posed.of(request, source, Dimension.OWNERS, query)
        with source.turns.turn(asker_of(request).who):
            data = drawn_or_written(posed.observer.look_up(posed.question, senders), posed.shape, query.lang)
        headers = {name: value for name, value in posed.headers("").items() if name != "ETag"}
        return Response(data, media_type=MEDIA_TYPES[Format(posed.shape)], headers=headers)

    @routes.get(
        "/{address}",
        dependencies=[needs(Scope.SOURCES)],
        response_model=LifeAnswer,
        responses=responses("The source's life.", LIFE_EXAMPLE),
    )
    def source_life(
        request: Request,
        address: Annotated[str, Path(description="An IPv4 or IPv6 address.", max_length=100)],
        query: Annotated[LifeQuery, Query()],
    ) -> Response:
        """Tell what is known of one source address, and how it went day by day."""
        sender = parse_address(address)
        return questions.answer(
            request, source, Dimension.OWNERS, query, lambda who, what: who.source(what, sender)
        )

    return routes


def _senders(addresses: list[str]) -> list[Sender]:
    """Read addresses. Raises RequestValidationError, which names each that is none."""
    senders, faults = [], []
    for number, text in enumerate(addresses):
        try:
            senders.append(parse_address(text))
        except AddressError as error:
            faults.append({"loc": ("body", "addresses", number), "msg": str(error)})
    if faults:
        raise RequestValidationError(faults)
    return senders


def _unkept(described: dict[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """Describe what nobody keeps: it is never unchanged, and its body may be at fault."""
    return {status: one for status, one in described.items() if status != 304} | declared(411, 413)
