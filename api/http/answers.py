"""What every JSON answer has, for those who read the description of the interface or generate a client from it.

Each endpoint describes its own answer beside it, and `api/formats.py` writes them; tests hold them to that.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class Described(BaseModel):
    """What a description of the interface says of an answer, or of a part of one."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class WindowAnswer(Described):
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


class FilterAnswer(Described):
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


class WatchAnswer(Described):
    """Who observed, and how much of the time."""

    sensors: list[str]
    """Ids of the chosen sensors."""
    covered_seconds: Count
    """Watched time of all sensors together, seconds."""
    covered_share: Share | None
    """Watched share of the time in which the sensors existed, up to now; null where there was none."""
    outages: list[str]
    """Ids of the sensors that missed more than 1 % of their time."""


class ProvenanceAnswer(Described):
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
    databases: list[str]
    """Databases of countries and owners by which the packets were judged, with their build dates."""
    rules: list[str]
    """Versions of the rules of classes and fingerprints by which they were."""


class EvidenceAnswer(Described):
    """What is known of a source address, beyond how much it sent."""

    classes: Annotated[list[str], Field(examples=[["scan"]])]
    """Classes of its packets."""
    tools: Annotated[list[str], Field(examples=[["mirai"]])]
    """Programs that sent, judged by all packets of a UTC day."""
    confirmed: bool
    """Completed a handshake with a honeypot: the address is not forged."""
    spoofable: bool
    """Sent packets whose source is forged or easily forged."""
    broad: bool
    """Tried more than 10 ports in a UTC day."""
    research: Annotated[str | None, Field(examples=["Example Measurement Project"])]
    """The research scanner that it belongs to."""
    device_vendor: Annotated[str | None, Field(examples=["QNAP"])]
    """What an investigation found there; null where nobody looked, or it does not say."""
    device_product: Annotated[str | None, Field(examples=["TS-419"])]
    """Likewise."""
    device_kind: Annotated[str | None, Field(examples=["NAS"])]
    """Likewise."""
    device_seen: date | None
    """Day of the investigation."""
    device_by: str | None
    """Who investigated."""
