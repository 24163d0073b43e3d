"""*darkscope itself*: whether what the other dashboards show is up to date and whole."""

from __future__ import annotations

from darkscope.grafana import links, variables
from darkscope.grafana.dashboard import Dashboard, Row
from darkscope.grafana.influxql import INTERVAL, Select, Value, highest, last
from darkscope.grafana.panels import AMBER, BLUE, GREEN, RED, Link, Panel, Query, stat, trend
from darkscope.grafana.questions import fates
from darkscope.ingest.measurements import DARKSCOPE

ROUTES = (
    links.to(links.COVERAGE, "Sensors and coverage", ()),
    Link("Metrics of the API's process", "${api}/metrics", new_tab=True),
)


def grows(field: str) -> Value:
    """Growth of a counter in a step; a restart, which begins at zero, is no loss."""
    return Value(f'non_negative_difference(max("{field}"))', field, (field,))


def figure(title: str, description: str, unit: str, field: str, *steps: tuple[float | None, str]) -> Panel:
    """The newest value of a field, large."""
    newest = Select(DARKSCOPE, (last(field),), every=INTERVAL)
    return stat(title, description, unit, (Query(field, newest),), ROUTES, steps=steps or ((None, BLUE),))


def over_time(title: str, description: str, unit: str, *values: Value) -> Panel:
    """Values over time, a line each; where there is one, the title says which."""
    queries = tuple(
        Query(value.name, Select(DARKSCOPE, (value,), every=INTERVAL), alias=value.name) for value in values
    )
    return trend(title, description, unit, queries, ROUTES, legend=len(values) > 1)


DASHBOARD = Dashboard(
    links.ITSELF,
    "8 darkscope itself",
    "The projection about itself: how far it lags, what it writes, what was refused, how many series there are.",
    (*variables.ANY_RANGE, variables.API),
    (
        Row(
            "Is it up to date?",
            (
                figure(
                    "Lag",
                    "Age of the oldest change in the ledger that is not in InfluxDB yet.",
                    "s",
                    "lag",
                    (None, GREEN),
                    (60, AMBER),
                    (600, RED),
                ),
                figure(
                    "Waiting", "Stretches of an hour or a day that wait to be written.", "none", "waiting"
                ),
                figure(
                    "Damaged files",
                    "Files of the ledger that are missing, or not as they were written: the hours and days that they "
                    "bear on wait. `darkscope ledger verify` names them.",
                    "none",
                    "damaged",
                    (None, GREEN),
                    (1, RED),
                ),
                figure("Ledger version", "Version of the ledger that InfluxDB now has.", "none", "version"),
                figure(
                    "Series",
                    "Series of ports, countries and their joint measurement in the newest UTC day.",
                    "locale",
                    "series",
                    (None, GREEN),
                    (60_000, AMBER),
                    (100_000, RED),
                ),
                figure(
                    "Folded packets",
                    "Packets of the newest UTC day whose port has no value of its own and stands in `other`.",
                    "locale",
                    "folded",
                ),
            ),
            6,
        ),
        Row(
            "How much goes through it?",
            (
                fates(
                    "Frames ingested",
                    "Frames of all sensors, by the time that captures give them.",
                    ("frames", "inbound"),
                    ROUTES,
                    where=(),
                ),
                over_time(
                    "Points written", "Points written to InfluxDB in each step.", "short", grows("points")
                ),
            ),
        ),
        Row(
            "Does anything go wrong?",
            (
                over_time(
                    "Projection lag",
                    "Age of the oldest change that was not in InfluxDB, at its worst in each step. No line: "
                    "the projector wrote nothing about itself, it does not run.",
                    "s",
                    highest("lag"),
                ),
                over_time(
                    "Errors",
                    "Points that InfluxDB refused and requests that failed, in each step.",
                    "short",
                    grows("rejected"),
                    grows("failures"),
                ),
                over_time(
                    "Cardinality",
                    "Series in the newest UTC day: what InfluxDB's memory depends on.",
                    "short",
                    highest("series"),
                ),
            ),
        ),
    ),
    start="now-24h",
    refresh="1m",
)
