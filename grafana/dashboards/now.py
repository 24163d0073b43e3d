"""*Now*, the wall: what is rising, from where, on which sensors; and what wants somebody's eye."""

from __future__ import annotations

from darkscope.grafana import links, variables
from darkscope.grafana.dashboard import Dashboard, Row
from darkscope.grafana.influxql import Select, Window, total
from darkscope.grafana.panels import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    RED,
    Field,
    Math,
    Query,
    Reduced,
    alerts,
    stat,
    trend,
)
from darkscope.grafana.questions import (
    COUNTRY_NAME,
    HONEST,
    OF_SENSORS,
    PORT_NAME,
    SENSOR_NAME,
    in_all,
    leading_countries,
    leading_ports,
    new_ports,
    news,
    of_all_protocols,
    ranking,
    rate_trend,
    share_watched,
    watched,
)
from darkscope.grafana.transformations import later
from darkscope.ingest.measurements import COVERAGE

WEEK = 7 * 86_400_000

over_time, together = in_all(), in_all(every=None)
seconds = watched(every=None)

level = trend(
    "Packets a second, and a week before",
    "All packets of the chosen sensors, protocols and classes, beside the same hours of the week before. "
    f"{HONEST.replace('hour', 'second')}",
    "suffix:/s",
    (
        Query("packets", over_time, hidden=True),
        Query("watched", watched(), hidden=True),
        Math("now", "$packets / $watched"),
        Query("packets_then", over_time.over(Window.WEEK_BEFORE), hidden=True),
        Query("watched_then", watched().over(Window.WEEK_BEFORE), hidden=True),
        Math("week_before", "$packets_then / $watched_then"),
    ),
    (links.TO_PORTS, links.PORTS_BY_API),
    fields=(
        Field(
            "week_before",
            title="a week before",
            custom={"lineStyle": {"fill": "dash", "dash": [6, 6]}, "fillOpacity": 0},
            more={"color": {"mode": "fixed", "fixedColor": GREY}},
        ),
    ),
    transformations=later("week_before", WEEK),
)

change = stat(
    "Against a week before",
    "Packets per covered sensor time of the whole range, as a multiple of the same hours of the week before.",
    "suffix: times",
    (
        Query("p", together, hidden=True),
        Query("w", seconds, hidden=True),
        Query("q", together.over(Window.WEEK_BEFORE), hidden=True),
        Query("v", seconds.over(Window.WEEK_BEFORE), hidden=True),
        Reduced("P", "p", hidden=True),
        Reduced("W", "w", hidden=True),
        Reduced("Q", "q", hidden=True),
        Reduced("V", "v", hidden=True),
        Math("times", "($P / $W) / ($Q / $V)"),
    ),
    (links.TO_PORTS,),
    steps=((None, BLUE), (1.5, AMBER), (3, RED)),
    sparkline=False,
    decimals=2,
    defaults={"noValue": "not known"},
)

watching = stat(
    "Sensors that watched",
    "How many of the chosen sensors watched at any time in the range. Which did not is listed in Sensors "
    "and coverage.",
    "none",
    (
        Query(
            "sensors",
            f'SELECT count("watched") AS "sensors" FROM '
            f'({Select(COVERAGE, (total("watched"),), OF_SENSORS, ("sensor",))}) WHERE "watched" > 0',
        ),
    ),
    (links.TO_COVERAGE,),
    steps=((None, RED), (1, GREEN)),
    sparkline=False,
)

DASHBOARD = Dashboard(
    links.NOW,
    "1 Now",
    "The wall: what is rising now, from where, on which sensors. Every panel leads to the dashboard that "
    "explains it.",
    (
        *variables.ANY_RANGE,
        variables.API,
        *variables.OBSERVERS,
        variables.PROTOCOL_IN_ALL,
        variables.CLASS,
        variables.TOP,
        variables.LEADING_PORTS,
        variables.LEADING_COUNTRIES,
    ),
    (
        Row(
            "How much comes in?",
            (
                level.wide(12),
                change.wide(4),
                watching.wide(4),
                alerts(
                    "Alerts",
                    "Alerts of darkscope that fire or are about to; each leads to its runbook.",
                    (links.TO_ITSELF,),
                ),
            ),
            8,
        ),
        Row(
            "Which ports, and what has changed?",
            (
                ranking(
                    "Leading ports",
                    "Destination ports by packets.",
                    leading_ports(every=None),
                    together,
                    (links.TO_PORTS, links.PORTS_BY_API),
                    drill=links.PORT_OF_ROW,
                    drill_from="port",
                ).wide(10),
                rate_trend(
                    "Leading ports over time",
                    "The leading ports of the range.",
                    leading_ports(),
                    (links.TO_PORTS, links.PORTS_BY_API),
                    name=PORT_NAME,
                    data_links=(links.PORT_OF_SERIES,),
                ).wide(10),
                news(
                    "New ports",
                    "Ports with packets in the range and none in the window before, equally long, among "
                    "those that have a series of their own. Was a sensor out of service then, its ports are "
                    "new here as well.",
                    new_ports(),
                    (links.TO_PORTS, links.PORTS_BY_API),
                    drill=links.PORT_OF_ROW,
                    drill_from="port",
                ),
            ),
            10,
        ),
        Row(
            "From where?",
            (
                ranking(
                    "Leading countries",
                    "Source countries by packets.",
                    leading_countries(every=None),
                    of_all_protocols(every=None),
                    (links.TO_REGIONS, links.COUNTRIES_BY_API),
                    drill=links.COUNTRY_OF_ROW,
                    drill_from="country",
                ).wide(10),
                rate_trend(
                    "Leading countries over time",
                    "The leading source countries of the range.",
                    leading_countries(),
                    (links.TO_REGIONS, links.COUNTRIES_BY_API),
                    name=COUNTRY_NAME,
                    data_links=(links.COUNTRY_OF_SERIES,),
                ),
            ),
            10,
        ),
        Row(
            "On which sensors?",
            (
                share_watched("Sensors' state", (links.TO_COVERAGE,), (links.SENSOR_OF_SERIES,)),
                rate_trend(
                    "Packets by sensor",
                    "All packets of each chosen sensor: a rise on one alone is its own trouble, on most it "
                    "is wide-area.",
                    in_all(("sensor",)),
                    (links.TO_COVERAGE, links.SENSORS_BY_API),
                    name=SENSOR_NAME,
                    by_sensor=True,
                    data_links=(links.SENSOR_OF_SERIES,),
                ),
            ),
        ),
    ),
    refresh="1m",
)
