"""A clock that jumps: set right at boot, set wrong by hand, back from a suspended machine.

The wall clock is held against the monotonic one, which nobody sets. What would do harm at a wrong time (delete what is
old, say that a moment was watched) waits until the clock has run steadily for a while.
"""

from __future__ import annotations

import logging
import time

LOG = logging.getLogger("darkscope.ingest.intake")

JUMP = 10.0
"""Seconds between two looks by which the clocks may differ: more is a jump, less is a clock being put right slowly."""


class Clock:
    """The wall clock, and for how long it has run steadily."""

    def __init__(self) -> None:
        self._ahead = time.time() - time.monotonic()
        self._since = time.monotonic()

    def look(self) -> bool:
        """Whether the clock has not jumped since the last look."""
        ahead = time.time() - time.monotonic()
        jumped = ahead - self._ahead
        self._ahead = ahead
        if abs(jumped) <= JUMP:
            return True
        self._since = time.monotonic()
        LOG.warning("clock jumped", extra={"fields": {"seconds": round(jumped)}})
        return False

    @property
    def steady(self) -> float:
        """Seconds since the last look that found a jump, or since the first look of all."""
        return time.monotonic() - self._since
