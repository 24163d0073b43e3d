"""`/v1/sources` and `/v1/owners`: who sends, address by address or by the owner of the network, page by page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from hashlib import blake2s
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from darkscope.api.ask import Mark, Observer, Place, Question
from darkscope.api.dimension import Dimension
from darkscope.api.http.access import needs
from darkscope.api.http.answers import Count, Described, EvidenceAnswer, ProvenanceAnswer, Share
from darkscope.api.http.listing import Opened, Page, page
from darkscope.api.http.questions import Narrowed, Observed, responses
from darkscope.api.http.source import Source
from darkscope.api.keys import Scope
from darkscope.api.store import NO_ECHOES, NO_SENDERS

MOST_ROWS = 1000

LENGTHS = {"sources": 4, "owners": 2, "attacks": 6}
"""Numbers of a place in each list: packets and the row's key."""

LACKING = {"attacks": NO_ECHOES}
"""What a store that goes on being written has not, where it is not addresses."""

SOURCES_EXAMPLE = """\
address,subnet,country,owner,packets,first_seen,last_seen,sensors,ports,ports_exact,classes,tools,confirmed,spoofable,broad,research,device_vendor,device_product,device_kind,device_seen,device_by
192.0.2.7,,VN,AS64500,60,2020-06-24T10:00:00+00:00,2020-06-24T18:12:00+00:00,3,2,True,scan,mirai,False,False,False,,QNAP,TS-419,NAS,2020-05-02,us
"""

OWNERS_EXAMPLE = """\
owner,packets,share,sources,confirmed,countries,first_seen,last_seen,investigated,devices
AS64500,1620,0.86,115,3,VN,2020-06-24T00:00:00+00:00,2020-06-24T23:59:00+00:00,12,QNAP TS-419 NAS (12)
"""

Minute = Annotated[datetime, Field(examples=["2020-06-24T10:00:00+09:00"])]


class SourceRowAnswer(EvidenceAnswer):
    """One source address."""

    address: Annotated[str, Field(examples=["192.0.2.7", "2001:db8::7"])]
    """The address, IPv6 in its shortest form."""
    subnet: Annotated[str | None, Field(examples=["2001:db8::/64"])]
    """The /64 of an IPv6 address, by which sources are counted; null for IPv4."""
    country: Annotated[str, Field(examples=["VN"])]
    """Country of its last packets, ISO 3166-1 alpha-2, `ZZ` unknown."""
    owner: Annotated[str, Field(examples=["AS64500"])]
    """Autonomous system of its last packets, as the parameters take it."""
    packets: Annotated[int, Field(ge=1, examples=[60])]
    """Packets of the question."""
    first_seen: Minute
    """The minute of the first of them, in the zone."""
    last_seen: Minute
    """The minute of the last of them."""
    sensors: Annotated[int, Field(ge=1, examples=[3])]
    """Sensors that they reached."""
    ports: Annotated[Count, Field(examples=[2])]
    """Destination ports (with their protocols) that they were sent to."""
    ports_exact: bool
    """Whether there are no more ports; false where a sensor's day had 16 or more and only the day is kept."""


class _Page(Described):
    next: str | None
    """Cursor of the next page; null on the last one."""
    provenance: ProvenanceAnswer


class SourcesAnswer(_Page):
    """Source addresses by packets, those of equal packets by address."""

    packets: Annotated[Count, Field(examples=[1887])]
    """Packets of the question: of all addresses."""
    addresses: Annotated[Count, Field(examples=[129])]
    """How many addresses sent them."""
    rows: list[SourceRowAnswer]
    """The page."""


