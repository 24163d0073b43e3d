"""The conservation law over a whole ledger: every frame is somewhere, once, and every sum says the same.

For each sensor and UTC day: frames of coverage = inbound + own + stray + overlap + rejected; inbound = packets of
flows, or of the seal of a day that expired; packets of each rollup = the same; packets of
sources = packets of flows, on days that did not expire. For each UTC month, and sensor where the table has sensors:
packets of each rollup of months = packets of flows and seals. For each sensor and UTC day that did not expire: packets
of echoes = those packets of flows that are backscatter of the protocols that echo, where all captures were read since
there are echoes. For each
sensor in all: frames of captures = frames of coverage, forgotten days apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial

import polars as pl
from deltalake.exceptions import DeltaError
from polars.exceptions import PolarsError

from darkscope.ingest.engine.engine import Engine, Here
from darkscope.ingest.ledger.errors import LedgerError, told
from darkscope.ingest.ledger.files import is_intact
from darkscope.ingest.ledger.ledger import CHANGED, Ledger, Snapshot
from darkscope.ingest.ledger.storage import LOG, Storage
from darkscope.ingest.series import (
    CAPTURES,
    COVERAGE,
    ECHOES,
    ECHOES_SINCE,
    ECHOING,
    FLOWS,
    FORGOTTEN,
    MONTH_ROLLUPS,
    ROLLUPS,
    SEALS,
    SOURCES,
    TABLES,
    Rejected,
    Table,
    Traffic,
    table_named,
)

AT_ONCE = 8
"""Files of far storage that are read side by side."""


PART = 256 << 20
"""Bytes of a table's days that are looked at together; a day is never cut."""

ALL_SENSORS = pl.lit("all sensors")

_PACKETS = [pl.col("packets").sum()]
_IS_ECHO = (pl.col("class") == Traffic.BACKSCATTER) & pl.col("protocol").is_in(ECHOING)
_NO_COUNTS = ("minute", "minutes", "bridge", "sensor", "point")

_COUNTED: dict[Table, list[pl.Expr]] = {
    FLOWS: [*_PACKETS, pl.col("packets").filter(_IS_ECHO).sum().alias("echoes")],
    COVERAGE: [pl.col(column.name).sum() for column in COVERAGE.columns if column.name not in _NO_COUNTS],
    **dict.fromkeys((SEALS, SOURCES, ECHOES, *ROLLUPS, *MONTH_ROLLUPS), _PACKETS),
}
"""What is added up of a table, by day and sensor."""

