"""A ledger's place that is full, read-only or not ours: a clear error, nothing lost, nothing half-written visible."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from disks import fill, mount, needs_root, small_disk
from ledgers import Site, packets
from runs import AS_ANYBODY, assert_same, many, run, running, stopped, until

FRAMES = 40_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "700k") as folder:
        yield folder


@pytest.fixture
def captures(tmp_path: Path) -> Path:
    folder = tmp_path / "spool" / "s"
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"{number}.pcap").write_bytes(many(FRAMES, 400.0 * number, seed=number))
    return folder.parent


@pytest.fixture
def whole(captures: Path, tmp_path: Path) -> Site:
    site = Site(tmp_path / "whole")
    assert run("ingest", captures, "--ledger", site.folder)[0] == 0
    return site


@needs_root
def test_a_full_disk_ends_a_run_with_its_place_and_the_next_run_goes_on(
    disk: Path, captures: Path, whole: Site
) -> None:
    site = Site(disk / "ledger")
    code, _, errors = run("ingest", captures, "--ledger", site.folder)
    assert code == 1, errors
    assert str(site.folder) in errors.splitlines()[-1]
    assert "No space left on device" in errors
    if (site.folder / "ledger.json").exists():
        assert packets(site) == 0
    mount(disk, "100m", "remount")
    code, _, errors = run("ingest", captures, "--ledger", site.folder)
    assert code == 0, errors
    assert_same(site, whole)


@needs_root
def test_a_daemon_waits_for_room_says_so_and_loses_nothing(disk: Path, captures: Path, whole: Site) -> None:
    site = Site(disk / "ledger")
    quick = "import darkscope.ingest.intake.session as session\nsession.RETRY = 0.2"
    mount(disk, "100m", "remount")
    assert run("ingest", "-", "--ledger", site.folder, data=many(1))[0] == 0
    mount(disk, "700k", "remount")
    shutil.rmtree(site.folder)
    mount(disk, "100m", "remount")
    site.ledger.snapshot()
    filler = fill(disk, 200_000)
    with running("ingest", "--follow", captures, "--ledger", site.folder, code=quick) as process:
        assert process.stderr is not None
        first = process.stderr.readline().decode()
        assert '"event": "waiting"' in first
        time.sleep(1)
        assert packets(site) == 0
        filler.unlink()
        until(lambda: packets(site) == 3 * FRAMES)
        code, _, errors = stopped(process)
    assert code == 0
    assert '"event": "waiting"' not in errors
    assert errors.count('"event": "going on"') == 1
    assert_same(site, whole)


@needs_root
def test_a_read_only_ledger_is_named(disk: Path, captures: Path) -> None:
    mount(disk, "100m", "remount")
    site = Site(disk / "ledger")
    site.ledger.snapshot()
    mount(disk, "100m", "remount", "ro")
    code, _, errors = run("ingest", captures, "--ledger", site.folder)
    assert code == 1
    assert str(site.folder) in errors.splitlines()[-1]
    assert "Read-only file system" in errors


def test_a_place_that_may_not_be_written_is_named(captures: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    place.chmod(0o555)
    code, _, errors = run("ingest", captures, "--ledger", place / "ledger", within=AS_ANYBODY)
    assert code == 1
    assert f"{place / 'ledger'}: cannot make a ledger" in errors
    assert "Permission denied" in errors


def test_less_than_the_reserve_is_said_with_the_settings_key(captures: Path, tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger")
    code, _, errors = run(
        "ingest", captures, "--ledger", site.folder, DARKSCOPE_RETENTION__DISK_RESERVE="1000000GB"
    )
    assert code == 1
    assert errors.splitlines()[-1].startswith(f"darkscope: {site.folder}: ")
    assert "retention.disk_reserve" in errors
    assert packets(site) == 0
