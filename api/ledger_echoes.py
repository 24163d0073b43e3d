"""The ledger's answers about backscatter by its victims: polars queries over one snapshot's `echoes`."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial

import polars as pl

from darkscope.api.attacks import VICTIM
from darkscope.api.ledger_reader import Apart, Reader, Scan, Stream, Whole, as_it_is
from darkscope.api.ledger_tables import Piece, Snapshot, minutes_of, posted
from darkscope.api.store import Posting
from darkscope.ingest import series

AT_ONCE = 8_000_000
"""Rows among which victims are sought at a time: whole days, and one at least."""


class LedgerEchoes:
    """Echoes of one snapshot of the ledger."""

    def __init__(self, snapshot: Snapshot, reader: Reader | None = None) -> None:
        """A reader that has a deadline may raise TooLong."""
        self._snapshot = snapshot
        self._reader = reader or Whole(snapshot)

    def rows(
        self, first: date, last: date, sensors: frozenset[Posting] | None, victims: pl.DataFrame
    ) -> pl.DataFrame:
        """Give the echoes of some victims; see Echoes."""
        piece = _days(first, last)
        return self._reader.read([piece], partial(_of_victims, piece, sensors, victims), as_it_is)

    def victims(
        self, first: date, last: date, sensors: frozenset[Posting] | None, least: int
    ) -> pl.DataFrame:
        """Find the victims with so many packets on a day; see Echoes."""
        found: list[pl.DataFrame] = []
        for piece in self._pieces(first, last):
            echoes = Stream(partial(_of, piece, sensors), _summed)
            question = Apart((echoes,), pl.struct(VICTIM), partial(_many, least))
            found += self._reader.read_apart([piece], question)
        return pl.concat(found).unique()

    def until(self, since: date, sensors: frozenset[Posting] | None) -> int | None:
        """Tell up to when was watched; see Echoes."""
        last = max(self._snapshot.days(series.COVERAGE), default=since)
        piece = Piece(series.COVERAGE, minutes_of(since), minutes_of(max(since, last) + timedelta(days=1)))
        (found,) = self._reader.read([piece], partial(_end, piece, sensors), pl.LazyFrame.max).row(0)
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


def _of(piece: Piece, sensors: frozenset[Posting] | None, scan: Scan) -> pl.LazyFrame:
    rows = scan(piece)
    return rows if sensors is None else rows.filter(posted(sensors))


def _of_victims(
    piece: Piece, sensors: frozenset[Posting] | None, victims: pl.DataFrame, scan: Scan
) -> pl.LazyFrame:
    # First by half of the address: statistics of files skip by it.
    likely = _of(piece, sensors, scan).filter(
        pl.col("victim_low").is_in(victims["victim_low"].unique().to_list())
    )
    return likely.join(victims.lazy(), on=VICTIM, how="semi").select(*series.ECHOES.schema)


def _summed(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.group_by("day", *VICTIM).agg(pl.col("packets").sum())


def _many(least: int, rows: pl.LazyFrame) -> pl.LazyFrame:
    return _summed(rows).filter(pl.col("packets") >= least).select(*VICTIM).unique()


def _end(piece: Piece, sensors: frozenset[Posting] | None, scan: Scan) -> pl.LazyFrame:
    end = (pl.col("minute") + pl.col("minutes")).filter(pl.col("minutes") > 0).max()
    return _of(piece, sensors, scan).select(end)


def _days(first: date, last: date) -> Piece:
    return Piece(series.ECHOES, minutes_of(first), minutes_of(last + timedelta(days=1)))
