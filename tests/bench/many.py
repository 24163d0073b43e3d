"""How a ledger bears many small commits: what a commit and an opening take before and after its log was cleaned.

A year of 60-second files of 20 sensors is ten million captures; a daemon commits every few seconds. Here commits of
one row each stand for it: the log's length is what opening depends on.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median

import polars as pl

from darkscope.ingest.ledger.files import write_file
from darkscope.ingest.ledger.ledger import Ledger, Snapshot
from darkscope.ingest.ledger.plan import Change
from darkscope.ingest.ledger.upkeep import clean, keep_up
from darkscope.ingest.series import COVERAGE, FLOWS, Table

FIRST = date(2020, 4, 1)
DAYS = 7
NOW = datetime(2020, 5, 1, tzinfo=UTC)


def row(table: Table, day: date, number: int) -> pl.DataFrame:
    """Make one row of a table; numbers set its rows apart."""
    values = {name: "" if kind == pl.String else 0 for name, kind in table.schema.items()}
    values |= {"minute": (day - date(1970, 1, 1)).days * 1440 + number % 1440, "sensor": "a"}
    values |= {"packets": 1, "source_low": number} if table is FLOWS else {"minutes": 1}
    return pl.DataFrame([values], schema=table.schema)


def opening(folder: Path) -> float:
    """Seconds to open a ledger and to list the files of its tables."""
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        snapshot = Ledger(folder).snapshot()
        snapshot.files(FLOWS)
        snapshot.files(COVERAGE)
        times.append(time.perf_counter() - begun)
    return min(times)


def log_files(folder: Path) -> int:
    """Files of the logs of two tables."""
    return sum(len(list((folder / table.name / "_delta_log").iterdir())) for table in (FLOWS, COVERAGE))


def commit(ledger: Ledger, number: int) -> None:
    """Commit a row of two tables."""
    day = FIRST + timedelta(days=number % DAYS)
    change = {
        table.name: Change(add=[write_file(ledger.storage, table, day, row(table, day, number))])
        for table in (FLOWS, COVERAGE)
    }

    def build(_: Snapshot) -> dict[str, Change]:
        return change

    ledger.change("bench", "ingest", build)


def main() -> None:
    """Commit, open, keep up, clean, open again; prints JSON. Arguments: folder, commits."""
    folder, commits = Path(sys.argv[1]), int(sys.argv[2])
    ledger = Ledger.open_or_create(folder)
    result: dict[str, float] = {}
    times = []
    for number in range(commits):
        begun = time.perf_counter()
        commit(ledger, number)
        times.append(time.perf_counter() - begun)
        if number + 1 == 20:
            result["open_of_20"] = opening(folder)
    tenth = max(1, commits // 10)
    result |= {"first_commits": median(times[:tenth]), "last_commits": median(times[-tenth:])}
    result |= {"cpu": time.process_time(), "open_before": opening(folder), "log_before": log_files(folder)}
    begun, cpu = time.perf_counter(), time.process_time()
    keep_up(ledger, "bench", NOW)
    clean(ledger)
    result |= {"upkeep": time.perf_counter() - begun, "upkeep_cpu": time.process_time() - cpu}
    result |= {"open_after": opening(folder), "log_after": log_files(folder)}
    result["data_files"] = sum(ledger.snapshot().files(table).height for table in (FLOWS, COVERAGE))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
