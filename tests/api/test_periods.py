from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkscope.api.periods import EPOCH, PeriodError, Window, cut, parse_days, parse_period, parse_step

TOKYO = ZoneInfo("Asia/Tokyo")
BERLIN = ZoneInfo("Europe/Berlin")
KATHMANDU = ZoneInfo("Asia/Kathmandu")
NOW = datetime(2020, 7, 15, 12, 34, 56, tzinfo=UTC)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "window", "previous"),
    [
        ("2020-Q2", (utc(2020, 4, 1), utc(2020, 7, 1)), utc(2020, 1, 1)),
        ("2020-q1", (utc(2020, 1, 1), utc(2020, 4, 1)), utc(2019, 10, 1)),
        ("2019-Q4", (utc(2019, 10, 1), utc(2020, 1, 1)), utc(2019, 7, 1)),
        ("2020", (utc(2020, 1, 1), utc(2021, 1, 1)), utc(2019, 1, 1)),
        ("2020-06", (utc(2020, 6, 1), utc(2020, 7, 1)), utc(2020, 5, 1)),
        ("2020-01", (utc(2020, 1, 1), utc(2020, 2, 1)), utc(2019, 12, 1)),
        ("2019-12", (utc(2019, 12, 1), utc(2020, 1, 1)), utc(2019, 11, 1)),
        ("2020-06-24", (utc(2020, 6, 24), utc(2020, 6, 25)), utc(2020, 6, 23)),
        ("2020-06-24/2020-06-30", (utc(2020, 6, 24), utc(2020, 7, 1)), utc(2020, 6, 17)),
        ("90m", (utc(2020, 7, 15, 11, 4), utc(2020, 7, 15, 12, 34)), utc(2020, 7, 15, 9, 34)),
        ("24h", (utc(2020, 7, 14, 12, 34), utc(2020, 7, 15, 12, 34)), utc(2020, 7, 13, 12, 34)),
        (" 7d ", (utc(2020, 7, 8, 12, 34), utc(2020, 7, 15, 12, 34)), utc(2020, 7, 1, 12, 34)),
    ],
)
def test_a_period_has_its_window_and_the_one_before(
    text: str, window: tuple[datetime, datetime], previous: datetime
) -> None:
    period = parse_period(text, ZoneInfo("UTC"), NOW)
    assert (period.window, period.previous) == (Window(*window), Window(previous, window[0]))


def test_days_begin_in_the_zone() -> None:
    period = parse_period("2020-Q2", TOKYO, NOW)
    assert period.window == Window(utc(2020, 3, 31, 15), utc(2020, 6, 30, 15))
    assert period.previous == Window(utc(2019, 12, 31, 15), utc(2020, 3, 31, 15))
    assert parse_period("2020-06-24", KATHMANDU, NOW).window == Window(
        utc(2020, 6, 23, 18, 15), utc(2020, 6, 24, 18, 15)
    )


def test_a_month_in_which_the_clock_changes_is_an_hour_shorter() -> None:
    period = parse_period("2020-03", BERLIN, NOW)
    assert period.window == Window(utc(2020, 2, 29, 23), utc(2020, 3, 31, 22))


def test_a_day_whose_midnight_is_skipped_begins_when_the_clock_goes_on() -> None:
    period = parse_period("2018-11-04", ZoneInfo("America/Sao_Paulo"), NOW)
    assert period.window == Window(utc(2018, 11, 4, 3), utc(2018, 11, 5, 2))


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2020-Q5", "20-06", "0h", "24", "24 h", "2020/06", "-7d", "7w"]
)
def test_what_is_not_understood_is_named_with_what_is(text: str) -> None:
    with pytest.raises(PeriodError) as caught:
        parse_period(text, TOKYO, NOW)
    assert str(caught.value) == (
        f"the period {text!r} is not understood; understood are a quarter (2020-Q2), a year (2020), "
        "a month (2020-06), a day (2020-06-24), days with both included (2020-06-24/2020-06-30), "
        "and a stretch up to now (90m, 24h, 7d)"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2020-13", "the period '2020-13' does not exist: month must be in 1..12"),
        ("2020-02-30", "the period '2020-02-30' does not exist: day is out of range for month"),
        ("2020-06-30/2020-06-24", "the period '2020-06-30/2020-06-24' does not exist: its last day "),
        ("99999d", "the period '99999d', or the one before it, lies outside of 1970 to 2999"),
        ("2020-Q4", "the period '2020-Q4' has not begun, or less than a minute ago"),
        ("1970", "the period '1970', or the one before it, lies outside of 1970 to 2999"),
    ],
)  # fmt: skip
def test_a_period_that_cannot_be_says_why(text: str, message: str) -> None:
    with pytest.raises(PeriodError) as caught:
        parse_period(text, TOKYO, NOW)
    assert str(caught.value).startswith(message)


