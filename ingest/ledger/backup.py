"""Copy a ledger while it is written: the state of one version, as a ledger of its own.

Reads the ledger, which is never stopped nor locked: what a version names stays a day on the disk after upkeep took it
out. Whole or not at all: the copy gets its name once it is complete.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from darkscope.ingest.ledger.errors import Damaged, LedgerError
from darkscope.ingest.ledger.files import DataFile, is_intact
from darkscope.ingest.ledger.ledger import CHANGED, Ledger, Snapshot
from darkscope.ingest.ledger.plan import Change, Plan
from darkscope.ingest.ledger.storage import Storage, make_durable
from darkscope.ingest.series import TABLES, Table

UNFINISHED = ".unfinished"
"""Ends the name of a copy that is under way; one that was left behind is replaced."""


def _nothing(_: Path) -> None:
    """Leave it at the tables."""


def back_up(ledger: Ledger, to: Path, beside: Callable[[Path], None] = _nothing) -> Snapshot:
    """Copy all tables to a folder that is not there yet; the state that it holds.

    `beside` puts what else belongs to the copy into its folder, before that gets its name; it may raise OSError.
    Each file's bytes are compared with its name on the way. Raises LedgerError, Damaged where a file is.
    """
    if to.exists():
        raise LedgerError(f"{to}: is there already")
    snapshot = ledger.snapshot()
    found = {table: snapshot.files(table).rows(named=True) for table in TABLES}
    draft = to.with_name(to.name + UNFINISHED)
    try:
        shutil.rmtree(draft, ignore_errors=True)
        copy = Ledger.open_or_create(draft)
        changes = {}
        for table, rows in found.items():
            files = [_data_file(table, row) for row in rows]
            for file in files:
                _copied(ledger.storage, copy.storage, table, file)
            copy.storage.keep(table.name, [file.path for file in files])
            changes[table.name] = Change(files)
        copy.begin_with(Plan(snapshot.plan, snapshot.version, "backup", "backup", changes))
        beside(draft)
        draft.rename(to)
        make_durable(to.parent, ())
    except OSError as error:
        raise LedgerError(f"{error.filename or to}: {error.strerror}") from error
    return snapshot


def _copied(source: Storage, target: Storage, table: Table, file: DataFile) -> None:
    name, wrong = f"{table.name}/{file.path}", ""
    try:
        data = source.read(name)
    except FileNotFoundError:
        wrong = "is missing"
    else:
        if is_intact(name, data):
            target.put(name, data)
            return
        wrong = CHANGED
    raise Damaged(source.place(name), table, file.path, date.fromisoformat(file.day), wrong)


def _data_file(table: Table, row: dict[str, Any]) -> DataFile:
    """Give a file as a plan names it, of what the table's log says."""
    names = [name for name in table.schema if row.get(f"min.{name}") is not None]
    statistics = {
        "numRecords": row["rows"],
        "minValues": {name: row[f"min.{name}"] for name in names},
        "maxValues": {name: row[f"max.{name}"] for name in names},
        "nullCount": dict.fromkeys(names, 0),
    }
    return DataFile(row["path"], row["day"].isoformat(), row["size"], json.dumps(statistics))
