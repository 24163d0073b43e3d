"""What somebody could be told about: sources that are graded, each with the evidence that its owner needs to find it.

Pure: frames in, cases out. No case is about replies to forged packets, forged packets, or research scanners; what is
left out is counted by its reason, so that all sources of a question are somewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import polars as pl

from darkscope.api.address import SENDER, Sender, address_text
from darkscope.api.dimension import port_text
from darkscope.api.grades import NAMED, Grade, Reason, grade, reason
from darkscope.api.names import Told
from darkscope.api.periods import EPOCH, instant
from darkscope.api.ranking import Provenance
from darkscope.ingest.series import NO_PORT, Tool

Made = TypeVar("Made")

SAMPLES = 5
"""Exact times of a case, at most: of several days, for addresses change hands, and the newest, for owners forget."""

TARGETS = 16
"""Destination ports of a case, at most."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where scans went."""

    protocol: int
    port: int  # -1 where it has none
    packets: int

    @property
    def text(self) -> str:
        """As filters take it."""
        return port_text(self.protocol, self.port)


@dataclass(frozen=True, slots=True)
class Sample:
    """One packet, to find its sender by: owners who share addresses among customers need time and source port."""

    time: datetime  # UTC, microseconds
    sensor: str  # id
    source_port: int | None
    protocol: int | None  # None where the minute's packets differ
    port: int | None  # likewise, and where the protocol has none


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request to a honeypot that is after a known vulnerability. Texts are the sender's, as the ledger has them."""

    time: datetime  # UTC, microseconds; of its connection's first data
    sensor: str  # id
    source_port: int
    port: int  # TCP
    number: int  # which request of its connection, from 0
    application: str  # http, tls, or a guess
    method: str  # of HTTP; empty elsewhere
    path: str
    agent: str
    rules: tuple[str, ...]  # ids of the rules that name it, at least one
    cves: tuple[str, ...]
    vendor: str  # of the first of these
    product: str
    title: str


@dataclass(frozen=True, slots=True)
class Case:
    """One source, and what is known of it."""

    sender: Sender
    country: str  # ISO 3166-1 alpha-2, ZZ unknown
    asn: int  # 0 unknown
    grade: Grade
    packets: int  # scans that were asked about
    first: datetime  # UTC, the minute
    last: datetime
    sensors: int  # that it reached
    ports: int  # destination ports with their protocols
    targets: tuple[Target, ...]  # the most packets first
    tools: tuple[str, ...]
    samples: tuple[Sample, ...]  # the newest first
    device: str = ""  # as an investigation found
    attempts: tuple[Attempt, ...] = ()  # requests after known vulnerabilities, the newest first
    requests: int = 0  # how many of these there were

    @property
    def address(self) -> str:
        """The source address."""
        return address_text(*self.sender)

    @property
    def is_infected(self) -> bool:
        """Whether malware sent it: Mirai scans from its victims alone."""
        return Tool.MIRAI.value in self.tools

    @property
    def sample(self) -> Sample | None:
        """The packet to show where there is room for one: the newest whose port is known."""
        return next((one for one in self.samples if one.protocol is not None), next(iter(self.samples), None))


@dataclass(frozen=True, slots=True)
class Cases:
    """Cases, those with the surest grade first, then by packets; and why the other sources are none."""

    cases: tuple[Case, ...]
    sources: int  # of the question: as many as cases and left out together
    left_out: Mapping[Reason, int]
    until: datetime  # UTC; up to when was looked
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Sifted:
    """Which sources are cases."""

    kept: pl.DataFrame  # of store.Senders.accounts, and `grade`; in the order of cases
    sources: int
    left_out: Counter[Reason]


def sift(
    accounts: Iterable[pl.DataFrame], research: Callable[[pl.DataFrame], pl.Series], most: int
) -> Sifted:
    """Take so many sources that are cases out of all; `research` names research scanners among senders."""
    left_out: Counter[Reason] = Counter()
    sources, kept = 0, []
    for account in accounts:
        sources += len(account)
        judged = account.with_columns(research(account).alias("research"), grade=grade()).with_columns(
            reason=reason()
        )
        for text, count in judged.drop_nulls("reason").group_by("reason").len().iter_rows():
            left_out[Reason(text)] += count
        found = judged.filter(pl.col("reason").is_null())
        left_out[Reason.BEYOND] += max(0, len(found) - most)
        kept.append(_first(found, most))
    if not kept:
        return Sifted(pl.DataFrame(), 0, left_out)
    together = pl.concat(kept)
    left_out[Reason.BEYOND] += max(0, len(together) - most)
    return Sifted(_first(together, most), sources, +left_out)


def _first(found: pl.DataFrame, most: int) -> pl.DataFrame:
    unsigned = [pl.col(name).reinterpret(signed=False) for name in SENDER[1:]]
    rank = pl.col("grade").replace_strict({one.value: place for place, one in enumerate(NAMED)}, default=None)
    descending = [False, True, False, False, False]
    return found.sort(rank, "scan", "version", *unsigned, descending=descending).head(most)


def build(
    sifted: Sifted,
    targets: pl.DataFrame,
    samples: pl.DataFrame,
    evidence: pl.DataFrame,
    told: Told,
    *,
    until: datetime,
    provenance: Provenance,
) -> Cases:
    """Put cases together; for the frames see store.Senders."""
    where = _by_row(targets, lambda row: Target(row["protocol"], row["port"], row["packets"]))
    ports = dict(targets.select("row", "ports").unique().iter_rows())
    when = _by_row(samples, _sample)
    cases = tuple(
        Case(
            sender=(row["version"], row["source_high"], row["source_low"]),
            country=row["country"],
            asn=row["asn"],
            grade=Grade(row["grade"]),
            packets=row["scan"],
            first=instant(row["first"]),
            last=instant(row["last"]),
            sensors=row["sensors"],
            ports=ports.get(number, 0),
            targets=where.get(number, ()),
            tools=tuple(tools),
            samples=when.get(number, ()),
            device=device.text if device else "",
        )
        for number, (row, tools, device) in enumerate(
            zip(
                sifted.kept.iter_rows(named=True),
                evidence["tools"].to_list(),
                told.devices,
                strict=True,
            )
        )
    )
    return Cases(cases, sifted.sources, dict(sifted.left_out), until, provenance)


def _by_row(frame: pl.DataFrame, make: Callable[[dict[str, Any]], Made]) -> dict[int, tuple[Made, ...]]:
    made: dict[int, list[Made]] = {}
    for row in frame.iter_rows(named=True):
        made.setdefault(row["row"], []).append(make(row))
    return {number: tuple(ones) for number, ones in made.items()}


def _sample(row: dict[str, Any]) -> Sample:
    return Sample(
        time=EPOCH + timedelta(microseconds=row["time"] // 1000),
        sensor=row["sensor"],
        source_port=_known(row["source_port"]),
        protocol=row["protocol"],
        port=_known(row["port"]),
    )


def _known(port: int | None) -> int | None:
    return None if port == NO_PORT else port
