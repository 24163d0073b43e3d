"""Keys and decisions lie beside a ledger in object storage, where all machines have them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from objects import SECRET, Bucket
from runs import until
from typer.testing import CliRunner

from darkscope.api import keys
from darkscope.api.command.ledger import app as ledger
from darkscope.api.http import access
from darkscope.api.http.access import Doors, Unknown
from darkscope.api.keys import Scope, UnknownKeyError
from darkscope.api.phenomena import decisions
from darkscope.api.phenomena.decisions import Decision, DecisionsError
from darkscope.api.phenomena.proposal import State
from darkscope.ingest.ledger.ledger import Ledger, storage_of
from darkscope.ingest.registry import RegistryError
from darkscope.ingest.settings import Api, Settings
from darkscope.ingest.values import Uri

NOW = 1_600_000_000.0
READ = frozenset({Scope.READ})


@pytest.fixture
def settings(bucket: Bucket) -> Settings:
    return Settings(ledger=Uri(f"{bucket.uri}/ledger"), api=Api(rate=0))


def test_keys_are_made_listed_used_and_revoked_as_in_a_folder(settings: Settings, bucket: Bucket) -> None:
    where = keys.place(settings)
    assert keys.listed(where) == ()
    text = keys.create(
        where, "grafana", [Scope.READ, Scope.SOURCES], NOW, organisations=["north"], expires=NOW + 9
    )
    keys.create(where, "script", [Scope.READ], NOW + 1)
    keys.note_use(where, keys.listed(where)[0].id, NOW + 2)
    keys.note_use(where, keys.listed(where)[0].id, NOW + 1)
    made, other = keys.listed(where)
    assert keys.find({made.id: made}, text) == made
    assert made == replace(
        other,
        id=text.split("_")[1],
        name="grafana",
        digest=made.digest,
        scopes=frozenset({Scope.READ, Scope.SOURCES}),
        organisations=frozenset({"north"}),
        created=NOW,
        expires=NOW + 9,
        used=NOW + 2,
    )
    assert keys.revoke(where, "script", NOW + 3).id == other.id
    assert [key.state(NOW) for key in keys.listed(where)] == ["valid", "revoked"]
    with pytest.raises(UnknownKeyError, match="no key that holds is called 'script'; there are grafana"):
        keys.revoke(where, "script", NOW + 4)
    kept = bucket.get("ledger/keys.json")
    assert text.rpartition("_")[2].encode() not in kept
    assert SECRET.encode() not in kept


def test_what_is_no_list_of_keys_and_what_cannot_be_read_is_named(settings: Settings, bucket: Bucket) -> None:
    bucket.put("ledger/keys.json", b'[{"id": 1}]')
    with pytest.raises(RegistryError) as error:
        keys.listed(keys.place(settings))
    assert str(error.value) == f"{settings.ledger}/keys.json: it holds no keys as they are written here"
    with pytest.raises(RegistryError, match=r"s3://not-there/keys\.json: the storage says 404"):
        keys.listed(keys.place(settings.model_copy(update={"ledger": Uri("s3://not-there")})))


def test_a_machine_sees_what_another_makes_and_revokes(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "FAR", 0.1)
    where = keys.place(settings)
    doors = [Doors(settings, lambda: NOW) for _ in range(2)]
    assert [one.asks_for_keys for one in doors] == [False, False]
    text = keys.create(where, "grafana", [Scope.READ], NOW)
    until(lambda: all(one.asks_for_keys for one in doors), 20)
    for one in doors:
        assert one.admit(text, "192.0.2.1", READ).scopes >= READ
    keys.revoke(where, "grafana", NOW)

    def is_refused(one: Doors) -> bool:
        try:
            one.admit(text, "192.0.2.1", READ)
        except Unknown:
            return True
        return False

    until(lambda: all(map(is_refused, doors)), 20)
    assert all(one.asks_for_keys for one in doors)


def test_keys_that_are_gone_or_cannot_be_read_for_long_let_nobody_in(
    settings: Settings, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "FAR", 0.05)
    monkeypatch.setattr(access, "LAST", 0.5)
    text = keys.create(keys.place(settings), "grafana", [Scope.READ], NOW)
    doors = Doors(settings, lambda: NOW)
    assert doors.admit(text, "192.0.2.1", READ).scopes >= READ
    bucket.put("ledger/keys.json", b"[]")

    def is_shut() -> bool:
        try:
            doors.admit(None, "192.0.2.1", READ)
        except RegistryError as error:
            return str(error) == f"{settings.ledger}/keys.json: not read for 0 s"
        except Unknown:
            return False
        raise AssertionError("somebody without a key was let in")

    until(is_shut, 20)


def test_decisions_of_several_machines_are_kept(settings: Settings, bucket: Bucket) -> None:
    where = decisions.path(settings)
    assert decisions.read(where) == {}
    mine, other = "23-tcp-up-2020-04-01", "445-tcp-up-2020-04-01"
    decisions.decide(where, mine, lambda one: replace(one, state=State.CONFIRMED))
    change = decisions._written

    def overtaken(found: dict[str, Decision]) -> str:
        """Somebody else decides between this reading and its writing."""
        decisions._written = change
        decisions.decide(decisions.path(settings), other, lambda one: replace(one, en="words"))
        return change(found)

    decisions._written = overtaken
    decisions.decide(where, mine, lambda one: replace(one, ja="言葉"))
    assert decisions.read(where) == {
        mine: Decision(State.CONFIRMED, ja="言葉"),
        other: Decision(en="words"),
    }
    assert bucket.get("ledger/decisions.toml").startswith(decisions.HEAD.encode())
    bucket.put("ledger/decisions.toml", b"= no TOML")
    with pytest.raises(DecisionsError, match=f"^{settings.ledger}/decisions.toml: Invalid"):
        decisions.read(where)


def test_the_command_makes_and_revokes_them_wherever_it_runs(settings: Settings) -> None:
    def run(*words: str) -> str:
        command = [sys.executable, "-m", "darkscope.api.command.main", "keys", *words]
        where = ["--ledger", str(settings.ledger)]
        return subprocess.run([*command, *where], capture_output=True, text=True, check=True).stdout

    text = run("create", "grafana").strip()
    assert "grafana" in run("list")
    assert run("revoke", "grafana") == f"grafana ({text.split('_')[1]}) holds no more\n"


def test_a_backup_has_them_beside_the_tables(settings: Settings, bucket: Bucket, tmp_path: Path) -> None:
    Ledger.open_or_create(storage_of(settings))
    keys.create(keys.place(settings), "grafana", [Scope.READ], NOW)
    decisions.decide(decisions.path(settings), "23-tcp-up-2020-04-01", lambda one: replace(one, en="words"))
    copy = tmp_path / "copy"
    words = ["backup", str(copy), "--ledger", str(settings.ledger)]
    done = CliRunner().invoke(ledger, words, env={"DARKSCOPE_STATE": str(tmp_path)})
    assert (done.exit_code, done.stderr) == (0, "")
    for name in ("keys.json", "decisions.toml"):
        assert (copy / name).read_bytes() == bucket.get(f"ledger/{name}")
    assert decisions.read(decisions.path(Settings(ledger=copy))) == {
        "23-tcp-up-2020-04-01": Decision(en="words")
    }
