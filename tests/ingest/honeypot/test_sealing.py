"""What is sealed is opened with the same key, and by nobody else."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkscope.ingest.honeypot.sealing import KEY, Seal
from darkscope.ingest.ledger.storage import Folder


@given(st.text())
def test_a_text_comes_out_as_it_went_in(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    sealed = Seal(Folder(folder)).close(text)
    assert sealed != Seal(Folder(folder)).close(text)
    assert Seal(Folder(folder)).open(sealed) == text


def test_another_key_or_a_changed_byte_opens_nothing(tmp_path: Path) -> None:
    seal = Seal(Folder(tmp_path))
    sealed = seal.close("GET / HTTP/1.1")
    data = base64.b64decode(sealed)
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        assert seal.open(base64.b64encode(changed).decode()) is None
    (tmp_path / KEY).unlink()
    assert seal.open(sealed) is None


def test_the_key_is_its_owners_alone_and_stays(tmp_path: Path) -> None:
    Seal(Folder(tmp_path)).close("x")
    key = (tmp_path / KEY).read_bytes()
    Seal(Folder(tmp_path)).close("y")
    assert (len(key), (tmp_path / KEY).read_bytes()) == (32, key)
    assert [path.name for path in tmp_path.iterdir()] == [KEY]
    assert (tmp_path / KEY).stat().st_mode & 0o777 == 0o600
