"""Rows that are shared out come out as they came in, however little of them is held in memory."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from polars.testing import assert_frame_equal

from darkscope.ingest.ledger import shares as module
from darkscope.ingest.ledger.shares import sharing

EDGES = [-(1 << 63), -1, 0, 7, (1 << 63) - 1]
VALUES = some.sampled_from(EDGES) | some.integers(-9, 9)


def rows(values: list[int]) -> pl.DataFrame:
    """Rows that tell in which order they came, with a text and a list as tables have them."""
    return pl.DataFrame(
        {
            "value": pl.Series(values, dtype=pl.Int64),
            "number": pl.Series(range(len(values)), dtype=pl.Int32),
            "text": [f"text that is longer than what lies in a row, {value}" for value in values],
            "set": pl.Series([[value, 3][: value % 3] for value in values], dtype=pl.List(pl.Int64())),
        }
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    some.lists(some.lists(VALUES, max_size=6), max_size=6),
    some.lists(VALUES, unique=True, max_size=5).map(sorted),
    some.sampled_from([0, 200, 1 << 20]),
)
def test_each_share_has_its_rows_in_their_order(
    tmp_path: Path, parts: list[list[int]], bounds: list[int], held: int
) -> None:
    whole = rows([value for part in parts for value in part])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "HELD", held)
        with sharing(tmp_path, "value", bounds) as shares:
            start = 0
            for part in parts:
                shares.add(whole.slice(start, len(part)))
                start += len(part)
            found = list(shares)
    value = pl.col("value")
    edges = [value.is_not_null(), *(value >= bound for bound in bounds)]
    ends = [*(value < bound for bound in bounds), value.is_not_null()]
    expected = [whole.filter(low, high) for low, high in zip(edges, ends, strict=True)]
    expected = [share for share in expected if share.height]
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert_frame_equal(one, other)


def summed(some_rows: pl.DataFrame) -> pl.DataFrame:
    return some_rows.group_by("value", maintain_order=True).agg(pl.col("number").sum())


@pytest.mark.parametrize("held", [0, 200, 1 << 20])
def test_what_means_the_same_in_fewer_rows_is_made_fewer_before_it_leaves_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    monkeypatch.setattr(module, "HELD", held)
    part = rows([1, 2, 3] * 10).select("value", "number")
    with sharing(tmp_path, "value", [2], summed) as shares:
        for _ in range(20):
            shares.add(part)
        found = [summed(share).rows() for share in shares]
    totals = summed(part).rows()
    assert found == [[(1, 20 * totals[0][1])], [(value, 20 * total) for value, total in totals[1:]]]


def test_nothing_lies_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD", 0)
    with sharing(tmp_path, "value", [5]) as shares:
        shares.add(rows([1, 9]))
        assert list(tmp_path.iterdir()) == []
        assert len(list(shares)) == 2
    assert list(tmp_path.iterdir()) == []
