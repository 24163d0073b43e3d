"""The ledger: Delta tables in one folder, changed by plans, read as consistent snapshots.

A snapshot is every table at its newest state that is not newer than the last complete plan, and a plan is
complete once `coverage` has it. Readers need no lock and never write.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable
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

from darkscope.ingest.ledger.files import DataFile, is_intact, make_durable
from darkscope.ingest.ledger.plan import Change, Plan, Removal, withdraw
from darkscope.ingest.series import COVERAGE, FORMAT, TABLES, Table

PLAN, VERSION = "darkscope-plan", "darkscope-version"
"""Delta application transactions: the plan a table has, the ledger version that this plan completes."""

ATTEMPTS = 50
"""Times a commit is tried again after others were first, before the ledger is called broken."""

DESCRIPTION = "ledger.json"
"""Written last when a ledger is made: a folder that has it is one."""

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

    def __init__(self, file: Path, table: Table, day: date, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file
        self.table = table
        self.day = day


class Snapshot:
    """All tables as they were when the ledger had one version."""

    def __init__(self, ledger: Ledger, plan: int, version: int) -> None:
        self._ledger = ledger
        self._files: dict[str, pl.DataFrame] = {}
        self._looked: dict[Path, str] | None = None
        self.plan = plan
        self.version = version

    def checked(self, looked: dict[Path, str]) -> Snapshot:
        """The same, but `scan` looks at each file first, and raises Damaged.

        `looked` keeps what was found, so that a file is looked at once: what is wrong with it, empty where nothing.
        """
        same = Snapshot(self._ledger, self.plan, self.version)
        same._files, same._looked = self._files, looked
        return same

    def is_mended(self, damaged: Damaged) -> bool:
        """Whether a file is as it was written by now, or nobody needs it any more."""
        root = self._ledger.folder / damaged.table.name
        named = damaged.file in {root / path for path in self.files(damaged.table)["path"]}
        return not named or not _wrong(damaged.file)

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
        root = self._ledger.folder / table.name
        if self._looked is not None:
            for path, day in files.select("path", "day").iter_rows():
                file = root / path
                if file not in self._looked:
                    self._looked[file] = _wrong(file)
                if self._looked[file]:
                    raise Damaged(file, table, day, self._looked[file])
        return pl.scan_parquet(
            [root / path for path in files["path"]],
            schema={**table.schema, "day": pl.Date()},
            hive_partitioning=True,
            hive_schema={"day": pl.Date()},
            glob=False,
        )

    def removals(self, table: Table, days: Iterable[date]) -> list[Removal]:
        """All files of some days, as a plan takes them out."""
        files = self.files(table).filter(pl.col("day").is_in(list(days)))
        return [
            Removal(path, day.isoformat(), size)
            for path, day, size in files.select("path", "day", "size").iter_rows()
        ]


def _wrong(file: Path) -> str:
    try:
        return "" if is_intact(file) else "its bytes are not those that were written"
    except OSError as error:
        return error.strerror or str(error)


def is_ledger(folder: Path) -> bool:
    """Whether a folder is a ledger."""
    return (folder / DESCRIPTION).is_file()


class Ledger:
    """One ledger folder. Cheap to open; holds no lock and no open file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._plans = folder / "plans"
        self._tables: dict[str, DeltaTable] = {}
        self._last_numbers: dict[str, tuple[int, tuple[int, int]]] = {}
        self._files: dict[tuple[str, int], pl.DataFrame] = {}
        self._lock = RLock()
        self._format = _format(folder)

    @classmethod
    def open_or_create(cls, folder: Path) -> Ledger:
        """The ledger of a folder, made or migrated where need be. Killed meanwhile, it goes on where it was."""
        if not (folder / DESCRIPTION).exists():
            _make(folder, "cannot make a ledger")
        ledger = cls(folder)
        ledger.migrate()
        return ledger

    def migrate(self) -> None:
        """Bring a ledger of an older format to this one. Every change does so first; readers need not."""
        if self._format < FORMAT:
            self.finish()  # plans of that format are for its tables
            _make(self.folder, f"cannot bring the ledger from format {self._format} to {FORMAT}")
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
            self._format = _format(self.folder)  # another process may have migrated it
            if table.since > self._format:
                return _no_files()
        with self._lock:
            delta = self._newest(table)
            while self._numbers(table, delta)[0] > plan:
                delta = _load(self.folder, table.name, delta.version() - 1)
            found = self._files.get((table.name, delta.version()))
            if found is None:
                found = _files(delta)
                self._files = {key: kept for key, kept in self._files.items() if key[0] != table.name}
                self._files[table.name, delta.version()] = found
            return found

    def finish(self) -> Snapshot:
        """Complete what a killed or a slower process left half done, and give the state after it."""
        snapshot = self.snapshot()
        while (plan := Plan.read(self._plans, snapshot.plan + 1)) is not None:
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
                is_first = plan.publish(self._plans)
            except OSError as error:
                raise LedgerError(f"{self._plans}: {error}") from error
            if not is_first:
                continue
            if self.snapshot().plan >= plan.number:  # the number was used up, and its file cleaned away since
                withdraw(self._plans, plan.number)
                continue
            return self.finish()
        raise LedgerError(f"{self.folder}: {ATTEMPTS} other changes came first; is a worker running wild?")

    def begin_with(self, plan: Plan) -> None:
        """Give an empty ledger the state of another, with that one's plan and version. Raises LedgerError."""
        self._apply(plan)

    def plans(self, after: int, upto: int) -> list[Plan] | None:
        """What was changed by the plans after one, up to another with it; None where their files were cleaned away."""
        found = [Plan.read(self._plans, number) for number in range(after + 1, upto + 1)]
        plans = [plan for plan in found if plan is not None]
        return plans if len(plans) == len(found) else None

    def _make_durable(self, changes: dict[str, Change]) -> None:
        """Have the files of a change on the disk before a plan names them. Raises LedgerError."""
        for name, change in changes.items():
            try:
                if change.add:
                    make_durable(self.folder / name, (file.path for file in change.add))
            except FileNotFoundError as error:  # it waited for more than a day, and was cleaned away
                raise Overtaken(f"{error.filename}: what was to be committed is gone; read again") from error
            except OSError as error:
                raise LedgerError(f"{error.filename or self.folder / name}: {error}") from error

    def free_bytes(self) -> int:
        """Room left on the ledger's disk."""
        return shutil.disk_usage(self.folder).free

    def _newest(self, table: Table) -> DeltaTable:
        """A table with all its commits; what was read of its log before is not read again."""
        delta = self._tables.get(table.name)
        if delta is None:
            delta = self._tables[table.name] = _load(self.folder, table.name)
        elif not self._is_newest(table, delta.version()):
            try:
                delta.update_incremental()
            except (DeltaError, OSError):  # commits that it needs were cleaned away meanwhile
                delta = self._tables[table.name] = _load(self.folder, table.name)
        return delta

    def _numbers(self, table: Table, delta: DeltaTable) -> tuple[int, int]:
        """Plan and version that a state of a table has; Delta searches its whole log for them."""
        version, numbers = self._last_numbers.get(table.name, (-1, (0, 0)))
        if version != delta.version():
            numbers = _number(delta, PLAN), _number(delta, VERSION)
            self._last_numbers[table.name] = delta.version(), numbers
        return numbers

    def _is_newest(self, table: Table, version: int) -> bool:
        """Whether a version's commit is there and the next is not; logs are shortened from their old end."""
        log = self.folder / table.name / "_delta_log"
        return not (log / _commit_name(version + 1)).exists() and (log / _commit_name(version)).exists()

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
                log = self.folder / table.name / "_delta_log"
                try:
                    if _was_cut(log, delta.version()):
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
                    make_log_durable(log, delta.version() + 1)
                except CommitFailedError:
                    continue  # another process is completing the same plan: look again
                except (DeltaError, OSError) as error:
                    raise LedgerError(f"{self.folder / table.name}: {error}") from error
                else:
                    return
        raise LedgerError(f"{self.folder / table.name}: plan {plan.number} could not be committed")


