"""Runs of the command in processes of their own, and ledgers compared whatever the batches were."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from capture_files import pcap
from ledgers import NOON, Site, merged, syn
from polars.testing import assert_frame_equal

from darkscope.ingest.intake.session import Session
from darkscope.ingest.intake.stop import Stop
from darkscope.ingest.series import CAPTURES, COVERAGE, ECHOES, FLOWS, SOURCES, Merge

PATIENCE = 300.0
"""Seconds that a test waits for something to happen: only what hangs takes so long, also on a busy machine."""

SETTINGS = {
    "DARKSCOPE_RETENTION__DISK_RESERVE": "0",
    "DARKSCOPE_RETENTION__FLOWS": "keep",
    "DARKSCOPE_RETENTION__SOURCES": "keep",
    "DARKSCOPE_RETENTION__ECHOES": "keep",
}
"""The captures here are of 2020, and disks may be small."""

SYN_ACK = 0x12

AS_ANYBODY = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
"""What starts a command to which permissions apply, though root runs the tests."""

COUNTS = [column.name for column in COVERAGE.columns if column.merge is Merge.SUM]


def many(count: int, start: float = 0.0, step: float = 0.01, *, seed: int = 0, answers: int = 0) -> bytes:
    """A pcap file of many SYNs from many sources to a few ports, so many seconds after noon.

    One in so many as `answers` says is a SYN+ACK.
    """
    frame = np.frombuffer(syn(), np.uint8)
    source, port, flags = frame.tobytes().index(bytes([198, 41, 0, 4])), 14 + 20 + 2, 14 + 20 + 13
    random = np.random.default_rng(seed)
    records = np.zeros((count, 16 + len(frame)), np.uint8)
    records[:, 16:] = frame
    records[:, 16 + source + 1 : 16 + source + 4] = random.integers(0, 256, (count, 3), np.uint8)
    records[:, 16 + port + 1] = random.choice(np.array([22, 23, 80], np.uint8), count)
    if answers:
        records[::answers, 16 + flags] = SYN_ACK
    microseconds = np.round((NOON + start) * 1e6 + step * 1e6 * np.arange(count)).astype(np.int64)
    header = np.empty((count, 4), "<u4")
    header[:, 0], header[:, 1] = microseconds // 1_000_000, microseconds % 1_000_000
    header[:, 2:] = len(frame)
    records[:, :16] = header.view(np.uint8).reshape(count, 16)
    return pcap([records.tobytes()])


def session(site: Site, **how: Any) -> Session:
    """A session in this process."""
    return Session(site.worker(), how.pop("stop", None) or Stop(), **how)


def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for something."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def environment(**also: str) -> dict[str, str]:
    """The environment without settings of whoever runs the tests."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("DARKSCOPE_")}
    return {**kept, **SETTINGS, **also}


def start(
    *arguments: str | Path, code: str = "", within: Sequence[str] = (), **also: str
) -> subprocess.Popen[bytes]:
    """Start the command; `code` runs before it, in its process, and `within` is what starts it."""
    program = f"{code}\nfrom darkscope.api.command.main import main\nmain()"
    return subprocess.Popen(
        [*within, sys.executable, "-c", program, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**also),
    )


@contextmanager
def running(*arguments: str | Path, **how: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command beside the test; it is killed at the end where it still lives."""
    process = start(*arguments, **how)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def stopped(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> tuple[int, str, str]:
    """End a process by a signal: exit code, standard output, standard error."""
    process.send_signal(number)
    output, errors = process.communicate(timeout=PATIENCE)
    return process.returncode, output.decode(), errors.decode()


def run(*arguments: str | Path, data: bytes = b"", **how: Any) -> tuple[int, str, str]:
    """Run the command to its end: exit code, standard output, standard error."""
    with running(*arguments, **how) as process:
        output, errors = process.communicate(data, PATIENCE)
    return process.returncode, output.decode(), errors.decode()


def covered(site: Site) -> pl.DataFrame:
    """Minutes that each point was watched."""
    rows = site.ledger.finish().scan(COVERAGE).filter(pl.col("minutes") > 0)
    minutes = pl.int_ranges("minute", pl.col("minute") + pl.col("minutes"))
    return rows.select("sensor", "point", minute=minutes).explode("minute").unique().collect().sort(pl.all())


def booked(site: Site) -> pl.DataFrame:
    """Frames by sensor, point, hour and what became of them."""
    hour = (pl.col("minute") // 60).alias("hour")
    rows = site.ledger.finish().scan(COVERAGE).group_by("sensor", "point", hour).agg(pl.col(COUNTS).sum())
    return rows.filter(pl.col("frames") + pl.col("dropped") > 0).collect().sort("sensor", "point", "hour")


def reached(site: Site) -> pl.DataFrame:
    """How far each capture was read, and what was counted of it."""
    rows = site.ledger.finish().scan(CAPTURES).group_by("head", "sensor", "point")
    last = pl.col("digest").sort_by("reach").last()
    return (
        rows.agg(pl.col("frames").sum(), pl.col("reach").max(), last)
        .collect()
        .sort("head", "sensor", "point")
    )


def assert_same(one: Site, other: Site) -> None:
    """Two ledgers hold the same, however they came to it."""
    snapshots = one.ledger.finish(), other.ledger.finish()
    for table in (FLOWS, SOURCES, ECHOES):
        assert_frame_equal(*(merged(snapshot, table) for snapshot in snapshots))
    for view in (covered, booked, reached):
        assert_frame_equal(view(one), view(other))
