"""Upkeep beside a daemon: in a thread of its own, so that packets stay visible within seconds."""

from __future__ import annotations

import logging
import random
import time
from datetime import UTC, datetime
from threading import Event, Thread

from darkscope.ingest.intake.clock import Clock
from darkscope.ingest.ledger.aside import Aside
from darkscope.ingest.ledger.errors import LedgerError
from darkscope.ingest.ledger.ledger import Ledger, storage_of
from darkscope.ingest.ledger.upkeep import upkeep
from darkscope.ingest.settings import Settings

LOG = logging.getLogger("darkscope.ingest.intake")

EVERY = 60.0
"""Seconds between two rounds, more or less: thirty commits of a busy daemon."""

CLEANING = 10
"""Rounds between two that also shorten the logs."""

STEADY = 3600.0
"""Seconds that the clock must have run without a jump before anything expires or is cleaned away: a clock that is wrong
for a moment deletes nothing."""


class Caretaker:
    """Keeps a ledger in shape as long as the context lasts; leaving it waits for the round that is under way."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._over = Event()
        self._thread = Thread(target=self._run, name="upkeep")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        rounds = 0
        clock = Clock()
        aside = Aside()
        ledger: Ledger | None = None  # kept, so that no round lists all files anew
        while not self._over.wait(random.SystemRandom().uniform(0.5, 1.5) * EVERY):
            rounds += 1
            is_steady = clock.look() and clock.steady >= STEADY
            try:
                ledger = ledger or Ledger(storage_of(self._settings))
                done = upkeep(
                    ledger,
                    self._settings,
                    datetime.fromtimestamp(time.time(), UTC),
                    aside,
                    expiring=is_steady,
                    cleaning=is_steady and rounds % CLEANING == 0,
                )
            except LedgerError as error:
                LOG.warning("upkeep failed", extra={"fields": {"reason": str(error)}})
            else:
                if done.files_before:
                    fields = {
                        "days_closed": done.days_closed,
                        "files_before": done.files_before,
                        "files_after": done.files_after,
                    }
                    LOG.info("upkeep", extra={"fields": fields})
            aside.tell()
