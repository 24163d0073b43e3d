"""`darkscope ingest`: captures in, a ledger out.

Wires settings, ledger, worker and intake together, and shows how it goes. Exit codes: 0; 1 where the ledger cannot be
written, nothing could be read, or an interface cannot be captured; 2 where the command line or the settings are wrong;
3 with `--strict` where a capture was damaged or refused. SIGINT and SIGTERM commit what was gathered and end with 0.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from darkscope.api.command.engines import EngineName, EngineOption, MasterOption, engine_of
from darkscope.api.command.exits import FAILED, MISTAKE, UNCLEAN, stopped
from darkscope.api.command.progress import told
from darkscope.api.command.where import LedgerFolder, SettingsFile
from darkscope.ingest import far
from darkscope.ingest.capture.reader import CaptureError
from darkscope.ingest.compiled import is_first_start
from darkscope.ingest.engine.engine import Engine, EngineError
from darkscope.ingest.geo import GeoError, Places
from darkscope.ingest.intake import backfill
from darkscope.ingest.intake.caretaker import Caretaker
from darkscope.ingest.intake.daemon import Feed, run
from darkscope.ingest.intake.files import Found, find
from darkscope.ingest.intake.live import Live, LiveError
from darkscope.ingest.intake.session import Outcome, Session, Summary
from darkscope.ingest.intake.spool import Policy, Spool
from darkscope.ingest.intake.stdin import Stream
from darkscope.ingest.intake.stop import Stop
from darkscope.ingest.intake.stored import IntakeError
from darkscope.ingest.ledger.aside import Aside
from darkscope.ingest.ledger.errors import LedgerError
from darkscope.ingest.ledger.ledger import Ledger, storage_of
from darkscope.ingest.ledger.upkeep import clean, keep_up
from darkscope.ingest.rereading import Rereader
from darkscope.ingest.sensors import STANDARD_INPUT, SensorError, Sensors
from darkscope.ingest.settings import Settings, SettingsError, load, without_relative_paths
from darkscope.ingest.worker import Worker

LOG = logging.getLogger("darkscope.ingest")


class Only(StrEnum):
    """What captures may be read again for."""

    REQUESTS = "requests"


def ingest(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            help="Captures, folders, patterns, the same in object storage (s3://bucket/2020/). `-` is standard input: "
            "a crash loses at most what came in the last ingest.batch_seconds.",
            metavar="PATH",
            show_default=False,
        ),
    ] = None,
    interface: Annotated[
        list[str] | None,
        typer.Option("--interface", "-i", help="Capture a live interface until stopped; repeatable."),
    ] = None,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", "-f", help="Watch the folders, or prefixes of buckets, for captures until stopped."
        ),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 3 where a capture was damaged or refused.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Fill what `ledger forget` took out, and nothing else.")
    ] = False,
    only: Annotated[
        Only | None,
        typer.Option(
            "--only",
            help="With --again: read captures that were read before honeypots were heard, for this alone.",
            show_default=False,
        ),
    ] = None,
    engine: EngineOption = EngineName.HERE,
    master: MasterOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No bar, no summary; warnings only.")] = False,
    settings: SettingsFile = None,
    ledger: LedgerFolder = None,
) -> None:
    """Read captures into the ledger, each byte once.

    What is damaged is read as far as it goes and reported. Read again, renamed or packed otherwise, a capture changes
    nothing. Ended by SIGINT or SIGTERM, it commits what was gathered.
    """
    names = paths or []
    stop = Stop()
    try:
        _check(names, interface or [], follow=follow, again=again, only=only)
        is_elsewhere = engine is not EngineName.HERE
        if is_elsewhere:
            names = _for_elsewhere(names, follow=follow, only=only)
        loaded = load(settings, os.environ, {"ledger": ledger, "spark.master": master}).settings
        places = Places(loaded.geo, loaded.research)
        found = Found() if follow or interface or STANDARD_INPUT in names else find(names, loaded.storage)
    except (SettingsError, GeoError, IntakeError) as error:
        raise stopped(error, MISTAKE) from None
    if is_first_start() and not quiet:
        typer.echo("First start: compiling, which takes half a minute, once.", err=True)
    try:
        with stop.on_signals():
            if only:
                _reread(loaded, places, found, stop, quiet=quiet)
                return
            if follow or interface or STANDARD_INPUT in names:
                feeds = _feeds(names, interface or [], loaded, stop)
                summary = _go_on(loaded, places, feeds, stop, quiet=quiet)
            elif is_elsewhere:
                with engine_of(engine, loaded) as where:
                    summary = _share_out(loaded, where, found, stop, again=again, quiet=quiet)
                    if not stop.is_asked:
                        _keep_up(loaded, where)
            else:
                summary = _read(loaded, places, found, stop, again=again, quiet=quiet)
                if not stop.is_asked:
                    _keep_up(loaded)
    except (SensorError, IntakeError) as error:
        raise stopped(error, MISTAKE) from None
    except (LiveError, GeoError, EngineError) as error:
        raise stopped(error, FAILED) from None
    except LedgerError as error:
        raise stopped(error, FAILED) from None
    if not quiet:
        typer.echo(_said(summary))
    if strict and not summary.is_clean:
        raise typer.Exit(UNCLEAN)
    if summary.is_vain:
        raise typer.Exit(FAILED)


def _check(names: list[str], interfaces: list[str], *, follow: bool, again: bool, only: Only | None) -> None:
    """Refuse what does not go together. Raises IntakeError."""
    if only and not again:
        raise IntakeError("--only says what is read again: it needs --again")
    if follow and not names:
        raise IntakeError("--follow watches folders: name one")
    if not names and not interfaces:
        raise IntakeError(
            "nothing to read: name captures, folders, - for standard input, or an interface with -i"
        )
    if STANDARD_INPUT in names and (len(names) > 1 or follow or interfaces):
        raise IntakeError("standard input (-) is read alone")
    if again and (follow or interfaces or STANDARD_INPUT in names):
        raise IntakeError("--again fills from captures that are complete: name them")
    if names and interfaces and not follow:
        raise IntakeError("an interface is captured until stopped, beside folders only with --follow")
    if follow and (wrong := [name for name in names if "://" not in name and not Path(name).is_dir()]):
        raise IntakeError(f"{wrong[0]}: no folder; --follow watches folders")


def _for_elsewhere(names: list[str], *, follow: bool, only: Only | None) -> list[str]:
    """What is read by other machines, by names that are the same everywhere. Raises IntakeError."""
    if follow or STANDARD_INPUT in names or not names:
        raise IntakeError("--engine reads captures that are complete: name them")
    if only:
        raise IntakeError("--only reads on this machine alone: leave --engine out")
    return [name if "://" in name else str(Path(name).absolute()) for name in names]


def _feeds(names: list[str], interfaces: list[str], settings: Settings, stop: Stop) -> list[Feed]:
    """What is read until stopped. Raises LiveError, SensorError."""
    if STANDARD_INPUT in names:
        return [Stream(sys.stdin.fileno(), STANDARD_INPUT, stop)]
    sensors = Sensors(settings)
    live = [Live(settings.state_folder, name, sensors.of_interface(name).id, stop) for name in interfaces]
    return [*live, *(_watched(name, settings) for name in names)]


def _watched(name: str, settings: Settings) -> Feed:
    """A folder, or a prefix of a bucket. Raises IntakeError."""
    if "://" not in name:
        return Spool(Path(name), _policy(settings))
    feed: Feed = far.room("intake.prefix", name, IntakeError).Prefix.of(
        name, settings.storage, settings.ingest.done
    )
    return feed


def _policy(settings: Settings) -> Policy:
    return Policy(settings.spool.settle.total_seconds(), settings.ingest.done, settings.ingest.done_folder)


def _read(
    settings: Settings, places: Places, found: Found, stop: Stop, *, again: bool, quiet: bool
) -> Summary:
    """Read files, once."""
    Ledger.open_or_create(storage_of(settings))
    with told("ingest", found.size, quiet=quiet) as advance:
        summary = backfill.read(settings, places, found.captures, stop, again=again, on_progress=advance)
    summary.captures[Outcome.PASSED_OVER] += found.passed_over
    return summary


def _share_out(
    settings: Settings, engine: Engine, found: Found, stop: Stop, *, again: bool, quiet: bool
) -> Summary:
    """Have files read elsewhere, once. Raises LedgerError, EngineError once all that can be read was."""
    Ledger.open_or_create(storage_of(settings))
    units = backfill.units(found, Sensors(settings))
    task = backfill.Task(without_relative_paths(settings), again)
    summary = Summary()
    summary.captures[Outcome.PASSED_OVER] += found.passed_over
    with told("ingest", found.size, quiet=quiet) as advance:
        done = 0
        try:
            for unit, came_to in engine.map(task, units, is_stopped=lambda: stop.is_asked):
                summary.add(came_to)
                for problem in came_to.problems:
                    problem.log()
                done += unit.size
                advance(done, summary.frames)
        except EngineError:
            if not quiet:
                typer.echo(_said(summary))
            raise
    return summary


def _reread(settings: Settings, places: Places, found: Found, stop: Stop, *, quiet: bool) -> None:
    """Read captures again for their requests; what was committed stays where it is stopped."""
    reader = Rereader(Ledger.open_or_create(storage_of(settings)), settings, Sensors(settings), places)
    captures = requests = 0
    with told("ingest", found.size, quiet=quiet) as advance:
        done = 0
        for one in found.captures:
            if stop.is_asked:
                break
            try:
                heard = reader.read(one.name, one.open)
            except (CaptureError, OSError) as error:
                raise LedgerError(str(error)) from error
            captures += heard is not None
            requests += heard or 0
            done += one.size
            advance(done, 0)
    if not stop.is_asked:
        requests += reader.finish()
    _keep_up(settings)
    if not quiet:
        typer.echo(f"captures  {captures:,} read for requests\nrequests  {requests:,}")


def _keep_up(settings: Settings, engine: Engine | None = None) -> None:
    """Merge and roll up what was read, once the worker's memory is free again.

    Nothing expires here: whoever reads old captures in wants to look at them. A damaged file holds up its own day, and
    is no fault of what was read.
    """
    ledger = Ledger(storage_of(settings))
    aside = Aside()
    keep_up(ledger, settings.worker, datetime.now(UTC), engine, aside)
    clean(ledger)
    for line in aside.lines():
        typer.echo(f"darkscope: {line}", err=True)


def _go_on(settings: Settings, places: Places, feeds: list[Feed], stop: Stop, *, quiet: bool) -> Summary:
    """Read until stopped, or until all feeds are over."""

    def refresh() -> None:
        for error in places.refresh():
            LOG.warning("database", extra={"fields": {"reason": str(error)}})

    ledger = Ledger.open_or_create(storage_of(settings))
    worker = Worker(ledger, settings, Sensors(settings), places)
    with ExitStack() as lasting:
        advance = lasting.enter_context(told("ingest", None, quiet=quiet))
        if settings.ingest.upkeep:
            lasting.enter_context(Caretaker(settings))
        for feed in feeds:
            if isinstance(feed, Live):
                lasting.enter_context(feed.listening())
        session = Session(
            worker,
            stop,
            patient=True,
            seconds=settings.batch_seconds,
            on_progress=advance,
            on_commit=refresh,
        )
        run(lasting.enter_context(session), feeds, stop)
    return session.summary


def _said(summary: Summary) -> str:
    """Say what it came to, in lines for people."""
    captures = ", ".join(f"{count:,} {outcome}" for outcome, count in summary.captures.items() if count)
    damaged = f"; {summary.damaged:,} damaged" if summary.damaged else ""
    lines = [f"captures  {captures or 'none'}{damaged}", f"frames    {summary.frames:,}"]
    fates = {fate: count for fate, count in summary.fates.items() if count and fate != "dropped"}
    lines += [f"  {fate.replace('_', ' '):<25} {count:>14,}" for fate, count in fates.items()]
    if summary.fates.get("dropped"):
        lines.append(f"lost by the capturing program: {summary.fates['dropped']:,}")
    lines.append(f"flows     {summary.flows:,}")
    if summary.version is not None:
        lines.append(f"ledger    version {summary.version}")
    return "\n".join(lines)
