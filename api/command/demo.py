"""`darkscope demo`: the whole way on simulated captures, shown as the commands that a person would type.

Writes below one folder. Exit code 0, or that of the command that failed; with `--serve` it ends as `darkscope serve`
does.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from darkscope.api.command.main import program
from darkscope.ingest.settings import Api
from darkscope.ingest.simulate import SETTINGS

QUARTERS = {"2014-q4": "2014-Q4", "2020-q2": "2020-Q2"}
"""Scenarios, and the period of the report that each reproduces."""

PAGE = f"http://127.0.0.1:{Api().port}/?period=2020-Q2"
"""Where the console shows the second quarter."""


def demo(
    to: Annotated[Path, typer.Argument(help="Folder for captures and ledgers.", metavar="FOLDER")] = Path(
        "demo"
    ),
    then_serve: Annotated[
        bool, typer.Option("--serve", help="Serve the second quarter in the end, until stopped.")
    ] = False,
) -> None:
    """Simulate both reports' quarters, ingest them, and print the reports' tables and the leading ports' days."""
    typer.echo("Everything below is SIMULATED after two reports of JPCERT/CC: nobody sent these packets.")
    for scenario, period in QUARTERS.items():
        folder = to / scenario
        settings = f"--settings={folder / SETTINGS}"
        asked = (settings, "--period", period, "--home", "--limit", "5")
        _run("simulate", scenario, "--to", str(folder))
        _run("ingest", settings, str(folder))
        _run("top", "ports", *asked)
        _run("top", "countries", *asked)
        _run("trend", "ports", *asked)
    settings = f"--settings={to / '2020-q2' / SETTINGS}"
    album = (settings, "--period", "2020-Q2", "--rule", "CVE-2019-7192")
    _run("requests", *album)
    _run("visitors", *album)
    typer.echo("\nWhere to look next (the ledgers stay):")
    typer.echo(f"  {_line(('serve', settings))}   # then {PAGE} in a browser (make demo SERVE=1)")
    for words in (
        ("top", "countries", settings, "--period", "2020-05", "--port", "445/tcp"),
        ("trend", "countries", settings, "--period", "2020-06-24/2020-06-30", "--port", "445/tcp", "--value", "VN",
         "--step", "hour"),
        ("top", "ports", settings, "--period", "2020-Q2", "--country", "RU", "--format", "csv"),
        ("report", "2020-Q2", settings, "--lang", "ja"),
        ("ledger", "status", settings),
        ("ledger", "verify", settings),
    ):  # fmt: skip
        typer.echo(f"  {_line(words)}")
    if then_serve:
        typer.secho(f"\nThe console: {PAGE}", bold=True)
        _run("serve", settings)


def _run(*words: str) -> None:
    typer.secho(f"\n$ {_line(words)}", bold=True)
    code = program(words)(args=words, standalone_mode=False)
    if code:
        raise typer.Exit(code)


def _line(words: tuple[str, ...]) -> str:
    return shlex.join(("darkscope", *words))
