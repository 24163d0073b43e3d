"""Rankings as bars, the first on top, each with its packets and its rank before.

Pure.
"""

from __future__ import annotations

from darkscope.api.charts import style
from darkscope.api.charts.style import Spec
from darkscope.api.charts.words import called, listed, word
from darkscope.api.ranking import Ranking, Row
from darkscope.ingest.values import Language

BAR = 24
"""Height of a bar with the room around it, in points."""


def ranking_chart(
    ranking: Ranking, language: Language, *, title: str | None = None, width: int = style.WIDTH
) -> Spec:
    """Draw a ranking."""
    names = [called(ranking.dimension, row.value, row.label, language) for row in ranking.rows]
    values = [
        {
            "rank": row.rank,
            "name": f"{row.rank}  {name}",
            "packets": row.packets,
            "text": _text(row, language),
        }
        for row, name in zip(ranking.rows, names, strict=True)
    ]
    most = max((row.packets for row in ranking.rows), default=1)
    x: Spec = {
        "field": "packets",
        "type": "quantitative",
        "scale": {"domain": [0, most * 1.25], "nice": False},
        "axis": {"title": word("packets", language), "format": ",d", "tickMinStep": 1, "tickCount": 6},
    }
    y: Spec = {
        "field": "name",
        "type": "nominal",
        "sort": None,
        "axis": {"title": None, "labelLimit": 260, "ticks": False, "domain": False, "labelAlign": "right"},
    }
    bar: Spec = {
        "mark": {"type": "bar", "color": style.COLOURS[0], "height": {"band": 0.7}},
        "encoding": {
            "x": x,
            "y": y,
            "tooltip": [{"field": "name", "title": " "}, {"field": "text", "title": " "}],
        },
    }
    text: Spec = {
        "mark": {"type": "text", "align": "left", "dx": 4},
        "encoding": {"x": x, "y": y, "text": {"field": "text", "type": "nominal"}},
    }
    return style.whole(
        {"width": width, "height": {"step": BAR}, "data": {"values": values}, "layer": [bar, text]},
        title=title,
        description=word("ranking_of", language, names=listed(names, language)),
    )


def _text(row: Row, language: Language) -> str:
    """Packets, and the rank before."""
    before = (
        word("new", language)
        if row.previous_rank is None
        else f"{word('before', language)} {row.previous_rank}"
    )
    sign = ""
    if row.previous_rank is not None and row.previous_rank != row.rank:
        sign = " ↑" if row.previous_rank > row.rank else " ↓"
    return f"{row.packets:,} ({before}{sign})"
