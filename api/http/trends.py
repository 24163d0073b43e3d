"""`/v1/trends/{dimension}`: values bucket by bucket; an outage is a gap, a true zero a zero."""

from __future__ import annotations

from datetime import datetime
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
from darkscope.api.trend import Trend

MOST_LINES = 50
MOST_PARTS = 20

EXAMPLE = """\
start,covered,445/TCP
2020-06-24T00:00:00+09:00,1.0,53
2020-06-24T06:00:00+09:00,0.0,
"""


class LineAnswer(Described):
    """One value over time."""

    value: Annotated[str, Field(examples=["445/TCP"])]
    """As the parameters take it."""
    label: Annotated[str, Field(examples=["445/TCP (microsoft-ds)"])]
    """For people."""
    packets: list[Count | None]
    """One a bucket; null where no sensor watched."""
    part: Annotated[str | None, Field(examples=["VN"])]
    """The part of the value that this is, where values are split: as the parameters take it, or `rest`."""
    part_label: str | None
    """The part, for people."""


class TrendAnswer(Described):
    """Some values of a dimension over time."""

    dimension: Dimension
    """What is followed."""
    by: Dimension | None
    """What each value is split by; null where none is."""
    step: Annotated[str, Field(examples=["hour"])]
    """Length of a bucket, as it was asked for."""
    starts: list[datetime]
    """Start of each bucket, in the zone; the last ends with the period, or now."""
    covered: list[Share | None]
    """Watched share of each bucket's sensor time; null where no sensor existed."""
    folded: Annotated[Count, Field(examples=[0])]
    """Packets of values that are not known apart, and so in no line. 0 on the ledger."""
    lines: list[LineAnswer]
    """The values, each with one count a bucket."""
    provenance: ProvenanceAnswer


class TrendQuery(Narrowed):
    """The parameters of a trend."""

    step: Annotated[str, Field(max_length=10, examples=["hour"])] = "day"
    """Length of a bucket: `5m` and other parts of a day, `hour`, `day`, `week`, `month`, `quarter`."""
    value: Annotated[tuple[Word, ...], Field(max_length=MOST_LINES, examples=[["23/tcp", "8080/tcp"]])] = ()
    """Follow these instead of the leading ones, as a ranking writes them; repeatable."""
    limit: Annotated[int, Field(ge=1, le=MOST_LINES)] = 5
    """How many of the leading ones."""
    by: Dimension | None = None
    """Split each value by this: `by=countries` with `value=445/tcp` follows that port from each leading country."""
    parts: Annotated[int, Field(ge=1, le=MOST_PARTS)] = 5
    """How many leading parts of each, beside the rest."""

    @property
    def finest(self) -> str:
        """A bucket."""
        return self.step

    @property
    def lines(self) -> int:
        """One a value, or one a part of each and the rest."""
        return (len(self.value) or self.limit) * (1 if self.by is None else self.parts + 1)


def router(source: Source) -> APIRouter:
    """The endpoint of trends, over a source."""
    routes = APIRouter(prefix="/v1", tags=["questions"])

    @routes.get(
        "/trends/{dimension}",
        dependencies=[needs(Scope.PUBLIC)],
        response_model=TrendAnswer,
        responses=responses("The trend.", EXAMPLE, is_drawn=True),
    )
    def trends(
        request: Request,
        dimension: Annotated[Dimension, Path(description="What is followed.")],
        query: Annotated[TrendQuery, Query()],
    ) -> Response:
        """Follow named values, or else the leading ones of the period, over time."""

        def ask(who: Observer, what: Question) -> Trend:
            values = [parse_value(dimension, text) for text in query.value]
            return who.trend(what, query.step, values, query.limit, query.by, query.parts)

        return questions.answer(request, source, dimension, query, ask)

    return routes
