"""`darkscope phenomena`: what is worth a paragraph of the report, and what an analyst decides of it.

Exit codes: 0; 1 where the ledger or the decisions cannot be read or written; 2 for a wrong command line or settings.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from darkscope.api.ask import Observer, Question
from darkscope.api.command import options
from darkscope.api.command.exits import FAILED, MISTAKE, stopped
from darkscope.api.command.words import around, heading
from darkscope.api.dimension import Dimension
from darkscope.api.phenomena import decisions
from darkscope.api.phenomena.decisions import Decision, DecisionsError
from darkscope.api.phenomena.detector import detect
from darkscope.api.phenomena.proposal import Phenomena, Proposal, State
from darkscope.api.phenomena.wording import sentences, title, words
from darkscope.ingest.settings import Settings, SettingsError, load
from darkscope.ingest.values import Language

Result = TypeVar("Result")

app = typer.Typer(no_args_is_help=True)

WIDE = 120
"""Characters from which on there is room for all columns."""

EVERY = 10_000
"""Proposals: more than there are."""

FINITE = 1000.0
"""Factor from which on the table says no number."""

Id = Annotated[str, typer.Argument(help="The proposal's id, as `list` shows it.", metavar="ID")]
Dismissed = Annotated[
    bool, typer.Option("--dismissed", help="Those that were dismissed too.", rich_help_panel="What is shown")
]


@app.command("list")
@options.asks(period="28d", what=Dimension.PORTS)
def listed(asking: options.Asking, limit: options.Limit = 30, dismissed: Dismissed = False) -> None:
    """Propose what is worth a paragraph: what jumped, changed its level, swings, came or went."""
    found = _Found(asking, limit, dismissed=dismissed)
    asking.tell(found.ask, lambda answer, width: _table(answer, found.forgotten, width))


@app.command()
@options.asks(period="28d", what=Dimension.PORTS)
def show(asking: options.Asking, name: Id) -> None:
    """Tell of one proposal all that is known, in words and numbers."""
    found = _Found(asking, EVERY, dismissed=True)

    def ask(observer: Observer, question: Question) -> Phenomena:
        return _named(name, found.ask(observer, question), question)

    asking.tell(ask, lambda answer, _: Group(*_told(answer, asking.language), around(answer.provenance)))


@app.command()
@options.asks(period="", what=Dimension.PORTS, shapes=False)
def confirm(asking: options.Asking, name: Id) -> None:
    """Say that a proposal is one: it goes into the report."""
    _decide(asking, name, lambda one: replace(one, state=State.CONFIRMED))


@app.command()
@options.asks(period="", what=Dimension.PORTS, shapes=False)
def dismiss(asking: options.Asking, name: Id) -> None:
    """Say that a proposal is none: it is not proposed again for its period."""
    _decide(asking, name, lambda one: replace(one, state=State.DISMISSED))


@app.command()
@options.asks(period="", what=Dimension.PORTS, shapes=False)
def reopen(asking: options.Asking, name: Id) -> None:
    """Say nothing of a proposal any more; its words stay."""
    _decide(asking, name, lambda one: replace(one, state=State.OPEN))


@app.command()
@options.asks(period="", what=Dimension.PORTS, shapes=False)
def word(
    asking: options.Asking,
    name: Id,
    text: Annotated[str, typer.Argument(help="The words; empty: the generated ones again.", metavar="TEXT")],
    language: Annotated[Language, typer.Option("--lang", help="Which language they are.")] = Language.EN,
) -> None:
    """Give a proposal words of one's own, which stand in the report in place of the generated ones."""
    if language is Language.JA:
        _decide(asking, name, lambda one: replace(one, ja=text))
    else:
        _decide(asking, name, lambda one: replace(one, en=text))


class _Found:
    """Asks for proposals, and puts what was decided to them."""

    def __init__(self, asking: options.Asking, limit: int, *, dismissed: bool) -> None:
        self._asking = asking
        self._limit = limit
        self._dismissed = dismissed
        self.forgotten: list[str] = []

    def ask(self, observer: Observer, question: Question) -> Phenomena:
        found = detect(observer, question, self._limit)
        known = _kept(
            lambda: decisions.read(_file(self._asking.settings, self._asking.ledger)),
        )
        first_day = question.period.window.start.astimezone(question.period.zone).date()
        self.forgotten = (
            decisions.forgotten(found.rows, known, first_day.isoformat()) if not found.further else []
        )
        return decisions.decided(found, known, dismissed=self._dismissed)


def _file(settings: Path | None, ledger: str | None) -> decisions.Place:
    return decisions.path(load(settings, os.environ, {"ledger": ledger}).settings)


