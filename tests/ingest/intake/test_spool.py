"""A watched folder: growing captures are followed, nothing is moved or deleted before the ledger has it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledgers import Site, at, capture, packets
from runs import session, until

from darkscope.ingest.intake import spool as module
from darkscope.ingest.intake.session import Outcome, Session
from darkscope.ingest.intake.spool import Policy, Spool
from darkscope.ingest.ledger.verify import verify

SETTLED = Policy(settle=1e-6)
NEVER = Policy(settle=1e6)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "ledger")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "spool" / "s"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "POLL", 0.0)
    monkeypatch.setattr(module, "EASE", 0)
    return


@pytest.fixture
def run(site: Site) -> Iterator[Session]:
    run = session(site, seconds=0.1)
    yield run
    run.end()


def turns(spool: Spool, run: Session, count: int = 4) -> None:
    for _ in range(count):
        spool.turn(run)


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def aged(path: Path, seconds: float = 1000) -> Path:
    """Make a file look as if it had been written some time ago."""
    status = path.stat()
    os.utime(path, (status.st_atime - seconds, status.st_mtime - seconds))
    return path


def test_a_growing_capture_is_followed_across_batches_and_cuts(
    run: Session, site: Site, folder: Path
) -> None:
    data = capture(1, 2, 3, 4)
    spool = Spool(folder, NEVER)
    path = folder / "1.pcap"
    for end, frames in ((10, 0), (24, 0), (70, 0), (94, 1), (100, 1), (300, 3), (len(data), 4)):
        path.write_bytes(b"") if not path.exists() else None
        append(path, data[path.stat().st_size : end])
        turns(spool, run)
        run.commit()
        assert packets(site) == frames
    assert list(run.summary.problems) == []


def test_a_settled_capture_is_complete_and_its_cut_end_reported(run: Session, folder: Path) -> None:
    (folder / "1.pcap").write_bytes(capture(1, 2)[:-5])
    spool = Spool(folder, SETTLED)
    turns(spool, run)
    run.commit()
    assert run.summary.captures[Outcome.READ] == 1
    assert [problem.offset for problem in run.summary.problems] == [94]


def test_a_capture_that_grows_after_it_settled_is_read_on(run: Session, site: Site, folder: Path) -> None:
    path = folder / "1.pcap"
    path.write_bytes(capture(1))
    spool = Spool(folder, SETTLED)
    turns(spool, run)
    run.commit()
    append(path, at(2))
    turns(spool, run)
    run.commit()
    assert packets(site) == 2


def test_rotation_completes_the_older_capture(run: Session, site: Site, folder: Path) -> None:
    old, new = folder / "1.pcap", folder / "2.pcap"
    aged(old).write_bytes(capture(1)) if old.exists() else old.write_bytes(capture(1))
    spool = Spool(folder, Policy(settle=1e6, done="delete"))
    turns(spool, run)
    assert run.summary.captures[Outcome.READ] == 0
    aged(old, 10)
    new.write_bytes(capture(30))
    turns(spool, run)
    assert run.summary.captures[Outcome.READ] == 1
    run.commit()
    turns(spool, run)
    assert packets(site) == 2
    assert old.exists(), "what is complete is cleared away only once it has settled"


def test_a_capture_that_somebody_has_open_for_writing_is_not_complete(run: Session, folder: Path) -> None:
    path = folder / "1.pcap"
    spool = Spool(folder, SETTLED)
    with path.open("wb") as writer:
        writer.write(capture(1))
        writer.flush()
        turns(spool, run)
        assert run.summary.captures[Outcome.READ] == 0
    turns(spool, run)
    assert run.summary.captures[Outcome.READ] == 1


@pytest.mark.parametrize("done", ["move", "delete"])
def test_done_captures_go_only_after_the_commit(
    run: Session, site: Site, folder: Path, tmp_path: Path, done: str
) -> None:
    path = folder / "1.pcap"
    path.write_bytes(capture(1))
    target = tmp_path / "done" / "s" / "1.pcap"
    policy = Policy(settle=1e-6, done="move" if done == "move" else "delete", done_folder=tmp_path / "done")
    spool = Spool(folder.parent, policy)
    turns(spool, run)
    assert run.summary.captures[Outcome.READ] == 1
    assert path.exists()
    run.commit()
    turns(spool, run)
    assert not path.exists()
    assert target.exists() == (done == "move")
    assert packets(site) == 1


def test_a_moved_capture_never_replaces_another(
    run: Session, site: Site, folder: Path, tmp_path: Path
) -> None:
    done = tmp_path / "spool" / "done"
    spool = Spool(folder.parent, Policy(1e-6, "move", done))
    for number in range(2):
        (folder / "1.pcap").write_bytes(capture(number * 30))
        turns(spool, run)
        run.commit()
        turns(spool, run)
    assert sorted(path.name for path in (done / "s").iterdir()) == ["1.pcap", "1.pcap.1"]
    turns(spool, run)
    assert packets(site) == 2


def test_captures_that_the_ledger_had_before_are_cleared_away_too(site: Site, folder: Path) -> None:
    site.take(capture(1), str(folder / "1.pcap"))
    (folder / "1.pcap").write_bytes(capture(1))
    run, spool = session(site), Spool(folder, Policy(1e-6, "delete"))
    turns(spool, run)
    assert run.is_due
    run.commit()
    turns(spool, run)
    assert list(folder.iterdir()) == []


def test_a_capture_that_grew_since_its_commit_is_not_deleted(run: Session, site: Site, folder: Path) -> None:
    path = folder / "1.pcap"
    path.write_bytes(capture(1))
    spool = Spool(folder, Policy(1e-6, "delete"))
    turns(spool, run)
    run.commit()
    append(path, at(2))
    spool._clear_away()
    assert path.exists()
    turns(spool, run)
    run.commit()
    turns(spool, run)
    assert not path.exists()
    assert packets(site) == 2


def test_what_is_no_capture_is_neither_moved_nor_reported(run: Session, folder: Path) -> None:
    readme = folder / "README.md"
    readme.write_text("what lies here, told in more than a few words, so that it is surely no capture")
    spool = Spool(folder, Policy(1e-6, "delete"))
    turns(spool, run)
    run.commit()
    turns(spool, run)
    assert readme.exists()
    assert run.summary.captures[Outcome.PASSED_OVER] == 1
    assert run.summary.is_clean


def test_a_capture_deleted_while_it_is_read_is_read_to_its_end(
    run: Session, site: Site, folder: Path
) -> None:
    path = folder / "1.pcap"
    path.write_bytes(capture(1))
    spool = Spool(folder, NEVER)
    turns(spool, run)
    append(path, at(2))
    path.unlink()
    turns(spool, run)
    run.commit()
    assert packets(site) == 2
    assert run.summary.captures[Outcome.READ] == 1


def test_a_deleted_capture_survives_another_worker_that_was_first(
    run: Session, site: Site, folder: Path
) -> None:
    path = folder / "1.pcap"
    data = capture(1, 2)
    path.write_bytes(data)
    spool = Spool(folder, NEVER)
    turns(spool, run)
    path.unlink()
    turns(spool, run)
    site.take(data[:94], str(path))
    run.commit()
    assert packets(site) == 2


@pytest.mark.parametrize("way", ["rename", "truncate"])
def test_a_capture_replaced_under_its_name_is_a_new_one(
    run: Session, site: Site, folder: Path, way: str
) -> None:
    path = folder / "1.pcap"
    path.write_bytes(capture(1, 2))
    spool = Spool(folder, NEVER)
    turns(spool, run)
    if way == "rename":
        (folder / "new.tmp").write_bytes(capture(60, 61, 62))
        (folder / "new.tmp").rename(path)
    else:
        path.write_bytes(capture(60))
    turns(spool, run)
    run.commit()
    assert packets(site) == (5 if way == "rename" else 3)


@pytest.mark.parametrize("again", ["link", "folder"])
def test_a_growing_capture_that_is_followed_under_two_names_counts_once(
    run: Session, site: Site, folder: Path, again: str
) -> None:
    """Two hard links, or a folder that is watched twice; the second name goes on where the first is gone."""
    data = capture(*range(1, 7))
    size = (len(data) - 24) // 6
    path = folder / "1.pcap"
    spools = [Spool(folder, NEVER), *([Spool(folder, NEVER)] if again == "folder" else [])]
    for frames in range(1, 5):
        append(path, data[path.stat().st_size if path.exists() else 0 : 24 + frames * size])
        if frames == 2 and again == "link":
            (folder / "2.pcap").hardlink_to(path)
        for spool in spools:
            turns(spool, run)
        if frames % 2:
            run.commit()
    run.commit()
    assert packets(site) == 4
    if again == "link":
        path.unlink()
        path = folder / "2.pcap"
    append(path, data[path.stat().st_size :])
    for spool in spools:
        turns(spool, run)
    run.commit()
    for spool in spools:
        turns(spool, run)
    run.commit()
    assert packets(site) == 6
    assert verify(site.ledger).faults == ()


def test_captures_that_wait_are_read_in_the_order_of_their_time(run: Session, folder: Path) -> None:
    for name, second in (("c", 10), ("a", 50), ("b", 30)):
        (folder / name).write_bytes(capture(second))
    spool = Spool(folder, NEVER)
    spool.turn(run)
    assert [entry.path.name for entry in spool._active] == ["c", "b", "a"]


def test_what_stays_is_not_opened_again(
    run: Session, site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        aged(folder / f"{number}.pcap") if (folder / f"{number}.pcap").exists() else None
        (folder / f"{number}.pcap").write_bytes(capture(20 * number))
    spool = Spool(folder, SETTLED)
    turns(spool, run)
    run.commit()
    monkeypatch.setattr(Spool, "_open", lambda *_: pytest.fail("opened again"))
    turns(spool, run, 20)
    assert packets(site) == 20


def test_a_folder_that_cannot_be_seen_for_a_while_is_no_end(run: Session, site: Site, folder: Path) -> None:
    (folder / "1.pcap").write_bytes(capture(1))
    spool = Spool(folder, NEVER)
    turns(spool, run)
    folder.rename(folder.parent / "away")
    turns(spool, run)
    (folder.parent / "away").rename(folder)
    append(folder / "1.pcap", at(2))
    turns(spool, run)
    run.commit()
    assert packets(site) == 2


def test_a_new_file_is_seen_soon(run: Session, site: Site, folder: Path) -> None:
    spool = Spool(folder, NEVER)
    turns(spool, run)
    (folder / "1.pcap").write_bytes(capture(1))

    def is_visible() -> bool:
        spool.turn(run)
        if run.is_due:
            run.commit()
        return packets(site) == 1

    until(is_visible, 5)
