from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from darkscope.api.charts import browser
from darkscope.api.charts.trends import trend_chart
from darkscope.api.dimension import Dimension
from darkscope.api.periods import Window, cut
from darkscope.api.trend import Line, Trend
from darkscope.ingest.values import Language

WEEK = Window(datetime(2020, 6, 22, tzinfo=UTC), datetime(2020, 6, 29, tzinfo=UTC))


@pytest.fixture
def trend() -> Trend:
    """A week of a port, with a day that nobody watched."""
    buckets = cut(WEEK, "day", ZoneInfo("UTC"))
    line = Line("23/TCP", "23/TCP (telnet)", (5, 6, None, 8, 9, 4, 3))
    covered = (1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.5)
    return Trend(Dimension.PORTS, buckets, (line,), covered, 0, None)


def units(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [unit for layer in spec["layer"] for unit in (units(layer) if "layer" in layer else [layer])]


@pytest.mark.parametrize("stacked", [False, True])
def test_a_stretch_of_a_trend_can_be_marked_and_what_layers_say_is_said_once(
    trend: Trend, stacked: bool
) -> None:
    drawn = trend_chart(trend, Language.EN, stacked=stacked)
    before = json.dumps(drawn)
    found = browser.zoomed(browser.fluid(drawn))
    assert json.dumps(drawn) == before
    assert (found["width"], found["height"]) == ("container", "container")
    (marked,) = [unit for unit in units(found) if "params" in unit]
    assert marked["params"] == [{"name": "marked", "select": {"type": "interval", "encodings": ["x"]}}]
    assert [unit for unit in units(found) if "domain" in unit["encoding"]["x"]["scale"]] == [marked]
    assert [unit["data"] for unit in found["layer"] if unit.get("data", {}).get("name")] == [
        {"name": "events", "values": []}
    ]


def test_every_value_is_told_under_the_pointer_and_not_only_the_marked_ones(trend: Trend) -> None:
    found = browser.zoomed(trend_chart(trend, Language.EN))
    unseen = units(found)[-1]
    assert unseen["mark"]["opacity"] == 0
    assert "transform" not in unseen
    assert [one["field"] for one in unseen["encoding"]["tooltip"]] == ["name", "when", "packets"]


def test_the_script_is_one_file_that_gives_what_draws_and_fetches_nothing() -> None:
    text = gzip.decompress(browser.script()).decode()
    assert "window.vegaEmbed" in text
    assert "expressionInterpreter" in text
    assert "import " not in text[:200]
    assert browser.script() is browser.script()
    assert len(browser.script()) < 400_000
