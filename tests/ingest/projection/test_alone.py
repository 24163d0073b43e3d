from __future__ import annotations

from pathlib import Path

import pytest

from darkscope.ingest.projection.alone import FILE, alone
from darkscope.ingest.registry import RegistryError


def test_one_is_alone_for_as_long_as_it_lasts(tmp_path: Path) -> None:
    with alone(tmp_path) as first, alone(tmp_path) as second:
        assert (first, second) == (True, False)
    with alone(tmp_path) as third:
        assert third


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(RegistryError, match=f"{FILE}: Is a directory"), alone(tmp_path):
        pass


def test_what_fails_meanwhile_is_not_the_locks(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="other"), alone(tmp_path):
        raise OSError("other")
