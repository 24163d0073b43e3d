"""`darkscope events`: what analysis found, or a person noted, that began in a period."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from darkscope.api.command import options
from darkscope.api.command.words import heading
from darkscope.api.dimension import Dimension
from darkscope.api.events import Events

MOMENT = "%Y-%m-%d %H:%M"


@options.asks(period="28d", what=Dimension.PORTS, packets=())
def events(asking: options.Asking) -> None:
    """List what analysis found, and wrote into the ledger, that began in a period."""
    asking.tell(lambda observer, question: observer.events(question), drawn)


def drawn(events: Events, _width: int) -> RenderableType:
    """Draw one line an event."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("from", "to"):
        table.add_column(name, no_wrap=True)
    for name in ("what", "", "in words"):
        table.add_column(name)
    for row in events.rows:
        end = "" if row.end is None else f"{row.end:{MOMENT}}"
        table.add_row(f"{row.start:{MOMENT}}", end, Text(row.subject), Text(row.kind), Text(row.title))
    said = Text(f"{len(events.rows)} events; ledger version {events.provenance.ledger_version}", style="dim")
    return Group(heading("Events", events.provenance), table, said)
