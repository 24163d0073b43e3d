"""Large questions in shares on Spark: what hands them out, and what opens a share where a task runs.

PySpark is loaded where a question is large enough for the first time, and the session stays.
"""

from __future__ import annotations

import importlib
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Lock

import polars as pl

from darkscope.api.deadline import Deadline
from darkscope.api.ledger_shares import Shares, by_files
from darkscope.api.ledger_tables import Snapshot
from darkscope.api.store import StoreError
from darkscope.ingest.engine.engine import Engine, EngineError, LostError, Result, Unit, never
from darkscope.ingest.engine.shuffle import Divided, shuffled
from darkscope.ingest.ledger.errors import LedgerError
from darkscope.ingest.ledger.ledger import Ledger, storage_of
from darkscope.ingest.settings import Settings


class InShares:
    """Makes what reads a snapshot of the settings' ledger in shares, each in a task of Spark. For several threads."""

    def __init__(self, settings: Settings, engine: Engine | None = None) -> None:
        """Spark is that of the settings where there is no engine."""
        self._engine = engine or Kept(settings)
        self._cut = partial(by_files, partial(opened, place_of(settings)))

    def __call__(self, snapshot: Snapshot, deadline: Deadline | None) -> Shares:
        """Read a snapshot for a question that may have a deadline."""
        return Shares(snapshot, deadline, engine=self._engine, cut=self._cut)


def place_of(settings: Settings) -> Settings:
    """What a task must know of the settings: where the ledger is, and how it is spoken to."""
    ledger = settings.ledger.absolute() if isinstance(settings.ledger, Path) else settings.ledger
    return Settings(ledger=ledger, storage=settings.storage)


def opened(place: Settings, files: Mapping[str, pl.DataFrame]) -> Snapshot:
    """Some files of the ledger at a place, which a process opens once. Raises StoreError."""
    name = str(place.ledger), repr(place.storage)
    try:
        if name not in _LEDGERS:
            _LEDGERS[name] = Ledger(storage_of(place))
        return _LEDGERS[name].snapshot_of(files)
    except LedgerError as error:
        raise StoreError(str(error)) from error


_LEDGERS: dict[tuple[str, str], Ledger] = {}


class Kept:
    """Spark as the settings say: a session that begins with the first work, and anew where it was lost."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.spark
        self._session = ExitStack()
        # A session that Python's own end finds open waits for ever.
        weakref.finalize(self, self._session.close)
        self._engine: Engine | None = None
        self._is_doubted = False
        self._lost: Engine | None = None
        self._lock = Lock()

    def map(
        self,
        function: Callable[[Unit], Result],
        units: Sequence[Unit],
        *,
        is_stopped: Callable[[], bool] = never,
    ) -> Iterator[tuple[Unit, Result]]:
        """See `Engine`."""
        yield from self._kept(lambda engine: engine.map(function, units, is_stopped=is_stopped), is_stopped)

    def shuffled(
        self,
        divided: Divided[Unit],
        units: Sequence[Unit],
        gathered: Callable[[int, Sequence[bytes]], Result],
        *,
        is_stopped: Callable[[], bool] = never,
    ) -> Iterator[Result]:
        """See `shuffle.shuffled`."""
        yield from self._kept(
            lambda engine: shuffled(engine, divided, units, gathered, is_stopped=is_stopped), is_stopped
        )

    def _kept(
        self, begun: Callable[[Engine], Iterator[Result]], is_stopped: Callable[[], bool]
    ) -> Iterator[Result]:
        """Results of work that is begun on the session, and once more on a new one where that was lost unheard.

        A server of Spark Connect gives up a session that was not used for an hour.
        """
        for may_try_again in (True, False):
            engine, is_heard = self._opened(), False
            try:
                for result in begun(engine):
                    is_heard = True
                    yield result
            except LostError:
                self._lost = engine
                if is_heard or not may_try_again or is_stopped():
                    raise
            except EngineError:
                self._is_doubted = True
                raise
            else:
                return

    def _opened(self) -> Engine:
        with self._lock:
            if self._engine is not None and (
                self._lost is self._engine or (self._is_doubted and not _is_there(self._engine))
            ):
                self._session.close()
                self._engine = None
            self._is_doubted = False
            if self._engine is None:
                spark = importlib.import_module("darkscope.ingest.engine.spark")
                session = spark.connected(self._settings.master, self._settings.conf)
                self._engine = self._session.enter_context(session)
            return self._engine


def _is_there(engine: Engine) -> bool:
    try:
        return [result for _, result in engine.map(len, ["x"])] == [1]
    except EngineError:
        return False
