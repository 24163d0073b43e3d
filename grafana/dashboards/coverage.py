"""*Sensors and coverage*: who watched when, what was lost, what was refused."""

from __future__ import annotations

from dataclasses import replace

from darkscope.grafana import links, variables
from darkscope.grafana.dashboard import Dashboard, Row
from darkscope.grafana.influxql import INTERVAL, Select, Value, Window, last, total
from darkscope.grafana.panels import AMBER, GREEN, RED, Field, Query, stat, table, trend
from darkscope.grafana.questions import (
    OF_SENSORS,
    SENSOR_NAME,
    fates,
    packets,
    rate_trend,
    share_watched,
)
from darkscope.grafana.sources import DAYS
from darkscope.grafana.transformations import columns, merged, only_without, sorted_by
from darkscope.ingest.measurements import COVERAGE, SENSORS, TOTALS
from darkscope.ingest.series import Rejected

ROUTES = (links.SENSORS_BY_API, links.TO_ITSELF)
REJECTED = tuple(f"rejected_{reason}" for reason in Rejected)
LEFT_OUT = ("own", "stray", "overlap")

LISTED = Select(
    SENSORS,
    (last("listed"),),
    OF_SENSORS,
    ("sensor", "organisation", "home", "kind", "country"),
    window=Window.LISTED,
)
WATCHED = Select(COVERAGE, (total("watched"), total("dropped")), OF_SENSORS, ("sensor",))

DROPPED = Value('sum("dropped") / (sum("frames") + sum("dropped"))', "lost", ("dropped", "frames"))
REFUSED = Value(
    f'({" + ".join(f"sum({chr(34)}{one}{chr(34)})" for one in REJECTED)}) / sum("frames")',
    "refused",
    (*REJECTED, "frames"),
)

NARROW = {"home": 75, "kind": 90, "country": 75}
"""Widths of columns with short words, in pixels, so that names are not cut off."""


DASHBOARD = Dashboard(
    links.COVERAGE,
    "7 Sensors and coverage",
    "Who watched when, what the capturing programs lost, which frames became no packets and why.",
    (
        *variables.ANY_RANGE,
        variables.API,
        *variables.OBSERVERS[:2],
        variables.anyone(variables.KIND),
        variables.SENSOR,
    ),
    (
        Row(
            "Who watched?",
            (
                share_watched("Sensors' state", (links.SENSORS_BY_API,), (links.SENSOR_OF_SERIES,)).wide(9),
                table(
                    "Sensors",
                    "Every sensor of the choice that is listed, whether it was heard or not. Seconds "
                    "watched are empty where it was silent throughout the range.",
                    "s",
                    (
                        Query("listed", LISTED, table=True, source=DAYS),
                        Query("watched", WATCHED, table=True),
                    ),
                    ROUTES,
                    fields=(
                        Field("sensor", "string", links=(links.SENSOR_OF_ROW,)),
                        *(Field(tag, "string", width=width) for tag, width in NARROW.items()),
                        Field("watched", width=95),
                        Field("dropped", "locale", width=80),
                        Field("listed", more={"custom.hidden": True}),
                    ),
                    transformations=(
                        *merged(),
                        sorted_by("sensor", descending=False),
                        columns(("sensor", "organisation", "home", "kind", "country", "watched", "dropped")),
                    ),
                ),
                table(
                    "Silent sensors",
                    "Sensors of the choice that are listed and watched nothing at all in the range.",
                    "string",
                    (
                        Query("listed", replace(LISTED, by=("sensor",)), table=True, source=DAYS),
                        Query("watched", WATCHED, table=True),
                    ),
                    ROUTES,
                    fields=(
                        Field("sensor", links=(links.SENSOR_OF_ROW,)),
                        Field("listed", more={"custom.hidden": True}),
                        Field("watched", more={"custom.hidden": True}),
                        Field("dropped", more={"custom.hidden": True}),
                    ),
                    transformations=(
                        *merged(),
                        only_without("watched"),
                        sorted_by("sensor", descending=False),
                    ),
                ).wide(4),
            ),
            12,
        ),
        Row(
            "By whom, and where?",
            (
                rate_trend(
                    "Packets by sensor",
                    "All packets of each chosen sensor; choose an organisation, home or abroad above to see theirs.",
                    packets(TOTALS, OF_SENSORS, ("sensor",)),
                    ROUTES,
                    name=SENSOR_NAME,
                    by_sensor=True,
                    data_links=(links.SENSOR_OF_SERIES,),
                ),
            ),
            10,
        ),
        Row(
            "What was lost or refused?",
            (
                stat(
                    "Lost by captures",
                    "Packets that the capturing programs say they lost, as a share of all that came to them.",
                    "percentunit",
                    (Query("lost", Select(COVERAGE, (DROPPED,), OF_SENSORS)),),
                    ROUTES,
                    steps=((None, GREEN), (0.001, AMBER), (0.01, RED)),
                    sparkline=False,
                ).wide(4),
                stat(
                    "Refused",
                    "Frames that became no packets, as a share of all frames.",
                    "percentunit",
                    (Query("refused", Select(COVERAGE, (REFUSED,), OF_SENSORS)),),
                    ROUTES,
                    steps=((None, GREEN), (0.05, AMBER), (0.2, RED)),
                    sparkline=False,
                ).wide(4),
                trend(
                    "Lost by each capture",
                    "Packets that the capturing program of each sensor says it lost, as a share of all that "
                    "came to it.",
                    "percentunit",
                    (Query("lost", Select(COVERAGE, (DROPPED,), OF_SENSORS, ("sensor",), INTERVAL)),),
                    ROUTES,
                    name=SENSOR_NAME,
                    data_links=(links.SENSOR_OF_SERIES,),
                    least="1h",
                ).wide(8),
                fates(
                    "Frames refused, by reason",
                    "Frames that became no packets, by what was wrong with them.",
                    REJECTED,
                    ROUTES,
                ),
            ),
            10,
        ),
        Row(
            "What else became of frames?",
            (
                fates(
                    "Frames left out",
                    "Frames that the sensor sent itself (own), that were for other addresses (stray), or "
                    "that another capture of the same point already had (overlap).",
                    LEFT_OUT,
                    ROUTES,
                ),
                fates(
                    "Frames and packets",
                    "Frames in the captures beside those that became packets.",
                    ("frames", "inbound"),
                    ROUTES,
                ),
            ),
        ),
    ),
    start="now-7d",
)
