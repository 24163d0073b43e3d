"""The ledger: Delta tables in one place, changed by plans, read as consistent snapshots.

A snapshot is every table at its newest state that is not newer than the last complete plan, and a plan is
complete once `coverage` has it. Readers need no lock and never write.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import partial, reduce
from pathlib import Path
from threading import Lock

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from darkscope.ingest import far
from darkscope.ingest.ledger import plan as plans
from darkscope.ingest.ledger.commits import PLAN, VERSION
from darkscope.ingest.ledger.errors import Damaged, LedgerError, Overtaken, failed, insist, told
from darkscope.ingest.ledger.files import is_intact
from darkscope.ingest.ledger.heads import Head, Heads
from darkscope.ingest.ledger.listing import after, listed, none
from darkscope.ingest.ledger.making import CHECKPOINT, create
from darkscope.ingest.ledger.plan import Change, Plan, Removal, withdraw
from darkscope.ingest.ledger.storage import Folder, Storage
from darkscope.ingest.series import COVERAGE, FORMAT, TABLES, Table
from darkscope.ingest.settings import Settings

PATIENCE, ATTEMPTS = 600.0, 50
"""Seconds for which a change is tried again while others come first, and so often at least, before the ledger is called
broken."""

PAUSE, LONGEST = 0.1, 1.0
"""Seconds that who lost a race in far storage waits before it looks again, at most: twice as long each time."""

COURTESY = 0.3
"""Seconds after a commit in far storage for which who made it gives way to others, who first have to see it."""

BELIEVED = 60.0
"""Seconds for which what was seen of far storage is the newest unless the next is there: plans are kept for longer."""

FEW = 100
"""Plans that are read one by one rather than what they came to; far more are kept, so none of their numbers is used
again."""

AT_ONCE = 16
"""Plans, files or lists of tables that are asked for at once in far storage."""

EASE = 20
"""Times as long as a table's checkpoint took that the next one waits: it has all files, and they may be many."""

DESCRIPTION = "ledger.json"
"""Written last when a ledger is made: a folder that has it is one."""

CHANGED = "its bytes are not those that were written"


class Snapshot:
    """All tables as they were when the ledger had one version."""

    def __init__(
        self, ledger: Ledger, plan: int, version: int, files: Mapping[str, pl.DataFrame] | None = None
    ) -> None:
        self._ledger = ledger
        self._files = dict(files or {})
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

    @property
    def storage(self) -> Storage:
        """Where the ledger lies."""
        return self._ledger.storage

    def told(self, error: Exception) -> str:
        """What went wrong as rows of `scan` were computed, for people: without what nobody should see."""
        return self.storage.told(error)

    def damaged(self, table: Table, where: pl.Expr) -> list[Damaged]:
        """Those of some files that are missing, or whose bytes are not those that were written; each is read for it."""
        files = self.files(table).filter(where)
        storage = self.storage
        with ThreadPoolExecutor(AT_ONCE if storage.is_far else 1) as pool:
            wrongs = pool.map(partial(_wrong, storage, table), files["path"])
            return [
                Damaged(storage.place(f"{table.name}/{path}"), table, path, day, wrong)
                for path, day, wrong in zip(files["path"], files["day"], wrongs, strict=True)
                if wrong
            ]

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
        if where is not None:
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

    def added(self, table: Table, plans: Iterable[Plan]) -> pl.LazyFrame:
        """Rows that plans added to a table."""
        changes = (plan.changes.get(table.name, Change()) for plan in plans)
        return self._ledger.scan(table, {file.path: file.size for change in changes for file in change.add})

    def removals(self, table: Table, days: Iterable[date]) -> list[Removal]:
        """All files of some days, as a plan takes them out."""
        files = self.files(table).filter(pl.col("day").is_in(list(days)))
        return [
            Removal(path, day.isoformat(), size)
            for path, day, size in files.select("path", "day", "size").iter_rows()
        ]


def _wrong(storage: Storage, table: Table, path: str) -> str:
    """What is wrong with a file, empty where nothing is. Raises Away where far storage does not say."""
    name = f"{table.name}/{path}"
    try:
        return "" if is_intact(name, insist(storage, lambda: storage.near(name))) else CHANGED
    except OSError as error:
        if storage.is_far and not isinstance(error, FileNotFoundError):
            raise failed(storage, f"{storage.place(name)}: {storage.told(error)}") from error
        return error.strerror or str(error)


