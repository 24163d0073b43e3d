"""P7: how fast and how soon the ledger reaches an InfluxDB, beside ready-made lines and its own client's batching.

The server is Debian's InfluxDB 1.6 on loopback, behind a mapper of the newer way to write, a process of its own: both
sides of a comparison go through it, each into a database of its own. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import influx_proxy
import numpy as np
import polars as pl
from grafana_words import chosen_values, database, interpolated
from influx import InfluxDB
from influxdb_client import InfluxDBClient, Point, WriteOptions, WritePrecision
from ledgers import NOON
from quarter import EPOCH, SENSORS, coverage, flows
from runs import many, running, until

from darkscope.grafana.dashboards.now import DASHBOARD
from darkscope.ingest.intake.stop import Stop
from darkscope.ingest.ledger.files import LEVEL, write_file
from darkscope.ingest.ledger.ledger import Ledger, Snapshot
from darkscope.ingest.ledger.plan import Change
from darkscope.ingest.ledger.storage import Folder
from darkscope.ingest.ledger.upkeep import keep_up
from darkscope.ingest.measurements import (
    COUNTRIES,
    COVERAGE,
    DARKSCOPE,
    MEASUREMENTS,
    PACKETS,
    PORTS,
    TOTALS,
    Measurement,
    Resolution,
)
from darkscope.ingest.measurements import SENSORS as LISTED
from darkscope.ingest.projection import waiting
from darkscope.ingest.projection.delivery import Delivery
from darkscope.ingest.projection.lines import CHUNK, Chunk, chunks
from darkscope.ingest.projection.projector import Projector
from darkscope.ingest.projection.server import Server
from darkscope.ingest.projection.slots import slots
from darkscope.ingest.registry import Registry
from darkscope.ingest.series import COVERAGE as COVERAGE_TABLE
from darkscope.ingest.series import FLOWS, Traffic
from darkscope.ingest.settings import Influx, Settings

DATE = date(2020, 6, 24)
NOW = datetime(2020, 6, 25, 6, tzinfo=UTC).timestamp()
BUCKETS = [resolution.bucket("darkscope") for resolution in Resolution]
DROP = "DROP DATABASE"

POINTS_OF_PEER = 100_000
"""Points that the client's own batching brings: the rate is the same for more."""

PACKETS_A_LOT, SENDERS = 1_000, 5
"""Packets that a live capture grows by every second, and how many captures grow at a time."""

ROTATED = 20
"""Seconds after which a capture is followed by the next."""

PCAP_HEADER = 24  # bytes

LONGEST_LAG = 60.0
"""Seconds after which a packet counts as lost."""

REPEATS = 5

TOTAL = ("tcp", "udp", "icmp", "icmpv6", "other")
ALWAYS = ("icmp", "icmpv6", "tcp", "udp", "other")
"""Protocols of `totals`, and of the ports that need no slot."""


def ledger_of(folder: Path, count: int) -> Ledger:
    """Make the ledger of one closed day, with what upkeep makes of it."""
    ledger = Ledger.open_or_create(folder)
    rows = flows(np.random.default_rng(20200624), DATE, count, 0.5).sort(FLOWS.order)
    changes = {
        FLOWS.name: Change([write_file(Folder(folder), FLOWS, DATE, rows, level=LEVEL)]),
        COVERAGE_TABLE.name: Change([write_file(Folder(folder), COVERAGE_TABLE, DATE, coverage(DATE))]),
    }

    def build(_: Snapshot) -> dict[str, Change]:
        return changes

    ledger.change("bench", "ingest", build)
    keep_up(ledger, "bench", datetime.fromtimestamp(NOW, UTC))
    return ledger


