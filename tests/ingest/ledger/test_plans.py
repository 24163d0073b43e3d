"""Changes to a ledger: whole or not at all, wherever the process is killed, and seen as one by every reader."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable, Field, Schema
from deltalake.schema import PrimitiveType
from killing import Killed, Killer
from ledgers import NOW, Site, day, packets, ramp, read
from polars.testing import assert_frame_equal
from runs import AS_ANYBODY, run

from darkscope.ingest.ledger import ledger as module
from darkscope.ingest.ledger import plan as plans
from darkscope.ingest.ledger.errors import LedgerError
from darkscope.ingest.ledger.expiry import expire, forget
from darkscope.ingest.ledger.files import write_file
from darkscope.ingest.ledger.ledger import Ledger, Snapshot
from darkscope.ingest.ledger.plan import Change, Plan
from darkscope.ingest.ledger.storage import Folder
from darkscope.ingest.ledger.upkeep import clean, keep_up
from darkscope.ingest.ledger.verify import verify
from darkscope.ingest.series import (
    COVERAGE,
    ECHOES,
    FLOWS,
    FORGOTTEN,
    FORMAT,
    MONTH_ROLLUPS,
    REQUESTS,
    ROLLUP_PORTS,
    SOURCES,
    TABLES,
    UNFINISHED,
    Column,
)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "ledger")


def rows(site: Site) -> dict[str, list[dict[str, Any]]]:
    """What may not depend on where a process was killed: all but times of work and compaction."""
    return {
        table.name: site.rows(table, *(["taken"] if table.name == "captures" else [])) for table in TABLES
    }


KILLS = [(1, False), *((step, True) for step in range(1, 6))]  # 1 is the plan, then table after table


@pytest.mark.parametrize(("step", "after"), KILLS)
def test_killed_between_any_two_steps_of_a_batch_a_restart_ends_with_the_same_rows(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, after: bool
) -> None:
    captures = [("/spool/a/1.pcap", ramp(0, 30)), ("/spool/b/1.pcap", ramp(0, 30, port=80))]
    undisturbed = Site(tmp_path / "undisturbed")
    for name, data in captures:
        undisturbed.take(data, name)
    site.take(captures[0][1], captures[0][0])
    with monkeypatch.context() as patched:
        killer = Killer(patched, step, after=after)
        try:
            site.take(captures[1][1], captures[1][0])
        except Killed:
            assert killer.steps == step
        else:
            assert killer.steps < step
    for name, data in captures:
        site.take(data, name)
    assert rows(site) == rows(undisturbed)
    assert verify(site.ledger).faults == ()


@pytest.mark.parametrize("kind", ["upkeep", "expire", "forget"])
@pytest.mark.parametrize(("step", "after"), [(1, True), (4, True)])
def test_killed_between_any_two_steps_of_another_change_a_restart_completes_it(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, step: int, after: bool
) -> None:
    def change(one: Site) -> None:
        if kind == "forget":
            forget(one.opened(), "w", "b", NOW.date() - timedelta(days=9), NOW.date(), NOW)
            return
        keep_up(one.opened(), "w", NOW)
        if kind == "expire":
            expire(one.opened(), "w", NOW.date(), {"flows": 1}.get, None)

    undisturbed = Site(tmp_path / "undisturbed")
    for one in (undisturbed, site):
        one.take(ramp(0, 30), "/spool/a/1.pcap")
        one.take(ramp(0, 30, port=80), "/spool/b/1.pcap")
    change(undisturbed)
    with monkeypatch.context() as patched:
        Killer(patched, step, after=after)
        with suppress(Killed):
            change(site)
    change(site)
    assert len(site.rows(FORGOTTEN)) == (kind == "forget")
    assert rows(site) == rows(undisturbed)
    assert verify(site.ledger).faults == ()


def test_a_plan_that_is_half_done_is_invisible_and_completed_by_another_process(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.take(ramp(0, 30))
    worker = site.worker()
    read(worker, ramp(100, 30, port=80))
    with monkeypatch.context() as patched:
        Killer(patched, 3, after=True)  # the plan, flows and sources are there; coverage is not
        with pytest.raises(Killed):
            worker.commit()
    before = Ledger(site.folder).snapshot()
    assert (before.version, before.scan(FLOWS).select(pl.col("packets").sum()).collect().item()) == (1, 30)
    assert before.scan(SOURCES).select(pl.col("packets").sum()).collect().item() == 30
    after = Ledger(site.folder).finish()
    assert (after.version, after.scan(FLOWS).select(pl.col("packets").sum()).collect().item()) == (2, 60)
    assert after.scan(SOURCES).select(pl.col("packets").sum()).collect().item() == 60


def test_a_worker_whose_commit_failed_half_way_commits_once_when_it_tries_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = site.worker()
    read(worker, ramp(0, 30))
    commit = Ledger._commit

    def full(ledger: Ledger, plan: Plan, table: Any, change: Change) -> None:
        if table is COVERAGE:
            raise LedgerError("the disk is full")
        commit(ledger, plan, table, change)

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "_commit", full)
        with pytest.raises(LedgerError, match="the disk is full"):
            worker.commit()
    committed = worker.commit()
    assert committed is not None
    assert (committed.version, committed.frames) == (1, 30)
    assert packets(site) == 30
    assert verify(site.ledger).faults == ()


def test_a_full_disk_before_the_plan_keeps_the_batch(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = site.worker()
    read(worker, ramp(0, 30))

    def full(*_args: Any, **_how: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(pl.DataFrame, "write_parquet", full)
        with pytest.raises(LedgerError, match="No space left on device"):
            worker.commit()
    with monkeypatch.context() as patched:
        patched.setattr(os, "link", full)
        with pytest.raises(LedgerError, match="No space left on device"):
            worker.commit()
    worker.commit()
    assert packets(site) == 30
    assert list((site.folder / "plans").glob(".*")) == []


def test_only_one_of_two_plans_of_a_number_is_published(tmp_path: Path) -> None:
    storage = Folder(tmp_path)
    storage.prepare(plans.FOLDER)
    one = Plan(1, 1, "one", "ingest", {})
    assert one.publish(storage)
    assert not one.publish(storage)  # as another worker that does the same
    assert not Plan(1, 1, "other", "ingest", {}).publish(storage)
    assert Plan.read(storage, 1) == one
    assert Plan.read(storage, 2) is None
    assert [path.name for path in (tmp_path / plans.FOLDER).iterdir()] == [f"{1:020}.json"]


def test_old_plans_are_forgotten(tmp_path: Path) -> None:
    storage = Folder(tmp_path)
    storage.prepare(plans.FOLDER)
    for number in range(1, 6):
        Plan(number, number, "one", "ingest", {}).publish(storage)
    folder = tmp_path / plans.FOLDER
    (folder / ".0123").touch()
    plans.forget_plans(storage, below=4)
    assert sorted(path.name for path in folder.iterdir()) == [".0123", f"{4:020}.json", f"{5:020}.json"]


def test_drafts_of_dead_processes_are_cleaned_away(site: Site) -> None:
    site.take(ramp(0, 3))
    folders = [site.folder / "plans", site.folder / "flows" / "_delta_log"]
    for folder in folders:
        for name in (".0123", ".4567"):
            (folder / name).touch()
        os.utime(folder / ".0123", (0, 0))
    clean(site.ledger)
    assert [sorted(path.name for path in folder.glob(".*")) for folder in folders] == [[".4567"]] * 2


def shorten_logs(site: Site) -> None:
    """As upkeep does an hour later."""
    for path in site.folder.glob("*/_delta_log/*"):
        os.utime(path, (0, 0))
    clean(site.opened())


def test_who_was_idle_while_the_logs_were_shortened_goes_on(site: Site) -> None:
    idle = site.worker("idle")
    read(idle, ramp(0, 30))
    idle.commit()
    for number in range(1, 13):
        site.take(ramp(100 * number, 10), f"/spool/a/{number}.pcap")
    shorten_logs(site)
    read(idle, ramp(5000, 30), "/spool/a/late.pcap")
    idle.commit()
    assert packets(site) == packets(Site(site.folder)) == 180
    assert verify(Ledger(site.folder)).faults == ()


def test_who_stood_still_within_a_commit_while_others_completed_it_and_shortened_the_logs_goes_on(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it then writes lies before the log's beginning, where nobody looks."""
    slow = site.worker("slow")
    read(slow, ramp(0, 30), "/spool/a/1.pcap")
    slow.commit()  # then it knows where the logs are
    read(slow, ramp(100, 30), "/spool/a/2.pcap")
    commit = Ledger._commit

    def stalled(ledger: Ledger, plan: Plan, table: Any, change: Change) -> None:
        if ledger is slow.ledger and plan.number == 2 and not stood:
            stood.append(table)
            for number in range(3, 15):
                site.take(ramp(100 * number, 10), f"/spool/a/{number}.pcap")
            shorten_logs(site)
        commit(ledger, plan, table, change)

    stood: list[Any] = []
    monkeypatch.setattr(Ledger, "_commit", stalled)
    slow.commit()
    log = site.folder / stood[0].name / "_delta_log"
    assert (log / f"{2:020}.json").exists()
    assert not (log / f"{3:020}.json").exists()
    for worker, start in ((slow, 5000), (site.worker(), 6000)):
        read(worker, ramp(start, 30), f"/spool/a/{start}.pcap")
        worker.commit()
    assert packets(site) == packets(Site(site.folder)) == 240
    assert slow.ledger.snapshot().plan == 16
    assert pl.scan_delta(str(site.folder / "flows")).select(pl.col("packets").sum()).collect().item() == 240
    assert verify(Ledger(site.folder)).faults == ()