def storage_of(settings: Settings) -> Storage:
    """The storage of the settings' ledger. Raises LedgerError where it lacks a package, or credentials are no such."""
    if isinstance(settings.ledger, Path):
        return Folder(settings.ledger)
    bucket = far.room("ledger.bucket", settings.ledger, LedgerError)
    try:
        opened: Storage = bucket.Bucket(settings.ledger, settings.storage)
    except far.NoObjectStorageError as error:
        raise LedgerError(str(error)) from None
    return opened


def is_ledger(place: Path | Storage) -> bool:
    """Whether there is a ledger. Raises LedgerError where that cannot be told."""
    storage = _storage(place)
    try:
        return insist(storage, lambda: storage.exists(DESCRIPTION))
    except OSError as error:
        raise failed(storage, f"{error.filename or storage}: {error.strerror or error}") from error


def _storage(place: Path | Storage) -> Storage:
    return Folder(place) if isinstance(place, Path) else place


class _Moment:
    """When something was seen, by both clocks: one stands still while the machine sleeps, the other may be set."""

    def __init__(self) -> None:
        self._wall, self._steady = time.time(), time.monotonic()

    def age(self) -> float:
        """Seconds since then, as the clock has it that went further; infinite where one went back."""
        wall, steady = time.time() - self._wall, time.monotonic() - self._steady
        return max(wall, steady) if wall >= 0 else math.inf


@dataclass(frozen=True, slots=True)
class _State:
    """A complete plan, and the ledger's version by it."""

    plan: int
    version: int
    seen: _Moment


