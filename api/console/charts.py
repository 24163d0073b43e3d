"""The console's charts: the specifications of reports, as a page shows them.

Pure.
"""

from __future__ import annotations

from dataclasses import replace

from darkscope.api.charts import style
from darkscope.api.charts.browser import fluid, zoomed
from darkscope.api.charts.style import Spec
from darkscope.api.charts.trends import trend_chart
from darkscope.api.charts.world import world_chart
from darkscope.api.ranking import Ranking
from darkscope.api.trend import Trend
from darkscope.ingest.values import Language

MOST_LINES = 5
"""More cannot be told apart at a glance; the table has the others."""

SMALL_LEGEND: Spec = {
    "gradientThickness": 6,
    "labelFontSize": 10,
    "padding": 12,
    "titleColor": style.INK,
    "titleFontSize": 10,
    "titleFontWeight": "normal",
}
"""Of a map, which is to have the room."""


def trend_spec(trend: Trend, language: Language, *, stacked: bool) -> Spec:
    """Draw the first lines of a trend, on which a stretch of time can be marked; what is split is shown whole."""
    first = trend if trend.by is not None else replace(trend, lines=trend.lines[:MOST_LINES])
    return zoomed(fluid(trend_chart(first, language, stacked=stacked)))


def world_spec(ranking: Ranking, language: Language) -> Spec:
    """Draw a ranking of countries on a map, with a legend that leaves it the room."""
    spec = fluid(world_chart(ranking, language))
    return spec | {"config": spec["config"] | {"legend": spec["config"]["legend"] | SMALL_LEGEND}}
