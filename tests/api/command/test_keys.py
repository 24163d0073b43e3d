from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from darkscope.api import keys
from darkscope.api.command.main import program
from darkscope.api.keys import Scope
from darkscope.ingest.registry import FILE

SETTINGS = """\
ledger = "ledger"
[[sensors]]
id = "tokyo-1"
organisation = "north"
"""


@pytest.fixture
def call(tmp_path: Path) -> Callable[..., Any]:
    """Call the command with settings of one sensor."""
    file = tmp_path / "darkscope.toml"
    file.write_text(SETTINGS, encoding="utf-8")

    def call(*words: str) -> Any:
        return CliRunner().invoke(program(["keys"]), ["keys", *words, "--settings", str(file)])

    return call


def only(tmp_path: Path) -> keys.Key:
    (key,) = keys.listed(tmp_path / "ledger")
    return key


def test_a_key_is_shown_once_and_may_read(call: Callable[..., Any], tmp_path: Path) -> None:
    made = call("create", "grafana")
    assert made.exit_code == 0
    assert re.fullmatch(r"darkscope_[0-9a-f]{8}_[0-9a-f]{48}\n", made.stdout)
    key = only(tmp_path)
    assert (key.name, key.scopes, key.organisations, key.expires) == ("grafana", {Scope.READ}, None, None)
    assert made.stdout.strip()[19:] not in call("list").output


def test_the_list_says_all_but_the_key(call: Callable[..., Any], tmp_path: Path) -> None:
    call("create", "north", "--scope", "sources", "--scope", "export", "--organisation", "north")
    call("create", "old")
    keys.note_use(tmp_path / "ledger", keys.listed(tmp_path / "ledger")[0].id, 1_600_000_000)
    assert call("revoke", "old").output == f"old ({keys.listed(tmp_path / 'ledger')[1].id}) holds no more\n"
    head, first, second = (re.split(r" {2,}", line.strip()) for line in call("list").output.splitlines())
    assert head == ["id", "name", "scopes", "organisations", "created", "expires", "last used", "state"]
    assert (first[1:4], first[5:]) == (
        ["north", "export, sources", "north"],
        ["never", "2020-09-13 12:26Z", "valid"],
    )
    assert (second[1:4], second[5:]) == (["old", "read", "all"], ["never", "never", "revoked"])


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2999-01-01", datetime(2999, 1, 1, tzinfo=UTC)),
        ("90d", datetime.now(UTC) + timedelta(days=90)),
    ],
)
def test_a_key_holds_until_a_day(call: Callable[..., Any], tmp_path: Path, text: str, end: datetime) -> None:
    call("create", "one", "--expires", text)
    assert only(tmp_path).expires == pytest.approx(end.timestamp(), abs=3600)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("create", "one", "--expires", "soon"), "'soon' is no day; understood are 2027-01-01 and 90d"),
        (("create", "one", "--expires", "2020-01-01"), "2020-01-01 is over"),
        (("create", "one", "--organisation", "east"), "no sensor belongs to the organisation east"),
        (("revoke", "one"), "no key that holds is called 'one'; there are none"),
    ],
)
def test_a_mistake_is_a_sentence_and_makes_no_key(
    call: Callable[..., Any], tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    done = call(*words)
    assert (done.exit_code, done.output) == (2, f"darkscope: {message}\n")
    assert keys.listed(tmp_path / "ledger") == ()


def test_a_registry_that_cannot_be_read_is_a_failure(call: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / FILE).write_bytes(b"no database at all, but long enough to be looked at" * 100)
    for words in (("list",), ("create", "one"), ("revoke", "one")):
        done = call(*words)
        assert done.exit_code == 1
        assert done.output.startswith(f"darkscope: {tmp_path / 'ledger' / FILE}: ")


def test_a_name_is_shown_as_it_is_and_never_as_markup(call: Callable[..., Any]) -> None:
    call("create", "[/bold] [red]wall")
    listed = call("list")
    assert listed.exit_code == 0
    assert "[/bold] [red]wall" in listed.output
