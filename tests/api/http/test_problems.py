from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from darkscope.api.deadline import Deadline
from darkscope.api.http import source
from darkscope.api.http.app import create
from darkscope.api.http.source import Source
from darkscope.api.http.turns import Busy, Turns
from darkscope.api.store import StoreError
from darkscope.ingest.settings import Settings


def told(answer: Any) -> dict[str, Any]:
    """The problem document of an answer that is one."""
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == answer.status_code
    return document


def test_an_unknown_path_is_a_problem(client: TestClient) -> None:
    assert told(client.get("/v2")) == {"type": "about:blank", "title": "Not Found", "status": 404}


def test_an_unknown_dimension_is_a_path_that_does_not_exist(client: TestClient) -> None:
    document = told(client.get("/v1/rankings/colours"))
    assert document["status"] == 404
    assert document["faults"][0]["where"] == "path.dimension"
    assert "'ports', 'countries'" in document["faults"][0]["what"]


def test_a_method_that_changes_something_is_a_problem(client: TestClient) -> None:
    answer = client.post("/v1/rankings/ports")
    assert told(answer) == {"type": "about:blank", "title": "Method Not Allowed", "status": 405}
    assert answer.headers["allow"] == "GET"


def test_a_ledger_that_is_not_there_is_unready_and_no_secret_of_the_machine(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "none"
    with TestClient(create(Settings(ledger=folder)), base_url="http://127.0.0.1") as client:
        for path in ("/readyz", "/v1/rankings/ports"):
            answer = client.get(path)
            document = told(answer)
            assert (document["status"], document["type"]) == (503, "urn:darkscope:problem:ledger")
            assert str(folder) not in answer.text
            assert answer.headers["retry-after"] == "10"
    reasons = [record.fields["reason"] for record in caplog.records if record.message == "ledger"]
    assert reasons == [f"{folder}: no ledger here; `darkscope ingest` makes one"] * 2


def test_a_ledger_that_cannot_be_read_is_a_problem(
    client: TestClient, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise StoreError("/secret/place: damaged")

    monkeypatch.setattr(memory, "snapshot", fail)
    answer = client.get("/v1/rankings/ports")
    assert told(answer)["type"] == "urn:darkscope:problem:ledger"
    assert "secret" not in answer.text


def test_too_many_questions_at_once_are_told_to_come_again(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_: Turns, who: str) -> None:
        assert who == "testclient"
        raise Busy

    monkeypatch.setattr(Turns, "turn", busy)
    answer = client.get("/v1/rankings/ports")
    assert told(answer)["type"] == "urn:darkscope:problem:busy"
    assert answer.headers["retry-after"] == "5"


def test_a_question_that_takes_too_long_is_given_up(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(1000))
    monkeypatch.setattr(source, "Deadline", lambda seconds: Deadline(seconds, lambda: 31.0 * next(ticks)))
    assert told(client.get("/v1/rankings/ports")) == {
        "type": "urn:darkscope:problem:long",
        "title": "The question takes too long",
        "status": 503,
        "detail": "given up after 30 s; a shorter period, fewer filters and no exact sources are quicker",
    }


def test_a_failure_is_logged_with_the_requests_number_and_shown_without_its_reason(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Source) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(Source, "snapshot", fail)
    caplog.set_level(logging.INFO, "darkscope.api.http")
    answer = client.get("/v1/rankings/ports")
    number = answer.headers["x-request-id"]
    assert told(answer) == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": f"darkscope failed; its log has the reason under the request {number}",
    }
    failed, request = caplog.records
    assert (failed.message, failed.fields) == ("failed", {"request": number})
    assert "RuntimeError: secret" in (failed.exc_text or "")
    fields = request.fields
    assert fields.pop("milliseconds") >= 0
    assert fields == {
        "method": "GET",
        "route": "/v1/rankings/{dimension}",
        "status": 500,
        "client": "testclient",
        "key": "",
        "request": number,
    }


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]:8000", "192.0.2.7:80", "localhost", "LOCALHOST.:8000", "sensors.example"]
)
def test_whoever_calls_by_an_address_or_a_known_name_is_answered(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "sensors.example.evil.example", "", "127.0.0.1.evil.example", "[::1"]
)
def test_whoever_calls_by_another_name_is_not(client: TestClient, host: str) -> None:
    document = told(client.get("/healthz", headers={"Host": host}))
    assert (document["status"], document["title"]) == (421, "Misdirected Request")


def test_the_description_has_a_text_for_every_parameter_field_and_answer(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    told: dict[str, Any] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            told[f"{method} {path}"] = operation
            told |= {f"{method} {path} {one['name']}": one for one in operation.get("parameters", ())}
            told |= {f"{method} {path} {code}": one for code, one in operation["responses"].items()}
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        for field, one in schema.get("properties", {}).items():
            told[f"{name}.{field}"] = (
                schemas[one["$ref"].rpartition("/")[2]] if one.keys() == {"$ref"} else one
            )
    assert [name for name, one in told.items() if not one.get("description")] == []


def test_every_error_that_is_described_is_a_problem(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    shapes = {
        tuple(one["content"])
        for item in document["paths"].values()
        for operation in item.values()
        for code, one in operation["responses"].items()
        if int(code) >= 400
    }
    assert shapes == {("application/problem+json",)}
    for path, item in document["paths"].items():
        if path.startswith("/v1/"):
            for operation in item.values():
                assert {"401", "403", "404", "410", "422", "429", "503"} <= operation["responses"].keys()
    assert "ValidationError" not in json.dumps(document)


def test_every_shape_that_is_described_has_a_name_and_a_title_of_its_own(client: TestClient) -> None:
    described = client.get("/openapi.json")
    schemas = described.json()["components"]["schemas"]
    titles = [shape["title"] for shape in schemas.values()]
    assert len(titles) == len(set(titles))
    assert {"BreadthVerdict", "RhythmVerdict"} <= schemas.keys()
    named = set(re.findall(r'"#/components/schemas/(\w+)"', described.text))
    assert named <= schemas.keys()
    assert [name for name in schemas if "__" in name] == []
