"""The simulated fleet does what its assumptions say, and a commit puts what it assumes."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import obstore
import pytest
from ledgers import PLACES, ramp, read
from objects import Bucket
from obstore.store import S3Store

from darkscope.ingest.ledger.ledger import Ledger, storage_of
from darkscope.ingest.sensors import Sensors
from darkscope.ingest.settings import Settings, Storage
from darkscope.ingest.worker import Worker


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The simulation, in which each request takes just as long as it usually takes."""
    spec = importlib.util.spec_from_file_location("fleet", Path(__file__).parent / "fleet.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "fleet", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "SPREAD", 0.0)
    monkeypatch.setattr(module, "SECONDS", 600.0)
    return module


def test_a_worker_alone_waits_for_its_own_requests_and_for_nothing_else(fleet: ModuleType) -> None:
    costs = fleet.Costs(checkpoint=0, cpu=0.0)
    alone = fleet.Fleet(1, 10.0, 0.03, keepers=0, costs=costs).run()
    commit = costs.stage + costs.look + costs.serial
    assert alone.lost == 0
    assert alone.lag(0.5) == pytest.approx(10 + (costs.after + 2 * commit) * 0.03)
    assert alone.commits == pytest.approx(0.9 * 600 / (10 + (commit + costs.after) * 0.03), abs=1)


def test_a_ledger_completes_no_more_plans_than_fit_one_after_the_other(fleet: ModuleType) -> None:
    crowd = fleet.Fleet(50, 1.0, 0.03, keepers=0).run()
    serial = fleet.COSTS.serial * 0.03
    assert crowd.plan < 600 / serial
    assert crowd.busy < 0.9 * 600
    assert crowd.lost > 3 * crowd.commits  # and most tries are in vain


def test_a_longer_batch_leaves_fewer_commits_that_lose(fleet: ModuleType) -> None:
    lost = [fleet.Fleet(20, batch, 0.03).run() for batch in (10.0, 30.0, 60.0)]
    rates = [one.lost / one.commits for one in lost]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] > 3 * rates[2]


def test_a_commit_to_object_storage_puts_its_files_its_plan_and_a_commit_of_each_table(
    bucket: Bucket, tmp_path: Path
) -> None:
    settings = Settings(
        ledger=f"{bucket.uri}/ledger", worker="one", storage=Storage(cache=tmp_path / "copies")
    )
    worker = Worker(Ledger.open_or_create(storage_of(settings)), settings, Sensors(settings), PLACES)
    store = S3Store(bucket.name, endpoint=bucket.endpoint, client_options={"allow_http": True})

    def put() -> Counter[str]:
        paths = [one["path"] for page in obstore.list(store, "ledger") for one in page]
        return Counter(path.split("/")[1] + (" log" if "_delta_log" in path else "") for path in paths)

    puts = []
    for number in range(3):
        read(worker, ramp(number * 100, 5), f"/spool/a/{number}.pcap")
        before = put()
        worker.commit()
        puts.append(put() - before)
    named = ("flows", "sources", "captures", "coverage")
    assert puts == [Counter(["plans", *named, *(f"{table} log" for table in named)])] * 3
