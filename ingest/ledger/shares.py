"""Rows cut by ranges of a value, in one pass: what is too much for memory waits in a file that has no name.

The rows of each share come out in the order in which they came in. However many there are, some `HELD` bytes of them
are in memory, and one share; a process that is killed leaves nothing behind.
"""

from __future__ import annotations

import io
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import polars as pl

HELD = 16 << 20
"""Bytes of rows that are in memory before they are put into the file."""


@contextmanager
def sharing(
    folder: Path,
    by: str,
    bounds: Sequence[int],
    merged: Callable[[pl.DataFrame], pl.DataFrame] = lambda rows: rows,
) -> Iterator[Shares]:
    """Share rows out: share n has those whose value `by` is at least bound n - 1, and less than bound n.

    `folder` is where the file lies. `merged` makes fewer rows of many, which mean the same. Raises OSError.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        yield Shares(file, by, bounds, merged)


class Shares:
    """Rows on their way to their shares. Used by one thread."""

    def __init__(
        self, file: IO[bytes], by: str, bounds: Sequence[int], merged: Callable[[pl.DataFrame], pl.DataFrame]
    ) -> None:
        """`file` is empty; for the rest see `sharing`."""
        self._file = file
        self._by = by
        self._bounds = pl.Series(bounds, dtype=pl.Int64)
        self._merged = merged
        self._held: list[pl.DataFrame] = []
        self._size = 0.0  # bytes that are held
        self._pieces: dict[int, list[tuple[int, int]]] = defaultdict(list)  # start and bytes, of each share
        self._end = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Take rows. Raises OSError where the disk is full."""
        self._hold(rows)
        if self._size <= HELD:
            return
        held = self._merged(self._taken())
        if held.estimated_size() <= HELD // 2:
            self._hold(held)
            return
        for share, part in self._parts(held):
            self._put_down(share, part)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        """Go through the shares that have rows, the smallest values first; no rows come any more."""
        rest = dict(self._parts(self._taken())) if self._held else {}
        for share in sorted(self._pieces.keys() | rest.keys()):
            parts = (self._taken_up(*where) for where in self._pieces[share])
            yield pl.concat([*parts, *([rest.pop(share)] if share in rest else [])])

    def _hold(self, rows: pl.DataFrame) -> None:
        if rows.height:
            self._held.append(rows)
            self._size += rows.estimated_size()

    def _taken(self) -> pl.DataFrame:
        held = pl.concat(self._held)
        self._held, self._size = [], 0.0
        return held

    def _parts(self, rows: pl.DataFrame) -> Iterator[tuple[int, pl.DataFrame]]:
        if not len(self._bounds):
            yield 0, rows
            return
        share = self._bounds.search_sorted(rows[self._by].cast(pl.Int64), side="right")
        named = rows.with_columns(_share=share)
        for (number,), part in named.partition_by("_share", as_dict=True, include_key=False).items():
            yield number, part

    def _put_down(self, share: int, rows: pl.DataFrame) -> None:
        written = io.BytesIO()
        rows.write_ipc_stream(written, compression="lz4")
        size = self._file.write(written.getbuffer())
        self._pieces[share].append((self._end, size))
        self._end += size

    def _taken_up(self, start: int, size: int) -> pl.DataFrame:
        self._file.seek(start)
        return pl.read_ipc_stream(self._file.read(size))
