from __future__ import annotations

import os
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from darkscope.api import ledger_store
from darkscope.api.deadline import UNWATCHED, Deadline, TooLong
from darkscope.api.dimension import Dimension
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.periods import Window, instant
from darkscope.api.store import Filter, Precision, TooMuch
from darkscope.ingest import series

ROWS, FILES = 2_000_000, 20
MANY = UNWATCHED + 1


def cpu() -> float:
    used = os.times()
    return used.user + used.system


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows whose distinct ones take seconds to count, many times over."""
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    random = np.random.default_rng(0)
    keys, values = random.integers(0, 1 << 62, ROWS), random.integers(0, 60_000, ROWS)
    pl.DataFrame({"key": keys, "value": values}).write_parquet(path, row_group_size=100_000)
    return path


def heavy(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.unique().group_by("value").agg(pl.len())


def test_a_query_that_takes_too_long_ends_soon_and_leaves_the_processors(file: Path) -> None:
    deadline = Deadline(0.3)
    rows = deadline.watched(pl.scan_parquet([file] * FILES), FILES * ROWS)
    begun = time.monotonic()
    with pytest.raises(TooLong, match=r"given up after 0\.3 s"):
        heavy(rows).collect(engine="streaming")
    assert time.monotonic() - begun < 5
    used = cpu()
    time.sleep(0.5)
    assert cpu() - used < 0.25  # of one second and more that two processors would have had


def test_a_query_in_time_has_the_same_rows_and_what_it_skips_is_still_skipped(file: Path) -> None:
    plain = pl.scan_parquet(file)
    watched = Deadline(60).watched(plain, MANY)
    narrowed = [
        rows.filter(pl.col("value") < 9).select("value").group_by("value").len() for rows in (plain, watched)
    ]
    first, second = (rows.sort("value").collect(engine="streaming") for rows in narrowed)
    assert first.equals(second)
    assert "PROJECT 1/2 COLUMNS" in narrowed[1].explain()
    assert "SELECTION" in narrowed[1].explain()


def test_the_time_begins_with_the_first_rows_that_are_asked_for() -> None:
    clock = [0.0]
    deadline = Deadline(2, lambda: clock[0])
    clock[0] = 100
    rows = deadline.watched(pl.LazyFrame({"one": [1]}), MANY)
    clock[0] = 102
    assert rows.collect().height == 1
    clock[0] = 102.5
    with pytest.raises(TooLong):
        rows.collect()
    with pytest.raises(TooLong):
        deadline.watched(pl.LazyFrame(), 0)


def test_few_rows_are_not_looked_at_but_many_of_one_question_together_are() -> None:
    rows, deadline = pl.LazyFrame({"one": [1]}), Deadline(60)
    assert [deadline.watched(rows, count) is rows for count in (UNWATCHED - 1, 1, 1, 1)] == [
        True,
        True,
        False,
        False,
    ]


def test_every_question_of_a_store_keeps_the_deadline(snapshot: Any) -> None:
    clock = [0.0]
    store = LedgerStore(snapshot([{}]), deadline=Deadline(1, lambda: clock[0]))
    window = Window(instant(0), instant(60))
    assert store.totals(Dimension.PORTS, window, Filter()).height == 1
    clock[0] = 9
    for ask in (
        lambda: store.totals(Dimension.PORTS, window, Filter()),
        lambda: store.sensors(window),
    ):
        with pytest.raises(TooLong):
            ask()


def test_a_failure_while_time_runs_out_is_not_taken_for_a_damaged_ledger(snapshot: Any) -> None:
    clock = [0.0]

    class Failing:
        version = 1

        def scan(self, table: series.Table, first: date, last: date) -> pl.LazyFrame:
            def fail(_: pl.DataFrame) -> pl.DataFrame:
                clock[0] = 9
                raise pl.exceptions.ComputeError("what polars makes of it")

            rows: pl.LazyFrame = snapshot([{}]).scan(table, first, last)
            return rows.map_batches(fail)

        def rows(self, *_: object) -> int:
            return 1

        def days(self, _: series.Table) -> frozenset[date]:
            return frozenset()

        def told(self, error: Exception) -> str:
            return str(error)

        def files(self, table: series.Table) -> pl.DataFrame:
            files: pl.DataFrame = snapshot([{}]).files(table)
            return files

    store = LedgerStore(Failing(), deadline=Deadline(1, lambda: clock[0]))
    with pytest.raises(TooLong):
        store.sensors(Window(instant(0), instant(60)))


def test_exact_sources_of_too_many_flows_are_refused_where_there_is_a_deadline(
    snapshot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_store, "EXACT_FLOWS", 2)
    monkeypatch.setattr(ledger_store, "MOST_EXACT", 3)
    rows = snapshot([{"source_low": number, "minute": number} for number in range(4)])
    window, wanted = Window(instant(0), instant(60)), [(6, 23)]

    def count(deadline: Deadline | None, precision: Precision) -> int:
        store = LedgerStore(rows, deadline=deadline)
        return int(store.sources(Dimension.PORTS, window, Filter(), wanted, precision)["sources"].item())

    with pytest.raises(TooMuch, match="among 3 flows at most, and these are 4: estimated needs less"):
        count(Deadline(60), Precision.EXACT)
    assert [count(Deadline(60), Precision.ESTIMATED), count(None, Precision.EXACT)] == [4, 4]
    monkeypatch.setattr(ledger_store, "MOST_EXACT", 4)
    assert count(Deadline(60), Precision.EXACT) == 4
