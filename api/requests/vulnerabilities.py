"""Vulnerabilities that requests were after: how many, from where, since when, and before or after which date.

Pure: counts and rules in, rows out. Days are the reader's; a date divides the period where its day begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar
from zoneinfo import ZoneInfo

import polars as pl

from darkscope.api.periods import Buckets
from darkscope.api.ranking import Provenance
from darkscope.api.requests.asked import RequestRow, moment
from darkscope.api.requests.rates import chance
from darkscope.api.requests.rules import DATES, Rule
from darkscope.api.watch import Watch

DOUBT = 0.05
"""Chance, over all dates of all rules together, that one is said to part rates that are equal."""

KEYS = ("bucket", "sensor", "country", "port", "version", "source_high", "source_low")
"""By what requests are counted here, beside the rule."""


class Change(StrEnum):
    """What became of the rate at a date."""

    ROSE = "rose"
    FELL = "fell"
    NONE = "none"  # a difference as large comes by chance
    UNKNOWN = "unknown"  # one side was not watched


@dataclass(frozen=True, slots=True)
class FirstSeen:
    """When a sensor was first asked."""

    sensor: str  # id
    label: str  # for people
    first_seen: datetime
    requests: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A date of a vulnerability, and the requests before and after it."""

    name: str  # disclosed, proof_of_concept, known_exploited, vendor_notice
    day: date
    lag: (
        int | None
    )  # days from it to the first request: negative where that came before; None where none came
    before: int  # requests in the part of the period before the date
    after: int
    before_seconds: int  # of watched sensor time
    after_seconds: int
    chance: (
        float | None
    )  # of such a difference of the rates, were they equal; None where one side was not watched
    change: Change


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """One rule, and the requests that it names."""

    rule: str  # id
    title: str
    cves: tuple[str, ...]
    vendor: str
    product: str
    requests: int
    sources: int  # distinct, IPv6 by /64
    sensors: int
    ports: tuple[int, ...]
    countries: tuple[str, ...]  # most requests first
    first_seen: datetime | None
    last_seen: datetime | None
    undecided: int  # requests that it may name, if what their previews cut off were there
    references: tuple[str, ...]
    marks: tuple[Mark, ...]
    first_by_sensor: tuple[FirstSeen, ...]
    timeline: tuple[int | None, ...]  # requests by day; None where nothing was watched


@dataclass(frozen=True, slots=True)
class Vulnerabilities:
    """Vulnerabilities by requests, and what no rule names."""

    ROW: ClassVar = Vulnerability
    requests: int  # of all
    named: int  # by any rule
    unnamed: int
    rules: int  # how many were asked
    ruleset: str  # digest of the rules
    since: date | None
    wanted: Mapping[str, tuple[str, ...]]
    starts: tuple[datetime, ...]  # of the days of the timelines
    rows: tuple[Vulnerability, ...]
    unnamed_rows: tuple[RequestRow, ...]  # the most frequent requests that no rule names
    provenance: Provenance


def vulnerabilities(
    rules: Sequence[Rule],
    counted: pl.DataFrame,
    undecided: Mapping[str, int],
    days: Buckets,
    watch: Watch,
    *,
    label: Callable[[str], str],
) -> tuple[Vulnerability, ...]:
    """List rules by the requests that they name, of which `counted` has those of KEYS and `rule`.

    `undecided` has by rule how many it may name, and `watch` the watched time by day.
    """
    seconds = watch.by_bucket() or [0] * len(days)
    found = [
        _vulnerability(
            rule,
            counted.filter(pl.col("rule") == rule.id),
            undecided.get(rule.id, 0),
            days,
            seconds,
            label,
        )
        for rule in rules
    ]
    tests = sum(mark.chance is not None for one in found for mark in one.marks)
    judged = (
        replace(one, marks=tuple(replace(mark, change=_change(mark, tests)) for mark in one.marks))
        for one in found
    )
    return tuple(sorted(judged, key=lambda one: (-one.requests, one.rule)))


def _vulnerability(
    rule: Rule,
    rows: pl.DataFrame,
    undecided: int,
    days: Buckets,
    seconds: Sequence[int],
    label: Callable[[str], str],
) -> Vulnerability:
    zone = days.zone
    by_day = dict(rows.group_by("bucket").agg(pl.col("requests").sum()).iter_rows())
    counts = [by_day.get(number, 0) for number in range(len(days))]
    first, last = rows["first"].min(), rows["last"].max()
    first_seen = None if first is None else moment(int(str(first)), zone)
    return Vulnerability(
        rule=rule.id,
        title=rule.title,
        cves=rule.cves,
        vendor=rule.vendor,
        product=rule.product,
        requests=sum(counts),
        sources=_distinct(rows),
        sensors=rows["sensor"].n_unique(),
        ports=tuple(rows["port"].unique().sort()),
        countries=tuple(_by_requests(rows, "country")),
        first_seen=first_seen,
        last_seen=None if last is None else moment(int(str(last)), zone),
        undecided=undecided,
        references=rule.references,
        marks=tuple(_marks(rule, first_seen, counts, days, seconds)),
        first_by_sensor=tuple(_by_sensor(rows, zone, label)),
        timeline=tuple(
            count if count or watched else None for count, watched in zip(counts, seconds, strict=True)
        ),
    )


def _distinct(rows: pl.DataFrame) -> int:
    """Count sources, IPv6 by /64."""
    unit = pl.when(pl.col("version") == 4).then("source_low").otherwise("source_high")
    return rows.select("version", unit=unit).n_unique() if len(rows) else 0


def _by_requests(rows: pl.DataFrame, column: str) -> list[str]:
    """Values of a column, those of the most requests first."""
    summed = rows.group_by(column).agg(pl.col("requests").sum())
    return summed.sort("requests", column, descending=[True, False])[column].to_list()


def _by_sensor(rows: pl.DataFrame, zone: ZoneInfo, label: Callable[[str], str]) -> Iterator[FirstSeen]:
    told = rows.group_by("sensor").agg(pl.col("first").min(), pl.col("requests").sum())
    for sensor, first, requests in told.sort("first", "sensor").iter_rows():
        yield FirstSeen(sensor, label(sensor), moment(first, zone), requests)


def _marks(
    rule: Rule, first_seen: datetime | None, counts: Sequence[int], days: Buckets, seconds: Sequence[int]
) -> Iterator[Mark]:
    starts = [start.date() for start in days.starts]
    for name in DATES:
        day: date | None = getattr(rule, name)
        if day is None:
            continue
        place = sum(start < day for start in starts)
        before, after = sum(counts[:place]), sum(counts[place:])
        before_seconds, after_seconds = sum(seconds[:place]), sum(seconds[place:])
        yield Mark(
            name,
            day,
            None if first_seen is None else (first_seen.date() - day).days,
            before,
            after,
            before_seconds,
            after_seconds,
            chance(before, after, before_seconds, after_seconds),
            Change.UNKNOWN,
        )


def _change(mark: Mark, tests: int) -> Change:
    """Judge a mark as one of so many."""
    if mark.chance is None:
        return Change.UNKNOWN
    if mark.chance >= DOUBT / tests:
        return Change.NONE
    has_risen = mark.after * mark.before_seconds > mark.before * mark.after_seconds
    return Change.ROSE if has_risen else Change.FELL
