"""The files of a batch in the making: rows come in, files that nothing names yet come out, beside the reading.

Rows stay until they are written: what fails is tried again the next time, and nothing is written twice.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from itertools import count

import polars as pl
from polars.exceptions import PolarsError

from darkscope.ingest.ledger.errors import LedgerError
from darkscope.ingest.ledger.files import DataFile, write_file
from darkscope.ingest.ledger.storage import Storage
from darkscope.ingest.series import Table

AT_ONCE = 4
"""Files that are put into far storage side by side: most of the time one waits for the answer."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of one UTC day of a table that are to become a file."""

    number: int  # in the order in which they came
    table: Table
    day: date
    rows: pl.DataFrame


class Staging:
    """Files of one batch after another. Used by one thread; another one writes."""

    def __init__(self, storage: Storage) -> None:
        """`storage`: the ledger's."""
        self._storage = storage
        self._numbers = count()
        self._parts: list[_Part] = []  # of the writer alone while it writes
        self._written: dict[int, tuple[Table, DataFile]] = {}  # by number; likewise
        self._putter = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="put")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._writing: Future[None] | None = None

    @property
    def files(self) -> dict[Table, list[DataFile]]:
        """What was written, whole after `finish`; of each table in the order in which its rows came."""
        found: dict[Table, list[DataFile]] = {}
        for _, (table, file) in sorted(self._written.items()):
            found.setdefault(table, []).append(file)
        return found

    def add(self, table: Table, rows: pl.DataFrame) -> None:
        """Take rows of a table with their `day`. Not to be called between `go_on` and `finish`."""
        if not rows.height:
            return
        parts = (
            rows.partition_by("day", as_dict=True, maintain_order=False)
            if rows["day"].n_unique() > 1
            else {(rows["day"][0],): rows}
        )
        self._parts += [_Part(next(self._numbers), table, day, part) for (day,), part in parts.items()]

    def go_on(self) -> None:
        """Have the rows written while the caller does something else. Raises LedgerError where that has failed."""
        if self._writing is not None:
            if not self._writing.done():
                return
            done, self._writing = self._writing, None
            done.result()
        if self._parts:
            self._writing = self._writer.submit(self._write)

    def finish(self) -> None:
        """Write all rows. Raises LedgerError; the rest is kept for the next time."""
        while self._writing is not None or self._parts:
            if self._writing is not None:
                wait((self._writing,))
            self.go_on()

    def clear(self) -> None:
        """Begin a new batch; what is not written is dropped."""
        if self._writing is not None:
            with suppress(LedgerError):
                self._writing.result()
        self._writing = None
        self._parts = []
        self._written = {}

    def _write(self) -> None:
        while self._parts:
            taken = self._parts[: AT_ONCE if self._storage.is_far else 1]
            del self._parts[: len(taken)]
            failed: LedgerError | None = None
            for part, file in zip(taken, self._putter.map(self._file, taken), strict=True):
                if isinstance(file, DataFile):
                    self._written[part.number] = part.table, file
                else:
                    self._parts.append(part)
                    failed = file
            if failed is not None:
                raise failed

    def _file(self, part: _Part) -> DataFile | LedgerError:
        try:
            return write_file(self._storage, part.table, part.day, part.rows)
        except (OSError, PolarsError) as error:
            failed = LedgerError(f"{self._storage.place(part.table.name)}: cannot write: {error}")
            failed.__cause__ = error
            return failed