def _decide(asking: options.Asking, name: str, change: Callable[[Decision], Decision]) -> None:
    """Change what is decided of a proposal; where a period is named, only of one that is proposed for it."""
    is_looked_up = bool(asking.asked.period)
    if is_looked_up:
        _look_up(asking, name)

    def decided() -> str:
        file = _file(asking.settings, asking.ledger)
        return f"{name}: {decisions.decide(file, name, change).state.value}, in {file}"

    typer.echo(_kept(decided))
    if not is_looked_up:
        typer.echo(
            "whether it is proposed was not looked up: say --period, and what else `list` was asked", err=True
        )


def _look_up(asking: options.Asking, name: str) -> None:
    """End the program where nothing is proposed by a name."""
    found = _Found(asking, EVERY, dismissed=True)

    def ask(_: Settings, observer: Observer, question: Question) -> Phenomena:
        return _named(name, found.ask(observer, question), question)

    asking.wired(ask)


def _named(name: str, answer: Phenomena, question: Question) -> Phenomena:
    """Keep of an answer what has a name. Ends the program where nothing has."""
    rows = tuple(row for row in answer.rows if row.id == name)
    if not rows:
        raise stopped(f"nothing is proposed as {name!r} for {question.period.text}", MISTAKE)
    return replace(answer, rows=rows)


def _kept(work: Callable[[], Result]) -> Result:
    try:
        return work()
    except SettingsError as error:
        raise stopped(str(error), MISTAKE) from None
    except DecisionsError as error:
        raise stopped(str(error), FAILED) from None


def _table(found: Phenomena, forgotten: list[str], width: int) -> RenderableType:
    """Draw one line a proposal; where there is room, also what was usual and who leads."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    is_wide = width >= WIDE
    table.add_column("id", no_wrap=True)
    table.add_column("from", no_wrap=True)
    table.add_column("to", no_wrap=True)
    table.add_column("what")
    table.add_column("", no_wrap=True)
    for name in ("a day", "usual", "change") if is_wide else ("change",):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("sensors", no_wrap=True)
    if is_wide:
        table.add_column("led by")
    for row in found.rows:
        led = ", ".join(map(str, (row.regions if row.ports else row.services)[:3]))
        table.add_row(
            row.id, f"{row.start:%m-%d}", "" if row.end is None else f"{row.end:%m-%d}", Text(row.subject),
            Text(row.kind.value, style=STYLES[row.state]),
            *([f"{row.level:,.1f}", f"{row.base:,.1f}"] if is_wide else []),
            _times(row.factor), row.verdict.value, *([Text(led)] if is_wide else []),
        )  # fmt: skip
    notes = [f"{len(found.rows)} proposed of {found.compared:,} series"]
    if found.further:
        notes.append(f"{found.further} further beyond --limit")
    if found.dismissed:
        notes.append(f"{found.dismissed} dismissed")
    parts: list[RenderableType] = [heading("Phenomena", found.provenance), table, Text("; ".join(notes))]
    parts += [Text(f"decided, and proposed no more: {name}") for name in forgotten]
    return Group(*parts, around(found.provenance))


STYLES = {State.OPEN: "", State.CONFIRMED: "bold", State.DISMISSED: "dim strike"}
"""How a kind looks, by what was decided."""


def _times(factor: float) -> str:
    if factor >= FINITE or factor <= 1 / FINITE:
        return "new" if factor > 1 else "gone"
    return f"x{factor:,.2f}"


def _told(found: Phenomena, language: Language) -> list[RenderableType]:
    """Draw proposals in words and numbers."""
    (row,) = found.rows
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name, value in _numbers(row):
        table.add_row(name, Text(value))
    parts: list[RenderableType] = [
        Text(title(row, language), style="bold"),
        Text(words(row, language)),
        Text(""),
        table,
    ]
    if words(row, language) != sentences(row, language):
        parts.insert(2, Text(sentences(row, language), style="dim"))
    return parts


def _numbers(row: Proposal) -> list[tuple[str, str]]:
    found = {
        "id": f"{row.id} ({row.state.value})",
        "kind": row.kind.value,
        "days": f"{row.start} to {row.end or 'the end'}",
        "a day": f"{row.level:,.1f}, usual {row.base:,.1f}, at most {row.peak:,.1f}: x{row.factor:,.2f}",
        "beyond the usual": f"{row.excess:,} packets, {row.share:.1%} of all",
        "beyond chance": f"{row.score:.1f} standard deviations",
        "sensors": f"{row.verdict.value}: {row.reason}",
        "regions": ", ".join(map(str, row.regions)),
        "ports": ", ".join(map(str, row.services)),
        "by sensor": ", ".join(map(str, row.sensors)),
        "tools": ", ".join(map(str, row.tools)),
        "spoofable": "" if row.spoofable is None else f"{row.spoofable:.1%}",
        "backscatter": "" if row.backscatter is None else f"{row.backscatter:.1%}",
        "ranks (before>now)": ", ".join(map(str, row.ranks)),
        "at the same time": ", ".join(map(str, row.relations)),
        "office hours": ", ".join(f"{one} ({one.reason})" for one in row.office_hours),
        "part of it": ", ".join(row.includes),
    }
    return [(name, value) for name, value in found.items() if value]
