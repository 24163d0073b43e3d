"""`darkscope report`: the report on a period, as HTML, PDF, Markdown and data, in a folder.

Exit codes: 0; 1 where the ledger cannot be read or the folder not written; 2 for a wrong command line or settings.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.console import Console

from darkscope.api.ask import Observer
from darkscope.api.asked import Asked
from darkscope.api.calendars import Calendars
from darkscope.api.command import options
from darkscope.api.command.exits import FAILED, MISTAKE, stopped
from darkscope.api.command.stores import opened, reader_of, remote_of
from darkscope.api.command.where import LedgerFolder, SettingsFile
from darkscope.api.dimension import Dimension
from darkscope.api.labels import labels
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.names import Names, NamesError
from darkscope.api.periods import PeriodError, Window
from darkscope.api.phenomena import decisions
from darkscope.api.phenomena.decisions import DecisionsError
from darkscope.api.report.captures import captures_of
from darkscope.api.report.compose import Imprint, compose
from darkscope.api.report.findings import Inquiry, gather, home_country
from darkscope.api.report.own_words import OwnWords, OwnWordsError
from darkscope.api.report.publish import publish
from darkscope.api.requests.rules import Rules, RulesError
from darkscope.api.selection import known, organisations
from darkscope.api.store import NotHeldError, Store, StoreError
from darkscope.ingest.ledger.errors import LedgerError
from darkscope.ingest.ledger.ledger import Ledger, storage_of
from darkscope.ingest.settings import Settings, SettingsError, load
from darkscope.ingest.values import Language


def report(
    period: Annotated[
        str, typer.Argument(help="2020-Q2, 2020-06, 2020, 2020-04-01/2020-06-30.", metavar="PERIOD")
    ],
    lang: Annotated[Language, typer.Option("--lang", help="The report's language.")] = Language.EN,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for its files; report-PERIOD-LANG where left out.")
    ] = None,
    words: Annotated[
        Path | None, typer.Option("--words", help="Markdown file of the analyst's own words.")
    ] = None,
    home: Annotated[
        bool, typer.Option("--home/--abroad", help="Sensors at home, as reports have it, or abroad.")
    ] = True,
    time_zone: options.Zone = None,
    settings: SettingsFile = None,
    ledger: LedgerFolder = None,
) -> None:
    """Write the report on a period: tables, figures, what was noted, and where all of it comes from."""
    folder = out or Path(f"report-{period.replace('/', '-')}-{lang.value}")
    command = _command(period, lang, words, time_zone, home=home)
    console = Console(stderr=True)
    try:
        own = OwnWords() if words is None else OwnWords.read(words)
        with console.status("settings") as status:
            written = _written(
                load(settings, os.environ, {"ledger": ledger}).settings,
                Asked(Dimension.PORTS, period, time_zone, home=home),
                own,
                lang,
                folder,
                command,
                status.update,
            )
    except (LedgerError, StoreError, OSError) as error:
        raise stopped(error, MISTAKE if isinstance(error, NotHeldError) else FAILED) from None
    except (
        SettingsError, NamesError, PeriodError, DecisionsError, RulesError, OwnWordsError,
    ) as error:  # fmt: skip
        raise stopped(error, MISTAKE) from None
    pages = [path for path in written if path.parent == folder]
    typer.echo("\n".join(map(str, pages)))
    typer.echo(f"{folder}: {len(written) - len(pages)} files more in data/ and figures/", err=True)


def _written(
    settings: Settings,
    asked: Asked,
    own: OwnWords,
    language: Language,
    folder: Path,
    command: str,
    told: Callable[[str], None],
) -> list[Path]:
    now = datetime.now(UTC)
    sensors = known(settings.sensors)
    question = asked.question(settings.time_zone, now)
    store, captures = _opened(settings, now, question.period.window)
    observer = Observer(
        store,
        sensors,
        labels(sensors),
        now,
        names=Names.read(settings),
        calendars=Calendars(settings.holidays),
        rules=lambda: Rules.read(settings.vulnerabilities),
    )
    inquiry = Inquiry(
        observer,
        asked,
        settings.time_zone,
        home_country(settings.sensors),
        decisions.read(decisions.path(settings)),
    )
    findings = gather(inquiry, captures, own.groups, told)
    told("words")
    imprint = Imprint(settings.report.author, settings.report.closing, settings.report.simulated, command)
    return publish(compose(findings, own, imprint, language), folder, captures, told)


def _opened(settings: Settings, now: datetime, window: Window) -> tuple[Store, pl.DataFrame | None]:
    """Open the store, and list the captures of the same state where it is the ledger."""
    if remote_of(settings) is not None:
        return opened(settings, now), None
    snapshot = Ledger(storage_of(settings)).snapshot()
    store = LedgerStore(snapshot, organisations(known(settings.sensors)), reader=reader_of(settings))
    return store, captures_of(snapshot, window)


def _command(period: str, lang: Language, words: Path | None, zone: str | None, *, home: bool) -> str:
    """Write the command without what does not bear on the report, as folders."""
    parts = ["darkscope", "report", period, "--lang", lang.value]
    parts += ["--words", words.name] if words else []
    parts += ["--time-zone", zone] if zone else []
    return shlex.join([*parts, *([] if home else ["--abroad"])])
