"""What a new question costs: CPU milliseconds of the whole process for each of a seeded list, nothing remembered.

Wall says little where other programs run; CPU time does. The server's application is asked in this process, so that
polars' threads and the writing of the answer count. Prints JSON.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from load import common, distinct
from quarter import build
from starlette.testclient import TestClient

from darkscope.api.http.app import create
from darkscope.ingest.settings import Settings

NOW = datetime(2020, 8, 1, tzinfo=UTC)
OF_EACH = 12
"""Questions of each kind."""

KINDS = ("rankings/ports", "rankings/countries", "trends/ports", "trends/countries", "sources")


def kind_of(path: str) -> str:
    """Name the kind of a question: its resource."""
    return path.removeprefix("/v1/").partition("?")[0]


def listed(dice: random.Random) -> dict[str, list[str]]:
    """So many new questions of each kind."""
    found: dict[str, list[str]] = defaultdict(list)
    while any(len(found[kind]) < OF_EACH for kind in KINDS):
        path = distinct(dice).path
        if len(found[kind_of(path)]) < OF_EACH:
            found[kind_of(path)].append(path)
    return found


def main() -> None:
    """Arguments: folder of the ledger, flows, share of random ports."""
    ledger, count, random_ports = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    if not ledger.exists():
        build(ledger, count, random_ports)
    dice = random.Random(20_200_630)
    found = {}
    with TestClient(create(Settings(ledger=ledger), lambda: NOW), "http://localhost") as client:
        for one in common(dice):  # opens files for the first time
            client.get(one.path).raise_for_status()
        for kind, paths in listed(dice).items():
            costs = []
            for path in paths:
                begun = time.process_time()
                client.get(path).raise_for_status()
                costs.append(time.process_time() - begun)
            found[kind] = {"p50": float(np.quantile(costs, 0.5)), "p95": float(np.quantile(costs, 0.95))}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
