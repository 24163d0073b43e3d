"""Whose turn it is to compute: some questions at the same time, some that wait, and nobody has all the turns.

Who asks much waits behind its own questions, and one turn is always left for the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

AT_ONCE = 4
"""Questions that are computed at the same time: polars uses all processors for each, and memory for every one."""

MOST_WAITING = 16
"""Questions that wait: each holds one of the server's 40 threads, and the others are for what is answered at once."""

PATIENCE = 10.0
"""Seconds that a question waits for its turn."""


class Busy(Exception):
    """Too many questions are being computed; this one was not begun."""


class Turns:
    """The turns of one server. May be used by several threads."""

    def __init__(self, at_once: int = AT_ONCE, most_waiting: int = MOST_WAITING) -> None:
        """`at_once` questions are computed; of one asker one fewer, and half of those that wait."""
        self._at_once = at_once
        self._each = max(1, at_once - 1)
        self._waiting = most_waiting
        self._each_waiting = most_waiting // 2
        self._running: Counter[str] = Counter()  # by asker
        self._queued: Counter[str] = Counter()
        self._changed = Condition()

    @contextmanager
    def turn(self, who: str) -> Iterator[None]:
        """Wait for an asker's turn. Raises Busy."""
        with self._changed:
            if not self._is_free(who):
                self._wait(who)
            self._running[who] += 1
        try:
            yield
        finally:
            with self._changed:
                count_down(self._running, who)
                self._changed.notify_all()

    def _wait(self, who: str) -> None:
        if self._queued.total() >= self._waiting or self._queued[who] >= self._each_waiting:
            raise Busy
        self._queued[who] += 1
        try:
            if not self._changed.wait_for(lambda: self._is_free(who), PATIENCE):
                raise Busy
        finally:
            count_down(self._queued, who)

    def _is_free(self, who: str) -> bool:
        return self._running.total() < self._at_once and self._running[who] < self._each


def count_down(counts: Counter[str], who: str) -> None:
    """Count one less of an asker."""
    counts[who] -= 1
    if not counts[who]:
        del counts[who]  # askers come and go
