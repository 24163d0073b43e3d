"""`/v1/attacks`: denial of service seen by its backscatter, page by page."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from darkscope.api.ask import Observer
from darkscope.api.asked import Asked
from darkscope.api.dimension import Dimension
from darkscope.api.http.access import needs
from darkscope.api.http.answers import Count, Described, ProvenanceAnswer
from darkscope.api.http.questions import Words, responses
from darkscope.api.http.source import Source
from darkscope.api.http.sources import PageQuery, paged
from darkscope.api.keys import Scope

EXAMPLE = """\
victim,country,owner,protocol,start,end,seconds,ongoing,packets,peak,answers_per_second,sensors,targets,ports,all_ports,syn_acks,resets,icmp
192.0.2.80,US,AS64500,TCP,2020-05-14T17:20:03+09:00,2020-05-14T17:34:58+09:00,895,False,1100,93,1800000.0,9,88,80/TCP,1,771,329,0
"""

Moment = Annotated[datetime, Field(examples=["2020-05-14T17:20:03+09:00"])]


class AttackRowAnswer(Described):
    """One attack."""

    victim: Annotated[str, Field(examples=["192.0.2.80"])]
    """The victim's address, IPv6 in its shortest form."""
    country: Annotated[str, Field(examples=["US"])]
    """The victim's country, ISO 3166-1 alpha-2, `ZZ` unknown."""
    owner: Annotated[str, Field(examples=["AS64500"])]
    """The victim's autonomous system, as the parameters take it."""
    protocol: Annotated[str, Field(examples=["TCP"])]
    """IP protocol of what the victim was sent; who is attacked by two is in two rows."""
    start: Moment
    """The first echo, in the zone."""
    end: Moment
    """The last echo, so far."""
    seconds: Annotated[int, Field(ge=60, examples=[895])]
    """From the first to the last echo."""
    ongoing: bool
    """Whether it may go on: it was not yet silent for 300 seconds of what was observed."""
    packets: Annotated[int, Field(ge=30, examples=[1100])]
    """Echoes at the sensors asked about."""
    peak: Annotated[int, Field(ge=30, examples=[93])]
    """Echoes of the fullest minute, which may begin every ten seconds."""
    answers_per_second: Annotated[float | None, Field(examples=[1800000.0])]
    """What the victim sent to all of IPv4 in that minute, if sources were forged evenly: an order of magnitude.
    Null for IPv6, and where not all sensors' addresses are known."""
    sensors: Annotated[int, Field(ge=1, examples=[9])]
    """Sensors that got echoes."""
    targets: Annotated[int, Field(ge=1, examples=[88])]
    """About how many addresses of the sensors were forged; some 266 a sensor are the most that are told apart."""
    ports: Annotated[list[str], Field(examples=[["80/TCP"]])]
    """Ports attacked, the leading five."""
    all_ports: Annotated[int, Field(ge=1, examples=[1])]
    """How many there are; those that are not known count as one."""
    syn_acks: Annotated[Count, Field(examples=[771])]
    """Echoes that are TCP SYN+ACK: the port is open."""
    resets: Annotated[Count, Field(examples=[329])]
    """Echoes that are TCP RST."""
    icmp: Annotated[Count, Field(examples=[0])]
    """Echoes that are ICMP."""


class ShareAnswer(Described):
    """What part of the attacks has one value."""

    value: Annotated[str, Field(examples=["US", "80/TCP"])]
    """As the parameters take it."""
    attacks: Annotated[int, Field(ge=1, examples=[5])]
    """How many attacks."""
    victims: Annotated[int, Field(ge=1, examples=[4])]
    """On how many addresses."""


class AttacksAnswer(Described):
    """Attacks by packets, those of equal packets by time."""

    attacks: Annotated[Count, Field(examples=[12])]
    """How many there are."""
    victims: Annotated[Count, Field(examples=[11])]
    """How many addresses were attacked."""
    packets: Annotated[Count, Field(examples=[14200])]
    """Echoes of all of them."""
    countries: list[ShareAnswer]
    """Of the victims of all attacks, the ten with the most attacks."""
    ports: list[ShareAnswer]
    """Likewise ports; an attack on several counts for each."""
    known_since: date | None
    """First UTC day of which there are echoes at all; null for keys that see some organisations only."""
    next: str | None
    """Cursor of the next page; null on the last one."""
    rows: list[AttackRowAnswer]
    """The page."""
    provenance: ProvenanceAnswer


class AttacksQuery(PageQuery):
    """The parameters of what is asked about attacks: they narrow by the victim, not by who sent the echo."""

    port: Annotated[Words, Field(examples=[["80/tcp", "443"]])] = ()
    """Only attacks on these ports: `80/tcp`, `443` (any protocol); repeatable."""
    country: Annotated[Words, Field(examples=[["US"]])] = ()
    """Only victims in these countries, ISO 3166-1 alpha-2, `ZZ` unknown; repeatable."""
    protocol: Words = ()
    """Only attacks by these IP protocols, by name or number; repeatable."""
    owner: Annotated[Words, Field(examples=[["AS64500"]])] = ()
    """Only victims in these autonomous systems; repeatable."""

    def asked(self, dimension: Dimension) -> Asked:
        """The question in words."""
        return Asked(
            dimension, self.period, self.time_zone, self.sensor, self.organisation, self.home, self.kind,
            ports=self.port, countries=self.country, protocols=self.protocol, owners=self.owner,
        )  # fmt: skip


def router(source: Source) -> APIRouter:
    """The endpoint of attacks, over a source."""
    routes = APIRouter(prefix="/v1", tags=["questions"])

    @routes.get(
        "/attacks",
        dependencies=[needs(Scope.SOURCES)],
        response_model=AttacksAnswer,
        responses=responses("The attacks.", EXAMPLE),
    )
    def attacks(request: Request, query: Annotated[AttacksQuery, Query()]) -> Response:
        """List attacks on others that lasted at some time of the period, told by their backscatter."""
        return paged(request, source, "attacks", query, Observer.attacks)

    return routes
