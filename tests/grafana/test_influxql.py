"""InfluxQL: a query reads as it was meant, and a name that nobody writes is an error."""

from __future__ import annotations

import pytest

from darkscope.grafana.influxql import (
    Condition,
    Fill,
    Select,
    UnknownNameError,
    Window,
    among,
    chosen,
    leading,
    own,
    smallest_of_leading,
    tag_values,
    total,
)
from darkscope.ingest.measurements import PORTS, SENSORS


def test_a_query_over_time() -> None:
    asked = Select(
        PORTS,
        (total("packets"),),
        (chosen("sensor"), own("port")),
        ("protocol", "port"),
        "1d",
        Fill.ZERO,
        zone="$zone",
    )
    assert str(asked) == (
        'SELECT sum("packets") AS "packets" FROM "ports" WHERE $timeFilter AND "sensor" =~ /^${sensor:regex}$/ '
        'AND "port" != \'other\' GROUP BY time(1d), "protocol", "port" fill(0) tz(\'$zone\')'
    )


def test_a_query_without_steps_fills_nothing() -> None:
    asked = Select(PORTS, (total("bytes", "sum"),), fill=Fill.ZERO).over(Window.BEFORE)
    assert str(asked) == (
        'SELECT sum("bytes") AS "sum" FROM "ports" '
        "WHERE time >= ${__from}ms - (${__to}ms - ${__from}ms) AND time < ${__from}ms"
    )


def test_the_leading_values_are_as_many_as_a_variable_says() -> None:
    asked = Select(PORTS, (total("packets"),), window="time > now() - 1d")
    assert leading(asked, "port") == (
        'SELECT "port" FROM (SELECT top("packets","port",$top) FROM (SELECT sum("packets") AS "packets" '
        'FROM "ports" WHERE time > now() - 1d GROUP BY "port"))'
    )
    assert smallest_of_leading(asked, 10).startswith(
        'SELECT min("top") AS "packets" FROM (SELECT top("packets",10)'
    )


def test_lists_look_back_from_what_is_shown() -> None:
    assert tag_values(SENSORS, "home", (chosen("organisation"),)) == (
        'SHOW TAG VALUES FROM "sensors" WITH KEY = "home" WHERE time >= ${__from}ms - 3660d AND time <= ${__to}ms '
        'AND "organisation" =~ /^${organisation:regex}$/'
    )


def test_values_of_a_list_are_no_patterns() -> None:
    assert str(among("sensor", "lima.2", "a+b")) == r'"sensor" =~ /^(lima\.2|a\+b)$/'


@pytest.mark.parametrize(
    ("fields", "conditions", "tags"),
    [(("packet",), (), ()), (("packets",), (chosen("country"),), ()), (("packets",), (), ("source",))],
    ids=["field", "condition", "tag"],
)
def test_a_name_that_the_measurement_has_not_is_refused(
    fields: tuple[str, ...], conditions: tuple[Condition, ...], tags: tuple[str, ...]
) -> None:
    with pytest.raises(UnknownNameError, match="ports has no"):
        Select(PORTS, tuple(map(total, fields)), conditions, tags)
