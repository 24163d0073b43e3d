"""`/v1/rankings/{dimension}`: the leading values of a period, with their ranks in the period before."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from darkscope.api.dimension import Dimension
from darkscope.api.http import questions
from darkscope.api.http.access import needs
from darkscope.api.http.answers import Count, Described, ProvenanceAnswer, Share
from darkscope.api.http.questions import Narrowed, responses
from darkscope.api.http.source import Source
from darkscope.api.keys import Scope
from darkscope.api.store import Precision

MOST_ROWS = 1000

EXAMPLE = """\
rank,value,label,packets,share,previous_rank,previous_packets,per_sensor_day,sources,sources_error,change,...
1,445/TCP,445/TCP (microsoft-ds),1620,0.86,1,1688,19.3,115,0.0,-0.04,...
"""


class RowAnswer(Described):
    """One value of a ranking."""

    rank: Annotated[int, Field(ge=1, examples=[1])]
    """From 1; equal counts are ranked by value."""
    value: Annotated[str, Field(examples=["445/TCP"])]
    """As the parameters take it."""
    label: Annotated[str, Field(examples=["445/TCP (microsoft-ds)"])]
    """For people: with the service's name (IANA), the country's, the sensor's."""
    packets: Annotated[Count, Field(examples=[1620])]
    """Packets of the period."""
    share: Annotated[Share | None, Field(examples=[0.86])]
    """Of all packets of the question, also those that are not listed."""
    previous_rank: Annotated[int | None, Field(ge=1, examples=[3])]
    """Rank among all values of the period before; null where it did not occur."""
    previous_packets: Annotated[Count, Field(examples=[1688])]
    """Packets of the period before."""
    per_sensor_day: Annotated[float | None, Field(ge=0, examples=[19.3])]
    """Packets a day of watched sensor time; null where nothing was watched."""
    sources: Annotated[Count | None, Field(examples=[115])]
    """Distinct source addresses, IPv6 by /64; null where they were not counted."""
    sources_error: Annotated[float | None, Field(ge=0, examples=[0.0])]
    """Relative standard error of `sources`; 0 where exact, null where not counted."""
    change: Annotated[float | None, Field(ge=-1, examples=[0.38])]
    """Of the packets a sensor-day against the period before: 0.5 is half as many again; null where there were none."""
    per_address_day: Annotated[float | None, Field(ge=0, examples=[0.6])]
    """Packets a day for each watched IPv4 address; null where the settings do not name all."""
    spoofable: Annotated[Share | None, Field(examples=[0.01])]
    """Share of the packets whose source is forged or easily forged; null where not known."""
    backscatter: Annotated[Share | None, Field(examples=[0.0])]
    """Share of the packets that are replies to packets with a forged source."""
    research: Annotated[Share | None, Field(examples=[0.0])]
    """Share of the packets of research scanners, of the list in the settings."""
    targets: Annotated[Count | None, Field(examples=[12])]
    """Addresses of the sensors that the packets went to, estimated; null where not asked for, and in public answers."""
    targets_error: Annotated[float | None, Field(ge=0, examples=[0.09])]
    """Relative standard error of `targets`; null where not asked for, or saturated."""
    targets_saturated: Annotated[bool | None, Field(examples=[False])]
    """Whether there may be more targets than can be told apart: then `targets` is about the least."""


class RankingAnswer(Described):
    """The first values of a dimension by packets."""

    dimension: Dimension
    """What is ranked."""
    packets: Annotated[Count, Field(examples=[1887])]
    """Packets of the question: of all values."""
    values: Annotated[Count, Field(examples=[42])]
    """How many values have any packets, of those that are known apart."""
    folded: Annotated[Count, Field(examples=[0])]
    """Packets of values that are not known apart: among `packets`, and in no row. 0 on the ledger."""
    rows: list[RowAnswer]
    """The first values, by rank."""
    provenance: ProvenanceAnswer


class RankingQuery(Narrowed):
    """The parameters of a ranking."""

    limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 10
    """How many rows, at most."""
    sources: Precision = Precision.NONE
    """Distinct sources: `estimated` is exact where flows are few and says its error elsewhere; `exact` counts all,
    which takes seconds in a long period; `none` is quickest."""
    targets: bool = False
    """Estimate how many addresses of the sensors each value's packets went to. Read from single flows: seconds in a
    long period."""
    is_map: Annotated[bool, Field(alias="map")] = False
    """Of countries: a picture is a map of the world."""


def router(source: Source) -> APIRouter:
    """The endpoint of rankings, over a source."""
    routes = APIRouter(prefix="/v1", tags=["questions"])

    @routes.get(
        "/rankings/{dimension}",
        dependencies=[needs(Scope.PUBLIC)],
        response_model=RankingAnswer,
        responses=responses("The ranking.", EXAMPLE, is_drawn=True),
    )
    def rankings(
        request: Request,
        dimension: Annotated[Dimension, Path(description="What is ranked.")],
        query: Annotated[RankingQuery, Query()],
    ) -> Response:
        """Rank ports, countries, owners, tools, sensors, classes or organisations by packets."""
        return questions.answer(
            request,
            source,
            dimension,
            query,
            lambda who, what: who.top(what, query.limit, query.sources, with_targets=query.targets),
            is_map=query.is_map,
        )

    return routes
