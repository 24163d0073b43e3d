"""What the console's pages ask: steps, calls, and that a call is the question of its section."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from darkscope.api.ask import Observer
from darkscope.api.dimension import Dimension, value_text
from darkscope.api.http import sections
from darkscope.api.http.questions import Narrowed
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.periods import parse_period
from darkscope.api.selection import KNOWN

NOW = datetime(2020, 6, 30, 12, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")


@pytest.mark.parametrize(
    ("period", "step"),
    [
        *(("60m", "1m"), ("12h", "5m"), ("24h", "30m"), ("7d", "2h"), ("30d", "6h"), ("2020-Q2", "day")),
        *(("2019", "day"), ("2018-01-01/2020-06-30", "week"), ("2012-01-01/2020-06-30", "month")),
    ],
)
def test_a_chart_has_some_hundred_buckets_whatever_the_period(period: str, step: str) -> None:
    assert sections.step(parse_period(period, UTC_ZONE, NOW)) == step


def test_a_call_says_all_that_is_asked_and_nothing_else() -> None:
    view = Narrowed.model_validate(
        {
            "period": "7d",
            "time_zone": "Asia/Tokyo",
            "home": False,
            "sensor": ("a", "b"),
            "class": ("scan",),
            "port": ("445/TCP",),
        }
    )
    period = parse_period("7d", UTC_ZONE, NOW)
    section = sections.leading(view, period, Dimension.COUNTRIES)
    call = urlsplit(section.call(format="csv"))
    assert call.path == "/v1/rankings/countries"
    assert parse_qs(call.query) == {
        "period": ["7d"],
        "time_zone": ["Asia/Tokyo"],
        "home": ["false"],
        "sensor": ["a", "b"],
        "class": ["scan"],
        "port": ["445/TCP"],
        "format": ["csv"],
    }
    picture = urlsplit(section.chart)
    assert picture.path == "/v1/trends/countries"
    assert parse_qs(picture.query)["step"] == ["2h"]


def test_what_is_compared_with_the_period_before_is_all_of_it(snapshot: Callable[..., Any]) -> None:
    tables = snapshot(
        [
            {"minute": "2020-06-23T01:00", "packets": 30},
            {"minute": "2020-06-23T02:00", "packets": 10, "class": "backscatter"},
            {"minute": "2020-06-24T01:00", "packets": 20},
        ],
        [{"minute": f"2020-06-{day}T{hour:02}:00"} for day in (23, 24) for hour in range(12)],
    )
    who = Observer(LedgerStore(tables), pl.DataFrame(schema=KNOWN), value_text, NOW)
    asked = Narrowed.model_validate({"period": "2020-06-24", "time_zone": "UTC"})
    question = asked.asked(Dimension.CLASSES).question(UTC_ZONE, NOW)
    shown = sections.now(asked, question.period).ask(who, question)
    assert (shown["rate"], shown["earlier"]) == (40.0, 80.0)


def test_a_section_of_one_port_keeps_what_the_page_is_narrowed_to() -> None:
    view = Narrowed.model_validate({"period": "24h", "country": ("VN",)})
    section = sections.port(view, (6, 445))
    assert urlsplit(section.call()).path == "/v1/ports/tcp/445"
    assert parse_qs(urlsplit(section.call()).query) == {"country": ["VN"], "limit": ["8"], "period": ["24h"]}