def test_another_ledger_in_the_same_place_is_read_as_it_is(site: Site, tmp_path: Path) -> None:
    """As where a demo is made anew beside a server."""
    other = Site(tmp_path / "other")
    other.take(ramp(0, 7))
    for number in range(3):
        site.take(ramp(100 * number, 30), f"/spool/a/{number}.pcap")
    reader = site.opened()
    assert reader.snapshot().files(FLOWS).height == 3
    shutil.rmtree(site.folder)
    shutil.copytree(other.folder, site.folder)
    assert (
        reader.snapshot().files(FLOWS)["path"].to_list()
        == other.ledger.snapshot().files(FLOWS)["path"].to_list()
    )
    for number in range(1, 4):
        other.take(ramp(100 * number, 7), f"/spool/b/{number}.pcap")
    shutil.copytree(other.folder, site.folder, dirs_exist_ok=True)
    now = reader.snapshot()
    assert now.plan == 4
    assert now.scan(FLOWS).select(pl.col("packets").sum()).collect().item() == 28


def test_a_commit_that_says_no_plan_leaves_what_the_one_before_it_left(site: Site) -> None:
    """As the Delta library writes two where it cleans."""
    site.take(ramp(0, 30))
    held = site.opened().snapshot()
    site.take(ramp(100, 30), "/spool/a/2.pcap")
    orphan = next((site.folder / "flows").glob("day=*")) / "orphan.parquet"
    orphan.touch()
    os.utime(orphan, (0, 0))
    delta = DeltaTable(site.folder / "flows")
    delta.vacuum(24, dry_run=False, enforce_retention_duration=False, full=True)
    assert DeltaTable(site.folder / "flows").version() == 4
    for number in (3, 4):
        site.take(ramp(100 * number, 30), f"/spool/a/{number}.pcap")
    assert held.files(FLOWS).height == 1
    assert packets(site) == packets(Site(site.folder)) == 120
    assert verify(Ledger(site.folder)).faults == ()


