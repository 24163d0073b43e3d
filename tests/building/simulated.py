"""Simulated packets as a table, straight from the engine; and chosen days of a scenario as captures."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from darkscope.ingest.geo import Places
from darkscope.ingest.settings import Geo
from darkscope.ingest.simulate import SETTINGS, Scenario, scenario
from darkscope.ingest.simulate.engine import day_files, write_devices
from darkscope.ingest.simulate.files import write
from darkscope.ingest.simulate.frames import ARP
from darkscope.ingest.simulate.settings_file import DEVICES, settings_text
from darkscope.ingest.simulate.traffic import Traffic

_PROTOCOLS = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMP"}


def drawn(shown: Scenario, *, scale: float = 1.0, seed: int | None = None) -> pl.DataFrame:
    """Packets that sensors received: at (UTC), day (of the scenario's zone), sensor, country, source, service."""
    traffic = Traffic(shown, scale=scale, seed=shown.seed if seed is None else seed)
    parts = []
    for index in range(traffic.plan.days):
        packets = traffic.day(index)
        layouts = list(traffic.layouts.known)
        protocol = np.array([layout.protocol for layout in layouts])[packets.layout]
        received = ~packets.own & (protocol != ARP) & (packets.target != 0xFFFFFFFF)
        part = packets.take(received)
        version = np.array([layout.version for layout in layouts])[part.layout]
        columns = ("time", "sensor", "source", "source_high", "port", "sequence", "target", "flags", "ip_id")
        table = {name: getattr(part, name) for name in columns}
        parts.append(pl.DataFrame({**table, "version": version, "protocol": protocol[received]}))
    table = pl.concat(parts)
    sources = table.select("version", "source_high", "source").unique()
    answer, _ = Places(Geo()).look_up(*(sources[name].to_numpy() for name in sources.columns), 18_000)
    at = pl.from_epoch("time", time_unit="us").dt.replace_time_zone("UTC")
    protocol = pl.col("protocol").replace_strict(_PROTOCOLS)
    port = pl.when(protocol == "ICMP").then(0).otherwise("port")
    return table.join(sources.with_columns(country=answer), on=sources.columns, how="left").with_columns(
        at=at,
        day=at.dt.convert_time_zone(shown.zone).dt.date(),
        sensor=pl.col("sensor").replace_strict({n: one.id for n, one in enumerate(shown.sensors)}),
        service=pl.format("{}/{}", port, protocol),
    )


def asked(shown: Scenario) -> pl.DataFrame:
    """HTTP requests that honeypots received: time (us), sensor, country, source, source_port, port, text."""
    traffic = Traffic(shown, scale=0, seed=shown.seed)
    parts = []
    for index in range(traffic.plan.days):
        packets = traffic.day(index)
        texts = np.array([layout.payload.decode("latin-1") for layout in traffic.layouts.known])
        part = packets.take(~packets.own & (packets.flags == 0x18) & (texts[packets.layout] != ""))
        columns = ("time", "sensor", "source", "source_port", "port")
        table = {name: getattr(part, name) for name in columns}
        parts.append(
            pl.DataFrame({**table, "text": texts[part.layout]}, schema_overrides={"text": pl.String})
        )
    table = pl.concat(parts)
    none = np.zeros(len(table), np.uint64)
    country, _ = Places(Geo()).look_up(
        np.full(len(table), 4, np.int64), none, table["source"].to_numpy(), 18_000
    )
    return table.with_columns(
        country=country,
        sensor=pl.col("sensor").replace_strict({n: one.id for n, one in enumerate(shown.sensors)}),
    )


def home(shown: Scenario) -> list[str]:
    """The telescopes at home, of which the reports' tables are."""
    return [sensor.id for sensor in shown.sensors if sensor.home and not sensor.honeypot]


def ranking(table: pl.DataFrame, key: str, period: tuple[date, date]) -> list[str]:
    """Values of a column by packets in a period, most first."""
    return table.filter(pl.col("day").is_between(*period))[key].value_counts(sort=True)[key].to_list()


@cache
def _prepared(name: str, scale: float) -> Traffic:
    return Traffic(scenario(name), scale=scale, seed=scenario(name).seed)


def written(shown: Scenario, folder: Path, days: Iterable[date], *, scale: float = 1.0) -> None:
    """Write chosen UTC days of a scenario as captures, in this order."""
    traffic = _prepared(shown.name, scale)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SETTINGS).write_text(settings_text(shown), encoding="utf-8")
    write_devices(folder / DEVICES, traffic)
    for day in days:
        for path, _, content, packing in day_files(traffic, traffic.plan.index(day)):
            write(folder / path, content, packing)
