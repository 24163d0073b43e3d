from __future__ import annotations

import hmac
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from darkscope.api import keys
from darkscope.api.keys import ANYBODY, Asker, Scope, UnknownKeyError
from darkscope.ingest.registry import FILE

NOW = 1_600_000_000.0


def only(ledger: Path) -> keys.Key:
    (key,) = keys.listed(ledger)
    return key


def test_a_key_is_found_by_itself_and_by_nothing_else(tmp_path: Path) -> None:
    text = keys.create(tmp_path, "grafana", [Scope.READ], NOW)
    other = keys.create(tmp_path, "script", [Scope.READ], NOW)
    known = {key.id: key for key in keys.listed(tmp_path)}
    assert re.fullmatch("darkscope_[0-9a-f]{8}_[0-9a-f]{48}", text)
    found = keys.find(known, text)
    assert found is not None
    assert found.name == "grafana"
    mixed = text[:18] + other[18:]
    for wrong in (
        "",
        text[:-1],
        f"{text}0",
        text.upper(),
        f" {text}",
        mixed,
        f"Bearer {text}",
        "é",
        found.id,
    ):
        assert keys.find(known, wrong) is None


def test_only_a_digest_is_kept_in_any_of_the_registrys_files(tmp_path: Path) -> None:
    text = keys.create(tmp_path, "grafana", [Scope.READ], NOW)
    secret = text.rpartition("_")[2].encode()
    files = list(tmp_path.iterdir())
    assert (tmp_path / FILE) in files
    assert [file for file in files if secret in file.read_bytes()] == []


def test_a_wrong_key_is_compared_like_a_right_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = keys.create(tmp_path, "grafana", [Scope.READ], NOW)
    known = {key.id: key for key in keys.listed(tmp_path)}
    compared: list[tuple[int, int]] = []
    compare = hmac.compare_digest

    def noted(one: Any, other: Any) -> bool:
        compared.append((len(one), len(other)))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", noted)
    for presented in (text, text[:-1] + "x", "nothing", f"darkscope_00000000_{'0' * 48}"):
        keys.find(known, presented)
    assert compared == [(64, 64)] * 4


def test_what_is_kept_of_a_key(tmp_path: Path) -> None:
    keys.create(
        tmp_path,
        "north",
        [Scope.SOURCES, Scope.EXPORT],
        NOW,
        organisations=["north", "north"],
        expires=NOW + 60,
    )
    key = only(tmp_path)
    assert (key.name, key.scopes, key.organisations) == (
        "north",
        {Scope.SOURCES, Scope.EXPORT},
        frozenset({"north"}),
    )
    assert (key.created, key.expires, key.revoked, key.used) == (NOW, NOW + 60, None, None)
    assert [key.state(NOW + 59), key.state(NOW + 60)] == ["valid", "expired"]


def test_a_revoked_key_stays_in_the_list(tmp_path: Path) -> None:
    keys.create(tmp_path, "one", [Scope.READ], NOW, expires=NOW + 1)
    assert keys.revoke(tmp_path, "one", NOW + 5).name == "one"
    assert (only(tmp_path).revoked, only(tmp_path).state(NOW + 9)) == (NOW + 5, "revoked")


def test_a_key_is_revoked_by_id_or_by_a_name_that_is_its_alone(tmp_path: Path) -> None:
    for name in ("one", "two", "two"):
        keys.create(tmp_path, name, [Scope.READ], NOW)
    first, second = (key for key in keys.listed(tmp_path) if key.name == "two")
    with pytest.raises(UnknownKeyError, match=f"several keys are called 'two': {first.id}, {second.id}"):
        keys.revoke(tmp_path, "two", NOW)
    assert keys.revoke(tmp_path, second.id, NOW) == second
    assert keys.revoke(tmp_path, "two", NOW) == first
    with pytest.raises(UnknownKeyError, match="no key that holds is called 'two'; there are one"):
        keys.revoke(tmp_path, "two", NOW)


def test_a_use_is_kept(tmp_path: Path) -> None:
    keys.create(tmp_path, "one", [Scope.READ], NOW)
    keys.note_use(tmp_path, only(tmp_path).id, NOW + 7)
    assert only(tmp_path).used == NOW + 7


def test_where_nobody_made_a_key_there_is_none_and_nothing_is_made(tmp_path: Path) -> None:
    assert keys.listed(tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


def test_a_registry_of_others_has_no_keys(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / FILE).close()
    assert keys.listed(tmp_path) == ()


@pytest.mark.parametrize(
    ("scopes", "implied"),
    [
        ("public", "public"),
        ("read", "public read"),
        ("sources", "public read sources"),
        ("export", "export public read"),
        ("sources export", "export public read sources"),
        ("admin", "admin export public read sources"),
    ],
)
def test_what_a_scope_implies(tmp_path: Path, scopes: str, implied: str) -> None:
    keys.create(tmp_path, "one", map(Scope, scopes.split()), NOW)
    asker = only(tmp_path).asker
    assert asker == Asker(only(tmp_path).id, frozenset(map(Scope, implied.split())), None, only(tmp_path).id)
    assert asker.is_public == (scopes == "public")


def test_whoever_is_not_asked_for_a_key_may_do_everything() -> None:
    assert (ANYBODY.key, ANYBODY.scopes, ANYBODY.organisations) == ("", frozenset(Scope), None)
