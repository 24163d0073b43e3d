"""Upkeep: many small files become few, closed days get their rollups, the log stays short.

Everything is staged beside the readers and writers and published as one change, so nobody waits for it; a day to
which rows were added meanwhile is left for the next time. What is merged are partial rows of one key: no sum moves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import pairwise

import polars as pl
from deltalake import DeltaTable

from darkscope.ingest.engine.engine import Engine, Here
from darkscope.ingest.ledger.errors import LedgerError, files_told, insist, told
from darkscope.ingest.ledger.expiry import expire, today
from darkscope.ingest.ledger.files import LEVEL, merge, ordered, write_file
from darkscope.ingest.ledger.ledger import Ledger, Snapshot
from darkscope.ingest.ledger.plan import FOLDER, Change, Removal, drop_drafts, forget_plans
from darkscope.ingest.ledger.storage import LOG, Storage
from darkscope.ingest.rollups import DAY_MINUTES, finer, month, partitions, roll_up
from darkscope.ingest.series import (
    CAPTURES,
    COVERAGE,
    ECHOES,
    FLOWS,
    HEARD,
    MONTH_ROLLUPS,
    REQUESTS,
    ROLLUPS,
    SOURCES,
    TABLES,
    Table,
    table_named,
)
from darkscope.ingest.settings import Settings

GRACE = timedelta(minutes=10)
"""Time after midnight (UTC) during which the day before is still open: captures of its last minutes come in."""

FEW = 8
"""Small files of one day and table that are left alone while the day is open."""

SMALL = 16 << 20
"""Bytes below which a file of an open day is merged with its like."""

RANGE = 500_000
"""Flows that are merged at a time: bounds memory, and the rows of a file."""

AT_A_TIME = {SOURCES: 250_000, ECHOES: 500_000}
"""Rows of a day that are merged at a time, into a file of their own; of `sources` fewer, whose sets take room."""

SHARED_BY = {SOURCES: "source_low", ECHOES: "victim_low"}
"""Column by whose ranges such rows are shared out."""

AT_ONCE = 2_000_000
"""Flows of several days that one change closes."""

ROLLED_AT_ONCE = 2_000_000
"""Rows that are rolled up at a time."""

SAMPLED = 100_000
"""Rows by which the bounds of shares are found: 20 shares are equal to some 2 %."""

MONTH_DAYS = 4
"""Rolled-up days of a closed month from which on it gets rollups of its own: fewer are as quickly read."""

AT_ONCE_FAR = 8
"""Tables of far storage that are cleaned side by side."""

KEEP_PLANS = 1000
"""Complete plans whose files are kept, for whoever asks what was done."""

VACUUM_HOURS = 24
"""Age at which files that nothing names are deleted: orphans of a crash, and what merging replaced."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What was done."""

    days_closed: int = 0
    months_closed: int = 0
    files_before: int = 0
    files_after: int = 0


