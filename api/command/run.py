"""`darkscope run`: ingest, projection and the HTTP interface together, from one settings file, until stopped.

Exit codes: 0 when ended by SIGINT or SIGTERM and all parts ended well; 2 where the settings are wrong; otherwise that
of the part that could not get going, or 1.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import typer
from rich.console import Console

from darkscope.api.command.exits import MISTAKE, stopped
from darkscope.api.command.group import Group, Part, event
from darkscope.api.command.progress import for_people, json_line, logged
from darkscope.api.command.where import LedgerFolder, SettingsFile
from darkscope.ingest.intake.stop import Stop
from darkscope.ingest.settings import Settings, SettingsError, load

WIDTH = 8
"""Columns for a part's name on a terminal."""


def run(
    settings: SettingsFile = None,
    ledger: LedgerFolder = None,
) -> None:
    """Run ingest, projection and the HTTP interface together, until stopped."""
    try:
        loaded = load(settings, os.environ, {"ledger": ledger}).settings
    except SettingsError as error:
        raise stopped(error, MISTAKE) from None
    where = [
        *(("--settings", str(settings)) if settings else ()),
        *(("--ledger", str(ledger)) if ledger else ()),
    ]
    found = parts(loaded, where)
    if not any(part.name == "ingest" for part in found):
        typer.echo("darkscope: nothing to read: set spool.folders or ingest.interfaces", err=True)
        raise typer.Exit(MISTAKE)
    console = Console(stderr=True)
    stop = Stop()
    with stop.on_signals(), logged(console, logging.INFO, logging.INFO):
        code = Group(found, _shown(console)).run(stop)
    if code:
        raise typer.Exit(code)


def _shown(console: Console) -> Callable[[str, bytes], None]:
    """How lines of the parts are written: for people on a terminal, as JSON lines elsewhere."""

    def as_words(name: str, line: bytes) -> None:
        told = event(name, line)
        said = for_people(str(told.pop("text", told["event"])))
        words = [said if told["event"] == "said" else f"[bold]{said}[/]"]
        fields = {key: value for key, value in told.items() if key not in ("time", "level", "event", "part")}
        words += [for_people(f"{key} {value}") for key, value in fields.items()]
        console.print(f"{name:<{WIDTH}}{'  '.join(words)}", highlight=False)

    def as_json(name: str, line: bytes) -> None:
        sys.stderr.write(json_line(event(name, line)) + "\n")

    return as_words if console.is_terminal else as_json


def parts(settings: Settings, where: list[str]) -> list[Part]:
    """Which commands the settings ask for; `where` are the options that each of them gets."""
    read = [word for name in settings.ingest.interfaces for word in ("--interface", name)]
    read += ["--follow"] if settings.spool.folders else []
    folders = [
        str(folder.absolute()) if isinstance(folder, Path) else folder for folder in settings.spool.folders
    ]
    found = [Part("ingest", ("ingest", *read, *where, *folders))] if read else []
    if settings.influx.url is not None:
        found.append(Part("project", ("project", "--follow", *where)))
    return [*found, Part("watch", ("watch", *where)), Part("serve", ("serve", *where))]
