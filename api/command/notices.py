"""`darkscope notices`: texts and evidence for those who can act, in a folder each. Nothing is sent."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from darkscope.api.ask import Observer, Question
from darkscope.api.asked import Kind as SensorKind
from darkscope.api.command import options
from darkscope.api.command.exits import FAILED, MISTAKE, stopped
from darkscope.api.command.state import state
from darkscope.api.command.words import around, heading
from darkscope.api.dimension import Dimension, value_text
from darkscope.api.grades import Reason
from darkscope.api.notices import folder, record
from darkscope.api.notices.export import Export
from darkscope.api.notices.making import made
from darkscope.api.notices.notice import Kind, Notices, kinds_of
from darkscope.api.notices.texts import TextError, Texts
from darkscope.ingest.owners import OwnersError
from darkscope.ingest.registry import RegistryError
from darkscope.ingest.settings import Settings
from darkscope.ingest.values import Language

_SHOW = "What is made"

Out = Annotated[
    Path | None,
    typer.Option("--out", help="Folder of the notices; it must not be there yet.", rich_help_panel=_SHOW),
]
Formats = Annotated[
    list[Export] | None,
    typer.Option(
        "--format", help="Write this format; repeatable. All where left out.", rich_help_panel=_SHOW
    ),
]
Lang = Annotated[
    Language | None,
    typer.Option("--lang", help="Write all texts in this language.", rich_help_panel=_SHOW),
]
Again = Annotated[
    bool,
    typer.Option("--again", help="Also name what was named not long ago.", rich_help_panel=_SHOW),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would be made; write nothing.", rich_help_panel=_SHOW)
]

SAID = {
    Reason.RESEARCH: "research scanners",
    Reason.BACKSCATTER: "only replies to forged packets (victims)",
    Reason.SPOOFABLE: "only packets with forged or easily forged sources",
    Reason.OTHER: "no scans",
    Reason.FORGEABLE: "may be forged",
    Reason.BEYOND: "beyond notices.most: narrow the question, or raise it",
    Reason.NOTIFIED: "named not long ago (--again names them once more)",
    Reason.NO_CONTACT: "no contact",
}
"""Reasons in words."""

SHOWN = 5
"""Countries and owners without a contact that are shown; the folder has all."""


@options.asks(period="7d", what=Dimension.OWNERS, kind=SensorKind.ALL, shapes=False)
def notices(
    asking: options.Asking,
    out: Out = None,
    output: Formats = None,
    lang: Lang = None,
    again: Again = False,
    dry_run: DryRun = False,
) -> None:
    """Make notices for those who can act: a folder each with a text and the evidence."""
    if out is None and not dry_run:
        raise stopped("--out names the folder of the notices; --dry-run shows what they would be", MISTAKE)

    def make(settings: Settings, observer: Observer, question: Question) -> Notices:
        if not settings.contacts:
            typer.echo("darkscope: the settings have no [[contacts]]: nobody can be told", err=True)
        texts = Texts(settings.notices.templates)
        now = observer.now.timestamp()
        if out is not None and not dry_run:
            folder.check(out)
            with closing(record.Record(state(settings))) as kept:
                for line in folder.recover(kept):
                    typer.echo(f"darkscope: {line}", err=True)
        known = record.known(settings.state_folder, now - settings.notices.again.total_seconds())
        found = made(
            settings,
            observer,
            question,
            most=settings.notices.most,
            named=frozenset() if again else known.named,
            language=lang,
        )
        formats = tuple(dict.fromkeys(output or Export))
        if out is not None and not dry_run:
            with closing(record.Record(state(settings))) as kept:
                folder.make(out, found, formats, texts, kept, now, known)
        return found

    try:
        found = asking.wired(make)
    except (TextError, folder.FolderError) as error:
        raise stopped(error, MISTAKE) from None
    except (RegistryError, OwnersError, record.Overtaken) as error:
        raise stopped(error, FAILED) from None
    Console().print(drawn(found, None if dry_run else out))


def _owner(asn: int) -> str:
    return value_text(Dimension.OWNERS, (asn,))


def drawn(found: Notices, out: Path | None) -> RenderableType:
    """Draw who is told of how many sources, and what became of the rest."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("recipient", "sources", "confirmed", "likely", "infected", "exploits", "packets", "tlp"):
        is_text = name in ("recipient", "tlp")
        table.add_column(name, justify="left" if is_text else "right", no_wrap=not is_text)
    for notice in found.notices:
        counts = [sum(case.grade == grade for case in notice.cases) for grade in ("confirmed", "likely")]
        kinds = [kind for case in notice.cases for kind in kinds_of(case)]
        named = (kinds.count(Kind.INFECTED), kinds.count(Kind.EXPLOIT))
        packets = sum(case.packets for case in notice.cases)
        numbers = (len(notice.cases), *counts, *named, packets)
        table.add_row(
            Text(notice.recipient.name), *(f"{one:,}" for one in numbers), notice.recipient.tlp.value
        )
    lines = [f"{found.sources:,} sources, {found.named:,} of them in notices; left out:"]
    lines += [f"  {count:,} {SAID[reason]}" for reason, count in found.left_out.items()]
    if found.unaddressed:
        most = ", ".join(
            f"{one.country} {_owner(one.asn)} {one.sources:,}" for one in found.unaddressed[:SHOWN]
        )
        more = len(found.unaddressed) - SHOWN
        lines.append(f"without a contact: {most}{f', and {more:,} more' if more > 0 else ''}")
    lines += [f"written to {out}"] if out else ["nothing was written"]
    return Group(
        heading("Notices", found.provenance),
        *([table] if found.notices else ()),
        *(Text(line) for line in lines),
        around(found.provenance),
    )
