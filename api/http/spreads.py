"""`/v1/spreads/{dimension}`: whose packets are spread over many ports."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from darkscope.api.dimension import Dimension, Spreading
from darkscope.api.http import questions
from darkscope.api.http.access import needs
from darkscope.api.http.answers import Count, Described, ProvenanceAnswer, Share
from darkscope.api.http.questions import Narrowed, responses
from darkscope.api.http.source import Source
from darkscope.api.keys import Scope

MOST_ROWS = 200

EXAMPLE = """\
rank,value,label,packets,ports,effective_ports,off_top,main_port,main_share
1,RU,RU Russia,70094,38526,289.5,0.91,23/TCP,0.04
"""


class SpreadRowAnswer(Described):
    """How one value's packets are spread over ports."""

    rank: Annotated[int, Field(ge=1)]
    """By packets."""
    value: Annotated[str, Field(examples=["NL"])]
    """As the parameters take it."""
    label: Annotated[str, Field(examples=["NL Netherlands"])]
    """For people."""
    packets: Count
    """Packets of the period."""
    ports: Annotated[Count, Field(examples=[31719])]
    """How many different ports they went to."""
    effective_ports: Annotated[float, Field(ge=1, examples=[447.7])]
    """How many equally frequent ports would be as broad: 1 over the sum of the squared shares."""
    off_top: Annotated[Share, Field(examples=[0.95])]
    """Share of the packets that went elsewhere than to the leading ports `top`."""
    main_port: Annotated[str, Field(examples=["3389/TCP"])]
    """The most frequent port."""
    main_share: Share
    """Share of the packets that went there."""


class SpreadAnswer(Described):
    """How the leading values' packets are spread over ports."""

    dimension: Dimension
    """Whose values these are."""
    top: Annotated[list[str], Field(examples=[["23/TCP", "445/TCP", "1433/TCP", "80/TCP", "22/TCP"]])]
    """The leading ports of all packets of the question."""
    off_top: Share | None
    """Share of all packets that went elsewhere; null where there are none."""
    ports: Count
    """How many different ports all packets went to."""
    rows: list[SpreadRowAnswer]
    """The values, by packets."""
    provenance: ProvenanceAnswer


class SpreadQuery(Narrowed):
    """The parameters of a spread."""

    limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 10
    """How many values, at most."""
    top: Annotated[int, Field(ge=1, le=100)] = 5
    """How many leading ports count as those that everybody asks for."""


def router(source: Source) -> APIRouter:
    """The endpoint of spreads, over a source."""
    routes = APIRouter(prefix="/v1", tags=["questions"])

    @routes.get(
        "/spreads/{dimension}",
        dependencies=[needs(Scope.READ)],
        response_model=SpreadAnswer,
        responses=responses("The spreads.", EXAMPLE, is_drawn=True),
    )
    def spreads(
        request: Request,
        dimension: Annotated[Spreading, Path(description="Whose packets.")],
        query: Annotated[SpreadQuery, Query()],
    ) -> Response:
        """Say how the leading values' scans are spread over ports; other classes only where `class` asks for them."""
        return questions.answer(
            request,
            source,
            Dimension(dimension),
            query,
            lambda who, what: who.spread(what, query.limit, query.top),
        )

    return routes
