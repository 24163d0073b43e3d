"""`/v1/requests`, `/v1/visitors`, `/v1/vulnerabilities`: what honeypots were asked, by whom, and what for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from enum import StrEnum
from functools import partial
from hashlib import blake2s
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from darkscope.api.ask import Mark, Observer, Place, Question
from darkscope.api.asked import Asked, Kind
from darkscope.api.dimension import Dimension
from darkscope.api.formats import Answer
from darkscope.api.http import questions
from darkscope.api.http.access import needs
from darkscope.api.http.answers import Count, Described, ProvenanceAnswer, Share, WatchAnswer
from darkscope.api.http.listing import Opened, Page, page
from darkscope.api.http.questions import Observed, Words, responses
from darkscope.api.http.source import Source
from darkscope.api.keys import Scope
from darkscope.api.requests import questions as asking
from darkscope.api.requests.visitors import Search
from darkscope.api.requests.vulnerabilities import Change
from darkscope.api.requests.wanted import Wanted

MOST_ROWS = 1000

DAYS_EXAMPLE = """\
day,country,port,application,method,target,requests,sources,sensors,rules
2020-05-28,RU,8080,http,GET,/photo/p/api/album.php,3,1,2,qnap-photo-station-album
"""

SINGLE_EXAMPLE = """\
time,sensor,address,source_port,country,owner,port,application,method,path,host,agent,headers,fingerprint,body,size,...
2020-05-28T10:12:44+09:00,honeypot-1,192.0.2.7,40000,RU,AS64500,8080,http,GET,/photo/p/api/album.php,...
"""

VISITORS_EXAMPLE = """\
address,country,owner,requests,first_request,last_request,ports,honeypots,rules,seen,first_seen,last_seen,...
192.0.2.7,RU,AS64500,2,2020-05-28T10:12:44+09:00,2020-05-29T03:01:09+09:00,8080,1,qnap-photo-station-album,True,...
"""

VULNERABILITIES_EXAMPLE = """\
rule,title,cves,vendor,product,requests,sources,sensors,ports,countries,first_seen,last_seen,undecided
qnap-photo-station-album,...,CVE-2019-7192 CVE-2019-7194 CVE-2019-7195,QNAP,Photo Station,19,5,2,5000 5001 ...
"""

Moment = Annotated[datetime, Field(examples=["2020-05-28T10:12:44+09:00"])]
Path = Annotated[str, Field(examples=["/photo/p/api/album.php"])]
Rules = Annotated[list[str], Field(examples=[["qnap-photo-station-album"]])]
Country = Annotated[str, Field(examples=["RU"])]
Application = Annotated[str, Field(examples=["http"])]
Owner = Annotated[str, Field(examples=["AS64500"])]


class By(StrEnum):
    """What requests are counted by."""

    DAY = "day"
    REQUEST = "request"


class RequestDayAnswer(Described):
    """Equal requests of a day, from one country to one port."""

    day: date
    """Local day."""
    country: Country
    """Source country, ISO 3166-1 alpha-2, `ZZ` unknown."""
    port: Annotated[int, Field(examples=[8080])]
    """Destination port (TCP)."""
    application: Application
    """`http`, `tls`, or a guess at the protocol."""
    method: Annotated[str, Field(examples=["GET"])]
    """Of HTTP; empty elsewhere."""
    target: Path
    """Of an HTTP request its target with the query, of TLS the server's name."""
    requests: Annotated[int, Field(ge=1, examples=[3])]
    """How many."""
    sources: Annotated[int, Field(ge=1)]
    """Distinct sources, IPv6 by /64."""
    sensors: Annotated[int, Field(ge=1)]
    """Honeypots that were asked."""
    rules: Rules
    """Ids of the rules that name any of them."""


class RequestTotalAnswer(Described):
    """Equal requests of the whole period."""

    application: Application
    """`http`, `tls`, or a guess at the protocol."""
    method: Annotated[str, Field(examples=["GET"])]
    """Of HTTP; empty elsewhere."""
    target: Path
    """Of an HTTP request its target with the query, of TLS the server's name."""
    requests: Annotated[int, Field(ge=1, examples=[19])]
    """How many."""
    share: Share
    """Of all requests of the question."""
    sources: Annotated[int, Field(ge=1)]
    """Distinct sources, IPv6 by /64."""
    sensors: Annotated[int, Field(ge=1)]
    """Honeypots that were asked."""
    countries: Annotated[list[str], Field(examples=[["RU"]])]
    """Source countries."""
    ports: Annotated[list[int], Field(examples=[[5000, 5001, 8080, 8083]])]
    """Destination ports."""
    first_seen: Moment
    """Time of the first, in the zone."""
    last_seen: Moment
    """Time of the last."""
    rules: Rules
    """Ids of the rules that name any of them."""


