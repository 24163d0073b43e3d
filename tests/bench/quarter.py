"""P6: how long a ranking of a quarter takes, over 50 million flows.

The ledger is made of its own data files and published by one change a day, without captures: 20 sensors, the quarter
2020-Q2 with flows and rollups, the quarter before with rollups only; upkeep makes the rollups of months.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from darkscope.api.ask import Observer, Question
from darkscope.api.dimension import Dimension
from darkscope.api.labels import labels
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.periods import parse_period
from darkscope.api.selection import known
from darkscope.api.store import Precision
from darkscope.ingest.ledger.files import LEVEL, DataFile, merge, write_file
from darkscope.ingest.ledger.ledger import Ledger, Snapshot
from darkscope.ingest.ledger.plan import Change
from darkscope.ingest.ledger.storage import Folder
from darkscope.ingest.ledger.upkeep import keep_up
from darkscope.ingest.rollups import finer, roll_up
from darkscope.ingest.series import (
    COVERAGE,
    FLOWS,
    ROLLUP_COUNTRIES,
    ROLLUP_COUNTRIES_DAY,
    ROLLUP_PORT_COUNTRIES,
    ROLLUP_PORTS,
    ROLLUP_PORTS_DAY,
    Table,
    Traffic,
)
from darkscope.ingest.settings import Kind, SensorEntry

SENSORS = [f"sensor-{number:02}" for number in range(20)]
FIRST, DAYS = date(2020, 4, 1), 91
DAY = 1440  # minutes
EPOCH = date(1970, 1, 1)
NOW = datetime(2020, 8, 1, tzinfo=UTC)

ANSWERING = (
    ROLLUP_PORTS,
    ROLLUP_PORTS_DAY,
    ROLLUP_COUNTRIES,
    ROLLUP_COUNTRIES_DAY,
    ROLLUP_PORT_COUNTRIES,
)
"""The rollups that the questions here are answered from; the others would only take time to make."""

WELL_KNOWN = 50
"""Ports that take what is not sent to random ones, the first far more than the last."""

RANDOM_PORTS = 0.5
"""Share of the flows that go to any port: about that of the simulated 2020-q2."""

REPEATS = 7

QUESTIONS: dict[str, dict[str, Any]] = {
    "": {},
    ", Asia/Tokyo": {"zone": "Asia/Tokyo"},
    ", a honeypot left out": {"honeypots": SENSORS[:1]},
    ", half of the sensors left out, Asia/Tokyo": {"honeypots": SENSORS[::2], "zone": "Asia/Tokyo"},
    " --sources estimated": {"precision": Precision.ESTIMATED},
}
"""What is asked, of ports and of countries."""


def build(folder: Path, count: int, random_ports: float) -> None:
    """Make the ledger."""
    ledger = Ledger.open_or_create(folder)
    dice = np.random.default_rng(20200401)
    for index in range(DAYS):
        day = FIRST + timedelta(days=index)
        rows = flows(dice, day, count // DAYS, random_ports).sort(FLOWS.order)
        rolled = {FLOWS: rows}
        changes = {FLOWS: [write_file(Folder(folder), FLOWS, day, rows, level=LEVEL)]}
        for table in ANSWERING:
            rolled[table] = merge(table, roll_up(rolled[finer(table)].lazy(), table).collect())
            changes[table] = list(_added(folder, table, day, rolled[table]))
        before = day - timedelta(days=DAYS)
        changes[COVERAGE] = [
            write_file(Folder(folder), COVERAGE, one, coverage(one)) for one in (day, before)
        ]
        change = {table.name: Change(add=files) for table, files in changes.items()}

        def build_it(_: Snapshot, change: dict[str, Change] = change) -> dict[str, Change]:
            return change

        ledger.change("bench", "ingest", build_it)
    keep_up(ledger, "bench", NOW)


def _added(folder: Path, table: Table, day: date, rows: pl.DataFrame) -> Iterator[DataFile]:
    """Write a day's rollup, and the same for the quarter before."""
    yield write_file(Folder(folder), table, day, rows, level=LEVEL)
    shifted = rows.with_columns(pl.col("minute") - DAYS * DAY)
    yield write_file(Folder(folder), table, day - timedelta(days=DAYS), shifted, level=LEVEL)


