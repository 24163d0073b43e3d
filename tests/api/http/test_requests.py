"""What stands around each request: sizes, other sites' pages, proxies."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from darkscope.api.http import requests
from darkscope.api.http.app import create
from darkscope.ingest.settings import Api, Settings

PAGE = "https://soc.example"
ASK = "/v1/rankings/ports"


@pytest.fixture
def client_of(memory: Any) -> Callable[..., TestClient]:
    """Make a client of the application under settings of the interface."""

    def make(**api: Any) -> TestClient:
        settings = Settings.model_validate({"ledger": memory.folder, "api": api})
        return TestClient(create(settings), base_url="http://127.0.0.1")

    return make


def told(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json().get("detail", "")


def test_a_large_body_is_refused_before_it_is_read(client: TestClient) -> None:
    url, most = "/v1/rankings/ports", requests.LARGEST_BODY
    answer = client.post(url, content=b"x" * (most + 1))
    assert told(answer) == (413, "a body has 1048576 bytes at most")
    assert answer.headers["connection"] == "close"
    assert client.post(url, content=b"x" * most).status_code == 405


def test_a_body_of_unknown_length_is_refused(client: TestClient) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x"

    answer = client.post("/v1/rankings/ports", content=pieces())
    assert told(answer) == (411, "a body needs its Content-Length")


def test_more_requests_than_there_is_room_for_are_told_to_come_again(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "MOST_AT_ONCE", 0)
    answer = client.get("/healthz")
    assert told(answer) == (503, "ask again")
    assert answer.headers["retry-after"] == "5"
    monkeypatch.setattr(requests, "MOST_AT_ONCE", 1)
    assert {client.get("/healthz").status_code for _ in range(5)} == {200}


def test_a_flood_does_not_fill_the_log(
    client_of: Callable[..., TestClient], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "darkscope.api.http")
    with client_of(rate=0.001, burst=2) as client:
        statuses = [client.get(ASK).status_code for _ in range(5)]
    assert statuses == [200, 200, 429, 429, 429]
    assert caplog.messages == ["request", "request"]


@pytest.mark.parametrize(
    "path", ["/v1/sources/198.51.100.7?period=7d", "/sources/198.51.100.7?period=x", "/198.51.100.7"]
)
def test_the_log_does_not_say_which_address_was_asked_about(
    client: TestClient, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    caplog.set_level(logging.DEBUG)
    client.get(path)
    (request,) = [one for one in caplog.records if one.message == "request"]
    assert request.fields["route"] in ("/v1/sources/{address}", "/sources/{address}", "none")
    ours = [one for one in caplog.records if one.name.startswith("darkscope")]
    assert "198.51.100.7" not in repr([vars(one) for one in ours])


def test_pages_of_other_sites_read_nothing_unless_the_settings_name_them(
    client_of: Callable[..., TestClient],
) -> None:
    with client_of() as closed, client_of(origins=[PAGE]) as named:
        asked = {"Origin": PAGE, "Access-Control-Request-Method": "GET"}
        assert closed.options("/healthz", headers=asked).status_code == 405
        for client, origin, seen in (
            (closed, PAGE, None),
            (named, "https://evil.example", None),
            (named, PAGE, PAGE),
        ):
            answer = client.get("/healthz", headers={"Origin": origin})
            assert answer.headers.get("access-control-allow-origin") == seen
            assert "access-control-allow-credentials" not in answer.headers


def test_a_page_that_the_settings_name_may_send_a_key_and_read_why_it_was_refused(
    client_of: Callable[..., TestClient],
) -> None:
    with client_of(origins=[PAGE]) as client:
        may = client.options(
            "/v1/rankings/ports",
            headers={
                "Origin": PAGE,
                "Access-Control-Request-Method": "GET",
                "Access-Control-Request-Headers": "Authorization",
            },
        )
        refused = client.get("/v1/rankings/ports?period=x", headers={"Origin": PAGE})
    assert may.status_code == 200
    assert "authorization" in may.headers["access-control-allow-headers"].lower()
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (422, PAGE)
    assert "ETag" in refused.headers["access-control-expose-headers"]


@pytest.mark.parametrize("path", ["darkscope", "/darkscope/", "/", "/a b", "/<script>"])
def test_a_path_is_one_or_more_names(path: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        Api(path=path)


@pytest.mark.parametrize(
    "origin", ["*", "soc.example", "https://soc.example/", "https://soc.example/x", "null"]
)
def test_an_origin_is_a_scheme_a_host_and_perhaps_a_port(origin: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        Api(origins=(origin,))


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("192.0.2.80", "198.51.100.7", "198.51.100.7"),
        ("192.0.2.80", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("192.0.2.80", "198.51.100.7, 192.0.2.81", "198.51.100.7"),
        ("203.0.113.9", "198.51.100.7", "203.0.113.9"),
    ],
)
def test_limits_count_by_the_address_that_a_trusted_proxy_names(
    memory: Any, peer: str, forwarded: str, counted: str
) -> None:
    settings = Settings(ledger=memory.folder, api=Api(rate=0.001, burst=1))
    app = ProxyHeadersMiddleware(create(settings), ["192.0.2.80/31"])
    with TestClient(app, base_url="http://127.0.0.1", client=(peer, 1)) as client:
        asked = client.get(ASK, headers={"X-Forwarded-For": forwarded}).status_code
    with TestClient(app, base_url="http://127.0.0.1", client=(counted, 1)) as client:
        assert (asked, client.get(ASK).status_code) == (200, 429)
