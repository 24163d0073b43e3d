"""Upkeep: files become few, rollups are true or absent, the log stays short, and nobody loses a row."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from ledgers import DAY, NOW, Site, day, files, merged, no_room, packets, ramp, read

from darkscope.ingest.ledger import shares
from darkscope.ingest.ledger import upkeep as module
from darkscope.ingest.ledger.errors import LedgerError
from darkscope.ingest.ledger.files import write_file
from darkscope.ingest.ledger.ledger import Ledger, Snapshot
from darkscope.ingest.ledger.storage import Folder
from darkscope.ingest.ledger.upkeep import (
    FEW,
    GRACE,
    MONTH_DAYS,
    clean,
    drop_rollups,
    is_closed,
    keep_up,
    upkeep,
)
from darkscope.ingest.ledger.verify import verify
from darkscope.ingest.rollups import roll_up
from darkscope.ingest.series import (
    CAPTURES,
    COVERAGE,
    FLOWS,
    MONTH_ROLLUPS,
    ROLLUPS,
    SOURCES,
    TABLES,
    Table,
)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "ledger")


def fill(site: Site, *, days: int = 3, captures: int = 4) -> None:
    """Some captures of several days, a batch each."""
    worker = site.worker()
    for number in range(days):
        for part in range(captures):
            start = number * DAY + part * 1000
            read(worker, ramp(start, 20, port=20 + part, source=f"198.41.{number}.{part}"))
            worker.commit()


JUNE = day("2020-06-01")
JULY_1 = datetime(2020, 7, 1, tzinfo=UTC)
"""When June is over, but for the minutes in which its last captures come in."""


def rolled(site: Site, table: Table) -> pl.DataFrame:
    snapshot = site.ledger.snapshot()
    rows = snapshot.scan(FLOWS)
    return roll_up(rows, table).sort(table.keys).collect()


def test_a_day_is_closed_some_minutes_after_midnight() -> None:
    midnight = datetime(2020, 6, 25, tzinfo=UTC)
    assert not is_closed(day("2020-06-24"), midnight + GRACE - timedelta(seconds=1))
    assert is_closed(day("2020-06-24"), midnight + GRACE)


def test_closed_days_get_rollups_that_equal_the_sums_of_flows(site: Site) -> None:
    fill(site)
    before = {table.name: merged(site.ledger.snapshot(), table) for table in (FLOWS, SOURCES)}
    done = keep_up(site.ledger, "w", NOW)
    assert done.days_closed == 3
    snapshot = site.ledger.snapshot()
    for table in ROLLUPS:
        assert snapshot.days(table) == {day("2020-06-24"), day("2020-06-25"), day("2020-06-26")}
        kept = snapshot.scan(table).drop("day").sort(table.keys).collect().select(rolled(site, table).columns)
        assert kept.equals(rolled(site, table))
    assert merged(snapshot, FLOWS).equals(before["flows"])
    assert merged(snapshot, SOURCES).equals(before["sources"])
    for table in (FLOWS, SOURCES, COVERAGE, CAPTURES):
        assert snapshot.files(table).group_by("day").len()["len"].to_list() == [1, 1, 1]
    assert verify(site.ledger).faults == ()


def test_flows_of_a_closed_day_are_in_the_order_of_the_questions(site: Site) -> None:
    fill(site, days=1)
    keep_up(site.ledger, "w", NOW)
    (path,) = site.ledger.snapshot().files(FLOWS)["path"]
    rows = pl.read_parquet(site.folder / "flows" / path, hive_partitioning=False)
    assert rows.equals(rows.sort(FLOWS.order))


def test_upkeep_twice_changes_nothing(site: Site) -> None:
    fill(site)
    keep_up(site.ledger, "w", NOW)
    plan = site.ledger.snapshot().plan
    keep_up(site.ledger, "w", NOW)
    assert site.ledger.snapshot().plan == plan


def test_a_large_day_that_was_merged_stays_as_it_is(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """All its files are small; none has so few rows that merging it again would leave fewer."""
    monkeypatch.setattr(module, "RANGE", 2)
    monkeypatch.setitem(module.AT_A_TIME, SOURCES, 2)
    fill(site, days=1, captures=20)
    keep_up(site.ledger, "w", NOW)
    snapshot = site.ledger.snapshot()
    assert min(snapshot.files(table).height for table in (FLOWS, SOURCES)) > FEW
    keep_up(site.ledger, "w", NOW)
    assert site.ledger.snapshot().plan == snapshot.plan


def test_an_open_day_gets_no_rollups(site: Site) -> None:
    fill(site)
    keep_up(site.ledger, "w", datetime(2020, 6, 26, 13, tzinfo=UTC))
    assert site.ledger.snapshot().days(ROLLUPS[0]) == {day("2020-06-24"), day("2020-06-25")}


def test_late_rows_take_the_rollups_of_their_day_out_in_the_same_change(site: Site) -> None:
    fill(site)
    keep_up(site.ledger, "w", NOW)
    site.take(ramp(5000, 10), "/spool/a/late.pcap")
    snapshot = site.ledger.snapshot()
    for table in ROLLUPS:
        assert snapshot.days(table) == {day("2020-06-25"), day("2020-06-26")}
    assert verify(site.ledger).faults == ()
    keep_up(site.ledger, "w", NOW)
    snapshot = site.ledger.snapshot()
    for table in ROLLUPS:
        assert len(snapshot.days(table)) == 3
        kept = snapshot.scan(table).drop("day").sort(table.keys).collect().select(rolled(site, table).columns)
        assert kept.equals(rolled(site, table))
    assert verify(site.ledger).faults == ()


def months(site: Site) -> dict[str, frozenset[date]]:
    return {table.name: site.ledger.snapshot().days(table) for table in MONTH_ROLLUPS}


NO_MONTHS = {table.name: frozenset[date]() for table in MONTH_ROLLUPS}
ONLY_JUNE = {table.name: frozenset({JUNE}) for table in MONTH_ROLLUPS}


def assert_months_are_sums_of_flows(site: Site) -> None:
    for table in MONTH_ROLLUPS:
        kept = site.ledger.snapshot().scan(table).drop("day").sort(table.keys).collect()
        assert kept.select(rolled(site, table).columns).equals(rolled(site, table))
    assert verify(site.ledger).faults == ()


def test_a_closed_month_gets_rollups_that_equal_the_sums_of_flows(site: Site) -> None:
    fill(site, days=5)
    site.take(ramp(5000, 10), "/spool/b/1.pcap")
    assert keep_up(site.ledger, "w", JULY_1 + GRACE - timedelta(seconds=1)).months_closed == 0
    assert months(site) == NO_MONTHS
    assert keep_up(site.ledger, "w", JULY_1 + GRACE).months_closed == 1
    assert months(site) == ONLY_JUNE
    assert_months_are_sums_of_flows(site)
    plan = site.ledger.snapshot().plan
    assert keep_up(site.ledger, "w", JULY_1 + GRACE).months_closed == 0
    assert site.ledger.snapshot().plan == plan


def test_a_month_of_few_days_gets_none(site: Site) -> None:
    fill(site, days=MONTH_DAYS - 1)
    assert keep_up(site.ledger, "w", JULY_1 + GRACE).months_closed == 0


def test_late_rows_take_the_rollups_of_their_month_out_in_the_same_change(site: Site) -> None:
    fill(site, days=5)
    keep_up(site.ledger, "w", JULY_1 + GRACE)
    site.take(ramp(-3 * DAY, 10), "/spool/a/late.pcap")  # of a day that had no rows
    assert months(site) == NO_MONTHS
    assert verify(site.ledger).faults == ()
    keep_up(site.ledger, "w", JULY_1 + GRACE)
    assert months(site) == ONLY_JUNE
    assert_months_are_sums_of_flows(site)


def test_rows_of_another_month_leave_a_months_rollups(site: Site) -> None:
    fill(site, days=5)
    keep_up(site.ledger, "w", JULY_1 + GRACE)
    site.take(ramp(-30 * DAY, 10), "/spool/a/may.pcap")
    assert months(site) == ONLY_JUNE


def test_rollups_that_are_made_anew_are_made_of_months_too(site: Site) -> None:
    fill(site, days=5)
    keep_up(site.ledger, "w", JULY_1 + GRACE)
    drop_rollups(site.ledger, "w")
    assert months(site) == NO_MONTHS
    keep_up(site.ledger, "w", JULY_1 + GRACE)
    assert months(site) == ONLY_JUNE
    assert_months_are_sums_of_flows(site)


def test_rows_that_came_while_a_month_was_closed_keep_it_open(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(site, days=5)
    keep_up(site.ledger, "w", JULY_1)  # the days, but for the month
    publish = module._publish

    def late(*args: object) -> module.Upkeep:
        monkeypatch.setattr(module, "_publish", publish)
        site.take(ramp(-3 * DAY, 10), "/spool/a/late.pcap")
        return publish(*args)

    monkeypatch.setattr(module, "_publish", late)
    assert keep_up(site.ledger, "w", JULY_1 + GRACE).months_closed == 0
    assert months(site) == NO_MONTHS
    keep_up(site.ledger, "w", JULY_1 + GRACE)
    assert_months_are_sums_of_flows(site)


def test_a_month_that_two_close_at_once_is_there_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site, days=5)
    keep_up(site.ledger, "w", JULY_1)
    publish = module._publish

    def other_first(*args: object) -> module.Upkeep:
        monkeypatch.setattr(module, "_publish", publish)
        keep_up(Ledger(site.folder), "other", JULY_1 + GRACE)
        return publish(*args)

    monkeypatch.setattr(module, "_publish", other_first)
    assert keep_up(site.ledger, "w", JULY_1 + GRACE).months_closed == 0
    assert months(site) == ONLY_JUNE
    assert_months_are_sums_of_flows(site)


def test_what_is_too_much_at_a_time_is_merged_by_shares(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.AT_A_TIME, SOURCES, 5)
    monkeypatch.setattr(module, "ROLLED_AT_ONCE", 5)
    fill(site, days=4, captures=7)
    before = merged(site.ledger.snapshot(), SOURCES)
    keep_up(site.ledger, "w", JULY_1 + GRACE)
    snapshot = site.ledger.snapshot()
    assert snapshot.files(SOURCES).height > 4
    assert snapshot.files(MONTH_ROLLUPS[0]).height > 1
    assert merged(snapshot, SOURCES).equals(before)
    assert snapshot.files(ROLLUPS[0]).height > 4
    for table, value in ((SOURCES, "source_low"), (ROLLUPS[0], "port"), (MONTH_ROLLUPS[0], "port")):
        assert_each_value_is_in_one_file_of_a_day(snapshot, table, value)
    for table in ROLLUPS:
        kept = snapshot.scan(table).drop("day").sort(table.keys).collect().select(rolled(site, table).columns)
        assert kept.equals(rolled(site, table))
    assert_months_are_sums_of_flows(site)


@pytest.mark.parametrize("again", [1 << 30, 0], ids=["looked_at_again", "in_one_pass"])
def test_flows_of_a_day_are_cut_by_minutes_whatever_their_files_are(
    site: Site, monkeypatch: pytest.MonkeyPatch, again: int
) -> None:
    """Some files are of few minutes, some of the whole day; a share is put into the file and taken out again."""
    monkeypatch.setattr(module, "RANGE", 30)
    monkeypatch.setattr(module, "READ", 7)
    monkeypatch.setattr(module, "ROLLED_AT_ONCE", 20)
    monkeypatch.setattr(module, "AGAIN", again)
    monkeypatch.setattr(shares, "HELD", 1000)
    worker = site.worker()
    for part in range(5):
        read(worker, ramp(part * 1000, 20, 30.0, source=f"198.41.0.{part}", port=20 + part))
        read(worker, ramp(part, 20, 1800.0, source=f"198.41.1.{part}", port=part), f"/spool/b{part}/1.pcap")
        worker.commit()
    before = {table.name: merged(site.ledger.snapshot(), table) for table in (FLOWS, SOURCES)}
    assert keep_up(site.ledger, "w", NOW).days_closed == 1
    snapshot = site.ledger.snapshot()
    files = snapshot.files(FLOWS).sort("min.minute")
    assert files.height > 4
    assert files.filter(pl.col("min.minute") <= pl.col("max.minute").shift()).height == 0
    for table in (FLOWS, SOURCES):
        assert merged(snapshot, table).equals(before[table.name])
    for table in ROLLUPS:
        kept = snapshot.scan(table).drop("day").sort(table.keys).collect().select(rolled(site, table).columns)
        assert kept.equals(rolled(site, table))
    assert verify(site.ledger).faults == ()


def assert_each_value_is_in_one_file_of_a_day(snapshot: Snapshot, table: Table, value: str) -> None:
    files = snapshot.files(table).sort("day", f"min.{value}")
    follows = pl.col(f"min.{value}") > pl.col(f"max.{value}").shift()
    assert files.filter(pl.col("day") == pl.col("day").shift()).height
    assert files.filter(~follows.over("day")).height == 0


def test_an_open_day_of_many_files_is_merged(site: Site) -> None:
    site.now = datetime(2020, 6, 24, 18, tzinfo=UTC)
    fill(site, days=1, captures=12)
    before = {table.name: merged(site.ledger.snapshot(), table) for table in (FLOWS, SOURCES)}
    covered = site.rows(COVERAGE)
    keep_up(site.ledger, "w", site.now)
    snapshot = site.ledger.snapshot()
    for table in (FLOWS, SOURCES, COVERAGE, CAPTURES):
        assert snapshot.files(table).height == 1
    assert merged(snapshot, FLOWS).equals(before["flows"])
    assert merged(snapshot, SOURCES).equals(before["sources"])
    assert snapshot.days(ROLLUPS[0]) == frozenset()
    assert snapshot.scan(CAPTURES).collect().height == 12
    for name in ("frames", "inbound"):
        assert sum(row[name] for row in site.rows(COVERAGE)) == sum(row[name] for row in covered)
    assert verify(site.ledger).faults == ()


def test_stretches_that_touch_inside_an_hour_become_one(site: Site) -> None:
    worker = site.worker()
    for start in (0, 60, 120, 600):
        read(worker, ramp(start, 60))
        worker.commit()
    keep_up(site.ledger, "w", NOW)
    rows = [(row["minute"] % 60, row["minutes"], row["frames"]) for row in site.rows(COVERAGE)]
    assert rows == [(0, 3, 180), (10, 1, 60)]
    assert verify(site.ledger).faults == ()


def test_rows_that_came_while_a_day_was_closed_are_not_lost(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(site, days=1)
    publish = module._publish

    def late(*args: object) -> module.Upkeep:
        monkeypatch.setattr(module, "_publish", publish)
        site.take(ramp(5000, 10), "/spool/a/late.pcap")
        return publish(*args)

    monkeypatch.setattr(module, "_publish", late)
    assert keep_up(site.ledger, "w", NOW).days_closed == 0
    assert packets(site) == 90
    assert site.ledger.snapshot().days(ROLLUPS[0]) == frozenset()
    assert verify(site.ledger).faults == ()
    keep_up(site.ledger, "w", NOW)
    assert packets(site) == 90
    assert verify(site.ledger).faults == ()
    named = set(site.ledger.snapshot().files(FLOWS)["path"])
    assert named <= files(site.folder, FLOWS)


def test_files_that_were_merged_by_two_at_once_are_there_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(site, days=1, captures=12)
    publish = module._publish

    def other_first(*args: object) -> module.Upkeep:
        monkeypatch.setattr(module, "_publish", publish)
        keep_up(Ledger(site.folder), "other", NOW)
        return publish(*args)

    monkeypatch.setattr(module, "_publish", other_first)
    keep_up(site.ledger, "w", NOW)
    assert packets(site) == 240
    assert verify(site.ledger).faults == ()


def test_upkeep_keeps_its_files_when_late_rows_take_its_rollups_out_at_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the change of upkeep and its look at the result, another worker commits late rows."""
    fill(site, days=1)
    change = Ledger.change

    def overtaken_at_once(ledger: Ledger, *args: object, **how: object) -> object:
        monkeypatch.setattr(Ledger, "change", change)
        change(ledger, *args, **how)
        site.take(ramp(5000, 10), "/spool/a/late.pcap")
        return ledger.finish()

    monkeypatch.setattr(Ledger, "change", overtaken_at_once)
    keep_up(site.ledger, "w", NOW)
    assert packets(site) == 90
    assert verify(site.ledger).faults == ()


