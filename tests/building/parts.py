"""Stores that read in shares, in this process: every question is asked of a few rows at a time."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import polars as pl
from memory_ledger import MemorySnapshot

from darkscope.api.command.shares import opened
from darkscope.api.deadline import Deadline
from darkscope.api.ledger_reader import MakeReader, Reader, Whole
from darkscope.api.ledger_shares import Share, Shares, by_files
from darkscope.api.ledger_tables import Piece, Snapshot
from darkscope.ingest.engine.engine import Engine, Result, Unit, never
from darkscope.ingest.ledger.ledger import Ledger
from darkscope.ingest.ledger.ledger import Snapshot as Some
from darkscope.ingest.ledger.storage import Folder
from darkscope.ingest.settings import Settings

COUNT = 3


class Elsewhere:
    """An engine that does as if it were: everything goes there and back by pickle, and the last is done first."""

    def map(
        self,
        function: Callable[[Unit], Result],
        units: Sequence[Unit],
        *,
        is_stopped: Callable[[], bool] = never,
    ) -> Iterator[tuple[Unit, Result]]:
        """See `Engine`."""
        for unit in reversed(units):
            if is_stopped():
                return
            do, sent = pickle.loads(pickle.dumps((function, unit)))
            yield unit, pickle.loads(pickle.dumps(do(sent)))


def by_rows(snapshot: Snapshot, deadline: Deadline | None = None) -> Reader:
    """Reads a ledger in memory in shares of every COUNTth row, one on a disk file by file, and others at once."""
    if isinstance(snapshot, Some):
        return of_files(snapshot._ledger, 1)(snapshot, deadline)
    if not isinstance(snapshot, MemorySnapshot):
        return Whole(snapshot, deadline)
    return Shares(snapshot, deadline, engine=Elsewhere(), cut=partial(_cut, COUNT), least=-1, part=2)


def _cut(count: int, snapshot: Snapshot, pieces: Sequence[Piece], _: int) -> list[Share]:
    if not pieces:
        return []
    assert isinstance(snapshot, MemorySnapshot)
    return [
        Share(number, count, partial(_every, snapshot, number, count), {}) for number in range(1, count + 1)
    ]


def _every(
    snapshot: MemorySnapshot, number: int, count: int, _: Mapping[str, pl.DataFrame]
) -> MemorySnapshot:
    def some(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.filter(pl.int_range(pl.len()) % count == number - 1)

    return replace(
        snapshot,
        flows=some(snapshot.flows),
        coverage=some(snapshot.coverage),
        sources=some(snapshot.sources),
        requests=some(snapshot.requests),
    )


def of_files(ledger: Ledger, most: int, engine: Engine | None = None) -> MakeReader:
    """Reads a ledger on the disk in shares of so many rows, or of a file that has more."""

    def reader(snapshot: Snapshot, deadline: Deadline | None) -> Shares:
        assert isinstance(ledger.storage, Folder)
        cut = partial(by_files, partial(opened, Settings(ledger=ledger.storage.path)))
        return Shares(
            snapshot, deadline, engine=engine or Elsewhere(), cut=cut, least=-1, at_most=most, part=most
        )

    return reader
