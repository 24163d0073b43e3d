"""`darkscope attacks`: denial of service seen by its backscatter."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from darkscope.api.attacks import AttackList, AttackRow, Share
from darkscope.api.command import options
from darkscope.api.command.sources import Most
from darkscope.api.command.words import around, heading
from darkscope.api.dimension import NO_OWNER, Dimension

NARROWING = ("port", "country", "protocol", "owner")
"""Options that say something of victims."""

NUMBERS = ("packets", "peak", "sensors")
WHOLE = ("victim", "begun", "lasted", "attacked", *NUMBERS)
"""Columns whose cells are not broken."""


@options.asks(period="24h", what=Dimension.OWNERS, packets=NARROWING)
def attacks(asking: options.Asking, limit: Most = 20) -> None:
    """List attacks on others, told by their backscatter: victims, when, how much, which ports."""
    asking.tell(lambda observer, question: observer.attacks(question, limit), drawn)


def drawn(answer: AttackList, _width: int) -> RenderableType:
    """Draw the attacks as a table."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("victim", "of", "begun", "lasted", "packets", "peak", "sensors", "attacked"):
        table.add_column(name, justify="right" if name in NUMBERS else "left", no_wrap=name in WHOLE)
    for row in answer.rows:
        table.add_row(
            row.victim,
            row.country if row.owner == NO_OWNER else f"{row.country} {row.owner}",
            f"{row.start:%m-%d %H:%M}",
            lasted(row),
            f"{row.packets:,}",
            f"{row.peak:,}",
            f"{row.sensors:,}",
            Text(attacked(row)),
        )
    known = answer.known_since
    since = "the ledger has no echoes" if known is None else f"echoes are known since {known}"
    total = (
        f"{counted(answer.attacks, 'attack')} on {counted(answer.victims, 'victim')}, "
        f"{counted(answer.packets, 'packet')} in all; {since}"
    )
    lines = [Text(total), *shares("countries", answer.countries), *shares("ports", answer.ports)]
    return Group(heading("Attacks", answer.provenance), table, *lines, around(answer.provenance))


def shares(what: str, leading: tuple[Share, ...]) -> list[Text]:
    """Name the leading values, where there are several."""
    if len(leading) < 2:
        return []
    return [Text(f"by {what}: {', '.join(f'{one.value} {one.attacks:,}' for one in leading)}")]


def counted(number: int, what: str) -> str:
    """Write a number of things."""
    return f"{number:,} {what}{'s' if number != 1 else ''}"


def lasted(row: AttackRow) -> str:
    """Say how long an attack lasted, at least where it goes on."""
    minutes, seconds = divmod(row.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
    return f"{text}+" if row.ongoing else text


def attacked(row: AttackRow) -> str:
    """Name the leading ports."""
    more = row.all_ports - len(row.ports)
    return " ".join(row.ports) + (f" and {more:,} more" if more else "")
