"""An example, made by the path that docs/dashboards.md describes: who tries to log in from afar."""

from __future__ import annotations

from darkscope.grafana import links, variables
from darkscope.grafana.dashboard import Dashboard, Row
from darkscope.grafana.influxql import among
from darkscope.grafana.questions import OF_SENSORS, PORT_NAME, packets, rate_trend
from darkscope.ingest.measurements import PORTS

LOGINS = among("port", "22", "23", "2323", "3389", "5900")

DASHBOARD = Dashboard(
    "darkscope-example",
    "Example: remote logins",
    "A dashboard of one panel, to copy from.",
    (*variables.ANY_RANGE, variables.API, *variables.OBSERVERS),
    (
        Row(
            "Who tries to log in from afar?",
            (
                rate_trend(
                    "Remote logins",
                    "SSH, Telnet, RDP and VNC side by side.",
                    packets(PORTS, (*OF_SENSORS, LOGINS), ("protocol", "port")),
                    (links.to(links.PORTS, "Ports", links.OBSERVERS), links.api("ports", "Ports by the API")),
                    name=PORT_NAME,
                ),
            ),
            14,
        ),
    ),
    start="now-7d",
)
