"""*One port*: who asks for it, since when, on which sensors."""

from __future__ import annotations

from darkscope.grafana import links, variables
from darkscope.grafana.dashboard import Dashboard, Row
from darkscope.grafana.influxql import Select, chosen, leading, own, total
from darkscope.grafana.panels import Query, world
from darkscope.grafana.questions import (
    COUNTRY_NAME,
    OF_PORTS,
    RHYTHM_HEIGHT,
    SENSOR_NAME,
    of_port_and_country,
    packets,
    ranking,
    rate_trend,
    weekly_rhythm,
)
from darkscope.grafana.sources import BY_RANGE
from darkscope.grafana.transformations import merged
from darkscope.ingest.measurements import PACKETS, PORTS

ROUTES = (
    links.api("countries", "Its countries by the API", limit="$top", port="${port}/${protocol}"),
    links.TO_PORTS,
)

THIS = (chosen("protocol"), chosen("port"))
THIS_BY_CLASS = (*OF_PORTS, chosen("port"))

its_leading = variables.asked(
    "leading_countries",
    "Leading countries",
    "The countries that send most to the port in the range.",
    leading(
        Select(PACKETS, (total("packets"),), (chosen("sensor"), *THIS, own("country"))),
        "country",
    ),
    source=BY_RANGE,
    anything=False,
    seen=False,
)
ITS_COUNTRIES = chosen("country", its_leading.name)

DASHBOARD = Dashboard(
    links.PORT,
    "4 One port",
    "A single destination port: when, from where, on which sensors, of which class.",
    (
        *variables.ANY_RANGE,
        variables.API,
        *variables.OBSERVERS,
        variables.CLASS,
        variables.one(variables.PROTOCOL, "tcp"),
        variables.one(variables.PORT, "23"),
        variables.TOP,
        its_leading,
    ),
    (
        Row(
            "How much, and of which class?",
            (
                rate_trend(
                    "Packets by class",
                    "Packets to the port, by what they are.",
                    packets(PORTS, THIS_BY_CLASS, ("class",)),
                    ROUTES,
                    name="${__field.labels.class}",
                    stacked=True,
                ),
                rate_trend(
                    "Packets by sensor",
                    "Packets to the port on each chosen sensor: a rise on one alone is its own trouble, on "
                    "most it is wide-area.",
                    packets(PORTS, THIS_BY_CLASS, ("sensor",)),
                    (
                        links.api(
                            "sensors", "Its sensors by the API", limit="100", port="${port}/${protocol}"
                        ),
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
            "From where?",
            (
                ranking(
                    "Its leading countries",
                    "Source countries that send most to the port.",
                    of_port_and_country(("country",), *THIS, ITS_COUNTRIES, every=None),
                    of_port_and_country((), *THIS, every=None),
                    ROUTES,
                    drill=links.COUNTRY_OF_ROW,
                    drill_from="country",
                    of="packets to the port",
                ),
                rate_trend(
                    "Its leading countries over time",
                    "Source countries that send most to the port.",
                    of_port_and_country(("country",), *THIS, ITS_COUNTRIES),
                    ROUTES,
                    name=COUNTRY_NAME,
                    data_links=(links.COUNTRY_OF_SERIES,),
                ),
                world(
                    "Its countries on the map",
                    "Packets of the range to the port, by source country. The map is a file that Grafana ships.",
                    "short",
                    (
                        Query(
                            "packets",
                            of_port_and_country(("country",), *THIS, own("country"), every=None),
                            table=True,
                        ),
                    ),
                    ROUTES,
                    value="packets",
                    data_links=(links.COUNTRY_OF_ROW,),
                    transformations=merged(),
                ),
            ),
            11,
        ),
        Row(
            "In which rhythm?",
            (weekly_rhythm("Its rhythm", packets(PORTS, THIS_BY_CLASS, every="1h"), ROUTES),),
            RHYTHM_HEIGHT,
        ),
    ),
    start="now-7d",
)
