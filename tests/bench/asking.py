"""P9: the same questions asked of the ledger, of InfluxDB, and of plain polars over the flows; one quarter, 20 sensors.

InfluxDB is Debian's 1.6 on loopback; it gets the hours and days of the quarter, and the minutes of its last day. Plain
polars is what somebody writes who has the Parquet files of `flows` and no rollups: scan, filter, group. All are opened
anew for each question, as for each request. Prints JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from projecting import BUCKETS, points_in, serving
from quarter import build

from darkscope.api.dimension import Dimension
from darkscope.api.influx_store import InfluxStore
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.periods import Buckets, Window, cut, parse_period
from darkscope.api.ranking import leading
from darkscope.api.store import Filter, Store
from darkscope.ingest.intake.stop import Stop
from darkscope.ingest.ledger.ledger import Ledger
from darkscope.ingest.projection import waiting
from darkscope.ingest.projection.delivery import Delivery
from darkscope.ingest.projection.projector import Projector
from darkscope.ingest.projection.server import Server
from darkscope.ingest.registry import Registry

NOW = datetime(2020, 7, 1, 0, 10, tzinfo=UTC)
REPEATS = 7
UTC_ZONE, TOKYO = ZoneInfo("UTC"), ZoneInfo("Asia/Tokyo")
EVERYTHING = Filter()


def window(text: str, zone: ZoneInfo = UTC_ZONE) -> Window:
    """A period's window."""
    return parse_period(text, zone, NOW).window


def days(text: str, step: str = "day") -> Buckets:
    """A period's buckets."""
    return cut(window(text, TOKYO), step, TOKYO)


QUARTER, WEEK = "2020-Q2", "2020-06-20/2020-06-26"

Question = Callable[[Any, list[Any]], object]
"""Asks a store, or plain polars."""

QUESTIONS: dict[str, Question] = {
    "top ports, quarter": lambda store, _: store.totals(Dimension.PORTS, window(QUARTER), EVERYTHING),
    "top ports, quarter of Tokyo": lambda store, _: store.totals(
        Dimension.PORTS, window(QUARTER, TOKYO), EVERYTHING
    ),
    "top countries, quarter": lambda store, _: store.totals(Dimension.COUNTRIES, window(QUARTER), EVERYTHING),
    "countries of a port, quarter": lambda store, ports: store.totals(
        Dimension.COUNTRIES, window(QUARTER), Filter(ports=frozenset(ports[:1]))
    ),
    "five ports by day, quarter of Tokyo": lambda store, ports: store.series(
        Dimension.PORTS, days(QUARTER), EVERYTHING, ports
    ),
    "five ports by hour, a week": lambda store, ports: store.series(
        Dimension.PORTS, days(WEEK, "hour"), EVERYTHING, ports
    ),
}


class Plain:
    """Flows as Parquet files, and polars: the two questions that are asked here."""

    def __init__(self, ledger: Path) -> None:
        self._flows = pl.scan_parquet(ledger / "flows" / "day=*" / "*.parquet", hive_partitioning=True)

    def totals(self, dimension: Dimension, window: Window, where: Filter) -> pl.DataFrame:
        """Sum by value."""
        return self._sums(self._rows(window, where), *dimension.columns)

    def series(
        self, dimension: Dimension, buckets: Buckets, where: Filter, values: list[Any]
    ) -> pl.DataFrame:
        """Sum named ports by bucket."""
        edges = pl.lit(pl.Series(buckets.edges, dtype=pl.Int32))
        rows = self._rows(buckets.window, where).filter(_is_one_of(values))
        bucket = edges.search_sorted(pl.col("minute"), side="right") - 1
        return self._sums(rows.with_columns(bucket=bucket), *dimension.columns, "bucket")

    def _rows(self, window: Window, where: Filter) -> pl.LazyFrame:
        start, end = window.minutes
        days = pl.col("day").is_between(window.start.date(), window.end.date())
        rows = self._flows.filter(days, pl.col("minute") >= start, pl.col("minute") < end)
        return rows if where.ports is None else rows.filter(_is_one_of([*where.ports]))

    def _sums(self, rows: pl.LazyFrame, *keys: str) -> pl.DataFrame:
        return rows.group_by(keys).agg(pl.col("packets").sum()).collect(engine="streaming")


def _is_one_of(ports: list[Any]) -> pl.Expr:
    return pl.any_horizontal(
        (pl.col("protocol") == protocol) & (pl.col("port") == port) for protocol, port in ports
    )


Asked = Store | Plain


def timed(ask: Question, opened: Callable[[], Asked], ports: list[Any]) -> dict[str, float]:
    """Wall seconds of a question; the first time is not counted."""
    ask(opened(), ports)
    runs = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        ask(opened(), ports)
        runs.append(time.perf_counter() - begun)
    return {"least": min(runs), "median": median(runs)}


def main() -> None:
    """Arguments: folder, flows, share of random ports."""
    folder, count, random_ports = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    if not folder.exists():
        build(folder, count, random_ports)
    ledger = Ledger(folder)
    ours: dict[str, Callable[[], Asked]] = {
        "ledger": lambda: LedgerStore(ledger.snapshot()),
        "plain polars": lambda: Plain(folder),
    }
    totals = LedgerStore(ledger.snapshot()).totals(Dimension.PORTS, window(QUARTER, TOKYO), EVERYTHING)
    ports = leading(Dimension.PORTS, totals, 5)
    check(ours, ports)
    projected = None
    if shutil.which("influxd") is None:
        answers = asked(ours, ports)
    else:
        with projected_into_influx(folder) as (store, projected):
            answers = asked({**ours, "InfluxDB": store}, ports)
    peers = [name for name in next(iter(answers.values())) if name != "ledger"]
    print(json.dumps({"projected": projected, "peers": peers, "answers": answers}))


def check(stores: dict[str, Callable[[], Asked]], ports: list[Any]) -> None:
    """A peer that answers something else is no peer.

    It may miss nine hours: of the day before the quarter, on which Tokyo's begins, there are rollups and no flows.
    """
    for name, ask in QUESTIONS.items():
        ours, theirs = (ask(opened(), ports).select("packets").sum().item() for opened in stores.values())
        if not 0.99 * ours < theirs <= ours:
            raise ValueError(f"{name}: the ledger has {ours:,} packets, plain polars {theirs:,}")


def asked(stores: dict[str, Callable[[], Asked]], ports: list[Any]) -> dict[str, Any]:
    """Wall seconds of each question to each."""
    return {
        name: {store: timed(ask, opened, ports) for store, opened in stores.items()}
        for name, ask in QUESTIONS.items()
    }


@contextmanager
def projected_into_influx(folder: Path) -> Iterator[tuple[Callable[[], Store], dict[str, float]]]:
    """An InfluxDB that has what a ledger has, and what it took to get it there."""
    with serving(os.sched_getaffinity(0)) as (influx, given), tempfile.TemporaryDirectory() as kept:
        changed = given.influx.model_copy(update={"retention_minute": 1})
        settings = given.model_copy(update={"influx": changed})
        registry, server = Registry(Path(kept), *waiting.TABLES), Server(changed)
        with Delivery(server) as delivery:
            projector = Projector(Ledger(folder), settings, registry, server, delivery, NOW.timestamp)
            begun = time.perf_counter()
            projector.finish(Stop())
            seconds = time.perf_counter() - begun
        registry.close()
        points = sum(points_in(influx, bucket) for bucket in BUCKETS)
        yield lambda: InfluxStore(server, changed, NOW), {"seconds": seconds, "points": points}
        server.close()


if __name__ == "__main__":
    main()
