"""`/metrics`: what the ledger holds and how requests went, as Prometheus reads it.

What was ingested is read from the ledger at each scrape: it is one truth for all workers, and survives restarts. A
`forget` takes frames out, which Prometheus takes for a counter that began anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from darkscope.api.http.access import OPEN, needs
from darkscope.api.http.gauge import Reading
from darkscope.api.http.source import Source
from darkscope.api.keys import Scope
from darkscope.api.roster import FATES
from darkscope.api.store import StoreError
from darkscope.ingest.ledger.errors import LedgerError
from darkscope.ingest.registry import RegistryError, State

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Bounds of the histogram of requests: closest where the promised times lie."""


class Requests:
    """How requests went, by method and route. Routes are templates, so that no caller can make series."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._count = Counter(
            "darkscope_http_requests", "Requests answered.", ("method", "route", "status"), registry=registry
        )
        self._seconds = Histogram(
            "darkscope_http_request_seconds",
            "Seconds until an answer was sent whole.",
            ("method", "route"),
            buckets=SECONDS,
            registry=registry,
        )

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._count.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)


class Observed(Collector):
    """The ledger's state, read at each scrape."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def collect(self) -> Iterator[Metric]:
        """Give the metrics; without a ledger, those that say so."""
        yield from _remote(self._source)
        readable = GaugeMetricFamily("darkscope_ledger_readable", "1 where the ledger can be read, else 0.")
        try:
            reading = self._source.reading()
            free = self._source.ledger.free_bytes()
        except (LedgerError, StoreError, OSError):
            readable.add_metric((), 0)
            yield readable
            return
        readable.add_metric((), 1)
        yield readable
        yield GaugeMetricFamily(
            "darkscope_ledger_version", "Number of the last complete batch.", value=reading.version
        )
        yield GaugeMetricFamily(
            "darkscope_ledger_unclosed_days",
            "UTC days that are over and have no rollups yet.",
            value=reading.unclosed,
        )
        if free is not None:
            yield GaugeMetricFamily(
                "darkscope_ledger_free_bytes", "Free room on the ledger's disk.", value=free
            )
        if reading.taken is not None:
            yield GaugeMetricFamily(
                "darkscope_ledger_taken_timestamp_seconds",
                "When the last batch of captures was committed, Unix time.",
                value=reading.taken,
            )
        yield from _sensors(reading)
        yield from _tables(reading)
        with suppress(RegistryError):  # the projector's own log has it
            projection = self._source.projection()
            if projection is not None:
                yield from _projection(projection)

    def describe(self) -> Iterator[Metric]:
        """Nothing: registering must not read the ledger."""
        return iter(())


def _remote(source: Source) -> Iterator[Metric]:
    """How InfluxDB is, where questions go there."""
    reachable = GaugeMetricFamily(
        "darkscope_influxdb_reachable", "1 where InfluxDB answers as it should, else 0."
    )
    newest = None
    try:
        remote = source.remote()
        if remote is None:
            return
        newest = remote.newest
        reachable.add_metric((), 1)
    except StoreError:
        reachable.add_metric((), 0)
    yield reachable
    if newest is not None:
        yield GaugeMetricFamily(
            "darkscope_influxdb_watched_until_timestamp_seconds",
            "End of the newest minute in InfluxDB that a sensor watched, Unix time.",
            value=newest,
        )


def _sensors(reading: Reading) -> Iterator[Metric]:
    frames = CounterMetricFamily(
        "darkscope_frames", "Frames in the captures, by what became of them.", labels=("sensor", "fate")
    )
    dropped = CounterMetricFamily(
        "darkscope_dropped_packets", "Packets that the capturing program says it lost.", labels=("sensor",)
    )
    watched = GaugeMetricFamily(
        "darkscope_watched_until_timestamp_seconds",
        "End of the newest minute that a sensor watched, Unix time.",
        labels=("sensor",),
    )
    for sensor, counts in reading.sensors.items():
        for fate in FATES:
            frames.add_metric((sensor, fate), counts[fate])
        dropped.add_metric((sensor,), counts["dropped"])
    for sensor, until in reading.watched.items():
        watched.add_metric((sensor,), until)
    yield from (frames, dropped, watched)


def _tables(reading: Reading) -> Iterator[Metric]:
    for name, meaning in (
        ("rows", "Rows of a table, partial ones included."),
        ("bytes", "Room that a table's files take."),
        ("files", "Files of a table."),
    ):
        family = GaugeMetricFamily(f"darkscope_table_{name}", meaning, labels=("table",))
        for table, size in reading.sizes.items():
            family.add_metric((table,), getattr(size, name))
        yield family


PROJECTED = {
    "version": "Version of the ledger that InfluxDB has.",
    "lag": "Seconds: age of the oldest change that is not in InfluxDB; 0 where all are.",
    "waiting": "Hours and days that wait to be written.",
    "series": "Series of packets, ports, countries and totals in the newest UTC day.",
    "folded": "Packets of the newest UTC day whose port has no value of its own.",
    "points": "Points written since the projector began.",
    "rejected": "Points that InfluxDB refused since the projector began.",
    "failures": "Requests that failed since the projector began.",
    "damaged": "Files of the ledger that are damaged: what they bear on is not in InfluxDB.",
}
"""What the projector says of itself, in its own words."""

COUNTED = frozenset({"points", "rejected", "failures"})


def _projection(state: State) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "darkscope_projection_said_timestamp_seconds",
        "When the projector said what follows, Unix time.",
        value=state.at,
    )
    yield GaugeMetricFamily(
        "darkscope_projection_troubled",
        "1 while the projector waits for InfluxDB or the ledger, else 0.",
        value=int(bool(state.values.get("trouble"))),
    )
    for name, meaning in PROJECTED.items():
        family = CounterMetricFamily if name in COUNTED else GaugeMetricFamily
        yield family(f"darkscope_projection_{name}", meaning, value=state.values.get(name, 0))


def registry(source: Source) -> CollectorRegistry:
    """All metrics of this process: its own room and time, and the ledger's."""
    metrics = CollectorRegistry()
    ProcessCollector(registry=metrics)
    metrics.register(Observed(source))
    return metrics


def router(metrics: CollectorRegistry, *, is_open: bool) -> APIRouter:
    """The endpoint that Prometheus reads, for everybody where `is_open`."""
    routes = APIRouter(tags=["operation"])
    described: dict[int | str, dict[str, Any]] = {
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}}
    }

    door = OPEN if is_open else needs(Scope.READ, all_sensors=True)

    @routes.get("/metrics", dependencies=[door], response_class=Response, responses=described)
    def scrape() -> Response:
        """Give all metrics, in Prometheus' text format."""
        return Response(generate_latest(metrics), media_type=CONTENT_TYPE_LATEST)

    return routes
