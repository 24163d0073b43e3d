"""`darkscope port`: one port in short."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from darkscope.api.ask import Observer, Question
from darkscope.api.command import options
from darkscope.api.command.words import around, heading
from darkscope.api.dimension import Dimension, parse_value
from darkscope.api.profile import Profile

Port = Annotated[str, typer.Argument(help="Which one, like 445/tcp or 0/icmp.", metavar="PORT")]


@options.asks(period="7d", what=Dimension.PORTS)
def port(asking: options.Asking, name: Port, limit: options.Limit = 5) -> None:
    """Tell of one port what is known: how it stands, who asks for it, whether its rise is wide."""

    def ask(observer: Observer, question: Question) -> Profile:
        return observer.profile(question, parse_value(Dimension.PORTS, name), limit)

    asking.tell(ask, drawn)


def drawn(profile: Profile, _width: int) -> RenderableType:
    """Draw a port: a line for how it stands, one for the verdict, and one for the leading values of each kind."""
    name = f"{profile.port} ({profile.service})" if profile.service else profile.port
    stands = "no packets"
    if profile.rank is not None:
        before = "new" if profile.previous_rank is None else f"{profile.previous_rank} before"
        stands = f"rank {profile.rank} ({before}), {profile.packets:,} packets, {profile.share:.1%} of all"
    growth = "" if profile.growth is None else f", {profile.growth:.2f} times the rate before"
    lines = [Text(stands + growth), Text.assemble((profile.verdict, "bold"), f": {profile.reason}")]
    for dimension, rows in groupby(profile.rows, key=lambda row: row.dimension):
        told = ", ".join(f"{row.label} {row.share:.1%}" for row in rows)
        lines.append(Text(f"{dimension.value}: {told}"))
    return Group(heading(name, profile.provenance), *lines, around(profile.provenance))
