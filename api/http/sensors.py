"""`/v1/sensors` and `/v1/coverage`: who observes, how much of the time, and what became of the frames."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from darkscope.api.dimension import Dimension
from darkscope.api.http import questions
from darkscope.api.http.access import needs
from darkscope.api.http.answers import CoverageAnswer, RosterAnswer
from darkscope.api.http.questions import Narrowed, responses
from darkscope.api.http.source import Source
from darkscope.api.keys import Scope

ROSTER = """\
sensor,label,organisation,kind,home,since,until,expected_seconds,covered_seconds,covered_share,frames,inbound,...
tokyo-1,tokyo-1,north,telescope,True,,,7862400,7862400,1.0,81231,80112,...
"""

STRIPS = """\
start,osaka-1,tokyo-1
2020-06-13T00:00:00+09:00,1.0,0.25
"""


class CoverageQuery(Narrowed):
    """The parameters of coverage."""

    step: Annotated[str, Field(max_length=10, examples=["hour"])] = "hour"
    """Length of a bucket: `5m` and other parts of a day, `hour`, `day`, `week`, `month`, `quarter`."""

    @property
    def finest(self) -> str:
        """The shortest stretch that the answer has figures for."""
        return self.step


def router(source: Source) -> APIRouter:
    """The endpoints of sensors, over a source."""
    routes = APIRouter(prefix="/v1", tags=["questions"])

    @routes.get(
        "/sensors",
        dependencies=[needs(Scope.READ)],
        response_model=RosterAnswer,
        responses=responses("The sensors.", ROSTER),
    )
    def sensors(request: Request, query: Annotated[Narrowed, Query()]) -> Response:
        """List the sensors: who they are, how much they watched, what became of their frames."""
        return questions.answer(
            request, source, Dimension.SENSORS, query, lambda who, what: who.sensors(what)
        )

    @routes.get(
        "/coverage",
        dependencies=[needs(Scope.READ)],
        response_model=CoverageAnswer,
        responses=responses("The watched shares.", STRIPS),
    )
    def coverage(request: Request, query: Annotated[CoverageQuery, Query()]) -> Response:
        """Say how much of each bucket each sensor watched: an outage is time that is missing, no drop in traffic."""
        return questions.answer(
            request, source, Dimension.SENSORS, query, lambda who, what: who.coverage(what, query.step)
        )

    return routes
