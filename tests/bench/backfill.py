"""A backfill by one process and by a small Spark cluster: the same captures into ledgers of their own."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import polars as pl
from cluster import Cluster, standalone
from mixes import CHUNK, SPARSE, write

from darkscope.ingest.ledger.ledger import Ledger
from darkscope.ingest.series import CAPTURES, FLOWS, SOURCES

PART = 2_000_000
"""Packets of a capture: 0.2 GB."""

LOOK = 0.1
"""Seconds between two looks at what tasks take."""


def write_captures(folder: Path, packets: int, sensors: int) -> int:
    """Write captures of so many packets, a folder for each sensor; their bytes."""
    of_one = packets // sensors
    for sensor in range(sensors):
        home = folder / f"sensor-{sensor}"
        home.mkdir(parents=True)
        for number, first in enumerate(range(0, of_one, PART)):
            count = min(PART, of_one - first)
            # A second apart, for captures that begin alike would be copies.
            write(SPARSE, count, home / f"{number:03}.pcap", second=sensor + 60 * (first // CHUNK))
    return sum(path.stat().st_size for path in folder.rglob("*.pcap"))


def sums(ledger: Path) -> dict[str, int]:
    """What two ledgers of the same captures have alike."""
    snapshot = Ledger(ledger).snapshot()
    packets = {table.name: pl.col("packets").sum() for table in (FLOWS, SOURCES)}
    told = {
        name: int(snapshot.scan(table).select(packets[name]).collect().item())
        for name, table in (("flows", FLOWS), ("sources", SOURCES))
    }
    rows = {f"{table.name} rows": int(snapshot.files(table)["rows"].sum()) for table in (FLOWS, SOURCES)}
    return {
        **told,
        **rows,
        "frames": int(snapshot.scan(CAPTURES).select(pl.col("frames").sum()).collect().item()),
    }


def ingest(ledger: Path, captures: Path, *more: str) -> None:
    """Run the command."""
    command = [sys.executable, "-m", "darkscope.api.command.main", "ingest", "--quiet", "--ledger", ledger]
    subprocess.run([*command, *more, captures], check=True, stdout=subprocess.DEVNULL)


def by_spark(ledger: Path, captures: Path, workers: int, memory: str) -> dict[str, float]:
    """Run it on a cluster that is there: wall seconds, CPU seconds of tasks, peak anonymous memory of one, bytes."""
    with tempfile.TemporaryDirectory() as folder, standalone(Path(folder), workers, memory) as cluster:
        over, watched = Event(), _Watched(cluster)
        watching = Thread(target=watched.follow, args=(over,))
        watching.start()
        begun = time.perf_counter()
        try:
            ingest(ledger, captures, "--engine", "spark", "--master", cluster.master)
        finally:
            wall = time.perf_counter() - begun
            over.set()
            watching.join()
    return {"wall": wall, "tasks_cpu": sum(watched.cpu.values()), "task_anonymous": watched.peak}


class _Watched:
    """What the Python processes of executors take."""

    def __init__(self, cluster: Cluster) -> None:
        self.cpu: dict[int, float] = {}  # seconds, by process
        self.peak = 0  # bytes, of one process
        self._cluster = cluster

    def follow(self, over: Event) -> None:
        tick = os.sysconf("SC_CLK_TCK")
        while not over.wait(LOOK):
            for process in self._cluster.tasks():
                with suppress(OSError, IndexError):
                    taken = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
                    self.cpu[process] = (int(taken[11]) + int(taken[12])) / tick
                    status = Path(f"/proc/{process}/status").read_text()
                    anonymous = status.split("RssAnon:")[1].split()[0]
                    self.peak = max(self.peak, int(anonymous) << 10)


def main() -> None:
    """Do one of it, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("captures", "one", "spark", "sums"))
    parser.add_argument("paths", nargs="+", type=Path, help="captures, or the ledger and captures")
    parser.add_argument("--packets", type=int, default=0)
    parser.add_argument("--sensors", type=int, default=8)
    parser.add_argument("--executors", type=int, default=2)
    parser.add_argument("--memory", default="1g", help="of an executor's JVM")
    asked = parser.parse_args()
    if asked.what == "captures":
        result: object = {"bytes": write_captures(asked.paths[0], asked.packets, asked.sensors)}
    elif asked.what == "one":
        begun = time.perf_counter()
        ingest(*asked.paths)
        result = {"wall": time.perf_counter() - begun}
    elif asked.what == "spark":
        result = by_spark(*asked.paths, asked.executors, asked.memory)
    else:
        result = sums(asked.paths[0])
    print(json.dumps(result))


if __name__ == "__main__":
    main()
