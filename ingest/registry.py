"""The registry: small state that is no observation, in one SQLite file in a folder: the ledger's own, or another.

Rooms keep tables of their own in it; what one process says of itself, others read here. A change is there whole or
not at all, whatever is killed when. Nothing here is needed to read the ledger.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = "registry.sqlite"

PROJECTION = "projection"
"""The room of the projector's state."""

PATIENCE = 30.0
"""Seconds that a change waits for another process to end its own."""

_NOT_WRITABLE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
"""What SQLite says of a folder in which it may not make the files that reading needs."""

_STATES = "CREATE TABLE IF NOT EXISTS states (room TEXT PRIMARY KEY, at REAL NOT NULL, state TEXT NOT NULL)"


class RegistryError(Exception):
    """The registry cannot be opened, read or written; the message names the file."""


@dataclass(frozen=True, slots=True)
class State:
    """What a process said last of itself."""

    at: float  # seconds since 1970
    values: dict[str, Any]


class Registry:
    """The registry in one folder. To be used by one thread; other processes may use the file as well."""

    def __init__(self, folder: Path, *tables: str) -> None:
        """Open it, made where there is none. `tables` are the CREATE statements of who opens it.

        Raises RegistryError.
        """
        self.path = folder / FILE
        with self._named():
            self._database = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)
            try:
                self._database.execute("PRAGMA journal_mode = WAL")
                # a power cut may take the last changes, whole ones
                self._database.execute("PRAGMA synchronous = NORMAL")
                for table in (_STATES, *tables):
                    self._database.execute(table)
            except sqlite3.Error:
                self._database.close()
                raise

    def rows(self, question: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask. Raises RegistryError."""
        with self._named():
            return self._database.execute(question, values).fetchall()

    @contextmanager
    def change(self) -> Iterator[sqlite3.Cursor]:
        """Make several changes as one. Raises RegistryError."""
        with self._named():
            cursor = self._database.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")

    def say(self, room: str, **values: object) -> None:
        """Say how a room is, in numbers and short texts, for whoever asks. Raises RegistryError."""
        with self.change() as cursor:
            cursor.execute(
                "INSERT OR REPLACE INTO states VALUES (?, ?, ?)", (room, time.time(), json.dumps(values))
            )

    def said(self, room: str) -> State | None:
        """What a room said last of itself. Raises RegistryError."""
        for at, state in self.rows("SELECT at, state FROM states WHERE room = ?", room):
            return State(at, json.loads(state))
        return None

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise RegistryError(f"{self.path}: {error}") from error


def heard(folder: Path, room: str) -> State | None:
    """What a room said last, for who only reads. None where nobody has said anything. Raises RegistryError."""
    for at, state in read(folder, "states", "SELECT at, state FROM states WHERE room = ?", room):
        return State(at, json.loads(state))
    return None


def back_up(folder: Path, to: Path) -> None:
    """Copy the registry into another folder, as of one moment; nothing where there is none.

    Raises RegistryError.
    """
    path = folder / FILE
    if not path.exists():
        return
    try:
        (to / FILE).touch(mode=path.stat().st_mode & 0o777)
        with (
            closing(sqlite3.connect(path, timeout=PATIENCE)) as source,
            closing(sqlite3.connect(to / FILE)) as target,
        ):
            source.backup(target)
    except (sqlite3.Error, OSError) as error:
        raise RegistryError(f"{path}: {error}") from error


def read(folder: Path, table: str, question: str, *values: object) -> list[tuple[Any, ...]]:
    """Ask about a table, for who only reads: nothing is made, and the folder may be read-only.

    No rows where there is no registry yet, or not that table. Raises RegistryError.
    """
    path = folder / FILE
    if not path.exists():
        return []
    # Where the folder is read-only, and nobody has the file open, SQLite reads it only as one that cannot change.
    for how in ("mode=ro", "immutable=1"):
        try:
            with closing(
                sqlite3.connect(f"{path.absolute().as_uri()}?{how}", timeout=1.0, uri=True)
            ) as database:
                # Whoever makes the file has not made the table yet, for a moment.
                is_there = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
                if not database.execute(is_there, (table,)).fetchall():
                    return []
                return database.execute(question, values).fetchall()
        except sqlite3.Error as error:
            trouble = error
            if error.sqlite_errorcode & 0xFF not in _NOT_WRITABLE:
                break  # someone changes it, or it is damaged: what it held before is no answer
    raise RegistryError(f"{path}: {trouble}") from trouble
