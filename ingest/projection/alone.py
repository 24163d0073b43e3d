"""Be the one projector of a ledger: two would write older sums over newer ones."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from darkscope.ingest.registry import RegistryError

FILE = "projection.lock"


@contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Whether this is the only one, as long as the context lasts. Raises RegistryError.

    The lock goes with the process, however it ends.
    """
    path = folder / FILE
    try:
        file = path.open("a")
    except OSError as error:
        raise RegistryError(f"{path}: {error.strerror}") from None
    with file:
        yield _is_locked(file)


def _is_locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise RegistryError(f"{file.name}: {error.strerror}") from None
    return True
