from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from simulated import home

from darkscope.ingest.simulate import scenario

SHOWN = scenario("2020-q2")
RISE = date(2020, 4, 28)
TOP_FIVE = [rank.name for rank in SHOWN.truth.ports]


@pytest.fixture(scope="module")
def quarter(spring: pl.DataFrame) -> pl.DataFrame:
    """What telescopes at home received in the quarter."""
    return spring.filter(pl.col("sensor").is_in(home(SHOWN)), pl.col("day").is_between(*SHOWN.truth.period))


def daily(table: pl.DataFrame, country: str, *, zone: str = "Asia/Tokyo") -> dict[date, int]:
    """Packets of a country to 445/TCP by its local day."""
    found = table.filter(pl.col("service") == "445/TCP", pl.col("country") == country)
    return dict(found.group_by(day=pl.col("at").dt.convert_time_zone(zone).dt.date()).len().rows())


def mean(counts: dict[date, int], days: list[date]) -> float:
    return sum(counts.get(day, 0) for day in days) / len(days)


def between(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def test_445_rises_from_28_april_while_1433_falls(quarter: pl.DataFrame) -> None:
    def ratio(service: str) -> float:
        days = quarter.filter(pl.col("service") == service)["day"]
        return float((days >= date(2020, 5, 4)).sum() / 58) / float((days < RISE).sum() / 27)

    assert ratio("445/TCP") > 1.8
    assert ratio("1433/TCP") < 0.6
    assert 0.9 < ratio("23/TCP") < 1.1


def test_vietnam_rises_first_and_most(quarter: pl.DataFrame) -> None:
    vietnam = daily(quarter, "VN")
    assert mean(vietnam, [RISE, date(2020, 4, 29)]) > 2.5 * mean(
        vietnam, between(date(2020, 4, 20), date(2020, 4, 24))
    )
    late = quarter.filter(pl.col("service") == "445/TCP", pl.col("day") >= RISE)
    assert late["country"].value_counts(sort=True)["country"][0] == "VN"


@pytest.mark.parametrize(("country", "zone"), [("VN", "Asia/Ho_Chi_Minh"), ("ID", "Asia/Jakarta")])
def test_offices_rest_on_weekends_and_holidays(country: str, zone: str, quarter: pl.DataFrame) -> None:
    holidays = set((SHOWN.holidays or {})[country])
    counts = daily(quarter, country, zone=zone)
    days = between(date(2020, 5, 6), date(2020, 6, 29))
    rests = [day for day in days if day.weekday() >= 5 or day in holidays]
    works = [day for day in days if day not in rests]
    assert mean(counts, rests) < 0.6 * mean(counts, works)
    weekday_holidays = [day for day in days if day in holidays and day.weekday() < 5]
    if weekday_holidays:
        assert mean(counts, weekday_holidays) < 0.65 * mean(counts, works)


def test_the_holidays_are_those_of_the_report() -> None:
    assert SHOWN.holidays == {
        "VN": (date(2020, 4, 30), date(2020, 5, 1)),
        "ID": tuple(date(2020, *day) for day in ((5, 1), (5, 7), (5, 21), (5, 22), (5, 24), (5, 25), (6, 1))),
    }


def hourly(table: pl.DataFrame, country: str, zone: str) -> list[int]:
    """Packets to 445/TCP by local hour in the last week of June."""
    found = table.filter(
        pl.col("service") == "445/TCP",
        pl.col("country") == country,
        pl.col("day").is_between(date(2020, 6, 24), date(2020, 6, 30)),
    )
    counts = dict(found.group_by(pl.col("at").dt.convert_time_zone(zone).dt.hour()).len().rows())
    return [counts.get(hour, 0) for hour in range(24)]


def test_vietnam_keeps_office_hours(quarter: pl.DataFrame) -> None:
    hours = hourly(quarter, "VN", "Asia/Ho_Chi_Minh")
    night, busy = sum(hours[:6]) / 6, sum(hours[9:12]) / 3
    assert hours[6] < hours[7] < busy
    assert busy > 3 * night
    assert hours[12] < 0.7 * min(hours[11], hours[13])
    assert max(hours[19:]) < 0.5 * hours[17]


def test_japan_knows_neither_weekends_nor_office_hours(quarter: pl.DataFrame) -> None:
    counts = daily(quarter, "JP")
    days = between(date(2020, 5, 6), date(2020, 6, 30))
    weekends = [day for day in days if day.weekday() >= 5]
    assert 0.8 < mean(counts, weekends) / mean(counts, [day for day in days if day.weekday() < 5]) < 1.25
    found = quarter.filter(
        pl.col("service") == "445/TCP", pl.col("country") == "JP", pl.col("day") >= date(2020, 5, 2)
    )
    by_hour = dict(found.group_by(pl.col("at").dt.convert_time_zone("Asia/Tokyo").dt.hour()).len().rows())
    office = sum(by_hour[hour] for hour in range(9, 18)) / 9
    evening = sum(by_hour[hour] for hour in range(18, 24)) / 6
    assert 0.8 < evening / office < 1.25
    assert sum(by_hour[hour] for hour in range(5)) / 5 < 0.65 * office


def test_russia_and_the_netherlands_ask_for_the_most_ports_and_the_least_for_the_top_five(
    quarter: pl.DataFrame,
) -> None:
    first = [rank.name for rank in SHOWN.truth.countries]
    table = (
        quarter.filter(pl.col("country").is_in(first))
        .group_by("country")
        .agg(
            ports=pl.col("service").n_unique(), top=pl.col("service").is_in(TOP_FIVE).sum(), packets=pl.len()
        )
        .with_columns(share=pl.col("top") / pl.col("packets"))
    )
    assert set(table.sort("ports", descending=True)["country"][:2]) == {"RU", "NL"}
    assert set(table.sort("share")["country"][:2]) == {"RU", "NL"}
    assert set(table.sort("top")["country"][:2]) == {"RU", "NL"}


def test_broad_scanners_touch_more_than_ten_ports_a_day(spring: pl.DataFrame) -> None:
    telescopes = [sensor.id for sensor in SHOWN.sensors if not sensor.honeypot]
    wide = (
        spring.filter(pl.col("sensor").is_in(telescopes), pl.col("day") == date(2020, 5, 20))
        .group_by("country", "source")
        .agg(ports=pl.col("service").n_unique())
        .filter(pl.col("ports") > 10)
    )
    assert set(wide["country"].value_counts(sort=True)["country"][:2]) == {"RU", "NL"}


def test_mirai_marks_packets_to_23_and_2323_alone(spring: pl.DataFrame) -> None:
    syn = spring.filter(pl.col("protocol") == 6, pl.col("flags") == 2, pl.col("version") == 4)
    marked = syn.filter(pl.col("sequence") == pl.col("target"))
    assert set(marked["port"].unique()) == {23, 2323}
    asked = syn.filter(pl.col("port").is_in([23, 2323]), pl.col("country") != "RU")
    assert 0.4 < len(marked) / len(asked) < 0.8
