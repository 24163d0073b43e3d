"""`/v1/events`: what analysis found, or a person noted, that began in a period."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from darkscope.api.dimension import Dimension
from darkscope.api.http import questions
from darkscope.api.http.access import needs
from darkscope.api.http.answers import Described, ProvenanceAnswer
from darkscope.api.http.questions import Observed, Posed, responses
from darkscope.api.http.source import Source
from darkscope.api.keys import Scope

EXAMPLE = """\
start,end,kind,subject,title,text,numbers
2020-04-28T00:00:00+09:00,,rose,445/TCP,Packets to 445/TCP: rose,...,...
"""


class EventAnswer(Described):
    """One event."""

    start: datetime
    """When it began."""
    end: datetime | None
    """When it was over; null while it lasts, and where InfluxDB is asked, which does not hold it."""
    kind: Annotated[str, Field(examples=["rose"])]
    """The detector's word."""
    subject: Annotated[str, Field(examples=["445/TCP"])]
    """Port, country or sensor."""
    title: str
    """One line."""
    text: str
    """What was found, in words."""
    numbers: str | None
    """The figures behind it, JSON; null where InfluxDB is asked."""


class EventsAnswer(Described):
    """Events that began in a period."""

    rows: list[EventAnswer]
    """By their start."""
    provenance: ProvenanceAnswer


class EventsQuery(Observed):
    """The parameters of events."""

    period: Annotated[str, Field(max_length=40, examples=["2020-Q2"])] = "28d"
    """As elsewhere: events that began in it."""


def router(source: Source) -> APIRouter:
    """The endpoint of events, over a source."""
    routes = APIRouter(prefix="/v1", tags=["questions"])

    @routes.get(
        "/events",
        dependencies=[needs(Scope.READ, all_sensors=True)],
        response_model=EventsAnswer,
        responses=responses("The events.", EXAMPLE),
    )
    def events(request: Request, query: Annotated[EventsQuery, Query()]) -> Response:
        """List the events that began in a period, whatever sensors they are about."""
        posed = Posed.of(request, source, Dimension.PORTS, query)
        found = posed.observer.events(posed.question)
        data = questions.drawn_or_written(found, posed.shape, query.lang)
        # Events move no version of the ledger, so the answer is tagged with what it says.
        return replace(posed, tag=None).sent(request, data)

    return routes
