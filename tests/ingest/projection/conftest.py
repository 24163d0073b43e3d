"""A ledger that is projected into a real InfluxDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from influx import InfluxDB
from influx_proxy import Proxy
from walls import Wall, close, wall_of


@pytest.fixture
def proxy(influx: InfluxDB) -> Iterator[Proxy]:
    with Proxy(influx.port) as one:
        yield one


@pytest.fixture
def wall(tmp_path: Path, influx: InfluxDB, proxy: Proxy) -> Iterator[Wall]:
    one = wall_of(tmp_path, influx, proxy)
    yield one
    close(one)
    influx.drop(*(one.settings.influx.bucket + end for end in ("", "_hour", "_day")))
