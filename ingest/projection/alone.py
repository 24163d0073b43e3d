"""Be the one projector of a ledger: two would write older sums over newer ones."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILE = "projection.lock"


@contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Whether this is the only one, as long as the context lasts. The lock goes with the process, however it ends."""
    with (folder / FILE).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
