"""Plans: what one change does to all tables, decided once by one file.

Plan n+1 can be created once (storage decides who has its name), and only over a complete plan n.
Whoever finds a plan that is not complete completes it: every table commits it at most once, because the commit
carries the plan's number as a Delta application transaction. So a process killed at any instant leaves either
files that nothing names, or a plan that the next one finishes.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from darkscope.ingest.ledger.files import DataFile
from darkscope.ingest.ledger.storage import Storage

FOLDER = "plans"
"""Where they lie in the ledger."""

KEPT = 1000
"""Complete plans whose files are kept, for whoever goes on from an earlier state or asks what was done."""

DEAD = 86_400
"""Seconds after which nobody works on a draft any more."""


@dataclass(frozen=True, slots=True)
class Removal:
    """One file that a plan takes out of a table."""

    path: str
    day: str
    size: int


@dataclass(slots=True)
class Change:
    """What a plan does to one table."""

    add: list[DataFile] = field(default_factory=list)
    remove: list[Removal] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plan:
    """One numbered change to the ledger."""

    number: int
    version: int  # of the ledger once the plan is complete; upkeep does not move it
    worker: str
    kind: str  # ingest, upkeep, forget, expire
    changes: dict[str, Change]  # by table
    made: int = field(default_factory=lambda: time.time_ns() // 1_000_000, compare=False)  # ms since 1970

    def publish(self, storage: Storage) -> bool:
        """Make this the plan of its number; False where another was first."""
        body = {
            "id": uuid.uuid4().hex,  # tells it from another worker's that says the same
            "number": self.number,
            "version": self.version,
            "worker": self.worker,
            "kind": self.kind,
            "made": self.made,
            "changes": {
                name: {
                    "add": [file.as_json() for file in change.add],
                    "remove": [[file.path, file.day, file.size] for file in change.remove],
                }
                for name, change in self.changes.items()
            },
        }
        return storage.put_new(_name(self.number), json.dumps(body).encode())

    @classmethod
    def read(cls, storage: Storage, number: int) -> Plan | None:
        """The plan of a number, or None where nobody has made one."""
        try:
            body: dict[str, Any] = json.loads(storage.read(_name(number)))
        except FileNotFoundError:
            return None
        return cls(
            body["number"],
            body["version"],
            body["worker"],
            body["kind"],
            {
                name: Change(
                    [DataFile(**file) for file in change["add"]],
                    [Removal(*file) for file in change["remove"]],
                )
                for name, change in body["changes"].items()
            },
            body.get("made", 0),
        )


def withdraw(storage: Storage, number: int) -> None:
    """Take back a plan that was made over an outdated state: its number had been used up before."""
    storage.delete(_name(number))


def forget_plans(storage: Storage, below: int) -> None:
    """Delete the files of complete plans below a number."""
    for entry in storage.entries(FOLDER):
        if not _is_draft(entry.name) and entry.name < _name(below):
            storage.delete(entry.name)


def drop_drafts(storage: Storage, folder: str) -> None:
    """Delete the drafts of dead processes in a folder of plans or of commits."""
    for entry in storage.entries(folder):
        if _is_draft(entry.name) and entry.modified < time.time() - DEAD:
            storage.delete(entry.name)


def _is_draft(name: str) -> bool:
    return name.rpartition("/")[2].startswith(".")


def _name(number: int) -> str:
    return f"{FOLDER}/{number:020d}.json"
