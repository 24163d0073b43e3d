"""*Ports*: the reports' Figures 1, 3 and 4: what leads, chosen ports side by side, a port by country."""

from __future__ import annotations

from darkscope.grafana import links, variables
from darkscope.grafana.dashboard import Dashboard, Row
from darkscope.grafana.influxql import chosen, own
from darkscope.grafana.panels import Field, Query, table
from darkscope.grafana.questions import (
    OF_PORTS,
    PORT_NAME,
    daily_trend,
    in_all,
    leading_ports,
    new_ports,
    news,
    of_port_and_country,
    packets,
    ranking,
    rate_trend,
)
from darkscope.grafana.sources import HOURS
from darkscope.grafana.transformations import columns, merged, sorted_by
from darkscope.ingest.measurements import PORTS

ROUTES = (links.PORTS_BY_API, links.TO_REGIONS)

chosen_ports = packets(PORTS, (*OF_PORTS, chosen("port")), ("protocol", "port"))
by_country = (chosen("protocol"), chosen("port"), chosen("country"))

DASHBOARD = Dashboard(
    links.PORTS,
    "2 Ports",
    "What the packets ask for: leading ports and their days, chosen ports side by side, ports by source country.",
    (
        *variables.ANY_RANGE,
        variables.API,
        *variables.OBSERVERS,
        variables.PROTOCOL,
        variables.CLASS,
        variables.PORT,
        variables.COUNTRY,
        variables.TOP,
        variables.ZONE,
        variables.LEADING_PORTS,
    ),
    (
        Row(
            "Which ports lead?",
            (
                ranking(
                    "Leading ports",
                    "Destination ports by packets.",
                    leading_ports(every=None),
                    in_all(every=None),
                    ROUTES,
                    drill=links.PORT_OF_ROW,
                    drill_from="port",
                ),
                news(
                    "New ports",
                    "Ports with packets in the range and none in the window before, equally long, among "
                    "those that have a series of their own. Was a sensor out of service then, its ports are "
                    "new here as well.",
                    new_ports(),
                    ROUTES,
                    drill=links.PORT_OF_ROW,
                    drill_from="port",
                ).wide(8),
            ),
            11,
        ),
        Row(
            "How do their days compare?",
            (
                daily_trend(
                    "Leading ports by day",
                    "Figure 1 of the quarterly reports: packets of the leading ports by day, in the time "
                    "zone chosen above.",
                    leading_ports(every="1d", zone="$zone"),
                    ROUTES,
                    source=HOURS,
                    name=PORT_NAME,
                    data_links=(links.PORT_OF_SERIES,),
                ),
            ),
            11,
        ),
        Row(
            "Chosen ports side by side",
            (
                rate_trend(
                    "Chosen ports",
                    "Figure 3: the ports that are chosen above, each a line. Choose a few; All draws every one.",
                    chosen_ports,
                    ROUTES,
                    name=PORT_NAME,
                    data_links=(links.PORT_OF_SERIES,),
                ),
                rate_trend(
                    "Chosen ports by country",
                    "Figure 4: the chosen ports together, each source country a line. Countries that a port does not "
                    "keep are folded into `other`; this view knows no class.",
                    of_port_and_country(("country",), *by_country),
                    (links.COUNTRIES_BY_API, links.TO_REGIONS),
                    name="${__field.labels.country}",
                    data_links=(links.COUNTRY_OF_SERIES,),
                ),
            ),
            10,
        ),
        Row(
            "Which port from which country?",
            (
                table(
                    "Ports by country",
                    "Packets of the range by port and source country jointly, for the ports and countries "
                    "chosen above, the most first. What is folded into `other` is left out; this view knows "
                    "no class.",
                    "locale",
                    (
                        Query(
                            "packets",
                            of_port_and_country(
                                ("protocol", "port", "country"),
                                *by_country,
                                own("port"),
                                own("country"),
                                every=None,
                            ),
                            table=True,
                        ),
                    ),
                    (links.COUNTRIES_BY_API, links.TO_REGIONS),
                    transformations=(
                        *merged(),
                        sorted_by("packets"),
                        columns(("protocol", "port", "country", "packets")),
                    ),
                    fields=(
                        Field("port", "string", links=(links.PORT_OF_ROW,)),
                        Field("country", links=(links.COUNTRY_OF_ROW,)),
                    ),
                ),
            ),
            11,
        ),
    ),
    start="now-30d",
)