class Days(tuple[date, ...]):
    """UTC days that one change closes, in order."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{self[0]} to {self[-1]}" if len(self) > 1 else str(self[0])


def is_closed(day: date, now: datetime) -> bool:
    """Whether a UTC day is over, so that it may have rollups."""
    return now >= datetime.combine(day, datetime.min.time(), UTC) + timedelta(days=1) + GRACE


def upkeep(
    ledger: Ledger, settings: Settings, now: datetime, *, expiring: bool = True, cleaning: bool = True
) -> Upkeep:
    """All that a ledger needs from time to time: merge, roll up, and, where asked for, expire and shorten the log.

    Raises LedgerError once all of it was tried, for a damaged file is to fill no disk. `now` in UTC.
    """
    done, failures, kept = Upkeep(), list[LedgerError](), settings.retention
    try:
        done = keep_up(ledger, settings.worker, now)
    except LedgerError as error:
        failures.append(error)
    try:
        if expiring:
            expire(ledger, settings.worker, today(ledger.snapshot(), now), kept.days, kept.disk_budget)
    except LedgerError as error:
        failures.append(error)
    if cleaning:
        clean(ledger)
    if failures:
        raise failures[0]
    return done


def keep_up(ledger: Ledger, worker: str, now: datetime, engine: Engine | None = None) -> Upkeep:
    """Merge what is in many files, roll up closed days and months. Raises LedgerError.

    An engine closes days and months wherever it does its work, each by a change of its own: those of different days do
    not get in each other's way, and a second try finds nothing left to do.
    """
    engine = engine or Here()
    done = Upkeep()
    with files_told(ledger.storage):
        for _, closed in engine.map(partial(_close, ledger, worker), list(_waiting(ledger.snapshot(), now))):
            done = _add(done, closed)
        for _, closed in engine.map(
            partial(_close_month, ledger, worker), _months_waiting(ledger.snapshot(), now)
        ):
            done = _add(done, closed)
        for table in (FLOWS, SOURCES, ECHOES, COVERAGE, CAPTURES, REQUESTS, HEARD):
            done = _add(done, _merge_small(ledger, worker, table))
    return done


def drop_rollups(ledger: Ledger, worker: str) -> None:
    """Take out the rollups of all days that have their flows; `keep_up` makes them anew. Raises LedgerError."""

    def build(now: Snapshot) -> dict[str, Change] | None:
        days = now.days(FLOWS)
        return {
            table.name: Change(remove=now.removals(table, partitions(table, days)))
            for table in (*ROLLUPS, *MONTH_ROLLUPS)
        }

    ledger.change(worker, "upkeep", build, observes=False)


def clean(ledger: Ledger) -> None:
    """Shorten the logs and delete files that nothing has named for a day. Raises LedgerError."""
    ledger.migrate()
    storage = ledger.storage
    with ThreadPoolExecutor(AT_ONCE_FAR if storage.is_far else 1) as pool:
        list(pool.map(partial(_clean, storage), TABLES))
    below = ledger.snapshot().plan - KEEP_PLANS
    with told(storage, FOLDER):
        insist(storage, lambda: forget_plans(storage, below))
    if not storage.is_far:  # there what is put is whole at once
        for folder in (FOLDER, *(f"{table.name}/{LOG}" for table in TABLES)):
            drop_drafts(storage, folder)


def _clean(storage: Storage, table: Table) -> None:
    def clean_once() -> None:
        delta = DeltaTable(storage.table(table.name), storage_options=storage.options)
        delta.create_checkpoint()
        storage.keep_commit(table.name, delta.version())
        delta.cleanup_metadata()
        # Only listed by the library: where it deletes, it commits to the table as well.
        for path in delta.vacuum(retention_hours=VACUUM_HOURS, enforce_retention_duration=False, full=True):
            storage.delete(f"{table.name}/{path}")

    with told(storage, table.name):
        insist(storage, clean_once)


def _add(one: Upkeep, other: Upkeep) -> Upkeep:
    return Upkeep(
        one.days_closed + other.days_closed,
        one.months_closed + other.months_closed,
        one.files_before + other.files_before,
        one.files_after + other.files_after,
    )


def _waiting(snapshot: Snapshot, now: datetime) -> Iterator[Days]:
    """Closed days without rollups, in groups that one change closes."""
    rolled = snapshot.days(ROLLUPS[0])
    rows = snapshot.files(FLOWS).group_by("day").agg(pl.col("rows").sum()).sort("day")
    group: list[date] = []
    gathered = 0
    for day, count in rows.iter_rows():
        if day in rolled or not is_closed(day, now):
            continue
        if group and gathered + count > AT_ONCE:
            yield Days(group)
            group, gathered = [], 0
        group.append(day)
        gathered += count
    if group:
        yield Days(group)


def _close(ledger: Ledger, worker: str, waiting: Days) -> Upkeep:
    snapshot = ledger.snapshot()
    days = [day for day in waiting if day not in snapshot.days(ROLLUPS[0])]
    if not days:
        return Upkeep()
    changes = {table.name: Change(remove=snapshot.removals(table, days)) for table in (FLOWS, *ROLLUPS)}
    flows = snapshot.scan(FLOWS, days[0], days[-1]).filter(pl.col("day").is_in(days))
    for low, high in _ranges(flows):
        rows = merge(FLOWS, flows.filter(pl.col("minute").is_between(low, high)).collect(engine="streaming"))
        _add_files(ledger.storage, changes, FLOWS, rows)
    # One at a time, from the files: no more than one is in memory, of ports a share of it.
    for table in ROLLUPS:
        source = finer(table)
        fine = ledger.scan(source, {file.path: file.size for file in changes[source.name].add})
        count = fine.select(pl.len()).collect().item() if "port" in table.keys else 0
        for share in _shares(fine, count, "port", ROLLED_AT_ONCE):
            rolled = roll_up(share, table).collect(engine="streaming")
            _add_files(ledger.storage, changes, table, ordered(table, rolled))
    for table in (SOURCES, ECHOES, COVERAGE, CAPTURES, REQUESTS, HEARD):
        for day in days:
            removals = snapshot.removals(table, [day])
            if len(removals) > 1:
                change = changes.setdefault(table.name, Change())
                change.remove += removals
                for rows in _merged_day(snapshot, table, day):
                    change.add.append(write_file(ledger.storage, table, day, rows, level=LEVEL))
    return _publish(ledger, worker, changes, Upkeep(days_closed=len(days)), snapshot, (FLOWS,), days)


def _months_waiting(snapshot: Snapshot, now: datetime) -> list[date]:
    """Closed months, all of whose days have rollups, that have none of their own and are worth it."""
    rolled = snapshot.days(ROLLUPS[0])
    without = set(map(month, snapshot.days(FLOWS) - rolled)) | snapshot.days(MONTH_ROLLUPS[0])
    return [
        first
        for first, days in sorted(Counter(map(month, rolled)).items())
        if days >= MONTH_DAYS and first not in without and is_closed(_days_of_month(first)[-1], now)
    ]


def _close_month(ledger: Ledger, worker: str, first: date) -> Upkeep:
    snapshot = ledger.snapshot()
    if first in snapshot.days(MONTH_ROLLUPS[0]):
        return Upkeep()
    days = _days_of_month(first)
    changes: dict[str, Change] = {}
    for table in MONTH_ROLLUPS:
        change = changes[table.name] = Change()
        value = table.order[
            table.order.index("minute") - 1
        ]  # what is rolled up, of a port without its protocol
        for share in _shares(*_rows_of(snapshot, finer(table), days), value, ROLLED_AT_ONCE):
            rows = ordered(table, roll_up(share, table).collect(engine="streaming"))
            if rows.height:
                change.add.append(write_file(ledger.storage, table, first, rows, level=LEVEL))
    unmoved = {FLOWS, *map(finer, MONTH_ROLLUPS), *MONTH_ROLLUPS}
    return _publish(ledger, worker, changes, Upkeep(months_closed=1), snapshot, unmoved, days)


def _days_of_month(first: date) -> list[date]:
    following = month(first + timedelta(days=31))
    return [first + timedelta(days=number) for number in range((following - first).days)]


def _merge_small(ledger: Ledger, worker: str, table: Table) -> Upkeep:
    done = Upkeep()
    snapshot = ledger.snapshot()
    small = snapshot.files(table).filter(pl.col("size") < SMALL)
    for (day,), files in small.group_by("day"):
        if files.height <= FEW:
            continue
        chosen = _few_rows(files)
        rows = ledger.scan(table, dict(chosen.select("path", "size").iter_rows())).drop("day").collect()
        change = Change(
            remove=[
                Removal(path, day.isoformat(), size)
                for path, size in chosen.select("path", "size").iter_rows()
            ]
        )
        change.add.append(write_file(ledger.storage, table, day, _merged(table, rows), level=LEVEL))
        done = _add(done, _publish(ledger, worker, {table.name: change}, Upkeep(), snapshot))
    return done


def _few_rows(files: pl.DataFrame) -> pl.DataFrame:
    """As many of the files, smallest first, as can be merged at a time."""
    ordered = files.sort("rows")
    return ordered.filter(pl.col("rows").cum_sum() <= max(RANGE, ordered["rows"][0] + ordered["rows"][1]))


def _publish(
    ledger: Ledger,
    worker: str,
    changes: dict[str, Change],
    done: Upkeep,
    then: Snapshot,
    unmoved: Iterable[Table] = (),
    days: Sequence[date] = (),
) -> Upkeep:
    """Publish what was made of the files of a state, if those it replaces are still there.

    Tables that are to be unmoved must also have just the files of some days that they had then.
    """
    fits = False  # whether the last state that was looked at still had what is replaced

    def build(now: Snapshot) -> dict[str, Change] | None:
        nonlocal fits
        fits = False
        for name, change in changes.items():
            there = set(now.files(table_named(name))["path"])
            if change.add and {file.path for file in change.add} <= there:
                fits = True  # an earlier try failed after it was decided
                return None
            if not {removal.path for removal in change.remove} <= there:
                return None
        for table in unmoved:
            if {one.path for one in now.removals(table, days)} != {
                one.path for one in then.removals(table, days)
            }:
                return None
        fits = True
        return changes

    ledger.change(worker, "upkeep", build, observes=False)
    if not fits:
        for name, change in changes.items():
            for file in change.add:
                ledger.storage.delete(f"{name}/{file.path}")
        return Upkeep()
    return replace(
        done,
        files_before=sum(len(change.remove) for change in changes.values()),
        files_after=sum(len(change.add) for change in changes.values()),
    )


def _add_files(storage: Storage, changes: dict[str, Change], table: Table, rows: pl.DataFrame) -> None:
    """Write rows of several days, a file for each."""
    day = (pl.col("minute") // DAY_MINUTES).cast(pl.Date)
    days = rows.select(day.unique().sort()).to_series().to_list()
    for one in days:
        part = rows.filter(day == one) if len(days) > 1 else rows
        changes[table.name].add.append(write_file(storage, table, one, part, level=LEVEL))


def _ranges(flows: pl.LazyFrame) -> list[tuple[int, int]]:
    """Minutes that have few enough flows to be merged at a time."""
    counts = flows.group_by("minute").len().sort("minute").collect(engine="streaming")
    ranges: list[tuple[int, int]] = []
    gathered = RANGE
    for minute, count in counts.iter_rows():
        if gathered + count > RANGE:
            ranges.append((minute, minute))
            gathered = 0
        ranges[-1] = ranges[-1][0], minute
        gathered += count
    return ranges


def _merged_day(snapshot: Snapshot, table: Table, day: date) -> Iterator[pl.DataFrame]:
    """Rows of one day merged; those of addresses a share of the addresses at a time."""
    if table not in AT_A_TIME:
        yield _merged(table, snapshot.scan(table, day, day).drop("day").collect())
        return
    for share in _shares(*_rows_of(snapshot, table, [day]), SHARED_BY[table], AT_A_TIME[table]):
        yield merge(table, share.drop("day").collect(engine="streaming"))


def _rows_of(snapshot: Snapshot, table: Table, days: Sequence[date]) -> tuple[pl.LazyFrame, int]:
    """Rows of some days, and how many they are."""
    count = snapshot.files(table).filter(pl.col("day").is_in(days))["rows"].sum()
    return snapshot.scan(table, days[0], days[-1]), int(count)


def _shares(rows: pl.LazyFrame, count: int, by: str, at_once: int) -> Iterator[pl.LazyFrame]:
    """Cut so many rows into shares of about as many as are taken at once, each a range of a column's values.

    So the log tells of each file made of a share which values it can have, and a question for one opens one file.
    """
    shares = count // at_once + 1
    bounds: list[int | str] = []
    if shares > 1:
        sample = rows.select(pl.col(by).gather_every(max(1, count // SAMPLED))).collect(engine="streaming")
        values = sample.to_series().sort()
        bounds = sorted({values[len(values) * share // shares] for share in range(1, shares)} - {values[0]})
    value = pl.col(by)
    for low, high in pairwise([None, *bounds, None]):
        share = rows if low is None else rows.filter(value >= low)
        yield share if high is None else share.filter(value < high)


def _merged(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    return merge(table, _join_stretches(rows) if table is COVERAGE else rows)


def _join_stretches(rows: pl.DataFrame) -> pl.DataFrame:
    """Stretches of coverage that touch or overlap inside an hour, made one."""
    hour = [pl.col("sensor"), pl.col("point"), pl.col("minute") // 60]
    end = pl.col("minute") + pl.col("minutes")
    rows = rows.sort("sensor", "point", "minute")
    apart = pl.col("minute") > end.cum_max().shift().over(hour)
    rows = rows.with_columns(
        _stretch=apart.fill_null(value=False).cum_sum().over(hour), _hour=pl.col("minute") // 60
    )
    return (
        rows.group_by("sensor", "point", "_hour", "_stretch")
        .agg(
            pl.col("minute").min(),
            (end.max() - pl.col("minute").min()).alias("minutes"),
            pl.col("bridge").max(),
            *(
                pl.col(column.name).sum()
                for column in COVERAGE.columns
                if column.name not in ("minute", "minutes", "bridge", "sensor", "point")
            ),
        )
        .select(list(COVERAGE.schema))
    )
