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
from mixes import SPARSE, write

from darkscope.ingest.ledger.ledger import Ledger
from darkscope.ingest.series import CAPTURES, FLOWS, SOURCES

PART = 2_000_000
"""Packets of a capture, which is a sensor's day: 0.2 GB."""

DAY = 86_400

LOOK = 0.25
"""Seconds between two looks at what processes take."""

JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
CONF = [f"spark.{whose}.extraJavaOptions={JAVA}" for whose in ("driver", "executor")]
"""As docs/spark.md recommends: no JVM has work of ours."""


def write_captures(folder: Path, packets: int, sensors: int) -> int:
    """Write captures of so many packets, a folder for each sensor; their bytes."""
    of_one = packets // sensors
    for sensor in range(sensors):
        home = folder / f"sensor-{sensor}"
        home.mkdir(parents=True)
        for number, first in enumerate(range(0, of_one, PART)):
            count = min(PART, of_one - first)
            # A second apart, for captures that begin alike would be copies.
            write(SPARSE, count, home / f"{number:03}.pcap", second=sensor + DAY * number)
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


def ingest(ledger: Path, captures: Path, *more: str, **environment: str) -> None:
    """Run the command."""
    command = [sys.executable, "-m", "darkscope.api.command.main", "ingest", "--quiet", "--ledger", ledger]
    subprocess.run(
        [*command, *more, captures],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


def by_spark(ledger: Path, captures: Path, workers: int, memory: str) -> dict[str, float]:
    """Run it on a cluster that is there: wall seconds, CPU seconds, of tasks too, and one's peak anonymous bytes."""
    with tempfile.TemporaryDirectory() as folder, standalone(Path(folder), workers, memory) as cluster:
        over, watched = Event(), _Watched(cluster)
        idle = watched.look()
        watching = Thread(target=watched.follow, args=(over,))
        watching.start()
        begun = time.perf_counter()
        try:
            name, _, value = cluster.mark.decode().partition("=")
            environment = {name: value, "DARKSCOPE_SPARK__CONF": json.dumps(CONF)}
            ingest(ledger, captures, "--engine", "spark", "--master", cluster.master, **environment)
        finally:
            wall = time.perf_counter() - begun
            over.set()
            watching.join()
    tasks_cpu = sum(watched.cpu[process] for process in watched.tasks)
    cpu = sum(watched.cpu.values()) - idle
    return {"wall": wall, "cpu": cpu, "tasks_cpu": tasks_cpu, "task_anonymous": watched.peak}


class _Watched:
    """What the processes of a cluster and of its driver take; some are killed at the end, and no parent counts them."""

    def __init__(self, cluster: Cluster) -> None:
        self.cpu: dict[int, float] = {}  # seconds, by process
        self.tasks: set[int] = set()
        self.peak = 0  # bytes, of one process
        self._cluster = cluster

    def follow(self, over: Event) -> None:
        """Look until it is over."""
        while not over.wait(LOOK):
            self.look()

    def look(self) -> float:
        """Look once; gives the processor seconds that all have taken so far."""
        tick = os.sysconf("SC_CLK_TCK")
        tasks = {*self._cluster.tasks()}
        for process in self._cluster.processes():
            with suppress(OSError, IndexError):
                taken = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
                self.cpu[process] = (int(taken[11]) + int(taken[12])) / tick
                if process not in tasks:
                    continue
                self.tasks.add(process)
                status = Path(f"/proc/{process}/status").read_text()
                anonymous = status.split("RssAnon:")[1].split()[0]
                self.peak = max(self.peak, int(anonymous) << 10)
        return sum(self.cpu.values())


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
