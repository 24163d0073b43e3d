"""Spread as divided bars: of each value's packets, those to the leading ports of all and those to other ports.

Pure.
"""

from __future__ import annotations

from darkscope.api.charts import style
from darkscope.api.charts.rankings import BAR
from darkscope.api.charts.style import Spec
from darkscope.api.charts.words import called, listed, word
from darkscope.api.spread import Spread
from darkscope.ingest.values import Language


def spread_chart(
    spread: Spread, language: Language, *, title: str | None = None, width: int = style.WIDTH
) -> Spec:
    """Draw how much of each value's packets went to the leading ports."""
    names = [called(spread.dimension, row.value, row.label, language) for row in spread.rows]
    on, off = word("top_ports", language, top=len(spread.top)), word("other_ports", language)
    values = []
    for row, name in zip(spread.rows, names, strict=True):
        elsewhere = round(row.packets * row.off_top)
        for kind, packets in ((on, row.packets - elsewhere), (off, elsewhere)):
            values.append({"name": name, "kind": kind, "packets": packets, "place": int(kind == off)})
    bar: Spec = {
        "mark": {"type": "bar", "height": {"band": 0.7}},
        "encoding": {
            "x": {
                "field": "packets",
                "type": "quantitative",
                "stack": "zero",
                "axis": {
                    "title": word("packets", language),
                    "format": ",d",
                    "tickMinStep": 1,
                    "tickCount": 6,
                },
            },
            "y": {
                "field": "name",
                "type": "nominal",
                "sort": None,
                "axis": {"title": None, "labelLimit": 260},
            },
            "color": {
                "field": "kind",
                "type": "nominal",
                "sort": None,
                "scale": {"domain": [on, off], "range": [style.COLOURS[0], style.COLOURS[4]]},
                "legend": {"orient": "bottom"},
            },
            "order": {"field": "place"},
            "tooltip": [
                {"field": "name", "title": " "},
                {"field": "kind", "title": " "},
                {
                    "field": "packets",
                    "type": "quantitative",
                    "format": ",d",
                    "title": word("packets", language),
                },
            ],
        },
    }
    return style.whole(
        {"width": width, "height": {"step": BAR}, "data": {"values": values}} | bar,
        title=title,
        description=word("spread_of", language, names=listed(names, language)),
    )
