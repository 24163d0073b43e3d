"""What Grafana and InfluxDB read at their start, as files, and how they are put out of an installed darkscope."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

SECRETS = "/run/secrets"
"""Where the files look for secrets; a container finds them there."""

_OF_PYTHON = frozenset({"__init__.py", "py.typed", "__pycache__"})


def export(folder: Path, secrets: str = SECRETS) -> list[Path]:
    """Write all files below a folder, with secrets looked for in another; give their paths. Raises OSError."""
    return list(_written(files(__package__), folder, secrets))


def _written(source: Traversable, to: Path, secrets: str) -> Iterator[Path]:
    for entry in sorted(source.iterdir(), key=lambda one: one.name):
        if entry.name in _OF_PYTHON:
            continue
        if entry.is_dir():
            yield from _written(entry, to / entry.name, secrets)
            continue
        to.mkdir(parents=True, exist_ok=True)
        path = to / entry.name
        path.write_text(entry.read_text("utf-8").replace(SECRETS, secrets), encoding="utf-8")
        if entry.name.endswith(".sh"):
            path.chmod(0o755)
        yield path
