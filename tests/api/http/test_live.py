"""The stream of events, from a real server."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from ledgers import Site, ramp
from runs import running, until

from darkscope.api.http import live
from darkscope.api.http.trends import TrendAnswer


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path / "ledger")
    site.take(ramp(0, 5))
    return site


@pytest.fixture
def server(site: Site) -> Iterator[tuple[str, Any]]:
    """A server over a small ledger: its address and its process."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with running("serve", "--ledger", site.folder, "--port", str(port)) as process:
        until(lambda: is_answered(f"http://127.0.0.1:{port}/readyz"))
        yield f"http://127.0.0.1:{port}", process


def is_answered(url: str) -> bool:
    try:
        return httpx2.get(url).status_code == 200
    except httpx2.HTTPError:
        return False


def events(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    """Read server-sent events (WHATWG HTML, 9.2)."""
    event: dict[str, str] = {}
    for line in lines:
        if not line and event:
            yield event
            event = {}
        elif line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = value


def test_a_stream_tells_each_state_once_and_ends_with_the_server(server: Any, site: Site) -> None:
    url, process = server
    with httpx2.stream("GET", f"{url}/v1/live/ports?period=10m", timeout=30) as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        told = events(answer.iter_lines())
        assert next(told) == {"retry": "3000"}
        first = next(told)
        assert (first["id"], first["event"]) == ("1", "trend")
        trend = json.loads(first["data"])
        TrendAnswer.model_validate(trend)
        assert len(trend["starts"]) == 10
        site.take(ramp(600, 5), "/spool/a/2.pcap")
        assert next(told)["id"] == "2"
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert list(told) == []
        assert process.wait(10) == 0
        assert time.monotonic() - begun < 10


def test_who_comes_back_is_not_told_again_what_it_knows(server: Any, site: Site) -> None:
    url, _ = server
    with httpx2.stream("GET", f"{url}/v1/live/ports", headers={"Last-Event-ID": "1"}, timeout=30) as answer:
        told = events(answer.iter_lines())
        next(told)
        site.take(ramp(600, 5), "/spool/a/2.pcap")
        assert next(told)["id"] == "2"


@pytest.mark.parametrize("period", ["2020-06", "0m", "25h", "2000m", "7d"])
def test_a_stream_looks_back_a_day_at_most(client: TestClient, period: str) -> None:
    answer = client.get(f"/v1/live/ports?period={period}")
    assert (answer.status_code, answer.json()["faults"][0]["where"]) == (422, "query.period")


def test_one_asker_has_half_of_the_streams_at_most(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_OF_ONE", 0)
    answer = client.get("/v1/live/ports")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:darkscope:problem:busy")
