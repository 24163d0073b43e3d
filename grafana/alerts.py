"""Alert rules: what wants somebody's eye, and which page says what to do.

Pure: constants in, Grafana's file format for rules out. Rules know no variables and ask whole buckets, all sensors.
What a rule compares is packets over covered sensor time, so that an outage, or a new sensor, is no change of level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from darkscope.grafana import links
from darkscope.grafana.dashboards.runbooks import RUNBOOKS
from darkscope.grafana.influxql import (
    Fill,
    Select,
    Value,
    last,
    own,
    smallest_of_leading,
    total,
)
from darkscope.grafana.panels import Asked, Math, Query, Reduced
from darkscope.grafana.sources import EXPRESSION, fixed
from darkscope.ingest.measurements import (
    COUNTRIES,
    COVERAGE,
    DARKSCOPE,
    EVENTS,
    PORTS,
    Measurement,
    Resolution,
)

Json = dict[str, Any]

FOLDER = "darkscope alerts"
"""Not the dashboards' folder: of two provisioned folders with one title Grafana 10.4 dies at its first start."""

MINUTES, HOURS = fixed(Resolution.MINUTE), fixed(Resolution.HOUR)

MINUTE, HOUR, DAY = 60, 3600, 86_400
"""Seconds."""

SILENT_AFTER = "1h"
"""A sensor is silent when it watched neither in this step nor in the one before: hourly captures arrive in time."""

COMPARED_HOURS = 6
"""Length of the stretch whose level is compared: long enough for small counts, short enough for a SOC."""

FORMER_WEEKS = 4
VOTES = 3
"""Of the former weeks' same hours, so many must lie well below: one odd week neither hides a rise nor makes one."""

TIMES = 3
"""How many times a former level is well above it."""

FEWEST = 100
"""Packets below which no level is judged."""

TOP = 10
"""How many ports are the top ones."""

LOST = 0.01
"""Share of packets that a capturing program may lose."""

LAGGING = 120
"""Seconds that the projection may lag."""

SPEECHLESS = 10 * MINUTE
"""Seconds without a word of the projector, which says every ten seconds how it is, after which it is taken for dead."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One alert rule. It fires for each series of its last expression that is not zero."""

    uid: str  # and the anchor of its runbook
    title: str
    summary: str  # for people; `{{ $labels.port }}` names the series
    queries: Sequence[Asked]
    span: int  # seconds that `$timeFilter` reaches back
    lasting: str  # how long it must hold
    severity: str
    dashboard: str
    silence_is_bad: bool = False  # no data at all fires as well

    def model(self) -> Json:
        """The rule in Grafana's file format."""
        return {
            "uid": self.uid,
            "title": self.title,
            "condition": self.queries[-1].name,
            "data": [self._data(query) for query in self.queries],
            "for": self.lasting,
            "noDataState": "Alerting" if self.silence_is_bad else "OK",
            "execErrState": "Error",
            "annotations": {
                "summary": self.summary,
                "runbook_url": f"/d/{links.RUNBOOKS}?viewPanel={RUNBOOKS[self.uid].id}",
                "dashboard": f"/d/{self.dashboard}",
            },
            "labels": {"service": "darkscope", "severity": self.severity},
            "isPaused": False,
        }

    def _data(self, query: Asked) -> Json:
        target = query.target()
        source = target.pop("datasource")["uid"]
        target.pop("hide", None)
        return {
            "refId": query.name,
            "relativeTimeRange": {"from": self.span if source != EXPRESSION.uid else 0, "to": 0},
            "datasourceUid": source,
            "model": {**target, "intervalMs": MINUTE * 1000, "maxDataPoints": 11_000},
        }


def silent_sensor() -> Rule:
    """A sensor that watched within a week watches no more."""
    recent = Value('moving_average(sum("watched"), 2)', "watched", ("watched",))
    asked = Select(COVERAGE, (recent,), by=("sensor",), every=SILENT_AFTER, fill=Fill.ZERO)
    return Rule(
        "silent-sensor",
        "A sensor is silent",
        "{{ $labels.sensor }} has watched nothing for more than an hour.",
        (
            Query("watched", asked, source=HOURS),
            Reduced("newest", "watched", "last"),
            Math("silent", "$newest == 0"),
        ),
        7 * DAY,
        "15m",
        "warning",
        links.COVERAGE,
        silence_is_bad=True,
    )


def level(uid: str, what: str, measurement: Measurement, by: tuple[str, ...], dashboard: str) -> Rule:
    """Give the rule for a port or country whose level is well above the same hours of most of the former weeks."""
    queries: list[Asked] = []
    for week in range(FORMER_WEEKS + 1):
        start, end = week * 7 * 24 + COMPARED_HOURS, week * 7 * 24
        window = f"time >= now() - {start}h AND time < now() - {end}h"
        packets = Select(measurement, (total("packets"),), (own(by[-1]),), by, window=window)
        watched = Select(COVERAGE, (total("watched"),), window=window)
        queries += [
            Query(f"packets_{week}", packets, source=HOURS),
            Query(f"watched_{week}", watched, source=HOURS),
            Reduced(f"p{week}", f"packets_{week}"),
            Reduced(f"w{week}", f"watched_{week}"),
        ]
    votes = " + ".join(f"($p0 / $w0 > {TIMES} * $p{week} / $w{week})" for week in range(1, FORMER_WEEKS + 1))
    return Rule(
        uid,
        f"A {what}'s level is well above the same hours before",
        f"{' '.join(f'{{{{ $labels.{tag} }}}}' for tag in by)}: more than {TIMES} times the packets of the same "
        f"{COMPARED_HOURS} hours in {VOTES} of the last {FORMER_WEEKS} weeks.",
        (*queries, Math("above", f"({votes} >= {VOTES}) && ($p0 >= {FEWEST})")),
        COMPARED_HOURS * HOUR,
        "15m",
        "warning",
        dashboard,
    )


