"""*One country*: what its sources ask for, since when, at which hours, on which sensors."""

from __future__ import annotations

from darkscope.grafana import links, variables
from darkscope.grafana.dashboard import Dashboard, Row
from darkscope.grafana.influxql import Select, chosen, leading, own, total
from darkscope.grafana.questions import (
    OF_COUNTRIES,
    PORT_NAME,
    RHYTHM_HEIGHT,
    SENSOR_NAME,
    of_port_and_country,
    packets,
    ranking,
    rate_trend,
    weekly_rhythm,
)
from darkscope.grafana.sources import BY_RANGE
from darkscope.ingest.measurements import COUNTRIES, PACKETS

ROUTES = (
    links.api("ports", "Its ports by the API", limit="$top", country="$country"),
    links.TO_REGIONS,
)

THIS = (chosen("country"),)
THIS_BY_CLASS = (*OF_COUNTRIES, *THIS)

its_leading = variables.asked(
    "leading_ports",
    "Leading ports",
    "The ports that the country asks for most in the range.",
    leading(Select(PACKETS, (total("packets"),), (chosen("sensor"), *THIS, own("port"))), "port"),
    source=BY_RANGE,
    anything=False,
    seen=False,
)
ITS_PORTS = chosen("port", its_leading.name)

DASHBOARD = Dashboard(
    links.COUNTRY,
    "5 One country",
    "A single source country: when, which ports, on which sensors, in which rhythm.",
    (
        *variables.ANY_RANGE,
        variables.API,
        *variables.OBSERVERS,
        variables.CLASS,
        variables.one(variables.COUNTRY, "CN"),
        variables.TOP,
        its_leading,
    ),
    (
        Row(
            "How much, and of which class?",
            (
                rate_trend(
                    "Packets by class",
                    "Packets from the country, by what they are.",
                    packets(COUNTRIES, THIS_BY_CLASS, ("class",)),
                    ROUTES,
                    name="${__field.labels.class}",
                    stacked=True,
                ),
                rate_trend(
                    "Packets by sensor",
                    "Packets from the country on each chosen sensor.",
                    packets(COUNTRIES, THIS_BY_CLASS, ("sensor",)),
                    (
                        links.api("sensors", "Its sensors by the API", limit="100", country="$country"),
                        links.TO_COVERAGE,
                    ),
                    name=SENSOR_NAME,
                    by_sensor=True,
                    data_links=(links.SENSOR_OF_SERIES,),
                ),
            ),
            10,
        ),
        Row(
            "Which ports?",
            (
                ranking(
                    "Its leading ports",
                    "Ports that the country's sources ask for most.",
                    of_port_and_country(("protocol", "port"), *THIS, ITS_PORTS, every=None),
                    of_port_and_country((), *THIS, every=None),
                    ROUTES,
                    drill=links.PORT_OF_ROW,
                    drill_from="port",
                    of="packets from the country",
                ),
                rate_trend(
                    "Its leading ports over time",
                    "Ports that the country's sources ask for most.",
                    of_port_and_country(("protocol", "port"), *THIS, ITS_PORTS),
                    ROUTES,
                    name=PORT_NAME,
                    data_links=(links.PORT_OF_SERIES,),
                ),
            ),
            11,
        ),
        Row(
            "In which rhythm?",
            (weekly_rhythm("Its rhythm", packets(COUNTRIES, THIS_BY_CLASS, every="1h"), ROUTES),),
            RHYTHM_HEIGHT,
        ),
    ),
    start="now-7d",
)
