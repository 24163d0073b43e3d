"""Upkeep: many small files become few, closed days get their rollups, the log stays short.

Everything is staged beside the readers and writers and published as one change, so nobody waits for it; a day to
which rows were added meanwhile is left for the next time. What is merged are partial rows of one key: no sum moves.
Each file is held against its digest before it is read: one that is damaged holds up its own day, and no other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import polars as pl
from deltalake import DeltaTable

from darkscope.ingest.engine.engine import Engine, Here
from darkscope.ingest.ledger.aside import Aside
from darkscope.ingest.ledger.errors import Damaged, LedgerError, files_told, insist, told
from darkscope.ingest.ledger.expiry import expire, today
from darkscope.ingest.ledger.files import FAST_ROW_GROUP, LEVEL, merge, ordered, write_file
from darkscope.ingest.ledger.ledger import Ledger, Snapshot
from darkscope.ingest.ledger.plan import FOLDER, KEPT, Change, Removal, drop_drafts, forget_plans
from darkscope.ingest.ledger.shares import sharing
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
"""Small files of one day and table that are left alone."""

SMALL = 16 << 20
"""Bytes below which a file is merged with its like, unless it has half the rows that are merged at a time."""

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

READ = FAST_ROW_GROUP
"""Rows that are read at a time where a day is shared out in one pass."""

AGAIN = 32
"""Times that a day's flows may be looked at for their ranges of minutes: files of few minutes are seldom opened, and
so often looking costs what writing and reading all of them once more does."""

_FIRST, _LAST = -(1 << 31), (1 << 31) - 1
"""Minutes before and after all others."""

SAMPLED = 100_000
"""Rows by which the bounds of shares are found: 20 shares are equal to some 2 %."""

MONTH_DAYS = 4
"""Rolled-up days of a closed month from which on it gets rollups of its own: fewer are as quickly read."""

AT_ONCE_FAR = 8
"""Tables of far storage that are cleaned side by side."""

CLOSED = (FLOWS, SOURCES, ECHOES, COVERAGE, CAPTURES, REQUESTS, HEARD)
"""Tables whose files of a day are merged, all together once it is closed."""

OF_MONTHS = tuple({finer(table): None for table in MONTH_ROLLUPS})
"""Tables that the rollups of months are made of."""

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


def unclosed(snapshot: Snapshot, now: datetime) -> list[date]:
    """UTC days that are over and have no rollups yet, in order."""
    return sorted(day for day in snapshot.days(FLOWS) - snapshot.days(ROLLUPS[0]) if is_closed(day, now))


def upkeep(
    ledger: Ledger,
    settings: Settings,
    now: datetime,
    aside: Aside | None = None,
    *,
    expiring: bool = True,
    cleaning: bool = True,
) -> Upkeep:
    """All that a ledger needs from time to time: merge, roll up, and, where asked for, expire and shorten the log.

    Raises LedgerError once all of it was tried, for what fails is to fill no disk. `now` in UTC; `aside` as for
    `keep_up`.
    """
    done, failures, kept = Upkeep(), list[LedgerError](), settings.retention
    aside = Aside() if aside is None else aside
    try:
        done = keep_up(ledger, settings.worker, now, aside=aside)
    except LedgerError as error:
        failures.append(error)
    try:
        if expiring:
            until = today(ledger.snapshot(), now)
            expire(ledger, settings.worker, until, kept.days, kept.disk_budget, aside)
    except LedgerError as error:
        failures.append(error)
    if cleaning:
        clean(ledger)
    if failures:
        raise failures[0]
    return done


def keep_up(
    ledger: Ledger, worker: str, now: datetime, engine: Engine | None = None, aside: Aside | None = None
) -> Upkeep:
    """Merge what is in many files, roll up closed days and months. Raises LedgerError.

    An engine closes days and months wherever it does its work, each by a change of its own: those of different days do
    not get in each other's way, and a second try finds nothing left to do. `aside` has the damaged files that were
    met before, and gets those that are met now: their days, and months that need them, are passed over.
    """
    engine = engine or Here()
    aside = Aside() if aside is None else aside
    done = Upkeep()
    with files_told(ledger.storage):
        aside.take_up(ledger.snapshot())
        days = [*_waiting(ledger.snapshot(), now, aside.days(CLOSED))]
        for _, (closed, damaged) in engine.map(partial(_close, ledger, worker), days):
            done = _add(done, closed)
            aside.put(damaged)
        months = _months_waiting(ledger.snapshot(), now, aside.days(OF_MONTHS))
        for _, (closed, damaged) in engine.map(partial(_close_month, ledger, worker), months):
            done = _add(done, closed)
            aside.put(damaged)
        for table in CLOSED:
            done = _add(done, _merge_small(ledger, worker, table, aside))
    return done


def drop_rollups(
    ledger: Ledger, worker: str, engine: Engine | None = None, aside: Aside | None = None
) -> None:
    """Take out the rollups of all days that have their flows; `keep_up` makes them anew. Raises LedgerError.

    Those of days of which a file is damaged stay, for they could not be made anew; `aside` gets the file.
    """
    engine = engine or Here()
    aside = Aside() if aside is None else aside
    snapshot = ledger.snapshot()
    groups = [*_groups(snapshot, snapshot.days(FLOWS))]
    for _, damaged in engine.map(partial(_damaged, ledger), groups):
        aside.put(damaged)

    def build(now: Snapshot) -> dict[str, Change] | None:
        days = now.days(FLOWS) - aside.days(CLOSED)
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
    below = ledger.snapshot().plan - KEPT
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


def _waiting(snapshot: Snapshot, now: datetime, held_up: Collection[date]) -> Iterator[Days]:
    """Closed days without rollups, in groups that one change closes."""
    return _groups(snapshot, {*unclosed(snapshot, now)} - {*held_up})


def _groups(snapshot: Snapshot, days: Collection[date]) -> Iterator[Days]:
    """Days of flows, as many together as one change closes."""
    files = snapshot.files(FLOWS).filter(pl.col("day").is_in(days))
    group: list[date] = []
    gathered = 0
    for day, count in files.group_by("day").agg(pl.col("rows").sum()).sort("day").iter_rows():
        if group and gathered + count > AT_ONCE:
            yield Days(group)
            group, gathered = [], 0
        group.append(day)
        gathered += count
    if group:
        yield Days(group)


def _damaged(ledger: Ledger, days: Days) -> list[Damaged]:
    """Files that are damaged and that days cannot be closed without."""
    return _damaged_of(ledger.snapshot(), CLOSED, days)


def _damaged_of(snapshot: Snapshot, tables: Iterable[Table], days: Collection[date]) -> list[Damaged]:
    is_of_days = pl.col("day").is_in(days)
    return [one for table in tables for one in snapshot.damaged(table, is_of_days)]


def _close(ledger: Ledger, worker: str, waiting: Days) -> tuple[Upkeep, list[Damaged]]:
    """Close those days all of whose files are whole; of the others these files."""
    snapshot = ledger.snapshot()
    days = [day for day in waiting if day not in snapshot.days(ROLLUPS[0])]
    damaged = _damaged_of(snapshot, CLOSED, days)
    days = [day for day in days if day not in {one.day for one in damaged}]
    if not days:
        return Upkeep(), damaged
    changes = {table.name: Change(remove=snapshot.removals(table, days)) for table in (FLOWS, *ROLLUPS)}
    _merge_flows(ledger, snapshot, days, changes)
    for table in ROLLUPS:
        if (source := finer(table)) is not FLOWS:
            fine = ledger.scan(source, {file.path: file.size for file in changes[source.name].add})
            count = fine.select(pl.len()).collect().item() if "port" in table.keys else 0
            for share in _shares(fine, count, "port", ROLLED_AT_ONCE):
                rolled = roll_up(share, table).collect(engine="streaming")
                _add_files(ledger.storage, changes, table, ordered(table, rolled))
    for table in CLOSED[1:]:
        for day in days:
            removals = snapshot.removals(table, [day])
            if len(removals) > 1:
                change = changes.setdefault(table.name, Change())
                change.remove += removals
                for rows in _merged_day(ledger, snapshot, table, day):
                    change.add.append(write_file(ledger.storage, table, day, rows, level=LEVEL))
    closed = Upkeep(days_closed=len(days))
    return _publish(ledger, worker, changes, closed, snapshot, (FLOWS,), days), damaged


def _merge_flows(
    ledger: Ledger, snapshot: Snapshot, days: Sequence[date], changes: dict[str, Change]
) -> None:
    """Write flows of days merged, and the rollups that are made of flows, having read each file once."""
    files = snapshot.files(FLOWS).filter(pl.col("day").is_in(days))
    flows = ledger.scan(FLOWS, dict(files.select("path", "size").iter_rows()))
    ports = _bounds(flows, int(files["rows"].sum()), "port", ROLLED_AT_ONCE)
    folder = ledger.storage.scratch()
    with ExitStack() as lasting:
        sums = {
            table: lasting.enter_context(
                sharing(folder, "port", ports if "port" in table.keys else [], partial(_rolled, table))
            )
            for table in ROLLUPS
            if finer(table) is FLOWS
        }
        for rows in _by_minutes(ledger, files, _minutes(flows)):
            _add_files(ledger.storage, changes, FLOWS, rows)
            for table, shares in sums.items():
                shares.add(_rolled(table, rows))
            del rows  # before the next are read
        for table, shares in sums.items():
            for some in shares:
                _add_files(ledger.storage, changes, table, ordered(table, _rolled(table, some)))


def _by_minutes(ledger: Ledger, files: pl.DataFrame, bounds: list[int]) -> Iterator[pl.DataFrame]:
    """Flows merged by ranges of minutes, each read from the files that have some of it; in one pass if many have."""
    ranges = [*pairwise([_FIRST, *bounds, _LAST])]
    parts = [files.filter(pl.col("max.minute") >= low, pl.col("min.minute") < high) for low, high in ranges]
    if sum(int(part["rows"].sum()) for part in parts) <= AGAIN * int(files["rows"].sum()):
        for (low, high), part in zip(ranges, parts, strict=True):
            flows = ledger.scan(FLOWS, dict(part.select("path", "size").iter_rows())).drop("day")
            minute = pl.col("minute")
            yield merge(FLOWS, flows.filter(minute >= low, minute < high).collect(engine="streaming"))
        return
    with sharing(ledger.storage.scratch(), "minute", bounds) as shares:
        for some in _read(ledger, FLOWS, files):
            shares.add(some)
        yield from map(partial(merge, FLOWS), shares)


def _rolled(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    return roll_up(rows.lazy(), table).collect()


def _read(ledger: Ledger, table: Table, files: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Rows of files, file by file, not too many at a time."""
    for path, size, count in files.select("path", "size", "rows").iter_rows():
        rows = ledger.scan(table, {path: size}).drop("day")
        for start in range(0, count, READ):
            yield rows.slice(start, READ).collect()


