from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkscope.api.calendars import DaysOff
from darkscope.api.periods import Window, minute, parse_period
from darkscope.api.ranking import Provenance
from darkscope.api.rhythm import FEWEST_PACKETS, Home, Row, Slots, Verdict, rhythms, step
from darkscope.api.store import Filter
from darkscope.api.watch import Watch

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
TOKYO = ZoneInfo("Asia/Tokyo")
MONDAY = datetime(2020, 6, 1, tzinfo=VIETNAM)
PROVENANCE = Provenance(
    7, parse_period("2020-06", TOKYO, datetime(2021, 1, 1, tzinfo=UTC)), Filter(), Watch({}, {}), None
)
WEEKEND = frozenset({5, 6})
OFFICE = (*(2,) * 7, 8, 16, 20, 20, 20, 8, 20, 20, 20, 20, 14, 8, *(2,) * 5)
AWAKE = (*(6,) * 6, *(20,) * 18)
ALWAYS = (20,) * 24

NOTHING = "no rise by 9 h and no dip at 12 h and no end by 19 h"

Rate = Callable[[datetime], int]


def row(
    rate: Rate,
    days: int = 28,
    *,
    start: datetime = MONDAY,
    watched: Callable[[datetime], float] = lambda _: 1.0,
    off: DaysOff = DaysOff(WEEKEND, {}),  # noqa: B008 - a value
    zone: ZoneInfo | None = VIETNAM,
) -> Row:
    """The rhythm of packets that come at a rate an hour, of which as much arrives as is watched."""
    hours = [start + timedelta(hours=hour) for hour in range(24 * days)]
    covered = np.array([round(3600 * watched(hour)) for hour in hours])
    counts = np.array([round(rate(hour) * watched(hour)) for hour in hours])
    slots = Slots(np.array([minute(hour) for hour in hours]), covered)
    found = rhythms(
        slots,
        {"VN": counts},
        lambda _: Home(zone, 1, off),
        reader=TOKYO,
        label=lambda country: f"{country} Viet Nam",
        provenance=PROVENANCE,
    )
    return found.rows[0]


def by_hours(hours: tuple[int, ...], rest: float = 1.0) -> Rate:
    return lambda at: round(hours[at.hour] * (rest if at.weekday() in WEEKEND else 1))


@pytest.mark.parametrize(
    ("hours", "verdict", "reason"),
    [
        (OFFICE, Verdict.OFFICE, "rise by 9 h 90%, dip at 12 h 60%, end by 19 h 90%"),
        (AWAKE, Verdict.NONE, "rise by 9 h 47%, dip at 12 h 0%, end by 19 h 0%: no dip at 12 h and no end by 19 h"),
        (ALWAYS, Verdict.NONE, f"rise by 9 h 0%, dip at 12 h 0%, end by 19 h 0%: {NOTHING}"),
        ((0,) * 24, Verdict.UNCLEAR, "too little: 0 packets on 20 working days"),
    ],
)  # fmt: skip
def test_office_hours_are_a_rise_a_dip_and_an_end(
    hours: tuple[int, ...], verdict: Verdict, reason: str
) -> None:
    found = row(by_hours(hours))
    assert (found.verdict, found.reason) == (verdict, reason)


def test_strength_is_that_of_the_weakest_mark() -> None:
    found = row(by_hours(OFFICE))
    assert (found.rise, found.dip, found.end) == pytest.approx((0.9, 0.6, 0.9))
    assert found.strength == pytest.approx(0.6)
    assert row(by_hours(tuple(reversed(AWAKE)))).strength == 0
    assert row(by_hours((0,) * 24)).strength is None


def test_a_profile_has_the_hours_of_both_clocks_and_the_days_of_the_week() -> None:
    found = row(by_hours(OFFICE, rest=0.5))
    assert found.work_hours == OFFICE
    assert found.hours[10] == pytest.approx((20 * 5 + 10 * 2) / 7)
    assert found.reader_hours == (*found.hours[-2:], *found.hours[:-2])  # Tokyo is two hours ahead
    total, rest = sum(OFFICE), sum(OFFICE) / 2
    assert (found.weekdays[0], found.weekdays[6], found.work) == pytest.approx((total, rest, total))
    assert (found.weekend, found.holiday, found.rest_ratio) == (pytest.approx(rest), None, pytest.approx(0.5))
    assert (found.work_days, found.weekend_days, found.holiday_days) == (20, 8, 0)
    assert (found.packets, found.zone, found.zones) == (total * 20 + int(rest) * 8, "Asia/Ho_Chi_Minh", 1)


def test_public_holidays_are_days_of_rest_of_their_own() -> None:
    off = DaysOff(WEEKEND, {date(2020, 6, 3): "a Wednesday", date(2020, 6, 6): "a Saturday"})
    found = row(lambda at: 4 if at.date() in off.holidays else 10, off=off)
    assert (found.work, found.holiday) == pytest.approx((240, 96))
    assert (found.work_days, found.weekend_days, found.holiday_days) == (19, 8, 1)
    assert found.weekend == pytest.approx((7 * 240 + 96) / 8)
    assert found.weekdays == pytest.approx((240,) * 7)
    assert found.holidays == ("2020-06-03 a Wednesday", "2020-06-06 a Saturday")


