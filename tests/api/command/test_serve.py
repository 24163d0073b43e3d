"""The server as people run it: a process of its own, asked through a socket."""

from __future__ import annotations

import json
import signal
import socket
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx2
import pytest
from ledgers import Site, ramp
from loopback import free_port
from runs import run, running, stopped, until

from darkscope.api.command.serve import listen
from darkscope.api.keys import listed as listed_keys


def is_answered(url: str) -> bool:
    try:
        return httpx2.get(url).status_code == 200
    except httpx2.HTTPError:
        return False


def lines(errors: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in errors.splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_until_it_is_told_to_end_and_ends_well(tmp_path: Path, number: int) -> None:
    site = Site(tmp_path / "ledger")
    site.take(ramp(0, 5))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running("serve", "--ledger", site.folder, "--port", str(port)) as process:
        until(lambda: is_answered(f"{url}/healthz"))
        answer = httpx2.get(f"{url}/v1/rankings/ports", params={"period": "2020-06-24"})
        code, output, errors = stopped(process, number)
    assert answer.json()["rows"][0]["packets"] == 5
    assert "server" not in answer.headers
    assert (code, output) == (0, "")
    first, warning, request = (line for line in lines(errors))
    assert {key: value for key, value in first.items() if key != "time"} == {
        "level": "info",
        "event": "listening",
        "url": f"{url}/",
    }
    assert {key: value for key, value in warning.items() if key != "time"} == {
        "level": "warning",
        "event": "whoever reaches it may ask everything",
        "reason": "there is no key yet; once `darkscope keys create` has made one, keys are asked for",
    }
    assert request["event"] == "request"
    assert (request["route"], request["status"]) == ("/v1/rankings/{dimension}", 200)


def test_a_port_that_is_taken_is_a_failure(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running("serve", "--port", str(port), DARKSCOPE_LEDGER=str(tmp_path)) as process:
            output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (1, b"")
    assert errors.decode() == f"darkscope: http://127.0.0.1:{port}/: Address already in use\n"


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.1"])
def test_it_does_not_listen_to_everybody_unless_told(address: str) -> None:
    with running("serve", "--address", address) as process:
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (2, b"")
    assert errors.decode() == (
        f"darkscope: {address} can be reached from elsewhere, and there is no key to ask for: "
        "`darkscope keys create` makes one; set api.without_keys = true if nobody is to be asked\n"
    )


def test_with_a_key_it_listens_to_everybody_and_asks_for_it(tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger")
    site.take(ramp(0, 5))
    made, key, _ = run("keys", "create", "script", "--ledger", site.folder)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running("serve", "--ledger", site.folder, "--address", "0.0.0.0", "--port", str(port)) as process:
        until(lambda: is_answered(f"{url}/healthz"))
        ports, bearer = f"{url}/v1/rankings/ports", {"Authorization": f"Bearer {key.strip()}"}
        first, second = httpx2.get(ports), httpx2.get(ports, headers=bearer)
        run("keys", "revoke", "script", "--ledger", site.folder)
        until(lambda: httpx2.get(ports, headers=bearer).status_code == 401, 30)
        _, listed, _ = run("keys", "list", "--ledger", site.folder)
        code, _, errors = stopped(process)
    assert (made, first.status_code, second.status_code, code) == (0, 401, 200, 0)
    assert first.headers["www-authenticate"] == 'Bearer realm="darkscope"'
    assert lines(errors)[0]["event"] == "listening"
    assert "whoever" not in errors
    assert key.strip()[19:] not in errors + listed
    assert "revoked" in listed
    assert listed_keys(site.folder)[0].used is not None


def test_it_listens_to_everybody_where_told_and_on_ipv6(tmp_path: Path) -> None:
    port = free_port()
    with running(
        "serve",
        "--address",
        "::",
        "--port",
        str(port),
        DARKSCOPE_API__WITHOUT_KEYS="true",
        DARKSCOPE_LEDGER=str(tmp_path),
    ) as process:
        until(lambda: is_answered(f"http://[::1]:{port}/healthz"))
        code, _, errors = stopped(process)
    assert code == 0
    assert lines(errors)[0]["url"] == f"http://[::]:{port}/"


def test_settings_with_mistakes_are_named() -> None:
    with running("serve", "--address", "everywhere", DARKSCOPE_API__PORT="0") as process:
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (2, b"")
    first, second = sorted(errors.decode().splitlines())
    assert first.startswith("darkscope: --address: api.address = 'everywhere': no IP address: ")
    assert (
        second == "darkscope: DARKSCOPE_API__PORT: api.port = '0': Input should be greater than or equal to 1"
    )


def test_no_answer_waits_for_the_acknowledgement_of_its_head() -> None:
    with (
        listen(ip_address("127.0.0.1"), 0) as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
