"""Counts of days as bars, with the dates that divide them: requests to honeypots, before and after a disclosure.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from darkscope.api.charts import style, times
from darkscope.api.charts.style import Size, Spec
from darkscope.api.charts.trends import Event, event_layers
from darkscope.api.charts.words import word
from darkscope.api.periods import Window, minute
from darkscope.ingest.values import Language


def timeline_chart(
    starts: Sequence[datetime],
    counts: Sequence[int | None],
    zone: ZoneInfo,
    language: Language,
    *,
    unit: str,
    title: str | None = None,
    events: Sequence[Event] = (),
    size: Size = Size(height=160),
) -> Spec:
    """Draw counts of consecutive days, which begin at `starts`; a day that nobody watched (None) is shaded."""
    edges = [*starts, starts[-1] + timedelta(days=1)] if starts else []
    values = [
        {
            "start": times.milliseconds(edges[place]),
            "end": times.milliseconds(edges[place + 1]),
            "when": times.written_moment(minute(edges[place]), zone),
            "count": count,
        }
        for place, count in enumerate(counts)
    ]
    window = Window(edges[0], edges[-1]) if edges else None
    x: Spec = {
        "field": "start",
        "type": "temporal",
        "scale": {"type": "utc", "nice": False}
        | ({"domain": [times.milliseconds(edges[0]), times.milliseconds(edges[-1])]} if edges else {}),
        "axis": times.axis(window, zone, language) if window else {"title": None},
    }
    y: Spec = {
        "field": "count",
        "type": "quantitative",
        "scale": {"zero": True},
        "axis": {"title": unit, "format": ",d", "tickMinStep": 1, "tickCount": 5},
    }
    gap: Spec = {
        "transform": [{"filter": "!isValid(datum.count)"}],
        "mark": {"type": "rect", "color": style.OUTAGE},
        "encoding": {"x": x, "x2": {"field": "end"}},
    }
    bar: Spec = {
        "transform": [{"filter": "isValid(datum.count)"}, {"calculate": "0", "as": "none"}],
        "mark": {"type": "rect", "color": style.COLOURS[0]},
        "encoding": {
            "x": x,
            "x2": {"field": "end"},
            "y": y,
            "y2": {"field": "none"},
            "tooltip": [
                {"field": "when", "title": word("when", language)},
                {"field": "count", "type": "quantitative", "format": ",d", "title": unit},
            ],
        },
    }
    layers = [{"data": {"values": values}, "layer": [gap, bar]}, *event_layers(events, x)]
    return style.whole(
        {"width": size.width, "height": size.height, "layer": layers}, title=title, description=unit
    )
