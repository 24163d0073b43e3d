"""How rows of the ledger's tables are read for a question: all at once, here.

Or in shares of the files, each somewhere else (`ledger_shares.py`). So a question says what it does with rows of
pieces, which it may get to see a share at a time, how answers about shares become one, and what is left to do then.
Whoever reads decides where that happens; the answer is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import polars as pl

from darkscope.api.deadline import Deadline
from darkscope.api.ledger_tables import Piece, Snapshot, collected, scan

SHARE = 4_000_000
"""Addresses up to which all are summed at once; of more a part at a time, so that memory does not grow with them."""

SAMPLE = 64
"""One address in so many is counted to know about how many there are."""

Scan = Callable[[Piece], pl.LazyFrame]
"""Gives the rows of a piece: all, or those of a share of the files."""

Rows = Callable[[Scan], pl.LazyFrame]
"""Makes something of rows. Can be pickled."""

Query = Callable[[pl.LazyFrame], pl.LazyFrame]


@dataclass(frozen=True, slots=True)
class Stream:
    """Rows of which a question needs all that one address has."""

    rows: Rows
    condensed: (
        Query  # to fewer rows, of which the question makes the same; also of condensed ones; can be pickled
    )
    is_read: bool = True  # False: rows that are there already, and in no file


@dataclass(frozen=True, slots=True)
class Apart:
    """A question that can be asked about some of the addresses at a time. Can be pickled."""

    streams: tuple[Stream, ...]
    by: pl.Expr  # what an address is told apart by, of each stream's rows
    asked: Callable[..., pl.LazyFrame]  # of the rows of each stream
    told: Callable[[pl.DataFrame], pl.DataFrame] | None = None  # what is left of that answer
    counted: pl.Expr | None = (
        None  # what there may be very many of in the first stream: then a part at a time
    )


class Reader(Protocol):
    """Reads one snapshot for one question at a time. Raises StoreError."""

    @property
    def is_bounded(self) -> bool:
        """Whether what a question may need at a time is the memory of one process that others use too."""

    def read(
        self, pieces: Sequence[Piece], rows: Rows, merged: Query, /, finished: Query | None = None
    ) -> pl.DataFrame:
        """Answer a question. `merged` makes one answer of those about shares, `finished` does what is left to do."""

    def read_apart(self, pieces: Sequence[Piece], question: Apart) -> Iterator[pl.DataFrame]:
        """Answer a question about some addresses at a time, in no order; once at least."""


MakeReader = Callable[[Snapshot, Deadline | None], Reader]


class Whole:
    """Reads all at once, here."""

    def __init__(self, snapshot: Snapshot, deadline: Deadline | None = None) -> None:
        """With a deadline every question may raise TooLong."""
        self._snapshot = snapshot
        self._deadline = deadline

    @property
    def is_bounded(self) -> bool:
        """Where there is a deadline there are many askers."""
        return self._deadline is not None

    def read(
        self, pieces: Sequence[Piece], rows: Rows, _: Query, /, finished: Query | None = None
    ) -> pl.DataFrame:
        """Answer a question; see Reader. There is one share."""
        found = rows(self._scan)
        return self._collected(found if finished is None else finished(found), pieces)

    def read_apart(self, pieces: Sequence[Piece], question: Apart) -> Iterator[pl.DataFrame]:
        """Answer a question about some addresses at a time; see Reader."""
        streams = [stream.rows(self._scan) for stream in question.streams]
        parts = 1 if question.counted is None else self._parts(streams[0], pieces, question.counted)
        for part in range(parts):
            some = [
                rows if parts == 1 else rows.filter(question.by.hash() % parts == part) for rows in streams
            ]
            answer = self._collected(question.asked(*some), pieces)
            yield answer if question.told is None else question.told(answer)

    def _parts(self, rows: pl.LazyFrame, pieces: Sequence[Piece], address: pl.Expr) -> int:
        """Into how many parts addresses are divided, so that each is small enough."""
        sampled = address.filter(address % SAMPLE == 0).n_unique()
        addresses = SAMPLE * int(self._collected(rows.select(sampled), pieces).item())
        return max(1, -(-addresses // SHARE))

    def _scan(self, piece: Piece) -> pl.LazyFrame:
        return scan(self._snapshot, piece, self._deadline)

    def _collected(self, rows: pl.LazyFrame, pieces: Sequence[Piece]) -> pl.DataFrame:
        return collected(self._snapshot, rows, pieces, self._deadline)


def as_it_is(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Rows of shares are those of all."""
    return rows


def distinct(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Rows of shares, each once."""
    return rows.unique()


def summed(*keys: str) -> Query:
    """Sums of shares by keys add up."""
    return partial(_summed, keys)


def _summed(keys: Sequence[str], rows: pl.LazyFrame) -> pl.LazyFrame:
    if not keys:
        return rows.sum()
    return rows.group_by(*keys).agg(pl.all().sum())
