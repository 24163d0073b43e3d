"""`/v1/rankings/{dimension}`: the leading values of a period, with their ranks in the period before."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from darkscope.api.dimension import Dimension
from darkscope.api.http import questions
from darkscope.api.http.access import needs
from darkscope.api.http.answers import RankingAnswer
from darkscope.api.http.questions import Narrowed, responses
from darkscope.api.http.source import Source
from darkscope.api.keys import Scope
from darkscope.api.store import Precision

MOST_ROWS = 1000

EXAMPLE = """\
rank,value,label,packets,share,previous_rank,previous_packets,per_sensor_day,sources,sources_error,change,...
1,445/TCP,445/TCP (microsoft-ds),1620,0.86,1,1688,19.3,115,0.0,-0.04,...
"""


class RankingQuery(Narrowed):
    """The parameters of a ranking."""

    limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 10
    """How many rows, at most."""
    sources: Precision = Precision.NONE
    """Distinct sources: `estimated` is exact where flows are few and says its error elsewhere; `exact` counts all,
    which takes seconds in a long period; `none` is quickest."""


def router(source: Source) -> APIRouter:
    """The endpoint of rankings, over a source."""
    routes = APIRouter(prefix="/v1", tags=["questions"])

    @routes.get(
        "/rankings/{dimension}",
        dependencies=[needs(Scope.PUBLIC)],
        response_model=RankingAnswer,
        responses=responses("The ranking.", EXAMPLE),
    )
    def rankings(
        request: Request,
        dimension: Annotated[Dimension, Path(description="What is ranked.")],
        query: Annotated[RankingQuery, Query()],
    ) -> Response:
        """Rank ports, countries, owners, tools, sensors, classes or organisations by packets."""
        return questions.answer(
            request, source, dimension, query, lambda who, what: who.top(what, query.limit, query.sources)
        )

    return routes
