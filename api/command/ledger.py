"""`darkscope ledger`: look after the ledger. Each command does one thing to it and says what.

Exit codes: 0; 1 where the ledger cannot be read, a file of it is damaged, or the law of conservation does not hold; 2
for a wrong command line or settings.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import polars as pl
import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table as Shown

from darkscope.api import keys
from darkscope.api.command.engines import EngineName, EngineOption, MasterOption, engine_of
from darkscope.api.command.exits import FAILED, MISTAKE, stopped
from darkscope.api.command.where import LedgerFolder, SettingsFile, WholeDays
from darkscope.api.periods import PeriodError, parse_days
from darkscope.api.phenomena import decisions
from darkscope.api.phenomena.decisions import DecisionsError
from darkscope.api.visible import visible
from darkscope.ingest import registry
from darkscope.ingest.engine.engine import EngineError
from darkscope.ingest.ledger import backup as copies
from darkscope.ingest.ledger import expiry, upkeep
from darkscope.ingest.ledger import verify as law
from darkscope.ingest.ledger.aside import Aside
from darkscope.ingest.ledger.errors import LedgerError, files_told
from darkscope.ingest.ledger.ledger import Ledger, Snapshot, storage_of
from darkscope.ingest.registry import RegistryError
from darkscope.ingest.series import COVERAGE, FLOWS, ROLLUPS, TABLES
from darkscope.ingest.settings import Settings, SettingsError, load
from darkscope.ingest.values import SCHEMES

app = typer.Typer(no_args_is_help=True)


SHOWN = 3
"""Captures that are listed; of more the first and the last, by name."""

Result = TypeVar("Result")

_NAMED = 3
"""Days that are named where there may be many."""


@app.command()
def status(settings: SettingsFile = None, ledger: LedgerFolder = None) -> None:
    """Show what the ledger holds: tables, rows, files, days, and frames by what became of them."""

    def show(ledger: Ledger, _: Settings) -> None:
        snapshot = ledger.snapshot()
        typer.echo(f"{ledger.storage}: version {snapshot.version}, {decimal(expiry.size(snapshot))}")
        shown = Shown(box=None, header_style="bold")
        for name in ("table", "rows", "files", "size", "days"):
            shown.add_column(name, justify="left" if name == "table" else "right")
        for table in TABLES:
            files = snapshot.files(table)
            if files.height:
                days = sorted(snapshot.days(table))
                shown.add_row(
                    table.name,
                    f"{files['rows'].sum():,}",
                    f"{files.height:,}",
                    decimal(int(files["size"].sum())),
                    f"{days[0]} to {days[-1]}",
                )
        Console().print(shown)
        waiting = snapshot.days(FLOWS) - snapshot.days(ROLLUPS[0])
        if waiting:
            typer.echo(f"{len(waiting)} days without rollups, the open one included")
        if over := upkeep.unclosed(snapshot, datetime.now(UTC)):
            named = ", ".join(map(str, over[:_NAMED])) + (", ..." if len(over) > _NAMED else "")
            typer.echo(
                f"over, and without rollups: {named}; `darkscope ledger compact` makes them, or says why not"
            )
        rest = ("minute", "minutes", "bridge", "sensor", "point")
        counts = [column.name for column in COVERAGE.columns if column.name not in rest]
        with files_told(ledger.storage):
            sums = snapshot.scan(COVERAGE).select(pl.col(counts).sum()).collect().row(0, named=True)
        typer.echo(", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in sums.items() if count))

    _with(settings, ledger, show)


@app.command()
def verify(
    engine: EngineOption = EngineName.HERE,
    master: MasterOption = None,
    settings: SettingsFile = None,
    ledger: LedgerFolder = None,
) -> None:
    """Add everything up: each frame is somewhere, once. Names the places where that does not hold."""

    def add_up(ledger: Ledger, settings: Settings) -> law.Verified:
        with engine_of(engine, settings) as where:
            return law.verify(ledger, where)

    verified = _with(settings, ledger, add_up, master)
    for fault in verified.faults:
        typer.echo(f"darkscope: {fault}", err=True)
    if verified.faults:
        raise typer.Exit(FAILED)
    typer.echo(f"{verified.frames:,} frames, {verified.packets:,} packets: every frame is accounted for")


@app.command()
def compact(
    rollups: Annotated[
        bool, typer.Option("--rollups", help="Make the rollups of all closed days anew.")
    ] = False,
    engine: EngineOption = EngineName.HERE,
    master: MasterOption = None,
    settings: SettingsFile = None,
    ledger: LedgerFolder = None,
) -> None:
    """Merge small files, roll up closed days, shorten the log. Readers and writers go on meanwhile.

    A day of which a file is damaged is passed over and named, exit code 1; all others are done.
    """
    aside = Aside()

    def keep_up(ledger: Ledger, settings: Settings) -> upkeep.Upkeep:
        with engine_of(engine, settings) as where:
            if rollups:
                upkeep.drop_rollups(ledger, settings.worker, where, aside)
            done = upkeep.keep_up(ledger, settings.worker, datetime.now(UTC), where, aside)
        upkeep.clean(ledger)
        return done

    done = _with(settings, ledger, keep_up, master)
    typer.echo(
        f"{done.days_closed} days and {done.months_closed} months closed; "
        f"{done.files_before} files became {done.files_after}"
    )
    _end_with(aside)


@app.command()
def expire(settings: SettingsFile = None, ledger: LedgerFolder = None) -> None:
    """Take out what is older than `retention` says; its totals and rollups stay.

    A day of which a file is damaged is passed over and named, exit code 1.
    """
    aside = Aside()

    def expire_now(ledger: Ledger, settings: Settings) -> list[expiry.Expired]:
        now, kept = datetime.now(UTC), settings.retention
        upkeep.keep_up(ledger, settings.worker, now, aside=aside)
        today = expiry.today(ledger.snapshot(), now)
        return expiry.expire(ledger, settings.worker, today, kept.days, kept.disk_budget, aside)

    gone = _with(settings, ledger, expire_now)
    for one in gone:
        typer.echo(f"{one.table} of {one.day}: {one.rows:,} rows, {decimal(one.size)}")
    typer.echo(f"{len(gone)} days expired")
    _end_with(aside)


@app.command()
def forget(
    sensor: Annotated[str, typer.Option("--sensor", help="The sensor's id.")],
    period: WholeDays,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    settings: SettingsFile = None,
    ledger: LedgerFolder = None,
) -> None:
    """Take a sensor's days out of all tables. `darkscope ingest --again` fills them from the captures."""

    def take_out(ledger: Ledger, settings: Settings) -> tuple[dict[str, int], list[str]]:
        first, last = parse_days(period, datetime.now(UTC))
        if not yes:
            typer.confirm(f"Forget {sensor} from {first} to {last} (UTC days)?", abort=True)
        removed = expiry.forget(ledger, settings.worker, sensor, first, last, datetime.now(UTC))
        return removed, expiry.captures_with(ledger.snapshot(), sensor, first, last)

    removed, captures = _with(settings, ledger, take_out)
    if not removed:
        typer.echo(f"darkscope: {sensor} has no rows in {period}", err=True)
        raise typer.Exit(FAILED)
    typer.echo(", ".join(f"{rows:,} rows of {table}" for table, rows in removed.items()) + " taken out")
    if captures:
        shown = captures if len(captures) <= SHOWN else [captures[0], "...", captures[-1]]
        count = f"{len(captures):,} capture{'s' if len(captures) > 1 else ''}"
        typer.echo(f"their frames came from {count}: {', '.join(map(visible, shown))}")


