"""The options that every question shares, and how they become one.

Wires settings, ledger and question together; what is wrong is said on stderr, and the program ends.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from darkscope.api.ask import Observer, Question
from darkscope.api.command.exits import FAILED, MISTAKE
from darkscope.api.dimension import (
    Dimension,
    ValueTextError,
    parse_country,
    parse_owner,
    parse_port,
    parse_protocol,
    parse_tool,
)
from darkscope.api.formats import Format
from darkscope.api.labels import labels
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.periods import PeriodError, parse_period
from darkscope.api.selection import Selection, UnknownSensorError, known, organisations
from darkscope.api.store import Filter, Precision, StoreError
from darkscope.ingest.ledger.ledger import Ledger, LedgerError
from darkscope.ingest.series import Traffic
from darkscope.ingest.settings import SettingsError, load


class Kind(StrEnum):
    """Which kinds of sensors count."""

    TELESCOPE = "telescope"
    HONEYPOT = "honeypot"
    ALL = "all"


_NARROW = "What counts"
_SHOW = "What is shown"

What = Annotated[Dimension, typer.Argument(help="What is ranked or followed.", metavar="WHAT")]
PeriodText = Annotated[
    str,
    typer.Option(
        "--period",
        help="2020-Q2, 2020, 2020-06, 2020-06-24, 2020-06-24/2020-06-30, 90m, 24h, 7d.",
        rich_help_panel=_NARROW,
    ),
]
Zone = Annotated[
    str | None,
    typer.Option("--time-zone", help="Where days begin, like Asia/Tokyo.", rich_help_panel=_NARROW),
]
SensorNames = Annotated[
    list[str] | None, typer.Option("--sensor", help="Id or name; repeatable.", rich_help_panel=_NARROW)
]
Organisations = Annotated[
    list[str] | None, typer.Option("--organisation", help="Who runs the sensors.", rich_help_panel=_NARROW)
]
Home = Annotated[
    bool | None,
    typer.Option("--home/--abroad", help="Only sensors at home, or abroad.", rich_help_panel=_NARROW),
]
Kinds = Annotated[Kind, typer.Option("--kind", help="Which kind of sensors.", rich_help_panel=_NARROW)]
Classes = Annotated[
    list[Traffic] | None,
    typer.Option("--class", help="What the packets are; repeatable.", rich_help_panel=_NARROW),
]
Ports = Annotated[
    list[str] | None,
    typer.Option("--port", help="23/tcp, 445 (any protocol), 0/icmp; repeatable.", rich_help_panel=_NARROW),
]
Countries = Annotated[
    list[str] | None,
    typer.Option("--country", help="Source country, ISO 3166-1 alpha-2.", rich_help_panel=_NARROW),
]
Protocols = Annotated[
    list[str] | None, typer.Option("--protocol", help="Name or number.", rich_help_panel=_NARROW)
]
Owners = Annotated[
    list[str] | None,
    typer.Option("--owner", help="Autonomous system, like AS64500.", rich_help_panel=_NARROW),
]
Tools = Annotated[
    list[str] | None,
    typer.Option("--tool", help="Fingerprint: mirai, zmap, masscan ...; none.", rich_help_panel=_NARROW),
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="How many.", rich_help_panel=_SHOW)]
Values = Annotated[
    list[str] | None,
    typer.Option("--value", help="Follow this one, like 23/tcp or JP; repeatable.", rich_help_panel=_SHOW),
]
Step = Annotated[
    str, typer.Option("--step", help="day, hour, 15m, or another part of a day.", rich_help_panel=_SHOW)
]
Shape = Annotated[Format, typer.Option("--format", help="How the answer is written.", rich_help_panel=_SHOW)]
Sources = Annotated[
    Precision,
    typer.Option(
        "--sources", help="Distinct sources; estimated is exact where flows are few.", rich_help_panel=_SHOW
    ),
]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="Settings file.", rich_help_panel="Where from")
]
LedgerFolder = Annotated[
    Path | None, typer.Option("--ledger", help="The ledger's folder.", rich_help_panel="Where from")
]

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of a question, as they were given."""

    dimension: Dimension
    period: str
    time_zone: str | None
    sensors: list[str] | None
    organisations: list[str] | None
    home: bool | None
    kind: Kind
    classes: list[Traffic] | None
    ports: list[str] | None
    countries: list[str] | None
    protocols: list[str] | None
    owners: list[str] | None
    tools: list[str] | None
    settings: Path | None
    ledger: Path | None

    def answer(self, ask: Callable[[Observer, Question], Answer]) -> Answer:
        """Open the ledger and ask. Ends the program with a sentence where that cannot be done."""
        try:
            settings = load(self.settings, os.environ, {"ledger": self.ledger}).settings
            now = datetime.now(UTC)
            zone = settings.time_zone if self.time_zone is None else _zone(self.time_zone)
            question = Question(
                self.dimension,
                parse_period(self.period, zone, now),
                Selection(
                    self.kind.value, self.home, tuple(self.organisations or ()), tuple(self.sensors or ())
                ),
                self._filter(),
            )
            sensors = known(settings.sensors)
            store = LedgerStore(Ledger(settings.ledger).snapshot(), organisations(sensors))
            return ask(Observer(store, sensors, labels(sensors), now), question)
        except (LedgerError, StoreError) as error:
            raise _stopped(error, FAILED) from None
        except (SettingsError, PeriodError, ValueTextError, UnknownSensorError) as error:
            raise _stopped(error, MISTAKE) from None

    def _filter(self) -> Filter:
        return Filter(
            classes=_set(traffic.value for traffic in self.classes or ()),
            ports=_set(map(parse_port, self.ports or ())),
            protocols=_set(map(parse_protocol, self.protocols or ())),
            countries=_set(map(parse_country, self.countries or ())),
            owners=_set(map(parse_owner, self.owners or ())),
            tools=_set(map(parse_tool, self.tools or ())),
        )


def _stopped(error: Exception, code: int) -> typer.Exit:
    for line in str(error).splitlines():
        typer.echo(f"darkscope: {line}", err=True)
    return typer.Exit(code)


def _set(values: Iterable[Answer]) -> frozenset[Answer] | None:
    """Give the chosen values; None where an option was not given, which leaves it open."""
    return frozenset(values) or None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PeriodError(
            f"the time zone {name!r} does not exist; zones are called like Asia/Tokyo"
        ) from None
