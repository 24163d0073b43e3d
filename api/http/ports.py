"""`/v1/ports/{protocol}/{port}`: one port in short."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from darkscope.api.ask import Observer, Question
from darkscope.api.dimension import Dimension, parse_value
from darkscope.api.http import questions
from darkscope.api.http.access import needs
from darkscope.api.http.answers import Count, Described, ProvenanceAnswer, Share
from darkscope.api.http.questions import Narrowed, responses
from darkscope.api.http.source import Source
from darkscope.api.keys import Scope
from darkscope.api.profile import Profile

EXAMPLE = """\
dimension,rank,value,label,packets,share,change
countries,1,VN,VN Vietnam,1620,0.31,1.4
"""


class PortQuery(Narrowed):
    """The parameters of a port."""

    limit: Annotated[int, Field(ge=1, le=100)] = 5
    """How many leading countries, owners, tools and classes."""


class PortRowAnswer(Described):
    """One of the leading values of the port."""

    dimension: Dimension
    """What it is a value of."""
    rank: Annotated[int, Field(ge=1)]
    """By packets."""
    value: Annotated[str, Field(examples=["VN"])]
    """As the parameters take it."""
    label: Annotated[str, Field(examples=["VN Vietnam"])]
    """For people."""
    packets: Count
    """Packets of the period to this port."""
    share: Share | None
    """Of the port's packets."""
    change: Annotated[float | None, Field(ge=-1)]
    """Of the packets a sensor-day against the period before: 0.5 is half as many again; null where there were none."""


class PortAnswer(Described):
    """One port in short."""

    port: Annotated[str, Field(examples=["445/TCP"])]
    """As the parameters take it."""
    service: Annotated[str, Field(examples=["microsoft-ds"])]
    """The service that is registered for it with IANA; empty where none is."""
    packets: Count
    """Packets of the period."""
    share: Share | None
    """Of all packets; null where there are none."""
    rank: Annotated[int | None, Field(ge=1)]
    """Among all ports; null where it does not occur."""
    previous_rank: Annotated[int | None, Field(ge=1)]
    """The same in the period before."""
    growth: Annotated[float | None, Field(ge=0)]
    """Of the rates of the sensors that watched both periods; 1 is no change, null where there were none before."""
    verdict: Annotated[str, Field(pattern="^(wide|local|unclear)$")]
    """Of its rise, as `/v1/breadth` says it."""
    reason: str
    """The verdict in a sentence."""
    rows: list[PortRowAnswer]
    """The leading countries, owners, tools and classes among its packets."""
    provenance: ProvenanceAnswer


def router(source: Source) -> APIRouter:
    """The endpoint of a port, over a source."""
    routes = APIRouter(prefix="/v1", tags=["questions"])

    @routes.get(
        "/ports/{protocol}/{port}",
        dependencies=[needs(Scope.READ)],
        response_model=PortAnswer,
        responses=responses("The port.", EXAMPLE),
    )
    def ports(
        request: Request,
        protocol: Annotated[
            str, Path(max_length=20, description="IP protocol, by name or number.", examples=["tcp"])
        ],
        port: Annotated[
            str, Path(pattern="^([0-9]{1,5}|none)$", description="Number of the port; 0 for ICMP.")
        ],
        query: Annotated[PortQuery, Query()],
    ) -> Response:
        """Tell of one port what is known: how it stands among all, who asks for it, whether its rise is wide."""

        def ask(who: Observer, what: Question) -> Profile:
            key = parse_value(Dimension.PORTS, f"{port}/{protocol}")
            return who.profile(what, key, query.limit)

        return questions.answer(request, source, Dimension.PORTS, query, ask)

    return routes
