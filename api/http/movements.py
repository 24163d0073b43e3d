"""`/v1/movements/{dimension}`: which values changed together, or against each other, and when."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from darkscope.api.ask import Observer, Question
from darkscope.api.dimension import Dimension, parse_value
from darkscope.api.http import questions
from darkscope.api.http.access import needs
from darkscope.api.http.answers import Count, Described, ProvenanceAnswer, Share
from darkscope.api.http.questions import Narrowed, Word, responses
from darkscope.api.http.source import Source
from darkscope.api.keys import Scope
from darkscope.api.movements import Movements

MOST_LEVELS = 100

EXAMPLE = """\
value,other,label,other_label,direction,day,lag,factor,other_factor,correlation,coincidence
445/TCP,1433/TCP,445/TCP (microsoft-ds),1433/TCP (ms-sql-s),against,2020-04-29,0,1.82,0.55,-0.93,0.08
"""


class ShiftAnswer(Described):
    """A change of a value's level."""

    day: date
    """The first of the new level, in the zone of the period."""
    factor: Annotated[float, Field(ge=0, examples=[1.82])]
    """Level of the week from that day on over that of the week before."""
    score: Annotated[float, Field(examples=[8.4])]
    """In standard deviations of the noise; negative for a fall."""


class LevelAnswer(Described):
    """One value with the shifts of its level."""

    value: str
    """As the parameters take it."""
    label: str
    """For people."""
    shifts: list[ShiftAnswer]
    """By day; none where the level stayed."""


class MovementAnswer(Described):
    """Two values whose levels shifted at the same time."""

    value: Annotated[str, Field(examples=["445/TCP"])]
    """That which shifted first."""
    other: Annotated[str, Field(examples=["1433/TCP"])]
    """The other."""
    label: str
    """The first, for people."""
    other_label: str
    """The other, for people."""
    direction: Annotated[str, Field(pattern="^(together|against)$")]
    """`together`: both rose or both fell; `against`: one rose and one fell."""
    day: date
    """When the first shifted."""
    lag: Annotated[int, Field(ge=0, le=3)]
    """Days until the other did."""
    factor: Annotated[float, Field(ge=0)]
    """The first's new level over its old."""
    other_factor: Annotated[float, Field(ge=0)]
    """The other's new level over its old."""
    correlation: Annotated[float | None, Field(ge=-1.001, le=1.001)]
    """Of the weekly changes of both over all of the period, the other's `lag` days later; null where not defined."""
    coincidence: Share
    """Chance that unrelated shifts, as many as the two have, would fall so near each other."""


class MovementsAnswer(Described):
    """What moved together in a period."""

    dimension: Dimension
    """What is compared."""
    days: Count
    """Days of the period up to now."""
    levels: list[LevelAnswer]
    """The compared values."""
    rows: list[MovementAnswer]
    """Pairs that shifted within three days of each other, the greater changes first."""
    provenance: ProvenanceAnswer


class MovementsQuery(Narrowed):
    """The parameters of movements."""

    period: Annotated[str, Field(max_length=40, examples=["2020-Q2"])] = "90d"
    """As elsewhere; three weeks at least, for each week is compared with the one before."""
    value: Annotated[tuple[Word, ...], Field(max_length=MOST_LEVELS, examples=[["445/tcp", "1433/tcp"]])] = ()
    """Compare these instead of the leading ones, as a ranking writes them; repeatable."""
    limit: Annotated[int, Field(ge=2, le=MOST_LEVELS)] = 30
    """How many of the leading ones."""


def router(source: Source) -> APIRouter:
    """The endpoint of movements, over a source."""
    routes = APIRouter(prefix="/v1", tags=["questions"])

    @routes.get(
        "/movements/{dimension}",
        dependencies=[needs(Scope.READ)],
        response_model=MovementsAnswer,
        responses=responses("The shifts, and those that lie together.", EXAMPLE),
    )
    def movements(
        request: Request,
        dimension: Annotated[Dimension, Path(description="What is compared.")],
        query: Annotated[MovementsQuery, Query()],
    ) -> Response:
        """Find which values' levels shifted at the same time, in the same direction or against each other."""

        def ask(who: Observer, what: Question) -> Movements:
            values = [parse_value(dimension, text) for text in query.value]
            return who.movements(what, values, query.limit)

        return questions.answer(request, source, dimension, query, ask)

    return routes
