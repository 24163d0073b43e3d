"""P9: the same questions asked of the ledger and of InfluxDB, over one quarter and 20 sensors.

InfluxDB is Debian's 1.6 on loopback; it gets the hours and days of the quarter, and the minutes of its last day. Both
stores are opened anew for each question, as for each request. Prints JSON.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

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

Question = Callable[[Store, list[Any]], object]

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


def timed(ask: Question, opened: Callable[[], Store], ports: list[Any]) -> dict[str, float]:
    """Wall seconds of a question; the first time is not counted."""
    ask(opened(), ports)
    runs = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        ask(opened(), ports)
        runs.append(time.perf_counter() - begun)
    return {"least": min(runs), "median": median(runs)}


def main() -> None:
    """Arguments: folder of the ledger, flows, share of random ports."""
    folder, count, random_ports = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    if not folder.exists():
        build(folder, count, random_ports)
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
        ledger = Ledger(folder)
        stores: dict[str, Callable[[], Store]] = {
            "ledger": lambda: LedgerStore(ledger.snapshot()),
            "InfluxDB": lambda: InfluxStore(server, changed, NOW),
        }
        totals = stores["InfluxDB"]().totals(Dimension.PORTS, window(QUARTER, TOKYO), EVERYTHING)
        ports = leading(Dimension.PORTS, totals, 5)
        answers = {
            name: {store: timed(ask, opened, ports) for store, opened in stores.items()}
            for name, ask in QUESTIONS.items()
        }
        points = sum(points_in(influx, bucket) for bucket in BUCKETS)
        server.close()
    print(json.dumps({"projected": {"seconds": seconds, "points": points}, "answers": answers}))


if __name__ == "__main__":
    main()
