"""Plans: what one change does to all tables, decided once by one file.

Plan n+1 can be created once (a hard link that fails where the name exists), and only over a complete plan n.
Whoever finds a plan that is not complete completes it: every table commits it at most once, because the commit
carries the plan's number as a Delta application transaction. So a process killed at any instant leaves either
files that nothing names, or a plan that the next one finishes.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from darkscope.ingest.ledger.files import DataFile, make_durable

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

    def publish(self, folder: Path) -> bool:
        """Make this the plan of its number; False where another was first."""
        body = {
            "number": self.number,
            "version": self.version,
            "worker": self.worker,
            "kind": self.kind,
            "changes": {
                name: {
                    "add": [file.as_json() for file in change.add],
                    "remove": [[file.path, file.day, file.size] for file in change.remove],
                }
                for name, change in self.changes.items()
            },
        }
        draft = folder / f".{uuid.uuid4().hex}"
        try:
            with draft.open("w") as file:
                json.dump(body, file)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, folder / _name(self.number))
            except FileExistsError:
                return False
            make_durable(folder, ())
            return True
        finally:
            with contextlib.suppress(OSError):
                draft.unlink()

    @classmethod
    def read(cls, folder: Path, number: int) -> Plan | None:
        """The plan of a number, or None where nobody has made one."""
        try:
            body: dict[str, Any] = json.loads((folder / _name(number)).read_text())
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
        )


def withdraw(folder: Path, number: int) -> None:
    """Take back a plan that was made over an outdated state: its number had been used up before."""
    with contextlib.suppress(FileNotFoundError):
        (folder / _name(number)).unlink()


def forget_plans(folder: Path, below: int) -> None:
    """Delete the files of complete plans below a number, and the drafts of dead processes."""
    for path in folder.iterdir():
        is_draft = path.name.startswith(".")
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - DEAD if is_draft else path.name < _name(below):
                path.unlink()


def _name(number: int) -> str:
    return f"{number:020d}.json"
