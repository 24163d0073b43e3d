"""Real servers, one of each for all tests of a process: InfluxDB, object storage, Spark. And no test is timed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import Cluster, standalone
from hypothesis import settings
from influx import InfluxDB
from ledgers import Place
from objects import S3, Bucket, Objects
from sparks import need_spark, on_two_threads

from darkscope.ingest.engine.spark import OnSpark

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs Spark comes first, and so to one process of those that share the tests: each would start a JVM."""
    items.sort(key=lambda item: "spark" not in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDB]:
    with InfluxDB(tmp_path_factory.mktemp("influxdb")) as server:
        yield server


@pytest.fixture(scope="session")
def objects() -> Iterator[Objects]:
    with Objects() as server:
        yield server


@pytest.fixture
def bucket(objects: Objects, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Bucket:
    """A fresh bucket; this process's environment, which programs it starts inherit, says how to get at it.

    It is one of S3's, unless a test is parametrised by `SCHEMES`.
    """
    fresh = objects.bucket(scheme=getattr(request, "param", S3))
    for name, value in fresh.environment.items():
        monkeypatch.setenv(name, value)
    return fresh


@pytest.fixture
def cluster(place: Place, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster of a test that says which place: its processes have what the environment then says of it."""
    del place
    need_spark()
    with standalone(tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnSpark]:
    with on_two_threads(tmp_path_factory.mktemp("spark")) as engine:
        yield engine
