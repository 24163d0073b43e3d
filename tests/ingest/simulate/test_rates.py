from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from darkscope.ingest.simulate import rates, scenario
from darkscope.ingest.simulate.probes import RAW
from darkscope.ingest.simulate.rates import plan
from darkscope.ingest.simulate.scenario import Pool, Rhythm, Scenario, Stream, Truth, level

EVEN = Rhythm()


@pytest.fixture(autouse=True)
def _even_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "DAILY_NOISE", 0.0)


def of(stream: Stream) -> Scenario:
    """One week from Monday, 1 June 2020, with one stream."""
    week = Truth((date(2020, 6, 2), date(2020, 6, 7)), (date(2020, 6, 1), date(2020, 6, 1)), (), ())
    return replace(
        scenario("2020-q2"), zone="UTC", streams=(stream,), truth=week, holidays={"ID": (date(2020, 6, 3),)}
    )


def daily(shown: Scenario) -> list[float]:
    return np.round(plan(shown, 1).packets.reshape(-1, 7, 24).sum(axis=(0, 2)), 6).tolist()


def stream(country: str, rhythm: Rhythm = EVEN, **more: object) -> Stream:
    return Stream("one", (1,), ((RAW, 1),), Pool("some", lifetime=1), {country: 24.0}, rhythm, **more)


def test_rates_are_packets_a_day() -> None:
    assert daily(of(stream("GB"))) == [24.0] * 7


def test_days_begin_where_utc_days_do_and_cover_both_periods() -> None:
    made = plan(scenario("2014-q4"), 1)
    assert (made.day(0), made.day(made.days - 1)) == (date(2014, 6, 30), date(2014, 12, 31))


def test_saturdays_sundays_and_holidays_are_days_of_rest() -> None:
    assert daily(of(stream("GB", Rhythm(rest=0.5)))) == [24.0] * 5 + [12.0] * 2
    # Jakarta is 7 hours ahead: its days of rest begin 7 hours before the UTC day, and end there.
    assert daily(of(stream("ID", Rhythm(rest=0.5)))) == [24.0, 20.5, 15.5, 24.0, 20.5, 12.0, 15.5]


def test_hours_are_those_of_the_source() -> None:
    noon = Rhythm(tuple(float(hour == 12) for hour in range(24)))
    packets = plan(of(stream("VN", noon)), 1).packets[0, :24]
    assert np.flatnonzero(packets).tolist() == [5]


def test_levels_are_linear_between_their_days() -> None:
    shape = level(2020, ("06-02", 1), ("06-04", 3), ("06-05", 0))
    assert daily(of(stream("GB", level=shape))) == [24.0, 36.0, 60.0, 36.0, 0.0, 0.0, 0.0]


def test_a_country_may_have_a_level_of_its_own() -> None:
    shape, own = level(2020, ("06-01", 5)), level(2020, ("06-01", 2))
    assert daily(of(stream("GB", level=shape, levels={"GB": own}))) == [48.0] * 7
