"""A command line over a ledger in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from darkscope.api.command import stores
from darkscope.api.command.main import program
from darkscope.ingest.ledger.storage import Folder

SETTINGS = """
[[sensors]]
id = "home-1"
name = "Tokyo"
organisation = "north"

[[sensors]]
id = "abroad-1"
organisation = "south"
home = false

[[sensors]]
id = "pot"
kind = "honeypot"
"""


@pytest.fixture
def run(
    snapshot: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Run a command over flows and coverage; give its exit code, stdout and stderr."""
    file = tmp_path / "darkscope.toml"
    file.write_text(SETTINGS)
    monkeypatch.setenv("DARKSCOPE_SETTINGS", str(file))
    monkeypatch.setenv("COLUMNS", "80")

    def run_it(
        arguments: str,
        flows: list[dict[str, Any]],
        coverage: list[dict[str, Any]],
        sources: list[dict[str, Any]] | None = None,
        requests: list[dict[str, Any]] | None = None,
    ) -> tuple[int, str, str]:
        class MemoryLedger:
            def __init__(self, storage: Folder) -> None:
                assert storage.path == tmp_path / "ledger" or not storage.path.is_absolute()

            def snapshot(self) -> Any:
                return snapshot(flows, coverage, sources or (), requests or ())

        monkeypatch.setattr(stores, "Ledger", MemoryLedger)
        words = arguments.split()
        result = CliRunner().invoke(program(words), words)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return (
            result.exit_code,
            "\n".join(line.rstrip() for line in result.stdout.splitlines()),
            result.stderr,
        )

    return run_it
