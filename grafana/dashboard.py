"""A dashboard: variables, rows of panels, links to the others; and its JSON.

Pure. Panels are laid out here and nowhere else: a row's panels share its 24 columns, rows follow each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from darkscope.grafana.panels import WIDTH, Panel
from darkscope.grafana.sources import DAYS
from darkscope.grafana.variables import Variable
from darkscope.ingest.measurements import EVENTS

Json = dict[str, Any]

TAG = "darkscope"
"""By this tag dashboards find each other."""

SCHEMA = 39
"""Version of Grafana's dashboard model, of 10.4; newer ones migrate it as they load it."""

EVENT = ("title", "text", "tags")
"""Fields of an event that an annotation shows."""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels side by side, under a title."""

    title: str
    panels: tuple[Panel, ...]
    height: int = 9  # of Grafana's 30-pixel units

    def widths(self) -> list[int]:
        """Columns of each panel: those that ask for some get them, the others share the rest."""
        left = WIDTH - sum(panel.width for panel in self.panels)
        sharing = [panel for panel in self.panels if not panel.width]
        if left < 0 or (sharing and left < len(sharing)) or (not sharing and left):
            raise ValueError(f"the panels of the row {self.title!r} do not fill {WIDTH} columns")
        shares = [left // len(sharing) + (n < left % len(sharing)) for n in range(len(sharing))]
        return [panel.width or shares.pop(0) for panel in self.panels]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard."""

    uid: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]
    start: str = "now-24h"
    refresh: str = ""  # how often it asks again by itself, like `1m`

    def panels(self) -> Iterator[Panel]:
        """All panels, in reading order."""
        for row in self.rows:
            yield from row.panels

    def model(self) -> Json:
        """Grafana's JSON model."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "schemaVersion": SCHEMA,
            "editable": False,
            "graphTooltip": 1,  # one cross-hair over all panels
            "timezone": "",  # the reader's
            "weekStart": "",
            "fiscalYearStartMonth": 0,
            "liveNow": False,
            "time": {"from": self.start, "to": "now"},
            "timepicker": {"refresh_intervals": ["30s", "1m", "5m", "15m", "1h"]},
            "refresh": self.refresh,
            "annotations": {"list": [_own_annotations(), _events()]},
            "templating": {"list": [variable.model() for variable in self.variables]},
            "links": [_to_the_others()],
            "panels": list(self._laid_out()),
        }

    def _laid_out(self) -> Iterator[Json]:
        y = 0
        for row in self.rows:
            yield {
                "id": _row_id(row.title),
                "type": "row",
                "title": row.title,
                "collapsed": False,
                "gridPos": {"x": 0, "y": y, "w": WIDTH, "h": 1},
                "panels": [],
            }
            x = 0
            for panel, width in zip(row.panels, row.widths(), strict=True):
                yield panel.model({"x": x, "y": y + 1, "w": width, "h": row.height})
                x += width
            y += 1 + row.height


def written(model: Json) -> str:
    """Write a model as the file that is committed: one value a line, so that changes read as such."""
    return json.dumps(model, indent=1, ensure_ascii=False) + "\n"


def _row_id(title: str) -> int:
    return Panel(f"row {title}", "", "row", "", (), (), {}).id


def _to_the_others() -> Json:
    return {
        "type": "dashboards",
        "title": "darkscope",
        "tags": [TAG],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }


def _own_annotations() -> Json:
    return {
        "builtIn": 1,
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
        "name": "Notes made in Grafana",
        "type": "dashboard",
    }


def _events() -> Json:
    query = f"SELECT {', '.join(EVENT)} FROM {EVENTS.name} WHERE $timeFilter"
    columns = {"titleColumn": "title", "textColumn": "text", "tagsColumn": "tags"}
    # Twice: Grafana reads `target` where there is one, and 10.4 asks nothing at all where there is none.
    target = {
        "refId": "events",
        "query": query,
        "queryType": "tags",
        "fromAnnotations": True,
        "name": "Events",
    }
    return {
        "name": "Events",
        "enable": True,
        "iconColor": "purple",
        "datasource": DAYS.reference,
        "query": query,
        **columns,
        "target": {**target, **columns, "timeEndColumn": ""},
    }