def test_upkeep_that_finds_no_room_says_so_and_changes_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(site, days=1)
    plan = site.ledger.snapshot().plan
    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "TemporaryFile", lambda **_: no_room())
        with pytest.raises(LedgerError, match=f"{site.folder}: .*No space left on device"):
            keep_up(site.ledger, "w", NOW)
    assert site.ledger.finish().plan == plan
    assert keep_up(site.ledger, "w", NOW).days_closed == 1
    assert verify(site.ledger).faults == ()


def test_a_dead_upkeep_leaves_files_that_nobody_sees(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site, days=1)

    def dies(*_args: object) -> module.Upkeep:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "_publish", dies)
        with pytest.raises(KeyboardInterrupt):
            keep_up(site.ledger, "w", NOW)
    assert packets(site) == 80
    assert verify(site.ledger).faults == ()


def test_cleaning_deletes_old_files_that_nothing_names_and_no_others(site: Site) -> None:
    fill(site)
    merged_away = set(site.ledger.snapshot().files(FLOWS)["path"])
    keep_up(site.ledger, "w", NOW)
    rows = site.ledger.snapshot().scan(FLOWS).drop("day").collect().head(3)
    young = write_file(Folder(site.folder), FLOWS, day("2020-06-24"), rows)
    old = write_file(Folder(site.folder), FLOWS, day("2020-06-24"), rows)
    two_days_ago = time.time() - 2 * DAY
    os.utime(site.folder / "flows" / old.path, (two_days_ago, two_days_ago))
    clean(site.ledger)
    there = files(site.folder, FLOWS)
    assert young.path in there
    assert old.path not in there
    assert merged_away <= there  # replaced a moment ago: a reader may still have them open
    assert set(site.ledger.snapshot().files(FLOWS)["path"]) <= there
    assert packets(site) == 240
    assert verify(site.ledger).faults == ()


