"""Rows of the ledger's tables read in shares of the files, each in a task of an engine.

A task is our own program on another machine, or another process: it opens the share's files and asks them the very
query that is asked of all of them here. What comes back is Arrow, and as little as the question can do with. Where a
question reads little it is answered here: handing it out takes longer.
"""

from __future__ import annotations

import pickle
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from io import BytesIO
from typing import Protocol

import polars as pl

from darkscope.api.deadline import Deadline, TooLong
from darkscope.api.ledger_reader import Apart, Query, Rows, Scan, Whole, as_it_is
from darkscope.api.ledger_tables import Piece, Snapshot, day_of
from darkscope.api.store import StoreError, UnreachableError
from darkscope.ingest.engine.engine import Engine, EngineError
from darkscope.ingest.engine.shuffle import shuffled
from darkscope.ingest.engine.task import unpacked

LEAST = 100_000_000
"""Rows up to which a question is answered here: two to eight processor seconds; Spark itself takes two to four."""

AT_MOST = 8_000_000
"""Rows of a share, unless one file has more: they take a task a second or two, and some hundred megabytes."""

PART = 2_000_000
"""Rows of a part of the addresses, about: what is told of one goes through Spark as one value."""

PARTS = 256
"""Parts at most into which addresses are divided."""

TOGETHER = 4_000_000
"""Rows of shares' answers that are kept before they are made one."""

VERSIONS = " ".join(f"{name} {version(name)}" for name in ("darkscope", "polars"))
"""What a task must run too: the same queries, the same hashes of addresses."""


@dataclass(frozen=True, slots=True)
class Share:
    """Some files of a ledger's tables. Goes to a task by pickle; its text names it in errors."""

    number: int  # from 1 on
    count: int
    opened: Callable[[Mapping[str, pl.DataFrame]], Snapshot]  # opens files, where the task is
    files: Mapping[str, pl.DataFrame]  # by table: path, size, rows, day

    def __str__(self) -> str:
        return f"share {self.number} of {self.count}"


class Cut(Protocol):
    """How files of tables are divided into shares."""

    def __call__(self, snapshot: Snapshot, pieces: Sequence[Piece], most: int, /) -> list[Share]:
        """Every file of pieces in one share, so many rows in each as far as files allow."""


@dataclass(frozen=True, slots=True)
class _Task:
    """What is done with each share. What is asked is pickled within: it is not looked at where versions differ."""

    versions: str
    pieces: tuple[Piece, ...]
    asked: bytes
    end: float | None  # seconds since 1970 at which it is given up, by the clock of the task's machine


@dataclass(frozen=True, slots=True)
class _Told:
    """What a task tells: Arrow, or why not."""

    frame: bytes = b""
    error: str = ""
    is_late: bool = False


