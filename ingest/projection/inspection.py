"""Ask an InfluxDB what it is, and say what it lacks: buckets, rights of the token, memory.

Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from darkscope.ingest.measurements import Resolution
from darkscope.ingest.projection.promotions import retention
from darkscope.ingest.projection.server import Bucket, Refused, Server, Unavailable
from darkscope.ingest.projection.slots import ceiling, rounded
from darkscope.ingest.settings import Settings


@dataclass(frozen=True, slots=True)
class Inspected:
    """What was found."""

    url: str
    version: str  # empty where it does not answer
    lacks: tuple[str, ...]  # sentences


def inspect(settings: Settings) -> Inspected:
    """Look at the InfluxDB of the settings; never raises for what it finds."""
    url = settings.influx.url or ""
    try:
        server = Server(settings.influx)
    except Unavailable as error:
        return Inspected(url, "", (str(error),))
    try:
        version = server.version()
        lacks = tuple(
            one for resolution in Resolution for one in _lacks(server, settings, resolution, version)
        )
    except Unavailable as error:
        return Inspected(url, "", (str(error),))
    finally:
        server.close()
    return Inspected(url, version, lacks)


def too_few_series(settings: Settings) -> str:
    """Say that the budget is too small for the sensors, empty where it is not."""
    known = len({entry.id for entry in settings.sensors})
    sensors = settings.influx.sensors or rounded(known)
    if sensors < known:
        return f"influx.sensors: {sensors} are fewer than the {known} of the settings"
    needed = ceiling(settings.influx.series, sensors)
    if needed > settings.influx.series:
        return (
            f"influx.series: {settings.influx.series:,} are too few for {sensors} sensors, "
            f"which have {needed:,} with every port folded"
        )
    return ""


def _lacks(server: Server, settings: Settings, resolution: Resolution, version: str) -> Iterator[str]:
    name = resolution.bucket(settings.influx.bucket)
    days = retention(settings, resolution)
    wanted = None if days is None else timedelta(days=days)
    if not version.startswith("3."):  # the third makes a database with its first point
        try:
            bucket: Bucket | None = server.bucket(name)
        except (Refused, Unavailable) as error:
            yield f"bucket {name}: {error}"
            return
        if bucket is None:
            yield f"bucket {name} is missing, or the token may not read it; `darkscope project init` makes it"
            return
        if bucket.retention is not None and (wanted is None or bucket.retention < wanted):
            yield (
                f"bucket {name} remembers {bucket.retention.days} days, "
                f"influx.retention_{resolution.name.lower()} says {'keep' if days is None else days}"
            )
    refusal = server.may_write(name)
    if refusal:
        yield f"bucket {name}: the token may not write: {refusal}"
    try:
        server.ask(name, "SHOW MEASUREMENTS")
    except (Refused, Unavailable) as error:
        yield f"bucket {name}: the token may not read: {error}"
