"""`darkscope requests`: what honeypots were asked, counted or one by one."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated

import typer
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from darkscope.api.asked import Kind
from darkscope.api.command import options
from darkscope.api.command.words import around, heading
from darkscope.api.dimension import Dimension
from darkscope.api.requests import questions
from darkscope.api.requests.asked import RequestDays, RequestList, RequestTotals
from darkscope.api.requests.wanted import Wanted

ASKED = ("port", "country", "owner")
"""What requests can be chosen by, of what packets can."""

_NARROW = "What counts"

Paths = Annotated[
    list[str] | None,
    typer.Option(
        "--path",
        help="Request target, `*` for any characters; of TLS the server name; repeatable.",
        rich_help_panel=_NARROW,
    ),
]
Methods = Annotated[
    list[str] | None, typer.Option("--method", help="GET, POST ...; repeatable.", rich_help_panel=_NARROW)
]
Applications = Annotated[
    list[str] | None,
    typer.Option("--application", help="http, tls ...; repeatable.", rich_help_panel=_NARROW),
]
RuleNames = Annotated[
    list[str] | None,
    typer.Option(
        "--rule",
        help="Named by this rule, by id or CVE; none: by no rule; repeatable.",
        rich_help_panel=_NARROW,
    ),
]
Most = Annotated[
    int, typer.Option("--limit", min=1, max=10_000, help="How many.", rich_help_panel="What is shown")
]


class By(StrEnum):
    """What the list is of."""

    DAY = "day"
    REQUEST = "request"
    SINGLE = "single"


Grouped = Annotated[
    By,
    typer.Option(
        "--by",
        help="Count by day, country and port, or by request alone, or list single ones.",
        rich_help_panel="What is shown",
    ),
]


@options.asks(period="7d", what=Dimension.COUNTRIES, kind=Kind.HONEYPOT, packets=ASKED)
def requests(
    asking: options.Asking,
    by: Grouped = By.DAY,
    path: Paths = None,
    method: Methods = None,
    application: Applications = None,
    rule: RuleNames = None,
    limit: Most = 100,
) -> None:
    """Tell what honeypots were asked: HTTP requests and the like, and which vulnerabilities they are after."""
    wanted = Wanted(*(tuple(each or ()) for each in (path, method, application, rule)))
    match by:
        case By.DAY:
            asking.tell(lambda who, what: questions.by_day(who, what, wanted, limit), _days)
        case By.REQUEST:
            asking.tell(lambda who, what: questions.by_request(who, what, wanted, limit), _totals)
        case By.SINGLE:
            asking.tell(lambda who, what: questions.singly(who, what, wanted, limit), _single)


def _days(answer: RequestDays, _width: int) -> RenderableType:
    table = _table("day", "from", "port", "", "request", "count", "sources", "rules")
    before = None
    for row in answer.rows:
        table.add_row(
            f"{row.day}" if row.day != before else "",
            row.country,
            str(row.port),
            Text(row.method or row.application),
            Text(row.target),
            f"{row.requests:,}",
            f"{row.sources:,}",
            Text("\n".join(row.rules)),
        )
        before = row.day
    more = "" if len(answer.rows) == answer.groups else f", the first {len(answer.rows):,} of them above"
    total = f"{answer.requests:,} requests in {answer.groups:,} rows{more}"
    return Group(
        heading("Requests", answer.provenance),
        table,
        Text(total),
        *untold(answer.since),
        around(answer.provenance),
    )


def _totals(answer: RequestTotals, width: int) -> RenderableType:
    """Draw one line a request; where there is little room, rules stand below it, and less is told."""
    is_wide = width >= WIDE
    rest = ("count", "share", "sources", "from", "ports", "first", "last", "rules")
    table = _table("", "request", *(rest if is_wide else ("count", "sources", "from", "first")))
    for row in answer.rows:
        rules, first = Text("\n".join(row.rules)), f"{row.first_seen:%m-%d %H:%M}"
        last: list[str | Text] = [f"{row.last_seen:%m-%d %H:%M}", rules] if is_wide else []
        asked = Text(row.target) if is_wide or not row.rules else Text(f"{row.target}\n{rules.plain}")
        table.add_row(
            Text(row.method or row.application),
            asked,
            f"{row.requests:,}",
            *([f"{row.share:.1%}"] if is_wide else []),
            f"{row.sources:,}",
            few(row.countries),
            *([few(row.ports)] if is_wide else []),
            first,
            *last,
        )
    total = (
        f"{answer.requests:,} requests, {answer.groups:,} different ones; "
        f"no rule names {answer.unnamed:,} of the requests"
    )
    return Group(
        heading("Requests", answer.provenance),
        table,
        Text(total),
        *untold(answer.since),
        around(answer.provenance),
    )


def _single(answer: RequestList, _width: int) -> RenderableType:
    table = _table("time", "sensor", "address", "from", "port", "", "request", "agent", "rules")
    for row in answer.rows:
        table.add_row(
            f"{row.time:%m-%d %H:%M:%S}",
            Text(row.sensor),
            row.address,
            f"{row.country} {row.owner}",
            str(row.port),
            Text(row.method or row.application),
            Text(row.path or row.host),
            Text(row.agent),
            Text("\n".join(row.rules)),
        )
    return Group(
        heading("Requests", answer.provenance), table, *untold(answer.since), around(answer.provenance)
    )


def untold(since: date | None) -> list[Text]:
    """Say that nothing is kept, where that is so."""
    told = "the ledger has no requests: captures of honeypots bring them, and those read before can be read again"
    return [] if since is not None else [Text(f"{told} (`darkscope ingest --again --only requests`)")]


WIDE = 130
"""Characters from which on there is room for all that is counted of a request."""

NAMED = 3
"""Values of a list that are named; of more there is the number."""


def few(values: tuple[object, ...]) -> str:
    """Write the first of some values, and how many more there are."""
    more = len(values) - NAMED
    return " ".join(map(str, values[:NAMED])) + (f" +{more}" if more > 0 else "")


NUMBERS = {"port", "count", "share", "sources"}


def _table(*names: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in names:
        is_number = name in NUMBERS
        is_whole = is_number or name in ("", "day", "address", "first", "last", "time")
        table.add_column(name, justify="right" if is_number else "left", no_wrap=is_whole, overflow="fold")
    return table
