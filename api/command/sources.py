"""`darkscope sources`: who sends, address by address or by the owner of the network."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from darkscope.api.command import options
from darkscope.api.command.words import around, heading
from darkscope.api.dimension import Dimension
from darkscope.api.lives import FoundRow
from darkscope.api.sources import OwnerList, SourceList, SourceRow

Most = Annotated[
    int, typer.Option("--limit", min=1, max=10_000, help="How many.", rich_help_panel="What is shown")
]


class By(StrEnum):
    """What the list is of."""

    ADDRESS = "address"
    OWNER = "owner"


Grouped = Annotated[
    By,
    typer.Option("--by", help="List addresses, or the owners of them.", rich_help_panel="What is shown"),
]


@options.asks(period="24h", what=Dimension.OWNERS)
def sources(asking: options.Asking, by: Grouped = By.ADDRESS, limit: Most = 20) -> None:
    """List who sends: source addresses with what is known of each, or the owners of their networks."""
    if by is By.OWNER:
        asking.tell(lambda observer, question: observer.owners(question, limit), _owners)
    else:
        asking.tell(lambda observer, question: observer.sources(question, limit), _addresses)


def _addresses(answer: SourceList, _width: int) -> RenderableType:
    table = _table("address", "from", "packets", "ports", "first", "last", "what is known")
    for row in answer.rows:
        table.add_row(
            row.address,
            f"{row.country} {row.owner}",
            f"{row.packets:,}",
            f"{row.ports:,}" if row.ports_exact else f"{row.ports:,}+",
            f"{row.first_seen:%m-%d %H:%M}",
            f"{row.last_seen:%m-%d %H:%M}",
            Text(", ".join(known(row))),
        )
    total = f"{answer.packets:,} packets from {answer.addresses:,} addresses in all"
    return Group(heading("Sources", answer.provenance), table, Text(total), around(answer.provenance))


def known(row: SourceRow | FoundRow) -> list[str]:
    """Say what is known of a source beyond its packets."""
    device = " ".join(filter(None, (row.device_vendor, row.device_product, row.device_kind)))
    return [
        *row.tools,
        *(["confirmed"] if row.confirmed else []),
        *(["spoofable"] if row.spoofable else []),
        *(["broad scanner"] if row.broad else []),
        *([device] if device else []),
        *([row.research] if row.research else []),
    ]


def _owners(answer: OwnerList, _width: int) -> RenderableType:
    table = _table("owner", "countries", "packets", "share", "sources", "confirmed", "devices")
    for row in answer.rows:
        table.add_row(
            row.owner,
            " ".join(row.countries),
            f"{row.packets:,}",
            f"{row.share:.1%}",
            f"{row.sources:,}",
            f"{row.confirmed:,}",
            Text(", ".join(row.devices)),
        )
    total = f"{answer.packets:,} packets from {answer.owners:,} owners in all"
    return Group(
        heading("Owners of sources", answer.provenance), table, Text(total), around(answer.provenance)
    )


NUMBERS = {"packets", "ports", "share", "sources", "confirmed"}
WHOLE = NUMBERS | {"address", "first", "last"}
"""Columns whose cells are not broken."""


def _table(*names: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in names:
        is_number = name in NUMBERS
        table.add_column(
            name, justify="right" if is_number else "left", no_wrap=is_number or name == "address"
        )
    return table
