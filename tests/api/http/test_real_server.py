"""A real server, asked by generated requests and by a client that was generated from its description."""

from __future__ import annotations

import importlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from threading import Thread
from types import ModuleType
from typing import Any

import httpx2
import pytest
import schemathesis
from capture_files import pcap
from hypothesis import HealthCheck, given, settings
from ledgers import Site, at, ramp
from runs import run, running, until
from schemathesis.specs.openapi.checks import positive_data_acceptance

from darkscope.api.http.app import create
from darkscope.ingest.settings import Settings

EXAMPLES = int(os.environ.get("DARKSCOPE_SCHEMA_EXAMPLES", "8"))
"""Generated requests for each operation: some in the tests, many in `make soak`."""

PERIOD = "2020-06-24"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A ledger of two hours of 23/TCP, and some 445/TCP elsewhere."""
    site = Site(tmp_path_factory.mktemp("schema") / "ledger")
    site.take(ramp(0, 120, 60.0))
    site.take(pcap([at(30, port=445), at(31, port=445)]), "/spool/b/1.pcap")
    return site


@pytest.fixture(scope="module")
def key(site: Site) -> str:
    """A key that may do everything."""
    code, output, errors = run("keys", "create", "tests", "--scope", "admin", "--ledger", site.folder)
    assert (code, errors.count("Traceback")) == (0, 0)
    return next(word for word in output.split() if word.startswith("darkscope_"))


@pytest.fixture(scope="module")
def url(site: Site, key: str) -> Iterator[str]:
    """A server that asks for keys, and does not slow anybody down."""
    assert key
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    unlimited = {"DARKSCOPE_API__RATE": "0"}
    with running("serve", "--ledger", site.folder, "--port", str(port), **unlimited) as process:
        Thread(target=process.stderr.read, daemon=True).start()  # else its log would fill the pipe
        until(lambda: is_answered(f"http://127.0.0.1:{port}/readyz"))
        yield f"http://127.0.0.1:{port}"


def is_answered(url: str) -> bool:
    try:
        return httpx2.get(url).status_code == 200
    except httpx2.HTTPError:
        return False


@pytest.fixture(scope="module")
def operations(url: str) -> dict[str, Any]:
    """What is described, by method and path; without the stream, which would go on for minutes."""
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json").exclude(path_regex="/v1/live")
    found = (result.ok() for result in schema.get_all_operations())
    return {f"{one.method.upper()} {one.path}": one for one in found}


OPERATIONS = sorted(
    f"{method.upper()} {path}"
    for path, item in create(Settings()).openapi()["paths"].items()
    for method in item
    if not path.startswith("/v1/live")
)


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_request_gets_an_answer_that_is_not_described(
    name: str, operations: dict[str, Any], key: str
) -> None:
    @given(case=operations[name].as_strategy())
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    def ask(case: Any) -> None:
        # What is described allows more than there is: not every text is a period.
        case.call_and_validate(
            headers={"Authorization": f"Bearer {key}"}, excluded_checks=[positive_data_acceptance]
        )

    ask()


@pytest.mark.parametrize("name", [name for name in OPERATIONS if " /v1/" in name])
def test_without_a_key_every_request_is_refused(name: str, operations: dict[str, Any]) -> None:
    @given(case=operations[name].as_strategy())
    @settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    def ask(case: Any) -> None:
        answer = case.call(headers={"Authorization": "Bearer nobody"})
        assert (answer.status_code, answer.headers["content-type"]) == (401, ["application/problem+json"])

    ask()


@pytest.fixture(scope="module")
def client(url: str, tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """A client that was generated from the description."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "settings.yaml").write_text("post_hooks: []\npackage_name_override: generated\n")
    made = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", "generate", "--url", f"{url}/openapi.json",
         "--config", "settings.yaml", "--output-path", "client"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (made.returncode, "WARNING" in made.stdout) == (0, False), made.stdout + made.stderr
    sys.path.insert(0, str(folder / "client"))
    return importlib.import_module("generated")


def test_a_client_that_is_generated_from_the_description_asks_and_understands(
    client: ModuleType, url: str, key: str
) -> None:
    rankings = importlib.import_module("generated.api.questions.rankings")
    dimension = importlib.import_module("generated.models").Dimension.PORTS
    with client.AuthenticatedClient(base_url=url, token=key) as asking:
        answer = rankings.sync(dimension, client=asking, period=PERIOD, limit=1)
    (row,) = answer.rows
    assert (answer.packets, row.value, row.packets, row.share) == (122, "23/TCP", 120, 120 / 122)
    assert str(answer.provenance.period.start) == "2020-06-24 00:00:00+00:00"
