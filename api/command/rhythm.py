"""`darkscope rhythm`: when in the day and in the week countries send, and whether they keep office hours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from darkscope.api import chart
from darkscope.api.ask import Observer, Question
from darkscope.api.asked import read_zone
from darkscope.api.command import options
from darkscope.api.command.words import around, heading
from darkscope.api.dimension import Dimension, parse_value
from darkscope.api.periods import PeriodError
from darkscope.api.rhythm import LONGEST, Rhythms, Row

HEIGHT = 3
"""Lines of a chart."""

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

SourceZone = Annotated[
    str | None,
    typer.Option(
        "--source-zone",
        help="The sources' time zone, for one --value that has several; else the most populous.",
        rich_help_panel="What is shown",
    ),
]


@options.asks(period="28d", what=Dimension.COUNTRIES)
def rhythm(
    asking: options.Asking,
    value: options.Values = None,
    limit: options.Limit = 3,
    source_zone: SourceZone = None,
) -> None:
    """Say when in the day and in the week source countries send, and whether they keep office hours."""

    def ask(observer: Observer, question: Question) -> Rhythms:
        values = [parse_value(Dimension.COUNTRIES, text) for text in value or ()]
        theirs = None if source_zone is None else read_zone(source_zone)
        if theirs is not None and len(values) != 1:
            raise PeriodError("a source zone is that of one country: give one --value with it")
        window = question.period.window
        if window.end - window.start > LONGEST:
            raise PeriodError(f"the period {question.period.text!r} is longer than {LONGEST.days} days")
        return observer.rhythm(question, values, limit, theirs)

    asking.tell(ask, _drawn)


def _drawn(rhythms: Rhythms, _width: int) -> RenderableType:
    parts: list[RenderableType] = [heading("Rhythms of source countries", rhythms.provenance)]
    for row in rhythms.rows:
        parts += _country(row, rhythms.provenance.period.zone.key)
    return Group(*parts, around(rhythms.provenance))


def _country(row: Row, reader: str) -> list[RenderableType]:
    strength = "" if row.strength is None else f", strength {row.strength:.2f}"
    lines: list[RenderableType] = [
        Text.assemble((row.label, "bold"), f"  {row.packets:,} packets; {row.verdict}{strength}"),
        Text(f"  {row.reason}"),
    ]
    if row.zone is not None:
        several = f", of {row.zones} zones the most populous" if row.zones > 1 else ""
        lines += _chart(row.work_hours, f"working days in {row.zone}{several}")
    lines += _chart(row.reader_hours, f"all days in {reader}")
    kinds = (
        ("working day", row.work, row.work_days),
        ("weekend", row.weekend, row.weekend_days),
        ("holiday", row.holiday, row.holiday_days),
    )
    told = [f"{name} {rate:,.1f} ({days} days)" for name, rate, days in kinds if rate is not None]
    week = [f"{name} {rate:,.1f}" for name, rate in zip(DAYS, row.weekdays, strict=True) if rate is not None]
    if told:
        lines.append(Text(f"  per sensor and day: {', '.join(told)}"))
        lines.append(Text(f"  {', '.join(week)}", style="dim"))
    if row.holidays:
        lines.append(Text(f"  holidays: {', '.join(row.holidays)}", style="dim"))
    return lines


def _chart(hours: Sequence[float | None], name: str) -> list[RenderableType]:
    """Draw hours of a day, two characters each."""
    columns = [rate for rate in hours for _ in range(4)]
    *body, under = chart.bars(columns, HEIGHT, max((rate for rate in hours if rate), default=0))
    scale = "".join(f"{hour:<6}" for hour in range(0, 24, 3))
    return [
        Text(f"  per hour, {name}", style="dim"),
        *(Text(f"  {line}", style="cyan") for line in body),
        Text(f"  {under}", style="dim"),
        Text(f"  {scale}".rstrip(), style="dim"),
    ]
