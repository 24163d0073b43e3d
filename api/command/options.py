"""The options that every question shares, and how a command that has them is answered.

Wires settings, ledger and question together; what is wrong is said on stderr, and the program ends.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console, RenderableType

from darkscope.api.address import AddressError
from darkscope.api.ask import Observer, Question
from darkscope.api.asked import Asked, Kind
from darkscope.api.calendars import Calendars
from darkscope.api.charts.answers import picture
from darkscope.api.command.exits import FAILED, MISTAKE, stopped
from darkscope.api.command.stores import opened
from darkscope.api.command.where import LedgerFolder, SettingsFile
from darkscope.api.dimension import Dimension, Spreading, ValueTextError
from darkscope.api.formats import PICTURES, Answer, Format, UnwrittenError, written
from darkscope.api.labels import labels
from darkscope.api.names import Names, NamesError
from darkscope.api.periods import PeriodError
from darkscope.api.requests.rules import Rules, RulesError
from darkscope.api.selection import UnknownSensorError, known
from darkscope.api.store import NotHeldError, Precision, StoreError
from darkscope.ingest.ledger.errors import LedgerError
from darkscope.ingest.series import Traffic
from darkscope.ingest.settings import Settings, SettingsError, load
from darkscope.ingest.values import Language

_NARROW = "What counts"
_SHOW = "What is shown"

What = Annotated[Dimension, typer.Argument(help="What is ranked or followed.", metavar="WHAT")]
Whose = Annotated[Spreading, typer.Argument(help="Whose packets.", metavar="WHOSE")]
PeriodText = Annotated[
    str,
    typer.Option(
        "--period",
        help="2020-Q2, 2020, 2020-06, 2020-06-24, 2020-06-24/2020-06-30, 90m, 24h, 7d.",
        rich_help_panel=_NARROW,
    ),
]
Against = Annotated[
    str | None,
    typer.Option(
        "--against", help="Period to compare with; the one before if left out.", rich_help_panel=_NARROW
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
    typer.Option(
        "--country",
        help="Source country, ISO 3166-1 alpha-2; of attacks the victim's.",
        rich_help_panel=_NARROW,
    ),
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
Research = Annotated[
    bool | None,
    typer.Option(
        "--research/--no-research",
        help="Only research scanners (of the list in the settings), or all but them.",
        rich_help_panel=_NARROW,
    ),
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="How many.", rich_help_panel=_SHOW)]
Values = Annotated[
    list[str] | None,
    typer.Option("--value", help="Follow this one, like 23/tcp or JP; repeatable.", rich_help_panel=_SHOW),
]
Step = Annotated[
    str,
    typer.Option(
        "--step", help="5m or another part of a day, hour, day, week, month, quarter.", rich_help_panel=_SHOW
    ),
]
Shape = Annotated[Format, typer.Option("--format", help="How the answer is written.", rich_help_panel=_SHOW)]
Lang = Annotated[Language, typer.Option("--lang", help="Language of pictures.", rich_help_panel=_SHOW)]
Sources = Annotated[
    Precision | None,
    typer.Option(
        "--sources",
        help="Distinct sources; estimated is exact where flows are few, and the ledger's default.",
        rich_help_panel=_SHOW,
    ),
]

Told = TypeVar("Told", bound=Answer)
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Asking:
    """A question on the command line: what is asked, of which ledger, and how the answer is to be written."""

    asked: Asked
    output: Format
    settings: Path | None
    ledger: str | None
    language: Language = Language.EN  # of pictures

    def about(self, dimension: Dimension) -> Asking:
        """Ask the same about another dimension."""
        return replace(self, asked=replace(self.asked, dimension=dimension))

    def tell(
        self, ask: Callable[[Observer, Question], Told], draw: Callable[[Told, int], RenderableType]
    ) -> None:
        """Ask, and write the answer; `draw` makes a table for people, so many characters wide.

        Ends the program with a sentence where that cannot be done.
        """
        answer = self._answer(ask)
        if self.output is Format.TABLE:
            console = Console()
            console.print(draw(answer, console.width))
        elif self.output in PICTURES:
            typer.echo(self._picture(answer), nl=False)
        else:
            typer.echo(written(answer, self.output), nl=False)

    def _picture(self, answer: Answer) -> bytes:
        try:
            return picture(answer, self.output, self.language)
        except UnwrittenError as error:
            raise stopped(error, MISTAKE) from None

    def _answer(self, ask: Callable[[Observer, Question], Told]) -> Told:
        return self.wired(lambda _, observer, question: ask(observer, question))

    def wired(self, do: Callable[[Settings, Observer, Question], Made]) -> Made:
        """Do something with the settings, who answers, and the question.

        Ends the program with a sentence where they cannot be had, or the question not be answered.
        """
        try:
            settings = load(self.settings, os.environ, {"ledger": self.ledger}).settings
            now = datetime.now(UTC)
            question = self.asked.question(settings.time_zone, now)
            sensors = known(settings.sensors)
            names = Names.read(settings)
            store, calendars = opened(settings, now), Calendars(settings.holidays)
            observer = Observer(
                store,
                sensors,
                labels(sensors),
                now,
                names=names,
                calendars=calendars,
                rules=lambda: Rules.read(settings.vulnerabilities),
            )
            return do(settings, observer, question)
        except NotHeldError as error:
            raise stopped(error, MISTAKE) from None
        except (LedgerError, StoreError) as error:
            raise stopped(error, FAILED) from None
        except (
            SettingsError,
            NamesError,
            RulesError,
            PeriodError,
            ValueTextError,
            UnknownSensorError,
            AddressError,
        ) as error:
            raise stopped(error, MISTAKE) from None


def _about(
    what: What,
    period: PeriodText = "24h",
    against: Against = None,
    time_zone: Zone = None,
    sensor: SensorNames = None,
    organisation: Organisations = None,
    home: Home = None,
    kind: Kinds = Kind.TELESCOPE,
    traffic: Classes = None,
    port: Ports = None,
    country: Countries = None,
    protocol: Protocols = None,
    owner: Owners = None,
    tool: Tools = None,
    research: Research = None,
) -> Asked:
    return Asked(
        what, period, time_zone, sensor or (), organisation or (), home, kind, traffic or (), port or (),
        country or (), protocol or (), owner or (), tool or (), research, against,
    )  # fmt: skip


def _where(
    output: Shape = Format.TABLE,
    settings: SettingsFile = None,
    ledger: LedgerFolder = None,
    lang: Lang = Language.EN,
) -> tuple[Format, Path | None, str | None, Language]:
    return output, settings, ledger, lang


PACKETS = ("against", "traffic", "port", "country", "protocol", "owner", "tool", "research")
"""Parameters that choose packets, and a period to compare them with."""


def asks(
    *,
    period: str,
    what: Dimension | None = None,
    kind: Kind = Kind.TELESCOPE,
    packets: Collection[str] = PACKETS,
    shapes: bool = True,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of every question. Its first parameter is the Asking that they make.

    `period` is asked about where none is given; where the question is not about any dimension, `what` says which it is
    about, and the command has no argument for it. `kind` is that of the sensors where none is given; of the
    options that choose packets the command has those that `packets` names; without `shapes` none that says how an
    answer is written.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        about = dict(inspect.signature(_about, eval_str=True).parameters)
        about["period"] = about["period"].replace(default=period)
        about["kind"] = about["kind"].replace(default=kind)
        for name in (*(() if what is None else ("what",)), *(one for one in PACKETS if one not in packets)):
            del about[name]
        where = dict(inspect.signature(_where, eval_str=True).parameters)
        if not shapes:
            del where["output"], where["lang"]
        own = dict(list(inspect.signature(command, eval_str=True).parameters.items())[1:])

        @wraps(command)
        def asked(**given: object) -> None:
            words: dict[str, Any] = {name: given.pop(name) for name in about}
            places: dict[str, Any] = {name: given.pop(name) for name in where}
            command(Asking(_about(what or words.pop("what"), **words), *_where(**places)), **given)

        merged = [*about.values(), *own.values(), *where.values()]
        parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in merged]
        vars(asked)["__signature__"] = inspect.Signature(parameters)  # what `inspect`, and so typer, reads
        asked.__annotations__ = {one.name: one.annotation for one in parameters}
        return asked

    return decorate
