"""The questions that panels of several dashboards ask, and how a rate stays honest.

Pure. Rates are packets over the seconds that sensors watched: where nobody watched there is nothing to divide by, and
the line has a gap instead of a drop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from darkscope.grafana.influxql import (
    INTERVAL,
    INTERVAL_SECONDS,
    Condition,
    Fill,
    Select,
    Value,
    Window,
    chosen,
    own,
    total,
)
from darkscope.grafana.panels import (
    AMBER,
    GREEN,
    RED,
    Asked,
    Field,
    Link,
    Math,
    Panel,
    Query,
    Reduced,
    states,
    table,
    trend,
)
from darkscope.grafana.sources import BY_RANGE, HOURS, Source
from darkscope.grafana.transformations import (
    WEEKDAY,
    columns,
    first,
    merged,
    only_without,
    rhythm,
    rows_by_tags,
    sorted_by,
)
from darkscope.ingest.measurements import COUNTRIES, COVERAGE, PACKETS, PORTS, TOTALS, Measurement

RATE_UNIT, DAILY_UNIT = "suffix:/h", "suffix:/day"
HOUR_SECONDS = 3600
RHYTHM_HEIGHT = 10
DAY_SECONDS = 86_400

HONEST = (
    "Per sensor and hour of covered time: packets over the hours that the chosen sensors watched, "
    "so an outage is a gap and never a drop, and more sensors are no rise."
)

OF_SENSORS = (chosen("sensor"),)
OF_PORTS = (chosen("sensor"), chosen("protocol"), chosen("class"))
OF_COUNTRIES = (chosen("sensor"), chosen("class"))

PORT_NAME = "${__field.labels.port}/${__field.labels.protocol}"
COUNTRY_NAME = "${__field.labels.country}"
SENSOR_NAME = "${__field.labels.sensor}"


def packets(
    measurement: Measurement,
    where: Sequence[Condition],
    by: Sequence[str] = (),
    *,
    every: str | None = INTERVAL,
    zone: str | None = None,
) -> Select:
    """Packets over time, zero where none came; or in all, where there is no step."""
    return Select(measurement, (total("packets"),), tuple(where), tuple(by), every, Fill.ZERO, zone=zone)


def watched(by: Sequence[str] = (), *, every: str | None = INTERVAL, zone: str | None = None) -> Select:
    """Seconds that the chosen sensors watched, and nothing where none did."""
    return Select(COVERAGE, (total("watched"),), OF_SENSORS, tuple(by), every, Fill.GAP, zone=zone)


def rates(
    asked: Select, by_sensor: bool = False, source: Source = BY_RANGE, times: int = 1
) -> tuple[Asked, ...]:
    """Packets over covered time, times a number of seconds, as a series per combination of the query's tags."""
    time = watched(("sensor",) if by_sensor else (), every=asked.every, zone=asked.zone)
    factor = f" * {times}" if times != 1 else ""
    return (
        Query("packets", asked, source=source, hidden=True),
        Query("watched", time, source=source, hidden=True),
        Math("rate", f"$packets / $watched{factor}"),
    )


def rate_trend(
    title: str,
    description: str,
    asked: Select,
    links: tuple[Link, ...],
    *,
    name: str,
    data_links: tuple[Link, ...] = (),
    by_sensor: bool = False,
    stacked: bool = False,
    source: Source = BY_RANGE,
) -> Panel:
    """Draw packets an hour and sensor over time, a line per combination of tags."""
    return trend(
        title,
        f"{description} {HONEST}",
        RATE_UNIT,
        rates(asked, by_sensor, source, HOUR_SECONDS),
        links,
        name=name,
        data_links=data_links,
        stacked=stacked,
    )


def daily_trend(
    title: str,
    description: str,
    asked: Select,
    links: tuple[Link, ...],
    *,
    source: Source,
    name: str,
    data_links: tuple[Link, ...] = (),
) -> Panel:
    """Draw packets per sensor and day, as the quarterly reports do."""
    return trend(
        title,
        f"{description} {HONEST.replace('hour', 'day')}",
        DAILY_UNIT,
        rates(asked, source=source, times=DAY_SECONDS),
        links,
        name=name,
        data_links=data_links,
    )


