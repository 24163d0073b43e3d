"""*Runbooks*: what to do when an alert fires, out of docs/runbooks.md, so that the way there stays inside."""

from __future__ import annotations

import re
from importlib.resources import files

from darkscope.grafana import links, variables
from darkscope.grafana.dashboard import Dashboard, Row
from darkscope.grafana.panels import Panel, prose

HEIGHT = 7


def sections() -> dict[str, str]:
    """Text of each section of the page by its anchor; links inside of the page are only words."""
    page = (files("darkscope.grafana") / "runbooks.md").read_text("utf-8")
    found = re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return {anchor: re.sub(r"\[([^\]]+)\]\(#[^)]*\)", r"\1", text) for anchor, text in found}


def runbook(anchor: str, text: str) -> Panel:
    """One section."""
    return prose(
        anchor, f"What to do when the alert {anchor} fires: docs/runbooks.md.", text, (links.TO_ITSELF,)
    )


RUNBOOKS = {anchor: runbook(anchor, text) for anchor, text in sections().items()}

DASHBOARD = Dashboard(
    links.RUNBOOKS,
    "9 Runbooks",
    "What to do when an alert fires.",
    (variables.SOURCE,),
    tuple(Row(f"What to do about {anchor}?", (panel,), HEIGHT) for anchor, panel in RUNBOOKS.items()),
)
