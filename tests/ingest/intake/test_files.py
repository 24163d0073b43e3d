from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from ledgers import Site, capture

from darkscope.ingest.intake.files import files_below, find
from darkscope.ingest.intake.stored import File, IntakeError


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def paths(names: list[str]) -> tuple[Path, ...]:
    return tuple(Path(one.name) for one in find(names).captures)


def test_captures_come_by_the_time_of_their_first_frame_then_by_name(tmp_path: Path) -> None:
    late = put(tmp_path / "a" / "1.pcap", capture(20))
    early = put(tmp_path / "b" / "2", capture(10))
    same = put(tmp_path / "b" / "1", capture(10))
    without = put(tmp_path / "c.pcap", capture())
    assert paths([str(tmp_path)]) == (without, same, early, late)


def test_what_is_no_capture_is_passed_over_in_a_folder_and_a_mistake_where_it_is_named(
    tmp_path: Path,
) -> None:
    one = put(tmp_path / "1.pcap", capture(1))
    readme = put(tmp_path / "README.md", b"captures of a sensor")
    put(tmp_path / "empty", b"")
    found = find([str(tmp_path)])
    assert (found.captures, found.passed_over) == ((File(one),), 2)
    with pytest.raises(IntakeError, match=f"{readme}: no pcap or pcapng at byte 0"):
        find([str(readme)])


def test_drafts_and_hidden_folders_are_left_alone(tmp_path: Path) -> None:
    for name in (".1.pcap", "1.pcap.tmp", "1.pcap.part", ".git/1.pcap"):
        put(tmp_path / name, capture(1))
    assert find([str(tmp_path)]) == find([])


def test_a_ledger_below_is_left_alone(tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger")
    site.take(capture(1))
    put(site.folder / "spool" / "eth0" / "1.pcap", capture(1))
    assert find([str(tmp_path)]) == find([])


def test_a_folder_that_may_not_be_looked_into_is_an_error_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a daemon that watches the folder above waits, and does not end as for a ledger that fails."""
    put(tmp_path / "secret" / "1.pcap", capture(1))
    exists = Path.exists

    def not_ours(path: Path, *how: bool) -> bool:
        if path.parent.name == "secret":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return exists(path, *how)

    monkeypatch.setattr(Path, "exists", not_ours)
    with pytest.raises(PermissionError):
        list(files_below(str(tmp_path)))
    with pytest.raises(IntakeError, match=r"secret/ledger\.json: Permission denied"):
        find([str(tmp_path)])


def test_a_pattern_names_files_and_folders(tmp_path: Path) -> None:
    one = put(tmp_path / "1.pcap", capture(1))
    two = put(tmp_path / "day" / "2.pcap", capture(2))
    put(tmp_path / "other", b"no capture")
    assert paths([f"{tmp_path}/*"]) == (one, two)
    assert paths([f"{tmp_path}/**/2*"]) == (two,)
    with pytest.raises(IntakeError, match=r"\*\.pcapng: nothing matches"):
        find([f"{tmp_path}/*.pcapng"])


def test_a_capture_counts_once_however_often_it_is_named(tmp_path: Path) -> None:
    one = put(tmp_path / "1.pcap", capture(1))
    (tmp_path / "link.pcap").symlink_to(one)
    assert len(paths([str(tmp_path), str(one), f"{tmp_path}/*"])) == 1


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(IntakeError, match=f"{tmp_path}/missing: no such file or folder"):
        find([f"{tmp_path}/missing"])


def test_a_pipe_is_refused_with_what_to_do(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(IntakeError, match="a pipe is read as standard input"):
        find([f"{tmp_path}/pipe"])
    assert paths([str(tmp_path)]) == ()