def _was_cut(log: Path, version: int) -> bool:
    """Take away a newest commit that holds nothing: the power was cut before it was on the disk, its plan is redone."""
    commit = log / _commit_name(version)
    if commit.exists() and not commit.stat().st_size:
        commit.unlink(missing_ok=True)
        return True
    return False


def make_log_durable(log: Path, version: int) -> None:
    """Have a commit on the disk, and the checkpoint that may come with it."""
    commit = _commit_name(version)
    checkpoints = [path.name for path in log.glob(f"{commit.removesuffix('.json')}.checkpoint*.parquet")]
    make_durable(log, [commit, *checkpoints, *(["_last_checkpoint"] if checkpoints else [])])


def _commit_name(version: int) -> str:
    return f"{version:020}.json"


def _files(delta: DeltaTable) -> pl.DataFrame:
    files = pl.DataFrame(delta.get_add_actions(flatten=True))
    if not files.height:
        return _no_files()
    return files.rename({"size_bytes": "size", "num_records": "rows", "partition.day": "day"})


def _no_files() -> pl.DataFrame:
    return pl.DataFrame(schema={"path": pl.String, "size": pl.Int64, "rows": pl.Int64, "day": pl.Date})


def _added(file: DataFile) -> AddAction:
    return AddAction(file.path, file.size, {"day": file.day}, int(time.time() * 1000), True, file.statistics)


