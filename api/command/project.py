"""`darkscope project`: keep InfluxDB as the ledger is. Reads the ledger; writes InfluxDB, and which ports have tags.

Exit codes: 0; 1 where the ledger or InfluxDB cannot be used, points were refused, or InfluxDB differs; 2 for a wrong
command line or settings. With `--follow` what InfluxDB has is waited out, and a ledger is waited for, until SIGINT or
SIGTERM.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from darkscope.api.command.exits import FAILED, MISTAKE, stopped
from darkscope.api.command.progress import told
from darkscope.api.command.state import state
from darkscope.api.command.where import LedgerFolder, SettingsFile, WholeDays
from darkscope.api.periods import PeriodError, parse_days
from darkscope.ingest.intake.stop import Stop
from darkscope.ingest.ledger.errors import LedgerError
from darkscope.ingest.ledger.ledger import Ledger, is_ledger, storage_of
from darkscope.ingest.ledger.storage import Storage
from darkscope.ingest.measurements import Resolution
from darkscope.ingest.projection import waiting
from darkscope.ingest.projection.alone import alone
from darkscope.ingest.projection.changes import days_between
from darkscope.ingest.projection.delivery import Delivery
from darkscope.ingest.projection.projector import Projector
from darkscope.ingest.projection.promotions import retention
from darkscope.ingest.projection.server import Refused, Server, Unavailable
from darkscope.ingest.projection.verify import Compared, compare
from darkscope.ingest.registry import PROJECTION, Registry, RegistryError, heard
from darkscope.ingest.settings import Settings, SettingsError, load

LOG = logging.getLogger("darkscope.api.command.project")

LOOK = 1.0
"""Seconds between two looks whether another process has done what it was asked to."""

app = typer.Typer(invoke_without_command=True)


@dataclass(frozen=True, slots=True)
class Parts:
    """What every command here needs."""

    settings: Settings
    ledger: Ledger
    server: Server
    projector: Projector


@app.callback()
def project(
    context: typer.Context,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until stopped, beside the daemon.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No summary; warnings only.")] = False,
    settings: SettingsFile = None,
    ledger: LedgerFolder = None,
) -> None:
    """Write what changed in the ledger to InfluxDB, once or for as long as it runs."""
    if context.invoked_subcommand is not None:
        return
    stop = Stop()
    if follow:
        with stop.on_signals(), told("project", None, quiet=quiet), _failing():
            _await(storage_of(_loaded(settings, ledger)), stop)
        if stop.is_asked:
            return
    with _wired(settings, ledger) as parts, alone(state(parts.settings)) as is_alone, stop.on_signals():
        if not is_alone:
            raise LedgerError(f"{parts.settings.ledger}: another process projects this ledger")
        with told("project", None, quiet=quiet):
            if follow:
                parts.projector.follow(stop)
            else:
                parts.projector.finish(stop)
        if not quiet:
            typer.echo(_said(parts))
        if (parts.projector.counts.rejected or parts.projector.damaged) and not follow:
            raise typer.Exit(FAILED)


@app.command()
def rebuild(period: WholeDays, settings: SettingsFile = None, ledger: LedgerFolder = None) -> None:
    """Write a period anew and zero what should not be there; never a sealed day, nor what a bucket forgot."""
    stop = Stop()
    first, last = _days(period)
    began = time.time()
    with _wired(settings, ledger) as parts, alone(state(parts.settings)) as is_alone, stop.on_signals():
        days = parts.projector.rebuild(days_between(first, last))
        with told("rebuild", None, quiet=False):
            if is_alone:
                parts.projector.finish(stop)
            else:  # another process projects, and will find it in the registry
                while parts.projector.owes(began) and not _held_up(parts) and not stop.wait(LOOK):
                    pass
        held_up = _held_up(parts)
        if held_up:
            for text in held_up:
                typer.echo(f"darkscope: {text}", err=True)
            typer.echo("what damaged files of the ledger bear on waits in the registry", err=True)
            raise typer.Exit(FAILED)
        if stop.is_asked:
            typer.echo("stopped; the rest waits in the registry for the next run")
        else:
            typer.echo(f"{days:,} days written anew")


@app.command()
def verify(period: WholeDays, settings: SettingsFile = None, ledger: LedgerFolder = None) -> None:
    """Compare InfluxDB with the ledger, point by point, and name what differs."""
    first, last = _days(period)
    counted = Compared()
    with _wired(settings, ledger) as parts:
        snapshot = parts.ledger.snapshot().checked({})
        name = parts.settings.influx.bucket
        found = 0
        for difference in compare(
            parts.projector, snapshot, parts.server, name, days_between(first, last), counted
        ):
            found += 1
            typer.echo(f"darkscope: {difference}", err=True)
        waits = parts.projector.owes(waiting.FOR_EVER)
        if waits:
            typer.echo(f"{waits:,} hours and days wait to be written", err=True)
    if found:
        raise typer.Exit(FAILED)
    typer.echo(f"{counted.points:,} points, {counted.packets:,} packets: InfluxDB is as the ledger")


@app.command()
def init(settings: SettingsFile = None, ledger: LedgerFolder = None) -> None:
    """Make the buckets, and let them remember as long as the settings say."""
    with _failing():
        loaded = _loaded(settings, ledger)
        server = Server(loaded.influx)
        version = server.version()
        typer.echo(f"{server.url}: InfluxDB {version}")
        if version.startswith("3."):
            typer.echo("InfluxDB 3 makes a database when the first point is written")
            return
        for resolution in Resolution:
            name = resolution.bucket(loaded.influx.bucket)
            days = retention(loaded, resolution)
            kept = None if days is None else timedelta(days=days)
            server.create(name, kept, timedelta(days=resolution.shard))
            typer.echo(f"  {name}  {'kept for ever' if days is None else f'{days} days'}")


def _said(parts: Parts) -> str:
    counts = parts.projector.counts
    snapshot = parts.ledger.snapshot()
    lines = [f"points    {counts.points:,} written to {parts.server.url}"]
    if counts.rejected:
        lines.append(f"          {counts.rejected:,} refused by InfluxDB")
    lines += [f"damaged   {text}: what it bears on waits" for text in parts.projector.damaged.values()]
    left = parts.projector.forgotten(snapshot)
    if left:
        lines.append(
            f"left out  {len(left):,} days, {left[0]} to {left[-1]}: sealed, or older than influx.retention_* says"
        )
    lines.append(f"ledger    version {snapshot.version}")
    return "\n".join(lines)


def _held_up(parts: Parts) -> list[str]:
    """Damaged files of the ledger, as this process or the one that projects has found them."""
    state = heard(parts.settings.state_folder, PROJECTION)
    told = str(state.values.get("damaged_files", "")) if state else ""
    return list(parts.projector.damaged.values()) or ([told] if told else [])


def _days(text: str) -> tuple[date, date]:
    try:
        return parse_days(text, datetime.now(UTC))
    except PeriodError as error:
        raise stopped(error, MISTAKE) from None


def _await(storage: Storage, stop: Stop) -> None:
    """Wait until there is a ledger: at the first start of all, the projector is ready before ingest has made one."""
    if not is_ledger(storage):
        fields = {"reason": f"{storage}: no ledger yet"}
        LOG.info("the projection waits", extra={"fields": fields})
    while not is_ledger(storage) and not stop.wait(LOOK):
        pass


def _loaded(settings: Path | None, ledger: str | None) -> Settings:
    loaded = load(settings, os.environ, {"ledger": ledger}).settings
    if loaded.influx.url is None:
        typer.echo("darkscope: influx.url is not set: there is no InfluxDB to project into", err=True)
        raise typer.Exit(MISTAKE)
    return loaded


@contextmanager
def _wired(settings: Path | None, ledger: str | None) -> Iterator[Parts]:
    """Put everything together for as long as the context lasts."""
    with _failing():
        loaded = _loaded(settings, ledger)
        opened = Ledger(storage_of(loaded))
        registry = Registry(state(loaded), *waiting.TABLES)
        server = Server(loaded.influx)
        try:
            with Delivery(server) as delivery:
                projector = Projector(opened, loaded, registry, server, delivery)
                yield Parts(loaded, opened, server, projector)
        finally:
            server.close()
            registry.close()


@contextmanager
def _failing() -> Iterator[None]:
    """End the program with a sentence where something cannot be used."""
    try:
        yield
    except SettingsError as error:
        raise stopped(error, MISTAKE) from None
    except (LedgerError, RegistryError, Unavailable, Refused) as error:
        raise stopped(error, FAILED) from None
