"""The shapes of JSON answers, for those who read the description of the interface or generate a client from it.

`api/formats.py` writes the answers; a test holds them to these shapes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from darkscope.api.dimension import Dimension

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class WindowAnswer(_Shape):
    """A stretch of time."""

    start: datetime
    """Included."""
    end: datetime
    """Excluded."""


class PeriodAnswer(WindowAnswer):
    """The period that was asked about."""

    asked: Annotated[str, Field(examples=["2020-06-24/2020-06-30"])]
    """As it was written."""
    zone: Annotated[str, Field(examples=["Asia/Tokyo"])]
    """Time zone in which days begin (IANA)."""


class FilterAnswer(_Shape):
    """Which packets count; what is missing here is open."""

    classes: list[str] | None = None
    """Classes of packets."""
    ports: Annotated[list[str] | None, Field(examples=[["445/TCP"]])] = None
    """Destination ports."""
    protocols: list[str] | None = None
    """IP protocols."""
    countries: Annotated[list[str] | None, Field(examples=[["VN"]])] = None
    """Source countries, ISO 3166-1 alpha-2."""
    owners: list[str] | None = None
    """Autonomous systems of the sources."""
    tools: list[str] | None = None
    """Fingerprints of the sending programs."""


class WatchAnswer(_Shape):
    """Who observed, and how much of the time."""

    sensors: list[str]
    """Ids of the chosen sensors."""
    covered_seconds: Count
    """Watched time of all sensors together, seconds."""
    covered_share: Share | None
    """Watched share of the time in which the sensors existed, up to now; null where there was none."""
    outages: list[str]
    """Ids of the sensors that missed more than 1 % of their time."""


class ProvenanceAnswer(_Shape):
    """What the figures rest on: equal provenance, equal figures."""

    ledger_version: Count
    """Number of the ledger's last complete batch."""
    period: PeriodAnswer
    previous: WindowAnswer
    """The period before, which ranks are compared with."""
    filter: FilterAnswer
    sensors: WatchAnswer | None
    """Who observed; null in public answers."""
    previous_sensors: WatchAnswer | None
    """The same for the period before."""


class RowAnswer(_Shape):
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


class RankingAnswer(_Shape):
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


class LineAnswer(_Shape):
    """One value over time."""

    value: Annotated[str, Field(examples=["445/TCP"])]
    """As the parameters take it."""
    label: Annotated[str, Field(examples=["445/TCP (microsoft-ds)"])]
    """For people."""
    packets: list[Count | None]
    """One a bucket; null where no sensor watched."""


class TrendAnswer(_Shape):
    """Some values of a dimension over time."""

    dimension: Dimension
    """What is followed."""
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
