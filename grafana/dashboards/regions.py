"""*Regions*: the reports' Figures 2, 5, 6 and 7: where it comes from, what one country wants, and its rhythm."""

from __future__ import annotations

from darkscope.grafana import links, variables
from darkscope.grafana.dashboard import Dashboard, Row
from darkscope.grafana.influxql import chosen
from darkscope.grafana.panels import Query, world
from darkscope.grafana.questions import (
    COUNTRY_NAME,
    OF_COUNTRIES,
    PORT_NAME,
    RHYTHM_HEIGHT,
    daily_trend,
    leading_countries,
    of_all_protocols,
    of_port_and_country,
    packets,
    ranking,
    rate_trend,
    weekly_rhythm,
)
from darkscope.grafana.sources import HOURS
from darkscope.grafana.transformations import merged
from darkscope.ingest.measurements import COUNTRIES

ROUTES = (links.COUNTRIES_BY_API, links.TO_PORTS)

JOINT = (chosen("protocol"), chosen("port"), chosen("country"))

DASHBOARD = Dashboard(
    links.REGIONS,
    "3 Regions",
    "Where the packets come from: leading countries and their days, a map, what chosen countries ask for, "
    "their rhythm.",
    (
        *variables.ANY_RANGE,
        variables.API,
        *variables.OBSERVERS,
        variables.CLASS,
        variables.COUNTRY,
        variables.PROTOCOL,
        variables.PORT,
        variables.TOP,
        variables.ZONE,
        variables.LEADING_COUNTRIES,
    ),
    (
        Row(
            "Which countries lead?",
            (
                ranking(
                    "Leading countries",
                    "Source countries by packets.",
                    leading_countries(every=None),
                    of_all_protocols(every=None),
                    ROUTES,
                    drill=links.COUNTRY_OF_ROW,
                    drill_from="country",
                ),
                world(
                    "Packets by country, on the map",
                    "Packets of the range by source country. Map and places are files that Grafana ships, "
                    "no tile server is asked. Unknown (ZZ) and South Sudan (SS) have no place in them.",
                    "short",
                    (
                        Query(
                            "packets",
                            packets(COUNTRIES, OF_COUNTRIES, ("country",), every=None),
                            table=True,
                        ),
                    ),
                    ROUTES,
                    value="packets",
                    data_links=(links.COUNTRY_OF_ROW,),
                    transformations=merged(),
                ),
            ),
            13,
        ),
        Row(
            "How do their days compare?",
            (
                daily_trend(
                    "Leading countries by day",
                    "Figure 2 of the quarterly reports: packets of the leading countries by day, in the "
                    "time zone chosen above.",
                    leading_countries(every="1d", zone="$zone"),
                    ROUTES,
                    source=HOURS,
                    name=COUNTRY_NAME,
                    data_links=(links.COUNTRY_OF_SERIES,),
                ),
            ),
            11,
        ),
        Row(
            "What do the chosen countries ask for?",
            (
                rate_trend(
                    "Chosen countries",
                    "Figure 5: the chosen countries on the chosen ports, each country a line. This view "
                    "knows no class.",
                    of_port_and_country(("country",), *JOINT),
                    ROUTES,
                    name=COUNTRY_NAME,
                    data_links=(links.COUNTRY_OF_SERIES,),
                ),
                rate_trend(
                    "Ports of the chosen countries",
                    "Figure 6: the chosen countries together, each of the chosen ports a line. This view "
                    "knows no class.",
                    of_port_and_country(("protocol", "port"), *JOINT),
                    (links.PORTS_BY_API, links.TO_PORTS),
                    name=PORT_NAME,
                    data_links=(links.PORT_OF_SERIES,),
                ),
            ),
            10,
        ),
        Row(
            "At which hours?",
            (
                rate_trend(
                    "Chosen countries by the hour",
                    "Figure 7: the chosen countries together on the chosen ports, hour by hour. Choose a "
                    "short range; the dashboard's time zone, above right, says whose hours they are.",
                    of_port_and_country((), *JOINT, every="1h"),
                    ROUTES,
                    name="chosen countries",
                    source=HOURS,
                ),
            ),
            10,
        ),
        Row(
            "In which rhythm?",
            (
                weekly_rhythm(
                    "Rhythm of the chosen countries",
                    of_port_and_country((), *JOINT, every="1h"),
                    ROUTES,
                ),
            ),
            RHYTHM_HEIGHT,
        ),
    ),
    start="now-30d",
)
