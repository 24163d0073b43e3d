"""What was notified: which source was named to whom, for what, and when. Kept in the registry of a ledger.

A batch of notices is recorded before its folder gets its name, and a folder gets its name only if the batch is
recorded. So whatever is killed when: a source counts as named if, and only if, the folder that names it is there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from darkscope.api.address import Sender
from darkscope.ingest.registry import Registry, read

_BATCHES = """CREATE TABLE IF NOT EXISTS notice_batches (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, folder TEXT NOT NULL, is_there INTEGER NOT NULL)"""
_NAMED = """CREATE TABLE IF NOT EXISTS notified (
    recipient TEXT NOT NULL, kind TEXT NOT NULL, version INTEGER NOT NULL, source_high INTEGER NOT NULL,
    source_low INTEGER NOT NULL, at REAL NOT NULL, batch INTEGER NOT NULL,
    PRIMARY KEY (recipient, kind, version, source_high, source_low, batch)) WITHOUT ROWID"""

Named = tuple[str, str, Sender]
"""A recipient's id, what for, and the source."""


class Overtaken(Exception):
    """Others made notices in the meantime; nothing was recorded."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch whose folder has no name yet, as far as is known."""

    number: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Known:
    """What was named so far."""

    latest: int  # number of the newest batch; 0 where there is none
    named: frozenset[Named]  # not longer ago than a time


def known(ledger: Path, since: float) -> Known:
    """Read what was named since a time (seconds since 1970). Writes nothing. Raises RegistryError."""
    latest = read(ledger, "notice_batches", "SELECT coalesce(max(number), 0) FROM notice_batches")
    rows = read(
        ledger,
        "notified",
        "SELECT recipient, kind, version, source_high, source_low FROM notified WHERE at > ?",
        since,
    )
    return Known(
        latest[0][0] if latest else 0,
        frozenset((recipient, kind, (version, high, low)) for recipient, kind, version, high, low in rows),
    )


class Record:
    """The record of one ledger, to be written."""

    def __init__(self, ledger: Path) -> None:
        """Open it. Raises RegistryError."""
        self._registry = Registry(ledger, _BATCHES, _NAMED)

    def begin(self, folder: Path, named: Iterable[Named], at: float, after: int) -> int:
        """Record a batch whose folder is written, and give its number: unless there is one newer than `after`.

        Raises Overtaken, RegistryError.
        """
        with self._registry.change() as cursor:
            (latest,) = cursor.execute("SELECT coalesce(max(number), 0) FROM notice_batches").fetchone()
            if latest != after:
                raise Overtaken("others made notices in the meantime: nothing was recorded, make them again")
            number = latest + 1
            cursor.execute("INSERT INTO notice_batches VALUES (?, ?, ?, 0)", (number, at, str(folder)))
            cursor.executemany(
                "INSERT INTO notified VALUES (?, ?, ?, ?, ?, ?, ?)",
                ((recipient, kind, *sender, at, number) for recipient, kind, sender in named),
            )
        return int(number)

    def end(self, number: int) -> None:
        """Note that the folder of a batch has its name. Raises RegistryError."""
        with self._registry.change() as cursor:
            cursor.execute("UPDATE notice_batches SET is_there = 1 WHERE number = ?", (number,))

    def withdraw(self, number: int) -> None:
        """Forget whom a batch named: its folder is gone. Raises RegistryError."""
        with self._registry.change() as cursor:
            cursor.execute("DELETE FROM notified WHERE batch = ?", (number,))
            cursor.execute("UPDATE notice_batches SET is_there = 1 WHERE number = ?", (number,))

    def pending(self) -> list[Batch]:
        """Batches whose folders may have no name yet. Raises RegistryError."""
        rows = self._registry.rows(
            "SELECT number, folder FROM notice_batches WHERE NOT is_there ORDER BY number"
        )
        return [Batch(number, Path(folder)) for number, folder in rows]

    def close(self) -> None:
        """Close it."""
        self._registry.close()