def ranking(
    title: str,
    description: str,
    asked: Select,
    everything: Select,
    links: tuple[Link, ...],
    *,
    drill: Link,
    drill_from: str,
    of: str = "packets of the sensors and classes chosen",
) -> Panel:
    """Rank by packets: share of all, packets per sensor and day, change of that against the window before.

    `asked` are the leading values by their tags, `everything` is what a share is of; `of` says so in words.
    """
    time = watched(every=None)
    queries = (
        Query("now", asked, hidden=True),
        Query("then", asked.over(Window.BEFORE), hidden=True),
        Query("sum", everything, hidden=True),
        Query("time", time, hidden=True),
        Query("past", time.over(Window.BEFORE), hidden=True),
        Reduced("packets", "now"),
        Reduced("before", "then", hidden=True),
        Reduced("all", "sum", hidden=True),
        Reduced("seconds", "time", hidden=True),
        Reduced("earlier", "past", hidden=True),
        Math("share", "$packets / $all"),
        Math("daily", f"$packets / $seconds * {DAY_SECONDS}"),
        Math("change", "($packets / $seconds) / ($before / $earlier) - 1"),
    )
    return table(
        title,
        f"{description} Share is of all {of}, daily is per sensor and day of covered time. Change compares "
        "packets per covered sensor time with the window before, equally long; empty where the value did "
        "not occur then.",
        "short",
        queries,
        links,
        fields=(
            *_tags(asked.by, drill_from, drill),
            Field("packets", "locale", width=90),
            Field(
                "share",
                "percentunit",
                decimals=1,
                width=140,
                custom={"cellOptions": {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}},
                more={"min": 0, "max": 1},
            ),
            Field("daily", "short", decimals=1),
            Field("change", "percentunit", decimals=0, **CHANGE),
        ),
        transformations=(
            *rows_by_tags(),
            sorted_by("packets"),
            columns((*asked.by, "packets", "share", "daily", "change")),
        ),
    )


def news(
    title: str, description: str, asked: Select, links: tuple[Link, ...], *, drill: Link, drill_from: str
) -> Panel:
    """Values that occur in this window and did not in the one before."""
    return table(
        title,
        description,
        "locale",
        (Query("packets", asked, table=True), Query("before", _as_before(asked), table=True)),
        links,
        fields=(*_tags(asked.by, drill_from, drill), Field("before", more={"custom.hidden": True})),
        transformations=(
            *merged(),
            only_without("before"),
            sorted_by("packets"),
            first(15),
            columns((*asked.by, "packets")),
        ),
    )


def _tags(by: Sequence[str], drill_from: str, drill: Link) -> Iterator[Field]:
    """Columns of tags: text, even where it looks like a number; one of them leads on."""
    for tag in by:
        yield Field(tag, "string", width=75, links=(drill,) if tag == drill_from else ())


def _as_before(asked: Select) -> Select:
    return Select(
        asked.measurement,
        (total("packets", "before"),),
        asked.where,
        asked.by,
        window=Window.BEFORE,
    )


def in_all(by: Sequence[str] = (), every: str | None = INTERVAL) -> Select:
    """All packets: from the measurement that has the fewest series, since every wall asks for them."""
    return packets(TOTALS, OF_PORTS, by, every=every)


def of_all_protocols(every: str | None = INTERVAL) -> Select:
    """All packets, whatever their protocol: `countries` knows none, and a share of it must not either."""
    return packets(TOTALS, OF_COUNTRIES, every=every)


def leading_ports(every: str | None = INTERVAL, zone: str | None = None) -> Select:
    """Packets of the leading ports."""
    where = (*OF_PORTS, chosen("port", "leading_ports"))
    return packets(PORTS, where, ("protocol", "port"), every=every, zone=zone)


