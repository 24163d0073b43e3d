"""`darkscope phenomena`: what is worth a paragraph of the report."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from darkscope.api.command import options
from darkscope.api.command.words import around, heading
from darkscope.api.dimension import Dimension
from darkscope.api.phenomena.detector import detect
from darkscope.api.phenomena.proposal import Phenomena, Proposal


@options.asks(period="28d", what=Dimension.PORTS)
def phenomena(asking: options.Asking, limit: options.Limit = 30) -> None:
    """Propose what is worth a paragraph of the report: what jumped, changed its level, swings, came or went."""
    asking.tell(lambda observer, question: detect(observer, question, limit), drawn)


def drawn(found: Phenomena, _width: int) -> RenderableType:
    """Draw one line a proposal."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("from", "to", "what", ""):
        table.add_column(name)
    for name in ("a day", "usual", "change"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("rise")
    table.add_column("led by")
    for row in found.rows:
        table.add_row(
            f"{row.start:%m-%d}", "" if row.end is None else f"{row.end:%m-%d}", Text(row.subject), row.kind.value,
            f"{row.level:,.1f}", f"{row.base:,.1f}", f"x{row.factor:,.2f}" if row.factor < 100 else ">100",
            row.verdict.value if row.rises else "", Text(", ".join(map(str, row.regions[:3]))),
        )  # fmt: skip
    said = f"{len(found.rows)} proposed of {found.compared:,} series"
    return Group(heading("Phenomena", found.provenance), table, Text(said), around(found.provenance))
