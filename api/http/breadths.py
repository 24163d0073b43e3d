"""`/v1/breadth`: whether a rise is wide-area, or one sensor's."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from darkscope.api.breadth import Verdict
from darkscope.api.dimension import Dimension
from darkscope.api.http import questions
from darkscope.api.http.access import needs
from darkscope.api.http.answers import Count, Described, ProvenanceAnswer, Share
from darkscope.api.http.questions import Narrowed, responses
from darkscope.api.http.source import Source
from darkscope.api.keys import Scope

EXAMPLE = """\
sensor,label,packets,previous_packets,per_day,previous_per_day,growth,part,shares
tokyo-2,tokyo-2,4098,1725,132.2,57.5,2.3,0.26,True
"""


class SensorRiseAnswer(Described):
    """One sensor's part in a rise."""

    sensor: Annotated[str, Field(examples=["tokyo-1"])]
    """The sensor's id."""
    label: str
    """For people: its name."""
    packets: Count
    """Packets of the period."""
    previous_packets: Count
    """Packets of the period that it is compared with."""
    per_day: Annotated[float, Field(ge=0)]
    """Packets a day of watched time."""
    previous_per_day: Annotated[float, Field(ge=0)]
    """The same of the other period."""
    growth: Annotated[float | None, Field(ge=0, examples=[2.18])]
    """`per_day` over `previous_per_day`; null where there were none before."""
    part: Share
    """Of the rises of all sensors that rose."""
    shares: bool
    """Whether it shares in the rise: its own is no noise, and at least a quarter of the network's."""


class BreadthAnswer(Described):
    """How widely a rise is shared."""

    verdict: Verdict
    """`wide`: most sensors share the rise, and it remains without any one of them; `local`: one sensor explains it;
    `unclear`: no rise, too few sensors, or neither."""
    reason: Annotated[
        str, Field(examples=["8 of 8 sensors share the rise; without tokyo-2 99% of the rise remains"])
    ]
    """The verdict in a sentence."""
    growth: Annotated[float | None, Field(ge=0, examples=[2.21])]
    """Of all compared sensors' rates together; null where there were no packets before."""
    sensors: Count
    """Sensors that watched at least half of both periods: those that are compared."""
    sharing: Count
    """How many of them share in the rise."""
    effective_sensors: Annotated[float | None, Field(ge=0, examples=[6.05])]
    """How many equal sensors the rise would be of: the square of the sum of the rises over the sum of their squares;
    null where no sensor rose."""
    remaining: Share | None
    """Share of the relative rise that is left without the largest sensor; null where there is no rise."""
    largest: str | None
    """Id of the sensor with the largest rise."""
    rows: list[SensorRiseAnswer]
    """The compared sensors, the largest rise first."""
    provenance: ProvenanceAnswer


def router(source: Source) -> APIRouter:
    """The endpoint of breadth, over a source."""
    routes = APIRouter(prefix="/v1", tags=["questions"])

    @routes.get(
        "/breadth",
        dependencies=[needs(Scope.READ)],
        response_model=BreadthAnswer,
        responses=responses("The verdict, and each sensor.", EXAMPLE, is_drawn=True),
    )
    def breadth(request: Request, query: Annotated[Narrowed, Query()]) -> Response:
        """Say how many sensors share in a rise of the packets asked about, against the period before."""
        return questions.answer(
            request, source, Dimension.SENSORS, query, lambda who, what: who.breadth(what)
        )

    return routes