def flows(dice: np.random.Generator, day: date, count: int, random_ports: float) -> pl.DataFrame:
    """Make flows of one day."""
    start = (day - EPOCH).days * DAY
    weights = 1 / np.arange(1, WELL_KNOWN + 1)
    ports = np.random.default_rng(5).choice(10_000, WELL_KNOWN, replace=False)
    is_random = dice.random(count) < random_ports
    port = np.where(
        is_random,
        dice.integers(1, 65_536, count),
        dice.choice(ports, count, p=weights / weights.sum()),
    )
    countries = np.array([f"{a}{b}" for a in "ABCDEFGHIJ" for b in "KLMNOPQRST"])
    share = 1 / np.arange(1, len(countries) + 1)
    country = dice.choice(len(countries), count, p=share / share.sum())
    source = (dice.integers(0, 4000, count) << 8) + country
    zeros = np.zeros(count, np.int64)
    return pl.DataFrame(
        {
            "minute": start + dice.integers(0, DAY, count),
            "sensor": np.array(SENSORS)[dice.integers(0, len(SENSORS), count)],
            "version": zeros + 4,
            "source_high": zeros,
            "source_low": (1 << 24) + source,
            "protocol": np.where(dice.random(count) < 0.9, 6, 17),
            "port": port,
            "class": np.where(dice.random(count) < 0.95, Traffic.SCAN.value, Traffic.OTHER.value),
            "tool": np.where(dice.random(count) < 0.3, "zmap", ""),
            "country": countries[country],
            "asn": source % 3000,
            "packets": dice.geometric(0.5, count),
            "bytes": dice.geometric(0.5, count) * 60,
            "targets": dice.integers(0, 1 << 62, count),
        }
    ).with_columns(pl.col(name).cast(kind) for name, kind in FLOWS.schema.items())


def coverage(day: date) -> pl.DataFrame:
    """Give the coverage of a day that all sensors watched."""
    start = (day - EPOCH).days * DAY
    hours = pl.DataFrame({"minute": range(start, start + DAY, 60)})
    rows = hours.join(pl.DataFrame({"sensor": SENSORS}), how="cross").with_columns(
        minutes=60, bridge=15, point=pl.lit("")
    )
    missing = [name for name in COVERAGE.schema if name not in rows.columns]
    return rows.with_columns(pl.lit(0).alias(name) for name in missing).sort(COVERAGE.order)


def top(
    folder: Path,
    dimension: Dimension,
    precision: Precision = Precision.NONE,
    zone: str = "UTC",
    honeypots: Sequence[str] = (),
) -> tuple[float, float]:
    """Wall and CPU seconds of one answer, the ledger's opening included."""
    wall, cpu = time.perf_counter(), time.process_time()
    sensors = known(SensorEntry(id=one, kind=Kind.HONEYPOT) for one in honeypots)
    observer = Observer(LedgerStore(Ledger(folder).snapshot()), sensors, labels(sensors), NOW)
    period = parse_period("2020-Q2", ZoneInfo(zone), NOW)
    ranking = observer.top(Question(dimension, period), 10, precision)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if len(ranking.rows) != 10 or ranking.rows[0].previous_rank != 1:
        raise ValueError(f"the ranking is wrong: {ranking.rows}")
    return wall, cpu


def main() -> None:
    """Build a ledger and rank it; prints JSON. Arguments: folder, flows, share of random ports."""
    folder, count, random_ports = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    if not folder.exists():
        build(folder, count, random_ports)
    result = {}
    for dimension in (Dimension.PORTS, Dimension.COUNTRIES):
        for name, question in QUESTIONS.items():
            top(folder, dimension, **question)  # opens files for the first time
            runs = [top(folder, dimension, **question) for _ in range(REPEATS)]
            result[f"top {dimension.value}{name}"] = {
                "wall": min(wall for wall, _ in runs),
                "median": median(wall for wall, _ in runs),
                "cpu": min(cpu for _, cpu in runs),
            }
    snapshot = Ledger(folder).snapshot()
    rows = {table.name: int(snapshot.files(table)["rows"].sum()) for table in (FLOWS, *ANSWERING)}
    print(json.dumps({"rows": rows, "answers": result}))


if __name__ == "__main__":
    main()
