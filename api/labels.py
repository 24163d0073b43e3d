"""Words for people: what a value is called beyond the text that filters take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import polars as pl

from darkscope.api.dimension import Dimension, Key, value_text
from darkscope.api.language import country_name
from darkscope.api.services import service_name
from darkscope.ingest.values import Language


def labels(known: pl.DataFrame) -> Callable[[Dimension, Key], str]:
    """Give the labeller for the known sensors (columns selection.KNOWN; the last row of an id names it)."""
    names = dict(known.select("id", "name").rows())
    shared = {name for name, count in Counter(names.values()).items() if count > 1}

    def label(dimension: Dimension, key: Key) -> str:
        text = value_text(dimension, key)
        if dimension is Dimension.PORTS:
            protocol, port = map(int, key)
            service = service_name(protocol, port)
            return f"{text} ({service})" if service else text
        if dimension is Dimension.SENSORS:
            name = names.get(text) or text
            return f"{name} ({text})" if name in shared else name  # charts know sensors by their labels
        if dimension is Dimension.COUNTRIES:
            name = country_name(text, Language.EN)
            return text if name == text else f"{text} {name}"
        return text

    return label
