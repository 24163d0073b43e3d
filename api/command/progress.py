"""What a long run tells while it lasts: a bar on a terminal, structured log lines off one.

Everything goes to standard error, so that standard output holds results alone.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from unicodedata import category

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from darkscope.api.visible import HIDDEN, visible

ROOT = "darkscope"
"""Logger above all of the project's."""

Advance = Callable[[int, int], None]
"""Takes the bytes that were read in all, and the packets."""


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, event, and the event's fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        head = {"time": time.replace("+00:00", "Z"), "level": record.levelname.lower()}
        fields = getattr(record, "fields", {})
        if record.exc_info:
            fields = {**fields, "trace": self.formatException(record.exc_info)}
        return json_line({**head, "event": record.getMessage(), **fields})


def json_line(fields: Mapping[str, object]) -> str:
    """Write an event as JSON. Texts of strangers are in it: what no terminal shows as it is stands as an escape."""
    text = json.dumps(fields, default=str, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(json.dumps(one)[1:-1] if category(one) in HIDDEN else one for one in text)


def for_people(text: str) -> str:
    """Write a text into rich's markup: its lines stay, and nothing else in it moves a cursor or is markup."""
    return escape("\n".join(map(visible, text.split("\n"))))


class Lines(logging.Handler):
    """Writes events for people, above the bar."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        fields = getattr(record, "fields", {})
        text = "  ".join(f"{key} {value}" for key, value in fields.items())
        self._console.print(
            f"[bold]{for_people(record.getMessage())}[/]  {for_people(text)}", highlight=False
        )
        if record.exc_info:
            trace = logging.Formatter().formatException(record.exc_info)
            self._console.print(for_people(trace), highlight=False)


class PacketRate(ProgressColumn):
    """Packets so far, and per second."""

    def render(self, task: Task) -> Text:
        """Draw it."""
        packets = int(task.fields["packets"])
        elapsed = task.elapsed or 0.0
        rate = f"{packets / elapsed:,.0f}/s" if elapsed > 0.5 else ""
        return Text(f"{packets:,} packets {rate}", style="progress.data.speed")


@contextmanager
def logged(console: Console, at_terminal: int, elsewhere: int, *others: str) -> Iterator[None]:
    """Write events as long as this lasts: for people on a terminal, as JSON lines elsewhere.

    The two levels are `logging`'s. `others` are loggers of libraries whose warnings are written as well.
    """
    handler: logging.Handler = Lines(console)
    level = at_terminal
    if not console.is_terminal:
        handler, level = logging.StreamHandler(), elsewhere
        handler.setFormatter(JsonLines())
    logs = [logging.getLogger(name) for name in (ROOT, *others)]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(level if log.name == ROOT else logging.WARNING)
        log.addHandler(handler)
    try:
        yield
    finally:
        for log, before in zip(logs, levels, strict=True):
            log.removeHandler(handler)
            log.setLevel(before)


@contextmanager
def told(what: str, total: int | None, *, quiet: bool) -> Iterator[Advance]:
    """Show how a run goes on as long as it lasts. `total` are the bytes to be read, None where nobody knows."""
    console = Console(stderr=True)
    end = (
        (TimeElapsedColumn(),)
        if total is None
        else (BarColumn(), DownloadColumn(), TimeRemainingColumn(compact=True))
    )
    bar = Progress(
        TextColumn("{task.description}"),
        *end,
        PacketRate(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )
    with logged(console, logging.WARNING, logging.WARNING if quiet else logging.INFO), bar:
        task = bar.add_task(what, total=total, packets=0)
        yield lambda done, packets: bar.update(task, completed=done, packets=packets)
