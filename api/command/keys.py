"""`darkscope keys`: make, list and revoke API keys.

Exit codes: 0; 1 where the registry cannot be read or written; 2 for a wrong command line or settings.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from darkscope.api import keys
from darkscope.api.command.exits import FAILED, MISTAKE, stopped
from darkscope.api.command.where import LedgerFolder, SettingsFile
from darkscope.api.keys import Key, Scope, UnknownKeyError
from darkscope.ingest.registry import RegistryError
from darkscope.ingest.settings import Settings, SettingsError, load

app = typer.Typer(no_args_is_help=True)


Result = TypeVar("Result")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is called: who or what uses it.", metavar="NAME")],
    scope: Annotated[
        list[Scope] | None, typer.Option("--scope", help="What it may be used for; repeatable.")
    ] = None,
    organisation: Annotated[
        list[str] | None, typer.Option("--organisation", help="Whose sensors alone it sees; repeatable.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", help="First day (UTC) it no longer holds, or 90d from now.")
    ] = None,
    settings: SettingsFile = None,
    ledger: LedgerFolder = None,
) -> None:
    """Make a key and show it: this once, for only its digest is kept."""

    def make(settings: Settings, now: datetime) -> str:
        end = None if expires is None else _end(expires, now)
        unknown = set(organisation or ()) - {entry.organisation for entry in settings.sensors}
        if unknown:
            raise stopped(f"no sensor belongs to the organisation {', '.join(sorted(unknown))}", MISTAKE)
        where = keys.place(settings)
        if isinstance(where, Path):
            where.mkdir(parents=True, exist_ok=True)
        return keys.create(
            where,
            name,
            scope or [Scope.READ],
            now.timestamp(),
            organisations=organisation or (),
            expires=end,
        )

    typer.echo(_with(settings, ledger, make))


@app.command("list")
def show(settings: SettingsFile = None, ledger: LedgerFolder = None) -> None:
    """List all keys: what they may be used for, until when, when they were last used. Never the keys themselves."""
    now = datetime.now(UTC).timestamp()
    shown = Table(box=None, header_style="bold")
    for column in ("id", "name", "scopes", "organisations", "created", "expires", "last used", "state"):
        shown.add_column(column, overflow="fold")
    for key in _with(settings, ledger, lambda settings, _: keys.listed(keys.place(settings))):
        shown.add_row(*map(Text, _cells(key, now)))  # names are what somebody typed, and no markup
    Console(width=None if Console().is_terminal else 160).print(shown)


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="Its id or name.", metavar="KEY")],
    settings: SettingsFile = None,
    ledger: LedgerFolder = None,
) -> None:
    """Let a key hold no more: within a second, in object storage within ten. It stays in the list."""
    gone = _with(
        settings, ledger, lambda settings, now: keys.revoke(keys.place(settings), key, now.timestamp())
    )
    typer.echo(f"{gone.name} ({gone.id}) holds no more")


def _cells(key: Key, now: float) -> tuple[str, ...]:
    return (
        key.id,
        key.name,
        ", ".join(sorted(key.scopes)),
        "all" if key.organisations is None else ", ".join(sorted(key.organisations)),
        _moment(key.created),
        _moment(key.expires),
        _moment(key.used),
        key.state(now),
    )


def _moment(seconds: float | None) -> str:
    return "never" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%MZ}"


def _end(text: str, now: datetime) -> float:
    if match := re.fullmatch(r"([1-9][0-9]{0,4})d", text):
        return (now + timedelta(days=int(match[1]))).timestamp()
    try:
        end = datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        raise stopped(f"{text!r} is no day; understood are 2027-01-01 and 90d", MISTAKE) from None
    if end <= now:
        raise stopped(f"{text} is over", MISTAKE)
    return end.timestamp()


def _with(file: Path | None, ledger: str | None, act: Callable[[Settings, datetime], Result]) -> Result:
    """Act under the settings. Ends the program with a sentence where that cannot be done."""
    try:
        return act(load(file, os.environ, {"ledger": ledger}).settings, datetime.now(UTC))
    except (SettingsError, UnknownKeyError) as error:
        raise stopped(error, MISTAKE) from None
    except (RegistryError, OSError) as error:
        raise stopped(error, FAILED) from None