_NO_SUMS = {
    table: pl.DataFrame(schema={**table.schema, "day": pl.Date(), "sensor": pl.String()})
    .group_by("day", "sensor")
    .agg(counted)
    for table, counted in _COUNTED.items()
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A place where the law does not hold, or where a file cannot be read."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


@dataclass(frozen=True, slots=True)
class Verified:
    """What was added up, and where it failed."""

    frames: int
    packets: int  # in flows and seals
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """Days of one table that are looked at together."""

    table: str
    days: tuple[date, ...]  # in order

    def __str__(self) -> str:
        return f"{self.table}, {self.days[0]} to {self.days[-1]}"


@dataclass(frozen=True, slots=True)
class _Looked:
    """What one part came to."""

    faults: tuple[Fault, ...]  # of its files; where there are any, nothing was added up
    sums: pl.DataFrame  # by day and sensor


def verify(ledger: Ledger, engine: Engine | None = None) -> Verified:
    """Add everything up. Raises LedgerError where not even the tables' logs can be read.

    An engine reads the files wherever it does its work, a part of a table at a time; sums are compared here.
    """
    engine = engine or Here()
    snapshot = ledger.read_logs()
    faults: list[Fault] = []
    parts: list[Part] = []
    for table in TABLES:
        try:
            parts += _parts(table, snapshot.files(table))
        except (DeltaError, LedgerError) as error:
            faults.append(Fault(ledger.storage.place(table.name), str(error)))
            continue
        faults += _broken_log(ledger.storage, table)
    looked = dict(engine.map(partial(_look, ledger, snapshot.plan), parts))
    faults += [fault for part in parts for fault in looked[part].faults]
    if faults:
        return Verified(0, 0, tuple(faults))
    sums = {
        table: pl.concat(
            [_NO_SUMS[table], *(looked[part].sums for part in parts if part.table == table.name)]
        )
        for table in _COUNTED
    }
    return _compared(snapshot, sums)


def _compared(snapshot: Snapshot, sums: dict[Table, pl.DataFrame]) -> Verified:
    """Hold the sums of all tables against each other."""
    faults: list[Fault] = []
    flows = sums[FLOWS].select("day", "sensor", "packets")
    kept = pl.concat([flows, sums[SEALS]]).group_by("day", "sensor").agg(pl.col("packets").sum())
    coverage = sums[COVERAGE]
    faults += _compare(
        "coverage", "inbound frames", coverage.select("day", "sensor", packets="inbound"), kept
    )
    for table in ROLLUPS:
        days = snapshot.days(table)
        faults += _compare(table.name, "packets", sums[table], kept.filter(pl.col("day").is_in(list(days))))
    for table in MONTH_ROLLUPS:
        faults += _compare_months(snapshot, table, sums[table], kept)
    faults += _compare(
        "sources",
        "packets",
        sums[SOURCES].filter(pl.col("packets") > 0, ~pl.col("day").is_in(list(snapshot.days(SEALS)))),
        flows.filter(pl.col("day").is_in(list(snapshot.days(SOURCES)))),
    )
    faults += _echoes(snapshot, sums)
    faults += _fates(coverage)
    faults += _captures(snapshot, coverage)
    return Verified(int(coverage["frames"].sum()), int(kept["packets"].sum()), tuple(faults))


def _parts(table: Table, files: pl.DataFrame) -> Iterator[Part]:
    """Cut a table into days that have some bytes together, in order."""
    days: list[date] = []
    gathered = 0
    for day, size in files.group_by("day").agg(pl.col("size").sum()).sort("day").iter_rows():
        if days and gathered + size > PART:
            yield Part(table.name, tuple(days))
            days, gathered = [], 0
        days.append(day)
        gathered += size
    if days:
        yield Part(table.name, tuple(days))


def _look(ledger: Ledger, plan: int, part: Part) -> _Looked:
    """Look at every file of a part as a plan left it, and add up what is in them."""
    table = table_named(part.table)
    files = ledger.files(table, plan).filter(pl.col("day").is_in(part.days))
    with ThreadPoolExecutor(AT_ONCE if ledger.storage.is_far else 1) as pool:
        wrongs = pool.map(partial(_fault, ledger.storage, table), *files.select("path", "size", "rows"))
        faults = tuple(
            Fault(ledger.storage.place(f"{table.name}/{path}"), wrong)
            for path, wrong in zip(files["path"], wrongs, strict=True)
            if wrong
        )
    if faults or table not in _COUNTED:
        return _Looked(faults, pl.DataFrame())
    sensor = pl.col("sensor") if "sensor" in table.schema else ALL_SENSORS
    rows = ledger.scan(table, dict(files.select("path", "size").iter_rows()))
    sums = rows.group_by("day", sensor.alias("sensor")).agg(_COUNTED[table]).sort("day", "sensor")
    return _Looked((), sums.collect())


def _fault(storage: Storage, table: Table, path: str, size: int, rows: int) -> str:
    """What is wrong with a file; empty where nothing is."""
    name = f"{table.name}/{path}"
    try:
        data = storage.read(name)
        if len(data) != size:
            return f"has {len(data)} bytes, the log says {size}"
        if not is_intact(name, data):
            return CHANGED
        read = pl.scan_parquet(data, schema=table.schema, hive_partitioning=False)
        height = read.select(pl.len()).collect().item()
    except (OSError, PolarsError) as error:
        return f"cannot be read: {error}"
    return "" if height == rows else f"has {height} rows, the log says {rows}"


def _broken_log(storage: Storage, table: Table) -> Iterator[Fault]:
    """Commits that hold nothing, as a power cut leaves them; the Delta library passes over them in silence."""
    with told(storage, table.name):
        entries = sorted(storage.entries(f"{table.name}/{LOG}"), key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.endswith(".json") and not entry.size:
            yield Fault(storage.place(entry.name), "is empty: a commit is lost")


def _compare_months(
    snapshot: Snapshot, table: Table, found: pl.DataFrame, kept: pl.DataFrame
) -> Iterator[Fault]:
    sensor = pl.col("sensor") if "sensor" in table.schema else ALL_SENSORS
    months = pl.col("day").dt.month_start()
    expected = kept.group_by(months, sensor.alias("sensor")).agg(pl.col("packets").sum())
    return _compare(
        table.name, "packets", found, expected.filter(pl.col("day").is_in(list(snapshot.days(table))))
    )


def _compare(name: str, what: str, found: pl.DataFrame, expected: pl.DataFrame) -> Iterator[Fault]:
    both = found.join(expected, on=["day", "sensor"], how="full", coalesce=True, suffix="_expected")
    wrong = both.with_columns(pl.col("packets", "packets_expected").fill_null(0)).filter(
        pl.col("packets") != pl.col("packets_expected")
    )
    for day, sensor, packets, packets_expected in (
        wrong.select("day", "sensor", "packets", "packets_expected").sort("day", "sensor").iter_rows()
    ):
        yield Fault(
            f"{name}, {day}, {sensor}", f"{packets} {what}, but {packets_expected} packets in flows and seals"
        )


def _echoes(snapshot: Snapshot, sums: dict[Table, pl.DataFrame]) -> Iterator[Fault]:
    """Echoes that are not the backscatter of their sensor and day; there may be fewer where captures were read before.

    Days before the first that has any have expired, or were read before.
    """
    if not snapshot.days(ECHOES):
        return
    keys = ["day", "sensor"]
    expected = sums[FLOWS].filter(pl.col("echoes") > 0).select(*keys, packets="echoes")
    both = (
        sums[ECHOES]
        .join(expected, on=keys, how="full", coalesce=True, suffix="_expected")
        .with_columns(pl.col("packets", "packets_expected").fill_null(0))
        .filter(pl.col("day") >= min(snapshot.days(ECHOES)), ~pl.col("day").is_in(list(snapshot.days(SEALS))))
        .join(_read_before(snapshot), on=keys, how="left")
        .sort(keys)
    )
    is_lacking = pl.col("packets") < pl.col("packets_expected")
    wrong = both.filter(
        (pl.col("packets") > pl.col("packets_expected")) | (is_lacking & pl.col("is_older").is_null())
    )
    for day, sensor, found, packets_expected in wrong.select(
        *keys, "packets", "packets_expected"
    ).iter_rows():
        yield Fault(
            f"echoes, {day}, {sensor}", f"{found} packets, but {packets_expected} of backscatter in flows"
        )


def _read_before(snapshot: Snapshot) -> pl.DataFrame:
    """Days and sensors of captures that were read before there were echoes."""
    first, last = (pl.col(name).cast(pl.Datetime("ns")).dt.date() for name in ("first", "last"))
    captures = snapshot.scan(CAPTURES).filter(pl.col("rules") < ECHOES_SINCE)
    days = captures.select("sensor", day=pl.date_ranges(first, last)).explode("day").unique()
    return days.with_columns(is_older=pl.lit(value=True)).collect()


def _fates(coverage: pl.DataFrame) -> Iterator[Fault]:
    fates = ["inbound", "own", "stray", "overlap", *(f"rejected_{reason}" for reason in Rejected)]
    wrong = coverage.filter(pl.col("frames") != pl.sum_horizontal(fates))
    for day, sensor, frames in wrong.select("day", "sensor", "frames").iter_rows():
        yield Fault(f"coverage, {day}, {sensor}", f"{frames} frames are not the sum of their fates")


def _captures(snapshot: Snapshot, coverage: pl.DataFrame) -> Iterator[Fault]:
    """Frames by sensor; not for sensors of which days were forgotten."""
    forgotten = set(snapshot.scan(FORGOTTEN).collect()["sensor"])
    captures = snapshot.scan(CAPTURES).group_by("sensor").agg(pl.col("frames").sum()).collect()
    booked = coverage.group_by("sensor").agg(booked=pl.col("frames").sum())
    both = captures.join(booked, on="sensor", how="full", coalesce=True).fill_null(0).sort("sensor")
    for sensor, frames, found in both.iter_rows():
        if frames != found and sensor not in forgotten:
            yield Fault(f"captures, {sensor}", f"{frames} frames read, but {found} in coverage")
