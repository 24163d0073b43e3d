from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from darkscope.api.console.bar import Bar, days_text, quarter_of, stepped
from darkscope.api.periods import parse_period

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2020, 6, 30, 12, tzinfo=UTC)


def bar(*given: tuple[str, str], path: str = "/", base: str = "") -> Bar:
    return Bar.of(base, path, given)


def test_what_is_said_of_every_page_goes_along_and_what_is_this_pages_own_stays() -> None:
    one = bar(("period", "7d"), ("sensor", "a"), ("sensor", "b"), ("q", "x"), ("home", ""))
    assert one.link() == "/?period=7d&sensor=a&sensor=b&q=x"
    assert one.link("/sources") == "/sources?period=7d&sensor=a&sensor=b"


def test_a_change_takes_the_place_of_all_values_of_a_parameter() -> None:
    one = bar(("period", "7d"), ("sensor", "a"), ("sensor", "b"))
    assert one.link(sensor=["c"], live=True) == "/?period=7d&sensor=c&live=true"
    assert one.link(sensor=None, period="") == "/"
    assert one.link(class_="scan") == "/?period=7d&sensor=a&sensor=b&class=scan"
    assert one.without("sensor", "a") == "/?period=7d&sensor=b"


def test_parts_of_a_path_are_quoted_whole_and_a_proxys_path_comes_before() -> None:
    one = bar(("period", "7d"), base="/dark")
    assert one.link("/sources", "2001:db8::1") == "/dark/sources/2001%3Adb8%3A%3A1?period=7d"
    assert one.link("/sensors", "../a?b#c<") == "/dark/sensors/..%2Fa%3Fb%23c%3C?period=7d"
    assert one.link("/") == "/dark/?period=7d"


def test_filters_are_told_in_the_order_of_the_address() -> None:
    one = bar(("port", "23/tcp"), ("period", "7d"), ("country", "VN"), ("class", "scan"))
    assert one.narrowed == (("port", "23/tcp"), ("country", "VN"), ("class", "scan"))


@pytest.mark.parametrize(
    ("text", "earlier", "later"),
    [
        ("2020-Q1", "2019-Q4", "2020-Q2"),
        ("2019", "2018", "2020"),
        ("2020-01", "2019-12", "2020-02"),
        ("2020-03-01", "2020-02-29", "2020-03-02"),
        ("2020-06-03/2020-06-09", "2020-05-27/2020-06-02", "2020-06-10/2020-06-16"),
        ("7d", "2020-06-16/2020-06-22", None),
        ("90m", "2020-06-29", None),
    ],
)
def test_the_period_before_and_after_is_of_the_same_kind(text: str, earlier: str, later: str | None) -> None:
    period = parse_period(text, TOKYO, NOW)
    assert stepped(period, -1) == earlier
    if later is not None:
        assert stepped(period, 1) == later


def test_a_quarter_is_that_of_the_moments_own_zone() -> None:
    moment = datetime(2020, 6, 30, 20, tzinfo=UTC)
    assert (quarter_of(moment), quarter_of(moment.astimezone(TOKYO))) == ("2020-Q2", "2020-Q3")
    assert days_text(moment.date(), moment.date()) == "2020-06-30"
