"""Open the store that the settings name: the one place where questions meet the ledger, Spark or InfluxDB.

What speaks to InfluxDB or Spark is loaded only where it is asked.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import datetime

from darkscope.api.deadline import Deadline
from darkscope.api.ledger_reader import MakeReader
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.selection import known, organisations
from darkscope.api.store import RemoteStore, Store
from darkscope.ingest.ledger.ledger import Ledger, storage_of
from darkscope.ingest.settings import Settings, StoreName


def opened(settings: Settings, now: datetime) -> Store:
    """The store as it is now. Raises LedgerError, StoreError."""
    remote = remote_of(settings)
    if remote is not None:
        return remote(now, None)
    snapshot = Ledger(storage_of(settings)).snapshot()
    return LedgerStore(snapshot, organisations(known(settings.sensors)), reader=reader_of(settings))


def remote_of(settings: Settings) -> Callable[[datetime, Deadline | None], RemoteStore] | None:
    """How the store behind a server is opened for a question; None where the ledger is asked.

    The connections stay open in between. Opening raises StoreError.
    """
    if settings.api.store is not StoreName.INFLUXDB:
        return None
    remote = importlib.import_module("darkscope.api.command.remote")
    opener: Callable[[datetime, Deadline | None], RemoteStore] = remote.Opener(settings)
    return opener


def reader_of(settings: Settings) -> MakeReader | None:
    """What reads the ledger for a question somewhere else than here; None where all is read here.

    Its session of Spark stays open in between.
    """
    if settings.api.store is not StoreName.SPARK:
        return None
    shares = importlib.import_module("darkscope.api.command.shares")
    reader: MakeReader = shares.InShares(settings)
    return reader
