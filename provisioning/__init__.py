"""What Grafana and InfluxDB read at their start, as files, and how they are put out of an installed darkscope."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

SECRETS = "/run/secrets"
"""Where the files look for secrets; a container finds them there."""

_OF_PYTHON = frozenset({"__init__.py", "py.typed", "__pycache__"})


RUNBOOK = '"runbook_url": "'
"""How the link to a runbook begins in the alert rules; what follows is a path of Grafana's."""


def export(folder: Path, secrets: str = SECRETS, grafana: str = "") -> list[Path]:
    """Write all files below a folder and give their paths. Raises OSError.

    `secrets` is where the files look for secrets; `grafana` is the address that links to runbooks begin with.
    """
    changes = {SECRETS: secrets, RUNBOOK: f"{RUNBOOK}{grafana}"}
    return list(_written(files(__package__), folder, changes))


def _written(source: Traversable, to: Path, changes: dict[str, str]) -> Iterator[Path]:
    for entry in sorted(source.iterdir(), key=lambda one: one.name):
        if entry.name in _OF_PYTHON:
            continue
        if entry.is_dir():
            yield from _written(entry, to / entry.name, changes)
            continue
        to.mkdir(parents=True, exist_ok=True)
        path = to / entry.name
        text = entry.read_text("utf-8")
        for old, new in changes.items():
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
        if entry.name.endswith(".sh"):
            path.chmod(0o755)
        yield path
