"""P10: the HTTP interface under load, over a quarter of 20 sensors, while ingest takes captures on the same processors.

The mix is stated and seeded: four of five requests repeat one of a few, as people's panels do; the others are questions
that nobody asked before. Requests come at their times whether or not others were answered (an open loop), so that a
slow answer delays none behind it. Ingest reads captures of the present day into the very ledger that is asked, at a
steady rate: its version changes every two seconds under what is remembered, and some of what panels ask is about that
day. Prints JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from urllib.parse import urlencode

import numpy as np
from mixes import CHUNK, SPARSE, START, write
from quarter import FIRST, WELL_KNOWN, build

from darkscope.ingest.ledger.ledger import Ledger

COMMAND = (sys.executable, "-m", "darkscope.api.command.main")
PACE = 50_000
"""Packets a second that ingest takes meanwhile."""

PEOPLE = 10
"""Addresses that requests come from."""

SECONDS = 40
LATE = 30.0
"""Seconds after which an answer counts as none."""

COUNTRIES = [f"{a}{b}" for a in "ABCDEFGHIJ" for b in "KLMNOPQRST"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: which kind it is, and its path."""

    kind: str
    path: str


def _path(resource: str, **parameters: object) -> str:
    return f"/v1/{resource}?{urlencode({name: str(value) for name, value in parameters.items()})}"


def common(dice: random.Random) -> list[Asked]:
    """What panels ask again and again."""
    periods = ("2020-Q2", "2020-06", "2020-06-24/2020-06-30")
    found = [
        Asked("ranking", _path(f"rankings/{what}", period=period, time_zone=zone))
        for what in ("ports", "countries")
        for period in periods
        for zone in ("UTC", "Asia/Tokyo")
    ]
    found += [
        Asked("trend", _path(f"trends/{what}", period=period, step=step))
        for what in ("ports", "countries")
        for period, step in (("2020-Q2", "day"), ("2020-06-24/2020-06-30", "hour"))
    ]
    ports = np.random.default_rng(5).choice(
        10_000, WELL_KNOWN, replace=False
    )  # those that `quarter` made frequent
    found += [  # about the day that is being written
        Asked("ranking", _path("rankings/ports", period="24h")),
        Asked("trend", _path("trends/countries", period="24h", step="hour")),
    ]
    found += [
        Asked("sources", _path("sources", period=f"2020-06-{day}", port=f"{ports[day]}/tcp", limit=50))
        for day in (24, 25)
    ]
    dice.shuffle(found)
    return found


def distinct(dice: random.Random) -> Asked:
    """A question that nobody asked before: a ranking, a trend, or the sources of one country and port in a day."""
    country, port = dice.choice(COUNTRIES), dice.randrange(1, 65_536)
    first = dice.randrange(1, 60)
    days = f"{np.datetime64(FIRST) + first}/{np.datetime64(FIRST) + first + dice.randrange(1, 30)}"
    match dice.randrange(5):
        case 0:
            return Asked("ranking", _path("rankings/ports", period=days, country=country))
        case 1:
            return Asked("ranking", _path("rankings/countries", period=days, port=f"{port}/tcp"))
        case 2:
            return Asked("trend", _path("trends/countries", period=days, port=f"{port}/tcp"))
        case 3:
            return Asked("trend", _path("trends/ports", period=days, country=country))
        case _:
            day = np.datetime64(FIRST) + dice.randrange(91)
            return Asked(
                "sources", _path("sources", period=day, country=country, port=f"{port}/tcp", limit=50)
            )


def mixed(dice: random.Random, count: int, share: float) -> Iterator[Asked]:
    """So many requests, a share of them repeats of the common ones."""
    repeated = common(dice)
    for _ in range(count):
        yield dice.choice(repeated) if dice.random() < share else distinct(dice)


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def ask(port: int, asked: Asked, idle: list[Connection]) -> tuple[str, float, int]:
    """Send a request on a connection that is free, or on a new one: its kind, seconds, status."""
    begun = time.perf_counter()
    while True:
        is_new = not idle
        connection = await _connected(port) if is_new else idle.pop()
        try:
            status = await _answered(asked, *connection)
        except (asyncio.IncompleteReadError, ConnectionError):
            if is_new:
                raise
            continue  # the server had closed it meanwhile
        idle.append(connection)
        return asked.kind, time.perf_counter() - begun, status


async def _connected(port: int) -> Connection:
    """Connect as one of several people: one alone may not have all turns."""
    address = f"127.0.0.{random.randrange(1, PEOPLE + 1)}"
    return await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))


