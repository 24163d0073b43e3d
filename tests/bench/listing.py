"""P14: what a commit takes, and until a reader sees it, where a table has many files; beside the Delta library's own.

The files are made up: nobody opens them. CPU seconds of this process, the least of several. Prints JSON.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from deltalake.transaction import AddAction
from many import row

from darkscope.ingest.ledger.files import DataFile, write_file
from darkscope.ingest.ledger.ledger import Ledger
from darkscope.ingest.ledger.plan import Change
from darkscope.ingest.ledger.storage import Folder
from darkscope.ingest.series import FLOWS

FIRST = date(2020, 1, 1)
DAYS = 400
TIMES = 9


class MadeUp(Folder):
    """A folder of which nobody asks whether its files are on the disk."""

    def keep(self, folder: str, paths: Iterable[str]) -> None:
        """Believe it."""


def cpu(action: Callable[[], object]) -> float:
    """CPU seconds of an action."""
    begun = time.process_time()
    action()
    return time.process_time() - begun


def made_up(like: DataFile, number: int, day: date) -> DataFile:
    """A file of a day that is not there."""
    return replace(like, path=f"day={day}/{number:016x}-{0:016x}.parquet", day=day.isoformat())


def ours(folder: Path, like: DataFile) -> dict[str, float]:
    """A worker commits a file a time, and a reader that has the ledger open looks."""
    writer, reader = Ledger(MadeUp(folder)), Ledger(folder)
    opened = cpu(lambda: reader.snapshot().files(FLOWS))
    commits, looks = [], []
    for number in range(TIMES):
        change = {FLOWS.name: Change(add=[made_up(like, 1 << 40 | number, FIRST)])}
        commits.append(cpu(lambda change=change: writer.change("bench", "ingest", lambda _: change)))
        looks.append(cpu(lambda: reader.snapshot().files(FLOWS)))
    return {"opened": opened, "commit": min(commits), "look": min(looks)}


def librarys(table: Path, like: DataFile) -> dict[str, float]:
    """The same to one table, by the Delta library."""
    writer, reader = DeltaTable(table), DeltaTable(table)
    commits, looks = [], []

    def look() -> Any:
        reader.update_incremental()
        return reader.get_add_actions(flatten=True)

    for number in range(TIMES):
        file = made_up(like, 1 << 41 | number, FIRST)
        action = AddAction(file.path, file.size, {"day": file.day}, 0, True, file.statistics)
        how = {"mode": "append", "schema": writer.schema(), "partition_by": ["day"]}
        commits.append(cpu(lambda action=action, how=how: writer.create_write_transaction([action], **how)))
        looks.append(cpu(look))
    return {"commit": min(commits), "look": min(looks)}


def measured(folder: Path, count: int) -> dict[str, dict[str, float]]:
    """Both, over a ledger whose flows have so many files."""
    ledger = Ledger.open_or_create(MadeUp(folder))
    like = write_file(ledger.storage, FLOWS, FIRST, row(FLOWS, FIRST, 0))
    days = [FIRST + timedelta(days=number * DAYS // count) for number in range(count)]
    files = [made_up(like, number, day) for number, day in enumerate(days)]
    ledger.change("bench", "ingest", lambda _: {FLOWS.name: Change(add=files)})
    shutil.copytree(folder / FLOWS.name, folder / "alone")
    return {"ours": ours(folder, like), "peer": librarys(folder / "alone", like)}


def main() -> None:
    """Arguments: a folder, and how many files there are, few and many."""
    folder, few, many = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    print(json.dumps({"few": measured(folder / "few", few), "many": measured(folder / "many", many)}))


if __name__ == "__main__":
    main()
