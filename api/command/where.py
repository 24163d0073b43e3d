"""Where a command finds what it is about: the options that say which settings and which ledger, and of which days.

One definition for all commands, also for those that must not wait until what questions need is loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_WHERE = "Where from"

SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="Settings file.", rich_help_panel=_WHERE)
]
LedgerFolder = Annotated[
    str | None,
    typer.Option(
        "--ledger", help="The ledger's folder, or its place in object storage.", rich_help_panel=_WHERE
    ),
]
WholeDays = Annotated[
    str, typer.Option("--period", help="2020-Q2, 2020-06, 2020-06-24/2020-06-30 ...: whole UTC days.")
]
