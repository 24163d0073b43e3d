"""The dashboards, one a file, each a list of questions."""

from __future__ import annotations

from darkscope.grafana.dashboards import (
    country,
    coverage,
    example,
    itself,
    now,
    port,
    ports,
    regions,
    runbooks,
    sensor,
)

DASHBOARDS = tuple(
    module.DASHBOARD
    for module in (now, ports, regions, port, country, sensor, coverage, itself, runbooks, example)
)
"""All dashboards, in the order of their titles."""
