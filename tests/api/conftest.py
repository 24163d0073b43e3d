"""Ledgers in memory for whoever asks a store."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from memory_ledger import MemorySnapshot, snapshot_of


@pytest.fixture
def snapshot() -> Callable[..., MemorySnapshot]:
    """Make a snapshot of tables, given as rows with only the columns that matter."""
    return lambda flows=(), coverage=(), sources=(), requests=(): snapshot_of(
        flows, coverage, sources, requests
    )