def leading_countries(every: str | None = INTERVAL, zone: str | None = None) -> Select:
    """Packets of the leading countries."""
    where = (*OF_COUNTRIES, chosen("country", "leading_countries"))
    return packets(COUNTRIES, where, ("country",), every=every, zone=zone)


def of_port_and_country(by: Sequence[str], *more: Condition, every: str | None = INTERVAL) -> Select:
    """Packets by port and country jointly; what is folded is no port and no country of its own."""
    where = (chosen("sensor"), *more)
    return packets(PACKETS, where, by, every=every)


def new_ports() -> Select:
    """Packets of every port that has a series of its own."""
    return packets(PORTS, (*OF_PORTS, own("port")), ("protocol", "port"), every=None)


def fates(
    title: str,
    description: str,
    names: Sequence[str],
    links: tuple[Link, ...],
    where: tuple[Condition, ...] = OF_SENSORS,
) -> Panel:
    """Draw counts of `coverage` per covered hour, a line each. They are known by the hour: no step is shorter."""
    queries = (
        Query(
            name,
            Select(COVERAGE, (_per_covered_hour(name),), where, every=INTERVAL),
            alias=name.removeprefix("rejected_").replace("_", " "),
        )
        for name in names
    )
    return trend(
        title,
        f"{description} Per sensor and hour of covered time, and by the hour at the finest.",
        RATE_UNIT,
        tuple(queries),
        links,
        least="1h",
    )


def _per_covered_hour(field: str) -> Value:
    return Value(f'sum("{field}") / sum("watched") * {HOUR_SECONDS}', field, (field, "watched"))


NOTHING_IS_UNCOLOURED = {
    "type": "special",
    "options": {"match": "empty", "result": {"text": "", "color": "transparent", "index": 0}},
}
"""Mapping of values: an hour that nobody watched is empty, and not as blue as a quiet one."""


def weekly_rhythm(title: str, asked: Select, links: tuple[Link, ...]) -> Panel:
    """Table of 7 days of the week by 24 hours, coloured by packets: weekends and office hours are seen at once."""
    return table(
        title,
        "Mean packets per sensor and hour, by day of the week (rows) and hour (columns), in the "
        "dashboard's time zone, above right; hours that no sensor watched do not count. Choose whole weeks, "
        "and the source country's zone to see its office hours.",
        "short",
        rates(asked, source=HOURS, times=HOUR_SECONDS),
        links,
        transformations=rhythm("rate"),
        fields=(Field(WEEKDAY, "string", width=60, custom={"cellOptions": {"type": "auto"}}),),
        custom={
            "cellOptions": {"type": "color-background", "mode": "basic"},
            "minWidth": 30,
            "align": "center",
        },
        defaults={
            "color": {"mode": "continuous-BlYlRd"},
            "decimals": 1,
            "min": 0,
            "mappings": [NOTHING_IS_UNCOLOURED],
        },
    )


def share_watched(title: str, links: tuple[Link, ...], data_links: tuple[Link, ...] = ()) -> Panel:
    """Draw a band per sensor: which share of each step it watched."""
    share = Value(f'sum("watched") / {INTERVAL_SECONDS}', "watched", ("watched",))
    return states(
        title,
        "Share of each step that a sensor watched: green whole, orange in part, red not at all. The newest "
        "step is still filling. A sensor without a single step in the range has no band; it is in the list "
        "of silent ones.",
        "percentunit",
        (Query("watched", Select(COVERAGE, (share,), OF_SENSORS, ("sensor",), INTERVAL, Fill.ZERO)),),
        links,
        steps=((None, RED), (0.02, AMBER), (0.95, GREEN)),
        name=SENSOR_NAME,
        data_links=data_links,
    )


CHANGE: dict[str, Any] = {
    "custom": {"cellOptions": {"type": "color-text"}},
    "more": {
        "thresholds": {
            "mode": "absolute",
            "steps": [
                {"value": None, "color": GREEN},
                {"value": 0.5, "color": AMBER},
                {"value": 2, "color": RED},
            ],
        },
        "color": {"mode": "thresholds"},
    },
}
