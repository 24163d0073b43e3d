"""How the command ends: exit codes, and why in sentences, in one place."""

from __future__ import annotations

import typer

from darkscope.api.visible import visible

FAILED = 1
"""The ledger cannot be read or written, nothing could be read, the law of conservation does not hold, or
Grafana cannot be used or has changes that a push would overwrite."""

MISTAKE = 2
"""The command line or the settings are wrong."""

UNCLEAN = 3
"""With `--strict`: a capture was damaged or refused; dashboards differ from their source."""


def stopped(why: Exception | str, code: int) -> typer.Exit:
    """Say why on standard error, a sentence a line in which nothing moves a cursor, and give the end to be raised."""
    for line in str(why).splitlines():
        typer.echo(f"darkscope: {visible(line)}", err=True)
    return typer.Exit(code)
