"""The interface does what its description says, whatever is sent: no failure inside, no answer that is not told."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from ledgers import NOW, Site, ramp
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from darkscope.api import keys
from darkscope.api.http.app import create
from darkscope.api.keys import Scope
from darkscope.ingest.settings import Api, SensorEntry, Settings

HELD = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 40
OPERATIONS = [
    f"{method.upper()} {path}"
    for path, item in create(Settings()).openapi()["paths"].items()
    for method in item
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A small ledger."""
    site = Site(tmp_path_factory.mktemp("schema") / "ledger", (SensorEntry(id="a", organisation="north"),))
    site.take(ramp(0, 60, 60.0), "/spool/a/1.pcap")
    return site


@pytest.fixture(params=["open", "without a key", Scope.PUBLIC, Scope.READ, Scope.ADMIN])
def asker(request: pytest.FixtureRequest, site: Site, tmp_path: Path) -> tuple[Settings, dict[str, str]]:
    """Settings, and the headers of who asks: nobody is asked for a key, or a key is asked for, or is there."""
    for part in site.folder.iterdir():
        (tmp_path / part.name).symlink_to(part)
    headers = {"Host": "127.0.0.1"}
    if request.param != "open":
        scope = Scope(request.param) if request.param in list(Scope) else Scope.READ
        key = keys.create(tmp_path, "one", [scope], NOW.timestamp())
        if request.param == scope.value:
            headers["Authorization"] = f"Bearer {key}"
    return site.settings.model_copy(update={"ledger": tmp_path, "api": Api(rate=0)}), headers


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_answer_is_one_that_is_described(
    asker: tuple[Settings, dict[str, str]], operation: str
) -> None:
    served, headers = asker
    app = create(served, lambda: NOW)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        schema = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    schema.app = app
    (found,) = (one.ok() for one in schema.get_all_operations() if one.ok().label == operation)
    statuses: Counter[int] = Counter()
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    cases = found.as_strategy(generation_mode=modes[0]) | found.as_strategy(generation_mode=modes[1])

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def ask(case: Any) -> None:
        for name in ("Authorization", "X-API-Key"):
            (case.headers or {}).pop(name, None)
        answer = case.call(headers=headers)
        statuses[answer.status_code] += 1
        case.validate_response(answer, checks=HELD, headers=headers)

    ask()
    assert statuses.total() >= 1


@pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if one not in ("GET /healthz", "GET /readyz")]
)
def test_no_made_up_key_is_taken(site: Site, tmp_path: Path, operation: str) -> None:
    for part in site.folder.iterdir():
        (tmp_path / part.name).symlink_to(part)
    keys.create(tmp_path, "one", [Scope.READ], NOW.timestamp())
    app = create(site.settings.model_copy(update={"ledger": tmp_path, "api": Api(rate=0)}), lambda: NOW)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        schema = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    schema.app = app
    (found,) = (one.ok() for one in schema.get_all_operations() if one.ok().label == operation)

    @settings(
        max_examples=20,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=found.as_strategy())
    def ask(case: Any) -> None:
        answer = case.call(headers={"Host": "127.0.0.1"})
        case.validate_response(answer, checks=[*HELD, ignored_auth])
        assert answer.status_code == 401

    ask()
