"""A real InfluxDB, one for all tests of a process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from influx import InfluxDB


@pytest.fixture(scope="session")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDB]:
    with InfluxDB(tmp_path_factory.mktemp("influxdb")) as server:
        yield server
