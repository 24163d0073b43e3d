"""A damaged file holds up its own day, and the month, and nothing else, until it is whole or forgotten."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ledgers import DAY, NOW, Site, day, merged, packets, ramp, read

from darkscope.ingest.ledger import upkeep as module
from darkscope.ingest.ledger.aside import Aside
from darkscope.ingest.ledger.expiry import expire, forget
from darkscope.ingest.ledger.upkeep import FEW, drop_rollups, keep_up, upkeep
from darkscope.ingest.ledger.verify import verify
from darkscope.ingest.series import (
    COVERAGE,
    FLOWS,
    MONTH_ROLLUPS,
    ROLLUP_PORTS_DAY,
    ROLLUPS,
    SEALS,
    SOURCES,
    Table,
)
from darkscope.ingest.settings import Retention

FIRST = day("2020-06-22")
DAYS = [FIRST + timedelta(days=number) for number in range(5)]
BROKEN = DAYS[2]
JUNE = day("2020-06-01")
JULY = datetime(2020, 7, 2, tzinfo=UTC)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


CHANGED = "its bytes are not those that were written"
DAMAGES = [(cut, CHANGED), (flip, CHANGED), (Path.unlink, "No such file or directory")]


@pytest.fixture(scope="module")
def five_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of five days, of two captures each."""
    one = Site(tmp_path_factory.mktemp("five") / "ledger")
    for part in range(2):
        worker = one.worker()
        for number in range(5):
            start = (number - 2) * DAY + part * 1000
            read(worker, ramp(start, 10, port=20 + part, source=f"198.41.{number}.{part}"))
        worker.commit()
    return one.folder


@pytest.fixture
def site(five_days: Path, tmp_path: Path) -> Site:
    shutil.copytree(five_days, tmp_path / "ledger")
    return Site(tmp_path / "ledger")


def file_of(site: Site, table: Table, of: date) -> Path:
    files = site.ledger.snapshot().files(table).sort("path")
    return (
        site.folder
        / table.name
        / next(path for path, day_ in files.select("path", "day").rows() if day_ == of)
    )


def rolled(site: Site) -> list[date]:
    (days,) = {site.ledger.snapshot().days(table) for table in ROLLUPS}
    return sorted(days)


def months(site: Site) -> set[date]:
    (days,) = {site.ledger.snapshot().days(table) for table in MONTH_ROLLUPS}
    return set(days)


def told(caplog: Any) -> list[tuple[str, str, object]]:
    return [(one.levelname, one.message, one.fields["day"]) for one in caplog.records]


@pytest.mark.parametrize(
    ("table", "damage", "said"),
    [*((FLOWS, *one) for one in DAMAGES), (SOURCES, flip, CHANGED), (COVERAGE, cut, CHANGED)],
)
def test_all_other_days_are_closed_and_this_one_once_it_is_whole(
    site: Site, tmp_path: Path, caplog: Any, damage: Callable[[Path], None], said: str, table: Table
) -> None:
    caplog.set_level(logging.INFO)
    before = {one.name: merged(site.ledger.snapshot(), one) for one in (FLOWS, SOURCES)}
    file = file_of(site, table, BROKEN)
    shutil.copy(file, tmp_path / "whole")
    damage(file)
    aside = Aside()
    assert keep_up(site.ledger, "w", JULY, aside=aside).days_closed == 4
    aside.tell()
    assert rolled(site) == [one for one in DAYS if one != BROKEN]
    assert months(site) == set()  # the month has not all of its days
    assert [str(one) for one in aside] == [f"{file}: {said}"]
    plan = site.ledger.snapshot().plan
    keep_up(site.ledger, "w", JULY, aside=aside)
    aside.tell()
    assert site.ledger.snapshot().plan == plan
    (fault,) = verify(site.opened()).faults
    assert fault.place == str(file)

    shutil.copy(tmp_path / "whole", file)
    done = keep_up(site.ledger, "w", JULY, aside=aside)
    aside.tell()
    assert (done.days_closed, done.months_closed) == (1, 1)
    assert (rolled(site), months(site), list(aside)) == (DAYS, {JUNE}, [])
    assert told(caplog) == [
        ("ERROR", "a file of the ledger is damaged; upkeep passes over its day", "2020-06-24"),
        ("INFO", "a file of the ledger holds up no upkeep any more", "2020-06-24"),
    ]
    for one in (FLOWS, SOURCES):
        assert merged(site.ledger.snapshot(), one).equals(before[one.name])
    assert verify(site.opened()).faults == ()


def test_what_is_known_to_be_damaged_is_all_that_is_looked_at_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = file_of(site, FLOWS, BROKEN)
    cut(file)
    aside = Aside()
    keep_up(site.ledger, "w", JULY, aside=aside)
    looked: list[str] = []
    near = site.ledger.storage.near
    monkeypatch.setattr(site.ledger.storage, "near", lambda name: (looked.append(name), near(name))[1])
    keep_up(site.ledger, "w", JULY, aside=aside)
    assert looked == [str(file.relative_to(site.folder))]


