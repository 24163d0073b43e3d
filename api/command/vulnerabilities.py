"""`darkscope vulnerabilities`: which known vulnerabilities requests to honeypots were after, since when."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from darkscope.api.asked import Kind
from darkscope.api.chart import bars, fit
from darkscope.api.command import options
from darkscope.api.command.requests import (
    ASKED,
    Applications,
    Methods,
    Most,
    Paths,
    RuleNames,
    few,
    untold,
)
from darkscope.api.command.words import around, heading
from darkscope.api.dimension import Dimension
from darkscope.api.requests import questions
from darkscope.api.requests.vulnerabilities import Mark, Vulnerabilities, Vulnerability
from darkscope.api.requests.wanted import Wanted

HEIGHT = 3
"""Lines of a chart."""


@options.asks(period="90d", what=Dimension.COUNTRIES, kind=Kind.HONEYPOT, packets=ASKED)
def vulnerabilities(
    asking: options.Asking,
    path: Paths = None,
    method: Methods = None,
    application: Applications = None,
    rule: RuleNames = None,
    limit: Most = 10,
) -> None:
    """Tell which known vulnerabilities requests to honeypots were after, since when, and what no rule names."""
    wanted = Wanted(*(tuple(each or ()) for each in (path, method, application, rule)))
    asking.tell(lambda who, what: questions.exploited(who, what, wanted, limit), _drawn)


def _drawn(answer: Vulnerabilities, width: int) -> RenderableType:
    named = (
        f"{answer.requests:,} requests: {answer.named:,} are named by {answer.rules:,} rules, "
        f"{answer.unnamed:,} by none"
    )
    parts: list[RenderableType] = [heading("Vulnerabilities", answer.provenance), Text(named)]
    for one in answer.rows:
        parts += [Text(), *_told(one, answer, width)]
    if answer.unnamed_rows:
        parts += [Text(), Text("Named by no rule", style="bold"), _unnamed(answer)]
    return Group(*parts, *untold(answer.since), around(answer.provenance))


def _told(one: Vulnerability, answer: Vulnerabilities, width: int) -> Iterator[RenderableType]:
    yield Text.assemble((one.rule, "bold"), f" {' '.join(one.cves)}")
    yield Text(f"{one.vendor} {one.product}: {one.title}")
    figures = (
        f"{one.requests:,} requests of {one.sources:,} sources from {few(one.countries) or 'nowhere'}, "
        f"to {one.sensors:,} honeypots, ports {few(one.ports) or 'none'}"
    )
    yield Text(figures)
    if one.undecided:
        yield Text(f"{one.undecided:,} more may be: what tells was not kept")
    if one.first_seen is not None:
        yield Text(
            "first "
            + ", ".join(f"{first.first_seen:%Y-%m-%d %H:%M} {first.label}" for first in one.first_by_sensor)
        )
        yield from map(Text, bars(fit(one.timeline, 2 * (width - 1)), HEIGHT, _top(one)))
        yield Text(f"{answer.starts[0]:%Y-%m-%d} to {answer.starts[-1]:%Y-%m-%d}", style="dim")
    for mark in one.marks:
        yield Text(_mark(mark))


def _top(one: Vulnerability) -> float:
    return max((count or 0 for count in one.timeline), default=0)


def _mark(mark: Mark) -> str:
    """Write a date and what lies on both sides of it."""
    told = f"{mark.name.replace('_', ' ')} {mark.day}"
    if mark.lag is not None:
        days = abs(mark.lag)
        came = "on the same day" if not days else f"{days:,} day{'s' if days != 1 else ''}"
        told += f": first seen {came}{'' if not days else ' before' if mark.lag < 0 else ' after'}"
    if mark.chance is None:
        return told
    return f"{told}; {mark.before:,} before, {mark.after:,} after, {mark.change} (p = {mark.chance:.2g})"


def _unnamed(answer: Vulnerabilities) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("", "request", "count", "sources", "from"):
        is_number = name in ("count", "sources")
        table.add_column(
            name,
            justify="right" if is_number else "left",
            no_wrap=is_number or not name,
            overflow="fold",
        )
    for row in answer.unnamed_rows:
        table.add_row(
            Text(row.method or row.application),
            Text(row.target),
            f"{row.requests:,}",
            f"{row.sources:,}",
            few(row.countries),
        )
    return table
