"""Whatever is sent, there are no more series than the budget has, and every packet is in one of them."""

from __future__ import annotations

import os
import shutil
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from flows import DEFAULTS, book, minute
from ledgers import empty_ledger

from darkscope.ingest.ledger.ledger import Ledger
from darkscope.ingest.measurements import OTHER, PACKETS, PORTS, Measurement, Resolution
from darkscope.ingest.projection.promotions import Promotions
from darkscope.ingest.projection.sums import DAY as DAY_MINUTES
from darkscope.ingest.projection.sums import Stretch, minute_of, traffic
from darkscope.ingest.series import FLOWS, Traffic
from darkscope.ingest.settings import SensorEntry, Settings

FIRST = date(2020, 6, 20)
DAYS = 4
SENSORS = 100
COUNTRIES = [f"{a}{b}" for a in "ABCDEFGHIJ" for b in "ABCDEFGHIJKLMNOPQRSTUVWXY"]


def flood(day: date, rows: int) -> pl.DataFrame:
    """Every port from every country, at all sensors and from ever new sources."""
    random = np.random.default_rng(day.toordinal())
    number = np.arange(rows)
    given = {
        "minute": minute(day) + random.integers(0, DAY_MINUTES, rows),
        "sensor": pl.Series([f"s{one}" for one in range(SENSORS)]).gather(number % SENSORS),
        "source_low": random.integers(0, 1 << 32, rows),
        "protocol": np.where(number % 3, 6, 17),
        # A hundred ports far more often than the others, so that some earn.
        "port": np.where(number % 2, random.integers(0, 65536, rows), random.integers(0, 100, rows)),
        "class": pl.Series(list(Traffic), dtype=pl.String).gather(number % len(Traffic)),
        "country": pl.Series(COUNTRIES).gather(random.integers(0, 250, rows)),
        "packets": random.integers(1, 9, rows),
    }
    frame = pl.DataFrame(given)
    rest = [pl.lit(value).alias(name) for name, value in DEFAULTS.items() if name not in given]
    return frame.with_columns(rest).select(pl.col(name).cast(kind) for name, kind in FLOWS.schema.items())


def test_a_flood_of_all_ports_from_all_countries_stays_within_the_bound_at_a_hundred_sensors(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "ledger"
    shutil.copytree(empty_ledger(), folder)
    ledger = Ledger(folder)
    sensors = tuple(SensorEntry(id=f"s{number}") for number in range(SENSORS))
    settings = Settings(ledger=folder, worker="one", sensors=sensors)
    promotions = Promotions(ledger, settings)
    days = [FIRST + timedelta(days=number) for number in range(DAYS)]
    for day in days:
        snapshot = book(ledger, flood(day, int(os.environ.get("DARKSCOPE_FLOOD", "300000"))))
        promotions.write(promotions.decide(snapshot, promotions.undecided(snapshot)))
    snapshot = ledger.snapshot()
    series: dict[Measurement, set[tuple[str, ...]]] = {}
    for day in days:
        owned = promotions.owned(snapshot, day)
        for resolution in (Resolution.HOUR, Resolution.DAY):
            stretch = Stretch(resolution, minute_of(day), minute_of(day) + DAY_MINUTES)
            total = int(snapshot.scan(FLOWS, day, day).select(pl.col("packets").sum()).collect().item())
            for measurement, points in traffic(snapshot, stretch, owned):
                series.setdefault(measurement, set()).update(
                    points.select(measurement.tag_names).unique().rows()
                )
                assert points["packets"].sum() == total
    assert len(series[PACKETS]) <= 20_000
    assert len(Resolution) * sum(map(len, series.values())) <= 100_000
    shown = {(protocol, port) for _, protocol, port, _ in series[PORTS]} - {("tcp", OTHER), ("udp", OTHER)}
    assert len(shown) == promotions.slots(snapshot).ports, "the flood fills the slots, and no more"