class OwnerRowAnswer(Described):
    """The sources of one autonomous system."""

    owner: Annotated[str, Field(examples=["AS64500"])]
    """As the parameters take it; `unknown` where no database says."""
    packets: Annotated[int, Field(ge=1, examples=[1620])]
    """Packets of the question."""
    share: Share
    """Of all packets of the question."""
    sources: Annotated[int, Field(ge=1, examples=[115])]
    """Distinct sources, IPv6 by /64."""
    confirmed: Annotated[Count, Field(examples=[3])]
    """Of these, completed a handshake with a honeypot: their addresses are not forged."""
    countries: Annotated[list[str], Field(examples=[["VN"]])]
    """Countries of the sources."""
    first_seen: Minute
    """The minute of the first packet, in the zone."""
    last_seen: Minute
    """The minute of the last packet."""
    investigated: Annotated[Count, Field(examples=[12])]
    """Sources whose device is known."""
    devices: Annotated[list[str], Field(examples=[["QNAP TS-419 NAS (12)"]])]
    """Their devices, each with its number of sources, the most first."""


class OwnersAnswer(_Page):
    """Owners by the packets of their sources, those of equal packets by number."""

    packets: Annotated[Count, Field(examples=[1887])]
    """Packets of the question: of all owners."""
    owners: Annotated[Count, Field(examples=[17])]
    """How many owners there are."""
    sources: Annotated[Count, Field(examples=[129])]
    """Sources of all of them; one whose address changed hands counts for both."""
    rows: list[OwnerRowAnswer]
    """The page."""


Listed = Callable[[Observer, Question, int, Place | None, Mark], Page]


class PageQuery(Observed):
    """The parameters of a list that is read page by page."""

    limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 100
    """How many rows, at most."""
    cursor: Annotated[str | None, Field(max_length=300)] = None
    """Go on where another answer ended: its `next`, with the same parameters as there. All pages are about the state
    of the ledger, and the present time, of the first one."""


class PagedQuery(PageQuery, Narrowed):
    """The parameters of such a list of some packets."""


def router(source: Source) -> APIRouter:
    """The endpoints of sources and their owners, over a source."""
    routes = APIRouter(prefix="/v1", tags=["questions"])

    @routes.get(
        "/sources",
        dependencies=[needs(Scope.SOURCES)],
        response_model=SourcesAnswer,
        responses=responses("The sources.", SOURCES_EXAMPLE),
    )
    def sources(request: Request, query: Annotated[PagedQuery, Query()]) -> Response:
        """List the addresses that sent such packets, most packets first, with what is known of each."""
        return paged(request, source, "sources", query, Observer.sources)

    @routes.get(
        "/owners",
        dependencies=[needs(Scope.READ)],
        response_model=OwnersAnswer,
        responses=responses("The owners.", OWNERS_EXAMPLE),
    )
    def owners(request: Request, query: Annotated[PagedQuery, Query()]) -> Response:
        """List the owners (autonomous systems) of the sources of such packets, most packets first."""
        return paged(request, source, "owners", query, Observer.owners)

    return routes


def paged(request: Request, source: Source, what: str, query: PageQuery, ask: Listed) -> Response:
    """Answer with one page of a list, of the state and the present time of its first page. Raises CursorError."""

    def listed(who: Observer, question: Question, after: Place | None, mark: Mark) -> Page:
        return ask(who, question, query.limit, after, mark)

    return page(request, source, opened(request, source, what, query), query.lang, listed)


def opened(
    request: Request, source: Source, what: str, query: PageQuery, at: datetime | None = None
) -> Opened:
    """Open one of these lists. Raises CursorError."""

    def is_place(after: Place) -> bool:
        return len(after) == LENGTHS[what] and (what != "sources" or after[1] in (4, 6))

    return Opened.of(
        request, source, Dimension.OWNERS, query, query.cursor,
        digest=partial(_digest, what), is_place=is_place, lacking=LACKING.get(what, NO_SENDERS), at=at,
    )  # fmt: skip


def _digest(what: str, question: Question) -> str:
    """Name what is asked, however many rows and in whatever format."""
    parts = (what, question.period.window, question.selection, question.where.texts())
    return blake2s(repr(parts).encode(), digest_size=8).hexdigest()
