"""The ledger: Delta tables in one place, changed by plans, read as consistent snapshots.

A snapshot is every table at its newest state that is not newer than the last complete plan, and a plan is
complete once `coverage` has it. Readers need no lock and never write.
"""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Literal

import polars as pl
from deltalake import CommitProperties, DeltaTable, Field, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.schema import ArrayType, PrimitiveType
from deltalake.transaction import AddAction, RemoveAction

from darkscope.ingest.ledger import plan as plans
from darkscope.ingest.ledger.files import DataFile, is_intact
from darkscope.ingest.ledger.plan import Change, Plan, Removal, withdraw
from darkscope.ingest.ledger.storage import Folder, Storage
from darkscope.ingest.series import COVERAGE, FORMAT, TABLES, Table
from darkscope.ingest.settings import Settings

PLAN, VERSION = "darkscope-plan", "darkscope-version"
"""Delta application transactions: the plan a table has, the ledger version that this plan completes."""

ATTEMPTS = 50
"""Times a commit is tried again after others were first, before the ledger is called broken."""

DESCRIPTION = "ledger.json"
"""Written last when a ledger is made: a folder that has it is one."""

CHANGED = "its bytes are not those that were written"

_DELTA_TYPES: dict[pl.DataType, PrimitiveType | ArrayType] = {
    pl.Int16(): PrimitiveType("short"),
    pl.Int32(): PrimitiveType("integer"),
    pl.Int64(): PrimitiveType("long"),
    pl.String(): PrimitiveType("string"),
    pl.List(pl.Int64()): ArrayType(PrimitiveType("long"), contains_null=False),
}


class LedgerError(Exception):
    """The ledger cannot be opened, read or written; the message names the place."""


class Overtaken(LedgerError):
    """Another worker changed what this change was built on; build it again on the new state."""


