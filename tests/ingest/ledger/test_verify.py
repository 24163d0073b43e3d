"""The conservation law over a whole ledger: what breaks it is found, and the place is named."""

from __future__ import annotations

import errno
import json
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from deltalake.transaction import AddAction
from ledgers import DAY, NOW, Site, day, ramp, read

from darkscope.ingest.ledger.errors import LedgerError
from darkscope.ingest.ledger.expiry import expire, forget
from darkscope.ingest.ledger.files import write_file
from darkscope.ingest.ledger.ledger import Snapshot
from darkscope.ingest.ledger.plan import Change
from darkscope.ingest.ledger.storage import Entry, Folder
from darkscope.ingest.ledger.upkeep import keep_up
from darkscope.ingest.ledger.verify import Fault, verify
from darkscope.ingest.series import (
    CAPTURES,
    COVERAGE,
    ECHOES,
    FLOWS,
    MONTH_ROLLUPS,
    ROLLUP_ALL_PORTS_MONTH,
    ROLLUP_PORTS,
    SOURCES,
    Table,
)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Three days: the first sealed, the second rolled up, the third as it was read."""
    site = Site(tmp_path / "ledger")
    worker = site.worker()
    for number in range(3):
        read(worker, ramp(number * DAY, 20, port=20 + number), f"/spool/a/{number}.pcap")
    worker.commit()
    keep_up(site.ledger, "w", NOW - timedelta(days=4))
    expire(site.ledger, "w", day("2020-06-26"), {"flows": 1}.get, None)
    return site


def one_file(site: Site, table: Table, of: str) -> Path:
    """The file of a day."""
    snapshot = site.ledger.snapshot()
    (path,) = snapshot.files(table).filter(pl.col("day") == day(of))["path"]
    return site.folder / table.name / path


def rewrite(site: Site, table: Table, of: str, rows: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Put other rows in the place of a day's, as a faulty writer would."""

    def build(now: Snapshot) -> dict[str, Change]:
        kept = now.scan(table, day(of), day(of)).drop("day").collect()
        file = write_file(Folder(site.folder), table, day(of), rows(kept))
        return {table.name: Change([file], now.removals(table, [day(of)]))}

    site.ledger.change("faulty", "upkeep", build)


def more_packets(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.col("packets") + 1)


def test_a_sound_ledger_has_no_faults_and_says_what_was_added_up(site: Site) -> None:
    verified = verify(site.opened())
    assert (verified.frames, verified.packets, verified.faults) == (60, 60, ())


def test_an_empty_ledger_is_sound(tmp_path: Path) -> None:
    verified = verify(Site(tmp_path / "ledger").opened())
    assert (verified.frames, verified.packets, verified.faults) == (0, 0, ())


@pytest.mark.parametrize(
    ("table", "of", "places"),
    [
        (FLOWS, "2020-06-25", {"coverage", "sources", "rollup_ports", "rollup_tools"}),
        (FLOWS, "2020-06-26", {"coverage", "sources"}),
        (SOURCES, "2020-06-26", {"sources"}),
        (ROLLUP_PORTS, "2020-06-24", {"rollup_ports"}),
        (ROLLUP_PORTS, "2020-06-25", {"rollup_ports"}),
    ],
    ids=lambda value: value.name if isinstance(value, Table) else None,
)
def test_a_changed_count_is_found_by_table_day_and_sensor(
    site: Site, table: Table, of: str, places: set[str]
) -> None:
    rewrite(site, table, of, more_packets)
    found = {fault.place for fault in verify(site.opened()).faults}
    assert {f"{place}, {of}, a" for place in places} <= found
    if places == {table.name}:
        assert len(found) == 1


@pytest.fixture
def answered(site: Site) -> Site:
    """Two days of backscatter and a scan more."""
    site.take(ramp(2 * DAY + 100, 20, flags=0x12, source_port=80), "/spool/a/answers.pcap")
    site.take(ramp(3 * DAY, 20, flags=0x04, source_port=80), "/spool/a/resets.pcap")
    site.take(ramp(3 * DAY + 100, 20), "/spool/a/scan.pcap")
    assert verify(site.opened()).faults == ()
    return site