class _About(Described):
    since: date | None
    """First UTC day of which requests are kept; null for keys that are limited to organisations."""
    wanted: dict[str, list[str]]
    """Which requests: `paths`, `methods`, `applications`, `rules`; what is missing is open."""
    provenance: ProvenanceAnswer


class RequestDaysAnswer(_About):
    """Requests by day, country and port, in this order."""

    requests: Count
    """Of all rows, also those that are not given."""
    groups: Count
    """How many rows there are."""
    rows: list[RequestDayAnswer]
    """The first of them."""


class RequestTotalsAnswer(_About):
    """Requests by what was asked, the most frequent first."""

    requests: Count
    """Of all rows, also those that are not given."""
    groups: Count
    """How many rows there are."""
    unnamed: Count
    """Requests that no rule names."""
    rows: list[RequestTotalAnswer]
    """The first of them."""


class SingleRequestAnswer(Described):
    """One request. Of texts only printable ASCII stands as it came, and sensors' addresses are masked."""

    time: Moment
    """When the first data of its connection came, in the zone."""
    sensor: Annotated[str, Field(examples=["honeypot-1"])]
    """The sensor's id."""
    address: Annotated[str, Field(examples=["192.0.2.7"])]
    """Source address."""
    source_port: Annotated[int, Field(examples=[40000])]
    """Source port: behind a shared address only both name a customer (RFC 6302)."""
    country: Country
    """Source country."""
    owner: Owner
    """Source's autonomous system."""
    port: Annotated[int, Field(examples=[8080])]
    """Destination port (TCP)."""
    application: Application
    """`http`, `tls`, or a guess at the protocol."""
    method: str
    """Of HTTP; empty elsewhere."""
    path: Path
    """HTTP request target with its query; empty elsewhere."""
    host: str
    """HTTP Host field, or TLS server name."""
    agent: Annotated[str, Field(examples=["python-requests/2.23.0"])]
    """HTTP User-Agent field."""
    headers: list[str]
    """HTTP fields as sent."""
    fingerprint: str
    """JA4 of a TLS client."""
    body: str
    """BLAKE3 of the HTTP body; empty where there is none."""
    size: Count
    """Bytes of the request; of what is no HTTP, of its first data."""
    preview: str
    """First bytes of the HTTP body, or of what is no HTTP."""
    rules: Rules
    """Ids of the rules that name it."""


class RequestListAnswer(_About):
    """Single requests in the order of time."""

    next: str | None
    """Cursor of the next page; null on the last one."""
    rows: list[SingleRequestAnswer]
    """The page."""


class VisitorRowAnswer(Described):
    """A source of requests."""

    address: Annotated[str, Field(examples=["192.0.2.7"])]
    """The address."""
    country: Country
    """Of its last request."""
    owner: Owner
    """Of its last request."""
    requests: Annotated[int, Field(ge=1)]
    """Requests of the question."""
    first_request: Moment
    """Time of the first of them, in the zone."""
    last_request: Moment
    """Time of the last of them."""
    ports: list[int]
    """Ports that it asked."""
    honeypots: Annotated[int, Field(ge=1)]
    """Sensors that it asked."""
    rules: Rules
    """Ids of the rules that name its requests."""
    seen: bool
    """Whether a telescope received packets of it, on a UTC day of the period."""
    first_seen: Moment | None
    """When the first of these came; null where none did."""
    last_seen: Moment | None
    """When the last came."""
    telescopes: Count
    """How many telescopes saw it."""
    before: Count | None
    """Packets to telescopes before the minute of its first request; null where the flows that tell have expired."""
    after: Count | None
    """Packets from then on."""


class VisitorsAnswer(_About):
    """Sources of requests, those of the most requests first."""

    verdict: Search
    """`broad`: telescopes saw nine of ten or more, so they search widely; `focused`: at most one of ten, so they knew
    whom to ask; `unclear`: neither, or fewer than three."""
    reason: Annotated[
        str, Field(examples=["telescopes saw 8 of 8 visitors: they search widely, not by a list"])
    ]
    """The verdict in a sentence."""
    visitors: Count
    """How many there are."""
    seen: Count
    """Of them, seen by a telescope."""
    share: Share | None
    """`seen` of `visitors`; null where there are none."""
    seen_before: Count
    """Of them, seen before their first request."""
    telescopes: WatchAnswer | None
    """Who else looked."""
    rows: list[VisitorRowAnswer]
    """The first of them."""


