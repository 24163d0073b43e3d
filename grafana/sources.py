"""Data sources by their uid, and which of them serves a range.

One for each resolution, so that each brings its own smallest step; their uids are a prefix and the minutes of a step.
Nothing else names a data source, and dashboards name even these by a variable: two darkscopes fit into one Grafana.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkscope.grafana.influxql import Condition, Select, Value, Window
from darkscope.ingest.measurements import SENSORS, Resolution

PREFIX = "darkscope-"
"""How the uids of the provisioned data sources begin."""

LONGEST_IN_MINUTES, LONGEST_IN_HOURS = 2, 21
"""Days of the longest range that minutes, and that hours serve: some 6 million points at 5,000 series."""

DAY = 86_400_000
"""Milliseconds of a day."""


@dataclass(frozen=True, slots=True)
class Source:
    """A data source as panels refer to it."""

    uid: str
    type: str = "influxdb"

    @property
    def reference(self) -> dict[str, Any]:
        """The data source in Grafana's words."""
        return {"type": self.type, "uid": self.uid}


def of(resolution: Resolution) -> Source:
    """Give the data source of a resolution, whatever range is shown."""
    return Source(f"${{source}}{resolution.minutes}")


def fixed(resolution: Resolution) -> Source:
    """Give the same by its full uid: alert rules know no variables."""
    return Source(f"{PREFIX}{resolution.minutes}")


MINUTES, HOURS, DAYS = map(of, Resolution)

BY_RANGE = Source("${source}${step}")
"""The data source that serves the range shown."""

EXPRESSION = Source("__expr__", "__expr__")
"""Grafana's own arithmetic."""

GRAFANA = Source("grafana", "datasource")
"""Grafana's own lists."""


def has(resolution: Resolution, longest: int) -> str:
    """Ask a bucket for its minutes a step: it answers where the range is short enough and has not expired."""
    return str(
        Select(
            SENSORS,
            (_minutes(resolution),),
            (Condition(f"${{__to}} - ${{__from}} <= {longest * DAY}"),),
            window=Window.LISTED,
        )
    )


def step() -> str:
    """Ask for the minutes of the finest step that serves the range shown; days always do."""
    gates = {
        Resolution.MINUTE: (Condition("0$minutes = 1"),),
        Resolution.HOUR: (Condition("0$hours = 60"),),
        Resolution.DAY: (),
    }
    parts = (
        f"({Select(SENSORS, (_minutes(resolution),), gate, window=Window.KNOWN)})"
        for resolution, gate in gates.items()
    )
    return f'SELECT min("step") AS "step" FROM {", ".join(parts)}'


def _minutes(resolution: Resolution) -> Value:
    return Value(f'last("listed") * {resolution.minutes}', "step", ("listed",))