@pytest.mark.parametrize("change", [1, -1])
def test_echoes_that_are_not_the_backscatter_are_found(answered: Site, change: int) -> None:
    rewrite(answered, ECHOES, "2020-06-26", lambda rows: rows.with_columns(pl.col("packets") + change))
    (fault,) = verify(answered.opened()).faults
    found = 20 + 2 * change  # in rows of ten seconds
    assert fault == Fault("echoes, 2020-06-26, a", f"{found} packets, but 20 of backscatter in flows")


def test_a_day_without_its_echoes_is_found(answered: Site) -> None:
    rewrite(answered, ECHOES, "2020-06-27", lambda rows: rows.clear())
    (fault,) = verify(answered.opened()).faults
    assert fault == Fault("echoes, 2020-06-27, a", "0 packets, but 20 of backscatter in flows")


def test_echoes_that_expired_and_captures_read_before_there_were_any_are_no_fault(answered: Site) -> None:
    expire(answered.ledger, "w", day("2020-06-27"), {"echoes": 0}.get, None)
    assert answered.ledger.snapshot().days(ECHOES) == {day("2020-06-27")}
    assert verify(answered.opened()).faults == ()
    rewrite(answered, ECHOES, "2020-06-27", lambda rows: rows.head(1))
    assert len(verify(answered.opened()).faults) == 1
    of_captures = max(map(str, answered.ledger.snapshot().days(CAPTURES)))
    rewrite(answered, CAPTURES, of_captures, lambda rows: rows.with_columns(rules=pl.lit("2026-11-25")))
    assert verify(answered.opened()).faults == ()


def test_a_changed_seal_is_found(site: Site) -> None:
    from darkscope.ingest.series import SEALS

    rewrite(site, SEALS, "2020-06-24", more_packets)
    assert "coverage, 2020-06-24, a" in {fault.place for fault in verify(site.opened()).faults}


@pytest.mark.parametrize("table", MONTH_ROLLUPS, ids=lambda table: table.name)
def test_a_changed_count_of_a_month_is_found(site: Site, table: Table) -> None:
    site.take(ramp(3 * DAY, 20), "/spool/a/3.pcap")
    keep_up(site.ledger, "w", NOW + timedelta(days=4))
    assert verify(site.opened()).faults == ()
    rewrite(site, table, "2020-06-01", more_packets)
    (fault,) = verify(site.opened()).faults
    sensor = "all sensors" if table is ROLLUP_ALL_PORTS_MONTH else "a"
    assert fault.place == f"{table.name}, 2020-06-01, {sensor}"


def test_frames_that_became_nothing_are_found(site: Site) -> None:
    rewrite(site, COVERAGE, "2020-06-26", lambda rows: rows.with_columns(pl.col("frames") + 3))
    assert verify(site.opened()).faults == (
        Fault("coverage, 2020-06-26, a", "23 frames are not the sum of their fates"),
        Fault("captures, a", "60 frames read, but 63 in coverage"),
    )


def test_frames_of_captures_are_compared_also_where_another_sensor_was_forgotten(site: Site) -> None:
    site.take(ramp(0, 5, port=99), "/spool/b/1.pcap")
    forget(site.ledger, "w", "b", day("2020-06-26"), day("2020-06-27"), NOW)
    site.take(ramp(2 * DAY, 5, port=98), "/spool/c/1.pcap")
    forget(site.ledger, "w", "c", day("2020-06-26"), day("2020-06-27"), NOW)
    assert verify(site.opened()).faults == ()
    rewrite(
        site,
        CAPTURES,
        "2020-06-26",
        lambda rows: rows.with_columns(
            pl.when(pl.col("sensor") == "a").then(7).otherwise("frames").alias("frames")
        ),
    )
    assert verify(site.opened()).faults == (Fault("captures, a", "47 frames read, but 60 in coverage"),)


def test_a_missing_file_is_named(site: Site) -> None:
    path = one_file(site, FLOWS, "2020-06-26")
    path.unlink()
    (fault,) = verify(site.opened()).faults
    assert fault.place == str(path)
    assert "No such file" in fault.message


def test_a_truncated_file_is_named(site: Site) -> None:
    path = one_file(site, SOURCES, "2020-06-26")
    data = path.read_bytes()
    path.write_bytes(data[:-100])
    (fault,) = verify(site.opened()).faults
    assert fault == Fault(str(path), f"has {len(data) - 100} bytes, the log says {len(data)}")


