"""Ask an InfluxDB what it is, and say what it lacks: buckets, rights of the tokens, memory.

Writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from darkscope.ingest.measurements import Resolution
from darkscope.ingest.projection.promotions import retention
from darkscope.ingest.projection.server import Bucket, Refused, Server, Unavailable
from darkscope.ingest.projection.slots import ceiling, rounded
from darkscope.ingest.settings import Influx, Settings


@dataclass(frozen=True, slots=True)
class Inspected:
    """What was found."""

    url: str
    version: str  # empty where it does not answer
    lacks: tuple[str, ...]  # sentences


def inspect(settings: Settings) -> Inspected:
    """Look at the InfluxDB of the settings; never raises for what it finds.

    Where a token is given that only reads, it is tried too; where it is the only one, nothing is written from here, and
    nothing is said of writing.
    """
    influx = settings.influx
    lacks: list[str] = []
    version = ""
    if influx.token_file is not None or influx.read_token_file is None:
        version, lacks = _looked(influx, lambda server, version: _lacking(server, settings, version))
    if influx.read_token_file is not None:
        reading = influx.model_copy(update={"token_file": influx.read_token_file})
        found, others = _looked(reading, lambda server, _: _unreadable(server, settings))
        version = version or found
        said = [one.removeprefix("influx.token_file: ") for one in others if one not in lacks]
        lacks += [f"influx.read_token_file: {one}" for one in said]
    return Inspected(influx.url or "", version, tuple(lacks))


def _looked(influx: Influx, look: Callable[[Server, str], Iterator[str]]) -> tuple[str, list[str]]:
    """Give the version of a server, empty where it does not answer, and what it lacks by a look."""
    try:
        server = Server(influx)
    except Unavailable as error:
        return "", [str(error)]
    try:
        version = server.version()
        return version, list(look(server, version))
    except Unavailable as error:
        return "", [str(error)]
    finally:
        server.close()


def _lacking(server: Server, settings: Settings, version: str) -> Iterator[str]:
    for resolution in Resolution:
        yield from _lacks(server, settings, resolution, version)


def _unreadable(server: Server, settings: Settings) -> Iterator[str]:
    for resolution in Resolution:
        yield from _not_read(server, resolution.bucket(settings.influx.bucket))


def _not_read(server: Server, bucket: str) -> Iterator[str]:
    try:
        server.ask(bucket, "SHOW MEASUREMENTS")
    except (Refused, Unavailable) as error:
        yield f"bucket {bucket}: cannot be read: {error}"


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
    if refusal := server.refusal(name):
        yield f"bucket {name}: {refusal}"
    yield from _not_read(server, name)
