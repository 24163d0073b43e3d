"""How every chart looks: colours, dashes, marks and letters, for paper and screen, and for the colour-blind.

Pure. A series is told apart by its colour, its dash and its mark, so that a copy in black and white still reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]
"""A Vega-Lite specification, or a part of one: https://vega.github.io/vega-lite/docs/."""

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
"""A name; nobody fetches it."""

FONT = "Noto Sans JP"
FONTS = f"{FONT}, Noto Sans CJK JP, Hiragino Sans, Yu Gothic, sans-serif"
"""The letters that the project installs, then those that readers' machines have."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
"""Okabe and Ito's colours for every kind of sight, without their yellow, which paper swallows, and with a grey.

M. Okabe, K. Ito: Color Universal Design, https://jfly.uni-koeln.de/color/.
"""

DASHES = ([1, 0], [6, 2], [2, 2], [8, 2, 2, 2], [4, 1], [10, 3], [1, 0], [3, 3])
MARKS = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "circle", "square")

INK, FAINT, GRID = "#222222", "#666666", "#E4E4E4"
OUTAGE, PARTIAL, REST, EVENT = "#BDBDBD", "#EDEDED", "#F6E7C1", "#8C6D1F"
"""Bands: nobody watched; some did not; days off. And the line of an event."""

WIDTH, HEIGHT = 640, 260
"""Of the drawing within the axes, in points."""


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height of the drawing within the axes, in points."""

    width: int = WIDTH
    height: int = HEIGHT


def whole(parts: Spec, *, title: str | None, description: str) -> Spec:
    """Make parts a whole specification; the description is for those who cannot see it."""
    head: Spec = {"$schema": SCHEMA, "description": description, "background": "white"}
    if title:
        head["title"] = {"text": title, "anchor": "start", "fontWeight": "normal", "fontSize": 14}
    return head | parts | {"config": _CONFIG}


_CONFIG: Spec = {
    "font": FONTS,
    "view": {"stroke": None},
    "axis": {
        "labelColor": INK,
        "titleColor": INK,
        "titleFontWeight": "normal",
        "labelFontSize": 11,
        "titleFontSize": 11,
        "gridColor": GRID,
        "domainColor": FAINT,
        "tickColor": FAINT,
    },
    "legend": {"labelColor": INK, "labelFontSize": 12, "labelLimit": 260, "title": None},
    "title": {"color": INK},
    "text": {"color": INK, "fontSize": 11},
}


def scales(names: Sequence[str]) -> Mapping[str, Spec]:
    """Give colours, dashes and marks to names, in their order; they begin anew where there are more names."""

    def ranged(values: Sequence[object]) -> Spec:
        return {
            "domain": list(names),
            "range": [values[number % len(values)] for number in range(len(names))],
        }

    return {"color": ranged(COLOURS), "strokeDash": ranged(DASHES), "shape": ranged(MARKS)}
