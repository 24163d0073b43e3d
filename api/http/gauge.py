"""What a ledger holds, in numbers that are cheap to ask for again and again.

Sums of `coverage` are kept by day and read anew only for days whose files changed: a scrape every few seconds must not
read the whole table.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from threading import Lock

import polars as pl
from polars.exceptions import PolarsError

from darkscope.api.roster import FATES
from darkscope.api.store import StoreError
from darkscope.ingest.ledger.ledger import Snapshot
from darkscope.ingest.ledger.upkeep import unclosed
from darkscope.ingest.series import CAPTURES, COVERAGE, TABLES

_SUMS = (*FATES, "dropped")
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Size:
    """How large a table is."""

    rows: int
    bytes: int
    files: int


@dataclass(frozen=True, slots=True)
class Reading:
    """The state of a ledger."""

    version: int
    taken: float | None  # when the last batch of captures was committed, seconds since 1970
    sensors: dict[str, dict[str, int]]  # by sensor id: frames by fate, and those dropped
    watched: dict[str, int]  # by sensor id: end of the newest watched minute, seconds since 1970
    sizes: dict[str, Size]  # by table; empty tables are left out
    unclosed: int  # UTC days that are over and have no rollups yet


class Gauge:
    """Reads states of one ledger. May be used by several threads."""

    def __init__(self) -> None:
        self._days: dict[date, tuple[frozenset[str], pl.DataFrame]] = {}
        self._lock = Lock()

    def read(self, snapshot: Snapshot, now: datetime) -> Reading:
        """Read a state, at a time. Raises LedgerError, StoreError."""
        try:
            by_sensor = self._by_sensor(snapshot)
        except (PolarsError, OSError) as error:
            reason = snapshot.told(error)
            raise StoreError(f"the ledger's table {COVERAGE.name} cannot be read: {reason}") from error
        return Reading(
            version=snapshot.version,
            taken=_taken(snapshot),
            sensors={row["sensor"]: {name: row[name] for name in _SUMS} for row in by_sensor.to_dicts()},
            watched={
                sensor: end * _SECONDS
                for sensor, end in by_sensor.select("sensor", "end").iter_rows()
                if end is not None
            },
            sizes=_sizes(snapshot),
            unclosed=len(unclosed(snapshot, now)),
        )

    def _by_sensor(self, snapshot: Snapshot) -> pl.DataFrame:
        files = snapshot.files(COVERAGE)
        now = {day: frozenset(paths) for day, paths in files.group_by("day").agg(pl.col("path")).iter_rows()}
        with self._lock:
            known = {day: kept for day, kept in self._days.items() if now.get(day) == kept[0]}
            changed = sorted(now.keys() - known.keys())
            if changed:
                rows = snapshot.scan(COVERAGE, changed[0], changed[-1]).filter(pl.col("day").is_in(changed))
                end = pl.when(pl.col("minutes") > 0).then(pl.col("minute") + pl.col("minutes")).max()
                read = rows.group_by("day", "sensor").agg(pl.col(_SUMS).sum(), end=end).collect()
                for day in changed:
                    known[day] = now[day], read.filter(pl.col("day") == day)
            self._days = known
        parts = [kept for _, kept in known.values()]
        schema = {"sensor": pl.String, **dict.fromkeys(_SUMS, pl.Int64), "end": pl.Int32}
        together = pl.concat(parts).drop("day") if parts else pl.DataFrame(schema=schema)
        return together.group_by("sensor").agg(pl.col(_SUMS).sum(), pl.col("end").max()).sort("sensor")


def _taken(snapshot: Snapshot) -> float | None:
    files = snapshot.files(CAPTURES)
    return max(files["max.taken"].to_list()) / 1e9 if files.height else None


def _sizes(snapshot: Snapshot) -> dict[str, Size]:
    found = {}
    for table in TABLES:
        files = snapshot.files(table)
        if files.height:
            found[table.name] = Size(int(files["rows"].sum()), int(files["size"].sum()), files.height)
    return found