def test_a_damaged_day_that_is_forgotten_holds_up_nothing(site: Site) -> None:
    flip(file_of(site, FLOWS, BROKEN))
    aside = Aside()
    keep_up(site.ledger, "w", JULY, aside=aside)
    assert len(list(aside)) == 1
    forget(site.ledger, "w", "a", BROKEN, BROKEN, NOW)
    assert keep_up(site.ledger, "w", JULY, aside=aside).months_closed == 1
    assert list(aside) == []
    assert packets(site) == 80
    assert verify(site.opened()).faults == ()


def test_a_month_waits_for_a_damaged_rollup_of_one_of_its_days(site: Site, tmp_path: Path) -> None:
    keep_up(site.ledger, "w", NOW)
    file = file_of(site, ROLLUP_PORTS_DAY, BROKEN)
    shutil.copy(file, tmp_path / "whole")
    file.unlink()
    site.now = JULY
    site.take(ramp(8 * DAY, 5))  # in July
    aside = Aside()
    done = keep_up(site.ledger, "w", JULY + timedelta(days=2), aside=aside)
    assert (done.days_closed, done.months_closed) == (1, 0)
    assert [(one.table, one.day) for one in aside] == [(ROLLUP_PORTS_DAY, BROKEN)]
    shutil.copy(tmp_path / "whole", file)
    assert keep_up(site.ledger, "w", JULY, aside=aside).months_closed == 1
    assert verify(site.opened()).faults == ()


def test_rollups_that_could_not_be_made_anew_stay(site: Site) -> None:
    keep_up(site.ledger, "w", JULY)
    before = {table.name: merged(site.ledger.snapshot(), table) for table in (*ROLLUPS, *MONTH_ROLLUPS)}
    flip(file_of(site, FLOWS, BROKEN))
    aside = Aside()
    drop_rollups(site.ledger, "w", aside=aside)
    assert rolled(site) == [BROKEN]
    assert [one.day for one in aside] == [BROKEN]
    keep_up(site.ledger, "w", JULY, aside=aside)
    for table in (*ROLLUPS, *MONTH_ROLLUPS):
        assert merged(site.ledger.snapshot(), table).equals(before[table.name])


def test_the_small_files_of_an_open_day_are_merged_but_for_the_damaged_one(site: Site) -> None:
    site.now = datetime(2020, 6, 26, 18, tzinfo=UTC)
    worker = site.worker()
    for part in range(FEW):
        read(worker, ramp(2 * DAY + 5000 + part, 1, source=f"198.42.0.{part}"), f"/spool/a/{part}.pcap")
        worker.commit()
    file = file_of(site, FLOWS, DAYS[4])
    cut(file)
    aside = Aside()
    keep_up(site.ledger, "w", site.now, aside=aside)
    there = {site.folder / "flows" / path for path in site.ledger.snapshot().files(FLOWS)["path"]}
    assert file in there
    assert [one.path for one in aside] == [str(file.relative_to(site.folder / "flows"))]
    today = [path for path in there if path.parent == file.parent]
    assert len(today) == 2
    assert len([one for one in verify(site.opened()).faults if one.place == str(file)]) == 1


@pytest.mark.parametrize("by", ["age", "budget"])
def test_a_damaged_day_stays_and_others_expire(site: Site, tmp_path: Path, by: str) -> None:
    keep_up(site.ledger, "w", JULY)
    file = file_of(site, FLOWS, DAYS[1])
    shutil.copy(file, tmp_path / "whole")
    flip(file)
    age, budget = ({"flows": 2}.get, None) if by == "age" else ({}.get, 0)
    aside = Aside()
    expire(site.ledger, "w", DAYS[4], age, budget, aside)
    gone = {DAYS[0]} if by == "age" else {DAYS[0], DAYS[2], DAYS[3]}
    assert site.ledger.finish().days(SEALS) == gone
    assert site.ledger.finish().days(FLOWS) == set(DAYS) - gone
    assert [one.day for one in aside] == [DAYS[1]]
    shutil.copy(tmp_path / "whole", file)
    expire(site.ledger, "w", DAYS[4], age, budget, aside)
    assert site.ledger.finish().days(SEALS) == gone | {DAYS[1]}
    assert verify(site.opened()).faults == ()


def test_upkeep_expires_beside_a_day_that_is_damaged(site: Site) -> None:
    keep_up(site.ledger, "w", NOW)
    site.take(ramp(2 * DAY + 5000, 20), "/spool/a/late.pcap")  # that day is to be closed again
    flip(file_of(site, FLOWS, DAYS[4]))
    retention = Retention(disk_reserve=0, flows=1, sources="keep", echoes="keep", requests="keep")
    aside = Aside()
    upkeep(site.opened(), site.settings.model_copy(update={"retention": retention}), NOW, aside)
    assert site.ledger.finish().days(FLOWS) == {DAYS[3], DAYS[4]}
    assert [one.day for one in aside] == [DAYS[4]]


def test_a_file_that_is_damaged_while_upkeep_works_is_an_error_of_the_ledger(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_damaged_of", lambda *_: [])
    cut(file_of(site, FLOWS, BROKEN))
    with pytest.raises(
        module.LedgerError, match="a data file cannot be read, `darkscope ledger verify` names it"
    ):
        keep_up(site.ledger, "w", JULY)
