"""Words for people: what a value is called beyond the text that filters take."""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import cache
from importlib.resources import files

import polars as pl

from darkscope.api.dimension import Dimension, Key, value_text
from darkscope.api.services import service_name


def labels(known: pl.DataFrame) -> Callable[[Dimension, Key], str]:
    """Give the labeller for the known sensors (columns selection.KNOWN; the last row of an id names it)."""
    names = dict(known.select("id", "name").rows())

    def label(dimension: Dimension, key: Key) -> str:
        text = value_text(dimension, key)
        if dimension is Dimension.PORTS:
            protocol, port = map(int, key)
            service = service_name(protocol, port)
            return f"{text} ({service})" if service else text
        if dimension is Dimension.SENSORS:
            return names.get(text) or text
        if dimension is Dimension.COUNTRIES:
            return f"{text} {countries().get(text, '')}".rstrip()
        return text

    return label


@cache
def countries() -> dict[str, str]:
    """English names of countries by ISO 3166-1 alpha-2 code, and `ZZ`."""
    text = files("darkscope.api").joinpath("data/countries.csv").read_text(encoding="utf-8")
    return {row["code"]: row["name"] for row in csv.DictReader(text.splitlines())} | {"ZZ": "unknown"}
