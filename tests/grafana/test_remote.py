"""A running Grafana: what was changed there is kept, and everything that goes wrong is a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_grafana import PASSWORD, TOKEN, USER, FakeGrafana, self_signed, served

from darkscope.grafana.remote import (
    ChangedThereError,
    Login,
    ProvisionedError,
    Remote,
    RemoteError,
    draft,
)

MODEL: dict[str, Any] = {
    "uid": "darkscope-made",
    "title": "Made",
    "panels": [{"id": 1, "type": "text", "title": "One", "options": {"content": "a"}}],
}
NEWER = {**MODEL, "panels": [{"id": 1, "type": "text", "title": "One", "options": {"content": "b"}}]}
EDITED = {**MODEL, "panels": [{"id": 1, "type": "text", "title": "One", "options": {"content": "mine"}}]}


@pytest.fixture
def grafana() -> Iterator[FakeGrafana]:
    with served(FakeGrafana()) as server:
        yield server


def remote(grafana: FakeGrafana, **how: Any) -> Remote:
    return Remote(grafana.url, Login(token=TOKEN), **how)


def push(grafana: FakeGrafana, model: dict[str, Any], **how: Any) -> str:
    return remote(grafana).push(model, folder="Threats", message="why", **how)


def test_a_push_makes_the_folder_and_says_why(grafana: FakeGrafana) -> None:
    assert push(grafana, MODEL) == "created"
    assert grafana.folders == [{"uid": "f0", "title": "Threats"}]
    assert (grafana.where, grafana.messages) == ({"darkscope-made": "f0"}, ["why"])
    assert push(grafana, NEWER) == "updated"
    assert [one["title"] for one in grafana.folders] == ["Threats"]
    stored = grafana.dashboards["darkscope-made"]
    assert {key: stored[key] for key in NEWER} == NEWER
    assert (stored["id"], stored["version"]) == (1, 2)


def test_what_is_there_already_is_not_written_again(grafana: FakeGrafana) -> None:
    push(grafana, MODEL)
    assert push(grafana, MODEL) == "unchanged"
    assert grafana.messages == ["why"]


@pytest.mark.parametrize("keeps_the_digest", [True, False])
def test_what_was_changed_in_the_browser_is_kept(grafana: FakeGrafana, keeps_the_digest: bool) -> None:
    push(grafana, MODEL)
    mark = grafana.dashboards["darkscope-made"]["digest"]
    grafana.saves(EDITED | ({"digest": mark} if keeps_the_digest else {}))
    with pytest.raises(ChangedThereError, match=r"somebody@example.org.*--force"):
        push(grafana, NEWER)
    assert grafana.dashboards["darkscope-made"]["panels"] == EDITED["panels"]
    assert push(grafana, NEWER, overwrite=True) == "updated"
    assert push(grafana, MODEL) == "updated"


def test_what_was_changed_to_what_the_source_is_now_needs_no_force(grafana: FakeGrafana) -> None:
    push(grafana, MODEL)
    grafana.saves(NEWER)
    assert push(grafana, NEWER) == "updated"


def test_a_save_between_look_and_write_is_kept(grafana: FakeGrafana) -> None:
    push(grafana, MODEL)
    grafana.saved_meanwhile = EDITED
    with pytest.raises(ChangedThereError, match="at this very moment"):
        push(grafana, NEWER, overwrite=True)
    assert grafana.dashboards["darkscope-made"]["panels"] == EDITED["panels"]


def test_a_dashboard_of_grafanas_own_files_is_refused(grafana: FakeGrafana) -> None:
    grafana.saves(MODEL)
    grafana.provisioned.add("darkscope-made")
    with pytest.raises(ProvisionedError, match="read from a file"):
        push(grafana, NEWER, overwrite=True)
    stored = remote(grafana).find("darkscope-made")
    assert stored
    assert stored.is_provisioned


def test_a_dashboard_that_is_not_there_is_none(grafana: FakeGrafana) -> None:
    assert remote(grafana).find("nobodys") is None


def test_a_draft_has_uid_and_title_of_its_own_and_can_be_edited() -> None:
    made = draft({**MODEL, "editable": False}, "mine")
    assert (made["uid"], made["title"], made["editable"]) == ("darkscope-made-mine", "Made (mine)", True)
    assert len(draft(MODEL, "x" * 50)["uid"]) == 40


@pytest.mark.parametrize(
    "login", [Login(token=TOKEN), Login(user=USER, password=PASSWORD)], ids=["token", "user"]
)
@pytest.mark.parametrize("anonymous", [False, True])
def test_who_is_known_may_ask(grafana: FakeGrafana, login: Login, anonymous: bool) -> None:
    grafana.anonymous = anonymous
    Remote(grafana.url, login).check()


@pytest.mark.parametrize(
    "login", [Login(token="wrong"), Login(user=USER, password="wrong")], ids=["token", "user"]
)
def test_a_wrong_token_is_noticed_where_anybody_may_look(grafana: FakeGrafana, login: Login) -> None:
    grafana.anonymous = True
    grafana.saves(MODEL)
    asking = Remote(grafana.url, login)
    assert asking.find("darkscope-made"), "the trap: it is answered like anybody"
    with pytest.raises(RemoteError, match="does not know the token or password"):
        asking.check()


def test_a_viewer_is_told_which_role_is_needed(grafana: FakeGrafana) -> None:
    grafana.viewer = True
    with pytest.raises(RemoteError, match="Editor"):
        push(grafana, MODEL)


def test_a_page_instead_of_an_answer_is_named(grafana: FakeGrafana) -> None:
    grafana.html = True
    with pytest.raises(RemoteError, match="not as Grafana's API"):
        remote(grafana).check()


def test_a_server_that_fails_or_is_not_there_is_named(grafana: FakeGrafana) -> None:
    grafana.broken = True
    with pytest.raises(RemoteError, match="failed"):
        remote(grafana).check()
    with pytest.raises(RemoteError, match="does not answer: ConnectionError"):
        Remote("http://127.0.0.1:9", Login(token=TOKEN)).check()


def test_a_path_prefix_is_kept() -> None:
    with served(FakeGrafana(prefix="/watch/grafana")) as grafana:
        assert push(grafana, MODEL) == "created"
        bare = grafana.url.removesuffix(grafana.prefix)
        with pytest.raises(RemoteError, match="path prefix"):
            Remote(bare, Login(token=TOKEN)).check()


def test_a_certificate_that_nobody_signed_is_refused_unless_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    with served(FakeGrafana(), self_signed(tmp_path)) as grafana:
        with pytest.raises(RemoteError, match="--ca-file"):
            remote(grafana).check()
        remote(grafana, verify=str(tmp_path / "certificate.pem")).check()
        remote(grafana, verify=False).check()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("grafana.example", "no address"),
        ("ftp://grafana.example", "no address"),
        ("https://grafana.example:many", "no address"),
        ("https://[::1", "no address"),
        ("https://me:secret@grafana.example", "holds a password"),
        ("https:/me:secret@grafana.example", "holds a password"),
        ("me:secret@grafana.example", "holds a password"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(url: str, said: str) -> None:
    with pytest.raises(RemoteError, match=said) as refused:
        Remote(url, Login(token=TOKEN))
    assert "secret" not in str(refused.value)


def test_a_login_is_never_shown() -> None:
    assert TOKEN not in repr(Login(token=TOKEN))
    assert PASSWORD not in repr(Login(user=USER, password=PASSWORD)).replace(USER, "")
    with pytest.raises(RemoteError, match="neither a token nor a user"):
        Remote("http://127.0.0.1:9", Login(user=USER))
