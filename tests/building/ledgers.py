"""Ledgers in a folder, the captures that go into them, and what is in them afterwards."""

from __future__ import annotations

import atexit
import errno
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
from capture_files import pcap, record
from packets import ethernet, ipv4, tcp

from darkscope.ingest import series
from darkscope.ingest.geo import Places
from darkscope.ingest.ledger.ledger import Ledger, Snapshot, storage_of
from darkscope.ingest.reading import Reading
from darkscope.ingest.sensors import Sensors
from darkscope.ingest.settings import Ingest, Retention, SensorEntry, Settings
from darkscope.ingest.worker import Committed, Worker

SECOND = 1_000_000_000
NOON = int(datetime(2020, 6, 24, 12, tzinfo=UTC).timestamp())
"""The time that most captures here begin at, seconds since 1970."""

DAY = 86_400
NOW = datetime(2020, 6, 30, 12, tzinfo=UTC)
"""The clock of the workers."""

TARGET = "133.8.0.9"
PLACES = Places(Settings().geo)


def at(second: float, **how: Any) -> bytes:
    """A pcap record of a SYN, so many seconds after noon; `how` as `syn` takes it."""
    nanoseconds = round((NOON + second) * SECOND)
    return record(syn(**how), nanoseconds // SECOND, nanoseconds % SECOND // 1000)


def syn(
    source: str = "198.41.0.4", port: int = 23, target: str = TARGET, flags: int = 2, **how: Any
) -> bytes:
    return ethernet(ipv4(tcp(port, flags=flags, **how), source=source, target=target))


def capture(*seconds: float, **how: Any) -> bytes:
    """A pcap file with one SYN at each of these seconds after noon."""
    return pcap(at(second, **how) for second in seconds)


def ramp(start: int, count: int, step: float = 1.0, **how: Any) -> bytes:
    """A pcap file of SYNs at a steady rate."""
    return capture(*(start + step * index for index in range(count)), **how)


@dataclass
class Site:
    """A ledger, its settings, and whoever feeds it."""

    folder: Path
    sensors: Sequence[SensorEntry] = ()
    ingest: Ingest = field(default_factory=Ingest)
    now: datetime = NOW
    _opened: Ledger | None = None

    @property
    def settings(self) -> Settings:
        return Settings(
            ledger=self.folder,
            worker="one",
            ingest=self.ingest,
            retention=Retention(disk_reserve=0),
            sensors=tuple(self.sensors),
        )

    @property
    def ledger(self) -> Ledger:
        """The ledger as somebody who has had it open all the time sees it."""
        if self._opened is None:
            self._opened = self.opened()
        return self._opened

    def opened(self) -> Ledger:
        """The ledger as another process would open it."""
        if not self.folder.exists():
            shutil.copytree(empty_ledger(), self.folder)
        return Ledger.open_or_create(self.folder)

    def worker(
        self, name: str = "one", *, again: bool = False, clock: Callable[[], int] | None = None
    ) -> Worker:
        now = int(self.now.timestamp()) * SECOND
        return Worker(
            self.opened(),
            self.settings.model_copy(update={"worker": name}),
            Sensors(self.settings),
            PLACES,
            again=again,
            clock=clock or (lambda: now),
        )

    def take(self, data: bytes, name: str = "/spool/a/1.pcap", **how: Any) -> Committed | None:
        """Read one capture to its end with a worker of its own, and commit it."""
        worker = self.worker(**how)
        read(worker, data, name)
        return worker.commit()

    def rows(self, table: series.Table, *without: str) -> list[dict[str, Any]]:
        """All rows of a table, merged and in order, as the ledger has them now."""
        return merged(self.ledger.finish(), table).drop(*without).to_dicts()

    def booked(self) -> dict[str, int]:
        """Frames by what became of them, those that happened not at all left out."""
        counts = [c.name for c in series.COVERAGE.columns if c.merge is series.Merge.SUM]
        sums = self.ledger.finish().scan(series.COVERAGE).select(pl.col(counts).sum()).collect()
        return {name: count for name, count in sums.row(0, named=True).items() if count}


@dataclass
class Place(Site):
    """A site whose ledger is at an address, where there is one."""

    address: str = ""

    def opened(self) -> Ledger:
        if not self.address:
            return super().opened()
        return Ledger.open_or_create(storage_of(Settings.model_validate({"ledger": self.address})))


@cache
def empty_ledger() -> Path:
    """A ledger to copy: making one takes longer than most tests."""
    folder = Path(tempfile.mkdtemp(prefix="darkscope-tests-"))
    atexit.register(shutil.rmtree, folder)
    Ledger.open_or_create(folder)
    return folder


def read(worker: Worker, data: bytes, name: str = "/spool/a/1.pcap", **how: Any) -> Reading:
    """Read a capture into the worker's batch."""
    reading = worker.open(io.BytesIO(data), name, **how)
    while worker.read(reading):
        pass
    return reading


def no_room(*_: object) -> bool:
    """Stand for any write to a disk that is full."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def merged(snapshot: Snapshot, table: series.Table) -> pl.DataFrame:
    """Rows with the day, those of one key made one, in an order of their own."""
    rows = snapshot.scan(table).collect()
    if table.mergeable:
        rows = rows.group_by("day", *table.keys).agg(table.merged())
    plain = [name for name, kind in table.schema.items() if not isinstance(kind, pl.List)]
    return rows.select("day", *table.schema).sort("day", *plain)


def packets(site: Site) -> int:
    """Packets in flows."""
    return int(site.ledger.finish().scan(series.FLOWS).select(pl.col("packets").sum()).collect().item())


def day(text: str) -> date:
    return date.fromisoformat(text)


def files(folder: Path, table: series.Table) -> set[str]:
    """Parquet files that lie below a table's folder, named by the log or not."""
    root = folder / table.name
    return {str(path.relative_to(root)) for path in root.glob("*/*.parquet")}
