"""What the ledger knows of captures: how far each was read, and which time of a point is taken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from darkscope.ingest.fates import DAY, HOUR
from darkscope.ingest.ledger.ledger import Snapshot
from darkscope.ingest.ledger.plan import Plan
from darkscope.ingest.series import CAPTURES, FORGOTTEN

TOLERANCE = 5 * 1_000_000_000
"""Nanoseconds that two captures of one point may overlap, as rotation does; more of it is left out."""

EARLIEST = 631_152_000 * 1_000_000_000
"""1990-01-01: captures are not older than their format; an earlier time is a broken clock."""

LATEST = 7_258_118_400 * 1_000_000_000
"""2200-01-01."""

SILENCE = HOUR
"""Nanoseconds without a frame that a capture has not the time of: what another one saw then is no double. So a clock
that jumps and comes back takes no hours that it never saw."""

AHEAD = 30 * DAY
"""Nanoseconds beyond what is asked for that are loaded with it: captures are read in the order of their time."""

MANY = 100_000
"""Rows of a day that are loaded as a whole; of a day with more only those of the heads that are asked for."""

BRANCH = "'"
"""Marks a capture that begins with the bytes of one that is known, and does not continue it; a number tells several
of one process apart."""

Spans = npt.NDArray[np.int64]


class Taken(NamedTuple):
    """One row of `captures`, its columns in their order."""

    day: date
    head: str
    start: int
    reach: int
    digest: str
    name: str
    sensor: str
    point: str
    frames: int
    first: int
    last: int
    link_types: str
    damage: str
    dropped: int
    again: int
    taken: int
    geo: str
    rules: str

    @property
    def order(self) -> tuple[int, int, str, int]:
        """By which the rows of one capture are put in order."""
        return self.reach, self.taken, self.point, self.first


@dataclass(frozen=True, slots=True)
class Hole:
    """Days of a sensor that were forgotten, and may be filled again once per capture."""

    sensor: str
    day: int  # UTC, days since 1970
    at: int  # time of the request, nanoseconds since 1970


@dataclass(frozen=True, slots=True)
class Missing:
    """Bytes of a capture whose frames of one day were forgotten and are not back."""

    day: int  # UTC, days since 1970
    start: int  # decompressed bytes: from the first
    end: int  # up to, not including
    at: int  # time of the request


@dataclass(frozen=True, slots=True)
class Span:
    """Time that one capture has of one point."""

    sensor: str
    point: str
    capture: str  # its head; of a branch with a mark and a number
    first: int  # nanoseconds since 1970, both included
    last: int
    taken: int  # when it was read


class Known:
    """The captures of the ledger, as far as was asked; what is asked for is loaded, what is committed is added."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._loaded: tuple[int, int] | None = None  # nanoseconds for which `_points` is complete
        self._points: dict[tuple[str, str], dict[str, list[Span]]] = {}
        self._heads: dict[date, dict[str, list[Taken]]] = {}
        self._whole: set[date] = set()  # days of which all heads are there
        self._asked: set[date] = set()
        holes = snapshot.scan(FORGOTTEN).collect()
        self._holes = [Hole(sensor, _number(day), at) for sensor, at, day in holes.iter_rows()]
        taken = snapshot.files(CAPTURES)["max.taken"]
        self.latest: int = max([0, *taken, *(hole.at for hole in self._holes)])
        """Newest time at which the ledger was written; no clock that is right is earlier."""

    def moved_on(self, now: Snapshot, plans: Sequence[Plan] | None) -> Known:
        """The same of a newer state, `plans` being those since. Looked at afresh where they do not tell."""
        if plans is None or not all(_only_adds(plan) for plan in plans):
            return Known(now)
        moved = copy(self)
        moved.go_apart(now)
        added = now.added(CAPTURES, plans).select("day", *CAPTURES.schema)
        rows = [*map(Taken._make, added.sort("head", "reach", "first").collect().iter_rows())]
        moved.add(
            Span(row.sensor, row.point, row.head, row.first, row.last, row.taken) for row in rows if row.last
        )
        moved.note(rows)
        return moved

    def go_apart(self, snapshot: Snapshot) -> None:
        """Be of another state from now on, and share nothing that is added to with what this is a copy of."""
        self.snapshot = snapshot
        self._points = {
            point: {one: [*spans] for one, spans in of_point.items()}
            for point, of_point in self._points.items()
        }
        self._heads = {
            day: {head: [*rows] for head, rows in of_day.items()} for day, of_day in self._heads.items()
        }
        self._whole, self._asked = {*self._whole}, {*self._asked}

    def settle(self, snapshot: Snapshot) -> None:
        """Be of the state that holds what was noted, and keep of days what is asked for again and again."""
        self.snapshot = snapshot
        self._heads = {day: of_day for day, of_day in self._heads.items() if day in self._asked}
        self._whole &= self._asked
        self._asked.clear()

    def note(self, rows: Iterable[Taken]) -> None:
        """Take note of rows of `captures` that were added to the ledger."""
        for row in rows:
            self.latest = max(self.latest, row.taken)
            of_day = self._heads.get(row.day, {})
            if row.head in of_day or row.day in self._whole:
                of_head = of_day.setdefault(row.head, [])
                of_head.append(row)
                of_head.sort(key=lambda one: one.order)

    def readings(self, head: str, first: int) -> list[Taken]:
        """Rows of `captures` with this head, in order; `first` is the time of the capture's first frame."""
        day = capture_day(first)
        self._asked.add(day)
        of_day = self._heads.setdefault(day, {})
        if head not in of_day and day not in self._whole:
            rows = self.snapshot.scan(CAPTURES, day, day).select("day", *CAPTURES.schema)
            if self.snapshot.rows(CAPTURES, day, day) <= MANY:
                self._whole.add(day)
            else:
                rows = rows.filter(pl.col("head") == head)
                of_day[head] = []
            for row in sorted(map(Taken._make, rows.collect().iter_rows()), key=lambda row: row.order):
                of_day.setdefault(row.head, []).append(row)
        return list(of_day.get(head, ()))

    def holes(self, sensor: str) -> list[Hole]:
        """Forgotten days of a sensor."""
        return [hole for hole in self._holes if hole.sensor == sensor]

    def holes_of(self, rows: Iterable[Taken]) -> list[Hole]:
        """Forgotten days of the sensors that rows are of."""
        sensors = {row.sensor for row in rows}
        return [hole for hole in self._holes if hole.sensor in sensors]

    def missing(self, rows: Iterable[Taken]) -> list[Missing]:
        """What was forgotten of a capture and is not back, in order; `rows` are all of one capture and point.

        A day is missing up to the byte that had been read when it was forgotten: what was read since is there. It is
        back up to the byte that a refilling since has come to. Forgotten twice, the last time counts.
        """
        rows = list(rows)
        found = []
        for sensor in {row.sensor for row in rows}:
            last = {hole.day: hole.at for hole in sorted(self.holes(sensor), key=lambda hole: hole.at)}
            for day, at in last.items():
                before = [row for row in rows if row.taken < at]
                of_day = [row for row in before if row.sensor == sensor and _has_day(row, day)]
                read = max((row.reach for row in before if not row.again), default=0)
                end = min(max((row.reach for row in of_day), default=0), read)
                start = max((row.reach for row in rows if row.again >= at), default=0)
                if start < end:
                    found.append(Missing(day, start, end, at))
        return sorted(found, key=lambda one: (one.day, one.start))

    def taken(
        self,
        sensor: str,
        point: str,
        capture: str,
        low: int,
        high: int,
        also: Iterable[Span] = (),
        *,
        before: int | None = None,
    ) -> Spans:
        """Time between low and high that other captures of the point have, as rows of first and last nanosecond.

        Spans that meet are one; each is narrowed by the tolerance on both sides, as rotation overlaps, except those of
        a capture that begins with the same bytes, which is no rotation. They are sorted and do not overlap. `also`
        are spans that the ledger does not have yet, and of a branch those that `twins` gives. With `before` only
        those count that were taken before a time.
        """
        self._load(low, high)
        head = _head(capture)
        points = self._points.get((sensor, point), {})
        # The ledger has a branch under its head as well: which rows are of others, `twins` tells.
        held = {one: spans for one, spans in points.items() if one not in (capture, head)}
        gone_on: dict[str, list[Span]] = {}  # what `also` has goes on where the ledger's readings end
        for span in also:
            if span.sensor == sensor and span.point == point and span.capture != capture:
                of_capture = gone_on.setdefault(span.capture, [*held.get(span.capture, ())])
                self._extend(of_capture, span)
        near = [
            span
            for span in chain(*(held | gone_on).values())
            if span.last >= low - TOLERANCE and span.first <= high + TOLERANCE  # those that meet at an edge
            if before is None or span.taken < before
        ]
        twins = [span for span in near if _head(span.capture) == head]
        others = [span for span in near if _head(span.capture) != head]
        narrowed = [
            [first + TOLERANCE, last - TOLERANCE]
            for first, last in _joined(self._rests(others))
            if last - first >= 2 * TOLERANCE
        ]
        return np.array(_joined([*narrowed, *self._rests(twins)]), np.int64).reshape(-1, 2)

    def add(self, spans: Iterable[Span]) -> None:
        """Take note of time that was taken, the readings of one capture in their order."""
        for span in spans:
            self.latest = max(self.latest, span.taken)
            points = self._points.setdefault((span.sensor, span.point), {})
            self._extend(points.setdefault(span.capture, []), span)

    def twins(self, sensor: str, point: str, rows: Iterable[Taken]) -> list[Span]:
        """Time of a point that rows have which begin like a branch, and are not of it; in their order."""
        found: list[Span] = []
        for row in rows:
            if row.sensor == sensor and row.point == point and row.last:
                self._extend(found, Span(sensor, point, row.head, row.first, row.last, row.taken))
        return found

    def _extend(self, of_capture: list[Span], span: Span) -> None:
        """Add a reading of a capture to those before it: one span, unless a silence or a hole parts them."""
        before = of_capture[-1] if of_capture else None
        if (
            before is not None
            and span.first - before.last <= SILENCE
            and before.first - span.last <= SILENCE
            and not any(before.taken < hole.at <= span.taken for hole in self.holes(span.sensor))
        ):
            of_capture[-1] = replace(
                before, first=min(before.first, span.first), last=max(before.last, span.last)
            )
        else:
            of_capture.append(span)

    def _load(self, low: int, high: int) -> None:
        if self._loaded is not None and self._loaded[0] <= low and high <= self._loaded[1]:
            return
        low, high = low - DAY, high + AHEAD
        near = (pl.col("last") >= low) & (pl.col("first") <= high) & (pl.col("last") > 0)
        files = (pl.col("max.last") >= low) & (pl.col("min.first") <= high)
        self._points.clear()
        self._loaded = (low, high)
        rows = self.snapshot.scan(CAPTURES, where=files).filter(near)
        columns = ("sensor", "point", "head", "first", "last", "taken")
        self.add(
            Span(*row) for row in rows.sort("head", "reach", "first").select(columns).collect().iter_rows()
        )

    def _rests(self, spans: Iterable[Span]) -> list[list[int]]:
        """What is left of spans after the days that were forgotten since they were taken."""
        return [
            [first, last]
            for span in spans
            for first, last in self._outside_holes(span.sensor, span.first, span.last, span.taken)
        ]

    def _outside_holes(self, sensor: str, first: int, last: int, taken: int) -> Iterable[tuple[int, int]]:
        """What is left of a span after the days that were forgotten since it was taken."""
        start = first
        for hole in sorted(self.holes(sensor), key=lambda hole: hole.day):
            if hole.at <= taken or hole.day * DAY > last or (hole.day + 1) * DAY <= start:
                continue
            if hole.day * DAY > start:
                yield start, hole.day * DAY - 1
            start = max(start, (hole.day + 1) * DAY)
        if start <= last:
            yield start, last


def _only_adds(plan: Plan) -> bool:
    """Whether a plan takes nothing back of what is known of captures."""
    captures = plan.changes.get(CAPTURES.name)
    return FORGOTTEN.name not in plan.changes and not (captures and captures.remove)


def _joined(spans: Iterable[list[int]]) -> list[list[int]]:
    """Spans that meet made one, in order."""
    joined: list[list[int]] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], last)
        else:
            joined.append([first, last])
    return joined


def _has_day(row: Taken, day: int) -> bool:
    return bool(row.last) and row.first // DAY <= day <= row.last // DAY


def _head(capture: str) -> str:
    return capture.partition(BRANCH)[0]


def capture_day(first: int) -> date:
    """The partition of a capture's rows: the UTC day of its first frame, 1970-01-01 for a time nobody believes."""
    if not EARLIEST <= first < LATEST:
        return date(1970, 1, 1)
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=first // 1000)).date()


def _number(day: date) -> int:
    return (day - date(1970, 1, 1)).days
