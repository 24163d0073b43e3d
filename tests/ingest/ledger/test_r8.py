"""Many writers on one ledger in object storage that fails, kept up and asked meanwhile, killed at random: R8.

A second or two here; `make soak` takes ten minutes and kills fifty times, and once more as Google speaks.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import polars as pl
import pytest
import writers
from faulty_objects import Fault, How, Proxy
from ledgers import DAY, NOW, Site, empty_ledger, ramp, read
from objects import S3, Bucket, Objects
from runs import assert_same
from writers import asked, settings_of, write

from darkscope.ingest.intake import session
from darkscope.ingest.ledger.errors import Away
from darkscope.ingest.ledger.ledger import Ledger, Snapshot, storage_of
from darkscope.ingest.ledger.upkeep import upkeep
from darkscope.ingest.ledger.verify import verify
from darkscope.ingest.series import COVERAGE, FLOWS, REQUESTS, SEALS, Table
from darkscope.ingest.settings import Settings

SECONDS = float(os.environ.get("DARKSCOPE_R8_SECONDS", "1"))
WRITERS = int(os.environ.get("DARKSCOPE_R8_WRITERS", "2"))
KILLS = int(os.environ.get("DARKSCOPE_R8_KILLS", "1"))
SEED = int(os.environ.get("DARKSCOPE_R8_SEED", "7"))
SCHEME = os.environ.get("DARKSCOPE_R8_SCHEME", S3)

RATE = 0.05
"""Part of all requests that fail."""

NAMES = [f"w{number}" for number in range(WRITERS)]


class Remote(Site):
    """The ledger that all write to."""

    bucket: Bucket

    @property
    def settings(self) -> Settings:
        return settings_of(f"{self.bucket.uri}/ledger", str(self.folder / "cache"), "w0")

    def opened(self) -> Ledger:
        return Ledger.open_or_create(storage_of(self.settings))

    def make(self) -> None:
        """Put an empty ledger there: the tables' logs say nothing of where they lie."""
        storage, empty = storage_of(self.settings), empty_ledger()
        for path in empty.rglob("*.json"):
            storage.put(path.relative_to(empty).as_posix(), path.read_bytes())


