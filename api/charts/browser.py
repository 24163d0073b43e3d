"""Specifications for browsers: as wide as there is room, and the script that draws them, from the same package.

Pure, but for the script, which is put together once.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from importlib.metadata import version
from threading import Lock

import vl_convert

from darkscope.api.charts import style
from darkscope.api.charts.drawing import VEGA_LITE
from darkscope.api.charts.style import Spec

CALLED = f"vega-{version('vl-convert-python')}.js"
"""What the script is called; another version of the package may make another one."""

GIVEN = "window.vegaEmbed = vegaEmbed;"
"""What the script gives to others."""

_MAKING = Lock()


def fluid(spec: Spec) -> Spec:
    """Let a specification take the room of its element; colours of the page are put in where it is drawn."""
    room: Spec = {"width": "container", "height": "container"}
    return spec | room | {"autosize": {"type": "fit", "contains": "padding"}}


def zoomed(spec: Spec) -> Spec:
    """Let a stretch of time be marked in a trend; the page says what becomes of it.

    What layers say twice is said once: Vega-Lite would complain to whoever looks at the browser's console.
    """
    copy: Spec = deepcopy(spec)
    units = list(_units(copy["layer"]))
    for unit in units[:-1]:
        unit["encoding"] = unit["encoding"] | {"x": _without_domain(unit["encoding"]["x"])}
    for unit in units:
        if "strokeDash" in unit["encoding"]:
            unit["encoding"]["strokeDash"]["legend"] = unit["encoding"]["color"]["legend"]
    units[-1]["params"] = [{"name": "marked", "select": {"type": "interval", "encodings": ["x"]}}]
    lines = copy["layer"][-1]
    if "layer" in lines:
        point, line = lines["layer"]
        lines["layer"] = [line, point, _pointed_at(point["encoding"])]
    copy["layer"].insert(-1, _events(units[-1]["encoding"]["x"]))
    return copy


def _pointed_at(encoding: Spec) -> Spec:
    """A layer of all values, which is not seen: marks stand on a few, and each is told under the pointer."""
    told = {name: encoding[name] for name in ("x", "y", "tooltip")}
    return {"mark": {"type": "point", "filled": True, "size": 120, "opacity": 0}, "encoding": told}


def _without_domain(x: Spec) -> Spec:
    return x | {"scale": {name: value for name, value in x["scale"].items() if name != "domain"}}


def _events(x: Spec) -> Spec:
    """A layer for what the page has to say of moments, which comes later: rows of `at` and `text` named `events`."""
    scale = _without_domain(x)["scale"]
    return {
        "data": {"name": "events", "values": []},
        "mark": {"type": "rule", "color": style.EVENT, "strokeDash": [3, 2], "strokeWidth": 1.5},
        "encoding": {
            "x": {"field": "at", "type": "temporal", "scale": scale},
            "tooltip": {"field": "text", "title": " "},
        },
    }


def _units(layers: list[Spec]) -> Iterator[Spec]:
    for layer in layers:
        yield from _units(layer["layer"]) if "layer" in layer else [layer]


def script() -> bytes:
    """Give Vega, Vega-Lite and Vega-Embed as one script, packed with gzip. The first call takes a second or two."""
    with _MAKING:
        return _script()


@cache
def _script() -> bytes:
    return gzip.compress(vl_convert.javascript_bundle(GIVEN, vl_version=VEGA_LITE).encode(), mtime=0)
