from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkscope.api.dimension import Dimension
from darkscope.api.targets import BITS, estimated

NOBODY_KNOWS: dict[str, int | None] = {}
FULL = -1
"""A mark with all bits."""


def marks(*rows: tuple[int, str, int, int]) -> pl.DataFrame:
    """Port (of TCP), sensor, IP version, mark."""
    schema = {
        "protocol": pl.Int16,
        "port": pl.Int32,
        "sensor": pl.String,
        "version": pl.Int16,
        "targets": pl.Int64,
    }
    return pl.DataFrame([(6, *row) for row in rows], schema=schema, orient="row")


def told(rows: pl.DataFrame, watched: dict[str, int | None] = NOBODY_KNOWS) -> dict[int, list[Any]]:
    found = estimated(Dimension.PORTS, rows, watched)
    assert found.columns == ["protocol", "port", "targets", "error", "is_saturated"]
    return {port: row for _, port, *row in found.rows()}


def test_marks_of_one_sensor_merge_and_those_of_several_add() -> None:
    rows = marks((23, "a", 4, 0b0011), (23, "a", 4, 0b0110), (23, "b", 4, 0b0001), (80, "a", 4, 0b1000))
    found = told(rows)
    assert {port: row[0] for port, row in found.items()} == {23: 4, 80: 1}
    # 64 ln(64 / 61) = 3.07 of a, 64 ln(64 / 63) = 1.01 of b; sqrt(64 (e^t - t - 1)) = 0.2738, 0.0893
    assert found[23][1] == pytest.approx(np.hypot(0.2738, 0.0893) / 4.080, rel=1e-3)
    assert found[23][2] is False


def test_addresses_of_both_versions_are_different_ones() -> None:
    assert told(marks((23, "a", 4, 0b11), (23, "a", 6, 0b11)))[23][0] == 4


def test_of_a_full_mark_it_is_known_that_there_were_many() -> None:
    # As many as leave one bit of 64, 64 ln 64 = 266.2, and the other sensor's one.
    assert told(marks((23, "a", 4, FULL), (23, "b", 4, 1))) == {23: [267, None, True]}


def test_a_sensor_has_no_more_addresses_than_the_settings_say() -> None:
    full = marks((23, "a", 4, FULL))
    assert told(full, {"a": 256}) == {23: [256, 0.0, False]}
    assert told(full, {"a": 1024}) == {23: [266, None, True]}
    assert told(full, {"a": None}) == {23: [266, None, True]}
    assert told(marks((23, "a", 6, FULL)), {"a": 256}) == {23: [266, None, True]}
    assert told(marks((23, "a", 4, 0b1111)), {"a": 4}) == {23: [4, 0.0, False]}


def test_sensors_are_told_by_their_own_marks() -> None:
    rows = marks((23, "a", 4, 1), (80, "a", 4, 2), (23, "b", 4, 1))
    found = estimated(Dimension.SENSORS, rows.select("sensor", "version", "targets"), {})
    assert {(sensor, targets) for sensor, targets, *_ in found.rows()} == {("a", 2), ("b", 1)}


def test_nothing_went_nowhere() -> None:
    assert told(marks()) == {}
    assert told(marks((23, "a", 4, 0))) == {23: [0, None, False]}


@settings(max_examples=60, deadline=None)
@given(addresses=st.integers(1, 150), seed=st.integers(0, 1 << 16))
def test_the_error_says_how_far_off_an_estimate_is(addresses: int, seed: int) -> None:
    bits = np.random.default_rng([addresses, seed]).integers(0, BITS, addresses)
    mark = np.bitwise_or.reduce(np.uint64(1) << bits.astype(np.uint64)).astype(np.int64)
    targets, error, is_saturated = told(marks((23, "a", 4, int(mark))))[23]
    assert is_saturated or abs(targets - addresses) <= 0.5 + 5 * error * targets


def test_the_same_marks_in_another_order_are_told_the_same() -> None:
    dice = np.random.default_rng(3)
    rows = marks(*((23, f"sensor-{number}", 4, int(dice.integers(1, 1 << 40))) for number in range(40)))
    first = told(rows)
    assert all(told(rows.sample(fraction=1, shuffle=True, seed=seed)) == first for seed in range(20))
