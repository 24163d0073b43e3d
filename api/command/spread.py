"""`darkscope spread`: whose packets are spread over many ports."""

from __future__ import annotations

from typing import Annotated

import typer
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from darkscope.api.command import options
from darkscope.api.command.top import TITLES
from darkscope.api.command.words import around, heading
from darkscope.api.dimension import Dimension
from darkscope.api.spread import Spread

Top = Annotated[
    int,
    typer.Option(
        "--top",
        min=1,
        max=100,
        help="How many leading ports count as those that everybody asks for.",
        rich_help_panel="What is shown",
    ),
]


@options.asks(period="7d", what=Dimension.COUNTRIES)
def spread(asking: options.Asking, whose: options.Whose, limit: options.Limit = 10, top: Top = 5) -> None:
    """Say how the leading values' scans are spread over ports."""
    asking.about(Dimension(whose)).tell(
        lambda observer, question: observer.spread(question, limit, top), drawn
    )


def drawn(spread: Spread, _width: int) -> RenderableType:
    """Draw the spreads as a table."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("#", justify="right")
    table.add_column(spread.dimension.value)
    for name in ("packets", "ports", "as broad as", f"off top {len(spread.top)}"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("main port")
    for row in spread.rows:
        table.add_row(
            str(row.rank),
            Text(row.label),
            f"{row.packets:,}",
            f"{row.ports:,}",
            f"{row.effective_ports:,.1f}",
            f"{row.off_top:.1%}",
            f"{row.main_port} {row.main_share:.0%}",
        )
    top = f"top {len(spread.top)}: {' '.join(spread.top)}"
    said = top if spread.off_top is None else f"{top}; {spread.off_top:.1%} of all packets went elsewhere"
    title = f"{TITLES[spread.dimension]}, spread over ports"
    return Group(heading(title, spread.provenance), table, Text(said), around(spread.provenance))