class Ledger:
    """One ledger. Cheap to open; holds no lock and no open file."""

    def __init__(self, place: Path | Storage) -> None:
        """`place`: a folder, or a storage. Raises LedgerError."""
        self.storage = _storage(place)
        self.lost = 0
        """Times that another change came first since the ledger was opened here; each cost one try."""
        self._won = -math.inf
        self._at: _State | None = None  # that was complete, in far storage
        self._heads = Heads(self.storage, partial(_searched, self.storage))
        self._plans: dict[int, Plan] = {}  # complete ones, of the last that were met
        self._lists = {table.name: _Listed() for table in TABLES}
        self._checked_in: dict[str, float] = {}  # until when a table gets no checkpoint from here, monotonic
        self._format = _format(self.storage)

    def __reduce__(self) -> tuple[type[Ledger], tuple[Storage]]:
        """Another process opens the same."""
        return Ledger, (self.storage,)

    @classmethod
    def open_or_create(cls, place: Path | Storage) -> Ledger:
        """The ledger of a place, made or migrated where need be. Killed meanwhile, it goes on where it was."""
        storage = _storage(place)
        if not is_ledger(storage):
            if lacks := storage.inspect():
                raise LedgerError(f"{storage}: {lacks[0]}")
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
            self._forget()

    def snapshot(self) -> Snapshot:
        """The ledger as it is now: the newest complete plan."""

        def look() -> Snapshot:
            known = self._believed()
            return known if known is not None and self._plan(known.plan + 1) is None else self._look()

        return insist(self.storage, look)

    def snapshot_of(self, files: Mapping[str, pl.DataFrame]) -> Snapshot:
        """Some files, by table (path, size, rows, day), as somebody found them; logs are not read for them."""
        return Snapshot(self, 0, 0, files)

    def files(self, table: Table, plan: int) -> pl.DataFrame:
        """Data files of a table as a plan left them, for `Snapshot`."""
        if table.since > self._format:
            self._format = _format(self.storage)  # another process may have migrated it
            if table.since > self._format:
                return none(table)
        return insist(self.storage, lambda: self._files_of(table, plan))

    def _files_of(self, table: Table, plan: int) -> pl.DataFrame:
        seen = self._lists[table.name]
        with seen.lock:  # who comes second finds what the first has read
            is_near = seen.files is not None and 0 <= plan - seen.plan <= FEW
            since = self.plans(seen.plan, plan) if is_near else None
            if seen.files is None or since is None:
                files = self._by_log(table, plan)
            else:
                files = reduce(lambda before, one: after(one, table, before), since, seen.files)
            if seen.plan < plan:
                seen.plan, seen.files = plan, files
            return files

    def _by_log(self, table: Table, plan: int) -> pl.DataFrame:
        with told(self.storage, table.name):
            head = self._heads.newest(table)
            commit = head.commit if head.plan <= plan else self._heads.before(table, head.commit, plan)
            return listed(table, _load(self.storage, table.name, commit))

    def finish(self) -> Snapshot:
        """Complete what a killed or a slower process left half done, and give the state after it."""
        return insist(self.storage, self._finish)

    def _finish(self) -> Snapshot:
        has_waited = not self.storage.is_far
        while True:
            known = self._believed()
            snapshot = known or self._look()
            plan = self._plan(snapshot.plan + 1)
            if plan is None:
                return snapshot
            if known is None and has_waited:
                self._apply(plan)
            elif known is None:  # whoever made it is about to complete it
                time.sleep(random.SystemRandom().uniform(PAUSE, 3 * PAUSE))
                has_waited = True
            self._at = None

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
        if self.storage.is_far and time.monotonic() - self._won < COURTESY:
            time.sleep(random.SystemRandom().uniform(0, COURTESY))
        lost, began = 0, time.monotonic()
        while lost < ATTEMPTS or time.monotonic() - began < PATIENCE:
            snapshot = self.finish()
            changes = build(snapshot)
            if changes is None:
                return snapshot
            plan = Plan(snapshot.plan + 1, snapshot.version + observes, worker, kind, changes)
            self._make_durable(changes)
            with told(self.storage, plans.FOLDER):
                is_first = plan.publish(self.storage)
            self._at = None
            if not is_first:
                longest = min(LONGEST, PAUSE * 2**lost) if self.storage.is_far else PAUSE
                lost, self.lost = lost + 1, self.lost + 1
                time.sleep(random.SystemRandom().uniform(0, longest))
                continue
            # Others may have completed it meanwhile; or its number was used up, and its file cleaned away long since.
            if insist(self.storage, self._look).plan >= plan.number + plans.KEPT:
                withdraw(self.storage, plan.number)
                continue
            done = insist(self.storage, partial(self._apply, plan))
            self._won = time.monotonic()
            return done
        raise LedgerError(f"{self.storage}: {lost} other changes came first; is a worker running wild?")

    def read_logs(self) -> Snapshot:
        """The state after `finish`, for whoever needs the files of all tables: they are listed side by side."""
        snapshot = self.finish()
        if self.storage.is_far:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(snapshot.files, TABLES))
        return snapshot

    def begin_with(self, plan: Plan) -> None:
        """Give an empty ledger the state of another, with that one's plan and version. Raises LedgerError."""
        self._apply(plan)

    def plans(self, after: int, upto: int) -> list[Plan] | None:
        """What was changed by the plans after one, up to another with it; None where their files were cleaned away."""
        numbers = range(after + 1, upto + 1)
        unknown = [number for number in numbers if number not in self._plans]
        if self.storage.is_far and len(unknown) > 1:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                read = list(pool.map(self._plan, unknown))
        else:
            read = [*map(self._plan, unknown)]
        met = self._plans | {plan.number: plan for plan in read if plan is not None}
        plans = [met[number] for number in numbers if number in met]
        self._note(plans)
        return plans if len(plans) == len(numbers) else None

    def plans_since(self, before: Snapshot, now: Snapshot) -> list[Plan] | None:
        """Plans that led from one state to another; None where they are many. Raises LedgerError."""
        if now.plan - before.plan > FEW:
            return None
        return insist(self.storage, partial(self.plans, before.plan, now.plan))

    def _note(self, plans: Iterable[Plan]) -> None:
        """Remember complete plans, one after the other."""
        for plan in plans:
            self._plans[plan.number] = plan
            self._heads.follow(plan)
        if len(self._plans) > 2 * FEW:
            self._plans = {number: self._plans[number] for number in sorted(self._plans)[-FEW:]}

    def _make_durable(self, changes: dict[str, Change]) -> None:
        """Have the files of a change on the disk before a plan names them. Raises LedgerError."""
        for name, change in changes.items():
            try:
                if change.add:
                    self.storage.keep(name, [file.path for file in change.add])
            except FileNotFoundError as error:  # it waited for more than a day, and was cleaned away
                raise Overtaken(f"{error.filename}: what was to be committed is gone; read again") from error
            except OSError as error:
                raise failed(
                    self.storage, f"{error.filename or self.storage.place(name)}: {error}"
                ) from error

    def scan(self, table: Table, sizes: Mapping[str, int]) -> pl.LazyFrame:
        """Rows of some of a table's data files (paths with their bytes), with their `day`. Raises LedgerError."""
        with told(self.storage, table.name):
            found = insist(self.storage, lambda: self.storage.files(table.name, sizes))
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

    def _look(self) -> Snapshot:
        """The newest complete plan, as `coverage` has it."""
        before, head = self._heads.seen(COVERAGE), self._heads.newest(COVERAGE)
        if before is not None and head.commit < before.commit:  # another ledger lies there now
            self._forget()
            head = self._heads.newest(COVERAGE)
        self._at = _State(head.plan, head.version, _Moment())
        return Snapshot(self, head.plan, head.version)

    def _forget(self) -> None:
        """Look at everything afresh."""
        self._heads.clear()
        self._plans = {}
        self._lists = {table.name: _Listed() for table in TABLES}

    def _believed(self) -> Snapshot | None:
        """The state that was seen last in far storage, as long as it is the newest if there is no next plan."""
        at = self._at
        if at is None or not self.storage.is_far or at.seen.age() > BELIEVED:
            return None
        return Snapshot(self, at.plan, at.version)

    def _plan(self, number: int) -> Plan | None:
        """The plan of a number, or None where nobody has made one. Raises LedgerError."""
        with told(self.storage, plans.FOLDER):
            return Plan.read(self.storage, number)

    def _apply(self, plan: Plan) -> Snapshot:
        """Complete a plan: `coverage` comes last. The state after it."""
        tables = [table for table in TABLES if table.name in plan.changes and table is not COVERAGE]
        if self.storage.is_far and tables:
            with ThreadPoolExecutor(len(tables)) as pool:
                list(pool.map(lambda table: self._commit(plan, table, plan.changes[table.name]), tables))
        else:
            for table in tables:
                self._commit(plan, table, plan.changes[table.name])
        self._commit(plan, COVERAGE, plan.changes.get(COVERAGE.name, Change()))
        self._note([plan])
        self._at = _State(plan.number, plan.version, _Moment())
        self._check_in((*tables, COVERAGE))
        return Snapshot(self, plan.number, plan.version)

    def _check_in(self, tables: Collection[Table]) -> None:
        """Write the checkpoints that are due, which spare readers a part of the log; without one nothing is lost."""
        for turn, table in enumerate(TABLES):  # each in its turn, so that no commit has to write many
            head = self._heads.seen(table)
            if table not in tables or head is None or (head.commit + turn) % CHECKPOINT:
                continue
            began = time.monotonic()
            if began < self._checked_in.get(table.name, -math.inf):
                continue
            with suppress(DeltaError, OSError, LedgerError):
                delta = _load(self.storage, table.name)
                delta.create_checkpoint()
                self.storage.keep_commit(table.name, delta.version())
            took = time.monotonic() - began
            self._checked_in[table.name] = began + took + EASE * took

    def _commit(self, plan: Plan, table: Table, change: Change) -> None:
        self._heads.put(plan, table, change)


