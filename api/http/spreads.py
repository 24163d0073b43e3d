"""`/v1/spreads/{dimension}`: whose packets are spread over many ports."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from darkscope.api.dimension import Dimension, Spreading
from darkscope.api.http import questions
from darkscope.api.http.access import needs
from darkscope.api.http.answers import SpreadAnswer
from darkscope.api.http.questions import Narrowed, responses
from darkscope.api.http.source import Source
from darkscope.api.keys import Scope

MOST_ROWS = 200

EXAMPLE = """\
rank,value,label,packets,ports,effective_ports,off_top,main_port,main_share
1,RU,RU Russia,70094,38526,289.5,0.91,23/TCP,0.04
"""


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
        responses=responses("The spreads.", EXAMPLE),
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
