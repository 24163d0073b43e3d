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
from darkscope.api.http.answers import Count, Described, ProvenanceAnswer, Share
from darkscope.api.http.problems import Unusable
from darkscope.api.http.questions import Narrowed, Word, responses
from darkscope.api.http.source import Source
from darkscope.api.keys import Scope
from darkscope.api.rhythm import LONGEST, Rhythms
from darkscope.api.rhythm import Verdict as RhythmVerdict

MOST_COUNTRIES = 20

EXAMPLE = """\
value,label,packets,zone,zones,verdict,strength,rise,dip,end,reason,...
VN,VN Vietnam,1620,Asia/Ho_Chi_Minh,1,office hours,0.58,0.89,0.58,0.86,"rise by 9 h 89%, dip at 12 h 58%, ...",...
"""


Rate = Annotated[float, Field(ge=0)]
Mark = Annotated[float | None, Field(le=1)]


class RhythmRowAnswer(Described):
    """The rhythm of one source country. Rates are packets per sensor; null where nobody watched."""

    value: Annotated[str, Field(examples=["VN"])]
    """The country, as the parameters take it."""
    label: Annotated[str, Field(examples=["VN Vietnam"])]
    """For people."""
    packets: Count
    """Packets of the question from there."""
    zone: Annotated[str | None, Field(examples=["Asia/Ho_Chi_Minh"])]
    """The sources' time zone; null where none is known."""
    zones: Count
    """How many zones the country has; of several the one by which most of its people live is taken."""
    verdict: RhythmVerdict
    """`office hours`: on working days it rises by 9 h, dips at 12 h and ends by 19 h, each by a quarter or more;
    `none`: one of these is missing; `unclear`: too little, or not certain."""
    strength: Annotated[Share | None, Field(examples=[0.58])]
    """The weakest of `rise`, `dip` and `end`, from 0 to 1; null where one is not known."""
    rise: Mark
    """Share by which 4-6 h are below working hours (9-11 h, 13-16 h)."""
    dip: Mark
    """Share by which 12 h is below 11 h and 13 h."""
    end: Mark
    """Share by which 19-23 h are below working hours."""
    reason: str
    """The verdict in words."""
    work_days: Count
    """Working days of the country that were watched."""
    weekend_days: Count
    """Days of its weekends that were watched."""
    holiday_days: Count
    """Public holidays that were watched and are no weekend."""
    work: Rate | None
    """Packets per sensor on a working day."""
    weekend: Rate | None
    """The same on a day of the weekend."""
    holiday: Rate | None
    """The same on a public holiday."""
    rest_ratio: Rate | None
    """Days of rest (weekends and holidays) over working days."""
    weekdays: Annotated[list[Rate | None], Field(min_length=7, max_length=7)]
    """Packets per sensor and day: Monday to Sunday, without public holidays."""
    work_hours: Annotated[list[Rate | None], Field(min_length=24, max_length=24)]
    """Packets per sensor and hour on working days, by the source's clock, from 0 h."""
    hours: Annotated[list[Rate | None], Field(min_length=24, max_length=24)]
    """The same on all days, by the source's clock."""
    reader_hours: Annotated[list[Rate | None], Field(min_length=24, max_length=24)]
    """The same on all days, by the reader's clock."""
    holidays: Annotated[list[str], Field(examples=[["2020-04-30 Liberation Day/Reunification Day"]])]
    """Public holidays of the period, with their names."""


class RhythmsAnswer(Described):
    """The rhythms of some source countries."""

    rows: list[RhythmRowAnswer]
    """The countries, in the order given, or by packets."""
    provenance: ProvenanceAnswer


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
        responses=responses("The rhythms.", EXAMPLE, is_drawn=True),
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
