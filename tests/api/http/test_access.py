"""Every route with every kind of key: who is let in, who is not, and that nothing is computed for the latter."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from capture_files import pcap
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from ledgers import NOW, Site, at, ramp
from runs import until

from darkscope.api import keys
from darkscope.api.http import access, live
from darkscope.api.http.access import OPEN, admitted, admitted_to_all_sensors
from darkscope.api.http.app import create
from darkscope.api.http.source import Source
from darkscope.api.keys import IMPLIED, Scope
from darkscope.ingest.registry import FILE, RegistryError
from darkscope.ingest.settings import Api, SensorEntry, Settings

SENSORS = (
    SensorEntry(id="a", organisation="north"),
    SensorEntry(id="b", organisation="south"),
    SensorEntry(id="c", name="Secret", organisation="south", kind="honeypot"),
)
PARTS = {"{dimension}": "ports", "{address}": "192.0.2.7", "{protocol}": "tcp", "{port}": "23"}
"""What stands for the parts of paths."""

TRACES = ('"b"', '"c"', "Secret", "south", "445", r'"packets": (3|63)\b')
"""What tells of the sensors of the organisation `south`."""

WITHOUT_TRACES = {"/v1/movements/{dimension}", "/v1/phenomena"}
"""Paths whose answers about so little have none."""

NOT_OURS = {"/docs", "/docs/signed-in", "/docs/files", "/openapi.json"}
"""Paths of the description, which is the same for everybody."""


@dataclass(frozen=True)
class Door:
    """A route, and what it says that it needs."""

    path: str
    method: str
    scopes: frozenset[Scope] | None  # None: open
    all_sensors: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def url(self) -> str:
        path = self.path
        for part, value in PARTS.items():
            path = path.replace(part, value)
        assert "{" not in path, f"PARTS says nothing of {path}"
        return path


def routes(inner: Any) -> Iterator[Any]:
    for route in inner.routes:
        router = getattr(route, "original_router", None)
        yield from [route] if router is None else routes(router)


def doors(app: FastAPI) -> Iterator[Door]:
    """What each route of an application declares. A route that declares nothing, or two things, is an error."""
    for route in routes(app):
        if route.path in NOT_OURS:
            continue
        assert isinstance(route, APIRoute), route
        if not route.include_in_schema:  # pages for people: test_console.py
            continue
        (door,) = (
            one
            for one in route.dependencies
            if one is OPEN or one.dependency in (admitted, admitted_to_all_sensors)
        )
        for method in route.methods:
            yield Door(
                route.path,
                method,
                None if door is OPEN else frozenset(map(Scope, door.scopes)),
                door.dependency is admitted_to_all_sensors,
            )


DOORS = tuple(doors(create(Settings())))


@pytest.fixture(autouse=True)
def _streams_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LONGEST", 0.0)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A ledger of two sensors of two organisations."""
    site = Site(tmp_path_factory.mktemp("keys") / "ledger", SENSORS)
    site.take(ramp(0, 60, 60.0), "/spool/a/1.pcap")
    site.take(pcap([at(30, port=445), at(31, port=445), at(32, port=445)]), "/spool/b/1.pcap")
    return site


def with_keys_of_its_own(site: Site, folder: Path) -> Settings:
    """Settings of a folder of links to the parts of the ledger."""
    for part in site.folder.iterdir():
        (folder / part.name).symlink_to(part)
    return site.settings.model_copy(update={"ledger": folder, "api": Api(rate=0)})


@pytest.fixture
def settings(site: Site, tmp_path: Path) -> Settings:
    """Settings whose keys are a test's own."""
    return with_keys_of_its_own(site, tmp_path)


def make(settings: Settings, *scopes: Scope, name: str = "one", **how: Any) -> str:
    return keys.create(settings.ledger, name, scopes, NOW.timestamp(), **how)


@contextmanager
def asking(settings: Settings) -> Iterator[Callable[..., Any]]:
    """Ask, with a key or none."""
    with TestClient(create(settings, lambda: NOW), base_url="http://127.0.0.1") as client:

        def get(url: str, key: str | None = None, method: str = "GET", **headers: str) -> Any:
            if key is not None:
                headers["Authorization"] = f"Bearer {key}"
            return client.request(method, url, headers=headers)

        yield get


@pytest.fixture
def ask(settings: Settings) -> Iterator[Callable[..., Any]]:
    """Ask an application whose keys are a test's own."""
    with asking(settings) as get:
        yield get


