"""`darkscope ingest`: captures in, a ledger out.

Wires settings, ledger, worker and intake together, and shows how it goes. Exit codes: 0; 1 where the ledger cannot be
written or nothing could be read; 2 where the command line or the settings are wrong; 3 with `--strict` where a capture
was damaged or refused.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from darkscope.api.command.progress import told
from darkscope.ingest.compiled import is_first_start
from darkscope.ingest.geo import GeoError, Places
from darkscope.ingest.intake.files import Found, IntakeError, find
from darkscope.ingest.intake.session import Capture, Outcome, Session, Summary
from darkscope.ingest.intake.stop import Stop
from darkscope.ingest.ledger.ledger import Ledger, LedgerError
from darkscope.ingest.sensors import Sensors
from darkscope.ingest.settings import Settings, SettingsError, load
from darkscope.ingest.worker import Worker

FAILED, MISTAKE, UNCLEAN = 1, 2, 3

LOG = logging.getLogger("darkscope.ingest")


def ingest(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Captures, folders, patterns; `-` is standard input.", show_default=False),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 3 where a capture was damaged or refused.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Fill what `ledger forget` took out, and nothing else.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No bar, no summary; warnings only.")] = False,
    settings: Annotated[
        Path | None, typer.Option("--settings", help="Settings file.", rich_help_panel="Where from")
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option("--ledger", help="The ledger's folder.", rich_help_panel="Where from")
    ] = None,
) -> None:
    """Read captures into the ledger, each byte once.

    What is damaged is read as far as it goes and reported. Read again, renamed or packed otherwise, a capture changes
    nothing.
    """
    try:
        loaded = load(settings, os.environ, {"ledger": ledger}).settings
        found = find(paths or [])
        places = Places(loaded.geo)
    except (SettingsError, GeoError, IntakeError) as error:
        raise _ended(error, MISTAKE) from None
    stop = Stop()
    try:
        with stop.on_signals():
            summary = _read_files(loaded, places, found, stop, again=again, quiet=quiet)
    except LedgerError as error:
        raise _ended(error, FAILED) from None
    if not quiet:
        typer.echo(_said(summary, found.passed_over))
    if strict and not summary.is_clean:
        raise typer.Exit(UNCLEAN)
    if summary.captures[Outcome.REFUSED] and summary.captures[Outcome.REFUSED] == sum(
        summary.captures.values()
    ):
        raise typer.Exit(FAILED)


def _read_files(
    settings: Settings, places: Places, found: Found, stop: Stop, *, again: bool, quiet: bool
) -> Summary:
    if is_first_start() and not quiet:
        typer.echo("First start: compiling, which takes half a minute once.", err=True)
    ledger = Ledger.open_or_create(settings.ledger)
    worker = Worker(ledger, settings, Sensors(settings), places, again=again)
    total = sum(_size(path) for path in found.captures)
    with told("ingest", total, quiet=quiet) as advance:
        session = Session(worker, stop, on_progress=advance)
        try:
            for path in found.captures:
                if stop.is_asked:
                    break
                session.read_all(Capture.of_file(path))
        finally:
            session.end()
    return session.summary


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _said(summary: Summary, passed_over: int) -> str:
    """Say what it came to, in lines for people."""
    captures = ", ".join(f"{count:,} {outcome}" for outcome, count in summary.captures.items() if count)
    lines = [f"captures   {captures or 'none'}"]
    if summary.damaged:
        lines[0] += f"; {summary.damaged:,} damaged"
    if passed_over:
        lines[0] += f"; {passed_over:,} files that hold no capture passed over"
    fates = {fate: count for fate, count in summary.fates.items() if count and fate != "dropped"}
    lines.append(f"frames     {summary.frames:,}")
    lines += [f"  {fate.replace('_', ' '):<25} {count:>14,}" for fate, count in fates.items()]
    if summary.fates.get("dropped"):
        lines.append(f"lost by the capturing program {summary.fates['dropped']:,}")
    lines.append(f"flows      {summary.flows:,}")
    if summary.version is not None:
        lines.append(f"ledger     version {summary.version}")
    return "\n".join(lines)


def _ended(error: Exception, code: int) -> typer.Exit:
    for line in str(error).splitlines():
        typer.echo(f"darkscope: {line}", err=True)
    return typer.Exit(code)
