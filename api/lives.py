"""What is known of given addresses: one source's life day by day, and many addresses at a glance.

Pure: frames in, rows out. Days are UTC days: evidence is judged by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import polars as pl

from darkscope.api.address import SENDER, Sender, address_text, subnet_text
from darkscope.api.dimension import Dimension, port_text, value_text
from darkscope.api.names import NOTHING, Told
from darkscope.api.ranking import Provenance
from darkscope.api.sources import seen


@dataclass(frozen=True, slots=True)
class FoundRow:
    """What is known of one address; None where it was not seen."""

    address: str
    subnet: str | None  # the /64 of an IPv6 address, by which sources are counted
    seen: bool  # by the chosen sensors
    country: str | None  # of its last packets, ISO 3166-1 alpha-2, ZZ unknown
    owner: str | None  # of its last packets, as filters take it
    packets: int
    first_seen: datetime | None  # the minute, in the reader's zone
    last_seen: datetime | None
    days: int  # UTC days on which it was seen
    sensors: int  # that it reached
    ports: int  # destination ports with their protocols
    ports_exact: bool  # else there may be more
    classes: tuple[str, ...]
    tools: tuple[str, ...]  # by all its packets of a day together
    confirmed: bool  # completed a handshake with a honeypot
    spoofable: bool  # sent packets whose source is forged or easily forged
    broad: bool  # more than 10 ports in a day
    research: str | None  # name of the research scanner
    device_vendor: str | None  # as an investigation found; None where nobody looked, or it does not say
    device_product: str | None
    device_kind: str | None
    device_seen: date | None
    device_by: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of many addresses, in the order in which they were given."""

    ROW: ClassVar = FoundRow
    known_since: date | None  # first UTC day of which evidence is left
    rows: tuple[FoundRow, ...]
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Place:
    """Where a source was, as far as databases said so at the time, over some of its days."""

    country: str
    owner: str
    since: date  # first day
    until: date  # last day


@dataclass(frozen=True, slots=True)
class DayRow:
    """One UTC day of a source."""

    day: date
    packets: int
    first_seen: datetime  # the minute, in the reader's zone
    last_seen: datetime
    sensors: int
    ports: int
    ports_exact: bool
    classes: tuple[str, ...]
    tools: tuple[str, ...]
    confirmed: bool
    spoofable: bool
    broad: bool


@dataclass(frozen=True, slots=True)
class Life:
    """What is known of one source."""

    ROW: ClassVar = DayRow
    source: FoundRow
    sensors: tuple[str, ...]  # ids of those that it reached
    ports: tuple[str, ...]  # as filters take them, by number
    places: tuple[Place, ...]  # in the order of time
    known_since: date | None  # first UTC day of which evidence is left
    rows: tuple[DayRow, ...]
    provenance: Provenance


Rows = Sequence[dict[str, Any]]


def found(
    senders: pl.DataFrame,
    days: pl.DataFrame,
    verdicts: pl.DataFrame,
    told: Told,
    *,
    since: date | None,
    provenance: Provenance,
) -> Found:
    """Put together what is known of senders (columns SENDER); for the frames see store.Senders."""
    by_row, judged = _by_row(days), _by_row(verdicts)
    rows = tuple(
        _row(sender, by_row.get(number, ()), judged.get(number, ()), told, number, provenance.period.zone)
        for number, sender in enumerate(senders.select(*SENDER).iter_rows())
    )
    return Found(since, rows, provenance)


def life(
    senders: pl.DataFrame,
    days: pl.DataFrame,
    verdicts: pl.DataFrame,
    told: Told,
    *,
    since: date | None,
    provenance: Provenance,
) -> Life:
    """Put together what is known of the one sender; arguments as of `found`."""
    summary = found(senders, days, verdicts, told, since=since, provenance=provenance).rows[0]
    by_day = {row["day"]: row for row in verdicts.iter_rows(named=True)}
    rows = days.rows(named=True)
    ports = sorted({(port % (1 << 16), port >> 16) for row in rows for port in row["ports"]})
    return Life(
        summary,
        tuple(sorted({sensor for row in rows for sensor in row["sensors"]})),
        tuple(port_text(protocol, port) for port, protocol in ports),
        tuple(_places(rows)),
        since,
        tuple(_day(row, by_day.get(row["day"]), provenance.period.zone) for row in rows),
        provenance,
    )


def _by_row(frame: pl.DataFrame) -> dict[int, Rows]:
    return {row: list(group) for row, group in groupby(frame.iter_rows(named=True), lambda one: one["row"])}


def _row(sender: Sender, days: Rows, verdicts: Rows, told: Told, number: int, zone: ZoneInfo) -> FoundRow:
    last = days[-1] if days else None
    device = told.devices[number] or NOTHING
    return FoundRow(
        address=address_text(*sender),
        subnet=subnet_text(*sender[:2]),
        seen=bool(days),
        country=last["country"] if last else None,
        owner=value_text(Dimension.OWNERS, (last["asn"],)) if last else None,
        packets=sum(day["packets"] for day in days),
        first_seen=seen(days[0]["first"], zone) if days else None,
        last_seen=seen(last["last"], zone) if last else None,
        days=len(days),
        sensors=len(_union(days, "sensors")),
        ports=len(_union(days, "ports")),
        ports_exact=all(day["ports_exact"] for day in days),
        classes=tuple(sorted(_union(days, "classes"))),
        tools=tuple(sorted({one["tool"] for one in verdicts} - {""})),
        confirmed=any(one["is_confirmed"] for one in verdicts),
        spoofable=any(one["is_spoofable"] for one in verdicts),
        broad=any(one["is_broad"] for one in verdicts),
        research=told.research[number] or None,
        device_vendor=device.vendor or None,
        device_product=device.product or None,
        device_kind=device.kind or None,
        device_seen=device.seen,
        device_by=device.by or None,
    )


def _union(days: Rows, column: str) -> set[Any]:
    return {member for day in days for member in day[column]}


def _places(days: Rows) -> Iterable[Place]:
    """Join days on which country and owner stayed the same."""
    for (country, asn), group in groupby(days, lambda day: (day["country"], day["asn"])):
        there = list(group)
        yield Place(country, value_text(Dimension.OWNERS, (asn,)), there[0]["day"], there[-1]["day"])


def _day(day: dict[str, Any], verdict: dict[str, Any] | None, zone: ZoneInfo) -> DayRow:
    judged = verdict or {"tool": "", "is_confirmed": False, "is_spoofable": False, "is_broad": False}
    return DayRow(
        day=day["day"],
        packets=day["packets"],
        first_seen=seen(day["first"], zone),
        last_seen=seen(day["last"], zone),
        sensors=len(day["sensors"]),
        ports=len(day["ports"]),
        ports_exact=day["ports_exact"],
        classes=tuple(sorted(day["classes"])),
        tools=(judged["tool"],) if judged["tool"] else (),
        confirmed=judged["is_confirmed"],
        spoofable=judged["is_spoofable"],
        broad=judged["is_broad"],
    )
