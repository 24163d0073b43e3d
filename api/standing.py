"""Since which version of the ledger what is said of a period stands.

A live ledger moves on every few seconds, and most questions are about days that are over: a version that changed
none of the files behind an answer would answer the same, and so it is not asked again.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import date, timedelta
from threading import Lock

import numpy as np
import numpy.typing as npt
import polars as pl

from darkscope.api.ledger_tables import LONGEST_BRIDGE, Snapshot, day_of
from darkscope.api.periods import Window
from darkscope.ingest import series
from darkscope.ingest.rollups import month

BY_DAY = frozenset(
    {
        series.FLOWS,
        series.COVERAGE,
        series.SOURCES,
        series.CAPTURES,
        series.SEALS,
        series.REQUESTS,
        series.ECHOES,
        *series.ROLLUPS,
        *series.MONTH_ROLLUPS,
    }
)
"""Tables of which an answer takes the days of its period."""

UNASKED = frozenset({series.FORGOTTEN, series.HEARD, series.UNFINISHED, series.PROMOTIONS})
"""Tables that no answer is from. Any other must be unchanged as a whole."""

EARLIER = timedelta(days=92)
"""By which a trend may begin before its period: with a whole quarter."""

MOST_PERIODS = 10_000
"""Periods that are remembered, a few hundred bytes each."""

Marks = tuple[tuple[int, int], ...]
"""What files a period has, by table: how many, and the sum of their names' hashes."""


@dataclass(frozen=True, slots=True)
class _Files:
    """Files of one state of a table, by day: how many, and the sum of their names' hashes, before each."""

    files: pl.DataFrame
    days: npt.NDArray[np.datetime64]
    sums: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, files: pl.DataFrame) -> _Files:
        named = files.select("day", "path").sort("day")
        sums = np.cumsum(named["path"].hash().to_numpy(), dtype=np.uint64)  # may wrap around
        return cls(files, named["day"].to_numpy(), np.concatenate((np.zeros(1, np.uint64), sums)))

    def between(self, first: date, last: date) -> tuple[int, int]:
        """Mark the files of the days from first to last, both included."""
        low = int(np.searchsorted(self.days, np.datetime64(first)))
        high = int(np.searchsorted(self.days, np.datetime64(last), side="right"))
        return high - low, (int(self.sums[high]) - int(self.sums[low])) % (1 << 64)


class Standing:
    """Periods, and since when their files are what they are. May be used by several threads."""

    def __init__(self) -> None:
        self._tables: dict[str, _Files] = {}
        self._periods: OrderedDict[tuple[date, date], tuple[int, Marks, int]] = OrderedDict()
        self._lock = Lock()

    def since(self, snapshot: Snapshot, window: Window) -> int:
        """Give a version, this state's or an older one, whose answers about a window are those of this state."""
        start, end = window.minutes
        first, last = month(day_of(start) - EARLIER), day_of(end + LONGEST_BRIDGE)
        with self._lock:
            plan, marks, version = self._periods.get((first, last), (-1, (), 0))
            if plan != snapshot.plan:
                found = self._marks(snapshot, first, last)
                if found != marks:
                    version = snapshot.version
                self._periods[first, last] = snapshot.plan, found, version
            self._periods.move_to_end((first, last))
            while len(self._periods) > MOST_PERIODS:
                self._periods.popitem(last=False)
            return version

    def _marks(self, snapshot: Snapshot, first: date, last: date) -> Marks:
        # What a month's rollup has too much is taken off by the days after the period.
        end = month(last)
        if any(end in snapshot.days(table) for table in series.MONTH_ROLLUPS):
            last = end + timedelta(days=31)
        by_day = (self._files(snapshot, table).between(first, last) for table in BY_DAY)
        others = [table for table in series.TABLES if table not in BY_DAY | UNASKED]
        whole = (self._files(snapshot, table).between(date.min, date.max) for table in others)
        oldest = min(snapshot.days(series.SOURCES), default=date.max)  # lives say how far back evidence goes
        return (*by_day, *whole, (0, oldest.toordinal()))

    def _files(self, snapshot: Snapshot, table: series.Table) -> _Files:
        files = snapshot.files(table)
        known = self._tables.get(table.name)
        if known is None or known.files is not files:
            known = self._tables[table.name] = _Files.of(files)
        return known
