"""`/v1/breadth`: whether a rise is wide-area, or one sensor's."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from darkscope.api.dimension import Dimension
from darkscope.api.http import questions
from darkscope.api.http.access import needs
from darkscope.api.http.answers import BreadthAnswer
from darkscope.api.http.questions import Narrowed, responses
from darkscope.api.http.source import Source
from darkscope.api.keys import Scope

EXAMPLE = """\
sensor,label,packets,previous_packets,per_day,previous_per_day,growth,part,shares
tokyo-2,tokyo-2,4098,1725,132.2,57.5,2.3,0.26,True
"""


def router(source: Source) -> APIRouter:
    """The endpoint of breadth, over a source."""
    routes = APIRouter(prefix="/v1", tags=["questions"])

    @routes.get(
        "/breadth",
        dependencies=[needs(Scope.READ)],
        response_model=BreadthAnswer,
        responses=responses("The verdict, and each sensor.", EXAMPLE),
    )
    def breadth(request: Request, query: Annotated[Narrowed, Query()]) -> Response:
        """Say how many sensors share in a rise of the packets asked about, against the period before."""
        return questions.answer(
            request, source, Dimension.SENSORS, query, lambda who, what: who.breadth(what)
        )

    return routes