class Damaged(LedgerError):
    """A data file is missing, or its bytes are not those that were written."""

    def __init__(self, place: str, table: Table, path: str, day: date, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place = place
        self.path = path  # below the table's folder
        self.table = table
        self.day = day


class Snapshot:
    """All tables as they were when the ledger had one version."""

    def __init__(self, ledger: Ledger, plan: int, version: int) -> None:
        self._ledger = ledger
        self._files: dict[str, pl.DataFrame] = {}
        self._looked: dict[str, str] | None = None
        self.plan = plan
        self.version = version

    def checked(self, looked: dict[str, str]) -> Snapshot:
        """The same, but `scan` looks at each file first, and raises Damaged.

        `looked` keeps what was found by place, so that a file is looked at once: what is wrong, empty where nothing.
        """
        same = Snapshot(self._ledger, self.plan, self.version)
        same._files, same._looked = self._files, looked
        return same

    def is_mended(self, damaged: Damaged) -> bool:
        """Whether a file is as it was written by now, or nobody needs it any more."""
        is_named = damaged.path in set(self.files(damaged.table)["path"])
        return not is_named or not _wrong(self._ledger.storage, damaged.table, damaged.path)

    def files(self, table: Table) -> pl.DataFrame:
        """Data files: path, size, rows, day, and smallest and largest values as `min.x`, `max.x`."""
        if table.name not in self._files:
            self._files[table.name] = self._ledger.files(table, self.plan)
        return self._files[table.name]

    def days(self, table: Table) -> frozenset[date]:
        """UTC days that have files. A rollup's file is there only while it is true."""
        return frozenset(self.files(table)["day"])

    def rows(self, table: Table, first_day: date, last_day: date) -> int:
        """How many rows the files of the UTC days have, both included."""
        return int(self.files(table).filter(pl.col("day").is_between(first_day, last_day))["rows"].sum())

    def scan(
        self,
        table: Table,
        first_day: date = date.min,
        last_day: date = date.max,
        where: pl.Expr | None = None,
    ) -> pl.LazyFrame:
        """Rows of the UTC days from first to last, both included; a key can have several partial rows.

        `where` narrows the files by their `min.x` and `max.x`; it does not filter rows.
        """
        files = self.files(table).filter(pl.col("day").is_between(first_day, last_day))
        if where is not None and files.height:
            files = files.filter(where)
        if not files.height:
            return pl.LazyFrame(schema={**table.schema, "day": pl.Date})
        storage = self._ledger.storage
        if self._looked is not None:
            for path, day in files.select("path", "day").iter_rows():
                place = storage.place(f"{table.name}/{path}")
                if place not in self._looked:
                    self._looked[place] = _wrong(storage, table, path)
                if self._looked[place]:
                    raise Damaged(place, table, path, day, self._looked[place])
        return self._ledger.scan(table, dict(files.select("path", "size").iter_rows()))

    def removals(self, table: Table, days: Iterable[date]) -> list[Removal]:
        """All files of some days, as a plan takes them out."""
        files = self.files(table).filter(pl.col("day").is_in(list(days)))
        return [
            Removal(path, day.isoformat(), size)
            for path, day, size in files.select("path", "day", "size").iter_rows()
        ]


def _wrong(storage: Storage, table: Table, path: str) -> str:
    try:
        name = f"{table.name}/{path}"
        return "" if is_intact(name, storage.near(name)) else CHANGED
    except OSError as error:
        return error.strerror or str(error)


def storage_of(settings: Settings) -> Storage:
    """The storage of the settings' ledger. Raises LedgerError where it lacks a package."""
    if isinstance(settings.ledger, Path):
        return Folder(settings.ledger)
    try:
        bucket = importlib.import_module("darkscope.ingest.ledger.bucket")
        opened: Storage = bucket.Bucket(settings.ledger, settings.storage)
    except ModuleNotFoundError as error:
        raise LedgerError(f"{settings.ledger}: needs {error.name}: pip install 'darkscope[s3]'") from None
    return opened


def is_ledger(place: Path | Storage) -> bool:
    """Whether there is a ledger. Raises LedgerError where that cannot be told."""
    storage = _storage(place)
    try:
        return storage.exists(DESCRIPTION)
    except OSError as error:
        raise LedgerError(f"{error.filename or storage}: {error.strerror or error}") from error


def _storage(place: Path | Storage) -> Storage:
    return Folder(place) if isinstance(place, Path) else place


class Ledger:
    """One ledger. Cheap to open; holds no lock and no open file."""

    def __init__(self, place: Path | Storage) -> None:
        """`place`: a folder, or a storage. Raises LedgerError."""
        self.storage = _storage(place)
        self._tables: dict[str, DeltaTable] = {}
        self._last_numbers: dict[str, tuple[int, tuple[int, int]]] = {}
        self._files: dict[tuple[str, int], pl.DataFrame] = {}
        self._lock = RLock()
        self._format = _format(self.storage)

    @classmethod
    def open_or_create(cls, place: Path | Storage) -> Ledger:
        """The ledger of a place, made or migrated where need be. Killed meanwhile, it goes on where it was."""
        storage = _storage(place)
        if not is_ledger(storage):
            _make(storage, "cannot make a ledger")
        ledger = cls(storage)
        ledger.migrate()
        return ledger

    def migrate(self) -> None:
        """Bring a ledger of an older format to this one. Every change does so first; readers need not."""
        if self._format < FORMAT:
            self.finish()  # plans of that format are for its tables
            _make(self.storage, f"cannot bring the ledger from format {self._format} to {FORMAT}")
            self._format = FORMAT
            self._tables.clear()

    def snapshot(self) -> Snapshot:
        """The ledger as it is now: the newest complete plan."""
        with self._lock:
            coverage = self._newest(COVERAGE)
            return Snapshot(self, *self._numbers(COVERAGE, coverage))

    def files(self, table: Table, plan: int) -> pl.DataFrame:
        """Data files of a table as a plan left them, for `Snapshot`."""
        if table.since > self._format:
            self._format = _format(self.storage)  # another process may have migrated it
            if table.since > self._format:
                return _no_files()
        with self._lock:
            delta = self._newest(table)
            while self._numbers(table, delta)[0] > plan:
                delta = _load(self.storage, table.name, delta.version() - 1)
            found = self._files.get((table.name, delta.version()))
            if found is None:
                found = _files(delta)
                self._files = {key: kept for key, kept in self._files.items() if key[0] != table.name}
                self._files[table.name, delta.version()] = found
            return found

    def finish(self) -> Snapshot:
        """Complete what a killed or a slower process left half done, and give the state after it."""
        snapshot = self.snapshot()
        while (plan := Plan.read(self.storage, snapshot.plan + 1)) is not None:
            self._apply(plan)
            snapshot = self.snapshot()
        return snapshot

    def change(
        self,
        worker: str,
        kind: str,
        build: Callable[[Snapshot], dict[str, Change] | None],
        *,
        observes: bool = True,
    ) -> Snapshot:
        """Make one change to all tables at once, exactly once.

        `build` gets the state that the change will follow and returns what to do to each table (None: nothing);
        it is asked again where another worker was first, and raises Overtaken where its files no longer fit.
        Only a change that `observes` moves the ledger's version. Errors: LedgerError naming the table.
        """
        self.migrate()
        for _ in range(ATTEMPTS):
            snapshot = self.finish()
            changes = build(snapshot)
            if changes is None:
                return snapshot
            plan = Plan(snapshot.plan + 1, snapshot.version + observes, worker, kind, changes)
            self._make_durable(changes)
            try:
                is_first = plan.publish(self.storage)
            except OSError as error:
                raise LedgerError(f"{self.storage.place(plans.FOLDER)}: {error}") from error
            if not is_first:
                continue
            if self.snapshot().plan >= plan.number:  # the number was used up, and its file cleaned away since
                withdraw(self.storage, plan.number)
                continue
            return self.finish()
        raise LedgerError(f"{self.storage}: {ATTEMPTS} other changes came first; is a worker running wild?")

    def begin_with(self, plan: Plan) -> None:
        """Give an empty ledger the state of another, with that one's plan and version. Raises LedgerError."""
        self._apply(plan)

    def plans(self, after: int, upto: int) -> list[Plan] | None:
        """What was changed by the plans after one, up to another with it; None where their files were cleaned away."""
        found = [Plan.read(self.storage, number) for number in range(after + 1, upto + 1)]
        plans = [plan for plan in found if plan is not None]
        return plans if len(plans) == len(found) else None

    def _make_durable(self, changes: dict[str, Change]) -> None:
        """Have the files of a change on the disk before a plan names them. Raises LedgerError."""
        for name, change in changes.items():
            try:
                if change.add:
                    self.storage.keep(name, [file.path for file in change.add])
            except FileNotFoundError as error:  # it waited for more than a day, and was cleaned away
                raise Overtaken(f"{error.filename}: what was to be committed is gone; read again") from error
            except OSError as error:
                raise LedgerError(f"{error.filename or self.storage.place(name)}: {error}") from error

    def scan(self, table: Table, sizes: Mapping[str, int]) -> pl.LazyFrame:
        """Rows of some of a table's data files (paths with their bytes), with their `day`. Raises LedgerError."""
        try:
            found = self.storage.files(table.name, sizes)
        except OSError as error:
            raise LedgerError(f"{error.filename or self.storage}: {error.strerror or error}") from error
        return pl.scan_parquet(
            found.paths,
            schema={**table.schema, "day": pl.Date()},
            hive_partitioning=True,
            hive_schema={"day": pl.Date()},
            glob=False,
            storage_options=found.options,
        )

    def free_bytes(self) -> int | None:
        """Room left on the ledger's disk; None where there is always room."""
        return self.storage.free_bytes()

    def _newest(self, table: Table) -> DeltaTable:
        """A table with all its commits; what was read of its log before is not read again."""
        delta = self._tables.get(table.name)
        if delta is None:
            delta = self._tables[table.name] = _load(self.storage, table.name)
        elif not self.storage.is_newest(table.name, delta.version()):
            try:
                delta.update_incremental()
            except (DeltaError, OSError):  # commits that it needs were cleaned away meanwhile
                delta = self._tables[table.name] = _load(self.storage, table.name)
        return delta

    def _numbers(self, table: Table, delta: DeltaTable) -> tuple[int, int]:
        """Plan and version that a state of a table has; Delta searches its whole log for them."""
        version, numbers = self._last_numbers.get(table.name, (-1, (0, 0)))
        if version != delta.version():
            numbers = _number(delta, PLAN), _number(delta, VERSION)
            self._last_numbers[table.name] = delta.version(), numbers
        return numbers

    def _apply(self, plan: Plan) -> None:
        for table in TABLES:
            change = plan.changes.get(table.name)
            if change is not None and table is not COVERAGE:
                self._commit(plan, table, change)
        self._commit(plan, COVERAGE, plan.changes.get(COVERAGE.name, Change()))

    def _commit(self, plan: Plan, table: Table, change: Change) -> None:
        transactions = [Transaction(PLAN, plan.number), Transaction(VERSION, plan.version)]
        actions: list[AddAction | RemoveAction] = [_added(file) for file in change.add]
        actions += [
            RemoveAction(file.path, True, int(time.time() * 1000), file.size, {"day": file.day})
            for file in change.remove
        ]
        for _ in range(ATTEMPTS):
            with self._lock:  # a thread that reads must not find the table one commit further than it looked
                delta = self._newest(table)
                if self._numbers(table, delta)[0] >= plan.number:
                    return
                try:
                    if self.storage.mend(table.name, delta.version()):
                        del self._tables[table.name]
                        continue
                    delta.create_write_transaction(
                        actions,
                        mode="append",
                        schema=delta.schema(),
                        partition_by=["day"],
                        commit_properties=CommitProperties(
                            app_transactions=transactions, max_commit_retries=0
                        ),
                    )
                    # Table by table: what `coverage` completes is on the disk in all the others.
                    self.storage.keep_commit(table.name, delta.version() + 1)
                except CommitFailedError:
                    continue  # another process is completing the same plan: look again
                except (DeltaError, OSError) as error:
                    raise LedgerError(f"{self.storage.place(table.name)}: {error}") from error
                else:
                    return
        raise LedgerError(f"{self.storage.place(table.name)}: plan {plan.number} could not be committed")


def _files(delta: DeltaTable) -> pl.DataFrame:
    files = pl.DataFrame(delta.get_add_actions(flatten=True))
    if not files.height:
        return _no_files()
    return files.rename({"size_bytes": "size", "num_records": "rows", "partition.day": "day"})


def _no_files() -> pl.DataFrame:
    return pl.DataFrame(schema={"path": pl.String, "size": pl.Int64, "rows": pl.Int64, "day": pl.Date})


def _added(file: DataFile) -> AddAction:
    return AddAction(file.path, file.size, {"day": file.day}, int(time.time() * 1000), True, file.statistics)


def _format(storage: Storage) -> int:
    """Format of the ledger of a place. Raises LedgerError where there is none, or one that cannot be read here."""
    try:
        described = json.loads(storage.read(DESCRIPTION))
    except FileNotFoundError:
        raise LedgerError(f"{storage}: no ledger here; `darkscope ingest` makes one") from None
    except (OSError, ValueError) as error:
        raise LedgerError(f"{storage.place(DESCRIPTION)}: {error}") from error
    version = described.get("format") if isinstance(described, dict) else None
    if not isinstance(version, int):
        raise LedgerError(f"{storage.place(DESCRIPTION)}: says no format")
    if version > FORMAT:
        raise LedgerError(
            f"{storage}: written in format {version}, newer than this darkscope reads ({FORMAT}); "
            "upgrade darkscope"
        )
    return version


def _make(storage: Storage, failed: str) -> None:
    """Make a ledger, or what one of an older format lacks: what is there stays as it is."""
    try:
        storage.prepare(plans.FOLDER)
        with ThreadPoolExecutor() as pool:  # each waits for the disk
            list(pool.map(partial(_create, storage), TABLES))
        storage.replace(DESCRIPTION, (json.dumps({"format": FORMAT}) + "\n").encode())
    except (OSError, DeltaError) as error:
        raise LedgerError(f"{storage}: {failed}: {error}") from error


def _create(storage: Storage, table: Table) -> None:
    _define(storage, table, "ignore")
    _fit(storage, table)
    with suppress(FileNotFoundError):  # of an old table it is cleaned away
        storage.keep_commit(table.name, 0)
        storage.keep("", [table.name])


def _define(storage: Storage, table: Table, mode: Literal["ignore", "overwrite"]) -> None:
    DeltaTable.create(
        storage.table(table.name),
        schema=Schema(
            [Field("day", PrimitiveType("date"), nullable=False)]
            + [Field(column.name, _DELTA_TYPES[column.type], nullable=False) for column in table.columns]
        ),
        mode=mode,
        partition_by=["day"],
        name=table.name,
        description=table.meaning,
        configuration={
            "delta.checkpointInterval": "10",  # a commit replays what came since: 100 took twice the time,
            "delta.logRetentionDuration": "interval 1 hours",
            "delta.deletedFileRetentionDuration": "interval 1 days",
        },
        storage_options=storage.options,
    )


def _fit(storage: Storage, table: Table) -> None:
    """Give a table of an older format the columns that came since; nothing had written to it.

    One that has other columns lets go of its rows: `unfinished` alone, of what was open in that moment.
    """
    for _ in range(ATTEMPTS):
        delta = DeltaTable(storage.table(table.name), storage_options=storage.options)
        there = {field.name for field in delta.schema().fields}
        if there - {"day", *table.schema}:
            with suppress(CommitFailedError):  # another process does the same
                _define(storage, table, "overwrite")
                storage.keep_commit(table.name, delta.version() + 1)
            continue
        lacking = [column for column in table.columns if column.name not in there]
        if not lacking:
            return
        # Delta adds no column that must have values, for rows that are there would have none.
        with suppress(CommitFailedError):  # another process does the same
            delta.alter.add_columns([Field(column.name, _DELTA_TYPES[column.type]) for column in lacking])
            storage.keep_commit(table.name, delta.version())


def _load(storage: Storage, name: str, version: int | None = None) -> DeltaTable:
    try:
        return DeltaTable(storage.table(name), version=version, storage_options=storage.options)
    except TableNotFoundError as error:
        raise LedgerError(
            f"{storage.place(name)}: the table is missing or its log is damaged: {error}"
        ) from error
    except (DeltaError, OSError) as error:
        raise LedgerError(f"{storage.place(name)}: {error}") from error


def _number(delta: DeltaTable, name: str) -> int:
    return delta.transaction_version(name) or 0
