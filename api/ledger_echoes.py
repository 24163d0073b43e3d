"""The ledger's answers about backscatter by its victims: polars queries over one snapshot's `echoes`."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from darkscope.api.attacks import VICTIM
from darkscope.api.deadline import Deadline
from darkscope.api.ledger_tables import Piece, Snapshot, collected, minutes_of, posted, scan
from darkscope.api.store import Posting
from darkscope.ingest import series

AT_ONCE = 8_000_000
"""Rows among which victims are sought at a time: whole days, and one at least."""


class LedgerEchoes:
    """Echoes of one snapshot of the ledger."""

    def __init__(self, snapshot: Snapshot, deadline: Deadline | None = None) -> None:
        """With a deadline, any question may raise TooLong."""
        self._snapshot = snapshot
        self._deadline = deadline

    def rows(
        self, first: date, last: date, sensors: frozenset[Posting] | None, victims: pl.DataFrame
    ) -> pl.DataFrame:
        """Give the echoes of some victims; see Echoes."""
        piece = _days(first, last)
        rows = self._of(piece, sensors)
        # First by half of the address: statistics of files skip by it.
        likely = rows.filter(pl.col("victim_low").is_in(victims["victim_low"].unique().to_list()))
        wanted = likely.join(victims.lazy(), on=VICTIM, how="semi").select(*series.ECHOES.schema)
        return self._collected(wanted, piece)

    def victims(
        self, first: date, last: date, sensors: frozenset[Posting] | None, least: int
    ) -> pl.DataFrame:
        """Find the victims with so many packets on a day; see Echoes."""
        found = []
        for piece in self._pieces(first, last):
            sums = self._of(piece, sensors).group_by("day", *VICTIM).agg(pl.col("packets").sum())
            many = sums.filter(pl.col("packets") >= least).select(*VICTIM).unique()
            found.append(self._collected(many, piece))
        return pl.concat(found).unique()

    def until(self, since: date, sensors: frozenset[Posting] | None) -> int | None:
        """Tell up to when was watched; see Echoes."""
        last = max(self._snapshot.days(series.COVERAGE), default=since)
        piece = Piece(series.COVERAGE, minutes_of(since), minutes_of(max(since, last) + timedelta(days=1)))
        rows = scan(self._snapshot, piece, self._deadline)
        if sensors is not None:
            rows = rows.filter(posted(sensors))
        end = (pl.col("minute") + pl.col("minutes")).filter(pl.col("minutes") > 0).max()
        (found,) = self._collected(rows.select(end), piece).row(0)
        return None if found is None else int(found)

    @property
    def since(self) -> date | None:
        """First UTC day that `echoes` has."""
        return min(self._snapshot.days(series.ECHOES), default=None)

    def _pieces(self, first: date, last: date) -> list[Piece]:
        """Cut days into pieces of not too many rows."""
        pieces = []
        begun, rows = first, 0
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            count = self._snapshot.rows(series.ECHOES, day, day)
            if rows and rows + count > AT_ONCE:
                pieces.append(_days(begun, day - timedelta(days=1)))
                begun, rows = day, 0
            rows += count
        return [*pieces, _days(begun, last)]

    def _of(self, piece: Piece, sensors: frozenset[Posting] | None) -> pl.LazyFrame:
        rows = scan(self._snapshot, piece, self._deadline)
        return rows if sensors is None else rows.filter(posted(sensors))

    def _collected(self, rows: pl.LazyFrame, piece: Piece) -> pl.DataFrame:
        return collected(self._snapshot, rows, [piece], self._deadline)


def _days(first: date, last: date) -> Piece:
    return Piece(series.ECHOES, minutes_of(first), minutes_of(last + timedelta(days=1)))