def test_an_old_file_that_the_log_names_is_never_deleted(site: Site) -> None:
    fill(site)
    two_days_ago = time.time() - 2 * DAY
    for table in TABLES:
        for name in files(site.folder, table):
            os.utime(site.folder / table.name / name, (two_days_ago, two_days_ago))
    clean(site.ledger)
    keep_up(site.ledger, "w", NOW)
    clean(site.ledger)
    assert packets(site) == 240
    assert verify(site.ledger).faults == ()


def test_a_ledger_whose_log_was_cleaned_knows_its_captures_and_its_plan(site: Site) -> None:
    fill(site, days=1)
    plan = site.ledger.snapshot().plan
    two_hours_ago = time.time() - 7200
    for path in site.folder.glob("*/_delta_log/*"):
        os.utime(path, (two_hours_ago, two_hours_ago))
    clean(site.ledger)
    clean(site.ledger)
    assert len(list((site.folder / "flows" / "_delta_log").glob("*.json"))) < 4
    fresh = Ledger(site.folder).snapshot()
    assert (fresh.plan, fresh.version) == (plan, plan)
    assert site.take(ramp(0, 20, port=20, source="198.41.0.0")) is None
    files_ = fresh.files(FLOWS)
    assert {"min.port", "max.port", "rows", "size"} <= set(files_.columns)
    assert files_["min.port"].null_count() == 0
    site.take(ramp(9000, 5))
    assert packets(site) == 85
    assert verify(site.ledger).faults == ()


