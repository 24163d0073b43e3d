"""`darkscope check`: what is in force and where it came from; every mistake with its key and place.

Reads the settings and the files they name, and asks the InfluxDB they name; writes nothing, but for one small object in
the ledger's object storage, which it deletes again. Exit code 0, or 2 where
there are mistakes. The addresses that sensors watch are counted, not shown.
"""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

import typer

from darkscope.api.command.exits import MISTAKE
from darkscope.api.command.where import SettingsFile
from darkscope.api.names import Names, NamesError
from darkscope.api.notices.texts import TextError, Texts
from darkscope.api.requests.lens import failures
from darkscope.api.requests.rules import Rules, RulesError
from darkscope.ingest.geo import SHIPPED, GeoError, Places
from darkscope.ingest.ledger.errors import LedgerError
from darkscope.ingest.ledger.ledger import is_ledger, storage_of
from darkscope.ingest.projection import inspection
from darkscope.ingest.sensors import Sensors
from darkscope.ingest.settings import Loaded, SettingsError, load
from darkscope.ingest.values import DURATIONS, masked

Row = tuple[str, ...]


def check(
    settings: SettingsFile = None,
) -> None:
    """Show the settings in force and where each came from, and name what is wrong with them."""
    mistakes: list[str] = []
    try:
        loaded = load(settings, os.environ, {})
    except SettingsError as error:
        mistakes += map(str, error.mistakes)
    else:
        _show(f"Settings, from {loaded.file or 'no file'}", _settings(loaded))
        _show("Sensors", _sensors(loaded) or [("none: each capture's folder names one",)])
        try:
            _show("Databases", _databases(Places(loaded.settings.geo)))
        except GeoError as error:
            mistakes += _placed(loaded, str(error))
        try:
            names = Names.read(loaded.settings)
        except NamesError as error:
            mistakes += _placed(loaded, str(error))
        else:
            if loaded.settings.research is not None:
                rows: list[Row] = [(str(loaded.settings.research), f"{len(names.research)} prefixes")]
                _show("Research scanners", rows)
            if loaded.settings.devices is not None:
                rows = [(str(loaded.settings.devices), f"{len(names.devices)} prefixes")]
                _show("Investigated devices", rows)
        if loaded.settings.spark.conf:
            rows = [tuple(masked(one).split("=", 1)) for one in loaded.settings.spark.conf]
            _show("Spark", rows)
        mistakes += _storage(loaded)
        mistakes += _rules(loaded)
        mistakes += _contacts(loaded)
        mistakes += _influx(loaded)
    for mistake in mistakes:
        typer.echo(f"darkscope: {mistake}", err=True)
    if mistakes:
        raise typer.Exit(MISTAKE)


def _storage(loaded: Loaded) -> list[str]:
    """Show whether the ledger's object storage can be used, and say what it lacks; nothing where it is in a folder."""
    settings = loaded.settings
    if isinstance(settings.ledger, Path):
        return []
    place = loaded.origin("ledger")
    try:
        storage = storage_of(settings)
        lacks = storage.inspect()
        there = "a ledger" if not lacks and is_ledger(storage) else "no ledger yet"
    except LedgerError as error:
        return [f"{place}: ledger: {error}"]
    if not lacks:
        _show("Object storage", [(settings.ledger, "read, written, conditional puts hold", there)])
    return [f"{place}: ledger: {settings.ledger}: {one}" for one in lacks]


def _rules(loaded: Loaded) -> list[str]:
    """Show the rules of vulnerabilities, and say what is wrong with them, wrong examples included."""
    folder = loaded.settings.vulnerabilities
    try:
        shipped, rules = Rules.read(None), Rules.read(folder)
    except RulesError as error:
        place = loaded.origin("vulnerabilities")
        return [f"{place}: vulnerabilities: {line}" for line in str(error).splitlines()]
    rows: list[Row] = [("those that ship", _counted(len(shipped.rules)))]
    if folder is not None:
        own = [rule for rule in rules.rules if rule not in shipped.rules]
        rows.append((str(folder), _counted(len(own))))
    _show("Rules of vulnerabilities", rows)
    return failures(rules)


