"""What is proposed of small ledgers in memory: outages, new sensors, one sensor's trouble, ranks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from memory_ledger import snapshot_of

from darkscope.api.ask import Observer
from darkscope.api.asked import Asked, Kind
from darkscope.api.dimension import Dimension, value_text
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.phenomena.detector import detect
from darkscope.api.phenomena.proposal import Phenomena
from darkscope.api.selection import KNOWN

FIRST, DAYS = date(2020, 3, 4), 119  # the quarter begins on 1 April
SENSORS = tuple(f"s{number}" for number in range(6))
NOW = datetime(2020, 7, 10, 6, tzinfo=UTC)

Rate = Callable[[str, int], float]
"""Packets expected of a sensor on a day."""


def on(text: str) -> int:
    """Number of a day."""
    return (date.fromisoformat(text) - FIRST).days


def proposed(
    rates: dict[tuple[int, str], Rate],
    watches: Callable[[str, int], bool] = lambda *_: True,
    seed: int = 1,
    period: str = "2020-Q2",
    **how: Any,
) -> Phenomena:
    """Propose of what sensors saw of ports and countries."""
    random = np.random.default_rng(seed)

    def flows() -> Iterator[dict[str, Any]]:
        for sensor in SENSORS:
            for number in range(DAYS):
                if watches(sensor, number):
                    for (port, country), rate in rates.items():
                        packets = int(random.poisson(rate(sensor, number)))
                        if packets:
                            day = FIRST + timedelta(days=number)
                            yield {"minute": f"{day}T10:00", "sensor": sensor, "port": port, "country": country,
                                   "packets": packets}  # fmt: skip

    coverage = [
        {"minute": f"{FIRST + timedelta(days=number)}T{hour:02}:00", "sensor": sensor}
        for sensor in SENSORS
        for number in range(DAYS)
        for hour in range(24)
        if watches(sensor, number)
    ]
    store = LedgerStore(snapshot_of(flows(), coverage))
    observer = Observer(store, pl.DataFrame(schema=KNOWN), value_text, NOW)
    return detect(observer, Asked(Dimension.PORTS, period, **how).question(ZoneInfo("UTC"), NOW))


def steady(rate: float) -> Rate:
    return lambda *_: rate


def test_the_outage_of_the_sensor_that_receives_most_is_no_phenomenon() -> None:
    big = {"s0": 400.0}
    rates: dict[tuple[int, str], Rate] = {
        (23, "CN"): lambda sensor, _: big.get(sensor, 40.0),
        (8080, "US"): lambda sensor, _: 200.0 if sensor == "s0" else 0.0,
        (445, "VN"): steady(30),
    }
    out = range(on("2020-05-04"), on("2020-05-14"))
    assert proposed(rates, lambda sensor, day: not (sensor == "s0" and day in out)).rows == ()


def test_a_new_sensor_and_one_that_left_are_no_phenomenon() -> None:
    rates: dict[tuple[int, str], Rate] = {(23, "CN"): steady(60), (445, "VN"): steady(40)}

    def watches(sensor: str, day: int) -> bool:
        return {"s0": day >= on("2020-05-10"), "s1": day < on("2020-05-20")}.get(sensor, True)

    assert proposed(rates, watches).rows == ()


def test_what_one_sensor_alone_receives_is_local_and_told_last() -> None:
    rates: dict[tuple[int, str], Rate] = {
        (23, "CN"): steady(60),
        (12543, "JP"): lambda sensor, day: 2000.0 if sensor == "s3" and 60 <= day < 68 else 0.0,
        (445, "VN"): lambda _, day: 90.0 if day >= 70 else 30.0,
    }
    found = proposed(rates)
    assert [(row.subject, row.kind.value, row.verdict.value) for row in found.rows] == [
        ("445/TCP", "rose", "wide"),
        ("12543/TCP", "jumped", "local"),
    ]
    assert [part.value for part in found.rows[1].sensors] == ["s3"]
    assert (found.rows[1].start, found.rows[1].end) == (
        FIRST + timedelta(days=60), FIRST + timedelta(days=67),
    )  # fmt: skip


def test_a_change_before_the_period_belongs_to_the_one_before() -> None:
    rates: dict[tuple[int, str], Rate] = {
        (23, "CN"): steady(60),
        (445, "VN"): lambda _, day: 90.0 if day >= on("2020-03-20") else 30.0,
    }
    assert [row for row in proposed(rates).rows if row.kind.value == "rose"] == []


def test_a_ledger_that_is_younger_than_its_period_has_nothing_usual() -> None:
    rates: dict[tuple[int, str], Rate] = {(23, "CN"): steady(60), (445, "VN"): steady(40)}
    assert proposed(rates, lambda _, day: day >= on("2020-06-20")).rows == ()


@pytest.mark.parametrize("period", ["2020-03-04", "2020-06-01/2020-06-07", "2019-Q2", "2h", "28d"])
def test_any_period_can_be_asked(period: str) -> None:
    rates: dict[tuple[int, str], Rate] = {(23, "CN"): steady(60), (445, "VN"): steady(40)}
    assert proposed(rates, period=period).rows == ()


def test_a_question_about_some_packets_is_about_them_alone() -> None:
    rates: dict[tuple[int, str], Rate] = {
        (23, "CN"): lambda _, day: 200.0 if day >= 70 else 60.0,
        (445, "VN"): lambda _, day: 90.0 if day >= 70 else 30.0,
    }
    found = proposed(rates, ports=["445/tcp"])
    assert [row.subject for row in found.rows] == ["445/TCP"]


def test_nothing_observed_is_nothing_proposed() -> None:
    assert proposed({}, lambda *_: False).rows == ()
    assert proposed({}).rows == ()
    assert proposed({(23, "CN"): steady(60)}, kind=Kind.HONEYPOT).rows == ()
