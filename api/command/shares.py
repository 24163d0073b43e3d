"""Large questions in shares: what hands them out, and what opens a share where a task runs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path

import polars as pl

from darkscope.api.deadline import Deadline
from darkscope.api.ledger_shares import Shares, by_files
from darkscope.api.ledger_tables import Snapshot
from darkscope.api.store import StoreError
from darkscope.ingest.engine.engine import Engine
from darkscope.ingest.ledger.ledger import Ledger, LedgerError


def in_shares(place: Path, engine: Engine, snapshot: Snapshot, deadline: Deadline | None) -> Shares:
    """Reads a snapshot of the ledger at a place in shares, each in a task of an engine."""
    return Shares(snapshot, deadline, engine=engine, cut=partial(by_files, partial(opened, place)))


def opened(place: Path, files: Mapping[str, pl.DataFrame]) -> Snapshot:
    """Some files of the ledger at a place. Raises StoreError."""
    try:
        return _ledger(place).snapshot_of(files)
    except LedgerError as error:
        raise StoreError(str(error)) from error


@cache
def _ledger(place: Path) -> Ledger:
    return Ledger(place)
