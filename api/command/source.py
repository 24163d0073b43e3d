"""`darkscope source`: the life of one source address."""

from __future__ import annotations

from typing import Annotated

import typer
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from darkscope.api.address import parse_address
from darkscope.api.asked import Kind
from darkscope.api.command import options
from darkscope.api.command.sources import known
from darkscope.api.command.words import around, heading
from darkscope.api.dimension import Dimension
from darkscope.api.lives import DayRow, Life

MINUTE = "%Y-%m-%d %H:%M"

NAMED = 20
"""Ports that are named; of more there is the number."""

Address = Annotated[str, typer.Argument(help="An IPv4 or IPv6 address.", metavar="ADDRESS")]


@options.asks(period="365d", what=Dimension.OWNERS, kind=Kind.ALL, packets=())
def source(asking: options.Asking, address: Address) -> None:
    """Tell the life of one source address: when, where to, with which tools, and what is known of it."""
    asking.tell(lambda observer, question: observer.source(question, parse_address(address)), _drawn)


def _drawn(life: Life, _width: int) -> RenderableType:
    one = life.source
    title = heading(one.address, life.provenance)
    if not one.seen:
        unseen = f"not seen; the ledger knows of sources since {life.known_since or 'never'}"
        return Group(title, Text(unseen), Text(", ".join(known(one))), around(life.provenance))
    ports = " ".join(life.ports[:NAMED])
    more = len(life.ports) - NAMED
    lines = [
        f"{one.packets:,} packets on {one.days:,} days, {one.first_seen:{MINUTE}} to {one.last_seen:{MINUTE}}",
        *(f"{place.country} {place.owner}, {place.since} to {place.until}" for place in life.places),
        f"sensors: {' '.join(life.sensors)}",
        f"ports: {ports}{f' and {more:,} more' if more > 0 else ''}{'' if one.ports_exact else ', and others'}",
        f"known: {', '.join(known(one)) or 'nothing else'}",
    ]
    if one.subnet:
        lines.insert(0, f"of {one.subnet}")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("day", "packets", "sensors", "ports", "what it was"):
        is_number = name in ("packets", "sensors", "ports")
        table.add_column(name, justify="right" if is_number else "left", no_wrap=name != "what it was")
    for row in life.rows:
        ports = f"{row.ports:,}" if row.ports_exact else f"{row.ports:,}+"
        table.add_row(
            f"{row.day}", f"{row.packets:,}", f"{row.sensors:,}", ports, Text(", ".join(_words(row)))
        )
    days = Text("days are UTC days", style="dim")
    return Group(title, *map(Text, lines), table, days, around(life.provenance))


def _words(row: DayRow) -> list[str]:
    marks = {"confirmed": row.confirmed, "spoofable": row.spoofable, "broad scanner": row.broad}
    return [*row.classes, *row.tools, *(word for word, is_so in marks.items() if is_so)]