def _months_waiting(snapshot: Snapshot, now: datetime, held_up: Iterable[date]) -> list[date]:
    """Closed months, all of whose days have rollups, that have none of their own and are worth it."""
    rolled = snapshot.days(ROLLUPS[0])
    not_yet = {*map(month, snapshot.days(FLOWS) - rolled), *map(month, held_up)}
    without = not_yet | snapshot.days(MONTH_ROLLUPS[0])
    return [
        first
        for first, days in sorted(Counter(map(month, rolled)).items())
        if days >= MONTH_DAYS and first not in without and is_closed(_days_of_month(first)[-1], now)
    ]


def _close_month(ledger: Ledger, worker: str, first: date) -> tuple[Upkeep, list[Damaged]]:
    """Close a month, if all files that it needs are whole; else these files."""
    snapshot = ledger.snapshot()
    if first in snapshot.days(MONTH_ROLLUPS[0]):
        return Upkeep(), []
    days = _days_of_month(first)
    if damaged := _damaged_of(snapshot, OF_MONTHS, days):
        return Upkeep(), damaged
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
    unmoved = {FLOWS, *OF_MONTHS, *MONTH_ROLLUPS}
    return _publish(ledger, worker, changes, Upkeep(months_closed=1), snapshot, unmoved, days), []