@pytest.fixture(scope="module")
def locked(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings whose keys are the `held` ones: an application for each door and key would take a minute."""
    return with_keys_of_its_own(site, tmp_path_factory.mktemp("locked"))


@pytest.fixture(scope="module")
def held(locked: Settings) -> dict[str, str]:
    """A key of each kind, by what it holds; of those of organisations by theirs."""
    found: dict[str, str] = {scope: make(locked, scope) for scope in Scope}
    found["expired"] = make(locked, Scope.ADMIN, expires=NOW.timestamp())
    found["revoked"] = make(locked, Scope.ADMIN, name="revoked")
    keys.revoke(locked.ledger, "revoked", NOW.timestamp())
    return found | {name: make(locked, Scope.ADMIN, organisations=name.split()) for name in ("north", "")}


@pytest.fixture(scope="module")
def ask_locked(locked: Settings, held: dict[str, str]) -> Iterator[Callable[..., Any]]:
    """Ask the application that has the `held` keys."""
    assert held
    with asking(locked) as get:
        yield get


@pytest.fixture(scope="module")
def ask_open(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """Ask an application that has no keys."""
    with asking(with_keys_of_its_own(site, tmp_path_factory.mktemp("open"))) as get:
        yield get


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Notes each look into the ledger."""
    looks: list[None] = []
    snapshot = Source.snapshot

    def noted(source: Source) -> Any:
        looks.append(None)
        return snapshot(source)

    monkeypatch.setattr(Source, "snapshot", noted)
    return looks


def told(answer: Any, status: int, kind: str) -> str:
    """The detail of a problem."""
    document = answer.json()
    found = (answer.status_code, answer.headers["content-type"], document["type"])
    assert found == (status, "application/problem+json", f"urn:darkscope:problem:{kind}"), document
    return str(document["detail"])


def is_let_in(answer: Any) -> bool:
    """Whether who asked got past the door; the question itself may be refused."""
    refused = answer.status_code == 403 and "this needs a key" in answer.text
    return answer.status_code not in (401, 429) and not refused


def test_there_are_doors_and_open_are_those_for_supervisors_alone() -> None:
    assert {door.path for door in DOORS if door.scopes is None} == {"/healthz", "/readyz"}
    assert len(DOORS) >= 4
    assert all(door.scopes for door in DOORS if door.scopes is not None)


def test_the_pages_table_of_paths_says_what_each_needs() -> None:
    page = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")
    table = page.partition("| path | scope | |\n")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (.+?) \| (.*?) \| .+ \|$", table, re.MULTILINE)
    written = {
        path: set(re.findall(r"`(\w+)`", scopes))
        for paths, scopes in rows
        for path in re.findall(r"`([^`]+)`", paths)
        if path not in NOT_OURS
    }
    assert written == {door.path: set(door.scopes or ()) for door in DOORS}


@pytest.mark.parametrize("key", [None, "", "darkscope_00000000_" + 48 * "0", "expired", "revoked", "basic"])
@pytest.mark.parametrize("door", DOORS, ids=str)
def test_without_a_key_that_holds_nobody_is_let_in(
    ask_locked: Callable[..., Any], held: dict[str, str], computed: list[None], door: Door, key: str | None
) -> None:
    headers = {}
    if key in ("expired", "revoked"):
        key = held[key]
    elif key == "basic":
        key, headers = None, {"Authorization": "Basic dXNlcjpwYXNzd29yZA=="}
    answer = ask_locked(door.url, key, door.method, **headers)
    if door.scopes is None:
        assert answer.status_code == 200
        return
    told(answer, 401, "key")
    wrong = ', error="invalid_token"' if key else ""
    assert answer.headers["www-authenticate"] == f'Bearer realm="darkscope"{wrong}'
    assert computed == []


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("door", DOORS, ids=str)
def test_a_key_is_let_in_where_its_scopes_imply_what_the_route_needs(
    ask_locked: Callable[..., Any], held: dict[str, str], computed: list[None], door: Door, scope: Scope
) -> None:
    answer = ask_locked(door.url, held[scope], door.method)
    missing = (door.scopes or frozenset()) - IMPLIED[scope]
    assert is_let_in(answer) == (not missing)
    if missing:
        assert told(answer, 403, "scope").startswith("this needs a key with the scope ")
        assert computed == []


@pytest.mark.parametrize("door", DOORS, ids=str)
def test_while_there_is_no_key_everybody_is_let_in(ask_open: Callable[..., Any], door: Door) -> None:
    assert is_let_in(ask_open(door.url, None, door.method))


@cache
def paths() -> dict[str, Any]:
    """Paths of the description."""
    found: dict[str, Any] = create(Settings()).openapi()["paths"]
    return found


@pytest.mark.parametrize("door", DOORS, ids=str)
def test_every_route_says_in_the_description_what_it_needs(door: Door) -> None:
    operation = paths()[door.path][door.method.lower()]
    if door.scopes is None:
        assert "security" not in operation
        return
    scopes = sorted(door.scopes)
    assert [{name: sorted(of) for name, of in one.items()} for one in operation["security"]] == [
        {"bearer": scopes},
        {"header": scopes},
    ]
    assert {"401", "403", "429", "503"} <= operation["responses"].keys()


def test_a_key_is_taken_in_either_header_and_nowhere_else(
    settings: Settings, ask: Callable[..., Any]
) -> None:
    key, url = make(settings, Scope.READ), "/v1/rankings/ports"
    assert ask(url, key).status_code == 200
    assert ask(url, **{"X-API-Key": key}).status_code == 200
    assert ask(url, authorization=f"bearer {key}").status_code == 200
    for other in (f"{url}?key={key}", f"{url}?api_key={key}", f"{url}?access_token={key}"):
        assert ask(other).status_code == 401
    assert ask(url, Cookie=f"key={key}").status_code == 401


def test_what_is_wrong_with_a_key_is_said(settings: Settings, ask: Callable[..., Any]) -> None:
    key, url = make(settings, Scope.READ, expires=NOW.timestamp() - 1), "/v1/rankings/ports"
    assert told(ask(url, key), 401, "key") == "the key has expired"
    assert told(ask(url, key[:-1] + "x"), 401, "key") == "there is no such key"
    assert told(ask(url), 401, "key") == "a key is needed, as `Authorization: Bearer` or `X-API-Key`"


def test_a_key_that_is_revoked_while_it_runs_holds_no_more(
    settings: Settings, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "FRESH", 0.2)
    key, url = make(settings, Scope.READ), "/v1/rankings/ports"
    assert ask(url, key).status_code == 200
    keys.revoke(settings.ledger, "one", NOW.timestamp())
    until(lambda: ask(url, key).status_code == 401, 10)
    assert told(ask(url, key), 401, "key") == "the key has been revoked"
    assert told(ask(url), 401, "key").startswith("a key is needed")  # and nothing is open again


def test_the_first_key_closes_what_was_open(
    settings: Settings, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "FRESH", 0.2)
    assert ask("/v1/rankings/ports").status_code == 200
    key = make(settings, Scope.READ)
    until(lambda: ask("/v1/rankings/ports").status_code == 401, 10)
    assert ask("/v1/rankings/ports", key).status_code == 200


def test_keys_that_cannot_be_read_let_nobody_in(settings: Settings, ask: Callable[..., Any]) -> None:
    (settings.ledger / FILE).write_bytes(b"no database at all, but long enough to be looked at" * 100)
    answer = ask("/v1/rankings/ports")
    assert told(answer, 503, "ledger") == "the keys are not to be had; the log says why"
    assert str(settings.ledger) not in answer.text


def test_without_keys_whoever_has_none_may_do_everything_and_a_key_still_narrows(settings: Settings) -> None:
    open_to_all = settings.model_copy(update={"api": Api(without_keys=True)})
    public = make(settings, Scope.PUBLIC)
    with TestClient(create(open_to_all, lambda: NOW), base_url="http://127.0.0.1") as client:
        assert client.get("/metrics").status_code == 200
        assert client.get("/metrics", headers={"X-API-Key": public}).status_code == 403
        assert client.get("/metrics", headers={"X-API-Key": "wrong"}).status_code == 401


def test_metrics_are_open_where_the_settings_say_so(settings: Settings) -> None:
    make(settings, Scope.PUBLIC)
    for is_open, status in ((True, 200), (False, 401)):
        changed = settings.model_copy(update={"api": Api(open_metrics=is_open)})
        with TestClient(create(changed, lambda: NOW), base_url="http://127.0.0.1") as client:
            assert client.get("/metrics").status_code == status


def test_a_use_is_noted_at_most_once_a_minute(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    notes: list[tuple[str, float]] = []
    monkeypatch.setattr(access, "note_use", lambda _, key, now: notes.append((key, now)))
    clock = [NOW]
    key = make(settings, Scope.READ)
    with TestClient(create(settings, lambda: clock[0]), base_url="http://127.0.0.1") as client:
        for seconds in (0, 1, 59, 60, 61, 130):
            clock[0] = NOW + timedelta(seconds=seconds)
            client.get("/v1/rankings/ports", headers={"X-API-Key": key})
    begun = NOW.timestamp()
    until(lambda: len(notes) >= 3, 10)
    assert notes == [(key[10:18], begun), (key[10:18], begun + 60), (key[10:18], begun + 130)]


def test_a_use_is_kept_and_where_it_cannot_be_the_question_is_answered_all_the_same(
    settings: Settings,
    ask: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    key = make(settings, Scope.READ)
    assert ask("/v1/rankings/ports", key).status_code == 200
    until(lambda: keys.listed(settings.ledger)[0].used == NOW.timestamp(), 10)

    def fail(*_: object) -> None:
        raise RegistryError("a read-only folder")

    monkeypatch.setattr(access, "note_use", fail)
    for _ in range(2):
        other = make(settings, Scope.READ)
        time.sleep(access.FRESH)
        assert ask("/v1/rankings/ports", other).status_code == 200
    until(lambda: "uses of keys are not kept" in caplog.messages, 10)
    assert caplog.messages.count("uses of keys are not kept") == 1


def test_no_key_gets_into_a_log(
    settings: Settings, ask: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key = make(settings, Scope.READ)
    wrong = key[:-8] + 8 * "x"
    for presented in (key, wrong):
        ask("/v1/rankings/ports", presented)
        ask("/v1/rankings/ports", **{"X-API-Key": presented})
        ask("/nowhere", presented)
        ask(f"/v1/rankings/ports?key={presented}")
    logged = " ".join(str(vars(record)) for record in caplog.records if record.name.startswith("darkscope"))
    assert key[19:40] not in logged
    asked = [record.fields for record in caplog.records if record.message == "request"]
    assert [one["key"] for one in asked] == [key[10:18]] * 2 + [""] * 6


def test_a_key_of_an_organisation_sees_its_sensors_alone(settings: Settings, ask: Callable[..., Any]) -> None:
    north = make(settings, Scope.READ, organisations=["north"])
    period = "period=2020-06-24"
    answer = ask(f"/v1/rankings/ports?{period}&kind=all", north).json()
    assert [(row["value"], row["packets"]) for row in answer["rows"]] == [("23/TCP", 60)]
    assert answer["provenance"]["sensors"]["sensors"] == ["a"]
    for dimension, seen in (("sensors", ["a"]), ("organisations", ["north"])):
        rows = ask(f"/v1/rankings/{dimension}?{period}&kind=all", north).json()["rows"]
        assert [row["value"] for row in rows] == seen


def test_another_organisations_sensor_does_not_exist_for_it(
    settings: Settings, ask: Callable[..., Any]
) -> None:
    north = make(settings, Scope.READ, organisations=["north"])

    def detail(query: str) -> str:
        return told(ask(f"/v1/rankings/ports?{query}", north), 422, "question")

    for name in ("b", "c", "Secret"):
        assert detail(f"sensor={name}") == detail("sensor=nobody").replace("nobody", name)
    assert detail("organisation=south") == detail("organisation=east").replace("east", "south")
    assert detail("sensor=b") == "no sensor is called 'b'; there are a"


@pytest.mark.parametrize("dimension", ["ports", "sensors", "organisations"])
@pytest.mark.parametrize("door", [door for door in DOORS if door.scopes and not door.all_sensors], ids=str)
def test_no_answer_to_a_key_of_an_organisation_has_a_trace_of_others(
    ask_locked: Callable[..., Any], held: dict[str, str], door: Door, dimension: str
) -> None:
    """The other organisation's sensors have names and ports of their own, and one source that comes to both."""
    path = door.path.replace("{dimension}", dimension).replace("{address}", "198.41.0.4")
    url = f"{path}?period=2020-06-24&kind=all"
    seen, whole = (ask_locked(url, held[name], door.method) for name in ("north", ""))
    assert (seen.status_code, whole.status_code) in {(200, 200), (404, 404), (422, 422)}
    found = [one for one in TRACES if re.search(one, whole.text)]
    assert found or whole.status_code != 200 or door.path in WITHOUT_TRACES
    assert [one for one in TRACES if re.search(one, seen.text)] == []


def test_a_key_of_an_organisation_without_sensors_sees_nothing(
    settings: Settings, ask: Callable[..., Any]
) -> None:
    answer = ask(
        "/v1/rankings/ports?period=2020-06-24", make(settings, Scope.READ, organisations=["east"])
    ).json()
    assert (answer["rows"], answer["packets"], answer["provenance"]["sensors"]["sensors"]) == ([], 0, [])


def test_keys_that_see_different_sensors_have_different_tags(
    settings: Settings, ask: Callable[..., Any]
) -> None:
    url, tags = "/v1/rankings/ports?period=2020-06-24", {}
    for name in ("north", "south", ""):
        key = make(settings, Scope.READ, organisations=[name] if name else [])
        time.sleep(access.FRESH)
        tags[name] = ask(url, key).headers["etag"]
        for other in tags.values():
            again = ask(url, key, **{"If-None-Match": other})
            assert again.status_code == (304 if other == tags[name] else 200)
    assert len(set(tags.values())) == 3


@pytest.mark.parametrize("door", [door for door in DOORS if door.all_sensors], ids=str)
def test_what_tells_of_all_sensors_is_not_for_keys_of_an_organisation(
    ask_locked: Callable[..., Any], held: dict[str, str], door: Door
) -> None:
    answer = ask_locked(door.url, held["north"], door.method)
    assert told(answer, 403, "scope") == "this tells of all sensors, and the key is limited to organisations"


def test_a_public_key_is_told_late_by_the_day_and_nothing_of_sensors(settings: Settings) -> None:
    public = make(settings, Scope.PUBLIC)
    few = settings.model_copy(update={"api": Api(public_least=4, public_delay=timedelta(days=5))})
    with TestClient(create(few, lambda: NOW), base_url="http://127.0.0.1") as client:

        def get(url: str) -> Any:
            return client.get(url, headers={"X-API-Key": public})

        answer = get("/v1/rankings/ports?period=2020-06-24").json()
        assert [(row["value"], row["packets"], row["per_sensor_day"]) for row in answer["rows"]] == [
            ("23/TCP", 60, None)
        ]
        assert (answer["provenance"]["sensors"], answer["provenance"]["previous_sensors"]) == (None, None)
        trend = get("/v1/trends/ports?period=2020-06-24&value=23/tcp").json()
        assert (trend["lines"][0]["packets"], trend["covered"]) == ([60], [None])
        for url in (
            "/v1/rankings/ports",
            "/v1/rankings/sensors?period=2020-06-24",
            "/v1/rankings/ports?period=2020-06-26",
            "/v1/rankings/ports?period=2020-06-24&port=445",
            "/v1/rankings/ports?period=2020-06-24&kind=all",
            "/v1/rankings/ports?period=2020-06-24&time_zone=Asia/Tokyo",
            "/v1/trends/ports?period=2020-06-24&step=hour",
        ):
            told(get(url), 403, "scope")
        both = (answer, trend)
    assert not any(f'"{name}"' in json.dumps(both) for name in ("a", "b", "c", "Secret", "north", "south"))


def test_what_is_refused_to_a_public_key_is_not_computed(
    settings: Settings, ask: Callable[..., Any], computed: list[None]
) -> None:
    public = make(settings, Scope.PUBLIC)
    for query in ("", "?period=2020-06-24&sensor=a", "?period=2020-06-29"):
        told(ask(f"/v1/rankings/ports{query}", public), 403, "scope")
    assert computed == []


def test_a_public_key_and_another_have_different_tags(settings: Settings) -> None:
    url = "/v1/rankings/ports?period=2020-06-24"
    read, least = make(settings, Scope.READ), make(settings, Scope.PUBLIC)
    few = settings.model_copy(update={"api": Api(public_least=1)})
    with TestClient(create(few, lambda: NOW), base_url="http://127.0.0.1") as client:
        known = client.get(url, headers={"X-API-Key": read}).headers["etag"]
        again = client.get(url, headers={"X-API-Key": least, "If-None-Match": known})
    assert (again.status_code, again.json()["provenance"]["sensors"]) == (200, None)


def test_what_was_public_by_other_settings_is_not_confirmed(settings: Settings) -> None:
    public, url = make(settings, Scope.PUBLIC), "/v1/rankings/ports?period=2020-06-24"
    rows, known = [], "none"
    for least in (1, 4, 4):
        changed = settings.model_copy(update={"api": Api(public_least=least)})
        with TestClient(create(changed, lambda: NOW), base_url="http://127.0.0.1") as client:
            answer = client.get(url, headers={"X-API-Key": public, "If-None-Match": known})
        known = answer.headers["etag"]
        rows.append(len(answer.json()["rows"]) if answer.status_code == 200 else answer.status_code)
    assert rows == [2, 1, 304]


def test_the_clock_of_the_keys_is_the_applications(settings: Settings) -> None:
    key = make(settings, Scope.READ, expires=NOW.timestamp() + 60)
    for now, status in ((NOW, 200), (datetime(2026, 1, 1, tzinfo=UTC), 401)):
        with TestClient(create(settings, lambda now=now: now), base_url="http://127.0.0.1") as client:
            assert client.get("/metrics", headers={"X-API-Key": key}).status_code == status
