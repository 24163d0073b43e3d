"""Expiry and forgetting: what leaves the ledger, and what stays of it.

Flows that expire are sealed: their totals, rollups and coverage outlive them, and nothing recomputes them. Days that
are forgotten leave no rows at all; their captures may be read again for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl

from darkscope.ingest.ledger.aside import Aside
from darkscope.ingest.ledger.errors import LedgerError, files_told
from darkscope.ingest.ledger.files import LEVEL, write_file
from darkscope.ingest.ledger.ledger import Ledger, Snapshot
from darkscope.ingest.ledger.plan import Change, Removal
from darkscope.ingest.rollups import partitions
from darkscope.ingest.series import (
    CAPTURES,
    COVERAGE,
    ECHOES,
    EVENTS,
    FLOWS,
    FORGOTTEN,
    MONTH_ROLLUPS,
    REQUESTS,
    ROLLUPS,
    SEALS,
    SOURCES,
    TABLES,
    UNFINISHED,
    Table,
)

EXPIRING = (FLOWS, SOURCES, ECHOES, REQUESTS, EVENTS)
"""Tables with an age; coverage, rollups and seals stay."""

WAITS = timedelta(minutes=1)
"""How far what is open may lie behind the time up to which its point was read: see `handshakes`, `connections`."""


@dataclass(frozen=True, slots=True)
class Expired:
    """What left the ledger."""

    table: str
    day: date
    rows: int
    size: int  # bytes


def size(snapshot: Snapshot) -> int:
    """Bytes of all data files that the ledger names."""
    return sum(int(snapshot.files(table)["size"].sum()) for table in TABLES)


def today(snapshot: Snapshot, now: datetime) -> date:
    """The day that ages are counted from: the newest observed, and none that the clock has not come to.

    A clock that is wrong makes nothing old; where nothing is observed any more, nothing gets older. `now` in UTC.
    """
    return min(now.date(), max(snapshot.days(COVERAGE), default=now.date()))


def expire(
    ledger: Ledger,
    worker: str,
    today: date,
    days: Callable[[str], int | None],
    budget: int | None,
    aside: Aside | None = None,
) -> list[Expired]:
    """Take out what is older than its table's days, then the oldest flows until the ledger fits its budget.

    A day of flows goes only once its rollups exist: upkeep makes them. One of which a file is damaged stays, for it
    could not be sealed; `aside` gets that file. Raises LedgerError.
    """
    aside = Aside() if aside is None else aside
    aside.take_up(ledger.snapshot())
    done: list[Expired] = []
    for table in EXPIRING:
        age = days(table.name)
        if age is not None:
            done += _expire(ledger, worker, table, today - timedelta(days=age), aside)
    while budget is not None and size(snapshot := ledger.snapshot()) > budget:
        ready = min(_ready(snapshot, today, aside), default=None)
        if ready is None:
            break
        done += _expire(ledger, worker, FLOWS, ready + timedelta(days=1), aside)
    return done


def _ready(snapshot: Snapshot, before: date, aside: Aside) -> list[date]:
    """Days of flows that may be sealed, in order."""
    rolled = snapshot.days(FLOWS) & snapshot.days(ROLLUPS[0]) - aside.days([FLOWS])
    return sorted(day for day in rolled if day < before)


def forget(ledger: Ledger, worker: str, sensor: str, first: date, last: date, at: datetime) -> dict[str, int]:
    """Take all rows of a sensor's UTC days, first to last, out of all tables; rows taken out, by table.

    What was open then is taken out as well: it would become rows of these days. The captures stay listed:
    `ingest --again` fills the days once per capture, up to where each had been read by now.
    Raises LedgerError for days that are sealed, whose flows could not come again, and where a damaged file has rows of
    other sensors, which could not be kept; one of this sensor alone is taken out unread.
    """
    removed: dict[str, int] = {}
    its_own = (pl.col("min.sensor") == sensor) & (pl.col("max.sensor") == sensor)

    def build(now: Snapshot) -> dict[str, Change] | None:
        now = now.checked({})
        sealed = sorted(day for day in now.days(SEALS) if first <= day <= last)
        if sealed:
            raise LedgerError(
                f"{ledger.storage}: {sealed[0]} has expired and is sealed; it cannot be forgotten"
            )
        removed.clear()
        # Later than all that was read, whatever the clock says: by that order one tells what was forgotten.
        read = max(now.files(CAPTURES)["max.taken"], default=0)
        when = max(int(at.timestamp() * 1_000_000_000), read + 1)
        changes: dict[str, Change] = {}
        days: set[date] = set()
        for table in (FLOWS, COVERAGE, SOURCES, ECHOES, REQUESTS):
            for day in sorted(day for day in now.days(table) if first <= day <= last):
                alone = int(now.files(table).filter(pl.col("day") == day, its_own)["rows"].sum())
                rows = now.scan(table, day, day, where=~its_own).drop("day").collect()
                kept = rows.filter(pl.col("sensor") != sensor)
                if not alone and kept.height == rows.height:
                    continue
                days.add(day)
                removed[table.name] = removed.get(table.name, 0) + alone + rows.height - kept.height
                change = changes.setdefault(table.name, Change())
                change.remove += now.removals(table, [day])
                if kept.height:
                    change.add.append(write_file(ledger.storage, table, day, kept, level=LEVEL))
        if not days:
            return None
        if was_open := _open(now, sensor, first, last):
            changes[UNFINISHED.name] = Change(remove=was_open)
        for table in (*ROLLUPS, *MONTH_ROLLUPS):
            changes[table.name] = Change(remove=now.removals(table, partitions(table, days)))
        marks = pl.DataFrame({"sensor": [sensor], "at": [when]})
        changes[FORGOTTEN.name] = Change(
            [write_file(ledger.storage, FORGOTTEN, day, marks) for day in sorted(days)]
        )
        return changes

    with files_told(ledger.storage):
        ledger.change(worker, "forget", build)
    return removed


def captures_with(snapshot: Snapshot, sensor: str, first: date, last: date) -> list[str]:
    """Names of captures with frames of a sensor's UTC days, first to last: those beside a day have some of it too.

    As each was called when it was read last, sorted. Raises LedgerError.
    """
    low, high = (_nanoseconds(day) for day in (first, last + timedelta(days=1)))
    files = (pl.col("max.last") >= low) & (pl.col("min.first") < high)
    with files_told(snapshot.storage):
        rows = (
            snapshot.scan(CAPTURES, where=files)
            .filter(pl.col("sensor") == sensor, pl.col("last") >= low, pl.col("first") < high)
            .group_by("head")
            .agg(pl.col("name").sort_by("taken").last())
            .collect()
        )
    return sorted(set(rows["name"]))


def _nanoseconds(day: date) -> int:
    return int(datetime.combine(day, datetime.min.time(), UTC).timestamp()) * 1_000_000_000


def _open(now: Snapshot, sensor: str, first: date, last: date) -> list[Removal]:
    """Files of what was open at a sensor on UTC days, first to last."""
    low, high = (datetime.combine(day, datetime.min.time()) for day in (first, last + timedelta(days=1)))
    time = pl.col("min.time").cast(pl.Datetime("ns"))
    is_its = (pl.col("min.sensor") == sensor) & time.is_between(low, high + WAITS)
    paths = set(now.files(UNFINISHED).filter(is_its)["path"])
    return [one for one in now.removals(UNFINISHED, now.days(UNFINISHED)) if one.path in paths]


def _expire(ledger: Ledger, worker: str, table: Table, before: date, aside: Aside) -> list[Expired]:
    gone: list[Expired] = []
    due: set[date] = set()  # that were looked at
    if table is FLOWS:
        snapshot = ledger.snapshot()
        due.update(_ready(snapshot, before, aside))
        aside.put(snapshot.damaged(FLOWS, pl.col("day").is_in(due)))

    def build(now: Snapshot) -> dict[str, Change] | None:
        gone.clear()
        if table is FLOWS:
            days = [day for day in _ready(now, before, aside) if day in due]
        else:
            days = sorted(day for day in now.days(table) if day < before)
        if not days:
            return None
        files = now.files(table).filter(pl.col("day").is_in(days))
        sums = files.group_by("day").agg(pl.col("rows", "size").sum()).sort("day")
        gone.extend(Expired(table.name, *row) for row in sums.iter_rows())
        changes = {table.name: Change(remove=now.removals(table, days))}
        if table is FLOWS:
            totals = (
                now.scan(FLOWS, days[0], days[-1])
                .filter(pl.col("day").is_in(days))
                .group_by("day", "sensor")
                .agg(pl.col("packets").sum(), pl.col("bytes").sum(), flows=pl.len().cast(pl.Int64))
                .sort("sensor")
                .collect()
                .partition_by("day", as_dict=True)
            )
            changes[SEALS.name] = Change(
                [write_file(ledger.storage, SEALS, day, rows) for (day,), rows in totals.items()]
            )
        return changes

    with files_told(ledger.storage):
        ledger.change(worker, "expire", build)
    return gone