@app.command()
def backup(
    to: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to; it must not be there yet.")],
    settings: SettingsFile = None,
    ledger: LedgerFolder = None,
) -> None:
    """Copy the ledger, its registry, keys and decisions as they are now, while it is written."""
    if to.parts and to.parts[0] in {f"{scheme}:" for scheme in SCHEMES}:
        typer.echo("darkscope: a backup goes into a folder; between buckets the provider copies", err=True)
        raise typer.Exit(MISTAKE)

    def copy(ledger: Ledger, settings: Settings) -> Snapshot:
        return copies.back_up(ledger, to, partial(_small, settings))

    snapshot = _with(settings, ledger, copy)
    typer.echo(f"{to}: version {snapshot.version}, {decimal(expiry.size(snapshot))}")


def _end_with(aside: Aside) -> None:
    """Name what was passed over, if anything was; then the program ends with it."""
    for line in aside.lines():
        typer.echo(f"darkscope: {line}", err=True)
    if aside:
        raise typer.Exit(FAILED)


def _small(settings: Settings, to: Path) -> None:
    """Copy what is no observation: the registry, and the texts that lie with the ledger, keys and decisions."""
    registry.back_up(settings.state_folder, to)
    for name, place in ((keys.FILE, keys.place(settings)), (decisions.FILE, decisions.path(settings))):
        is_with_ledger = not isinstance(place, Path) or place == settings.state_folder / name
        if not is_with_ledger:  # keys in the registry; decisions in a file of their own
            continue
        try:
            text = decisions.text_of(place)
        except ValueError as error:
            raise LedgerError(f"{place}: {error}") from error
        if text:
            (to / name).write_text(text, encoding="utf-8")


def _with(
    settings: Path | None,
    ledger: str | None,
    do: Callable[[Ledger, Settings], Result],
    master: str | None = None,
) -> Result:
    """Open the ledger and do something with it; ends the program with a sentence where that fails."""
    try:
        loaded = load(settings, os.environ, {"ledger": ledger, "spark.master": master}).settings
        return do(Ledger(storage_of(loaded)), loaded)
    except (SettingsError, PeriodError) as error:
        raise stopped(error, MISTAKE) from None
    except (LedgerError, RegistryError, DecisionsError, EngineError) as error:
        raise stopped(error, FAILED) from None
