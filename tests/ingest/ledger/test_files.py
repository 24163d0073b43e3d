"""Rows of data files: merged, and in the order of the questions."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkscope.ingest.ledger.files import merge, ordered
from darkscope.ingest.series import CAPTURES, FLOWS, SOURCES, TABLES, Merge, Table

WHOLE = st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 2)
NARROW = st.integers(-2, 2)
TEXT = st.sampled_from(["", "a", "b", "é", "zz"])
SET = st.lists(st.integers(-3, 3), unique=True, max_size=2).map(sorted)


def rows_of(table: Table, numbers: st.SearchStrategy[int]) -> st.SearchStrategy[pl.DataFrame]:
    of = {pl.String(): TEXT, pl.Int64(): numbers, pl.List(pl.Int64()): SET}
    row = st.fixed_dictionaries({name: of.get(kind, NARROW) for name, kind in table.schema.items()})
    return st.lists(row, max_size=12).map(lambda rows: pl.DataFrame(rows, schema=table.schema))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
@settings(max_examples=25, deadline=None)
@given(data=st.data(), numbers=st.sampled_from([WHOLE, NARROW]))
def test_rows_are_sorted_by_all_columns_of_the_order(
    table: Table, data: st.DataObject, numbers: st.SearchStrategy[int]
) -> None:
    rows = data.draw(rows_of(table, numbers))
    found = ordered(table, rows)
    assert found.select(table.order).equals(rows.sort(table.order).select(table.order))
    assert sorted(map(repr, found.rows())) == sorted(map(repr, rows.rows()))


@settings(max_examples=100, deadline=None)
@given(rows=rows_of(FLOWS, NARROW) | rows_of(SOURCES, NARROW))
def test_rows_of_one_key_become_one_and_no_sum_moves(rows: pl.DataFrame) -> None:
    table = FLOWS if rows.columns == list(FLOWS.schema) else SOURCES
    found = merge(table, rows)
    assert found.select(table.keys).is_unique().all()
    assert set(found.select(table.keys).rows()) == set(rows.select(table.keys).rows())
    for column in table.columns:
        if column.merge is Merge.SUM:
            assert found[column.name].sum() == rows[column.name].sum()
    assert found.equals(ordered(table, found))


def test_partial_rows_are_merged_by_column_and_others_stay() -> None:
    def row(**changes: Any) -> dict[str, Any]:
        values = {name: "" if kind == pl.String else 0 for name, kind in SOURCES.schema.items()}
        sets = {name: [] for name, kind in SOURCES.schema.items() if isinstance(kind, pl.List)}
        return {**values, **sets, **changes}

    early = row(source_low=1, first=5, last=6, country="JP", packets=2, ports=[3, 9], nmap=[1, 4])
    late = row(source_low=1, first=7, last=9, country="CN", packets=3, ports=[2, 9], nmap=[2, 8])
    other = row(source_low=2, packets=1)
    found = merge(SOURCES, pl.DataFrame([late, other, early], schema=SOURCES.schema)).to_dicts()
    merged = {**early, "last": 9, "packets": 5, "ports": [2, 3, 9], "nmap": [1, 2]}
    assert found == [merged, other]


def test_facts_are_never_merged() -> None:
    values = {name: "" if kind == pl.String else 0 for name, kind in CAPTURES.schema.items()}
    assert merge(CAPTURES, pl.DataFrame([values, values], schema=CAPTURES.schema)).height == 2
