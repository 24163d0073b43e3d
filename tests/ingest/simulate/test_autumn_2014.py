from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from simulated import home

from darkscope.ingest.simulate import scenario

SHOWN = scenario("2014-q4")
NAS = ("US", "TW", "DE", "FR", "JP")


@pytest.fixture(scope="module")
def at_home(autumn: pl.DataFrame) -> pl.DataFrame:
    return autumn.filter(pl.col("sensor").is_in(home(SHOWN)))


def a_day(
    table: pl.DataFrame, service: str, first: tuple[int, int], last: tuple[int, int], *countries: str
) -> float:
    """Packets a day between two days of 2014, both included."""
    begin, end = date(2014, *first), date(2014, *last)
    found = table.filter(pl.col("service") == service, pl.col("day").is_between(begin, end))
    if countries:
        found = found.filter(pl.col("country").is_in(countries))
    return len(found) / ((end - begin).days + 1)


def test_telnet_stands_high_for_a_week_in_early_november_and_falls_again(at_home: pl.DataFrame) -> None:
    october, week = a_day(at_home, "23/TCP", (10, 1), (10, 31)), a_day(at_home, "23/TCP", (11, 4), (11, 10))
    after = a_day(at_home, "23/TCP", (11, 14), (11, 27))
    assert week > 1.8 * october
    assert after < 1.25 * october


def test_telnet_swings_widely_in_december(at_home: pl.DataFrame) -> None:
    peaks = [a_day(at_home, "23/TCP", (12, day), (12, day)) for day in (4, 10, 16, 23, 29)]
    lows = [a_day(at_home, "23/TCP", (12, day), (12, day)) for day in (1, 6, 12, 19, 25)]
    assert min(peaks) > 1.4 * max(lows)


def test_sources_in_japan_join_on_telnet_in_early_december(at_home: pl.DataFrame) -> None:
    assert a_day(at_home, "23/TCP", (12, 4), (12, 31), "JP") > 5 * a_day(
        at_home, "23/TCP", (11, 1), (11, 30), "JP"
    )


def test_china_swings_on_8080_from_early_november(at_home: pl.DataFrame) -> None:
    def china(*days: tuple[int, int]) -> float:
        return a_day(at_home, "8080/TCP", *days, "CN")

    highs = [
        china((11, 5), (11, 6)),
        china((11, 14), (11, 15)),
        china((12, 4), (12, 6)),
        china((12, 16), (12, 17)),
    ]
    lows = [
        china((10, 1), (11, 2)),
        china((11, 9), (11, 11)),
        china((11, 18), (11, 21)),
        china((12, 10), (12, 13)),
    ]
    assert min(highs) > 1.6 * max(lows)


@pytest.mark.parametrize("country", NAS)
def test_nas_countries_rise_on_8080_at_the_turn_to_december(country: str, at_home: pl.DataFrame) -> None:
    before = a_day(at_home, "8080/TCP", (11, 1), (11, 26), country)
    assert a_day(at_home, "8080/TCP", (12, 2), (12, 31), country) > 5 * before


def test_countries_on_8080_stand_in_the_reports_order(at_home: pl.DataFrame) -> None:
    quarter = at_home.filter(pl.col("service") == "8080/TCP", pl.col("day") >= date(2014, 10, 1))
    assert quarter["country"].value_counts(sort=True)["country"].to_list()[:6] == [
        "CN",
        "US",
        "TW",
        "DE",
        "FR",
        "JP",
    ]


def test_the_same_few_devices_ask_for_10000_from_late_december(autumn: pl.DataFrame) -> None:
    third = autumn.filter(pl.col("service") == "10000/TCP", pl.col("country").is_in(NAS))
    late = third.filter(pl.col("day") >= date(2014, 12, 23))
    second = autumn.filter(pl.col("service") == "8080/TCP", pl.col("day") >= date(2014, 11, 27))
    assert len(third) - len(late) < 0.05 * len(late)
    assert len(late.join(second, on="source", how="semi")) > 0.95 * len(late)
    japan = second.filter(pl.col("country") == "JP")
    assert japan["source"].n_unique() < 60
    assert (japan["source"] // 1024).n_unique() < 40


def test_one_sensor_alone_gets_the_leftovers_of_a_peer_to_peer_network(at_home: pl.DataFrame) -> None:
    (decoy,) = SHOWN.truth.decoys
    left = at_home.filter(
        pl.col("service").is_in([f"{decoy.port}/TCP", f"{decoy.port}/UDP"]), pl.col("country") == "JP"
    )
    assert left.group_by("sensor").len().rows() == [(decoy.sensor, len(left))]
    assert left["day"].is_between(*decoy.days).all()
    assert {service: count > 1500 for service, count in left.group_by("service").len().rows()} == {
        "12543/TCP": True,
        "12543/UDP": True,
    }


def test_japan_rises_in_mid_october_because_of_that_sensor_only(at_home: pl.DataFrame) -> None:
    japan = at_home.filter(pl.col("country") == "JP")
    here = japan.filter(pl.col("sensor") == "sapporo-1")
    others = japan.filter(pl.col("sensor") != "sapporo-1")

    def ratio(table: pl.DataFrame) -> float:
        high = len(table.filter(pl.col("day").is_between(date(2014, 10, 14), date(2014, 10, 17)))) / 4
        usual = len(table.filter(pl.col("day").is_between(date(2014, 10, 1), date(2014, 10, 12)))) / 12
        return high / usual

    assert ratio(here) > 20
    assert 0.7 < ratio(others) < 1.3


def test_mirai_did_not_exist(autumn: pl.DataFrame) -> None:
    syn = autumn.filter(pl.col("protocol") == 6, pl.col("flags") == 2, pl.col("version") == 4)
    assert syn.filter(pl.col("sequence") == pl.col("target")).is_empty()