def new_port() -> Rule:
    """A port is among the top ones of 24 hours and was not among those of the seven days before."""
    by = ("protocol", "port")
    mine = (own("port"),)
    days = Select(
        PORTS, (total("packets"),), mine, by, "1d, now()", Fill.ZERO,
        "time >= now() - 8d AND time < now()",
    )  # fmt: skip
    today = Select(PORTS, (total("packets"),), mine, by, window="time >= now() - 1d AND time < now()")
    before = today.over("time >= now() - 8d AND time < now() - 1d")
    return Rule(
        "new-port",
        f"A new port is among the top {TOP}",
        f"{{{{ $labels.protocol }}}} {{{{ $labels.port }}}} is among the top {TOP} of 24 hours and was not "
        "in the week before.",
        (
            Query("days", days, source=HOURS),
            Query("threshold", smallest_of_leading(today, TOP), source=HOURS),
            Query("threshold_before", smallest_of_leading(before, TOP), source=HOURS),
            Reduced("today", "days", "last"),
            Reduced("week", "days"),
            Reduced("enough", "threshold"),
            Reduced("enough_before", "threshold_before"),
            Math(
                "new",
                f"($today >= $enough) && ($today >= {FEWEST}) && ($week - $today < $enough_before) "
                f"&& ($today > {TIMES} * ($week - $today) / 7)",
            ),
        ),
        8 * DAY,
        "15m",
        "info",
        links.PORTS,
    )


def phenomenon() -> Rule:
    """An event began within the last week: what `darkscope watch` found is at least three days old."""
    began = Value('count("title")', "began", ("title",))
    return Rule(
        "phenomenon",
        "A phenomenon was found",
        "{{ $labels.subject }} {{ $labels.kind }}: see the events on the dashboards, or `darkscope events`.",
        (
            Query("events", Select(EVENTS, (began,), by=("kind", "subject")), source=HOURS),
            Reduced("found", "events"),
            Math("new", "$found > 0"),
        ),
        7 * DAY,
        "0s",
        "info",
        links.NOW,
    )


def capture_drops() -> Rule:
    """A capturing program loses packets."""
    lost = Value('sum("dropped") / (sum("frames") + sum("dropped"))', "lost", ("dropped", "frames"))
    return Rule(
        "capture-drops",
        "A capture loses packets",
        f"{{{{ $labels.sensor }}}}: the capturing program says that it lost more than {LOST:.0%} of its packets.",
        (
            Query("drops", Select(COVERAGE, (lost,), by=("sensor",)), source=MINUTES),
            Reduced("lost", "drops", "last"),
            Math("losing", f"$lost > {LOST}"),
        ),
        2 * HOUR,
        "5m",
        "warning",
        links.COVERAGE,
    )


def projection_lag() -> Rule:
    """What dashboards show is old: the projector lags, or says nothing about itself."""
    return Rule(
        "projection-lag",
        "The projection lags",
        f"What is shown is older than {LAGGING} s, or the projector says nothing.",
        (
            Query("lags", Select(DARKSCOPE, (last("lag"),)), source=MINUTES),
            Reduced("lag", "lags", "last"),
            Math("late", f"$lag > {LAGGING}"),
        ),
        SPEECHLESS,
        "5m",
        "critical",
        links.ITSELF,
        silence_is_bad=True,
    )


def damaged_files() -> Rule:
    """A file of the ledger is damaged: what it bears on is not shown, and cannot be asked."""
    return Rule(
        "damaged-files",
        "A file of the ledger is damaged",
        "What it bears on is not in InfluxDB: some hours and days are missing, or older than they seem.",
        (
            Query("files", Select(DARKSCOPE, (last("damaged"),)), source=MINUTES),
            Reduced("damaged", "files", "last"),
            Math("any", "$damaged > 0"),
        ),
        SPEECHLESS,
        "5m",
        "critical",
        links.ITSELF,
    )


RULES = (
    silent_sensor(),
    level("port-level", "port", PORTS, ("protocol", "port"), links.PORTS),
    level("region-level", "region", COUNTRIES, ("country",), links.REGIONS),
    new_port(),
    phenomenon(),
    capture_drops(),
    projection_lag(),
    damaged_files(),
)


def model() -> Json:
    """All rules as one file."""
    return {
        "apiVersion": 1,
        "groups": [
            {
                "orgId": 1,
                "name": "darkscope",
                "folder": FOLDER,
                "interval": "1m",
                "rules": [rule.model() for rule in RULES],
            }
        ],
    }