class FirstSeenAnswer(Described):
    """When a sensor was first asked."""

    sensor: str
    """Its id."""
    label: str
    """For people: its name."""
    first_seen: Moment
    """Time of its first such request in the period, in the zone."""
    requests: Annotated[int, Field(ge=1)]
    """How many it received."""


class MarkAnswer(Described):
    """A date of a vulnerability, with the requests before and after it."""

    name: Annotated[str, Field(examples=["proof_of_concept"])]
    """`disclosed`, `proof_of_concept`, `known_exploited`, `vendor_notice`."""
    day: date
    """The date."""
    lag: Annotated[int | None, Field(examples=[2])]
    """Days from it to the first request of the period: negative where that came before; null where none came."""
    before: Count
    """Requests of the period before that day."""
    after: Count
    """Requests from that day on."""
    before_seconds: Count
    """Watched sensor time before, seconds."""
    after_seconds: Count
    """Watched sensor time after."""
    chance: Share | None
    """Chance of such a difference of the rates, or a larger one, were they equal (exact conditional test of two Poisson
    counts); null where one side was not watched."""
    change: Change
    """`rose`, `fell`, `none` (such a difference comes by chance, at 5 % over all dates of the answer), `unknown`."""


class VulnerabilityAnswer(Described):
    """One rule, and the requests that it names."""

    rule: Annotated[str, Field(examples=["qnap-photo-station-album"])]
    """The rule's id."""
    title: str
    """What the vulnerability is."""
    cves: Annotated[list[str], Field(examples=[["CVE-2019-7192"]])]
    """CVE numbers; none where nobody numbered it."""
    vendor: Annotated[str, Field(examples=["QNAP"])]
    """Whose product."""
    product: str
    """Which product."""
    requests: Count
    """Requests that it names."""
    sources: Count
    """Distinct sources of them, IPv6 by /64."""
    sensors: Count
    """Honeypots that were asked."""
    ports: list[int]
    """Destination ports."""
    countries: list[str]
    """Source countries, those of the most requests first."""
    first_seen: Moment | None
    """Time of the first in the period, in the zone."""
    last_seen: Moment | None
    """Time of the last."""
    undecided: Count
    """Further requests that it may name: what would tell lies beyond what is kept of the body."""
    references: list[str]
    """Where the vulnerability and its dates are told."""
    marks: list[MarkAnswer]
    """Its dates."""
    first_by_sensor: list[FirstSeenAnswer]
    """When each sensor was first asked."""
    timeline: list[int | None]
    """Requests by day; null on days that nobody watched."""


class VulnerabilitiesAnswer(_About):
    """Vulnerabilities by requests, and what no rule names."""

    requests: Count
    """All requests of the question."""
    named: Count
    """Of them, named by a rule."""
    unnamed: Count
    """Of them, named by none."""
    rules: Count
    """How many rules were asked."""
    ruleset: str
    """Digest of all rules: equal digests, equal rules."""
    starts: list[Moment]
    """Start of each day of the timelines, in the zone."""
    rows: list[VulnerabilityAnswer]
    """The rules that name any request, and all that were asked for by name."""
    unnamed_rows: list[RequestTotalAnswer]
    """The most frequent requests that no rule names."""


class RequestsQuery(Observed):
    """The parameters of questions about requests to honeypots."""

    kind: Kind = Kind.HONEYPOT
    """Which kind of sensors; only honeypots are asked anything."""
    port: Annotated[Words, Field(examples=[["8080"]])] = ()
    """Only requests to these ports; repeatable."""
    country: Annotated[Words, Field(examples=[["RU"]])] = ()
    """Only these source countries; repeatable."""
    owner: Annotated[Words, Field(examples=[["AS64500"]])] = ()
    """Only sources in these autonomous systems; repeatable."""
    path: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=2000)], ...],
        Field(max_length=questions.MOST_VALUES, examples=[["/photo/*"]]),
    ] = ()
    """Only these request targets (of TLS: server names), `*` for any characters; repeatable."""
    method: Words = ()
    """Only these HTTP methods; repeatable."""
    application: Words = ()
    """Only `http`, `tls`, ...; repeatable."""
    rule: Annotated[Words, Field(examples=[["CVE-2019-7192"]])] = ()
    """Only requests that these rules name, by id or CVE; `none`: that no rule names; repeatable."""
    limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 100
    """How many rows, at most."""

    def asked(self, dimension: Dimension) -> Asked:
        """The question in words."""
        return Asked(
            dimension, self.period, self.time_zone, self.sensor, self.organisation, self.home, self.kind,
            ports=self.port, countries=self.country, owners=self.owner,
        )  # fmt: skip

    @property
    def wanted(self) -> Wanted:
        """Which requests."""
        return Wanted(self.path, self.method, self.application, self.rule)


