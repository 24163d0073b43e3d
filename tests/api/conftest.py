"""Ledgers in memory for whoever asks a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from memory_ledger import MemorySnapshot, snapshot_of
from parts import by_rows

from darkscope.api import ledger_echoes, ledger_requests, ledger_senders, ledger_store


@pytest.fixture
def snapshot() -> Callable[..., MemorySnapshot]:
    """Make a snapshot of tables, given as rows with only the columns that matter."""
    return lambda flows=(), coverage=(), sources=(), requests=(): snapshot_of(
        flows, coverage, sources, requests
    )


@pytest.fixture(scope="module", params=["at once", "in shares"])
def reading(request: pytest.FixtureRequest) -> Iterator[None]:
    """The ledger's store reads a ledger in memory at once, or every third row in a task of its own."""
    with pytest.MonkeyPatch.context() as changed:
        if request.param == "in shares":
            for module in (ledger_store, ledger_senders, ledger_requests, ledger_echoes):
                changed.setattr(module, "Whole", by_rows)
        yield
