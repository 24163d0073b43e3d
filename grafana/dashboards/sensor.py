"""*One sensor*: its own top ten, its coverage, and whether its rise is everybody's."""

from __future__ import annotations

from darkscope.grafana import links, variables
from darkscope.grafana.dashboard import Dashboard, Row
from darkscope.grafana.questions import (
    COUNTRY_NAME,
    PORT_NAME,
    fates,
    in_all,
    leading_countries,
    leading_ports,
    of_all_protocols,
    ranking,
    rate_trend,
    share_watched,
)

ROUTES = (
    links.api("ports", "Its ports by the API", limit="$top", sensor="$sensor", kind="all"),
    links.TO_COVERAGE,
)
COUNTRY_ROUTES = (
    links.api("countries", "Its countries by the API", limit="$top", sensor="$sensor", kind="all"),
    links.TO_COVERAGE,
)
FATES = ("inbound", "own", "stray", "overlap", "dropped")

DASHBOARD = Dashboard(
    links.SENSOR,
    "6 One sensor",
    "A single sensor: its own leading ports and countries, and when it watched.",
    (
        *variables.ANY_RANGE,
        variables.API,
        *(
            variables.anyone(one) if one is variables.KIND else one
            for one in (variables.ORGANISATION, variables.HOME, variables.KIND)
        ),
        variables.one(variables.SENSOR, ""),
        variables.PROTOCOL_IN_ALL,
        variables.CLASS,
        variables.TOP,
        variables.LEADING_PORTS,
        variables.LEADING_COUNTRIES,
    ),
    (
        Row(
            "When did it watch, and how much came?",
            (
                share_watched("Its state", (links.TO_COVERAGE,)),
                rate_trend(
                    "Packets by class",
                    "All packets of the sensor, by what they are.",
                    in_all(("class",)),
                    ROUTES,
                    name="${__field.labels.class}",
                    stacked=True,
                ),
            ),
            8,
        ),
        Row(
            "Its own leading ports",
            (
                ranking(
                    "Leading ports",
                    "Destination ports by packets on this sensor.",
                    leading_ports(every=None),
                    in_all(every=None),
                    ROUTES,
                    drill=links.PORT_OF_ROW,
                    drill_from="port",
                ),
                rate_trend(
                    "Leading ports over time",
                    "Destination ports on this sensor.",
                    leading_ports(),
                    ROUTES,
                    name=PORT_NAME,
                    data_links=(links.PORT_OF_SERIES,),
                ),
            ),
            11,
        ),
        Row(
            "Its own leading countries",
            (
                ranking(
                    "Leading countries",
                    "Source countries by packets on this sensor.",
                    leading_countries(every=None),
                    of_all_protocols(every=None),
                    COUNTRY_ROUTES,
                    drill=links.COUNTRY_OF_ROW,
                    drill_from="country",
                ),
                rate_trend(
                    "Leading countries over time",
                    "Source countries on this sensor.",
                    leading_countries(),
                    COUNTRY_ROUTES,
                    name=COUNTRY_NAME,
                    data_links=(links.COUNTRY_OF_SERIES,),
                ),
            ),
            11,
        ),
        Row(
            "What became of its frames?",
            (
                fates(
                    "Frames by what became of them",
                    "Frames of its captures; `dropped` are packets that the capturing program says it lost.",
                    FATES,
                    (links.SENSORS_BY_API, links.TO_COVERAGE),
                ),
            ),
        ),
    ),
    start="now-7d",
)