def test_upkeep_expires_by_the_settings(site: Site) -> None:
    fill(site)
    site.now = NOW + timedelta(days=396)
    site.take(ramp(402 * DAY, 5))
    upkeep(site.ledger, site.settings, site.now, expiring=False)
    assert len(site.ledger.snapshot().days(FLOWS)) == 4
    upkeep(site.ledger, site.settings, site.now)
    assert site.ledger.snapshot().days(FLOWS) == {day("2020-06-26"), site.now.date()}
    assert verify(site.ledger).faults == ()


def test_cleaning_and_merging_beside_a_worker_disturb_neither(site: Site) -> None:
    failures: list[str] = []
    done = threading.Event()

    def keep() -> None:
        ledger = Ledger(site.folder)
        try:
            while not done.is_set():
                keep_up(ledger, "other", NOW)
                clean(ledger)
        except Exception as error:  # the test tells
            failures.append(repr(error))

    site.take(ramp(-100, 5))
    keeper = threading.Thread(target=keep)
    keeper.start()
    worker = site.worker()
    try:
        for part in range(10):
            read(worker, ramp(part * 100, 5))
            worker.commit()
    finally:
        done.set()
        keeper.join()
    assert failures == []
    assert packets(site) == 55
    assert verify(site.ledger).faults == ()


@pytest.mark.soak
def test_a_thousand_commits_open_as_fast_as_a_few(site: Site) -> None:
    worker = site.worker()
    for part in range(1100):
        read(worker, ramp(part * 60, 3))
        worker.commit()
        if part % 100 == 99:
            keep_up(site.ledger, "w", NOW)
    two_hours_ago = time.time() - 7200
    for path in site.folder.glob("*/_delta_log/*"):
        os.utime(path, (two_hours_ago, two_hours_ago))

    def opening() -> float:
        begin = time.perf_counter()
        packets(site)
        return time.perf_counter() - begin

    before = opening()
    clean(site.ledger)
    logged = {table.name: len(list((site.folder / table.name / "_delta_log").iterdir())) for table in TABLES}
    print(f"opened in {before:.3f} s, cleaned {opening():.3f} s; log files {logged}")  # noqa: T201 - for the reader
    assert max(logged.values()) < 20
    assert len(list((site.folder / "plans").iterdir())) <= 1001
    assert packets(site) == 3300
    assert verify(site.ledger).faults == ()
