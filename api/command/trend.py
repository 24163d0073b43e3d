"""`darkscope trend`: values bucket by bucket; an outage is a gap, a true zero a zero."""

from __future__ import annotations

import typer
from rich.console import Console, Group, RenderableType
from rich.text import Text

from darkscope.api import chart
from darkscope.api.asked import Asked, Kind
from darkscope.api.command import options
from darkscope.api.command.top import TITLES
from darkscope.api.command.words import around, heading
from darkscope.api.dimension import parse_value
from darkscope.api.formats import Format, trend_csv, trend_json
from darkscope.api.periods import DAY, parse_step
from darkscope.api.trend import Trend

HEIGHT = 4
"""Lines of one value's chart."""


def trend(
    what: options.What,
    value: options.Values = None,
    period: options.PeriodText = "7d",
    step: options.Step = "day",
    time_zone: options.Zone = None,
    sensor: options.SensorNames = None,
    organisation: options.Organisations = None,
    home: options.Home = None,
    kind: options.Kinds = Kind.TELESCOPE,
    traffic: options.Classes = None,
    port: options.Ports = None,
    country: options.Countries = None,
    protocol: options.Protocols = None,
    owner: options.Owners = None,
    tool: options.Tools = None,
    limit: options.Limit = 5,
    output: options.Shape = Format.TABLE,
    settings: options.SettingsFile = None,
    ledger: options.LedgerFolder = None,
) -> None:
    """Follow named values, or else the leading ones of the period, over time."""
    asked = Asked(
        what, period, time_zone, sensor or (), organisation or (), home, kind, traffic or (), port or (),
        country or (), protocol or (), owner or (), tool or (),
    )  # fmt: skip
    answer = options.answered(
        asked,
        lambda observer, question: observer.trend(
            question, step, [parse_value(what, text) for text in value or ()], limit
        ),
        settings,
        ledger,
    )
    match output:
        case Format.JSON:
            typer.echo(trend_json(answer), nl=False)
        case Format.CSV:
            typer.echo(trend_csv(answer), nl=False)
        case Format.TABLE:
            console = Console()
            console.print(drawn(answer, console.width))


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
        parts.append(Text.assemble((line.label, "bold"), f"  {sum(filter(None, line.packets)):,} packets"))
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
    shape = "%Y-%m-%d" if parse_step(trend.buckets.step) == DAY else "%m-%d %H:%M"
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
    return notes
