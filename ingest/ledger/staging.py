"""The files of a batch in the making: rows come in, files that nothing names yet come out, beside the reading.

Rows stay until they are written: what fails is tried again the next time, and nothing is written twice.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import date

import polars as pl
from polars.exceptions import PolarsError

from darkscope.ingest.ledger.files import DataFile, write_file
from darkscope.ingest.ledger.ledger import LedgerError
from darkscope.ingest.ledger.storage import Storage
from darkscope.ingest.series import Table

AT_ONCE = 4
"""Files that are put into far storage side by side: most of the time one waits for the answer."""


class Staging:
    """Files of one batch after another. Used by one thread; another one writes."""

    def __init__(self, storage: Storage) -> None:
        """`storage`: the ledger's."""
        self._storage = storage
        self._rows: list[tuple[Table, date, pl.DataFrame]] = []  # of the writer alone while it writes
        self._putter = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="put")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._writing: Future[None] | None = None
        self.files: dict[Table, list[DataFile]] = {}
        """What was written; whole after `finish`."""

    def add(self, table: Table, rows: pl.DataFrame) -> None:
        """Take rows of a table with their `day`. Not to be called between `go_on` and `finish`."""
        if not rows.height:
            return
        parts = (
            rows.partition_by("day", as_dict=True, maintain_order=False)
            if rows["day"].n_unique() > 1
            else {(rows["day"][0],): rows}
        )
        self._rows += [(table, day, part) for (day,), part in parts.items()]

    def go_on(self) -> None:
        """Have the rows written while the caller does something else. Raises LedgerError where that has failed."""
        if self._writing is not None:
            if not self._writing.done():
                return
            done, self._writing = self._writing, None
            done.result()
        if self._rows:
            self._writing = self._writer.submit(self._write)

    def finish(self) -> None:
        """Write all rows. Raises LedgerError; the rest is kept for the next time."""
        while self._writing is not None or self._rows:
            if self._writing is not None:
                wait((self._writing,))
            self.go_on()

    def clear(self) -> None:
        """Begin a new batch; what is not written is dropped."""
        if self._writing is not None:
            with suppress(LedgerError):
                self._writing.result()
        self._writing = None
        self._rows = []
        self.files = {}

    def _write(self) -> None:
        while self._rows:
            taken = self._rows[: AT_ONCE if self._storage.is_far else 1]
            del self._rows[: len(taken)]
            failed: Exception | None = None
            for one, written in zip(taken, self._putter.map(self._written, taken), strict=True):
                if isinstance(written, DataFile):
                    self.files.setdefault(one[0], []).append(written)
                else:
                    self._rows.append(one)
                    failed = written
            if failed is not None:
                raise failed

    def _written(self, one: tuple[Table, date, pl.DataFrame]) -> DataFile | LedgerError:
        table, day, rows = one
        try:
            return write_file(self._storage, table, day, rows)
        except (OSError, PolarsError) as error:
            failed = LedgerError(f"{self._storage.place(table.name)}: cannot write: {error}")
            failed.__cause__ = error
            return failed