class _Listed:
    """A table's files after the newest plan that they were listed for. Who holds the lock may change it."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.plan = -1
        self.files: pl.DataFrame | None = None


def _format(storage: Storage) -> int:
    """Format of the ledger of a place. Raises LedgerError where there is none, or one that cannot be read here."""
    try:
        described = json.loads(insist(storage, lambda: storage.read(DESCRIPTION)))
    except FileNotFoundError:
        raise LedgerError(f"{storage}: no ledger here; `darkscope ingest` makes one") from None
    except (OSError, ValueError) as error:
        raise failed(storage, f"{storage.place(DESCRIPTION)}: {storage.told(error)}") from error
    version = described.get("format") if isinstance(described, dict) else None
    if not isinstance(version, int):
        raise LedgerError(f"{storage.place(DESCRIPTION)}: says no format")
    if version > FORMAT:
        raise LedgerError(
            f"{storage}: written in format {version}, newer than this darkscope reads ({FORMAT}); "
            "upgrade darkscope"
        )
    return version


def _make(storage: Storage, why: str) -> None:
    """Make a ledger, or what one of an older format lacks: what is there stays as it is."""
    try:
        storage.prepare(plans.FOLDER)
        with ThreadPoolExecutor() as pool:  # each waits for the disk
            list(pool.map(lambda table: insist(storage, partial(create, storage, table)), TABLES))
        described = (json.dumps({"format": FORMAT}) + "\n").encode()
        insist(storage, lambda: storage.replace(DESCRIPTION, described))  # others may be making it as well
    except (OSError, DeltaError) as error:
        raise failed(storage, f"{storage}: {why}: {storage.told(error)}") from error


def _load(storage: Storage, name: str, version: int | None = None) -> DeltaTable:
    try:
        return DeltaTable(storage.table(name), version=version, storage_options=storage.options)
    except TableNotFoundError as error:
        raise LedgerError(
            f"{storage.place(name)}: the table is missing or its log is damaged: {storage.told(error)}"
        ) from error
    except (DeltaError, OSError) as error:
        raise failed(storage, f"{storage.place(name)}: {storage.told(error)}") from error


def _searched(storage: Storage, table: Table) -> Head:
    """A table's newest commit, by all of its log."""
    with told(storage, table.name):
        delta = _load(storage, table.name)
        plan, version = (delta.transaction_version(name) or 0 for name in (PLAN, VERSION))
        return Head(delta.version(), plan, version, plan)