def _counted(rules: int) -> str:
    return "1 rule" if rules == 1 else f"{rules:,} rules"


def _contacts(loaded: Loaded) -> list[str]:
    """Show who is told of sources, and say what is wrong with the texts; nothing where the settings name nobody."""
    rows: list[Row] = [
        (
            contact.id,
            " ".join([*(f"AS{owner}" for owner in contact.owners), *contact.countries]) or "everybody else's",
            ", ".join(contact.email),
        )
        for contact in loaded.settings.contacts
    ]
    if rows:
        _show("Contacts", rows)
    try:
        Texts(loaded.settings.notices.templates).check()
    except TextError as error:
        return [f"{loaded.origin('notices.templates')}: {error}"]
    return []


def _influx(loaded: Loaded) -> list[str]:
    """Show the InfluxDB of the settings, and say what it lacks; nothing where the settings name none."""
    settings = loaded.settings
    too_few = inspection.too_few_series(settings)
    mistakes = _placed(loaded, too_few) if too_few else []
    if settings.influx.url is not None:
        found = inspection.inspect(settings)
        rows: list[Row] = [(found.url, f"InfluxDB {found.version}" if found.version else "does not answer")]
        _show("InfluxDB", rows)
        mistakes += [f"InfluxDB: {one}" for one in found.lacks]
    return mistakes


def _placed(loaded: Loaded, mistakes: str) -> list[str]:
    """Put the place before each line `key: reason`."""
    return [f"{loaded.origin(line.partition(':')[0])}: {line}" for line in mistakes.splitlines()]


def _settings(loaded: Loaded) -> list[Row]:
    return [(key, _text(key, value), origin) for key, value, origin in loaded.values()]


def _text(key: str, value: object) -> str:
    """Write a value as the settings file would; lists of tables by their number."""
    match value:
        case None:
            return "keep" if "retention" in key and key != "retention.disk_budget" else "none"
        case timedelta():
            return _duration(value)
        case bool():
            return str(value).lower()
        case tuple():
            return f"{len(value)} entries" if len(value) != 1 else "1 entry"
        case int():
            return f"{value:_}"
    return masked(str(value))


def _duration(value: timedelta) -> str:
    text, rest = "", value
    for unit, length in DURATIONS.items():
        count, rest = divmod(rest, length)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def _sensors(loaded: Loaded) -> list[Row]:
    rows: list[Row] = []
    for row in Sensors(loaded.settings).table().iter_rows(named=True):
        watched = [f"{row['addresses']:_} IPv4 addresses"] if row["addresses"] else []
        watched += [f"{row['subnets']:_} IPv6 /64"] if row["subnets"] else []
        rows.append(
            (
                row["id"],
                row["name"],
                row["organisation"] or "-",
                row["kind"],
                "home" if row["home"] else "abroad",
                row["country"],
                " and ".join(watched) or "no networks: every packet counts as sent to it",
                _days(row["since"], row["until"]),
            )
        )
    return rows


def _databases(places: Places) -> list[Row]:
    return [
        (
            one.question.name,
            "the one that ships" if one.database.path == SHIPPED else str(one.database.path),
            one.database.type,
            f"built {one.database.built}",
            _days(one.since, one.until),
        )
        for one in places
    ]


def _days(since: date | None, until: date | None) -> str:
    """Say which days something holds for."""
    start = f"from {since}" if since else ""
    end = f"before {until}" if until else ""
    return " ".join(part for part in (start, end) if part) or "always"


def _show(title: str, rows: list[Row]) -> None:
    """Write rows under a title, their columns aligned."""
    typer.echo(title)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo(("  " + "  ".join(cells)).rstrip())
    typer.echo()
