"""States of the ledger that lists were begun on, kept for their next pages.

A live ledger moves on every few seconds; a list that is read page by page is about one state of it. The ledger keeps
files that nothing names for a day; here a state is kept for an hour after its last page.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock

from darkscope.ingest.ledger.ledger import Snapshot

MOST = 32
"""States, at most: the longest unused goes first."""

LONGEST = timedelta(hours=1)


class Moved(Exception):
    """The state that a list was begun on is not there any more."""


class Kept:
    """Kept states by version. May be used by several threads."""

    def __init__(self) -> None:
        self._states: OrderedDict[int, tuple[Snapshot, datetime]] = OrderedDict()
        self._lock = Lock()

    def keep(self, snapshot: Snapshot, now: datetime) -> None:
        """Keep a state from now on."""
        with self._lock:
            self._states[snapshot.version] = snapshot, now
            self._states.move_to_end(snapshot.version)
            while len(self._states) > MOST:
                self._states.popitem(last=False)

    def find(self, version: int, now: datetime) -> Snapshot:
        """Give a state. Raises Moved."""
        with self._lock:
            for old in [one for one, (_, used) in self._states.items() if now - used > LONGEST]:
                del self._states[old]
            if version not in self._states:
                raise Moved
            return self._states[version][0]
