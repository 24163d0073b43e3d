"""A ledger that is projected into a real InfluxDB, with a proxy between them that can misbehave."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from influx import InfluxDB
from influx_proxy import Proxy
from ledgers import empty_ledger

from darkscope.ingest.ledger.ledger import Ledger
from darkscope.ingest.measurements import Resolution
from darkscope.ingest.projection import waiting
from darkscope.ingest.projection.delivery import Delivery
from darkscope.ingest.projection.projector import Projector
from darkscope.ingest.projection.server import Server
from darkscope.ingest.projection.verify import Compared, Difference, compare
from darkscope.ingest.registry import PROJECTION, Registry, heard
from darkscope.ingest.series import COVERAGE, FLOWS, ROLLUPS
from darkscope.ingest.settings import Influx, Settings

NOW = datetime(2020, 6, 24, 18, 30, 30, tzinfo=UTC)
DAY = date(2020, 6, 24)
NAMES = (f"t{number}" for number in itertools.count())


@dataclass
class Watch:
    """A clock, and somebody who may ask for the end after some looks at it."""

    now: float = NOW.timestamp()
    looks: int = 10**9

    def __call__(self) -> float:
        return self.now

    @property
    def is_asked(self) -> bool:
        self.looks -= 1
        return self.looks < 0

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return self.is_asked


@dataclass
class Wall:
    """A ledger, an InfluxDB, and what is between them."""

    ledger: Ledger
    settings: Settings
    proxy: Proxy
    influx: InfluxDB
    clock: Watch = field(default_factory=Watch)
    opened: list[Any] = field(default_factory=list)

    def projector(self, **influx: Any) -> Projector:
        """A projector as a new process would have it."""
        changed = self.settings.influx.model_copy(update=influx)
        settings = self.settings.model_copy(update={"influx": changed})
        registry, server = Registry(self.ledger.storage.path, *waiting.TABLES), Server(changed)
        delivery = Delivery(server)
        self.opened += [registry, server, delivery]
        ledger = Ledger(self.ledger.storage.path)
        return Projector(ledger, settings, registry, server, delivery, self.clock)

    def project(self, **influx: Any) -> Projector:
        """Write all that waits, and end."""
        one = self.projector(**influx)
        one.finish(Watch())
        return one

    def differences(self) -> list[Difference]:
        """Where InfluxDB is not as the ledger, on every day of which either has anything, and on those beside."""
        one = self.projector()
        server = Server(self.settings.influx)
        self.opened.append(server)
        snapshot = self.ledger.snapshot()
        name = self.settings.influx.bucket
        holding = {day for table in (FLOWS, COVERAGE, *ROLLUPS) for day in snapshot.days(table)}
        holding |= {day for resolution in Resolution for day in self._days(resolution.bucket(name))}
        days = {day + timedelta(days=beside) for day in holding for beside in (-1, 0, 1)}
        assert days, "neither has anything: nothing is compared"
        return list(compare(one, snapshot, server, name, sorted(days), Compared()))

    def _days(self, bucket: str) -> set[date]:
        """UTC days on which a bucket has any point."""
        text = "SELECT count(/.*/) FROM /.*/ GROUP BY time(1d) fill(none)"
        rows = [row for one in self.influx.query(bucket, text) for row in one["values"]]
        return {datetime.fromtimestamp(row[0] / 1000, UTC).date() for row in rows}

    def points(self, bucket: str, text: str) -> dict[tuple[str, ...], list[tuple[int, ...]]]:
        """Values by tags; those of which all numbers are zero are left out."""
        found: dict[tuple[str, ...], list[tuple[int, ...]]] = {}
        for one in self.influx.query(self.settings.influx.bucket + bucket, text):
            rows = [(row[0] // 1000, *row[1:]) for row in one["values"] if any(row[1:])]
            if rows:
                found[tuple(one.get("tags", {}).values())] = rows
        return found

    def packets(self, bucket: str = "", measurement: str = "packets") -> int:
        """All packets that a bucket has."""
        found = self.influx.query(
            self.settings.influx.bucket + bucket, f'SELECT sum("packets") FROM "{measurement}"'
        )
        return int(found[0]["values"][0][1]) if found else 0

    def series(self, bucket: str, measurement: str) -> int:
        """How many series InfluxDB counts."""
        found = self.influx.query(self.settings.influx.bucket + bucket, f'SHOW SERIES FROM "{measurement}"')
        return sum(len(one["values"]) for one in found)


def wall_of(tmp_path: Path, influx: InfluxDB, proxy: Proxy, **how: Any) -> Wall:
    folder = tmp_path / "ledger"
    shutil.copytree(empty_ledger(), folder)
    name = next(NAMES)
    influx.create(name, f"{name}_hour", f"{name}_day")
    keep = dict.fromkeys(("retention_minute", "retention_hour", "retention_day"))
    given = Influx(url=proxy.url, bucket=name, timeout=timedelta(seconds=2), **{**keep, **how})
    return Wall(Ledger(folder), Settings(ledger=folder, worker="one", influx=given), proxy, influx)


def close(wall: Wall) -> None:
    for one in reversed(wall.opened):
        if isinstance(one, Delivery):
            one.__exit__()
        else:
            one.close()


def follow(wall: Wall, one: Projector, looks: int) -> None:
    """Let a projector go on for some looks at the clock, which it moves on by itself."""
    wall.clock.looks = looks
    one.follow(wall.clock)


def trouble(wall: Wall) -> str:
    """What the projector says that it waits for."""
    state = heard(wall.ledger.storage.path, PROJECTION)
    assert state is not None
    return str(state.values["trouble"])