async def _answered(asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    writer.write(f"GET {asked.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = next(line for line in head.splitlines() if line.startswith(b"content-length"))
    await reader.readexactly(int(length.split(b":")[1]))
    return int(head.split(None, 2)[1])


async def load(port: int, asked: Sequence[Asked], rate: float) -> list[tuple[str, float, int]]:
    """Send requests at a steady rate, whatever becomes of them."""
    idle: list[Connection] = []
    loop = asyncio.get_running_loop()
    begun, sent = loop.time(), []
    for number, one in enumerate(asked):
        await asyncio.sleep(max(0.0, begun + number / rate - loop.time()))
        sent.append(loop.create_task(asyncio.wait_for(ask(port, one, idle), LATE)))
    done = await asyncio.gather(*sent, return_exceptions=True)
    return [one if isinstance(one, tuple) else ("failed", LATE, 0) for one in done]


def told(answers: Sequence[tuple[str, float, int]]) -> dict[str, dict[str, float]]:
    """Quantiles of seconds by kind, and how many were not answered with 200."""
    found = {}
    for kind in sorted({kind for kind, _, _ in answers}):
        seconds = [taken for one, taken, _ in answers if one == kind]
        found[kind] = {
            "count": len(seconds),
            "p50": float(np.quantile(seconds, 0.5)),
            "p95": float(np.quantile(seconds, 0.95)),
            "p99": float(np.quantile(seconds, 0.99)),
            "failed": sum(status != 200 for one, _, status in answers if one == kind),
        }
    return found


@contextmanager
def serving(ledger: Path) -> Iterator[tuple[int, int]]:
    """A server over a ledger: its port and process id."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    environment = {**os.environ, "DARKSCOPE_API__RATE": "0"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*COMMAND, "serve", "--ledger", str(ledger), "--port", str(port)], env=environment, stderr=log
        )
        try:
            asyncio.run(_ready(port))
            yield port, process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


async def _ready(port: int) -> None:
    for _ in range(600):
        try:
            _, _, status = await ask(port, Asked("", "/readyz"), [])
        except OSError:
            status = 0
        if status == 200:
            return
        await asyncio.sleep(0.1)
    raise TimeoutError("the server does not answer")


KEPT = {"DARKSCOPE_RETENTION__FLOWS": "keep", "DARKSCOPE_RETENTION__SOURCES": "keep"}
"""The quarter that is asked about is years older than the day that is ingested."""


@contextmanager
def ingesting(ledger: Path, folder: Path, seconds: float) -> Iterator[None]:
    """Ingest the last minutes from standard input at a steady rate meanwhile."""
    capture = folder / "beside.pcap"
    count = int(PACE * seconds)
    minutes = count // CHUNK
    write(SPARSE, count, capture, second=int(time.time()) - START - 60 * minutes)
    process = subprocess.Popen(
        [*COMMAND, "ingest", "-", "--ledger", str(ledger)],
        env={**os.environ, **KEPT},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    feeder = Thread(target=_feed, args=(process, capture, seconds), daemon=True)
    feeder.start()
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def _feed(process: subprocess.Popen[bytes], capture: Path, seconds: float) -> None:
    """Write a capture to a process, spread over so many seconds."""
    size, begun, sent = capture.stat().st_size, time.monotonic(), 0
    try:
        with capture.open("rb") as file:
            while data := file.read(1 << 16):
                process.stdin.write(data)
                sent += len(data)
                time.sleep(max(0.0, begun + seconds * sent / size - time.monotonic()))
    except BrokenPipeError:
        return


def lent(ledger: Path, to: Path) -> Path:
    """A ledger that may be written, of the same files: none is ever written to again once it is there."""
    shutil.copytree(ledger, to, copy_function=_linked)
    return to


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def resident(pid: int) -> int:
    """Resident memory of a process, bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Arguments: folder of the ledger, flows, share of random ports, folder for what is written."""
    ledger, count, random_ports, folder = (
        Path(sys.argv[1]),
        int(sys.argv[2]),
        float(sys.argv[3]),
        Path(sys.argv[4]),
    )
    if not ledger.exists():
        build(ledger, count, random_ports)
    dice = random.Random(20_200_630)
    asked = lent(ledger, folder / "asked")
    versions = [Ledger(asked).snapshot().version]
    with serving(asked) as (port, pid):
        asyncio.run(load(port, common(dice), 2))  # opens files for the first time
        before = resident(pid)
        with ingesting(asked, folder, 2.5 * SECONDS):
            time.sleep(15)  # until it has begun
            mix = asyncio.run(load(port, list(mixed(dice, 50 * SECONDS, 0.8)), 50))
            fresh = asyncio.run(load(port, [distinct(dice) for _ in range(5 * SECONDS)], 5))
        cached = asyncio.run(load(port, list(mixed(dice, 200 * SECONDS // 2, 1.0)), 200))
        after = resident(pid)
    versions.append(Ledger(asked).snapshot().version)
    answers = {
        "mixed": told(mix),
        "distinct": told(fresh),
        "cached": told([("all", *rest) for _, *rest in cached]),
    }
    memory = {"before": before, "after": after}
    print(json.dumps({"answers": answers, "memory": memory, "versions": versions[1] - versions[0]}))


if __name__ == "__main__":
    main()
