from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkscope.api.breadth import Breadth, Row, Seen, Verdict, judge
from darkscope.api.periods import parse_period
from darkscope.api.ranking import Provenance
from darkscope.api.store import Filter
from darkscope.api.watch import Watch

WEEK = 7 * 86_400
PROVENANCE = Provenance(
    7,
    parse_period("2020-06", ZoneInfo("UTC"), datetime(2020, 8, 1, tzinfo=UTC)),
    Filter(),
    Watch({}, {}),
    Watch({}, {}),
)


def seen(sensor: str, packets: int, before: int) -> Seen:
    return Seen(sensor, packets, before, WEEK, WEEK, WEEK, WEEK)


def judged(*sensors: Seen) -> Breadth:
    return judge(sensors, label=lambda sensor: sensor.title(), provenance=PROVENANCE)


def network(*counts: tuple[int, int]) -> list[Seen]:
    return [seen(f"s{number}", now, before) for number, (now, before) in enumerate(counts)]


def test_a_rise_that_every_sensor_shares_is_wide() -> None:
    assert judged(*network((210, 70), (140, 70), (140, 70))) == Breadth(
        Verdict.WIDE,
        "3 of 3 sensors share the rise; without S0 75% of the rise remains",
        growth=490 / 210,
        sensors=3,
        sharing=3,
        effective_sensors=(20 + 10 + 10) ** 2 / (20**2 + 10**2 + 10**2),
        remaining=pytest.approx((280 / 142 - 1) / (490 / 213 - 1)),
        largest="s0",
        rows=(
            Row("s0", "S0", 210, 70, 30.0, 10.0, 3.0, 0.5, shares=True),
            Row("s1", "S1", 140, 70, 20.0, 10.0, 2.0, 0.25, shares=True),
            Row("s2", "S2", 140, 70, 20.0, 10.0, 2.0, 0.25, shares=True),
        ),
        provenance=PROVENANCE,
    )


def test_a_rise_that_one_sensor_explains_is_local() -> None:
    found = judged(*network((70, 70), (900, 70), (69, 70), (74, 70)))
    assert (found.verdict, found.largest, found.sharing) == (Verdict.LOCAL, "s1", 1)
    assert found.reason == "S1 explains it: without S1 0% of the rise remains"
    assert found.effective_sensors == pytest.approx(1.0, abs=0.01)


def test_what_was_never_seen_before_has_a_breadth_too() -> None:
    assert judged(*network((30, 0), (40, 0), (20, 0), (50, 0))).verdict is Verdict.WIDE
    found = judged(*network((0, 0), (0, 0), (0, 0), (50, 0)))
    assert (found.verdict, found.growth, found.rows[0].growth) == (Verdict.LOCAL, None, None)


def test_a_large_sensor_that_rises_like_the_others_does_not_make_a_rise_local() -> None:
    assert judged(*network((20_000, 10_000), (40, 20), (36, 18), (44, 22))).verdict is Verdict.WIDE


def test_a_rise_that_neither_one_nor_most_sensors_explain_is_unclear() -> None:
    found = judged(*network((400, 100), (300, 100), (100, 100), (100, 100), (100, 100)))
    assert (found.verdict, found.sharing, found.largest) == (Verdict.UNCLEAR, 2, "s0")
    assert found.reason == "2 of 5 sensors share the rise; without S0 49% of the rise remains"


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ([], "0 sensors watched both periods; 3 are needed"),
        ([(500, 5), (400, 4)], "2 sensors watched both periods; 3 are needed"),
        ([(70, 70), (75, 70), (72, 70)], "no rise: the sensors' rate is 1.02 times that before"),
        ([(10, 70), (5, 70), (7, 70)], "no rise: the sensors' rate is 0.10 times that before"),
    ],
)
def test_without_a_rise_or_without_sensors_nothing_is_clear(
    counts: list[tuple[int, int]], reason: str
) -> None:
    found = judged(*network(*counts))
    assert (found.verdict, found.reason) == (Verdict.UNCLEAR, reason)


def test_a_sensor_that_did_not_watch_half_of_a_period_is_not_compared() -> None:
    half = replace(seen("half", 900, 0), previous_seconds=WEEK // 2)
    less = replace(seen("less", 900, 0), previous_seconds=WEEK // 2 - 1)
    new = replace(seen("new", 900, 0), previous_seconds=0, previous_expected=0)
    found = judged(*network((70, 70), (70, 70)), half, less, new)
    assert [row.sensor for row in found.rows] == ["half", "s0", "s1"]


def test_an_outage_is_no_fall_and_its_end_no_rise() -> None:
    two_days = {"previous_seconds": 4 * 86_400}
    found = judged(*(replace(one, **two_days) for one in network((70, 40), (70, 40), (70, 40))))
    assert found.growth == 1.0
    assert found.verdict is Verdict.UNCLEAR


@pytest.mark.parametrize("sensors", [3, 8, 20])
@pytest.mark.parametrize("mean", [2, 30, 1000])
def test_noise_is_neither_wide_nor_local(sensors: int, mean: int) -> None:
    chance = np.random.default_rng(11)
    spread = chance.gamma(20, mean / 20, size=(200, sensors, 1))  # sensors differ, and keep what they are
    counts = chance.poisson(np.repeat(spread, 2, axis=2))
    verdicts = [judged(*network(*map(tuple, trial.tolist()))).verdict for trial in counts]
    assert verdicts.count(Verdict.WIDE) == 0
    assert verdicts.count(Verdict.LOCAL) <= 4


@given(
    st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, WEEK), st.integers(0, WEEK)),
        max_size=12,
    )
)
def test_any_counts_have_a_verdict_whose_numbers_keep_their_bounds(
    counts: list[tuple[int, int, int, int]],
) -> None:
    sensors = [
        Seen(f"s{n}", now, before, time, earlier, WEEK, WEEK)
        for n, (now, before, time, earlier) in enumerate(counts)
    ]
    found = judged(*sensors)
    assert found.sensors == len(found.rows) <= len(counts)
    assert 0 <= found.sharing <= found.sensors
    assert found.remaining is None or 0 <= found.remaining <= 1
    assert found.effective_sensors is None or 0.999 <= found.effective_sensors <= found.sensors + 0.001
    parts = sum(row.part for row in found.rows)
    assert parts == pytest.approx(1) or (parts == 0 and found.largest is None)
