"""`darkscope dashboards` and `darkscope provisioning`: what they write, say, and end with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_grafana import TOKEN, FakeGrafana, served
from typer.testing import CliRunner, Result

from darkscope.api.command.main import program
from darkscope.grafana.dashboards import DASHBOARDS
from darkscope.grafana.provisioned import files

UID = "darkscope-example"
EVERYTHING = len(DASHBOARDS)


@pytest.fixture
def grafana() -> Iterator[FakeGrafana]:
    with served(FakeGrafana()) as server:
        yield server


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return file


def run(*words: str | Path) -> Result:
    line = [str(word) for word in words]
    return CliRunner().invoke(program(line), line)


def ask(verb: str, grafana: FakeGrafana, token: Path, *words: str | Path) -> Result:
    return run("dashboards", verb, "--url", grafana.url, "--token-file", token, *words)


def edit(grafana: FakeGrafana, title: str = "Mine") -> None:
    """Somebody changes the example in the browser."""
    model = json.loads(json.dumps(grafana.dashboards[UID]))
    panel = next(one for one in model["panels"] if one["type"] == "timeseries")
    panel["title"] = title
    grafana.saves(model)


def test_build_writes_what_differs_and_check_only_says_so(tmp_path: Path) -> None:
    made = files()
    assert run("dashboards", "build", "--to", tmp_path, "--check").exit_code == 3
    assert list(tmp_path.iterdir()) == []
    written = run("dashboards", "build", "--to", tmp_path)
    assert written.exit_code == 0
    assert written.stdout.splitlines()[-1] == f"0 of {len(made)} files were as the source is"
    assert {path: (tmp_path / path).read_text(encoding="utf-8") for path in made} == made
    assert run("dashboards", "build", "--to", tmp_path, "--check").exit_code == 0
    (tmp_path / "alerting/rules.json").write_text("{}")
    stale = run("dashboards", "build", "--to", tmp_path, "--check")
    assert stale.exit_code == 3
    assert stale.stdout.splitlines()[0] == f"differs  {tmp_path / 'alerting/rules.json'}"


def test_push_then_diff_then_an_edit_then_pull(grafana: FakeGrafana, token: Path, tmp_path: Path) -> None:
    pushed = ask("push", grafana, token, "-m", "the first")
    assert pushed.exit_code == 0
    assert len(pushed.stdout.splitlines()) == EVERYTHING
    assert set(grafana.messages) == {"the first"}
    assert [one["title"] for one in grafana.folders] == ["darkscope, by push"]

    same = ask("diff", grafana, token, UID)
    assert (same.exit_code, same.stdout) == (0, f"{UID}  as it was pushed, as the source is\n")

    edit(grafana)
    differs = ask("diff", grafana, token, UID)
    assert differs.exit_code == 3
    assert differs.stdout.splitlines() == [
        f"{UID}  changed in Grafana by somebody@example.org",
        "  panel 'Remote logins'",
        "    title",
        '      - "Remote logins"',
        '      + "Mine"',
    ]

    kept = ask("push", grafana, token)
    assert kept.exit_code == 1
    assert "was changed in Grafana by somebody@example.org" in kept.stderr
    assert len(kept.stdout.splitlines()) == EVERYTHING - 1, "the others are not held up"

    pulled = ask("pull", grafana, token, UID, "--to", tmp_path / "overlays")
    assert pulled.exit_code == 0
    file = tmp_path / "overlays" / f"{UID}.json"
    assert json.loads(file.read_text()) == {"panels": {"Remote logins": {"set": {"/title": "Mine"}}}}

    assert ask("push", grafana, token, UID, "--force").exit_code == 0
    assert ask("pull", grafana, token, UID, "--to", tmp_path / "overlays").exit_code == 0
    assert not file.exists(), "an overlay of nothing goes"


def test_a_draft_stands_beside_the_dashboard_in_use_and_comes_back_to_it(
    grafana: FakeGrafana, token: Path, tmp_path: Path
) -> None:
    ask("push", grafana, token, UID)
    drafted = ask("push", grafana, token, UID, "--draft", "mine")
    assert drafted.stdout == f"created    {grafana.url}/d/{UID}-mine\n"
    assert set(grafana.dashboards) == {UID, f"{UID}-mine"}
    assert ask("diff", grafana, token, UID, "--draft", "mine").exit_code == 0
    copy = grafana.dashboards[f"{UID}-mine"]
    grafana.saves({**copy, "refresh": "5m"})
    assert ask("pull", grafana, token, f"{UID}-mine", "--of", UID, "--to", tmp_path).exit_code == 0
    assert json.loads((tmp_path / f"{UID}.json").read_text()) == {"dashboard": {"set": {"/refresh": "5m"}}}


def test_what_is_missing_in_grafana_differs(grafana: FakeGrafana, token: Path) -> None:
    missing = ask("diff", grafana, token, UID)
    assert (missing.exit_code, missing.stdout) == (3, f"{UID}  missing\n  is not in Grafana\n")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("push", "darkscope-nothing"), 2, "no dashboard darkscope-nothing; there are darkscope-now"),
        (("pull", "nobodys"), 1, "has no dashboard nobodys"),
        (("pull", "theirs"), 2, "theirs is none of darkscope's dashboards"),
    ],
)
def test_mistakes_are_sentences(
    grafana: FakeGrafana, token: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    grafana.saves({"uid": "theirs", "title": "Theirs", "panels": []})
    verb, *rest = words
    answer = ask(verb, grafana, token, *rest)
    assert answer.exit_code == code
    assert said in answer.stderr


def test_a_wrong_token_or_none_is_told_and_never_shown(grafana: FakeGrafana, tmp_path: Path) -> None:
    grafana.anonymous = True
    (tmp_path / "wrong").write_text("glsa_wrong")
    refused = ask("push", grafana, tmp_path / "wrong")
    assert refused.exit_code == 1
    assert "does not know the token" in refused.stderr
    assert "glsa_wrong" not in refused.output
    missing = ask("push", grafana, tmp_path / "none")
    assert missing.exit_code == 2
    assert "cannot read" in missing.stderr
    assert run("dashboards", "diff", "--url", grafana.url).exit_code == 1
    assert grafana.dashboards == {}
