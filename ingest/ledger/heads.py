"""Newest commits of the tables: one that was seen is gone on from, whatever a table's log holds.

Plans commit to tables, each once and in order, and beside them only what makes or migrates a table: behind a commit
that was the newest there is the next or nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from darkscope.ingest.ledger import commits
from darkscope.ingest.ledger.errors import LedgerError, told
from darkscope.ingest.ledger.plan import Change, Plan
from darkscope.ingest.ledger.storage import LOG, Storage, commit_name
from darkscope.ingest.series import COVERAGE, TABLES, Table

ATTEMPTS = 50
"""Times that a commit is tried, which all that try it want alike."""


@dataclass(frozen=True, slots=True)
class Head:
    """A table's newest commit, and what it says: plan, and the ledger's version by it."""

    commit: int
    plan: int
    version: int
    upto: int  # a plan, this one or a later one, that has no commit behind it


class Heads:
    """What one process has seen of all tables. May be used by several threads."""

    def __init__(self, storage: Storage, search: Callable[[Table], Head]) -> None:
        """`search` finds a table's newest commit by its log."""
        self._storage = storage
        self._search = search
        self._heads: dict[str, Head] = {}

    def seen(self, table: Table) -> Head | None:
        """A table's newest commit when it was looked at last."""
        return self._heads.get(table.name)

    def newest(self, table: Table) -> Head:
        """Look for a table's newest commit. Raises LedgerError."""
        seen = self.seen(table)
        with told(self._storage, table.name):
            commit = self._storage.newest(table.name, 0 if seen is None else seen.commit)
        if seen is not None and commit == seen.commit:
            return seen
        said = None if commit is None else self.numbers(table, commit)
        found = self._search(table) if commit is None or said is None else Head(commit, *said, said[0])
        self._heads[table.name] = found
        return found

    def follow(self, plan: Plan) -> None:
        """Take note of a complete plan: it has one commit in each table that it changes."""
        for table in TABLES:
            head = self.seen(table)
            if head is None or head.upto != plan.number - 1:
                continue
            if table is COVERAGE or table.name in plan.changes:
                head = Head(head.commit + 1, plan.number, plan.version, plan.number)
            self._heads[table.name] = replace(head, upto=plan.number)

    def put(self, plan: Plan, table: Table, change: Change) -> None:
        """Commit a table's part of a plan, once: by a put that fails where another was first. Raises LedgerError."""
        data = commits.commit(plan, change)
        head = self.seen(table)
        if head is None or head.upto != plan.number - 1:
            head = self.newest(table)
        for _ in range(ATTEMPTS):
            if head.plan >= plan.number:
                return
            with told(self._storage, table.name):
                is_first = self._storage.put_new(_place(table, head.commit + 1), data)
            if is_first:
                self._heads[table.name] = Head(head.commit + 1, plan.number, plan.version, plan.number)
                return
            head = self.newest(table)  # another process is completing the same plan
        raise LedgerError(f"{self._storage.place(table.name)}: plan {plan.number} could not be committed")

    def numbers(self, table: Table, commit: int) -> tuple[int, int] | None:
        """Plan and version that a commit says; None where it is not there, or says none."""
        if not commit:
            return 0, 0  # the table was made
        seen = self.seen(table)
        if seen is not None and seen.commit == commit:
            return seen.plan, seen.version
        with told(self._storage, table.name), suppress(FileNotFoundError):
            return commits.numbers(self._storage.read(_place(table, commit)))
        return None

    def before(self, table: Table, commit: int, plan: int) -> int:
        """The newest commit before one that is newer than a plan."""
        older, step = commit - 1, 1
        while older > 0 and self._is_newer(table, older, plan):
            commit, step = older, 2 * step
            older = max(0, commit - step)
        while commit - older > 1:
            between = (older + commit) // 2
            older, commit = (older, between) if self._is_newer(table, between, plan) else (between, commit)
        return older

    def _is_newer(self, table: Table, commit: int, plan: int) -> bool:
        """Whether a commit left more than a plan had: one that says none what the one before it left.

        One that was cleaned away is older than all that anybody reads.
        """
        said = self.numbers(table, commit)
        while said is None and self._storage.exists(_place(table, commit)):
            commit -= 1
            said = self.numbers(table, commit)
        return said is not None and said[0] > plan

    def clear(self) -> None:
        """Look at all afresh."""
        self._heads.clear()


def _place(table: Table, commit: int) -> str:
    return f"{table.name}/{LOG}/{commit_name(commit)}"
