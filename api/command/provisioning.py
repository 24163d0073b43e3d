"""`darkscope provisioning`: put out the files that Grafana and InfluxDB read at their start.

Writes below the folder that is named, and nowhere else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from darkscope.api.command.exits import FAILED
from darkscope.provisioning import SECRETS
from darkscope.provisioning import export as write_files

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.callback()
def provisioning() -> None:
    """Put out what Grafana and InfluxDB read at their start."""


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write below.")],
    secrets: Annotated[
        str, typer.Option("--secrets", help="Folder in which Grafana and InfluxDB find their secrets.")
    ] = SECRETS,
    grafana: Annotated[
        str, typer.Option("--grafana", help="Grafana's address, for the links of alerts to their runbooks.")
    ] = "",
) -> None:
    """Write the files below a folder; what is there by the same names is replaced."""
    try:
        written = write_files(folder, secrets.rstrip("/"), grafana.rstrip("/"))
    except OSError as error:
        typer.echo(f"darkscope: cannot write into {folder}: {error.strerror}", err=True)
        raise typer.Exit(FAILED) from None
    typer.echo(f"{len(written)} files written below {folder}/; they look for secrets in {secrets}/")
