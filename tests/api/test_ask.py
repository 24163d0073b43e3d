from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from darkscope.api import ask
from darkscope.api.ask import Observer, Question
from darkscope.api.asked import Asked
from darkscope.api.dimension import Dimension, value_text
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.periods import parse_period
from darkscope.api.selection import KNOWN, Selection, organisations
from darkscope.api.store import NotHeldError, Precision, TooMuch

Make = Callable[..., Any]
ZONE = ZoneInfo("UTC")
HOUR = 3600
KNOWN_SENSORS = pl.DataFrame(
    [
        ("a", "a", "north", "telescope", True, None, date(2020, 6, 24), 4),
        ("a", "a", "south", "telescope", False, date(2020, 6, 24), None, 2),
        ("late", "late", "north", "telescope", True, date(2020, 6, 24), None, None),
    ],
    schema=KNOWN,
    orient="row",
)


def told(seconds: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    return {sensor: list(its) for sensor, its in seconds.items()}


def observer(tables: Any, known: pl.DataFrame, now: datetime) -> Observer:
    return Observer(LedgerStore(tables, organisations(known)), known, value_text, now)


def question(period: str, dimension: Dimension, now: datetime, **selection: Any) -> Question:
    return Question(dimension, parse_period(period, ZONE, now), Selection(**selection))


def hours(day: int, sensor: str, count: int = 24) -> list[dict[str, Any]]:
    return [{"minute": f"2020-06-{day}T{hour:02}:00", "sensor": sensor} for hour in range(count)]


@pytest.fixture
def tables(snapshot: Make) -> Any:
    return snapshot(
        [
            {"minute": "2020-06-23T01:00", "packets": 24},
            {"minute": "2020-06-24T01:00", "packets": 48},
            {"minute": "2020-06-24T02:00", "sensor": "late", "packets": 6},
        ],
        hours(23, "a") + hours(24, "a") + hours(24, "late", 12),
    )


LATER = datetime(2020, 8, 1, tzinfo=UTC)


def test_a_sensor_is_only_expected_while_it_was_there(tables: Any) -> None:
    asked = question("2020-06-23/2020-06-24", Dimension.SENSORS, LATER)
    watch = observer(tables, KNOWN_SENSORS, LATER).top(asked, 5, Precision.NONE).provenance.now
    assert told(watch.covered) == {"a": [48 * HOUR], "late": [12 * HOUR]}
    assert told(watch.expected) == {"a": [48 * HOUR], "late": [24 * HOUR]}
    assert (watch.share, watch.outages) == (60 / 72, ("late",))


def test_watched_time_is_the_same_however_many_sensors_are_asked_for_at_once(
    tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = question("2020-06-22/2020-06-24", Dimension.PORTS, LATER)
    watches = []
    for at_once in (ask.WATCHED_AT_ONCE, 1):
        monkeypatch.setattr(ask, "WATCHED_AT_ONCE", at_once)
        watches.append(observer(tables, KNOWN_SENSORS, LATER).trend(asked, "12h", [], 5).provenance.now)
    assert [told(one.covered) for one in watches] == 2 * [
        {"a": [0, 0, *4 * [12 * HOUR]], "late": [0, 0, 0, 0, 12 * HOUR, 0]}
    ]
    assert [told(one.expected) for one in watches] == 2 * [
        {"a": 6 * [12 * HOUR], "late": [0, 0, 0, 0, *2 * [12 * HOUR]]}
    ]


def test_more_stretches_of_sensors_than_there_is_room_for_are_refused_before_they_are_laid_out(
    tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask, "MOST_WATCHED", 5)
    asked = question("2020-06-22/2020-06-24", Dimension.PORTS, LATER)
    with pytest.raises(TooMuch, match="at most, and these are 3 of 2 sensors"):
        observer(tables, KNOWN_SENSORS, LATER).trend(asked, "day", [], 5)


def test_each_organisation_is_averaged_over_its_own_watched_time(tables: Any) -> None:
    asked = question("2020-06-23/2020-06-24", Dimension.ORGANISATIONS, LATER)
    ranking = observer(tables, KNOWN_SENSORS, LATER).top(asked, 5, Precision.NONE)
    assert [(row.value, row.packets, row.per_sensor_day) for row in ranking.rows] == [
        ("south", 48, 48.0),
        ("north", 30, 20.0),
    ]


def test_home_and_abroad_follow_the_sensor_that_moved(tables: Any) -> None:
    asked = question("2020-06-23/2020-06-24", Dimension.SENSORS, LATER, home=False)
    ranking = observer(tables, KNOWN_SENSORS, LATER).top(asked, 5, Precision.NONE)
    assert [(row.value, row.packets, row.per_sensor_day) for row in ranking.rows] == [("a", 48, 48.0)]


def test_time_to_come_is_neither_expected_nor_drawn(tables: Any) -> None:
    now = datetime(2020, 6, 24, 6, 30, 59, tzinfo=UTC)
    asked = question("2020-06", Dimension.SENSORS, now)
    watch = observer(tables, KNOWN_SENSORS, now).top(asked, 5, Precision.NONE).provenance.now
    assert told(watch.expected) == {"a": [(23 * 24 + 6) * HOUR + 1800], "late": [6 * HOUR + 1800]}
    trend = observer(tables, KNOWN_SENSORS, now).trend(
        question("2020-06-24", Dimension.SENSORS, now), "hour", [], 1
    )
    assert len(trend.buckets) == 7
    assert trend.lines[0].packets == (0, 48, 0, 0, 0, 0, 0)


def test_a_sensor_nobody_knows_counts_as_a_telescope_at_home(tables: Any) -> None:
    known = pl.DataFrame(schema=KNOWN)
    asked = question("2020-06-24", Dimension.PORTS, LATER, home=True)
    ranking = observer(tables, known, LATER).top(asked, 5, Precision.EXACT)
    assert [(row.value, row.packets, row.previous_packets, row.sources) for row in ranking.rows] == [
        ("23/TCP", 54, 24, 1)
    ]
    assert ranking.provenance.now.sensors == ("a", "late")


def test_a_sensor_in_its_outage_is_a_gap_while_others_go_on(tables: Any) -> None:
    asked = question("2020-06-24", Dimension.SENSORS, LATER, sensors=("late",))
    trend = observer(tables, KNOWN_SENSORS, LATER).trend(asked, "6h", [("late",)], 1)
    assert (trend.lines[0].packets, trend.covered) == ((6, 0, None, None), (1.0, 1.0, 0.0, 0.0))


class Folding(LedgerStore):
    """A store that does not know 23/TCP apart."""

    def totals(self, *asked: Any, **how: Any) -> pl.DataFrame:
        whole = super().totals(*asked, **how)
        if "port" not in whole.columns:
            return whole
        is_folded = pl.col("port") == 23
        return whole.with_columns(pl.when(~is_folded).then(name).alias(name) for name in ("protocol", "port"))


def test_a_spread_is_refused_where_ports_are_folded(snapshot: Make) -> None:
    made = snapshot([{"minute": "2020-06-24T01:00", "port": port} for port in (23, 80)])
    who = Observer(Folding(made), KNOWN_SENSORS, value_text, LATER)
    with pytest.raises(
        NotHeldError, match=r"not all ports are known apart here.*set api\.store = \"ledger\""
    ):
        who.spread(question("2020-06-24", Dimension.COUNTRIES, LATER), 5, 5)


def test_what_is_folded_counts_in_a_ranking_and_is_not_ranked(snapshot: Make) -> None:
    made = snapshot([{"minute": "2020-06-24T01:00", "port": port} for port in (23, 80)])
    who = Observer(Folding(made), KNOWN_SENSORS, value_text, LATER)
    ranking = who.top(question("2020-06-24", Dimension.PORTS, LATER), 5, None)
    assert (ranking.packets, ranking.values, ranking.folded) == (2, 1, 1)
    assert [(row.value, row.share, row.sources) for row in ranking.rows] == [("80/TCP", 0.5, 1)]


def test_a_sensor_that_changed_is_averaged_over_the_addresses_of_each_time(tables: Any) -> None:
    known = KNOWN_SENSORS.with_columns(addresses=pl.Series([4, 2, 10]))
    asked = question("2020-06-23/2020-06-24", Dimension.PORTS, LATER)
    (row,) = observer(tables, known, LATER).top(asked, 5, Precision.NONE).rows
    days = 4 + 2 + 10 / 2  # a day of four addresses, one of two, and half a day of ten
    assert (row.packets, row.per_address_day) == (78, 78 / days)
    (row,) = observer(tables, KNOWN_SENSORS, LATER).top(asked, 5, Precision.NONE).rows
    assert row.per_address_day is None  # the addresses of the late one are not known


def test_any_period_can_be_compared_with(tables: Any) -> None:
    asked = Asked(Dimension.PORTS, "2020-06-24", against="2020-06-23").question(ZONE, LATER)
    (row,) = observer(tables, KNOWN_SENSORS, LATER).top(asked, 5, Precision.NONE).rows
    assert (row.packets, row.previous_packets, row.per_sensor_day) == (54, 24, 36.0)
    assert row.change == 36 / 24 - 1
