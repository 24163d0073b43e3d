from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import polars as pl

from darkscope.api.dimension import Dimension
from darkscope.api.periods import Buckets, minute, parse_period
from darkscope.api.ranking import Provenance
from darkscope.api.store import Filter
from darkscope.api.trend import Line, Trend, complete, split
from darkscope.api.watch import Watch

ZONE = ZoneInfo("UTC")
START = minute(datetime(2020, 6, 24, tzinfo=UTC))
HOURS = Buckets(ZONE, "hour", tuple(START + 60 * hour for hour in range(5)))
WATCH = Watch(
    {"a": (3600, 1800, 0, 0), "b": (3600, 3600, 3600, 0)}, {"a": (3600,) * 4, "b": (3600, 3600, 3600, 3600)}
)
PROVENANCE = Provenance(
    7, parse_period("2020-06-24", ZONE, datetime(2020, 8, 1, tzinfo=UTC)), Filter(), WATCH, None
)


def completed(rows: list[tuple[str | None, int, int]], watch: Watch = WATCH) -> Trend:
    return complete(
        Dimension.COUNTRIES,
        pl.DataFrame(
            rows, schema={"country": pl.String, "bucket": pl.Int64, "packets": pl.Int64}, orient="row"
        ),
        [("JP",), ("CN",)],
        HOURS,
        watch=watch,
        label=lambda key: f"in {key[0]}",
        provenance=PROVENANCE,
    )


def test_an_outage_is_a_gap_and_a_true_zero_is_zero() -> None:
    assert completed([("JP", 0, 5), ("JP", 1, 3), ("CN", 2, 9)]) == Trend(
        Dimension.COUNTRIES,
        HOURS,
        (Line("JP", "in JP", (5, 3, 0, None)), Line("CN", "in CN", (0, 0, 9, None))),
        covered=(1.0, 0.75, 0.5, 0.0),
        folded=0,
        provenance=PROVENANCE,
    )


def test_packets_of_no_known_value_are_told_apart() -> None:
    trend = completed([("JP", 0, 5), (None, 0, 7), (None, 2, 1)])
    assert [line.packets for line in trend.lines] == [(5, 0, 0, None), (0, 0, 0, None)]
    assert trend.folded == 8


def test_packets_without_booked_time_are_shown() -> None:
    assert completed([("JP", 3, 2)]).lines[0].packets == (0, 0, 0, 2)


def test_without_any_sensor_everything_is_a_gap() -> None:
    trend = completed([], Watch({}, {}))
    assert trend.lines == (Line("JP", "in JP", (None,) * 4), Line("CN", "in CN", (None,) * 4))
    assert trend.covered == (None,) * 4


def test_a_sensor_that_was_not_yet_there_is_no_outage() -> None:
    watch = Watch({"a": (0, 0, 3600, 3600)}, {"a": (0, 0, 3600, 3600)})
    assert completed([], watch).covered == (None, None, 1.0, 1.0)
    assert watch.outages == ()
    assert watch.share == 1.0


def test_a_value_is_split_into_its_parts_and_a_rest() -> None:
    whole = completed([("JP", 0, 9), ("JP", 1, 3), ("CN", 2, 9)])
    parts = replace(
        whole, lines=(Line("23/TCP", "telnet", (5, 3, 0, None)), Line("80/TCP", "http", (1, 0, 0, None)))
    )
    none = replace(whole, lines=())
    found = split(whole, Dimension.PORTS, [parts, none])
    assert found == replace(
        whole,
        by=Dimension.PORTS,
        lines=(
            Line("JP", "in JP", (5, 3, 0, None), "23/TCP", "telnet"),
            Line("JP", "in JP", (1, 0, 0, None), "80/TCP", "http"),
            Line("JP", "in JP", (3, 0, 0, None), "rest", "rest"),
            Line("CN", "in CN", (0, 0, 9, None), "rest", "rest"),
        ),
    )
