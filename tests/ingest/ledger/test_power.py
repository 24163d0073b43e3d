"""A power cut takes nothing that was committed: what a plan names is on the disk before the plan is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ledgers import Site, no_room, packets, ramp, read

from darkscope.ingest.ledger.errors import LedgerError, Overtaken
from darkscope.ingest.ledger.ledger import Ledger
from darkscope.ingest.ledger.plan import Plan
from darkscope.ingest.ledger.storage import Folder
from darkscope.ingest.ledger.upkeep import keep_up
from darkscope.ingest.ledger.verify import verify
from darkscope.ingest.series import CAPTURES, COVERAGE, FLOWS, SOURCES


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "ledger")


class Disk:
    """What is on the disk for good, and in which order it came and was relied on."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[tuple[str, str]] = []
        fsync, link, commit = os.fsync, os.link, Ledger._commit

        def synced(descriptor: int) -> None:
            fsync(descriptor)
            place = Path(f"/proc/self/fd/{descriptor}").readlink()
            self.events.append(("synced", str(place.relative_to(folder))))

        def linked(draft: Path, target: Path) -> None:
            link(draft, target)
            self.events.append(("linked", str(target.relative_to(folder))))

        def committed(ledger: Ledger, plan: Plan, table: Any, change: Any) -> None:
            commit(ledger, plan, table, change)
            self.events.append(("committed", table.name))

        monkeypatch.setattr(os, "fsync", synced)
        monkeypatch.setattr(os, "link", linked)
        monkeypatch.setattr(Ledger, "_commit", committed)

    def place(self, kind: str, name: str) -> int:
        """Place of an event among all."""
        return self.events.index((kind, name))


def test_all_that_a_plan_names_is_on_the_disk_before_it_and_each_commit_before_the_next(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.ledger.finish()
    disk = Disk(site.folder, monkeypatch)
    site.take(ramp(0, 5))
    plan = site.folder / "plans" / f"{1:020}.json"
    published = disk.place("linked", str(plan.relative_to(site.folder)))
    before = [name for kind, name in disk.events[:published] if kind == "synced"]
    made = Plan.read(Folder(site.folder), 1)
    assert made is not None
    names = [f"{table}/{file.path}" for table, change in made.changes.items() for file in change.add]
    assert len(names) == 4
    for name in names:
        assert {name, str(Path(name).parent), name.split("/")[0]} <= set(before)
    assert any(name.startswith("plans/.") for name in before)
    assert disk.events[published + 1] == ("synced", "plans")
    order = [name for kind, name in disk.events if kind == "committed"]
    assert order[-1] == COVERAGE.name
    for name in order:
        log = f"{name}/_delta_log"
        linked = disk.place("linked", f"{log}/{1:020}.json")
        assert published < linked < disk.place("committed", name)
        assert disk.events[linked - 1][1].startswith(f"{log}/.")  # what it is a link to was synced
        assert disk.events[linked + 1] == ("synced", log)


def test_a_checkpoint_is_on_the_disk_before_the_log_is_shortened_to_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = site.worker()
    disk = Disk(site.folder, monkeypatch)
    for number in range(10):
        read(worker, ramp(number * 60, 3), f"/spool/a/{number}.pcap")
        worker.commit()
    log = site.folder / FLOWS.name / "_delta_log"
    (checkpoint,) = log.glob("*.checkpoint.parquet")
    assert ("synced", str(checkpoint.relative_to(site.folder))) in disk.events
    assert ("synced", f"{FLOWS.name}/_delta_log/_last_checkpoint") in disk.events


@pytest.mark.parametrize(
    "lost",
    [
        (COVERAGE,),
        (COVERAGE, CAPTURES),
        (COVERAGE, CAPTURES, SOURCES, FLOWS),
    ],
    ids=len,
)
def test_commits_that_a_power_cut_took_are_made_again_by_their_plan(
    site: Site, lost: tuple[Any, ...]
) -> None:
    site.take(ramp(0, 5))
    site.take(ramp(100, 7), "/spool/a/2.pcap")
    for table in lost:
        (site.folder / table.name / "_delta_log" / f"{2:020}.json").unlink()
    fresh = Site(site.folder)
    assert packets(fresh) == 12
    assert fresh.ledger.snapshot().plan == 2
    fresh.take(ramp(200, 3), "/spool/a/3.pcap")
    keep_up(fresh.ledger, "w", fresh.now)
    assert packets(Site(site.folder)) == 15
    assert verify(Ledger(site.folder)).faults == ()


def test_files_that_were_cleaned_away_while_a_batch_waited_are_read_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a daemon finds them that had no room for more than a day."""
    worker = site.worker()
    read(worker, ramp(0, 5))
    with monkeypatch.context() as full:
        full.setattr(Plan, "publish", no_room)
        with pytest.raises(LedgerError):
            worker.commit()
    for path in site.folder.glob("*/day=*/*.parquet"):
        path.unlink()
    with pytest.raises(Overtaken, match="is gone; read again"):
        worker.commit()
    worker.start_over()
    read(worker, ramp(0, 5))
    worker.commit()
    assert packets(site) == 5
    assert verify(site.ledger).faults == ()