class Kept(Delivery):
    """In the place of a delivery: keeps all lines, and how long it took to make them."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.kept: list[tuple[str, Chunk]] = []
        self.seconds = 0.0

    def bring(self, bucket: str, chunks: Iterable[Chunk]) -> None:
        """Make the lines and keep them."""
        begun = time.perf_counter()
        self.kept += [(bucket, chunk) for chunk in chunks]
        self.seconds += time.perf_counter() - begun


@contextmanager
def on(cores: set[int]) -> Iterator[None]:
    """Stay on some cores, with all threads; a process started meanwhile stays there for ever."""
    before = os.sched_getaffinity(0)
    move(cores)
    yield
    move(before)


def move(cores: set[int]) -> None:
    """Move all threads of this process to some cores."""
    for thread in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):  # it has ended
            os.sched_setaffinity(int(thread.name), cores)


@contextmanager
def serving(cores: set[int]) -> Iterator[tuple[InfluxDB, Settings]]:
    """Give a server with three empty databases, on some cores, and settings that lead to it."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="darkscope-bench-"))
        with on(cores):
            influx = stack.enter_context(InfluxDB(Path(folder)))
            mapper = subprocess.Popen(
                [sys.executable, influx_proxy.__file__, str(influx.port)], stdout=subprocess.PIPE, text=True
            )
        try:
            assert mapper.stdout
            url = mapper.stdout.readline().strip()
            keep = dict.fromkeys(("retention_minute", "retention_hour", "retention_day"))
            settings = Settings(worker="bench", influx=Influx(url=url, timeout=timedelta(minutes=1), **keep))
            server = Server(settings.influx)
            for resolution, name in zip(Resolution, BUCKETS, strict=True):
                server.create(name, None, timedelta(days=resolution.shard))
            server.close()
            yield influx, settings
        finally:
            mapper.terminate()
            mapper.wait()


def points_in(influx: InfluxDB, bucket: str) -> int:
    """Count the points that a database has."""
    found = (
        influx.query(bucket, f'SELECT count("{measurement.fields[0].name}") FROM "{measurement.name}"')
        for measurement in MEASUREMENTS
        if measurement is not DARKSCOPE
    )
    return sum(int(series[0]["values"][0][1]) for series in found if series)


def project(ledger: Ledger, into: type[Delivery], cores: set[int]) -> tuple[Delivery, float, int]:
    """Project a ledger into an empty InfluxDB: what delivered, seconds, points that are there in the end."""
    with serving(cores) as (influx, settings), tempfile.TemporaryDirectory() as folder:
        registry, server = Registry(Path(folder), *waiting.TABLES), Server(settings.influx)
        with into(server) as delivery:
            projector = Projector(ledger, settings, registry, server, delivery, lambda: NOW)
            begun = time.perf_counter()
            projector.finish(Stop())
            seconds = time.perf_counter() - begun
        server.close()
        registry.close()
        return delivery, seconds, sum(points_in(influx, bucket) for bucket in BUCKETS)


def bring(lines: list[tuple[str, Chunk]], cores: set[int]) -> tuple[float, int]:
    """Bring lines that are ready: seconds, points that are there in the end."""
    with serving(cores) as (influx, settings):
        server = Server(settings.influx)
        begun = time.perf_counter()
        with Delivery(server) as delivery:
            for bucket, chunk in lines:
                delivery.bring(bucket, [chunk])
            delivery.settle()
        seconds = time.perf_counter() - begun
        server.close()
        return seconds, sum(points_in(influx, bucket) for bucket in BUCKETS)


def batch(lines: list[tuple[str, Chunk]], cores: set[int]) -> tuple[float, int]:
    """Bring the first of the same points as objects, by the batching of InfluxDB's client at our size of a request."""
    parsed = [
        (bucket, *parts)
        for bucket, chunk in lines
        for parts in map(_parsed, chunk.data.decode().splitlines())
    ][:POINTS_OF_PEER]
    with serving(cores) as (influx, settings):
        begun = time.perf_counter()
        client = InfluxDBClient(settings.influx.url, "", org="", timeout=60_000)
        with client, client.write_api(write_options=WriteOptions(batch_size=CHUNK)) as api:
            for bucket, name, tags, fields, seconds in parsed:
                point = Point(name).time(seconds, WritePrecision.S)
                for tag, value in tags:
                    point.tag(tag, value)
                for field, number in fields:
                    point.field(field, number)
                api.write(bucket, record=point, write_precision=WritePrecision.S)
        took = time.perf_counter() - begun
        return took, sum(points_in(influx, bucket) for bucket in BUCKETS)


Pairs = list[tuple[str, Any]]


def _parsed(line: str) -> tuple[str, Pairs, Pairs, int]:
    """Take a line apart; nothing in it is escaped here."""
    head, values, seconds = line.split(" ")
    name, *tags = head.split(",")
    fields: Pairs = [(field, int(text[:-1])) for field, text in (one.split("=") for one in values.split(","))]
    return name, [(tag, value) for tag, value in (one.split("=") for one in tags)], fields, int(seconds)


