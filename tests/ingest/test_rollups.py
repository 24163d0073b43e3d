"""Rollups: sums of flows by quarters of an hour or days, from whole rows or partial ones."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from flows import DEFAULTS

from darkscope.ingest.rollups import finer, partitions, roll_up, step
from darkscope.ingest.series import (
    FLOWS,
    MONTH_ROLLUPS,
    ROLLUP_ALL_PORTS_MONTH,
    ROLLUP_COUNTRIES,
    ROLLUP_COUNTRIES_MONTH,
    ROLLUP_OWNERS,
    ROLLUP_OWNERS_MONTH,
    ROLLUP_PORT_COUNTRIES,
    ROLLUP_PORTS,
    ROLLUP_PORTS_DAY,
    ROLLUP_PORTS_MONTH,
    ROLLUP_TOOLS,
    ROLLUP_TOOLS_MONTH,
    ROLLUPS,
    Table,
)

START = 18_000 * 1440
FLOW = {"minute": START, **DEFAULTS, "country": "CN", "asn": 7}


def flows(*changes: dict[str, object]) -> pl.LazyFrame:
    return pl.LazyFrame([FLOW | change for change in changes], schema=FLOWS.schema)


def rolled(table: Table, *changes: dict[str, object]) -> list[tuple[object, ...]]:
    return (
        roll_up(flows(*changes), table)
        .select(*table.keys, "packets", "bytes")
        .sort(table.keys)
        .collect()
        .rows()
    )


def test_ports_are_summed_by_quarter_sensor_class_and_protocol() -> None:
    found = rolled(
        ROLLUP_PORTS,
        {"minute": START + 14},
        {"source_low": 2, "country": "US"},
        {"minute": START + 15},
        {"protocol": 17},
        {"sensor": "b"},
        {"class": "backscatter"},
        {"port": -1, "packets": 5, "bytes": 300},
    )
    assert found == [
        (START, "a", "backscatter", 6, 23, 1, 60),
        (START, "a", "scan", 6, -1, 5, 300),
        (START, "a", "scan", 6, 23, 2, 120),
        (START, "a", "scan", 17, 23, 1, 60),
        (START, "b", "scan", 6, 23, 1, 60),
        (START + 15, "a", "scan", 6, 23, 1, 60),
    ]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (ROLLUP_COUNTRIES, [(START, "a", "scan", "CN", 2, 120), (START + 1425, "a", "scan", "US", 1, 60)]),
        (ROLLUP_OWNERS, [(START, "a", "scan", 7, 2, 120), (START + 1425, "a", "scan", 7, 1, 60)]),
        (ROLLUP_TOOLS, [(START, "a", "scan", "", 2, 120), (START + 1425, "a", "scan", "mirai", 1, 60)]),
        (ROLLUP_PORTS_DAY, [(START, "a", "scan", 6, 23, 3, 180)]),
        (
            ROLLUP_PORT_COUNTRIES,
            [(START, "a", "scan", 6, 23, "CN", 2, 120), (START, "a", "scan", 6, 23, "US", 1, 60)],
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Table) else None,
)
def test_each_rollup_has_its_own_keys(table: Table, expected: list[tuple[object, ...]]) -> None:
    found = rolled(
        table, {}, {"minute": START + 1}, {"minute": START + 1439, "country": "US", "tool": "mirai"}
    )
    assert found == expected


APRIL = 18_353 * 1440
MAY = 18_383 * 1440


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (
            ROLLUP_PORTS_MONTH,
            [
                (APRIL, "a", "scan", 6, 23, 1, 60),
                (APRIL, "b", "scan", 6, 23, 1, 60),
                (MAY, "a", "scan", 6, 23, 1, 60),
            ],
        ),
        (ROLLUP_ALL_PORTS_MONTH, [(APRIL, "scan", 6, 23, 2, 120), (MAY, "scan", 6, 23, 1, 60)]),
        (
            ROLLUP_COUNTRIES_MONTH,
            [
                (APRIL, "a", "scan", "CN", 1, 60),
                (APRIL, "b", "scan", "CN", 1, 60),
                (MAY, "a", "scan", "CN", 1, 60),
            ],
        ),
        (
            ROLLUP_OWNERS_MONTH,
            [
                (APRIL, "a", "scan", 7, 1, 60),
                (APRIL, "b", "scan", 7, 1, 60),
                (MAY, "a", "scan", 7, 1, 60),
            ],
        ),
        (
            ROLLUP_TOOLS_MONTH,
            [
                (APRIL, "a", "scan", "", 1, 60),
                (APRIL, "b", "scan", "", 1, 60),
                (MAY, "a", "scan", "", 1, 60),
            ],
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Table) else None,
)
def test_rollups_of_months_are_summed_by_utc_months(table: Table, expected: list[tuple[object, ...]]) -> None:
    found = rolled(table, {"minute": APRIL}, {"minute": MAY - 1, "sensor": "b"}, {"minute": MAY})
    assert found == expected


def test_a_rollup_made_of_a_finer_one_is_the_one_made_of_flows() -> None:
    changes = (
        {"minute": APRIL},
        {"minute": APRIL + 16, "sensor": "b", "packets": 2},
        {"minute": APRIL + 16, "sensor": "b", "packets": 2, "country": "US", "class": "other"},
        {"minute": MAY - 1, "asn": 8, "tool": "zmap", "port": 80},
        {"minute": MAY, "protocol": 17},
    )
    for table in (*ROLLUPS, *MONTH_ROLLUPS):
        rows, chain = flows(*changes), [table]
        while chain[-1] is not FLOWS:
            chain.append(finer(chain[-1]))
        for one in reversed(chain[:-1]):
            rows = roll_up(rows, one)
        found = rows.select(*table.keys, "packets", "bytes").sort(table.keys).collect().rows()
        assert found == rolled(table, *changes)


def test_the_sums_of_a_day_lie_under_the_day_or_the_first_of_its_month() -> None:
    days = [date(2020, 4, 30), date(2020, 5, 1), date(2020, 5, 31)]
    assert partitions(ROLLUP_PORTS_DAY, days) == set(days)
    assert partitions(ROLLUP_PORTS_MONTH, days) == {date(2020, 4, 1), date(2020, 5, 1)}


def test_steps_divide_the_days_and_hours_of_every_zone() -> None:
    for table in ROLLUPS:
        assert 1440 % step(table) == 0
        assert step(table) in (15, 1440)


def test_partial_rows_and_whole_ones_give_the_same_sums() -> None:
    for table in (*ROLLUPS, *MONTH_ROLLUPS):
        assert rolled(table, {"packets": 2, "bytes": 120}) == rolled(table, {}, {})


def test_nothing_rolls_up_to_nothing() -> None:
    for table in (*ROLLUPS, *MONTH_ROLLUPS):
        assert rolled(table) == []
