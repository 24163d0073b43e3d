"""`darkscope breadth`: whether a rise is wide-area, or one sensor's."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from darkscope.api.breadth import Breadth
from darkscope.api.command import options
from darkscope.api.command.words import around, heading
from darkscope.api.dimension import Dimension


@options.asks(period="7d", what=Dimension.SENSORS)
def breadth(asking: options.Asking) -> None:
    """Say whether a rise of some packets is wide-area, or one sensor's."""
    asking.tell(lambda observer, question: observer.breadth(question), drawn)


def drawn(breadth: Breadth, _width: int) -> RenderableType:
    """Draw the verdict, and the sensors as a table."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("sensor")
    for name in ("packets", "before", "a day", "before", "growth", "of the rise"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("shares it")
    for row in breadth.rows:
        table.add_row(
            Text(row.label),
            f"{row.packets:,}",
            f"{row.previous_packets:,}",
            f"{row.per_day:,.1f}",
            f"{row.previous_per_day:,.1f}",
            "new" if row.growth is None else f"{row.growth:.2f}",
            f"{row.part:.0%}",
            "yes" if row.shares else "",
        )
    said = Text.assemble((breadth.verdict.value, "bold"), f": {breadth.reason}")
    return Group(heading("Breadth", breadth.provenance), said, table, around(breadth.provenance))