def deliver(folder: Path, count: int, rounds: int) -> dict[str, Any]:
    """Compare the projection of a ledger with its lines made before, and with the client's batching.

    Once with the server and us on all cores, and once, where there are two, with one of them for the server and one
    for us: the first says what a small machine does, the second whether the server is the limit.
    """
    every = os.sched_getaffinity(0)
    ledger = ledger_of(folder, count)
    project(ledger, Delivery, every)  # what is decided and compiled once
    kept, _, _ = project(ledger, Kept, every)
    assert isinstance(kept, Kept)
    lines = [(bucket, chunk) for bucket, chunk in kept.kept if b"darkscope " not in chunk.data[:10]]
    points = sum(chunk.points for _, chunk in lines)
    found = {"points": points, "built": sum(chunk.points for _, chunk in kept.kept) / kept.seconds}
    found |= compared(ledger, lines, rounds, every)
    if len(every) > 1:
        servers, own, *_ = ({core} for core in sorted(every))
        with on(own):
            found |= {
                f"apart_{name}": rate for name, rate in compared(ledger, lines, rounds, servers).items()
            }
    return found


def compared(
    ledger: Ledger, lines: list[tuple[str, Chunk]], rounds: int, cores: set[int]
) -> dict[str, float]:
    """Points a second to a server on some cores: by the projection, of ready-made lines, by the client's batching."""
    points = sum(chunk.points for _, chunk in lines)
    ours, ready, client = [], [], []
    for _ in range(rounds):
        for found, bring_it in (
            (ready, lambda: bring(lines, cores)),
            (ours, lambda: project(ledger, Delivery, cores)[1:]),
        ):
            seconds, there = bring_it()
            if there != points:
                raise ValueError(f"{there:,} points arrived, {points:,} were made")
            found.append(seconds)
        seconds, there = batch(lines, cores)
        if there != min(points, POINTS_OF_PEER):
            raise ValueError(f"the client brought {there:,} points")
        client.append(there / seconds)
    return {"ours": points / min(ours), "ready": points / min(ready), "client": max(client)}


def lag(folder: Path, seconds: int) -> dict[str, Any]:
    """Write live captures for so long, and ask InfluxDB when their packets are there: seconds since their times."""
    spool = folder / "spool"
    Ledger.open_or_create(folder / "ledger")
    sent: list[float] = []  # times of the first packet of each lot
    lags: list[float] = []

    def send() -> None:
        first = time.time() - 1
        for number in range(SENDERS):
            path = spool / f"sensor-{number}" / f"{int(first) // ROTATED}.pcap"
            path.parent.mkdir(parents=True, exist_ok=True)
            data = many(PACKETS_A_LOT, first - NOON, 1 / PACKETS_A_LOT, seed=len(sent) * SENDERS + number)
            with path.open("ab") as file:
                file.write(data[PCAP_HEADER:] if file.tell() else data)
        sent.append(first)

    with serving(os.sched_getaffinity(0)) as (influx, settings), ExitStack() as stack:

        def seen() -> int:
            found = influx.query(BUCKETS[0], f'SELECT sum("packets") FROM "{TOTALS.name}"')
            return int(found[0]["values"][0][1]) // (SENDERS * PACKETS_A_LOT) if found else 0

        environment = {
            "DARKSCOPE_LEDGER": str(folder / "ledger"),
            "DARKSCOPE_INFLUX__URL": str(settings.influx.url),
        }
        send()
        stack.enter_context(running("ingest", "--quiet", "--follow", spool, **environment))
        stack.enter_context(running("project", "--quiet", "--follow", **environment))
        until(seen)  # all is compiled and opened
        sent.clear()
        end = time.time() + seconds
        while time.time() < end or len(lags) < len(sent):
            if time.time() < end and (not sent or time.time() >= sent[-1] + 2):
                send()
            arrived = seen() - 1
            lags += [time.time() - first for first in sent[len(lags) : arrived]]
            if any(time.time() - first > LONGEST_LAG for first in sent[len(lags) :]):
                raise ValueError(f"{len(sent) - len(lags)} of {len(sent)} lots of packets have not arrived")
            time.sleep(0.05)
    return {"lots": len(lags), "longest": max(lags), "median": median(lags)}


def made_up(measurement: Measurement, tags: pl.DataFrame, days: int) -> pl.DataFrame:
    """Points of so many days in a row, the last of them `DATE`, for each combination of tags."""
    dice = np.random.default_rng(len(measurement.name))
    midnights = (np.arange(days) - days + 1 + (DATE - EPOCH).days) * 86_400
    points = pl.DataFrame({"seconds": midnights}).join(tags, how="cross")
    most = 2 if measurement is LISTED else 10_000  # `listed` is always 1
    counts = {name: dice.integers(1, most, points.height) for name in measurement.field_names}
    return points.with_columns(pl.Series(name, values) for name, values in counts.items())


