"""Who sends: source addresses by packets, with what is known of each, and the owners of their networks.

Pure: frames in, rows out. An address is confirmed once it completed a handshake with a honeypot; another may be forged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import polars as pl

from darkscope.api.address import Sender, address_text, subnet_text
from darkscope.api.dimension import Dimension, value_text
from darkscope.api.names import NOTHING, Told
from darkscope.api.periods import instant
from darkscope.api.ranking import Provenance


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One source address."""

    address: str
    subnet: str | None  # the /64 of an IPv6 address, by which sources are counted
    country: str  # of its last packets, ISO 3166-1 alpha-2, ZZ unknown
    owner: str  # of its last packets, as filters take it
    packets: int
    first_seen: datetime  # the minute, in the reader's zone
    last_seen: datetime
    sensors: int  # that it reached
    ports: int  # destination ports with their protocols
    ports_exact: bool  # else there may be more
    classes: tuple[str, ...]
    tools: tuple[str, ...]  # by all its packets of a UTC day together
    confirmed: bool  # completed a handshake with a honeypot
    spoofable: bool  # sent packets whose source is forged or easily forged
    broad: bool  # more than 10 ports in a UTC day
    research: str | None  # name of the research scanner
    device_vendor: str | None  # as an investigation found; None where nobody looked, or it does not say
    device_product: str | None
    device_kind: str | None
    device_seen: date | None
    device_by: str | None


@dataclass(frozen=True, slots=True)
class SourceList:
    """Source addresses by packets, those of equal packets by address."""

    ROW: ClassVar = SourceRow
    packets: int  # of all addresses
    addresses: int  # in all
    next: str | None  # where the list goes on
    rows: tuple[SourceRow, ...]
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class OwnerRow:
    """The sources of one autonomous system."""

    owner: str  # as filters take it
    packets: int
    share: float  # of all packets of the question
    sources: int  # distinct, IPv6 by /64
    confirmed: int  # of them, completed a handshake with a honeypot
    countries: tuple[str, ...]
    first_seen: datetime  # the minute, in the reader's zone
    last_seen: datetime
    investigated: int  # sources whose device is known
    devices: tuple[str, ...]  # each with its number of sources, the most first


@dataclass(frozen=True, slots=True)
class OwnerList:
    """Owners by the packets of their sources, those of equal packets by number."""

    ROW: ClassVar = OwnerRow
    packets: int  # of all owners
    owners: int  # in all
    sources: int  # of all owners; a source that changed hands counts for both
    next: str | None  # where the list goes on
    rows: tuple[OwnerRow, ...]
    provenance: Provenance


def seen(minutes: int, zone: ZoneInfo) -> datetime:
    """When a minute since 1970 began, in a zone."""
    return instant(minutes).astimezone(zone)


def listed(
    facts: pl.DataFrame,
    evidence: pl.DataFrame,
    told: Told,
    *,
    packets: int,
    addresses: int,
    following: str | None,
    provenance: Provenance,
) -> SourceList:
    """Put together what packets, evidence and names say of the same senders, in their order."""
    zone = provenance.period.zone
    rows = []
    both = zip(facts.iter_rows(named=True), evidence.iter_rows(named=True), strict=True)
    for (fact, verdict), found, scanner in zip(both, told.devices, told.research, strict=True):
        sender: Sender = (fact["version"], fact["source_high"], fact["source_low"])
        device = found or NOTHING
        rows.append(
            SourceRow(
                address=address_text(*sender),
                subnet=subnet_text(*sender[:2]),
                country=fact["country"],
                owner=value_text(Dimension.OWNERS, (fact["asn"],)),
                packets=fact["packets"],
                first_seen=seen(fact["first"], zone),
                last_seen=seen(fact["last"], zone),
                sensors=fact["sensors"],
                ports=fact["ports"],
                ports_exact=fact["ports_exact"],
                classes=tuple(fact["classes"]),
                tools=tuple(verdict["tools"]),
                confirmed=verdict["is_confirmed"],
                spoofable=verdict["is_spoofable"],
                broad=verdict["is_broad"],
                research=scanner or None,
                device_vendor=device.vendor or None,
                device_product=device.product or None,
                device_kind=device.kind or None,
                device_seen=device.seen,
                device_by=device.by or None,
            )
        )
    return SourceList(packets, addresses, following, tuple(rows), provenance)


def owned(
    owners: pl.DataFrame,
    devices: pl.DataFrame,
    after: tuple[int, ...] | None,
    limit: int,
    *,
    mark: Callable[[tuple[int, ...]], str] | None,
    provenance: Provenance,
) -> OwnerList:
    """List owners (see ledger_senders.Owners), those behind one that is given by its packets and number.

    `mark` writes such a place.
    """
    rest = owners
    if after is not None:
        packets, asn = after
        is_behind = (pl.col("packets") < packets) | ((pl.col("packets") == packets) & (pl.col("asn") > asn))
        rest = owners.filter(is_behind)
    total, shown = int(owners["packets"].sum()), rest.head(limit)
    last = shown.select("packets", "asn").row(-1) if len(rest) > len(shown) else None
    return OwnerList(
        total,
        len(owners),
        int(owners["sources"].sum()),
        mark(last) if mark and last else None,
        tuple(_owner(owner, devices, total, provenance) for owner in shown.iter_rows(named=True)),
        provenance,
    )


def _owner(owner: dict[str, Any], devices: pl.DataFrame, total: int, provenance: Provenance) -> OwnerRow:
    zone = provenance.period.zone
    known = devices.filter(pl.col("asn") == owner["asn"])
    return OwnerRow(
        owner=value_text(Dimension.OWNERS, (owner["asn"],)),
        packets=owner["packets"],
        share=owner["packets"] / total,
        sources=owner["sources"],
        confirmed=owner["confirmed"],
        countries=tuple(owner["countries"]),
        first_seen=seen(owner["first"], zone),
        last_seen=seen(owner["last"], zone),
        investigated=int(known["sources"].sum()),
        devices=tuple(
            f"{device} ({count:,})" for device, count in known.select("device", "sources").iter_rows()
        ),
    )