class CountedQuery(RequestsQuery):
    """The parameters of counted requests."""

    by: By = By.DAY
    """Count by day, country and port, or by request alone."""


class SingleQuery(RequestsQuery):
    """The parameters of single requests."""

    cursor: Annotated[str | None, Field(max_length=300)] = None
    """Go on where another answer ended: its `next`, with the same parameters as there. All pages are about the state
    of the ledger, and the present time, of the first one."""


Ask = Callable[[Observer, Question, Wanted, int], Answer]


def router(source: Source) -> APIRouter:
    """The endpoints of requests to honeypots, over a source."""
    routes = APIRouter(prefix="/v1", tags=["questions"])

    def told(request: Request, query: RequestsQuery, ask: Ask) -> Response:
        return questions.answer(
            request,
            source,
            Dimension.COUNTRIES,
            query,
            lambda who, what: ask(who, what, query.wanted, query.limit),
        )

    @routes.get(
        "/requests",
        dependencies=[needs(Scope.READ)],
        response_model=RequestDaysAnswer | RequestTotalsAnswer,
        responses=responses("The counts.", DAYS_EXAMPLE),
    )
    def requests(request: Request, query: Annotated[CountedQuery, Query()]) -> Response:
        """Count what honeypots were asked: by day, country and port, or by request alone."""
        return told(request, query, asking.by_day if query.by is By.DAY else asking.by_request)

    @routes.get(
        "/requests/single",
        dependencies=[needs(Scope.SOURCES)],
        response_model=RequestListAnswer,
        responses=responses("The requests.", SINGLE_EXAMPLE),
    )
    def single_requests(request: Request, query: Annotated[SingleQuery, Query()]) -> Response:
        """List what honeypots were asked, request by request, in the order of time."""
        return _page(request, source, query)

    @routes.get(
        "/visitors",
        dependencies=[needs(Scope.SOURCES)],
        response_model=VisitorsAnswer,
        responses=responses("The visitors.", VISITORS_EXAMPLE),
    )
    def visitors(request: Request, query: Annotated[RequestsQuery, Query()]) -> Response:
        """List who made requests to honeypots, and say which of them telescopes received packets of too."""
        return told(request, query, asking.visited)

    @routes.get(
        "/vulnerabilities",
        dependencies=[needs(Scope.READ)],
        response_model=VulnerabilitiesAnswer,
        responses=responses("The vulnerabilities.", VULNERABILITIES_EXAMPLE, is_drawn=True),
    )
    def vulnerabilities(request: Request, query: Annotated[RequestsQuery, Query()]) -> Response:
        """Tell which known vulnerabilities requests were after, and the leading requests that no rule names."""
        return told(request, query, asking.exploited)

    return routes


def _page(request: Request, source: Source, query: SingleQuery) -> Response:
    def listed(who: Observer, question: Question, after: Place | None, mark: Mark) -> Page:
        return asking.singly(who, question, query.wanted, query.limit, after, mark)

    return page(request, source, opened(request, source, query), query.lang, listed)


def opened(request: Request, source: Source, query: SingleQuery, at: datetime | None = None) -> Opened:
    """Open the list of single requests. Raises CursorError."""
    return Opened.of(
        request, source, Dimension.COUNTRIES, query, query.cursor,
        digest=partial(_digest, query.wanted), is_place=lambda after: len(after) == 2 and min(after) >= 0, at=at,
    )  # fmt: skip


def _digest(wanted: Wanted, question: Question) -> str:
    """Name what is asked, however many rows and in whatever format."""
    parts = (question.period.window, question.selection, question.where.texts(), wanted)
    return blake2s(repr(parts).encode(), digest_size=8).hexdigest()
