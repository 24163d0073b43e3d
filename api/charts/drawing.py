"""Specifications drawn as SVG and PNG, by Vega in this process: nothing is fetched, whatever a specification says.

The letters are those that are installed with the project, so that a picture is the same on every machine.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from threading import Lock

import vl_convert

from darkscope.api.charts.style import Spec

VEGA_LITE = "6.1"
"""The version that specifications are written for."""

PIXELS = 2.0
"""Pixels a point: sharp on today's screens and on paper."""

_ONE = Lock()
"""Vega runs in one engine."""


@cache
def _prepared() -> None:
    vl_convert.register_font_directory(str(files("pylopdf_fonts_jp")))


def svg(spec: Spec) -> str:
    """Draw as SVG, with letters as text."""
    with _ONE:
        _prepared()
        return str(vl_convert.vegalite_to_svg(_text(spec), vl_version=VEGA_LITE, allowed_base_urls=[]))


def png(spec: Spec) -> bytes:
    """Draw as PNG."""
    with _ONE:
        _prepared()
        return bytes(
            vl_convert.vegalite_to_png(_text(spec), vl_version=VEGA_LITE, scale=PIXELS, allowed_base_urls=[])
        )


def _text(spec: Spec) -> str:
    return json.dumps(spec, ensure_ascii=False, allow_nan=False)
