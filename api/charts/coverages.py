"""Coverage as strips: one a sensor, from watched whole to not at all.

Pure.
"""

from __future__ import annotations

from darkscope.api.charts import style, times
from darkscope.api.charts.rankings import BAR
from darkscope.api.charts.style import Spec
from darkscope.api.charts.words import word
from darkscope.api.roster import Coverage
from darkscope.api.watch import NOTABLE
from darkscope.ingest.values import Language

WHOLE, PART, NONE = "#A8CFE5", "#E69F00", "#8B1A1A"
"""Light, middle and dark, so that they differ in grey too."""


def coverage_chart(
    coverage: Coverage, language: Language, *, title: str | None = None, width: int = style.WIDTH
) -> Spec:
    """Draw when each sensor watched."""
    buckets = coverage.buckets
    names = [word(name, language) for name in ("whole", "part", "none")]
    values = [
        {
            "sensor": strip.label,
            "start": times.minutes(buckets.edges[place]),
            "end": times.minutes(buckets.edges[place + 1]),
            "when": times.written_moment(buckets.edges[place], buckets.zone),
            "watched": names[0] if share > 1 - NOTABLE else names[1] if share else names[2],
            "share": share,
        }
        for strip in coverage.strips
        for place, share in enumerate(strip.covered)
        if share is not None
    ]
    edges = [times.minutes(buckets.edges[0]), times.minutes(buckets.edges[-1])]
    x: Spec = {
        "field": "start",
        "type": "temporal",
        "scale": {"type": "utc", "domain": edges, "nice": False},
        "axis": times.axis(buckets.window, buckets.zone, language),
    }
    y: Spec = {
        "field": "sensor",
        "type": "nominal",
        "sort": None,
        "scale": {"domain": [strip.label for strip in coverage.strips]},
        "axis": {"title": None, "labelLimit": 260},
    }
    color: Spec = {
        "field": "watched",
        "type": "nominal",
        "scale": {"domain": names, "range": [WHOLE, PART, NONE]},
        "legend": {"orient": "bottom", "title": None},
    }
    rect: Spec = {
        "mark": {"type": "rect", "height": {"band": 0.7}},
        "encoding": {
            "x": x,
            "x2": {"field": "end"},
            "y": y,
            "color": color,
            "stroke": color,  # no seam between neighbours
            "tooltip": [
                {"field": "sensor", "title": word("sensor", language)},
                {"field": "when", "title": word("when", language)},
                {
                    "field": "share",
                    "type": "quantitative",
                    "format": ".0%",
                    "title": word("watched", language),
                },
            ],
        },
    }
    height = {"step": BAR}
    return style.whole(
        {"width": width, "height": height, "data": {"values": values}} | rect,
        title=title,
        description=word("coverage_of", language),
    )
