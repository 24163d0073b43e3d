"""How long a question may be computed.

polars cannot be told to stop: a query in the background that is cancelled goes on with all processors. So each piece
of rows that is read is shown to a function that raises once time is up, and that ends the query at once. What is
computed after the last row was read (the rest of sorting and grouping) is not ended: it is bounded by what was read.
Showing costs a third of the time where files are small, so a question's first few million rows are not shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import polars as pl

from darkscope.api.store import StoreError

UNWATCHED = 3_000_000
"""Rows of a question that are read without looking at the time: they take less than a second."""


class TooLong(StoreError):
    """The question was given up; the message says after how long."""


class Deadline:
    """The time of one question: it begins with the first rows that are asked for. May be used by several threads."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._end: float | None = None
        self._rows = 0

    @property
    def left(self) -> float:
        """Seconds that are left; less than 0 where time is up."""
        now = self._clock()
        if self._end is None:
            self._end = now + self._seconds
        return self._end - now

    def check(self) -> None:
        """Raise TooLong where time is up."""
        if self.left < 0:
            raise TooLong(f"given up after {self._seconds:g} s")

    def watched(self, rows: pl.LazyFrame, count: int) -> pl.LazyFrame:
        """The same rows, about so many; a query over them ends with TooLong where time is up.

        Not while all that were asked for are few.
        """
        self.check()
        self._rows += count
        if self._rows <= UNWATCHED:
            return rows

        def passed_on(piece: pl.DataFrame) -> pl.DataFrame:
            self.check()
            return piece

        return rows.map_batches(
            passed_on,
            predicate_pushdown=True,
            projection_pushdown=True,
            slice_pushdown=True,
            validate_output_schema=False,
            streamable=True,
        )