def test_files_are_known_by_plans_as_by_the_logs(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.take(ramp(0, 30))
    reader = site.opened()
    first = reader.snapshot()
    assert [first.files(table).height for table in (FLOWS, COVERAGE, FORGOTTEN)] == [1, 1, 0]
    site.take(ramp(100, 30), "/spool/b/2.pcap")
    keep_up(site.ledger, "w", NOW)
    forget(site.ledger, "w", "b", day("2020-06-24"), day("2020-06-24"), NOW)
    fresh = site.opened().snapshot()
    expected = {table.name: fresh.files(table).sort("path") for table in (FLOWS, COVERAGE, FORGOTTEN)}

    def unread(*_: object) -> None:
        raise AssertionError("a log was read")

    monkeypatch.setattr(module, "_load", unread)
    now = reader.snapshot()
    assert now.plan == fresh.plan == 4
    for table in (FLOWS, COVERAGE, FORGOTTEN):
        assert_frame_equal(now.files(table).sort("path"), expected[table.name])


def test_a_plan_that_others_completed_at_once_stays_for_those_who_go_on_from_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.take(ramp(0, 30))
    reader = site.opened()
    assert reader.snapshot().files(FLOWS).height == 1
    slow = site.worker("slow")
    read(slow, ramp(100, 30), "/spool/a/2.pcap")
    publish = Plan.publish

    def completed(plan: Plan, storage: Any) -> bool:
        is_first = publish(plan, storage)
        if plan.worker == "slow":
            site.take(ramp(200, 30), "/spool/a/3.pcap")  # which completes it first
        return is_first

    monkeypatch.setattr(Plan, "publish", completed)
    slow.commit()
    kinds = [plan.worker for plan in reader.plans(1, 3) or ()]
    assert kinds == ["slow", "one"]
    assert reader.snapshot().files(FLOWS).height == 3
    assert packets(site) == 90
    assert verify(Ledger(site.folder)).faults == ()


def test_a_plan_whose_number_had_been_used_up_is_withdrawn(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow process whose number was taken, completed and cleaned away meanwhile."""
    monkeypatch.setattr(plans, "KEPT", 0)
    site.take(ramp(0, 30))
    slow = site.opened()
    seen = []

    def build(now: Snapshot) -> dict[str, Change]:
        if not seen:
            site.take(ramp(100, 30))
            plans.forget_plans(Folder(site.folder), below=now.plan + 2)
        seen.append(now.plan)
        return {}

    slow.change("slow", "upkeep", build)
    assert seen == [1, 2]
    assert packets(site) == 60
    assert slow.snapshot().plan == 3


def test_only_changes_that_observe_move_the_version(site: Site) -> None:
    site.take(ramp(0, 30))
    keep_up(site.ledger, "w", NOW)
    rolled = site.ledger.snapshot()
    assert (rolled.plan, rolled.version) == (2, 1)
    site.take(ramp(100, 30))
    assert site.ledger.snapshot().version == 2


def test_a_snapshot_stays_as_it_was_while_the_ledger_goes_on(site: Site) -> None:
    site.take(ramp(0, 30))
    held = site.ledger.snapshot()
    for part in range(1, 12):
        site.take(ramp(part * 100, 30))
    keep_up(site.ledger, "w", NOW)
    clean(site.ledger)
    assert held.version == 1
    assert held.scan(FLOWS).select(pl.col("packets").sum()).collect().item() == 30
    assert held.scan(COVERAGE).select(pl.col("frames").sum()).collect().item() == 30
    assert held.days(ROLLUP_PORTS) == frozenset()


def test_every_snapshot_taken_while_others_write_adds_up(site: Site) -> None:
    """Flows, sources, coverage and rollups of each state say the same, whatever upkeep does meanwhile."""
    site.take(ramp(0, 5))
    failures: list[str] = []
    seen: set[int] = set()
    done = threading.Event()
    # One reader shares the ledger with the writer, one has it open as another process would.
    shared = site.opened()

    def look(ledger: Ledger) -> None:
        while not done.is_set():
            snapshot = ledger.snapshot()
            sums = {
                table.name: snapshot.scan(table).select(pl.col(column).sum()).collect().item()
                for table, column in (
                    (FLOWS, "packets"),
                    (SOURCES, "packets"),
                    (COVERAGE, "inbound"),
                )
            }
            if snapshot.days(ROLLUP_PORTS):
                rolled = snapshot.scan(ROLLUP_PORTS).select(pl.col("packets").sum()).collect().item()
                sums["rollup_ports"] = rolled
            seen.add(snapshot.version)
            if len(set(sums.values())) != 1:
                failures.append(f"version {snapshot.version}: {sums}")

    def guarded(ledger: Ledger) -> None:
        try:
            look(ledger)
        except Exception as error:  # a thread's failure is to be told by the test
            failures.append(repr(error))

    readers = [threading.Thread(target=guarded, args=(ledger,)) for ledger in (shared, Ledger(site.folder))]
    for reader in readers:
        reader.start()
    worker = site.worker()
    worker.ledger = shared
    for part in range(1, 12):
        read(worker, ramp(part * 100, 5))
        worker.commit()
        if part % 3 == 0:
            keep_up(shared, "w", NOW)
        if part == 7:
            clean(shared)
    done.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert len(seen) > 2


def test_a_folder_that_is_no_ledger_is_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=f"{tmp_path}: no ledger here"):
        Ledger(tmp_path)


def test_a_ledger_of_a_newer_format_is_refused_with_a_sentence(site: Site) -> None:
    site.take(ramp(0, 3))
    (site.folder / "ledger.json").write_text('{"format": 99}')
    with pytest.raises(LedgerError, match="written in format 99, newer than this darkscope reads"):
        Ledger(site.folder)


def make_older(site: Site) -> None:
    """Turn the ledger into one of format 1: without the tables that came since."""
    for table in TABLES:
        if table.since > 1:
            shutil.rmtree(site.folder / table.name)
    (site.folder / "ledger.json").write_text('{"format": 1}')


def test_a_ledger_of_an_older_format_is_read_as_it_is(site: Site) -> None:
    site.take(ramp(0, 3))
    make_older(site)
    snapshot = Ledger(site.folder).snapshot()
    newer = [table for table in TABLES if table.since > 1]
    assert set(newer) >= {ECHOES, UNFINISHED, *MONTH_ROLLUPS}
    assert [snapshot.files(table).height for table in newer] == [0] * len(newer)
    assert [snapshot.scan(table).collect().height for table in newer] == [0] * len(newer)
    assert verify(Ledger(site.folder)).faults == ()
    assert (site.folder / "ledger.json").read_text() == '{"format": 1}'


def test_who_has_an_older_ledger_open_sees_it_migrated(site: Site) -> None:
    site.take(ramp(0, 3))
    make_older(site)
    reader = Ledger(site.folder)
    assert reader.snapshot().days(ECHOES) == frozenset()
    site.take(ramp(100, 5, flags=0x12, source_port=80), "/spool/a/2.pcap")
    assert reader.snapshot().scan(ECHOES).collect()["packets"].sum() == 5


@pytest.mark.parametrize(
    "how",
    [
        lambda site: site.take(ramp(100, 5), "/spool/a/2.pcap"),
        lambda site: keep_up(Ledger(site.folder), "w", NOW),
        lambda site: clean(Ledger(site.folder)),
        lambda site: Ledger.open_or_create(site.folder),
    ],
    ids=["ingest", "keep_up", "clean", "open_or_create"],
)
def test_a_ledger_of_an_older_format_gets_what_it_lacks_with_its_first_change(
    site: Site, how: Callable[[Site], object]
) -> None:
    site.take(ramp(0, 3))
    make_older(site)
    how(site)
    assert json.loads((site.folder / "ledger.json").read_text()) == {"format": FORMAT}
    assert verify(Ledger(site.folder)).faults == ()
    for table in TABLES:
        assert (site.folder / table.name / "_delta_log").is_dir()


def test_what_was_open_in_a_ledger_of_format_3_begins_anew(site: Site) -> None:
    """It was a worker's then; a change that was decided in that format is completed first."""
    site.opened()
    shutil.rmtree(site.folder / UNFINISHED.name)
    names = ("worker", "observer", "key", "state")
    of_old = [Field("day", PrimitiveType("date"), nullable=False)]
    of_old += [Field(name, PrimitiveType("string"), nullable=False) for name in names]
    DeltaTable.create(site.folder / UNFINISHED.name, schema=Schema(of_old), partition_by=["day"])
    (site.folder / "ledger.json").write_text('{"format": 3}')
    old = replace(
        UNFINISHED, columns=tuple(Column(name, pl.String(), name) for name in names), order=names, since=3
    )
    rows = pl.DataFrame([("one", "requests", "[]", "x")], schema=old.schema, orient="row")
    file = write_file(Folder(site.folder), old, day("1970-01-01"), rows)
    Plan(1, 1, "one", "ingest", {UNFINISHED.name: Change([file])}).publish(Folder(site.folder))
    assert Ledger(site.folder).snapshot().scan(UNFINISHED).collect().height == 0
    site.take(ramp(0, 3))
    assert site.ledger.snapshot().plan == 2
    assert site.rows(UNFINISHED) == []
    there = DeltaTable(site.folder / UNFINISHED.name)
    assert [field.name for field in there.schema().fields] == ["day", *UNFINISHED.schema]
    assert verify(Ledger(site.folder)).faults == ()


def test_a_table_of_an_older_format_gets_the_columns_it_lacks(site: Site) -> None:
    site.opened()
    shutil.rmtree(site.folder / REQUESTS.name)
    DeltaTable.create(
        site.folder / REQUESTS.name,
        schema=Schema(
            [Field("day", PrimitiveType("date"), nullable=False), Field("time", PrimitiveType("long"))]
        ),
        partition_by=["day"],
    )
    (site.folder / "ledger.json").write_text('{"format": 2}')
    site.take(ramp(0, 3))
    fields = DeltaTable(site.folder / REQUESTS.name).schema().fields
    assert [field.name for field in fields] == ["day", *REQUESTS.schema]
    rows = pl.DataFrame(
        {
            name: pl.Series([7 if kind != pl.String() else "x"], dtype=kind)
            for name, kind in REQUESTS.schema.items()
        }
    )
    file = write_file(Folder(site.folder), REQUESTS, day("2020-06-24"), rows)
    site.ledger.change("one", "ingest", lambda _: {REQUESTS.name: Change([file])})
    assert pl.scan_delta(str(site.folder / REQUESTS.name)).drop("day").collect().equals(rows)
    assert verify(Ledger(site.folder)).faults == ()


def test_an_older_ledger_whose_migration_was_killed_is_migrated_to_the_end(site: Site) -> None:
    site.take(ramp(0, 3))
    last = site.folder / TABLES[-1].name
    shutil.rmtree(last)
    (site.folder / "ledger.json").write_text('{"format": 1}')
    site.take(ramp(100, 5), "/spool/a/2.pcap")
    assert packets(site) == 8
    assert last.is_dir()
    assert verify(Ledger(site.folder)).faults == ()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": "1"}', "\x00\xff"])
def test_a_damaged_description_is_named(site: Site, text: str) -> None:
    site.take(ramp(0, 3))
    (site.folder / "ledger.json").write_text(text)
    with pytest.raises(LedgerError, match=r"ledger\.json"):
        Ledger(site.folder)


def test_a_ledger_that_was_killed_while_it_was_made_is_made_to_the_end(tmp_path: Path) -> None:
    whole = Ledger.open_or_create(tmp_path / "whole")
    half = tmp_path / "half"
    Ledger.open_or_create(half)
    (half / "ledger.json").unlink()
    for table in TABLES[5:]:
        for path in sorted((half / table.name).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    site = Site(half)
    site.take(ramp(0, 3))
    assert packets(site) == 3
    assert whole.snapshot().version == 0


def test_a_read_only_ledger_can_be_read_and_says_why_it_cannot_be_written(site: Site, tmp_path: Path) -> None:
    site.take(ramp(0, 3))
    (tmp_path / "a.pcap").write_bytes(ramp(100, 3))
    places = (site.folder, *site.folder.rglob("*"))
    for path in places:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        top = run("top", "ports", "--period", "2020-06-24", "--ledger", site.folder, within=AS_ANYBODY)
        ingest = run("ingest", tmp_path / "a.pcap", "--ledger", site.folder, within=AS_ANYBODY)
    finally:
        for path in places:
            path.chmod(0o755 if path.is_dir() else 0o644)
    assert top[0] == 0, top
    assert "23/TCP" in top[1]
    assert ingest[0] == 1, ingest
    assert f"{site.folder}/" in ingest[2].splitlines()[-1]
    assert "Permission denied" in ingest[2].splitlines()[-1]
    assert packets(site) == 3
    assert verify(site.ledger).faults == ()