def walls_series() -> Iterator[tuple[Measurement, pl.DataFrame]]:
    """Tags of 20 sensors that have all slots in use: of its ports one has 1.5 classes, of its countries 1.5."""
    given = slots(100_000, len(SENSORS))
    sensors = pl.DataFrame({"sensor": SENSORS})
    classes = pl.DataFrame({"class": [one.value for one in Traffic]})
    numbers = pl.int_range(given.ports, eager=True)
    ports = pl.DataFrame(
        {
            "protocol": [*("udp" if one % 5 == 0 else "tcp" for one in numbers), *ALWAYS],
            "port": [*(str(20 + 7 * one) for one in numbers), "0", "0", "other", "other", "other"],
        }
    ).with_row_index("place")
    countries = pl.DataFrame(
        {"country": [f"{a}{b}" for a in "ABCDEFGHI" for b in "JKLMNOPQR"]}
    ).with_row_index()
    countries = pl.concat(
        [countries.head(given.countries), countries.head(1).with_columns(country=pl.lit("other"))]
    )
    # One class of each, another of every second, and of the first value all.
    some = classes.with_row_index("nth").with_columns(every=pl.col("nth") + 1 + 1000 * (pl.col("nth") > 1))
    yield TOTALS, sensors.join(pl.DataFrame({"protocol": TOTAL}), how="cross").join(classes, how="cross")
    yield (
        PORTS,
        sensors.join(
            ports.join(some, how="cross").filter(pl.col("place") % pl.col("every") == 0), how="cross"
        ),
    )
    yield (
        COUNTRIES,
        sensors.join(
            countries.join(some, how="cross").filter(pl.col("index") % pl.col("every") == 0), how="cross"
        ),
    )
    pairs = ports.head(given.ports).join(countries.head(given.pairs // given.ports), how="cross")
    folded = ports.with_columns(country=pl.lit("other"))
    joint = pl.concat([one.select("protocol", "port", "country") for one in (pairs, folded)])
    yield PACKETS, sensors.join(joint, how="cross")
    yield COVERAGE, sensors
    own = {"organisation": "Example CERT", "home": "home", "kind": "telescope", "country": "JP"}
    yield LISTED, sensors.with_columns(pl.lit(value).alias(name) for name, value in own.items())


def panels(days: int) -> dict[str, Any]:
    """Ask all that *Now* asks over so many days: seconds of each panel, one query after the other, as Grafana does."""
    with serving(os.sched_getaffinity(0)) as (influx, settings):
        server = Server(settings.influx)
        series: dict[str, int] = {}
        with Delivery(server) as delivery:
            for measurement, tags in walls_series():
                series[measurement.name] = tags.height
                delivery.bring(BUCKETS[-1], chunks(made_up(measurement, tags, 2 * days), measurement))
            delivery.settle()
        server.close()
        model = DASHBOARD.model()
        end = (DATE - EPOCH).days * 86_400 + 86_399
        start = end - days * 86_400
        step = max(Resolution.DAY.minutes * 60, days * 86_400 // 1000)

        def ask(text: str, uid: str, values: Any) -> list[dict[str, Any]]:
            return influx.query(
                database(uid, "darkscope", values), interpolated(text, values, start * 1000, end * 1000, step)
            )

        def timed(work: Callable[[], object]) -> float:
            begun = time.perf_counter()
            work()
            return time.perf_counter() - begun

        values = chosen_values(model, ask)
        variables = min(timed(lambda: chosen_values(model, ask)) for _ in range(REPEATS))
        found = {}
        for panel in model["panels"]:
            asked = [
                (target["query"], target["datasource"]["uid"])
                for target in panel.get("targets", ())
                if target["datasource"]["uid"] != "__expr__"
            ]
            if asked:
                found[panel["title"]] = min(
                    timed(lambda asked=asked: [ask(*one, values) for one in asked]) for _ in range(REPEATS)
                )
                if not all(ask(*one, values) for one in asked):
                    raise ValueError(f"{panel['title']} shows nothing")
        return {"series": series, "variables": variables, "panels": found}


def main() -> None:
    """Do one measure and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measure", choices=["deliver", "lag", "panels"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--flows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--days", type=int, default=90)
    asked = parser.parse_args()
    match asked.measure:
        case "deliver":
            result = deliver(asked.folder, asked.flows, asked.rounds)
        case "lag":
            result = lag(asked.folder, asked.seconds)
        case _:
            result = panels(asked.days)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