def _days_of_month(first: date) -> list[date]:
    following = month(first + timedelta(days=31))
    return [first + timedelta(days=number) for number in range((following - first).days)]


def _merge_small(ledger: Ledger, worker: str, table: Table, aside: Aside) -> Upkeep:
    """Merge the small files of each day that has many; damaged ones stay as they are."""
    done, most = Upkeep(), AT_A_TIME.get(table, RANGE)
    snapshot = ledger.snapshot()
    is_damaged = pl.col("path").is_in(aside.paths(table))
    is_small = (pl.col("size") < SMALL) & (pl.col("rows") < most // 2)  # so two are never too many
    small = snapshot.files(table).filter(is_small, ~is_damaged)
    for (day,), files in small.group_by("day"):
        if files.height <= FEW:
            continue
        chosen = files.sort("rows").filter(pl.col("rows").cum_sum() <= most)
        damaged = snapshot.damaged(table, pl.col("path").is_in(chosen["path"].to_list()))
        aside.put(damaged)
        chosen = chosen.filter(~pl.col("path").is_in([one.path for one in damaged]))
        if not chosen.height:
            continue
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


def _minutes(flows: pl.LazyFrame) -> list[int]:
    """Minutes at which flows are cut into ranges of few enough to be merged at a time."""
    counts = flows.group_by("minute").len().sort("minute").collect(engine="streaming")
    bounds: list[int] = []
    gathered = 0
    for minute, count in counts.iter_rows():
        if gathered and gathered + count > RANGE:
            bounds.append(minute)
            gathered = 0
        gathered += count
    return bounds


def _merged_day(ledger: Ledger, snapshot: Snapshot, table: Table, day: date) -> Iterator[pl.DataFrame]:
    """Rows of one day merged; those of addresses a share of the addresses at a time."""
    if table not in AT_A_TIME:
        yield _merged(table, snapshot.scan(table, day, day).drop("day").collect())
        return
    bounds = _bounds(*_rows_of(snapshot, table, [day]), SHARED_BY[table], AT_A_TIME[table])
    with sharing(ledger.storage.scratch(), SHARED_BY[table], bounds) as shares:
        for some in _read(ledger, table, snapshot.files(table).filter(pl.col("day") == day)):
            shares.add(some)
        for some in shares:
            yield merge(table, some)


def _rows_of(snapshot: Snapshot, table: Table, days: Sequence[date]) -> tuple[pl.LazyFrame, int]:
    """Rows of some days, and how many they are."""
    count = snapshot.files(table).filter(pl.col("day").is_in(days))["rows"].sum()
    return snapshot.scan(table, days[0], days[-1]), int(count)


def _shares(rows: pl.LazyFrame, count: int, by: str, at_once: int) -> Iterator[pl.LazyFrame]:
    """Cut so many rows into shares of about as many as are taken at once, each a range of a column's values.

    So the log tells of each file made of a share which values it can have, and a question for one opens one file.
    """
    value, bounds = pl.col(by), _bounds(rows, count, by, at_once)
    for low, high in pairwise([None, *bounds, None]):
        share = rows if low is None else rows.filter(value >= low)
        yield share if high is None else share.filter(value < high)


def _bounds(rows: pl.LazyFrame, count: int, by: str, at_once: int) -> list[Any]:
    """Values at which so many rows are cut into shares of about as many as are taken at once."""
    shares = count // at_once + 1
    if shares == 1:
        return []
    sample = rows.select(pl.col(by).gather_every(max(1, count // SAMPLED))).collect(engine="streaming")
    values = sample.to_series().sort()
    return sorted({values[len(values) * share // shares] for share in range(1, shares)} - {values[0]})


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
