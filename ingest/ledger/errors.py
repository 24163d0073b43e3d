"""What may go wrong with a ledger, and what far storage is asked again for."""

from __future__ import annotations

import errno
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import TypeVar

from deltalake.exceptions import DeltaError
from polars.exceptions import PolarsError

from darkscope.ingest.ledger.storage import Storage
from darkscope.ingest.series import Table

FAILURES = 5
"""Times that far storage is asked again after its library gave up, before that is told."""

T = TypeVar("T")


class LedgerError(Exception):
    """The ledger cannot be opened, read or written; the message names the place."""


class Overtaken(LedgerError):
    """Another worker changed what this change was built on; build it again on the new state."""


class Away(LedgerError):
    """Far storage fails, for now perhaps: nothing was lost, and what was begun is found when it is tried again."""


class Damaged(LedgerError):
    """A data file is missing, or its bytes are not those that were written."""

    def __init__(self, place: str, table: Table, path: str, day: date, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place = place
        self.path = path  # below the table's folder
        self.table = table
        self.day = day
        self.reason = reason

    def __reduce__(self) -> tuple[type[Damaged], tuple[str, Table, str, date, str]]:
        """Another process has the same."""
        return Damaged, (self.place, self.table, self.path, self.day, self.reason)


def failed(storage: Storage, text: str) -> LedgerError:
    """What storage or the Delta library failed at, as an error."""
    return (Away if storage.is_far else LedgerError)(text)


def insist(storage: Storage, action: Callable[[], T]) -> T:
    """Do what changes nothing, or the same each time: again, where far storage fails; its error in the end."""
    tries = FAILURES
    while True:
        try:
            return action()
        except (Away, DeltaError, OSError) as error:
            tries -= 1
            if not storage.is_far or any(map(_stays, (error, error.__cause__))) or not tries:
                raise
        time.sleep(random.SystemRandom().uniform(0, FAILURES - tries))


def _stays(error: BaseException | None) -> bool:
    """Whether it is so until somebody does something: it is not there, nor is its bucket, or who asks may not."""
    is_refused = isinstance(error, (FileNotFoundError, PermissionError))
    return is_refused or (isinstance(error, OSError) and error.errno == errno.ENODEV)


@contextmanager
def told(storage: Storage, name: str = "") -> Iterator[None]:
    """Raise LedgerError for what storage or the Delta library raises about a part of the ledger."""
    try:
        yield
    except (DeltaError, OSError) as error:
        place = (isinstance(error, OSError) and error.filename) or storage.place(name)
        raise failed(storage, f"{place}: {storage.told(error)}") from error


@contextmanager
def files_told(storage: Storage) -> Iterator[None]:
    """Like `told`, where data files are read: LedgerError also for one that polars cannot read."""
    try:
        with told(storage):
            yield
    except PolarsError as error:
        raise LedgerError(
            f"{storage}: a data file cannot be read, `darkscope ledger verify` names it: {storage.told(error)}"
        ) from error
