"""Breadth as bars, one a sensor: packets a day of watched time, beside the period before.

Pure.
"""

from __future__ import annotations

from darkscope.api.breadth import Breadth
from darkscope.api.charts import style
from darkscope.api.charts.rankings import BAR
from darkscope.api.charts.style import Spec
from darkscope.api.charts.words import word
from darkscope.ingest.values import Language


def breadth_chart(
    breadth: Breadth, language: Language, *, title: str | None = None, width: int = style.WIDTH
) -> Spec:
    """Draw how much each sensor saw, and before."""
    now, before = (word(name, language) for name in ("now", "before"))
    values = [
        {"sensor": row.label, "rate": rate, "period": period}
        for row in breadth.rows
        for rate, period in ((row.per_day, now), (row.previous_per_day, before))
    ]
    x: Spec = {
        "field": "rate",
        "type": "quantitative",
        "axis": {"title": word("packets_day", language), "tickCount": 6},
    }
    y: Spec = {"field": "sensor", "type": "nominal", "sort": None, "axis": {"title": None, "labelLimit": 260}}
    color: Spec = {
        "field": "period",
        "type": "nominal",
        "scale": {"domain": [now, before], "range": [style.COLOURS[0], style.OUTAGE]},
        "legend": {"orient": "bottom"},
    }
    bar: Spec = {
        "mark": {"type": "bar"},
        "encoding": {
            "x": x,
            "y": y,
            "yOffset": {"field": "period", "sort": [now, before]},
            "color": color,
            "tooltip": [
                {"field": "sensor", "title": word("sensor", language)},
                {"field": "period", "title": " "},
                {
                    "field": "rate",
                    "type": "quantitative",
                    "format": ",.1f",
                    "title": word("packets_day", language),
                },
            ],
        },
    }
    height = max(1, len(breadth.rows)) * BAR * 1.3
    return style.whole(
        {"width": width, "height": height, "data": {"values": values}} | bar,
        title=title,
        description=word("breadth_of", language),
    )
