"""`/v1/rankings/{dimension}`: the leading values of a period, with their ranks in the period before."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from darkscope.api.dimension import Dimension
from darkscope.api.formats import RANKING_COLUMNS, ranking_csv, ranking_json
from darkscope.api.http.answers import RankingAnswer
from darkscope.api.http.problems import declared
from darkscope.api.http.questions import CSV, Narrowed, Posed, Shape
from darkscope.api.http.source import Source
from darkscope.api.store import Precision

MOST_ROWS = 1000

EXAMPLE = f"{','.join(RANKING_COLUMNS)}\n1,445/TCP,445/TCP (microsoft-ds),1620,0.86,1,1688,19.3,115,0.0\n"


class RankingQuery(Narrowed):
    """The parameters of a ranking."""

    limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 10
    """How many rows, at most."""
    sources: Precision = Precision.NONE
    """Distinct sources: `estimated` is exact where flows are few and says its error elsewhere; `exact` counts all,
    which takes seconds in a long period; `none` is quickest."""


def router(source: Source) -> APIRouter:
    """The endpoints of rankings, over a source."""
    routes = APIRouter(prefix="/v1", tags=["questions"])
    answered: dict[int | str, dict[str, Any]] = {
        200: {
            "description": "The ranking. In every format the headers `Darkscope-Ledger-Version` and "
            "`Darkscope-Window` say what it is about.",
            "content": {CSV: {"schema": {"type": "string"}, "example": EXAMPLE}},
        },
        304: {"description": "`If-None-Match` names the answer that the ledger would give again."},
        **declared(404, 410, 422, 503),
    }

    @routes.get("/rankings/{dimension}", response_model=RankingAnswer, responses=answered)
    def rankings(
        request: Request,
        dimension: Annotated[Dimension, Path(description="What is ranked.")],
        query: Annotated[RankingQuery, Query()],
    ) -> Response:
        """Rank ports, countries, owners, tools, sensors, classes or organisations by packets."""
        posed = Posed.of(request, source, dimension, query)
        if posed.is_known_to(request):
            return posed.unchanged()
        with source.turn():
            ranking = posed.observer.top(posed.question, query.limit, query.sources)
        return posed.written(ranking_csv(ranking) if posed.shape is Shape.CSV else ranking_json(ranking))

    return routes
