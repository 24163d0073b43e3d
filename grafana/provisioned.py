"""The files that Grafana reads at its start and that are made here; the others of `provisioning/` are written by hand.

Pure: a mapping of paths, relative to `provisioning/grafana`, to texts.
"""

from __future__ import annotations

from darkscope.grafana import alerts
from darkscope.grafana.dashboard import written
from darkscope.grafana.dashboards import DASHBOARDS
from darkscope.grafana.overlays import overlaid

DASHBOARD_FOLDER = "dashboards/darkscope"
RULES_FILE = "alerting/rules.json"


def files() -> dict[str, str]:
    """Every generated file by its path. Raises OverlayError where an overlay does not fit its dashboard."""
    texts = {
        f"{DASHBOARD_FOLDER}/{dashboard.uid}.json": written(overlaid(dashboard.model()))
        for dashboard in DASHBOARDS
    }
    return texts | {RULES_FILE: written(alerts.model())}