@pytest.fixture
def proxy(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    with Proxy(How(objects.port, rate=RATE, hang=0.5, seed=SEED)) as made:
        monkeypatch.setattr(session, "RETRY", 0.2)
        yield made


@pytest.fixture
def site(objects: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Remote:
    """A ledger with a day that expires at once."""
    made = Remote(tmp_path / "here")
    made.bucket = objects.bucket(scheme=SCHEME)
    for name, value in made.bucket.environment.items():
        monkeypatch.setenv(name, value)
    made.make()
    take_old(made)
    return made


def take_old(site: Site) -> None:
    worker = site.worker("old")
    read(worker, ramp(-10 * DAY, 30), "/spool/old/1.pcap")
    worker.commit()


def insist(action: Callable[[], object]) -> None:
    """Do something as a daemon does: again, where the storage failed for too long."""
    for _ in range(10):
        try:
            action()
        except Away:
            continue
        return
    raise AssertionError("the storage fails for ever")


def assert_whole(site: Remote, captures: dict[str, int], tmp_path: Path) -> None:
    """The ledger has what one worker makes of all captures, at rest and without faults."""
    place = f"{site.bucket.uri}/ledger"
    for name, count in captures.items():
        write(place, str(site.folder / "cache"), name, lambda number, end=count: number == end)
    sensors = [sensor for name in NAMES for sensor in settings_of(place, "", name).sensors]
    alone = Site(tmp_path / "alone", sensors=sensors)
    take_old(alone)
    worker = alone.worker()
    for name, count in captures.items():
        for number in range(count):
            read(worker, asked(name, number), f"/spool/{name}/{number}.pcap")
    worker.commit()
    for one in (site, alone):
        upkeep(one.opened(), site.settings, NOW)
    assert_same(site, alone)
    assert site.rows(REQUESTS) == alone.rows(REQUESTS)
    assert len(site.rows(SEALS)) == 1
    assert site.rows(SEALS) == alone.rows(SEALS)
    assert verify(site.opened()).faults == ()


def keep_up(site: Remote, over: Event) -> int:
    """Merge, expire and clean until it is over; how often."""
    rounds = 0
    while not rounds or not over.wait(0.3):
        insist(lambda: upkeep(site.opened(), site.settings, NOW))
        rounds += 1
    return rounds


def read_on(site: Remote, over: Event) -> int:
    """Look at one version after the other: what came in is in flows or was sealed. How many were seen."""
    seen: list[int] = []
    ledger = site.opened()
    while not seen or not over.is_set():
        try:
            snapshot = ledger.snapshot()

            def total(table: Table, column: str, snapshot: Snapshot = snapshot) -> int:
                return int(snapshot.scan(table).select(pl.col(column).sum()).collect().item())

            sums = total(FLOWS, "packets") + total(SEALS, "packets"), total(COVERAGE, "inbound")
        except Away:
            continue
        assert sums[0] == sums[1], snapshot.version
        assert not seen or snapshot.version >= seen[-1]
        seen.append(snapshot.version)
    return len(set(seen))


def test_nothing_is_lost_or_doubled_where_all_happens_at_once_and_the_storage_fails(
    site: Remote,
    proxy: Proxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    over = Event()
    with monkeypatch.context() as faulty, ThreadPoolExecutor(WRITERS + 2) as pool:
        for name, value in replace(site.bucket, endpoint=proxy.endpoint).environment.items():
            faulty.setenv(name, value)
        others = [pool.submit(keep_up, site, over), pool.submit(read_on, site, over)]
        end = time.monotonic() + SECONDS
        place = f"{site.bucket.uri}/ledger"

        def is_over(number: int) -> bool:
            return number > 0 and time.monotonic() > end

        writing = {name: pool.submit(write, place, str(tmp_path / name), name, is_over) for name in NAMES}
        done = {name: one.result() for name, one in writing.items()}
        over.set()
        rounds, versions = (one.result() for one in others)
    counts = proxy.counts()
    assert min(rounds, versions, sum(counts[fault] for fault in Fault)) > 0
    captures = {name: one.captures for name, one in done.items()}
    told = {
        "captures": captures,
        "captures a second": sum(captures.values()) / max(one.seconds for one in done.values()),
        "changes that another came before": sum(one.lost for one in done.values()),
        "slowest commit, seconds": max(one.slowest for one in done.values()),
        "rounds of upkeep": rounds,
        "versions seen": versions,
        "requests and faults": dict(counts),
    }
    for name, value in told.items():
        record_property(name, value)
        sys.stderr.write(f"{name}: {value}\n")
    assert_whole(site, captures, tmp_path)


def test_nothing_is_lost_or_doubled_where_writers_are_killed(site: Remote, tmp_path: Path) -> None:
    """Each is followed by one that reads all of its sensor's captures again."""
    chance = random.Random(SEED)
    captures = dict.fromkeys(NAMES, 1)
    for kill in range(KILLS):
        name = NAMES[kill % len(NAMES)]
        told = {
            "ledger": f"{site.bucket.uri}/ledger",
            "cache": str(tmp_path / "cache"),
            "name": name,
            "seconds": 600,
        }
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", writers.__file__, json.dumps(told)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdin
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            process.stdin.write("\n")
            process.stdin.flush()
            said = [process.stdout.readline() for _ in range(chance.randrange(1, 4))]
            time.sleep(chance.uniform(0, 1))
        finally:
            process.kill()
            rest, _ = process.communicate()
        last = int([*said, *rest.splitlines()][-1])
        captures[name] = max(captures[name], last + 2)  # one more may be in the ledger, and was not said
    assert_whole(site, captures, tmp_path)
