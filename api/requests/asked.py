"""What honeypots were asked, counted and one by one (Q14).

Pure: frames in, rows out. What strangers sent is made visible here, once, for every face.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import polars as pl

from darkscope.api.address import address_text
from darkscope.api.dimension import Dimension, value_text
from darkscope.api.periods import EPOCH, Buckets
from darkscope.api.ranking import Provenance
from darkscope.api.visible import visible

BY_DAY = ("bucket", "country", "port", "kind", "method", "target")
"""Keys of requests by day, country and port: the columns of Table 4 of JPCERT/CC's report on April to June 2020."""

BY_REQUEST = ("kind", "method", "target")
"""Keys of requests whenever and wherever they came."""


@dataclass(frozen=True, slots=True)
class DayRow:
    """Equal requests of a day, from one country to one port."""

    day: date  # local
    country: str  # ISO 3166-1 alpha-2, ZZ unknown
    port: int  # TCP
    application: str  # http, tls, or a guess
    method: str  # of HTTP; empty elsewhere
    target: str  # of an HTTP request its target, of TLS the server name
    requests: int
    sources: int  # distinct, IPv6 by /64
    sensors: int  # that they reached
    rules: tuple[str, ...]  # ids of those that name any of them


@dataclass(frozen=True, slots=True)
class RequestDays:
    """Requests by day, country and port, in this order."""

    ROW: ClassVar = DayRow
    requests: int  # of all groups
    groups: int  # how many there are
    since: (
        date | None
    )  # first UTC day of which requests are kept; None where there is none, or it is not told
    wanted: Mapping[str, tuple[str, ...]]  # which requests, as the options take it
    rows: tuple[DayRow, ...]
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class RequestRow:
    """Equal requests of the whole period."""

    application: str
    method: str
    target: str
    requests: int
    share: float  # of all requests
    sources: int
    sensors: int
    countries: tuple[str, ...]
    ports: tuple[int, ...]
    first_seen: datetime  # in the reader's zone
    last_seen: datetime
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RequestTotals:
    """Requests by method and target, the most frequent first."""

    ROW: ClassVar = RequestRow
    requests: int  # of all groups
    groups: int
    unnamed: int  # requests that no rule names
    since: date | None
    wanted: Mapping[str, tuple[str, ...]]
    rows: tuple[RequestRow, ...]
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class SingleRow:
    """One request."""

    time: datetime  # in the reader's zone
    sensor: str  # id
    address: str
    source_port: int
    country: str
    owner: str  # as filters take it
    port: int
    application: str
    method: str
    path: str
    host: str  # Host field, or server name of TLS
    agent: str
    headers: tuple[str, ...]  # fields as sent
    fingerprint: str  # JA4 of a TLS client
    body: str  # BLAKE3 of the body
    size: int  # bytes of the request
    preview: str  # first bytes of the body, or of what is no HTTP
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RequestList:
    """Single requests in the order of time."""

    ROW: ClassVar = SingleRow
    next: str | None  # where the list goes on
    since: date | None
    wanted: Mapping[str, tuple[str, ...]]
    rows: tuple[SingleRow, ...]
    provenance: Provenance


def moment(nanoseconds: int, zone: ZoneInfo) -> datetime:
    """When so many nanoseconds after 1970 began were over, to the microsecond, in a zone."""
    return (EPOCH + timedelta(microseconds=nanoseconds // 1000)).astimezone(zone)


def by_day(
    counted: pl.DataFrame,
    days: Buckets,
    limit: int,
    *,
    since: date | None,
    wanted: Mapping[str, tuple[str, ...]],
    provenance: Provenance,
) -> RequestDays:
    """List counts by BY_DAY, the first ones in the order of these."""
    starts = [start.date() for start in days.starts]
    shown = counted.sort(BY_DAY).head(limit)
    rows = tuple(
        DayRow(
            starts[row["bucket"]],
            row["country"],
            row["port"],
            visible(row["kind"]),
            visible(row["method"]),
            visible(row["target"]),
            row["requests"],
            row["sources"],
            row["sensors"],
            tuple(row["rules"]),
        )
        for row in shown.iter_rows(named=True)
    )
    return RequestDays(int(counted["requests"].sum()), len(counted), since, wanted, rows, provenance)


def by_request(
    counted: pl.DataFrame,
    limit: int,
    *,
    since: date | None,
    wanted: Mapping[str, tuple[str, ...]],
    provenance: Provenance,
) -> RequestTotals:
    """List counts by BY_REQUEST, the most frequent first."""
    total = int(counted["requests"].sum())
    shown = counted.sort("requests", *BY_REQUEST, descending=[True, False, False, False]).head(limit)
    return RequestTotals(
        total,
        len(counted),
        int(counted["unnamed"].sum()),
        since,
        wanted,
        tuple(_total(row, total, provenance.period.zone) for row in shown.iter_rows(named=True)),
        provenance,
    )


def _total(row: dict[str, Any], total: int, zone: ZoneInfo) -> RequestRow:
    return RequestRow(
        application=visible(row["kind"]),
        method=visible(row["method"]),
        target=visible(row["target"]),
        requests=row["requests"],
        share=row["requests"] / total,
        sources=row["sources"],
        sensors=row["sensors"],
        countries=tuple(row["countries"]),
        ports=tuple(row["ports"]),
        first_seen=moment(row["first"], zone),
        last_seen=moment(row["last"], zone),
        rules=tuple(row["rules"]),
    )


def singly(
    found: pl.DataFrame,
    *,
    following: str | None,
    since: date | None,
    wanted: Mapping[str, tuple[str, ...]],
    provenance: Provenance,
) -> RequestList:
    """List single requests in the order that they have."""
    zone = provenance.period.zone
    rows = tuple(
        SingleRow(
            time=moment(row["time"], zone),
            sensor=row["sensor"],
            address=address_text(row["version"], row["source_high"], row["source_low"]),
            source_port=row["source_port"],
            country=row["country"],
            owner=value_text(Dimension.OWNERS, (row["asn"],)),
            port=row["port"],
            application=visible(row["kind"]),
            method=visible(row["method"]),
            path=visible(row["path"]),
            host=visible(row["host"]),
            agent=visible(row["agent"]),
            headers=tuple(visible(line) for line in row["headers"].splitlines()),
            fingerprint=visible(row["fingerprint"]),
            body=row["body"],
            size=row["size"],
            preview=visible(row["preview"]),
            rules=tuple(row["rules"]),
        )
        for row in found.iter_rows(named=True)
    )
    return RequestList(following, since, wanted, rows, provenance)
