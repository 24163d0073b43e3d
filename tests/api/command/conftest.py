"""A command line over a ledger in memory, and captures to read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from capture_files import pcap
from ledgers import ramp
from runs import many
from talks import GET, POST, Talk
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


HONEYPOT = """
[[sensors]]
id = "honeypot"
kind = "honeypot"
networks = ["133.8.0.9/32"]
"""


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Captures of three sensors: rotated, overlapping, copied, damaged, with connections that go on in the next."""
    folder = tmp_path_factory.mktemp("captures")
    talk = Talk(port=8080)
    requests = talk.whole(POST, 100.0)
    data_of = {
        "a/1": many(4000, 0.0, seed=1, answers=8),
        "a/2": many(4000, 30.0, seed=2),  # of which ten seconds are those of the one before
        "b/1": many(3000, 86_000.0, 0.2, seed=3),  # over midnight
        "b/2": many(3000, 86_700.0, seed=4)[:-20],
        "copies/1": many(4000, 0.0, seed=1, answers=8),  # of a/1
        "honeypot/1": pcap([*Talk().whole(GET, 3.0), *requests[:4]]),
        "honeypot/2": pcap(requests[4:]),
        "honeypot/3": ramp(200, 5),
    }
    for name, data in data_of.items():
        path = folder / f"{name}.pcap"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    (folder / "a" / "README").write_text("captures of a sensor")
    (folder / "darkscope.toml").write_text(HONEYPOT)
    return folder
