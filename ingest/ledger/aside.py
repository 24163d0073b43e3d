"""Damaged files that were met, and the days that wait for them; all other days go on.

A file is looked at again before anything else is done: whole again, or named by nobody any more, it holds up nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import date

from darkscope.ingest.ledger.errors import Damaged
from darkscope.ingest.ledger.ledger import Snapshot
from darkscope.ingest.series import Table

LOG = logging.getLogger("darkscope.ingest.ledger")


class Aside:
    """Damaged files, each told once. Used by one thread."""

    def __init__(self) -> None:
        self._files: dict[str, Damaged] = {}
        self._told: dict[str, Damaged] = {}

    def __bool__(self) -> bool:
        return bool(self._files)

    def __iter__(self) -> Iterator[Damaged]:
        """Go through them in the order of their days."""
        return iter(sorted(self._files.values(), key=lambda one: (one.day, one.place)))

    def put(self, found: Iterable[Damaged]) -> None:
        """Put files aside."""
        self._files |= {one.place: one for one in found}

    def take_up(self, snapshot: Snapshot) -> None:
        """Let go of those that are whole again, and of those that nothing names any more. Raises LedgerError."""
        self._files = {place: one for place, one in self._files.items() if not snapshot.is_mended(one)}

    def lines(self) -> Iterator[str]:
        """Name each file and what is not done for it, for people."""
        for one in self:
            yield f"{one}; {one.day} was passed over"

    def tell(self) -> None:
        """Log what was put aside or taken up since the last time."""
        for place, one in self._files.items():
            if place not in self._told:
                fields = {"reason": str(one), "day": one.day.isoformat()}
                LOG.error(
                    "a file of the ledger is damaged; upkeep passes over its day", extra={"fields": fields}
                )
        for place, one in self._told.items():
            if place not in self._files:
                fields = {"file": place, "day": one.day.isoformat()}
                LOG.info("a file of the ledger holds up no upkeep any more", extra={"fields": fields})
        self._told = dict(self._files)

    def days(self, tables: Iterable[Table]) -> frozenset[date]:
        """UTC days of which a file of these tables is damaged."""
        names = {table.name for table in tables}
        return frozenset(one.day for one in self._files.values() if one.table.name in names)

    def paths(self, table: Table) -> frozenset[str]:
        """Damaged files of a table."""
        return frozenset(one.path for one in self._files.values() if one.table.name == table.name)
