from __future__ import annotations

from datetime import UTC, date, datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest

from darkscope.api.calendars import MOST_POPULOUS, UNINHABITED, Calendars, zone_of, zones_of
from darkscope.ingest.settings import HolidayEntry

SPRING = (date(2020, 4, 1), date(2020, 6, 30))
CODES = [
    line.split("\t")[0]
    for line in files("tzdata.zoneinfo").joinpath("iso3166.tab").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


def holiday(country: str, day: date, name: str = "") -> HolidayEntry:
    return HolidayEntry.model_validate({"country": country, "date": day, "name": name})


def test_the_holidays_of_the_report_are_known_once_the_settings_have_the_one_that_was_moved() -> None:
    calendars = Calendars([holiday("ID", date(2020, 5, 22), "joint leave")])
    vietnam, indonesia = (calendars.days_off(country, *SPRING).holidays for country in ("VN", "ID"))
    assert {date(2020, 4, 30), date(2020, 5, 1)} <= vietnam.keys()
    days = ((5, 1), (5, 7), (5, 21), (5, 22), (5, 24), (5, 25), (6, 1))
    assert {date(2020, *day) for day in days} <= indonesia.keys()
    assert indonesia[date(2020, 5, 22)] == "joint leave"


def test_weekends_are_those_of_the_country() -> None:
    calendars = Calendars()
    weekends = {one: sorted(calendars.days_off(one, *SPRING).weekend) for one in ("JP", "EG", "ZZ")}
    assert weekends == {"JP": [5, 6], "EG": [4, 5], "ZZ": [5, 6]}


def test_only_days_of_the_window_are_told_also_over_a_turn_of_the_year() -> None:
    calendars = Calendars([holiday("ZZ", date(2020, 1, 2)), holiday("ZZ", date(2021, 1, 2))])
    days = calendars.days_off("ZZ", date(2019, 12, 30), date(2020, 1, 3)).holidays
    assert days == {date(2020, 1, 2): "holiday"}
    assert date(2020, 1, 1) in calendars.days_off("JP", date(2019, 12, 30), date(2020, 1, 3)).holidays


@pytest.mark.parametrize("country", CODES)
def test_every_country_has_a_calendar_and_a_country_with_several_clocks_says_which_is_meant(
    country: str,
) -> None:
    assert Calendars().days_off(country, *SPRING).weekend
    moments = [datetime(year, month, 1, tzinfo=UTC) for year in (2014, 2020, 2026) for month in (1, 7)]
    clocks = {
        tuple(moment.astimezone(ZoneInfo(zone)).utcoffset() for moment in moments)
        for zone in zones_of(country)
    }
    assert len(clocks) < 2 or country in MOST_POPULOUS or country in UNINHABITED
    zone = zone_of(country)
    assert zone is None or zone.key in zones_of(country)


def test_a_country_without_a_clock_of_its_own_has_no_zone() -> None:
    assert (zone_of("ZZ"), zone_of("AQ"), zones_of("ZZ")) == (None, None, ())
    assert zone_of("VN") == ZoneInfo("Asia/Ho_Chi_Minh")
