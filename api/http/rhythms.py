"""`/v1/rhythms`: when in the day and in the week countries send, and whether they keep office hours."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from darkscope.api.ask import Observer, Question
from darkscope.api.asked import read_zone
from darkscope.api.dimension import Dimension, parse_value
from darkscope.api.http import questions
from darkscope.api.http.access import needs
from darkscope.api.http.answers import RhythmsAnswer
from darkscope.api.http.problems import Unusable
from darkscope.api.http.questions import Narrowed, Word, responses
from darkscope.api.http.source import Source
from darkscope.api.keys import Scope
from darkscope.api.rhythm import LONGEST, Rhythms

MOST_COUNTRIES = 20

EXAMPLE = """\
value,label,packets,zone,zones,verdict,strength,rise,dip,end,reason,...
VN,VN Vietnam,1620,Asia/Ho_Chi_Minh,1,office hours,0.58,0.89,0.58,0.86,"rise by 9 h 89%, dip at 12 h 58%, ...",...
"""


class RhythmQuery(Narrowed):
    """The parameters of rhythms."""

    period: Annotated[str, Field(max_length=40, examples=["2020-06"])] = "28d"
    """As elsewhere; 400 days at most."""
    value: Annotated[tuple[Word, ...], Field(max_length=MOST_COUNTRIES, examples=[["VN", "JP"]])] = ()
    """These source countries instead of the leading ones; repeatable."""
    limit: Annotated[int, Field(ge=1, le=MOST_COUNTRIES)] = 5
    """How many of the leading ones."""
    source_zone: Annotated[str | None, Field(max_length=64, examples=["America/Los_Angeles"])] = None
    """The sources' time zone (IANA), for one `value` whose country has several; the most populous where left out."""


def router(source: Source) -> APIRouter:
    """The endpoint of rhythms, over a source."""
    routes = APIRouter(prefix="/v1", tags=["questions"])

    @routes.get(
        "/rhythms",
        dependencies=[needs(Scope.READ)],
        response_model=RhythmsAnswer,
        responses=responses("The rhythms.", EXAMPLE),
    )
    def rhythms(request: Request, query: Annotated[RhythmQuery, Query()]) -> Response:
        """Say when in the day and in the week source countries send, and whether they keep office hours."""

        def ask(who: Observer, what: Question) -> Rhythms:
            values = [parse_value(Dimension.COUNTRIES, text) for text in query.value]
            theirs: ZoneInfo | None = None if query.source_zone is None else read_zone(query.source_zone)
            if theirs is not None and len(values) != 1:
                raise Unusable("a source zone is that of one country: give one value with it")
            if what.period.window.end - what.period.window.start > LONGEST:
                raise Unusable(f"the period {what.period.text!r} is longer than {LONGEST.days} days")
            return who.rhythm(what, values, query.limit, theirs)

        return questions.answer(request, source, Dimension.COUNTRIES, query, ask)

    return routes
