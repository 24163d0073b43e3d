"""`darkscope sensors`: who observes, how much of the time, and what became of the frames."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from darkscope.api.command import options
from darkscope.api.command.words import around, heading
from darkscope.api.dimension import Dimension
from darkscope.api.roster import Roster
from darkscope.ingest.series import HONEYPOT

WIDE = 110
"""Characters from which on there is room for organisations."""


@options.asks(period="24h", what=Dimension.SENSORS)
def sensors(asking: options.Asking) -> None:
    """List the sensors: who they are, how much they watched, what became of their frames."""
    asking.tell(lambda observer, question: observer.sensors(question), drawn)


def drawn(roster: Roster, width: int) -> RenderableType:
    """Draw the sensors as a table, and why frames were rejected."""
    has_room = width >= WIDE
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("sensor", no_wrap=True)
    if has_room:
        table.add_column("organisation", no_wrap=True)
    table.add_column("what", no_wrap=True)
    for name in ("watched", "frames", "inbound", "own", "stray", "rejected", "dropped"):
        table.add_column(name, justify="right", min_width=len(name), no_wrap=True)
    for row in roster.rows:
        table.add_row(
            Text(row.label),
            *([Text(row.organisation)] if has_room else []),
            row.kind if row.kind == HONEYPOT else "home" if row.home else "abroad",
            "" if row.covered_share is None else f"{row.covered_share:.1%}",
            *(
                f"{count:,}"
                for count in (row.frames, row.inbound, row.own, row.stray, row.rejected, row.dropped)
            ),
        )
    reasons = [f"{count:,} {reason.replace('_', ' ')}" for reason, count in roster.rejected.items() if count]
    said = [Text(f"rejected: {', '.join(reasons)}")] if reasons else []
    return Group(heading("Sensors", roster.provenance), table, *said, around(roster.provenance))
