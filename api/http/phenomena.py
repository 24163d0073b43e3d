"""`/v1/phenomena`: what is worth a paragraph of the report, with what analysts decided of it."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date
from hashlib import blake2s
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from darkscope.api.breadth import Verdict
from darkscope.api.dimension import Dimension
from darkscope.api.http import questions
from darkscope.api.http.access import asker_of, needs
from darkscope.api.http.answers import Count, Described, ProvenanceAnswer, Share
from darkscope.api.http.questions import Narrowed, Posed, responses
from darkscope.api.http.remembered import Kept
from darkscope.api.http.source import Source
from darkscope.api.keys import Scope
from darkscope.api.phenomena.decisions import Decision, DecisionsError, decided, path, read
from darkscope.api.phenomena.detector import detect
from darkscope.api.phenomena.proposal import Kind, State

LOG = logging.getLogger("darkscope.api.http")

MOST = 200
"""Proposals of one answer."""

EXAMPLE = """\
id,kind,subject,ports,countries,start,end,base,level,peak,factor,excess,...
445-tcp-up-2020-04-01,rose,445/TCP,445/TCP,,2020-04-28,,218.5,535.2,552.6,2.45,19932,...
"""


class PartAnswer(Described):
    """One of several to which a change is owed."""

    value: Annotated[str, Field(examples=["VN"])]
    """As the parameters take it."""
    label: str
    """For people."""
    excess: int
    """Packets beyond the usual; negative for a fall."""
    share: Share
    """Of all changes in the same direction."""


class StandingAnswer(Described):
    """Where a port or country of the subject stands."""

    value: str
    """The port or country."""
    rank: Annotated[int | None, Field(ge=1)]
    """Among all of the period; null where it does not occur."""
    previous_rank: Annotated[int | None, Field(ge=1)]
    """The same in the period before."""


class RelationAnswer(Described):
    """Another proposal that begins within three days."""

    id: str
    """Its id."""
    subject: str
    """What it is about."""
    direction: Annotated[str, Field(pattern="^(together|against)$")]
    """`together`: both are more, or both are less; `against`: one is more and one is less."""
    lag: Annotated[int, Field(ge=-3, le=3)]
    """Days until the other begins; negative where it began before."""
    correlation: Annotated[float | None, Field(ge=-1.001, le=1.001)]
    """Of both series' weekly sums; null where not defined."""


class OfficeAnswer(Described):
    """A source country that keeps office hours in what is told of."""

    value: str
    """The country."""
    label: str
    """For people."""
    strength: Share | None
    """The weakest of rise, dip and end."""
    reason: str
    """What was found, in words."""


class ProposalAnswer(Described):
    """One phenomenon. Rates are packets a day of the compared sensors, were all of them watching all day."""

    id: Annotated[str, Field(examples=["445-tcp-up-2020-04-01"])]
    """The same whenever the period is asked about."""
    kind: Kind
    """What happened."""
    subject: Annotated[str, Field(examples=["445/TCP"])]
    """What it is about, in one text."""
    ports: list[str]
    """Ports it is about; empty where all."""
    countries: list[str]
    """Source countries it is about, the leading first; empty where all."""
    start: date
    """Its first day, in the zone of the period."""
    end: date | None
    """Its last day; null where it lasts."""
    base: Annotated[float, Field(ge=0)]
    """Usual rate."""
    level: Annotated[float, Field(ge=0)]
    """Mean rate from start to end."""
    peak: Annotated[float, Field(ge=0)]
    """Rate of the highest level; of a fall, of the lowest."""
    factor: Annotated[float, Field(ge=0)]
    """Level over usual rate, both with a packet a week more."""
    excess: int
    """Packets beyond the usual; negative for a fall."""
    share: Share
    """Of all packets of these days."""
    score: Annotated[float, Field(ge=0)]
    """How far beyond chance, in standard deviations of the series' own noise."""
    peaks: Count
    """Ups and downs."""
    verdict: Verdict
    """As of breadth; of a fall, whether it is wide-area."""
    reason: str
    """The verdict in a sentence."""
    growth: Annotated[float | None, Field(ge=0)]
    """Of the compared sensors' rates; null where there was none before."""
    compared_sensors: Count
    """Sensors that watched enough of the days and of those before."""
    sharing_sensors: Count
    """How many of them share in the change."""
    regions: list[PartAnswer]
    """Source countries, the greatest changes first."""
    services: list[PartAnswer]
    """Ports, where the subject has none."""
    sensors: list[PartAnswer]
    """Sensors, likewise."""
    tools: list[PartAnswer]
    """Tools, likewise."""
    spoofable: Share | None
    """Share of the packets whose source may be forged; null where not known."""
    backscatter: Share | None
    """Share of the packets that are replies to forged ones."""
    ranks: list[StandingAnswer]
    """Of the subject's ports, and of its leading country."""
    relations: list[RelationAnswer]
    """What else began at the same time."""
    office_hours: list[OfficeAnswer]
    """Leading countries that keep office hours."""
    includes: list[str]
    """Other series that left their level as part of this."""
    state: State
    """What an analyst decided: `open`, `confirmed`, `dismissed`."""
    words_en: str
    """The analyst's words in English; empty where there are none."""
    words_ja: str
    """The same in Japanese."""


class PhenomenaAnswer(Described):
    """What is proposed for a period."""

    rows: list[ProposalAnswer]
    """Those of one sensor last; before them the most packets first."""
    compared: Count
    """Series that were looked at."""
    further: Count
    """Proposals beyond the limit."""
    dismissed: Count
    """Proposals that an analyst dismissed."""
    provenance: ProvenanceAnswer


class PhenomenaQuery(Narrowed):
    """The parameters of phenomena."""

    period: Annotated[str, Field(max_length=40, examples=["2020-Q2"])] = "28d"
    """As elsewhere. Four weeks before it say what is usual."""
    limit: Annotated[int, Field(ge=1, le=MOST)] = 30
    """How many."""
    dismissed: bool = False
    """Those that were dismissed too."""


def router(source: Source) -> APIRouter:
    """The endpoint of phenomena, over a source."""
    routes = APIRouter(prefix="/v1", tags=["questions"])

    @routes.get(
        "/phenomena",
        dependencies=[needs(Scope.READ)],
        response_model=PhenomenaAnswer,
        responses=responses("The proposals.", EXAMPLE),
    )
    def phenomena(request: Request, query: Annotated[PhenomenaQuery, Query()]) -> Response:
        """Propose what is worth a paragraph: what jumped, changed its level, swings, came or went."""
        posed = Posed.of(request, source, Dimension.PORTS, query)
        is_limited = asker_of(request).organisations is not None  # words are about all sensors
        known = {} if is_limited else decisions(source)
        if posed.tag is not None:
            said = blake2s(repr(sorted(known.items())).encode(), digest_size=4).hexdigest()
            posed = replace(posed, tag=f'{posed.tag[:-1]}-{said}"')
        unchanged = posed.unchanged(request, posed.tag)
        if unchanged is not None:
            return unchanged

        def compute() -> Kept:
            found = detect(posed.observer, posed.question, query.limit)
            answer = decided(found, known, dismissed=query.dismissed)
            return Kept(questions.drawn_or_written(answer, posed.shape, query.lang))

        return posed.sent(request, questions.in_turn(request, source, posed, compute).data)

    return routes


def decisions(source: Source) -> dict[str, Decision]:
    """Read what was decided; nothing where the file is broken, which the log says."""
    try:
        return read(path(source.settings))
    except DecisionsError as error:
        LOG.warning("decisions", extra={"fields": {"reason": str(error)}})
        return {}