@given(st.text(max_size=25))
def test_any_text_is_a_period_or_a_clear_error(text: str) -> None:
    try:
        period = parse_period(text, TOKYO, NOW)
    except PeriodError:
        return
    assert EPOCH <= period.previous.start < period.previous.end == period.window.start < period.window.end


@given(st.integers(0, 9999), st.integers(1, 4), st.sampled_from([TOKYO, BERLIN, KATHMANDU]))
def test_any_quarter_is_a_period_or_a_clear_error(year: int, quarter: int, zone: ZoneInfo) -> None:
    try:
        period = parse_period(f"{year:04}-Q{quarter}", zone, NOW)
    except PeriodError:
        assert year <= 1970 or (year, quarter) > (2020, 3)
        return
    assert EPOCH <= period.previous.start < period.previous.end == period.window.start < period.window.end


@pytest.mark.parametrize(("day", "hours"), [("2020-03-29", 23), ("2019-10-27", 25), ("2020-06-24", 24)])
def test_a_local_day_has_as_many_hourly_buckets_as_hours(day: str, hours: int) -> None:
    window = parse_period(day, BERLIN, NOW).window
    buckets = cut(window, "hour", BERLIN)
    assert len(buckets) == hours
    assert buckets.window == window


def test_daily_buckets_follow_the_clock() -> None:
    buckets = cut(parse_period("2020-03-28/2020-03-30", BERLIN, NOW).window, "day", BERLIN)
    assert [start.isoformat() for start in buckets.starts] == [
        "2020-03-28T00:00:00+01:00",
        "2020-03-29T00:00:00+01:00",
        "2020-03-30T00:00:00+02:00",
    ]
    assert [end - start for start, end in pairwise(buckets.edges)] == [1440, 1380, 1440]


def test_a_window_that_begins_within_a_bucket_is_widened_and_ends_where_it_ends() -> None:
    buckets = cut(Window(utc(2020, 6, 24, 10, 50), utc(2020, 6, 24, 12, 34)), "hour", KATHMANDU)
    assert [start.isoformat() for start in buckets.starts] == [
        "2020-06-24T16:00:00+05:45",
        "2020-06-24T17:00:00+05:45",
        "2020-06-24T18:00:00+05:45",
    ]
    assert buckets.window == Window(utc(2020, 6, 24, 10, 15), utc(2020, 6, 24, 12, 34))


@pytest.mark.parametrize(
    ("text", "minutes"), [("day", 1440), ("1d", 1440), ("hour", 60), ("15m", 15), ("6h", 360)]
)
def test_steps(text: str, minutes: int) -> None:
    assert parse_step(text) == minutes


@pytest.mark.parametrize("text", ["", "week", "7m", "50m", "7h", "0h", "2d", "45 m"])
def test_a_step_that_does_not_divide_a_day_is_refused(text: str) -> None:
    with pytest.raises(PeriodError, match="is not understood; understood are hour, day"):
        parse_step(text)


@pytest.mark.parametrize(
    ("step", "starts"),
    [
        ("week", ["2020-03-23", "2020-03-30", "2020-04-06"]),
        ("month", ["2020-03-01", "2020-04-01"]),
        ("quarter", ["2020-01-01", "2020-04-01"]),
    ],
)
def test_weeks_months_and_quarters_begin_at_local_midnights_and_end_with_the_window(
    step: str, starts: list[str]
) -> None:
    berlin = ZoneInfo("Europe/Berlin")  # whose clock went forward on 29 March
    window = parse_period("2020-03-28/2020-04-08", berlin, NOW).window
    buckets = cut(window, step, berlin)
    assert [start.isoformat()[:16] for start in buckets.starts] == [f"{day}T00:00" for day in starts]
    assert buckets.window.end == window.end


def test_the_months_of_a_year_are_twelve() -> None:
    buckets = cut(parse_period("2019", ZoneInfo("Asia/Tokyo"), NOW).window, "month", ZoneInfo("Asia/Tokyo"))
    assert [start.month for start in buckets.starts] == [*range(1, 13)]


def test_days_are_whole_utc_days_and_nothing_else() -> None:
    now = datetime(2020, 7, 3, 12, 20, tzinfo=UTC)
    assert parse_days("2020-06", now) == (date(2020, 6, 1), date(2020, 6, 30))
    assert parse_days("2020-06-24", now) == (date(2020, 6, 24), date(2020, 6, 24))
    with pytest.raises(PeriodError, match="the period '24h' is not of whole UTC days"):
        parse_days("24h", now)
