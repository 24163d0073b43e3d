"""Ending on request: a signal asks, loops look, and waiting ends at once.

A second SIGINT ends the process where it stands, which the ledger survives like any other kill.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether the process was asked to end."""

    def __init__(self) -> None:
        self._told, self._tell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.is_asked = False

    def ask(self) -> None:
        """Ask for the end; may be called from a signal handler."""
        if not self.is_asked:
            self.is_asked = True
            os.write(self._tell, b"!")

    def wait(self, seconds: float, *descriptors: int) -> bool:
        """Wait for so long at most, less where the end is asked for or a descriptor can be read; say if asked."""
        if seconds > 0 and not self.is_asked:
            select.select([self._told, *descriptors], [], [], seconds)
        return self.is_asked

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM ask for the end, as long as this lasts. For the main thread."""
        before = {number: signal.signal(number, self._handle) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        self.ask()
