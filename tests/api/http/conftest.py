"""The application over a ledger in memory, asked by a client in the same process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from darkscope.api.http import source
from darkscope.api.http.app import create
from darkscope.ingest.ledger.storage import Folder
from darkscope.ingest.settings import Api, SensorEntry, Settings

NOW = datetime(2020, 6, 30, 12, tzinfo=UTC)
SENSORS = (
    SensorEntry(id="home-1", name="Tokyo", organisation="north"),
    SensorEntry(id="abroad-1", organisation="south", home=False),
    SensorEntry(id="pot", kind="honeypot"),
)


class Memory:
    """A ledger in memory whose rows and version a test may change."""

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make
        self.folder = Path("ledger")
        self.flows: list[dict[str, Any]] = []
        self.coverage: list[dict[str, Any]] = []
        self.sources: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self.version = 7
        self.days: dict[str, frozenset[Any]] = {}
        self.snapshots = 0

    def __call__(self, storage: Folder) -> Memory:
        assert storage.path == self.folder
        return self

    def snapshot(self) -> Any:
        self.snapshots += 1
        made = self._make(self.flows, self.coverage, self.sources, self.requests)
        made.version = self.version
        made.rolled.update(self.days)
        return made


@pytest.fixture
def memory(snapshot: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Memory:
    """The ledger that is asked."""
    made = Memory(snapshot)
    monkeypatch.setattr(source, "Ledger", made)
    return made


@pytest.fixture
def client(memory: Memory) -> Iterator[TestClient]:
    """A client of the application over that ledger, at noon of 30 June 2020."""
    settings = Settings(ledger=memory.folder, sensors=SENSORS, api=Api(names=("sensors.example",)))
    with TestClient(create(settings, lambda: NOW), base_url="http://127.0.0.1:8000") as asking:
        yield asking
