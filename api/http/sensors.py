"""`/v1/sensors` and `/v1/coverage`: who observes, how much of the time, and what became of the frames."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from darkscope.api.ask import Observer, Question
from darkscope.api.dimension import Dimension
from darkscope.api.http import questions
from darkscope.api.http.access import needs
from darkscope.api.http.answers import Count, Described, ProvenanceAnswer, Share
from darkscope.api.http.questions import Narrowed, responses
from darkscope.api.http.source import Source
from darkscope.api.keys import Scope
from darkscope.api.roster import Coverage

ROSTER = """\
sensor,label,organisation,kind,home,since,until,expected_seconds,covered_seconds,covered_share,frames,inbound,...
tokyo-1,tokyo-1,north,telescope,True,,,7862400,7862400,1.0,81231,80112,...
"""

STRIPS = """\
start,osaka-1,tokyo-1
2020-06-13T00:00:00+09:00,1.0,0.25
"""


class SensorAnswer(Described):
    """One sensor."""

    sensor: Annotated[str, Field(examples=["tokyo-1"])]
    """The sensor's id."""
    label: str
    """For people: its name."""
    organisation: str
    """Who runs it; empty where nobody is named."""
    kind: Annotated[str, Field(examples=["telescope"])]
    """`telescope` listens, `honeypot` answers."""
    home: bool
    """At home, or abroad."""
    since: date | None
    """First UTC day of what holds for it now; null: from ever."""
    until: date | None
    """First UTC day that this no longer holds; null: for ever."""
    expected_seconds: Count
    """Seconds of the period up to now in which the sensor existed."""
    covered_seconds: Count
    """Seconds of those that it watched."""
    covered_share: Share | None
    """Watched share; null where it did not exist."""
    frames: Count
    """Frames in the captures: inbound, own, stray, overlap and rejected add up to them."""
    inbound: Count
    """Frames that became packets."""
    own: Count
    """Frames that the sensor itself sent."""
    stray: Count
    """Frames for addresses that it does not watch."""
    overlap: Count
    """Frames left out because another capture has them."""
    rejected: Count
    """Frames that became no packet."""
    dropped: Count
    """Packets that the capturing program says it lost: in no capture."""


class RosterAnswer(Described):
    """The sensors of a question."""

    rejected: Annotated[dict[str, int], Field(examples=[{"not_ip": 6164, "truncated": 0}])]
    """Frames of all of them that became no packet, by reason."""
    rows: list[SensorAnswer]
    """The sensors, by id."""
    provenance: ProvenanceAnswer


class StripAnswer(Described):
    """One sensor over time."""

    sensor: str
    """The sensor's id."""
    label: str
    """For people: its name."""
    covered: list[Share | None]
    """Watched share of each bucket; null where the sensor did not exist."""


class CoverageAnswer(Described):
    """When sensors watched."""

    step: Annotated[str, Field(examples=["hour"])]
    """Length of a bucket, as it was asked for."""
    starts: list[datetime]
    """Start of each bucket, in the zone; the last ends with the period, or now."""
    strips: list[StripAnswer]
    """The sensors, by id."""
    provenance: ProvenanceAnswer


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
        responses=responses("The watched shares.", STRIPS, is_drawn=True),
    )
    def coverage(request: Request, query: Annotated[CoverageQuery, Query()]) -> Response:
        """Say how much of each bucket each sensor watched: an outage is time that is missing, no drop in traffic."""

        def ask(who: Observer, what: Question) -> Coverage:
            questions.bound(what.period.window, query.step, len(who.ids(what)))
            return who.coverage(what, query.step)

        return questions.answer(request, source, Dimension.SENSORS, query, ask)

    return routes
