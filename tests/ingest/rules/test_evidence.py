"""Verdicts about a source, from merged rows of `sources`."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkscope.ingest.rules.evidence import is_broad, is_confirmed, tool_of_source
from darkscope.ingest.series import SOURCES, Column, Tool

VERDICTS = (
    tool_of_source().alias("tool"),
    is_broad().alias("broad"),
    is_confirmed().alias("confirmed"),
)


def row(**columns: Any) -> dict[str, Any]:
    """One row of `sources`, empty but for the columns given."""
    empty = {column.name: _nothing(column) for column in SOURCES.columns}
    return empty | {"packets": 100} | columns


def _nothing(column: Column) -> Any:
    if column.type == pl.List(pl.Int64()):
        return []
    return "" if column.type == pl.String() else 0


def verdicts(*rows: dict[str, Any]) -> dict[str, Any]:
    """What is said of one source when its partial rows were merged."""
    table = pl.DataFrame(list(rows), schema=SOURCES.schema)
    merged = table.group_by(SOURCES.keys).agg(*SOURCES.merged())
    return merged.select(VERDICTS).row(0, named=True)


def tool(**columns: Any) -> str:
    return str(verdicts(row(**columns))["tool"])


def pair(key: int, *numbers: int) -> list[int]:
    return sorted(key << 32 | number for number in numbers)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, Tool.NONE),
        ({"mirai": 1}, Tool.MIRAI),
        ({"zmap": 2}, Tool.ZMAP),
        ({"zmap": 1}, Tool.NONE),
        ({"masscan": 2}, Tool.MASSCAN),
        ({"masscan": 1}, Tool.NONE),
        ({"masscan": 15, "packets": 1_000_000}, Tool.NONE),  # what chance gives
        ({"zmap": 15, "packets": 1_000_000}, Tool.NONE),
        ({"masscan": 3, "packets": 768}, Tool.MASSCAN),
        ({"nmap": pair(7, 0x00050002, 0x00060001)}, Tool.NMAP),
        ({"nmap": pair(7, 0x00050002, 0x01060101)}, Tool.NONE),  # no count of tries
        ({"nmap": pair(7, 9)}, Tool.NONE),
        ({"nmap": [7 << 32 | 9, 8 << 32 | 9]}, Tool.NONE),
        ({"unicornscan": pair(-7, 9, 1 << 30)}, Tool.UNICORNSCAN),
        ({"unicornscan": [-7 << 32 | 9, -6 << 32 | 9]}, Tool.NONE),
        ({"mirai": 1, "masscan": 5, "zmap": 5}, Tool.MIRAI),
        ({"zmap": 5, "masscan": 5}, Tool.ZMAP),
    ],
)
def test_a_source_has_the_first_tool_that_its_evidence_names(columns: dict[str, Any], expected: Tool) -> None:
    assert tool(**columns) == expected


def test_more_than_ten_ports_in_a_day_make_a_source_broad() -> None:
    assert not verdicts(row(ports=list(range(10))))["broad"]
    assert verdicts(row(ports=list(range(11))))["broad"]


def test_a_handshake_both_offered_and_completed_confirms_a_source() -> None:
    assert verdicts(row(offered=[1, 2, 3], completed=[0, 3]))["confirmed"]
    assert not verdicts(row(offered=[1, 2, 3], completed=[4]))["confirmed"]
    assert not verdicts(row(completed=[4]))["confirmed"]


observations = st.lists(
    st.builds(
        dict,
        packets=st.just(1),
        mirai=st.integers(0, 1),
        zmap=st.integers(0, 1),
        masscan=st.integers(0, 1),
        nmap=st.lists(st.sampled_from(pair(3, 0x10001, 0x20002, 0x30003) + pair(1, 0)), max_size=1),
        unicornscan=st.lists(st.sampled_from(pair(-3, 1, 2) + pair(1, 0)), max_size=1),
        ports=st.lists(st.integers(0, 40), max_size=1),
        offered=st.lists(st.integers(0, 30), max_size=1),
        completed=st.lists(st.integers(0, 30), max_size=1),
    ),
    min_size=1,
    max_size=40,
)


@given(observations, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_verdicts_do_not_depend_on_how_packets_were_cut_into_batches(
    seen: list[dict[str, Any]], chance: Any
) -> None:
    whole = verdicts(*(row(**packet) for packet in seen))
    shuffled = list(seen)
    chance.shuffle(shuffled)
    batches, rest = [], shuffled
    while rest:
        size = chance.randint(1, len(rest))
        batches.append(rest[:size])
        rest = rest[size:]
    partial = pl.concat(
        pl.DataFrame([row(**packet) for packet in batch], schema=SOURCES.schema)
        .group_by(SOURCES.keys)
        .agg(*SOURCES.merged())
        .select(list(SOURCES.schema))
        for batch in batches
    )
    again = partial.group_by(SOURCES.keys).agg(*SOURCES.merged()).select(VERDICTS).row(0, named=True)
    assert again == whole
