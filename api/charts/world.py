"""Packets by source country on a map of the world; a place too small to be seen has a mark at its centre.

Pure, but for the shapes and places that ship with the project.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from itertools import chain
from typing import Any

from babel.core import get_global

from darkscope.api.charts import style
from darkscope.api.charts.style import Spec
from darkscope.api.charts.words import word
from darkscope.api.language import country_name
from darkscope.api.ranking import Ranking
from darkscope.ingest.values import Language

SEEN = 2.0
"""Degrees of latitude and longitude that a shape must cover both ways to be seen on a map of this size."""

NOBODY, LEAST, MOST = "#F0F0F0", "#C6DBEF", "#08306B"
"""Of a country without packets, and the ends of the scale of those with some."""


ANTARCTICA = "010"
"""Takes room, and sends nothing."""

UNLISTED = {"BV": (3.4, -54.4), "HM": (73.5, -53.1), "XK": (21.2, 42.7)}
"""Longitude and latitude of places that `zone.tab` does not name."""


def world_chart(
    ranking: Ranking, language: Language, *, title: str | None = None, width: int = style.WIDTH
) -> Spec:
    """Draw a ranking of countries; unknown places (ZZ) are not on it."""
    shown = [
        (row.value, {"name": country_name(row.value, language), "packets": row.packets})
        for row in ranking.rows
    ]
    shaped = [told | {"id": _numbers()[code]} for code, told in shown if code in _numbers()]
    marked = [
        told | {"longitude": _places()[code][0], "latitude": _places()[code][1]}
        for code, told in shown
        if code in _places() and code not in _shapes()
    ]
    counts = [row.packets for row in ranking.rows if row.value in _numbers() or row.value in _places()]
    reach = [min(counts, default=1), max(counts, default=1) + 1]
    legend: Spec = {
        "orient": "bottom",
        "title": word("packets", language),
        "format": ",d",
        "gradientLength": 260,
        "tickCount": 3,
    }
    color: Spec = {
        "field": "packets",
        "type": "quantitative",
        "scale": {"type": "log", "range": [LEAST, MOST], "domain": reach},
        "legend": legend,
    }
    tooltip = [
        {"field": "name", "type": "nominal", "title": " "},
        {"field": "packets", "type": "quantitative", "format": ",d", "title": word("packets", language)},
    ]
    join: Spec = {
        "lookup": "id",
        "from": {"data": {"values": shaped}, "key": "id", "fields": ["packets", "name"]},
    }
    shape: Spec = {"type": "geoshape", "stroke": "white", "strokeWidth": 0.5}
    land: Spec = {"mark": shape | {"color": NOBODY}}
    filled: Spec = {
        "transform": [join, {"filter": "isValid(datum.packets)"}],
        "mark": shape,
        "encoding": {"color": color, "tooltip": tooltip},
    }
    world: Spec = {
        "data": {"values": _topology(), "format": {"type": "topojson", "feature": "countries"}},
        "transform": [{"filter": f"datum.id != '{ANTARCTICA}'"}],
        "layer": [land, filled],
    }
    small: Spec = {
        "data": {"values": marked},
        "mark": {"type": "circle", "size": 40, "stroke": style.INK, "strokeWidth": 0.5, "opacity": 1},
        "encoding": {
            "longitude": {"field": "longitude", "type": "quantitative"},
            "latitude": {"field": "latitude", "type": "quantitative"},
            "color": color,
            "tooltip": tooltip,
        },
    }
    return style.whole(
        {"width": width, "height": width // 2, "projection": {"type": "equalEarth"}, "layer": [world, small]},
        title=title,
        description=word("world_of", language),
    )


@cache
def _topology() -> dict[str, Any]:
    text = files("darkscope.api.charts").joinpath("data/world-110m.topojson").read_text(encoding="utf-8")
    topology: dict[str, Any] = json.loads(text)
    return topology


@cache
def _numbers() -> Mapping[str, str]:
    """ISO 3166-1 numeric codes by alpha-2, of the countries that have a shape; CLDR knows the codes."""
    aliases = get_global("territory_aliases")
    ids = [str(shape["id"]) for shape in _topology()["objects"]["countries"]["geometries"] if "id" in shape]
    return {aliases[number][0]: number for number in ids}


@cache
def _shapes() -> frozenset[str]:
    """Countries whose shape is large enough to be seen."""
    topology = _topology()
    wide, high = topology["transform"]["scale"]
    arcs = [list(_points(arc)) for arc in topology["arcs"]]
    seen = set()
    for shape in topology["objects"]["countries"]["geometries"]:
        points = list(
            chain.from_iterable(arcs[one if one >= 0 else ~one] for one in _flat(shape.get("arcs", [])))
        )
        across, up = ([place[axis] for place in points] for axis in (0, 1))
        size = (max(across) - min(across)) * wide, (max(up) - min(up)) * high
        if min(size) >= SEEN:
            seen.add(shape.get("id"))
    return frozenset(code for code, number in _numbers().items() if number in seen)


def _points(arc: list[list[int]]) -> Iterator[tuple[int, int]]:
    """Undo the differences that TopoJSON writes."""
    x = y = 0
    for right, up in arc:
        x, y = x + right, y + up
        yield x, y


def _flat(arcs: list[Any]) -> Iterator[int]:
    for one in arcs:
        if isinstance(one, int):
            yield one
        else:
            yield from _flat(one)


@cache
def _places() -> Mapping[str, tuple[float, float]]:
    """Longitude and latitude of the first place that IANA's `zone.tab` names in each country."""
    text = files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8")
    found = dict(UNLISTED)
    for line in text.splitlines():
        if not line.startswith("#"):
            country, place = line.split("\t")[:2]
            latitude, longitude = re.findall(r"[+-][0-9]+", place)
            found.setdefault(country, (_degrees(longitude, 3), _degrees(latitude, 2)))
    return found


def _degrees(text: str, digits: int) -> float:
    """Read ISO 6709: degrees of so many digits, then minutes, then seconds where there are any."""
    sign, numbers = -1 if text[0] == "-" else 1, text[1:]
    seconds = int(numbers[digits + 2 :] or 0)
    return sign * round(int(numbers[:digits]) + int(numbers[digits : digits + 2]) / 60 + seconds / 3600, 3)
