"""Near copies of data files: whole ones, as many as fit, and nothing that anybody relies on."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from darkscope.ingest.ledger.cache import GRACE, Copies


class Remote:
    """Where files are fetched from, and what was."""

    def __init__(self) -> None:
        self.fetched: list[str] = []

    def __call__(self, name: str) -> bytes:
        self.fetched.append(name)
        return name.encode()


@pytest.fixture
def remote() -> Remote:
    return Remote()


def copies(root: Path, size: int = 1000) -> Copies:
    return Copies(root / "one", size, root)


def have(kept: Copies, remote: Remote, *names: str) -> list[bytes]:
    found = kept.have({name: len(name) for name in names}, remote)
    assert found is not None
    return [path.read_bytes() for path in found]


def age(root: Path, name: str, seconds: float) -> None:
    path = root / "one" / name
    used = path.stat().st_mtime - seconds
    os.utime(path, (used, used))


def test_a_file_is_fetched_once_and_again_where_its_copy_is_gone_or_cut(
    tmp_path: Path, remote: Remote
) -> None:
    kept = copies(tmp_path)
    assert have(kept, remote, "t/a", "t/b") == [b"t/a", b"t/b"]
    assert have(copies(tmp_path), remote, "t/b", "t/a") == [b"t/b", b"t/a"]
    assert sorted(remote.fetched) == ["t/a", "t/b"]
    (tmp_path / "one" / "t" / "a").write_bytes(b"")
    assert have(kept, remote, "t/a", "t/b") == [b"t/a", b"t/b"]
    shutil.rmtree(tmp_path / "one")
    assert have(kept, remote, "t/b") == [b"t/b"]
    assert remote.fetched[2:] == ["t/a", "t/b"]


def test_what_was_used_longest_ago_goes_first_and_nothing_that_is_in_use(
    tmp_path: Path, remote: Remote
) -> None:
    kept = copies(tmp_path, size=9)
    have(kept, remote, "t/a", "t/b", "t/c")
    for name, seconds in (("t/a", 2 * GRACE), ("t/b", 3 * GRACE), ("t/c", 0.0)):
        age(tmp_path, name, seconds)
    have(kept, remote, "t/d")
    assert sorted(path.name for path in (tmp_path / "one" / "t").iterdir()) == ["a", "c", "d"]
    have(kept, remote, "t/a", "t/e")  # a is used again
    assert sorted(path.name for path in (tmp_path / "one" / "t").iterdir()) == ["a", "c", "d", "e"]


def test_copies_of_all_ledgers_share_the_room(tmp_path: Path, remote: Remote) -> None:
    have(Copies(tmp_path / "other", 6, tmp_path), remote, "t/x")
    other = tmp_path / "other" / "t" / "x"
    os.utime(other, (0, 0))
    have(copies(tmp_path, size=6), remote, "t/a", "t/b")
    assert not other.exists()


def test_where_no_copy_can_be_kept_that_is_said(tmp_path: Path, remote: Remote) -> None:
    (tmp_path / "one").write_text("no folder")
    kept = copies(tmp_path)
    assert kept.have({"t/a": 3}, remote) is None
    assert kept.read("t/a") is None
    kept.drop("t/a")
    assert (kept.fits(1000), kept.fits(1001)) == (True, False)


def test_what_the_remote_raises_is_passed_on_and_leaves_no_copy(tmp_path: Path) -> None:
    def broken(name: str) -> bytes:
        raise FileNotFoundError(2, "is not there", f"s3://bucket/{name}")

    with pytest.raises(FileNotFoundError, match="s3://bucket/t/a"):
        copies(tmp_path).have({"t/a": 3}, broken)
    assert list(tmp_path.rglob("*")) == []
