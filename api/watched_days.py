"""When sensors watched, kept day by day: a day whose files are those of the last reading is not read again.

Every question asks for it, of all of its period and the one before; of closed days it never changes, whatever the
ledger's version.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from datetime import date
from threading import Lock

import polars as pl

from darkscope.api.ledger_tables import Snapshot
from darkscope.ingest.series import COVERAGE
from darkscope.ingest.watched import joined

MOST_DAYS = 4000
"""Days that are kept, of any state of the ledger: eleven years, a few kilobytes each."""

Name = tuple[date, frozenset[str]]
"""A day, and its files."""

Read = Callable[[date, date], pl.DataFrame]
"""Reads `coverage` from a day to another, both included: `day`, and the columns of stretches."""


class WatchedDays:
    """Joined stretches of coverage by day. May be used by several threads."""

    def __init__(self, most: int = MOST_DAYS) -> None:
        self._most = most
        self._days: OrderedDict[Name, pl.DataFrame] = OrderedDict()
        self._lock = Lock()

    def stretches(self, snapshot: Snapshot, first: date, last: date, read: Read) -> pl.DataFrame:
        """Stretches of the days from first to last, both included, joined as far as a day goes; see `joined`."""
        paths: dict[date, set[str]] = defaultdict(set)
        files = snapshot.files(COVERAGE).select("day", "path").filter(pl.col("day").is_between(first, last))
        for day, path in files.iter_rows():
            paths[day].add(path)
        names = [(day, frozenset(paths[day])) for day in sorted(paths)]
        found = self._kept(names)
        missing = [name for name in names if name not in found]
        if missing:
            rows = joined(read(missing[0][0], missing[-1][0]))
            by_day = rows.partition_by("day", as_dict=True)
            read_now = {name: by_day.get((name[0],), rows.clear()) for name in missing}
            self._keep(read_now)
            found |= read_now
        return pl.concat([found[name] for name in names] or [joined(read(first, first))])

    def _kept(self, names: Iterable[Name]) -> dict[Name, pl.DataFrame]:
        with self._lock:
            found = {name: self._days[name] for name in names if name in self._days}
            for name in found:
                self._days.move_to_end(name)
            return found

    def _keep(self, days: dict[Name, pl.DataFrame]) -> None:
        with self._lock:
            self._days |= days
            while len(self._days) > self._most:
                self._days.popitem(last=False)