def test_where_weekends_are_others_they_are() -> None:
    off = DaysOff(frozenset({4, 5}), {})
    found = row(lambda at: 1 if at.weekday() in off.weekend else 10, off=off)
    assert (found.work, found.weekend, found.rest_ratio) == pytest.approx((240, 24, 0.1))


@pytest.mark.parametrize(
    "watched",
    [
        lambda at: 0.0 if at.hour < 7 and at.day % 2 else 1.0,  # every other night
        lambda at: 0.0 if at.hour == 12 and at.day > 7 else 1.0,  # noons
        lambda at: 0.5 if at.hour > 18 else 1.0,  # half of the sensors in the evening
        lambda at: 0.0 if at.weekday() == 6 and at.day < 25 else 1.0,  # Sundays but one
        lambda at: 0.0 if date(2020, 6, 3) <= at.date() < date(2020, 6, 9) else 1.0,
    ],
)
def test_an_outage_is_no_dip(watched: Callable[[datetime], float]) -> None:
    found = row(by_hours(ALWAYS), watched=watched)
    assert found.hours == ALWAYS
    assert found.weekdays == pytest.approx((480,) * 7)
    assert (found.verdict, found.rest_ratio) == (Verdict.NONE, pytest.approx(1))


def test_hours_that_nobody_watched_have_no_rate_and_days_without_all_their_hours_none() -> None:
    found = row(by_hours(ALWAYS), watched=lambda at: float(at.hour < 11))
    assert found.hours == (20,) * 11 + (None,) * 13
    assert (found.work, found.weekend, found.rest_ratio) == (None, None, None)
    assert (found.verdict, found.end, found.strength) == (Verdict.UNCLEAR, None, None)


def test_a_day_that_lies_outside_for_the_most_part_is_none() -> None:
    found = row(by_hours(ALWAYS), 7, start=MONDAY - timedelta(hours=5))
    assert (found.work_days, found.weekend_days) == (5, 2)


@pytest.mark.parametrize(("days", "rate"), [(2, 20), (28, 0)])
def test_of_too_little_nothing_is_said(days: int, rate: int) -> None:
    found = row(lambda at: rate * OFFICE[at.hour] + int(at.hour == 9), days)
    assert found.verdict is Verdict.UNCLEAR
    assert found.reason.startswith("too little: ")


def test_a_few_packets_that_happen_to_look_like_an_office_are_not_certain() -> None:
    found = row(lambda at: int(at.hour in (9, 10, 11, 13, 14, 15, 16) and at.day % 9 == 1), 40)
    assert found.packets < FEWEST_PACKETS
    assert found.verdict is Verdict.UNCLEAR


def test_without_a_zone_only_the_readers_clock_is_told() -> None:
    found = row(by_hours(OFFICE), zone=None)
    assert (found.verdict, found.reason, found.zone) == (Verdict.UNCLEAR, "no time zone is known", None)
    assert found.hours == found.work_hours == (None,) * 24
    assert None not in found.reader_hours
    assert found.weekdays == (None,) * 7


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 50), min_size=24, max_size=24),
    st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=24 * 7, max_size=24 * 7),
)
def test_what_was_watched_never_changes_a_rate(rates: list[int], seen: list[float]) -> None:
    found = row(lambda at: 2 * rates[at.hour], watched=lambda at: seen[at.weekday() * 24 + at.hour], days=7)
    for hour, rate in enumerate(found.hours):
        assert rate is None or rate == pytest.approx(2 * rates[hour])
    assert found.strength is None or 0 <= found.strength <= 1


def test_slots_lie_within_one_hour_of_every_zone() -> None:
    window = Window(datetime(2020, 6, 1, tzinfo=UTC), datetime(2020, 7, 1, tzinfo=UTC))
    assert step([TOKYO, VIETNAM], window) == "hour"
    assert step([TOKYO, ZoneInfo("Asia/Kolkata")], window) == "15m"
    assert step([ZoneInfo("Asia/Kathmandu")], window) == "15m"


def test_a_zone_that_is_half_an_hour_off_for_a_part_of_the_window_has_slots_of_a_quarter() -> None:
    summers = Window(datetime(2019, 3, 1, tzinfo=UTC), datetime(2020, 3, 1, tzinfo=UTC))
    lord_howe = ZoneInfo("Australia/Lord_Howe")  # UTC+11 in summer, UTC+10:30 in winter
    assert {moment.astimezone(lord_howe).utcoffset() for moment in (summers.start, summers.end)} == {
        timedelta(hours=11)
    }
    assert step([lord_howe], summers) == "15m"
