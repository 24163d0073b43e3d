"""A copy of a ledger that is written: whole, and good to go on with."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from threading import Event, Thread

import pytest
from flows import book, flow, minute
from ledgers import NOW, Site, capture, merged
from polars.testing import assert_frame_equal

from darkscope.ingest.ledger import upkeep
from darkscope.ingest.ledger.backup import UNFINISHED, back_up
from darkscope.ingest.ledger.errors import Damaged, LedgerError
from darkscope.ingest.ledger.ledger import Ledger
from darkscope.ingest.ledger.verify import verify
from darkscope.ingest.series import FLOWS, TABLES

DAY = date(2020, 6, 24)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "ledger")


def copied(site: Site, to: Path) -> Site:
    back_up(site.ledger, to)
    return Site(to)


def test_a_copy_has_every_row_version_and_plan_and_verifies(site: Site, tmp_path: Path) -> None:
    for hour in range(3):
        site.take(capture(*(3600 * hour + number for number in range(50))), f"/spool/a/{hour}.pcap")
    upkeep.keep_up(site.ledger, "one", site.now)
    copy = copied(site, tmp_path / "copy")
    was, now = site.ledger.finish(), copy.ledger.finish()
    assert (now.version, now.plan) == (was.version, was.plan) == (3, was.plan)
    for table in TABLES:
        assert_frame_equal(merged(now, table), merged(was, table))
        assert_frame_equal(
            now.files(table).drop("modification_time", strict=False),
            was.files(table).drop("modification_time", strict=False),
            check_row_order=False,
            check_column_order=False,
        )
    assert verify(copy.ledger).faults == ()
    assert not (tmp_path / f"copy{UNFINISHED}").exists()


def test_a_copy_goes_on_where_the_ledger_was(site: Site, tmp_path: Path) -> None:
    first, second = capture(*range(60)), capture(*range(60, 120))
    site.take(first, "/spool/a/1.pcap")
    copy = copied(site, tmp_path / "copy")
    for one in (site, copy):
        one.take(first, "/spool/a/1.pcap")  # is known, and counts no second time
        one.take(second, "/spool/a/2.pcap")
    assert site.ledger.finish().version == copy.ledger.finish().version
    assert_frame_equal(merged(copy.ledger.finish(), FLOWS), merged(site.ledger.finish(), FLOWS))
    assert verify(copy.ledger).faults == ()


def test_each_copy_of_a_ledger_that_is_written_all_the_time_is_one_version(
    site: Site, tmp_path: Path
) -> None:
    ended = Event()
    site.opened()

    def write() -> None:
        writer, number = Ledger(site.folder), 0
        while not ended.is_set():
            number += 1
            book(writer, [flow(minute(DAY, 9), source_low=number)])
            if number % 10 == 0:
                upkeep.keep_up(writer, "one", NOW)

    thread = Thread(target=write)
    thread.start()
    try:
        versions = [back_up(Ledger(site.folder), tmp_path / f"copy-{one}").version for one in range(6)]
    finally:
        ended.set()
        thread.join()
    assert versions == sorted(versions)
    assert versions[-1] > versions[0]
    for one, version in enumerate(versions):
        copy = Ledger(tmp_path / f"copy-{one}")
        found = copy.finish()
        assert found.version == version
        assert sum(found.files(FLOWS)["rows"]) == version  # a flow each
        assert int(found.scan(FLOWS).collect()["packets"].sum()) == version


def test_a_damaged_file_is_named_and_no_copy_is_left(site: Site, tmp_path: Path) -> None:
    site.take(capture(1, 2, 3))
    (file,) = (site.folder / FLOWS.name).glob("*/*.parquet")
    whole = file.read_bytes()
    file.write_bytes(whole[:-9] + bytes(9))
    with pytest.raises(Damaged, match=f"{file}: its bytes are not those that were written"):
        back_up(site.ledger, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    file.write_bytes(whole)
    assert verify(copied(site, tmp_path / "copy").ledger).faults == ()


def test_what_is_there_is_not_overwritten(site: Site, tmp_path: Path) -> None:
    site.take(capture(1))
    (tmp_path / "copy").mkdir()
    with pytest.raises(LedgerError, match="is there already"):
        back_up(site.ledger, tmp_path / "copy")
    assert list((tmp_path / "copy").iterdir()) == []
