"""The ledger as the endpoints see it: opened once it is there, and never written.

Each question gets a snapshot of its own, so that an answer is about one state, whatever is ingested meanwhile. Or
questions go to a remote store, and then the ledger need not be there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from hashlib import blake2s
from importlib.metadata import version
from pathlib import Path

import polars as pl

from darkscope.api.ask import Observer
from darkscope.api.calendars import Calendars
from darkscope.api.deadline import Deadline
from darkscope.api.http.gauge import Gauge, Reading
from darkscope.api.http.kept import Kept
from darkscope.api.http.remembered import Remembered
from darkscope.api.http.turns import Turns
from darkscope.api.keys import Asker
from darkscope.api.labels import labels
from darkscope.api.ledger_reader import MakeReader
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.names import Names, NamesError, files
from darkscope.api.periods import Period
from darkscope.api.requests.rules import Rules, RulesError, listed
from darkscope.api.selection import known, organisations
from darkscope.api.standing import Standing
from darkscope.api.store import NO_SENDERS, NotHeldError, RemoteStore, Store
from darkscope.api.watched_days import WatchedDays
from darkscope.ingest.ledger.errors import LedgerError
from darkscope.ingest.ledger.ledger import Ledger, Snapshot, storage_of
from darkscope.ingest.registry import PROJECTION, State, heard
from darkscope.ingest.settings import Settings

LOG = logging.getLogger("darkscope.api.http")

Remote = Callable[[datetime, Deadline | None], RemoteStore]
"""Opens a store behind a server, at a time, for a question that has a deadline. Raises StoreError."""


class Source:
    """Where answers come from. May be used by several threads."""

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], datetime],
        remote: Remote | None = None,
        reader: MakeReader | None = None,
    ) -> None:
        """`clock` gives the present time, UTC.

        Questions go to a remote store where there is one; else the ledger is read here, or as a reader does.
        """
        self.settings = settings
        self._remote = remote
        self._reader = reader
        self.now = clock
        self._known = known(settings.sensors)
        self._organisations = organisations(self._known)
        self._labels = labels(self._known)
        self._calendars = Calendars(settings.holidays)
        self._gauge = Gauge()
        self.remembered = Remembered()
        self.turns = Turns()
        self._kept = Kept()
        self._watched = WatchedDays()
        self._standing = Standing()
        self._names = Names.none()
        self._read: tuple[tuple[int, int] | None, ...] | None = None  # what the files of names were like
        self._rules = Rules.none()
        self._rules_read: tuple[object, ...] | None = None  # what the folder of rules was like
        self._ledger: Ledger | None = None
        described = (
            *(version("darkscope"), settings.sensors, settings.time_zone, settings.holidays),
            *(settings.notices, settings.contacts, settings.geo.owner, settings.api.public_least),
        )
        self._digest = blake2s(repr(described).encode(), digest_size=8).hexdigest()

    @property
    def digest(self) -> str:
        """Of all but the ledger that answers depend on: the program, settings, names, rules."""
        return self._digest + self.names.digest + self.rules().digest

    @property
    def names(self) -> Names:
        """What the files of names say; read again where one changed, and left as it was where that one is broken."""
        marks = tuple(_mark(file) for file in files(self.settings))
        if marks != self._read:
            try:
                self._names = Names.read(self.settings)
            except NamesError as error:
                LOG.warning("names", extra={"fields": {"reason": str(error)}})
            self._read = marks
        return self._names

    def rules(self) -> Rules:
        """Rules of vulnerabilities; read again where a file changed, and left as they were where one is broken."""
        folder = self.settings.vulnerabilities
        found = () if folder is None else (folder, *listed(folder))
        marks = tuple((file, _mark(file)) for file in found)
        if marks != self._rules_read:
            try:
                self._rules = Rules.read(folder)
            except RulesError as error:
                LOG.warning("rules", extra={"fields": {"reason": str(error)}})
            self._rules_read = marks
        return self._rules

    @property
    def ledger(self) -> Ledger:
        """The ledger. Raises LedgerError while there is none."""
        if self._ledger is None:
            self._ledger = Ledger(storage_of(self.settings))
        return self._ledger

    def snapshot(self) -> Snapshot:
        """The ledger's newest state. Raises LedgerError."""
        return self.ledger.snapshot()

    def state(self, version: int | None, lacking: str = NO_SENDERS) -> Snapshot:
        """The newest state, or the one that a list was begun on; `lacking` is what a remote store has not.

        Raises LedgerError, NotHeldError, Moved.
        """
        if not self.is_settled:
            raise NotHeldError(lacking)
        newest = self.snapshot()
        if version is None or version == newest.version:
            return newest
        return self._kept.find(version, self.now())

    def keep(self, snapshot: Snapshot) -> None:
        """Keep a state for the next page of a list."""
        self._kept.keep(snapshot, self.now())

    def reading(self) -> Reading:
        """The ledger's newest state in numbers. Raises LedgerError, StoreError."""
        return self._gauge.read(self.snapshot(), self.now())

    def projection(self) -> State | None:
        """What the projector said last; None where none has run. Raises RegistryError."""
        return heard(self.settings.state_folder, PROJECTION)

    def remote(self) -> RemoteStore | None:
        """The remote store, for those who look after it; None where questions go to the ledger. Raises StoreError."""
        return self._remote and self._remote(self.now(), None)

    @property
    def is_settled(self) -> bool:
        """Whether answers about one version of the ledger are the same for good."""
        return self._remote is None

    def sensors_of(self, asker: Asker) -> set[str]:
        """Ids of the sensors that a key limited to organisations may see."""
        return set(self._sensors(asker.organisations or frozenset())["id"])

    def _sensors(self, organisations: frozenset[str]) -> pl.DataFrame:
        return self._known.filter(pl.col("organisation").is_in(sorted(organisations)))

    def observer(
        self, now: datetime, asker: Asker, state: Snapshot | None = None, period: Period | None = None
    ) -> Observer:
        """Whoever answers somebody about the newest state, or another: of the sensors that the asker may see.

        Where all that is asked is about a period, answers name the version since which they stand. Raises LedgerError,
        StoreError.
        """
        deadline = Deadline(self.settings.api.time_limit.total_seconds())
        store: Store
        if self._remote is None:
            state = state or self.snapshot()
            since = None if period is None else self._stands_since(state, period)
            store = LedgerStore(state, self._organisations, deadline, self._watched, since, self._reader)
        else:
            store = self._remote(now, deadline)
        if asker.organisations is None:
            return Observer(
                store,
                self._known,
                self._labels,
                now,
                names=self.names,
                calendars=self._calendars,
                rules=self.rules,
            )
        theirs = self._sensors(asker.organisations)
        return Observer(
            store,
            theirs,
            self._labels,
            now,
            sees_all=False,
            names=self.names,
            calendars=self._calendars,
            rules=self.rules,
        )

    def _stands_since(self, state: Snapshot, period: Period) -> int:
        try:
            return self._standing.since(state, period.both)
        except LedgerError:  # of a table that the question may not need
            return state.version


def _mark(file: Path) -> tuple[int, int] | None:
    """Tell a file from what it was before: by time and size; None where it is not there."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
