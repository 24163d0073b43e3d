"""Questions read in shares have the answers that they have at once, however the rows are divided."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from flows import book, some
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st
from memory_ledger import MemorySnapshot, snapshot_of
from parts import Elsewhere
from tries import TRIES
from wide import FIRST, JUNE, LAST, QUESTIONS, answers

from darkscope.api import ledger_senders
from darkscope.api.command.shares import opened
from darkscope.api.deadline import Deadline, TooLong
from darkscope.api.dimension import Dimension
from darkscope.api.ledger_shares import Share, Shares, by_files
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.ledger_tables import Piece, Snapshot, minutes_of
from darkscope.api.periods import DAY
from darkscope.api.store import Filter, Precision, StoreError, UnreachableError
from darkscope.ingest import series
from darkscope.ingest.engine.engine import EngineError, Result, Unit, never
from darkscope.ingest.ledger.ledger import Ledger
from darkscope.ingest.settings import Settings

Make = Callable[..., MemorySnapshot]

START = minutes_of(FIRST)
MINUTE = 60_000_000_000
SENT = st.fixed_dictionaries(
    {
        "minute": st.integers(START, START + 2 * DAY - 1),
        "sensor": st.sampled_from("ab"),
        "source_low": st.integers(1, 4),
        "port": st.sampled_from([22, 23, 445]),
        "country": st.sampled_from(["JP", "CN"]),
        "asn": st.integers(0, 2),
        "class": st.sampled_from(["scan", "research", "backscatter", "other"]),
        "packets": st.integers(1, 3),
        "targets": st.integers(0, 15),
    }
)
SEEN = st.fixed_dictionaries(
    {
        "day": st.sampled_from([FIRST, LAST]),
        "sensor": st.sampled_from("ab"),
        "source_low": st.integers(1, 4),
        "country": st.sampled_from(["JP", "CN"]),
        "packets": st.integers(1, 3),
        "scan": st.integers(0, 1),
        "spoofable": st.integers(0, 1),
        "ttl": st.integers(40, 60),
        "ports": st.lists(st.sampled_from([6 << 16 | 22, 6 << 16 | 23]), unique=True).map(sorted),
        "offered": st.lists(st.integers(1, 3), unique=True).map(sorted),
        "completed": st.lists(st.integers(1, 3), unique=True).map(sorted),
    }
)
VISIT = st.fixed_dictionaries(
    {
        "time": st.integers(START * MINUTE, (START + 2 * DAY) * MINUTE - 1),
        "sensor": st.sampled_from("ab"),
        "source_low": st.integers(1, 4),
        "path": st.sampled_from(["/", "/a"]),
        "port": st.sampled_from([80, 8080]),
    }
)
IN_MEMORY = [name for name in QUESTIONS if name not in ("victims", "echoes", "events")]


def timed(row: dict[str, Any], number: int) -> dict[str, Any]:
    """A row of `sources` with times of its own, for which packet is the last must be told."""
    at = (minutes_of(row["day"]) + number) * MINUTE
    return {**row, "first": at, "last": at + MINUTE // 2}


def some_of(snapshot: MemorySnapshot, chosen: Sequence[int], count: int) -> Callable[..., list[Share]]:
    """Divide the rows of a ledger in memory: each into the share that its place in a circle of numbers says."""

    def rows(frame: pl.DataFrame, number: int) -> pl.DataFrame:
        shares = pl.Series(
            [chosen[place % len(chosen)] % count for place in range(len(frame))], dtype=pl.Int64
        )
        return frame.filter(shares == number)

    def cut(_: Snapshot, pieces: Sequence[Piece], __: int) -> list[Share]:
        parts = [
            replace(
                snapshot,
                **{
                    name: rows(getattr(snapshot, name), number)
                    for name in ("flows", "coverage", "sources", "requests")
                },
            )
            for number in range(count)
        ]
        return [Share(number, count, partial(_of, part), {}) for number, part in enumerate(parts, 1)] * bool(
            pieces
        )

    return cut


def _of(snapshot: MemorySnapshot, _: Mapping[str, pl.DataFrame]) -> MemorySnapshot:
    return snapshot


@trying(max_examples=6 * TRIES, deadline=None)
@given(
    st.lists(SENT, min_size=1, max_size=25),
    st.lists(SEEN, max_size=25),
    st.lists(VISIT, max_size=8),
    st.lists(st.integers(0, 9), min_size=1, max_size=9),
    st.integers(1, 4),
    st.sampled_from([0, 100]),
)
def test_any_division_of_the_rows_gives_the_same_answers(
    sent: list[Any], seen: list[Any], visits: list[Any], chosen: list[int], count: int, few: int
) -> None:
    watched = [{"minute": START, "minutes": 60}, {"minute": START + 99, "minutes": 30, "sensor": "b"}]
    made = snapshot_of(sent, watched, [timed(row, number) for number, row in enumerate(seen)], visits)
    made.roll_up([FIRST])
    cut = some_of(made, chosen, count)
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(ledger_senders, "FEW", few)
        shares = partial(Shares, engine=Elsewhere(), cut=cut, least=-1, part=7)
        found = answers(LedgerStore(made, reader=shares), IN_MEMORY)
        assert found == answers(LedgerStore(made), IN_MEMORY)


@trying(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), max_size=9), st.integers(1, 20))
def test_every_file_of_the_days_is_in_one_share_and_none_has_more_rows_than_it_may(
    files: list[tuple[int, int]], most: int
) -> None:
    class Listed:
        def files(self, table: series.Table) -> pl.DataFrame:
            rows = [
                (f"{table.name}-{place}", 1, count, date(2020, 6, 23 + day))
                for place, (day, count) in enumerate(files)
            ]
            schema = {"path": pl.String, "size": pl.Int64, "rows": pl.Int64, "day": pl.Date}
            return pl.DataFrame(rows, schema, orient="row")

    pieces = [
        Piece(series.FLOWS, START, START + DAY),
        Piece(series.FLOWS, START + DAY, START + 2 * DAY),
        Piece(series.SOURCES, START, START + DAY),
    ]
    snapshot: Any = Listed()
    shares = by_files(_of, snapshot, pieces, most)  # type: ignore[arg-type]  # is not opened here
    told = list(chain.from_iterable(files["path"] for share in shares for files in share.files.values()))
    days = {"flows": (1, 2), "sources": (1,)}
    assert sorted(told) == sorted(
        f"{table}-{place}"
        for table, its in days.items()
        for place, (day, _) in enumerate(files)
        if day in its
    )
    for share in shares:
        assert set(share.files) == {"flows", "sources"}
        counts = [count for files in share.files.values() for count in files["rows"]]
        assert sum(counts) <= most + max(counts) - 1


class Engine:
    """Fails, or is asked for nothing."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def map(
        self,
        function: Callable[[Unit], Result],
        units: Sequence[Unit],
        *,
        is_stopped: Callable[[], bool] = never,
    ) -> Iterator[tuple[Unit, Result]]:
        """See `Engine`."""
        if is_stopped():
            return
        yield units[0], function(units[0])
        raise self._error


