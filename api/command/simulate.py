"""`darkscope simulate`: captures as sensors would write them, made up from a scenario.

Writes below one folder and nowhere else. Exit code 0, also when SIGINT or SIGTERM end it, or 2
where the scenario or the folder cannot be used.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from darkscope.api.command.exits import MISTAKE
from darkscope.ingest.intake.stop import Stop
from darkscope.ingest.simulate import SETTINGS, Compression, Scenario, feed, scenario, scenarios
from darkscope.ingest.simulate import simulate as write_captures


def _complete(incomplete: str) -> Iterable[str]:
    return [name for name in scenarios() if name.startswith(incomplete)]


def simulate(
    name: Annotated[
        str,
        typer.Argument(
            metavar="SCENARIO", help=f"One of {', '.join(scenarios())}.", autocompletion=_complete
        ),
    ],
    to: Annotated[Path, typer.Option("--to", help="Folder for the captures.")] = Path("simulated"),
    scale: Annotated[float, typer.Option(min=0.001, max=1000, help="Packets, as a multiple.")] = 1.0,
    seed: Annotated[int | None, typer.Option(min=0, help="Another seed than the scenario's own.")] = None,
    compress: Annotated[
        Compression | None,
        typer.Option(help="How all captures are packed; where left out, each sensor does it its own way."),
    ] = None,
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="As if it were going on: the days before today at once, then minute after minute, until stopped.",
        ),
    ] = False,
) -> None:
    """Write simulated captures of a scenario, and settings that name their sensors.

    The same scenario, scale and seed always give the same files.
    """
    if name not in scenarios():
        typer.echo(f"darkscope: no scenario {name}; there are {', '.join(scenarios())}", err=True)
        raise typer.Exit(MISTAKE)
    shown = scenario(name)
    if live:
        _go_on(shown, to, scale, seed)
        return
    columns = (
        TextColumn("simulating"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            days = bar.add_task(name, total=None)
            written = write_captures(
                shown,
                to,
                scale=scale,
                seed=seed,
                compression=compress,
                progress=lambda done, total: bar.update(days, completed=done, total=total),
            )
    except OSError as error:
        typer.echo(f"darkscope: cannot simulate into {to}: {error}", err=True)
        raise typer.Exit(MISTAKE) from None
    typer.echo(
        f"Simulated {shown.title}: {written.packets:,} frames in {written.files:,} captures, "
        f"{written.bytes / 1e6:,.1f} MB, below {to}/\n"
        f"These captures are simulated: nobody sent these packets. {to / SETTINGS} names the sensors.\n"
        f"Next: darkscope ingest --settings {to / SETTINGS} {to}"
    )


def _go_on(shown: Scenario, to: Path, scale: float, seed: int | None) -> None:
    """Write captures as time passes, until stopped."""
    stop = Stop()
    typer.echo(
        f"Simulating {shown.title} as if it were going on now, below {to}/: nobody sent these packets."
    )
    try:
        with stop.on_signals():
            feed(shown, to, scale=scale, seed=seed, clock=lambda: datetime.now(UTC), wait=stop.wait)
    except OSError as error:
        typer.echo(f"darkscope: cannot simulate into {to}: {error}", err=True)
        raise typer.Exit(MISTAKE) from None
