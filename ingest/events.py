"""Events: what analysis found, written once into the ledger's table of that name.

Reads and writes `events` and nothing else. Whoever writes says, given all events there are, which are new or have
changed; that is asked of the very state that the change follows, so two writers never write one event twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from darkscope.ingest.ledger.files import write_file
from darkscope.ingest.ledger.ledger import Ledger, Snapshot
from darkscope.ingest.ledger.plan import Change
from darkscope.ingest.series import EVENTS

KIND = "events"
"""Of the plans that write them."""

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Event:
    """One row of `events`."""

    id: str  # within `numbers`; empty where a row has none
    start: int  # nanoseconds since 1970
    end: int  # likewise; 0 while it lasts
    kind: str
    subject: str  # port, country or sensor
    title: str  # one line
    text: str
    numbers: Mapping[str, Any] = field(default_factory=dict)  # the figures behind it

    @property
    def day(self) -> date:
        """The UTC day that it begins on."""
        return datetime.fromtimestamp(self.start // SECOND, UTC).date()


def read(snapshot: Snapshot) -> list[Event]:
    """All events, by their start."""
    rows = snapshot.scan(EVENTS).collect().sort("start", "kind", "subject", "title")
    return [_event(row) for row in rows.iter_rows(named=True)]


def write(ledger: Ledger, worker: str, decide: Callable[[Sequence[Event]], Iterable[Event]]) -> list[Event]:
    """Write the events that are decided on, given all there are; those with a known id take its place.

    All of them are there at once, or none. Raises LedgerError.
    """
    written: list[Event] = []

    def build(now: Snapshot) -> dict[str, Change] | None:
        known = read(now)
        written[:] = decide(known)
        if not written:
            return None
        ids = {one.id for one in written if one.id}
        replaced = [one for one in known if one.id in ids]
        days = {one.day for one in (*written, *replaced)}
        kept = [one for one in known if one.day in days and one.id not in ids]
        files = [
            write_file(
                ledger.storage, EVENTS, day, _frame(one for one in (*kept, *written) if one.day == day)
            )
            for day in sorted({one.day for one in (*kept, *written)})
        ]
        return {EVENTS.name: Change(files, now.removals(EVENTS, days))}

    ledger.change(worker, KIND, build, observes=False)
    return written


def _event(row: Mapping[str, Any]) -> Event:
    try:
        numbers = json.loads(row["numbers"] or "{}")
    except ValueError:
        numbers = {}
    numbers = numbers if isinstance(numbers, dict) else {}
    told = {name: row[name] for name in ("start", "end", "kind", "subject", "title", "text")}
    return Event(id=str(numbers.get("id", "")), numbers=numbers, **told)


def _frame(events: Iterable[Event]) -> pl.DataFrame:
    rows = [
        (one.start, one.end, one.kind, one.subject, one.title, one.text, _numbers(one))
        for one in sorted(events, key=lambda one: (one.start, one.kind, one.subject, one.title))
    ]
    return pl.DataFrame(rows, schema=EVENTS.schema, orient="row")


def _numbers(event: Event) -> str:
    numbers = {**event.numbers, "id": event.id} if event.id else dict(event.numbers)
    return json.dumps(numbers, ensure_ascii=False, sort_keys=True)