def totals(made: MemorySnapshot, deadline: Deadline | None = None, **how: Any) -> int:
    reader = partial(Shares, **{"engine": Elsewhere(), "cut": some_of(made, [0, 1], 2), "least": -1, **how})
    found = LedgerStore(made, deadline=deadline, reader=reader).totals(Dimension.PORTS, JUNE, Filter())
    return int(found["packets"].sum())


def test_what_is_small_is_read_here(snapshot: Make) -> None:
    made = snapshot([{"minute": START}, {"minute": START + 1}])
    broken = Engine(EngineError("nobody should ask"))
    assert totals(made, least=2, engine=broken) == 2
    with pytest.raises(UnreachableError, match=r"^nobody should ask$"):
        totals(made, least=1, engine=broken)


def test_tasks_that_run_something_else_are_refused(snapshot: Make) -> None:
    made = snapshot([{"minute": START}, {"minute": START + 1}])

    class Old(Elsewhere):
        def map(self, function: Any, units: Any, **how: Any) -> Iterator[Any]:
            sent = function.args[0]
            yield from super().map(
                partial(function.func, replace(sent, versions="darkscope 0")), units, **how
            )

    assert totals(made) == 2
    with pytest.raises(
        StoreError, match=r"^tasks run darkscope .* polars .*, and whoever asks runs darkscope 0:"
    ):
        totals(made, engine=Old())


def test_time_runs_out_for_tasks_as_it_does_here(snapshot: Make) -> None:
    made, clock = snapshot([{"minute": START}, {"minute": START + 1}]), [0.0]
    deadline = Deadline(1, lambda: clock[0])

    class Slow(Elsewhere):
        def map(self, function: Any, units: Any, **how: Any) -> Iterator[Any]:
            for told in super().map(function, units, **how):
                yield told
                clock[0] += 9

    assert totals(made, Deadline(60)) == 2
    with pytest.raises(TooLong, match=r"^given up after 1 s$"):
        totals(made, deadline, engine=Slow())


def test_a_task_that_comes_late_says_so(snapshot: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    made = snapshot([{"minute": START}, {"minute": START + 1}])
    monkeypatch.setattr(Deadline, "left", -1.0)
    with pytest.raises(TooLong, match="given up after"):
        totals(made, Deadline(60))


def test_a_file_that_cannot_be_read_is_named_by_table_and_day(tmp_path: Path) -> None:
    ledger = Ledger.open_or_create(tmp_path / "ledger")
    book(ledger, [*some(1, 9, FIRST), *some(1, 9, LAST)])
    taken = ledger.snapshot()
    reader = partial(
        Shares,
        engine=Elsewhere(),
        cut=partial(by_files, partial(opened, Settings(ledger=tmp_path / "ledger"))),
        least=-1,
        at_most=1,
    )
    store = LedgerStore(taken, reader=reader)
    assert store.totals(Dimension.PORTS, JUNE, Filter())["packets"].sum() == 18
    (broken,) = taken.files(series.FLOWS).filter(pl.col("day") == LAST)["path"]
    (tmp_path / "ledger" / "flows" / broken).write_bytes(b"PAR1 and then nothing of the kind PAR1")
    with pytest.raises(StoreError, match=f"the ledger's table flows cannot be read on {LAST}: "):
        store.totals(Dimension.PORTS, JUNE, Filter())
    with pytest.raises(StoreError, match=f"the ledger's table flows cannot be read on {LAST}: "):
        store.sources(Dimension.PORTS, JUNE, Filter(), [(6, 3)], Precision.EXACT)
    other = LedgerStore(
        taken,
        reader=partial(reader, cut=partial(by_files, partial(opened, Settings(ledger=tmp_path / "none")))),
    )
    with pytest.raises(StoreError, match="none: no ledger here"):
        other.totals(Dimension.PORTS, JUNE, Filter())
