from __future__ import annotations

import polars as pl
import pytest

from darkscope.api.dimension import Dimension, Key
from darkscope.api.labels import labels
from darkscope.api.selection import KNOWN

SENSORS = pl.DataFrame(
    [
        ("a", "Tokyo", "north", "telescope", True, None, None, None),
        ("b", "Old", "north", "telescope", True, None, None, None),
        ("b", "New", "north", "telescope", True, None, None, None),
        ("c", "Osaka", "north", "telescope", True, None, None, None),
        ("d", "Osaka", "south", "telescope", True, None, None, None),
    ],
    schema=KNOWN,
    orient="row",
)


@pytest.mark.parametrize(
    ("dimension", "key", "label"),
    [
        (Dimension.PORTS, (6, 23), "23/TCP (telnet)"),
        (Dimension.PORTS, (6, 12543), "12543/TCP"),
        (Dimension.PORTS, (1, -1), "0/ICMP"),
        (Dimension.COUNTRIES, ("VN",), "VN Vietnam"),
        (Dimension.COUNTRIES, ("ZZ",), "ZZ unknown"),
        (Dimension.COUNTRIES, ("EU",), "EU European Union"),
        (Dimension.COUNTRIES, ("XQ",), "XQ"),
        (Dimension.OWNERS, (64500,), "AS64500"),
        (Dimension.SENSORS, ("a",), "Tokyo"),
        (Dimension.SENSORS, ("b",), "New"),
        (Dimension.SENSORS, ("d",), "Osaka (d)"),
        (Dimension.SENSORS, ("stranger",), "stranger"),
        (Dimension.TOOLS, ("",), "none"),
    ],
)
def test_a_value_has_a_label_for_people(dimension: Dimension, key: Key, label: str) -> None:
    assert labels(SENSORS)(dimension, key) == label
