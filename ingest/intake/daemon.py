"""Go on until asked to end: give each feed its turn, and commit in time.

Intervals are measured with the monotonic clock: one that jumps stalls nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from darkscope.ingest.intake.session import Session
from darkscope.ingest.intake.stop import Stop

POLL = 0.5
"""Seconds between two looks at a folder. Polling needs no watch per folder, sees network file systems too, and
costs a stat a file."""


class Feed(Protocol):
    """Something that captures come from."""

    @property
    def is_over(self) -> bool:
        """Whether nothing will come any more."""

    @property
    def descriptors(self) -> Sequence[int]:
        """What becomes readable when something comes; nothing where only looking helps."""

    def turn(self, session: Session) -> bool:
        """Read what there is, within reason; say whether there was anything."""

    def end(self, session: Session) -> None:
        """Read what is left at the end of all."""


def run(session: Session, feeds: Sequence[Feed], stop: Stop) -> None:
    """Read from the feeds until they are over or the end is asked for. Raises LedgerError."""
    while not stop.is_asked and not all(feed.is_over for feed in feeds):
        was_busy = [feed.turn(session) for feed in feeds if not feed.is_over]
        if session.is_due:
            session.commit()
        if not any(was_busy):
            descriptors = [number for feed in feeds for number in feed.descriptors if not feed.is_over]
            stop.wait(min(POLL, session.seconds_left), *descriptors)
    for feed in feeds:
        feed.end(session)
    session.end()
