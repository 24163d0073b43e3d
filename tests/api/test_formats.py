from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import typer

from darkscope.api.command.top import top
from darkscope.api.command.trend import trend
from darkscope.api.dimension import Dimension
from darkscope.api.formats import csv_text, json_text, rows_of
from darkscope.api.periods import Buckets, minute, parse_period
from darkscope.api.ranking import Provenance, Ranking, Row
from darkscope.api.store import Filter
from darkscope.api.trend import Line, Trend
from darkscope.api.watch import Watch

DOCS = Path(__file__).parents[2] / "docs" / "questions.md"
ZONE = ZoneInfo("Asia/Tokyo")
WATCH = Watch({"a": (60,)}, {"a": (3600,)})
EVERY_FILTER = Filter(
    classes=frozenset({"scan"}),
    ports=frozenset({(None, 445), (6, 23), (1, -1)}),
    protocols=frozenset({17}),
    countries=frozenset({"VN", "ID"}),
    owners=frozenset({0, 64500}),
    tools=frozenset({""}),
)
PROVENANCE = Provenance(
    7, parse_period("2020-06-24", ZONE, datetime(2020, 8, 1, tzinfo=UTC)), EVERY_FILTER, WATCH, WATCH
)
RANKING = Ranking(
    Dimension.SENSORS, 5, 1, 0, (Row(1, "=1+1", "@ home", 5, 1.0, None, 0, None, None, None),), PROVENANCE
)
START = minute(datetime(2020, 6, 23, 15, tzinfo=UTC))
TREND = Trend(
    Dimension.SENSORS,
    Buckets(ZONE, "hour", (START, START + 60, START + 120)),
    (Line("=1+1", "@ home", (5, None)),),
    (0.5, None),
    3,
    PROVENANCE,
)


def test_no_cell_is_a_formula() -> None:
    assert csv_text(rows_of(RANKING)).splitlines()[1] == "1,'=1+1,'@ home,5,1.0,,0,,,,,,,,,,,"
    assert csv_text(rows_of(TREND)) == (
        "start,covered,'=1+1\n2020-06-24T00:00:00+09:00,0.5,5\n2020-06-24T01:00:00+09:00,,\n"
    )


def test_every_filter_is_told() -> None:
    assert json.loads(json_text(RANKING))["provenance"]["filter"] == {
        "classes": ["scan"],
        "ports": ["0/ICMP", "23/TCP", "445"],
        "protocols": ["UDP"],
        "countries": ["ID", "VN"],
        "owners": ["AS64500", "unknown"],
        "tools": ["none"],
    }


def test_every_column_is_documented() -> None:
    (header, *_) = csv.reader(io.StringIO(csv_text(rows_of(RANKING))))
    documented = re.findall(r"`([a-z_]+)`", DOCS.read_text(encoding="utf-8").split("## CSV")[1])
    assert documented[1 : 1 + len(header)] == header


@pytest.mark.parametrize("command", [top, trend])
def test_every_option_is_documented(command: Callable[..., None]) -> None:
    app = typer.Typer()
    app.command()(command)
    options = {
        name
        for option in typer.main.get_command(app).params
        for name in (*option.opts, *option.secondary_opts)
    }
    documented = set(re.findall(r"--[a-z-]+", DOCS.read_text(encoding="utf-8")))
    assert {name for name in options if name.startswith("--")} <= documented | {
        "--install-completion",
        "--show-completion",
    }
