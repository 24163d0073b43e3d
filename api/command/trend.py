"""`darkscope trend`: values bucket by bucket; an outage is a gap, a true zero a zero."""

from __future__ import annotations

from datetime import time
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from darkscope.api import chart
from darkscope.api.ask import Observer, Question
from darkscope.api.command import options
from darkscope.api.command.top import TITLES
from darkscope.api.command.words import around, heading
from darkscope.api.dimension import Dimension, parse_value
from darkscope.api.trend import Trend

HEIGHT = 4
"""Lines of one value's chart."""


By = Annotated[
    Dimension | None,
    typer.Option("--by", help="Split each value by this.", rich_help_panel="What is shown"),
]
Parts = Annotated[
    int,
    typer.Option(
        "--parts",
        min=1,
        max=100,
        help="Leading parts of each, beside the rest.",
        rich_help_panel="What is shown",
    ),
]


@options.asks(period="7d")
def trend(
    asking: options.Asking,
    value: options.Values = None,
    step: options.Step = "day",
    limit: options.Limit = 5,
    by: By = None,
    parts: Parts = 5,
) -> None:
    """Follow named values, or else the leading ones of the period, over time."""

    def ask(observer: Observer, question: Question) -> Trend:
        values = [parse_value(question.dimension, text) for text in value or ()]
        return observer.trend(question, step, values, limit, by, parts)

    asking.tell(ask, drawn)


def drawn(trend: Trend, width: int) -> RenderableType:
    """Draw one small chart a value, all on one axis of time, each with its own scale."""
    margin = max(
        (len(_number(max(filter(None, line.packets), default=0))) for line in trend.lines), default=0
    )
    room = 2 * max(10, width - margin - 1)  # two points a character
    parts: list[RenderableType] = [heading(TITLES[trend.dimension], trend.provenance)]
    for line in trend.lines:
        columns = chart.fit(line.packets, room)
        most = max(filter(None, columns), default=0)
        *body, under = chart.bars(columns, HEIGHT, most)
        label = line.label if line.part_label is None else f"{line.label}, {line.part_label}"
        parts.append(Text.assemble((label, "bold"), f"  {sum(filter(None, line.packets)):,} packets"))
        for scale, row in zip([_number(most), *[""] * (HEIGHT - 1)], body, strict=True):
            parts.append(Text.assemble((f"{scale:>{margin}} ", "dim"), (row, "cyan")))
        parts.append(Text(f"{0:>{margin}} {under}", style="dim"))
    if trend.lines:
        parts.append(Text(f"{'':>{margin}} {_axis(trend, room)}", style="dim"))
    parts += [Text(line) for line in _notes(trend, room)]
    return Group(*parts, around(trend.provenance))


def _number(value: float) -> str:
    return f"{round(value):,}"


def _axis(trend: Trend, room: int) -> str:
    midnights = all(start.time() == time() for start in trend.buckets.starts)
    shape = "%Y-%m-%d" if midnights else "%m-%d %H:%M"
    return chart.axis([f"{start:{shape}}" for start in trend.buckets.starts], room)


def _notes(trend: Trend, room: int) -> list[str]:
    buckets = len(trend.buckets)
    notes = []
    if buckets > room:
        notes.append(f"{buckets:,} buckets on {room} bars: a bar is the mean of its buckets")
    gaps = sum(share == 0 for share in trend.covered)
    if gaps:
        notes.append(f"{chart.GAP} nobody watched: {gaps:,} of {buckets:,} buckets")
    part = sum(share is not None and 0 < share < 1 for share in trend.covered)
    if part:
        notes.append(f"{part:,} of {buckets:,} buckets were watched in part; their counts are as counted")
    if trend.folded:
        notes.append(f"{trend.folded:,} packets are of others, which InfluxDB does not know apart")
    return notes
