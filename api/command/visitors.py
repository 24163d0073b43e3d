"""`darkscope visitors`: who made requests to honeypots, and whom of them telescopes saw too."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from darkscope.api.asked import Kind
from darkscope.api.command import options
from darkscope.api.command.requests import ASKED, Applications, Methods, Most, Paths, RuleNames, untold
from darkscope.api.command.words import around, heading
from darkscope.api.dimension import Dimension
from darkscope.api.requests import questions
from darkscope.api.requests.visitors import Visitors
from darkscope.api.requests.wanted import Wanted


@options.asks(period="7d", what=Dimension.COUNTRIES, kind=Kind.HONEYPOT, packets=ASKED)
def visitors(
    asking: options.Asking,
    path: Paths = None,
    method: Methods = None,
    application: Applications = None,
    rule: RuleNames = None,
    limit: Most = 20,
) -> None:
    """List who made requests to honeypots, and say which of them telescopes received packets of too."""
    wanted = Wanted(*(tuple(each or ()) for each in (path, method, application, rule)))
    asking.tell(lambda who, what: questions.visited(who, what, wanted, limit), _drawn)


def _drawn(answer: Visitors, _width: int) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("address", "from", "asked", "first", "seen on", "first", "before", "after"):
        is_number = name in ("asked", "seen on", "before", "after")
        table.add_column(name, justify="right" if is_number else "left", no_wrap=name != "from")
    for row in answer.rows:
        table.add_row(
            row.address,
            f"{row.country} {row.owner}",
            f"{row.requests:,}",
            f"{row.first_request:%m-%d %H:%M}",
            f"{row.telescopes:,}",
            "" if row.first_seen is None else f"{row.first_seen:%m-%d %H:%M}",
            "?" if row.before is None else f"{row.before:,}",
            "?" if row.after is None else f"{row.after:,}",
        )
    told = Text.assemble((answer.verdict.value, "bold"), f": {answer.reason}")
    before = f"{answer.seen_before:,} of them before their first request"
    return Group(
        heading("Visitors of honeypots", answer.provenance),
        told,
        Text(before),
        table,
        *untold(answer.since),
        around(answer.provenance),
    )