class Shares:
    """Reads large things in shares. Every question may raise StoreError, and TooLong where there is a deadline."""

    is_bounded = False

    def __init__(
        self,
        snapshot: Snapshot,
        deadline: Deadline | None,
        *,
        engine: Engine,
        cut: Cut,
        least: int | None = None,
        at_most: int | None = None,
        part: int | None = None,
    ) -> None:
        """A question that reads more rows than `least` is divided into shares of `at_most`, addresses by `part`."""
        self._snapshot = snapshot
        self._deadline = deadline
        self._whole = Whole(snapshot, deadline)
        self._engine = engine
        self._cut = cut
        self._least = LEAST if least is None else least
        self._at_most = AT_MOST if at_most is None else at_most
        self._part = PART if part is None else part

    def read(
        self, pieces: Sequence[Piece], rows: Rows, merged: Query, /, finished: Query | None = None
    ) -> pl.DataFrame:
        """Answer a question; see Reader."""
        shares = self._shares(pieces)
        if not shares:
            return self._whole.read(pieces, rows, merged, finished)
        together: list[pl.DataFrame] = []
        for told in self._each(partial(_read, self._task(pieces, rows)), shares):
            together.append(_frame(told))
            if len(together) > 1 and sum(map(len, together)) > TOGETHER:
                together = [_collected(merged(pl.concat(together).lazy()))]
        answer = merged(pl.concat(together).lazy())
        return _collected(answer if finished is None else finished(answer))

    def read_apart(self, pieces: Sequence[Piece], question: Apart) -> Iterator[pl.DataFrame]:
        """Answer a question about some addresses at a time; see Reader."""
        shares = self._shares(pieces)
        if not shares:
            yield from self._whole.read_apart(pieces, question)
            return
        parts = min(-(-self._rows(pieces) // self._part), PARTS) or 1
        task = self._task(pieces, question)
        found = self._each_part(partial(_divided, task, parts), shares, partial(_answered, task))
        for told in found:
            yield _frame(told)

    def _shares(self, pieces: Sequence[Piece]) -> list[Share]:
        """The shares of the files of pieces; none where all is read here."""
        if self._rows(pieces) <= self._least:
            return []
        return self._cut(self._snapshot, pieces, self._at_most)

    def _rows(self, pieces: Sequence[Piece]) -> int:
        """How many rows the files of pieces have, about."""
        days = [(piece.table, day_of(piece.start), day_of(piece.end - 1)) for piece in pieces]
        return sum(self._snapshot.rows(*stretch) for stretch in dict.fromkeys(days))

    def _task(self, pieces: Sequence[Piece], asked: Rows | Apart) -> _Task:
        end = None if self._deadline is None else time.time() + self._deadline.left
        return _Task(VERSIONS, tuple(pieces), pickle.dumps((asked,)), end)

    def _each(self, function: Callable[[Share], _Told], shares: Sequence[Share]) -> Iterator[_Told]:
        done = self._engine.map(function, shares, is_stopped=self._is_over)
        return self._held(told for _, told in done)

    def _each_part(
        self,
        divided: Callable[[Share], list[tuple[int, bytes]]],
        shares: Sequence[Share],
        answered: Callable[[int, Sequence[bytes]], _Told],
    ) -> Iterator[_Told]:
        return self._held(shuffled(self._engine, divided, shares, answered, is_stopped=self._is_over))

    def _held(self, told: Iterator[_Told]) -> Iterator[_Told]:
        """What tasks tell, as long as there is time. Raises TooLong, UnreachableError."""
        try:
            yield from told
        except EngineError as error:
            raise UnreachableError(str(error)) from error
        if self._deadline is not None:
            self._deadline.check()

    def _is_over(self) -> bool:
        return self._deadline is not None and self._deadline.left < 0


def by_files(
    opened: Callable[[Mapping[str, pl.DataFrame]], Snapshot],
    snapshot: Snapshot,
    pieces: Sequence[Piece],
    most: int,
    /,
) -> list[Share]:
    """Divide the files of pieces into shares of so many rows, or of one file that has more, day after day."""
    stretches: dict[str, list[pl.DataFrame]] = defaultdict(list)
    for piece in pieces:
        in_time = pl.col("day").is_between(day_of(piece.start), day_of(piece.end - 1))
        files = snapshot.files(piece.table).filter(in_time).select("path", "size", "rows", "day")
        stretches[piece.table.name].append(files)
    if not stretches:
        return []
    found = (
        pl.concat(
            pl.concat(files).unique().with_columns(table=pl.lit(name)) for name, files in stretches.items()
        )
        .sort("day", "table", "path")
        .with_columns(share=((pl.col("rows").cum_sum() - 1) // most))
    )
    shares = found.partition_by("share", maintain_order=True, include_key=False)
    none = found.select("path", "size", "rows", "day").clear()
    return [
        Share(
            number,
            len(shares),
            opened,
            dict.fromkeys(stretches, none)
            | {
                str(table): files
                for (table,), files in share.partition_by("table", include_key=False, as_dict=True).items()
            },
        )
        for number, share in enumerate(shares, start=1)
    ]


def _read(task: _Task, share: Share) -> _Told:
    """Answer what is asked about a share; done by a task."""
    try:
        _check(task)
        (rows,) = unpacked(task.asked, tuple)
        frame = _reader(task, share).read(task.pieces, rows, as_it_is)
    except StoreError as error:
        return _failed(error)
    return _Told(_bytes(frame))


def _divided(task: _Task, parts: int, share: Share) -> list[tuple[int, bytes]]:
    """Rows of a share by the part that their addresses are of, condensed; done by a task."""
    found: list[tuple[int, bytes]] = []
    try:
        _check(task)
        (question,) = unpacked(task.asked, tuple)
        reader = _reader(task, share)
        for number, stream in enumerate(question.streams):
            if not stream.is_read and share.number != 1:
                continue  # one share has them
            rows = partial(_with_part, stream.rows, stream.condensed, question.by, parts)
            frame = reader.read(task.pieces, rows, as_it_is)
            by_part = frame.partition_by("_part", as_dict=True, include_key=False)
            found += [(int(part), bytes([number]) + _bytes(some)) for (part,), some in by_part.items()]
    except StoreError as error:
        return [(FAILED, pickle.dumps(_failed(error)))]
    return found or [(0, b"")]


FAILED = -1
"""Stands for a part where a task tells why it has none."""


def _with_part(rows: Rows, condensed: Query, by: pl.Expr, parts: int, scan: Scan) -> pl.LazyFrame:
    return condensed(rows(scan)).with_columns(_part=by.hash() % parts)


def _answered(task: _Task, part: int, blobs: Sequence[bytes]) -> _Told:
    """Answer what is asked about one part of the addresses, of which all shares' rows are here; done by a task."""
    if part == FAILED:
        return unpacked(blobs[0], _Told)
    try:
        _check(task)
        (question,) = unpacked(task.asked, tuple)
        streams = [
            pl.concat(
                [
                    *(pl.read_ipc(BytesIO(blob[1:])).lazy() for blob in blobs if blob[:1] == bytes([number])),
                    stream.condensed(stream.rows(_nothing)).clear(),
                ]
            )
            for number, stream in enumerate(question.streams)
        ]
        answer = _collected(question.asked(*streams))
        return _Told(_bytes(answer if question.told is None else question.told(answer)))
    except StoreError as error:
        return _failed(error)


def _nothing(piece: Piece) -> pl.LazyFrame:
    return pl.LazyFrame(schema={**piece.table.schema, "day": pl.Date})


def _check(task: _Task) -> None:
    if task.versions != VERSIONS:
        raise StoreError(
            f"tasks run {VERSIONS}, and whoever asks runs {task.versions}: they must be the same"
        )


def _reader(task: _Task, share: Share) -> Whole:
    deadline = None if task.end is None else Deadline(task.end - time.time())
    return Whole(share.opened(share.files), deadline)


def _failed(error: StoreError) -> _Told:
    return _Told(error=str(error), is_late=isinstance(error, TooLong))


def _bytes(frame: pl.DataFrame) -> bytes:
    buffer = BytesIO()
    frame.write_ipc(buffer, compression="lz4")
    return buffer.getvalue()


def _frame(told: _Told) -> pl.DataFrame:
    """The frame that a task told. Raises StoreError, TooLong."""
    if told.error:
        raise TooLong(told.error) if told.is_late else StoreError(told.error)
    return pl.read_ipc(BytesIO(told.frame))


def _collected(rows: pl.LazyFrame) -> pl.DataFrame:
    return rows.collect(engine="streaming")