def _format(folder: Path) -> int:
    """Format of the ledger in a folder. Raises LedgerError where there is none, or one that cannot be read here."""
    try:
        described = json.loads((folder / DESCRIPTION).read_text())
    except FileNotFoundError:
        raise LedgerError(f"{folder}: no ledger here; `darkscope ingest` makes one") from None
    except (OSError, ValueError) as error:
        raise LedgerError(f"{folder / DESCRIPTION}: {error}") from error
    version = described.get("format") if isinstance(described, dict) else None
    if not isinstance(version, int):
        raise LedgerError(f"{folder / DESCRIPTION}: says no format")
    if version > FORMAT:
        raise LedgerError(
            f"{folder}: written in format {version}, newer than this darkscope reads ({FORMAT}); "
            "upgrade darkscope"
        )
    return version


def _make(folder: Path, failed: str) -> None:
    """Make a ledger, or what one of an older format lacks: what is there stays as it is."""
    try:
        (folder / "plans").mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor() as pool:  # each waits for the disk
            list(pool.map(partial(_create, folder), TABLES))
        draft = folder / f".ledger-{time.time_ns():x}"
        draft.write_text(json.dumps({"format": FORMAT}) + "\n")
        make_durable(folder, [draft.name])
        draft.rename(folder / DESCRIPTION)
        make_durable(folder, ())
    except (OSError, DeltaError) as error:
        raise LedgerError(f"{folder}: {failed}: {error}") from error


def _create(folder: Path, table: Table) -> None:
    _define(folder, table, "ignore")
    _fit(folder, table)
    if (folder / table.name / "_delta_log" / _commit_name(0)).exists():  # of an old table it is cleaned away
        make_log_durable(folder / table.name / "_delta_log", 0)
        make_durable(folder, [table.name])


def _define(folder: Path, table: Table, mode: Literal["ignore", "overwrite"]) -> None:
    DeltaTable.create(
        folder / table.name,
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
    )


def _fit(folder: Path, table: Table) -> None:
    """Give a table of an older format the columns that came since; nothing had written to it.

    One that has other columns lets go of its rows: `unfinished` alone, of what was open in that moment.
    """
    for _ in range(ATTEMPTS):
        delta = DeltaTable(folder / table.name)
        there = {field.name for field in delta.schema().fields}
        if there - {"day", *table.schema}:
            with suppress(CommitFailedError):  # another process does the same
                _define(folder, table, "overwrite")
                make_log_durable(folder / table.name / "_delta_log", delta.version() + 1)
            continue
        lacking = [column for column in table.columns if column.name not in there]
        if not lacking:
            return
        # Delta adds no column that must have values, for rows that are there would have none.
        with suppress(CommitFailedError):  # another process does the same
            delta.alter.add_columns([Field(column.name, _DELTA_TYPES[column.type]) for column in lacking])
            make_log_durable(folder / table.name / "_delta_log", delta.version())


def _load(folder: Path, name: str, version: int | None = None) -> DeltaTable:
    try:
        return DeltaTable(folder / name, version=version)
    except TableNotFoundError as error:
        raise LedgerError(f"{folder / name}: the table is missing or its log is damaged: {error}") from error
    except (DeltaError, OSError) as error:
        raise LedgerError(f"{folder / name}: {error}") from error


def _number(delta: DeltaTable, name: str) -> int:
    return delta.transaction_version(name) or 0