def test_a_file_in_the_place_of_another_is_named(site: Site) -> None:
    path = one_file(site, FLOWS, "2020-06-26")
    size = path.stat().st_size
    path.write_bytes(bytes(size))
    assert verify(site.opened()).faults == (Fault(str(path), "its bytes are not those that were written"),)


def test_a_file_of_which_the_log_says_another_number_of_rows_is_named(site: Site) -> None:
    path = one_file(site, FLOWS, "2020-06-26")
    for entry in (site.folder / "flows" / "_delta_log").glob("*.json"):
        lines = [json.loads(line) for line in entry.read_text().splitlines()]
        for line in lines:
            if line.get("add", {}).get("path", "").endswith(path.name):
                line["add"]["stats"] = line["add"]["stats"].replace('"numRecords": 1', '"numRecords": 2')
                line["add"]["stats"] = line["add"]["stats"].replace('"numRecords":1', '"numRecords":2')
        entry.write_text("\n".join(map(json.dumps, lines)) + "\n")
    assert verify(site.opened()).faults == (Fault(str(path), "has 1 rows, the log says 2"),)


@pytest.mark.parametrize("place", [4, 100, 700, -300, -20, -1])
def test_a_flipped_bit_is_found_and_its_file_named(site: Site, place: int) -> None:
    path = one_file(site, FLOWS, "2020-06-26")
    data = bytearray(path.read_bytes())
    data[place] ^= 0x10
    path.write_bytes(data)
    assert verify(site.opened()).faults == (Fault(str(path), "its bytes are not those that were written"),)


def test_a_doubled_file_is_found(site: Site) -> None:
    """Another program added a copy of a file to the table."""
    path = one_file(site, FLOWS, "2020-06-26")
    copy = path.with_name(f"copy-{path.name}")
    shutil.copy(path, copy)
    table = DeltaTable(site.folder / "flows")
    action = AddAction(
        str(copy.relative_to(site.folder / "flows")),
        copy.stat().st_size,
        {"day": "2020-06-26"},
        int(time.time() * 1000),
        True,
        json.dumps({"numRecords": 1}),
    )
    table.create_write_transaction([action], mode="append", schema=table.schema(), partition_by=["day"])
    assert verify(site.opened()).faults == (
        Fault("coverage, 2020-06-26, a", "20 inbound frames, but 40 packets in flows and seals"),
        Fault("sources, 2020-06-26, a", "20 packets, but 40 packets in flows and seals"),
    )


def first_fault(site: Site) -> str:
    """What verify says first, whether it could go on or not."""
    try:
        return str(verify(site.opened()).faults[0])
    except LedgerError as error:
        return str(error)


@pytest.mark.parametrize("table", [FLOWS, COVERAGE], ids=["flows", "coverage"])
@pytest.mark.parametrize("text", ["{", "not json\n"])
def test_a_damaged_log_is_named(site: Site, table: Table, text: str) -> None:
    log = sorted((site.folder / table.name / "_delta_log").glob("*.json"))
    log[-1].write_text(text)
    assert first_fault(site).startswith(str(site.folder / table.name))


def test_an_empty_log_entry_is_named(site: Site) -> None:
    log = sorted((site.folder / "flows" / "_delta_log").glob("*.json"))
    log[-1].write_text("")
    assert first_fault(site) == f"{log[-1]}: is empty: a commit is lost"


def test_a_log_that_cannot_be_listed_is_an_error_of_the_ledger(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: Folder, folder: str) -> Iterator[Entry]:
        raise PermissionError(errno.EACCES, "Permission denied", self.place(folder))

    monkeypatch.setattr(Folder, "entries", fails)
    with pytest.raises(LedgerError, match=r"flows/_delta_log: .*Permission denied"):
        verify(site.ledger)


def test_a_log_with_a_hole_is_named(site: Site) -> None:
    log = sorted((site.folder / "flows" / "_delta_log").glob("*.json"))
    log[1].unlink()
    assert first_fault(site).startswith(str(site.folder / "flows"))


def test_a_table_that_is_gone_is_named(site: Site) -> None:
    shutil.rmtree(site.folder / "rollup_ports")
    (fault, *_) = verify(site.opened()).faults
    assert fault.place == str(site.folder / "rollup_ports")
