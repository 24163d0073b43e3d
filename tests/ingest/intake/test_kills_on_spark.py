"""A cluster whose executors, tasks and drivers are killed leaves the rows of an undisturbed run on one machine."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from cluster import Cluster
from ledgers import Place, Site
from objects import Bucket
from runs import PATIENCE, assert_same, many, run, start, until

from darkscope.ingest.ledger.verify import verify

pytestmark = pytest.mark.soak

KILLS = int(os.environ.get("DARKSCOPE_SPARK_KILLS", "12"))
SEED = int(os.environ.get("DARKSCOPE_KILLS_SEED", "7"))

SENSORS, CAPTURES_OF_ONE, FRAMES = 6, 3, 250_000

SETTINGS = """
[ingest]
flows_per_file = 20_000

[spark]
conf = [
  "spark.speculation=true", "spark.speculation.multiplier=1.1", "spark.speculation.quantile=0.1",
  "spark.speculation.minTaskRuntime=100ms", "spark.task.maxFailures=100", "spark.executor.memory=512m",
  "spark.excludeOnFailure.enabled=false", "spark.ui.enabled=false", "spark.deploy.maxExecutorRetries=-1",
]
"""
"""Batches are small and many; each task that seems slow is begun a second time; none is given up."""


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Captures of some sensors that follow one another and overlap."""
    folder = tmp_path_factory.mktemp("captures")
    for sensor in range(SENSORS):
        home = folder / f"sensor-{sensor}"
        home.mkdir()
        for number in range(CAPTURES_OF_ONE):
            data = many(FRAMES, number * FRAMES * 0.009, seed=10 * sensor + number, answers=9)
            (home / f"{number}.pcap").write_bytes(data)
    return folder


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    made = Place(tmp_path / "ledger")
    if request.param == "bucket":
        bucket: Bucket = request.getfixturevalue("bucket")
        monkeypatch.setenv("DARKSCOPE_STORAGE__CACHE", str(tmp_path / "cache"))
        made.address = f"{bucket.uri}/ledger"
    return made


def test_whatever_is_killed_the_rows_are_those_of_one_machine(
    captures: Path, place: Place, cluster: Cluster, tmp_path: Path
) -> None:
    settings = tmp_path / "darkscope.toml"
    settings.write_text(SETTINGS)
    chance = random.Random(SEED)
    ingest = ["ingest", "--settings", settings, captures]
    on_spark = [
        *ingest,
        "--ledger",
        place.address or place.folder,
        "--engine",
        "spark",
        "--master",
        cluster.master,
    ]
    killed = dict.fromkeys(("executor", "task", "driver"), 0)
    driver = start(*on_spark)
    try:
        while sum(killed.values()) < KILLS:
            until(partial(_is_at_work, cluster, driver))
            time.sleep(chance.uniform(0, 4))
            what = chance.choice(sorted(killed))
            processes = {
                "executor": cluster.executors(),
                "task": cluster.tasks(),
                "driver": [driver.pid],
            }[what]
            if processes and driver.poll() is None:
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(processes), signal.SIGKILL)
                    killed[what] += 1
            if what == "driver" or driver.poll() is not None:
                driver.communicate()
                driver = start(*on_spark)
        _, errors = driver.communicate(timeout=PATIENCE)
    finally:
        driver.kill()
        driver.communicate()
    assert driver.returncode == 0, errors.decode()
    code, said, errors_again = run(*on_spark)
    assert code == 0, errors_again
    assert f"{SENSORS * CAPTURES_OF_ONE} known" in said
    alone = Site(tmp_path / "alone")
    assert run(*ingest, "--ledger", alone.folder)[0] == 0
    assert_same(place, alone)
    assert verify(place.opened()).faults == ()


def _is_at_work(cluster: Cluster, driver: subprocess.Popen[bytes]) -> bool:
    return bool(cluster.tasks()) or driver.poll() is not None
