"""`darkscope watch`: look for phenomena of the last days again and again, and write them into the ledger as events.

Exit codes: 0; 1 where the ledger cannot be read or written; 2 for a wrong command line or settings. Without `--once`
a ledger that is not there yet, or cannot be read for a while, is waited for until SIGINT or SIGTERM.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Annotated

import polars as pl
import typer

from darkscope.api.ask import Observer
from darkscope.api.asked import Asked
from darkscope.api.attacks import events as attack_events
from darkscope.api.calendars import Calendars
from darkscope.api.command.exits import FAILED, MISTAKE, stopped
from darkscope.api.command.progress import told
from darkscope.api.command.where import LedgerFolder, SettingsFile
from darkscope.api.dimension import Dimension
from darkscope.api.labels import labels
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.periods import PeriodError
from darkscope.api.phenomena.detector import detect
from darkscope.api.phenomena.watching import attacked, due
from darkscope.api.selection import known, organisations
from darkscope.api.store import ExpiredError, StoreError
from darkscope.ingest.events import Event, write
from darkscope.ingest.intake.stop import Stop
from darkscope.ingest.ledger.errors import LedgerError
from darkscope.ingest.ledger.ledger import Ledger, storage_of
from darkscope.ingest.settings import Settings, SettingsError, load

LOG = logging.getLogger("darkscope.api.command.watch")

EVERY = 3600.0
"""Seconds between two looks: what is found is found by the day."""

AGAIN = 60.0
"""Seconds before another look where the ledger is not there, or cannot be read."""

LAST_DAYS, RECENT = "28d", "2d"
"""The period where none is given, and the part of it whose attacks are looked at: so long none goes on unseen."""

ATTACKS = 50
"""Attacks of one look, the most packets first: small ones would cover all graphs with marks."""

MOST = 1000
"""Proposals of one look."""


def watch(
    period: Annotated[
        str,
        typer.Option(
            "--period", help="28d: the last days. Or a period that is over, as elsewhere, with --once."
        ),
    ] = LAST_DAYS,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    home: Annotated[
        bool | None, typer.Option("--home/--abroad", help="Only sensors at home, or abroad.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Warnings only.")] = False,
    settings: SettingsFile = None,
    ledger: LedgerFolder = None,
) -> None:
    """Look for phenomena of the last days again and again, and write them as events."""
    asked = Asked(Dimension.PORTS, period, home=home)
    try:
        loaded = load(settings, os.environ, {"ledger": ledger}).settings
        asked.question(loaded.time_zone, datetime.now(UTC))
    except (SettingsError, PeriodError) as error:
        raise stopped(error, MISTAKE) from None
    stop = Stop()
    with stop.on_signals(), told("watch", None, quiet=quiet):
        if once:
            try:
                _say(look(loaded, asked, datetime.now(UTC)))
            except (LedgerError, StoreError) as error:
                raise stopped(error, FAILED) from None
            return
        watched = None
        while not stop.is_asked:
            try:
                watched = _again(loaded, asked, watched)
            except (LedgerError, StoreError) as error:
                LOG.warning("not watched", extra={"fields": {"reason": str(error)}})
                stop.wait(AGAIN)
            else:
                stop.wait(EVERY)


def look(settings: Settings, asked: Asked, now: datetime) -> list[Event]:
    """Look once, and give what was written. Raises LedgerError, StoreError."""
    question = asked.question(settings.time_zone, now)
    sensors = known(settings.sensors)
    ledger = Ledger(storage_of(settings))
    store = LedgerStore(ledger.snapshot(), organisations(sensors))
    observer = Observer(store, sensors, labels(sensors), now, calendars=Calendars(settings.holidays))
    found = detect(observer, question, MOST)
    today = min(now, question.period.window.end).astimezone(question.period.zone).date()
    attacks = _attacks(observer, settings, asked, now)

    def decide(events: Sequence[Event]) -> list[Event]:
        return [*due(found, events, today), *attacked(attacks, events)]

    return write(ledger, settings.worker, decide)


def _attacks(observer: Observer, settings: Settings, asked: Asked, now: datetime) -> pl.DataFrame:
    """The greatest attacks of the last days, or of a period that is over, as rows of `events`."""
    period = RECENT if asked.period == LAST_DAYS else asked.period
    question = replace(asked, period=period).question(settings.time_zone, now)
    try:
        return attack_events(observer.attacks(question, ATTACKS).rows)
    except ExpiredError:
        return attack_events(())


def _again(settings: Settings, asked: Asked, watched: tuple[int, date] | None) -> tuple[int, date]:
    """Look where there is more to see than when `watched`: a version of the ledger, and a day."""
    now = datetime.now(UTC)
    seen = Ledger(storage_of(settings)).snapshot().version, now.astimezone(settings.time_zone).date()
    if seen != watched:
        _say(look(settings, asked, now))
    return seen


def _say(events: list[Event]) -> None:
    for one in events:
        fields = {"event": one.id, "title": one.title, "kind": one.kind}
        LOG.info("over" if one.end else "found", extra={"fields": fields})
    LOG.info("watched", extra={"fields": {"events": len(events)}})
