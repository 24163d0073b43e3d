from __future__ import annotations

import re
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from capture_files import pcap
from fastapi.testclient import TestClient
from ledgers import NOW, Site, at, capture, ramp
from prometheus_client.parser import text_string_to_metric_families

from darkscope.api.http.app import create
from darkscope.api.http.metrics import PROJECTED
from darkscope.ingest.ledger.ledger import Ledger
from darkscope.ingest.ledger.upkeep import upkeep
from darkscope.ingest.registry import PROJECTION, Registry

ROOT = Path(__file__).parents[3]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A ledger of two sensors: an hour of 23/TCP and, at the other, three packets to 445/TCP."""
    site = Site(tmp_path / "ledger")
    site.take(ramp(0, 60, 60.0))
    site.take(pcap([at(30, port=445), at(31, port=445), at(32, port=445)]), "/spool/b/1.pcap")
    return site


def client_of(site: Site) -> TestClient:
    return TestClient(create(site.settings, lambda: NOW), base_url="http://127.0.0.1")


def metrics(client: TestClient) -> dict[tuple[str, ...], float]:
    """Samples by their name and their labels' values, which stand in the order of the labels' names."""
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=1.0.0")
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_alive_asks_no_ledger(client: TestClient, memory: Any) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert memory.snapshots == 0


def test_ready_says_the_version_and_the_age_of_the_newest_data(site: Site) -> None:
    with client_of(site) as client:
        assert client.get("/readyz").json() == {
            "status": "ready",
            "store": "ledger",
            "ledger_version": 2,
            "newest_age_seconds": 6 * 86_400 - 3600,
        }


def test_an_empty_ledger_is_ready_and_has_no_age(tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger")
    site.opened()
    with client_of(site) as client:
        assert client.get("/readyz").json() == {
            "status": "ready",
            "store": "ledger",
            "ledger_version": 0,
            "newest_age_seconds": None,
        }


def test_a_ledger_that_comes_later_is_found(tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger")
    with client_of(site) as client:
        assert client.get("/readyz").status_code == 503
        assert metrics(client)["darkscope_ledger_readable",] == 0
        site.opened()
        assert client.get("/readyz").status_code == 200
        assert metrics(client)["darkscope_ledger_readable",] == 1


def test_metrics_tell_frames_by_fate_and_sensor_until_when_each_watched_and_how_large_it_is(
    site: Site,
) -> None:
    with client_of(site) as client:
        found = metrics(client)
    frames = {key: value for key, value in found.items() if key[0] == "darkscope_frames_total" and value}
    assert frames == {
        ("darkscope_frames_total", "inbound", "a"): 60,
        ("darkscope_frames_total", "inbound", "b"): 3,
    }
    assert ("darkscope_frames_total", "rejected_implausible_time", "a") in found
    assert found["darkscope_dropped_packets_total", "a"] == 0
    noon = NOW.timestamp() - 6 * 86_400
    assert found["darkscope_watched_until_timestamp_seconds", "a"] == noon + 3600
    assert found["darkscope_watched_until_timestamp_seconds", "b"] == noon + 60
    assert found["darkscope_ledger_version",] == 2
    assert found["darkscope_ledger_taken_timestamp_seconds",] == NOW.timestamp()
    assert found["darkscope_ledger_unclosed_days",] == 1
    assert found["darkscope_ledger_free_bytes",] > 0
    assert found["darkscope_table_rows", "flows"] == 63 - 2
    assert found["darkscope_table_files", "flows"] == 2
    assert found["darkscope_table_bytes", "flows"] > 0
    assert ("darkscope_table_rows", "events") not in found


def test_metrics_follow_the_ledger_and_upkeep_changes_none(site: Site) -> None:
    with client_of(site) as client:
        metrics(client)
        site.take(capture(0, 90_000, port=80), "/spool/b/2.pcap")
        upkeep(Ledger(site.folder), site.settings, NOW)
        found = metrics(client)
    assert found["darkscope_ledger_version",] == 3
    assert found["darkscope_ledger_unclosed_days",] == 0
    assert found["darkscope_frames_total", "inbound", "a"] == 60
    assert found["darkscope_frames_total", "inbound", "b"] == 5


def test_requests_are_counted_by_route_and_no_caller_makes_series(site: Site) -> None:
    with client_of(site) as client:
        for path in ("/v1/rankings/ports", "/v1/rankings/tools", "/v1/rankings/x", "/x", "/y?z=1"):
            client.get(path)
        client.request("BREW", "/v1/rankings/ports")
        found = metrics(client)
    requests = {key[1:]: value for key, value in found.items() if key[0] == "darkscope_http_requests_total"}
    assert requests == {
        ("GET", "/v1/rankings/{dimension}", "200"): 2,
        ("GET", "/v1/rankings/{dimension}", "404"): 1,
        ("GET", "none", "404"): 2,
        ("other", "/v1/rankings/{dimension}", "405"): 1,
    }


def test_requests_are_timed(site: Site) -> None:
    with client_of(site) as client:
        client.get("/healthz")
        found = metrics(client)
    assert found["darkscope_http_request_seconds_count", "GET", "/healthz"] == 1
    assert 0 < found["darkscope_http_request_seconds_sum", "GET", "/healthz"] < 5
    assert found["darkscope_http_request_seconds_bucket", "+Inf", "GET", "/healthz"] == 1


def test_what_the_projector_says_is_told_once_it_has_said_something(site: Site) -> None:
    with client_of(site) as client:
        assert not any(key[0].startswith("darkscope_projection") for key in metrics(client))
        counts = {"waiting": 1, "series": 200, "folded": 12, "points": 5000, "rejected": 4, "failures": 2}
        counts["damaged"] = 1
        Registry(site.folder).say(
            PROJECTION, url="http://secret.example", trouble="it is full", version=3, lag=7, **counts
        )
        found = metrics(client)
        answer = client.get("/metrics").text
    told = {key[0]: value for key, value in found.items() if key[0].startswith("darkscope_projection")}
    assert time.time() - told.pop("darkscope_projection_said_timestamp_seconds") < 60
    assert told == {
        "darkscope_projection_troubled": 1,
        "darkscope_projection_version": 3,
        "darkscope_projection_lag": 7,
        "darkscope_projection_waiting": 1,
        "darkscope_projection_series": 200,
        "darkscope_projection_folded": 12,
        "darkscope_projection_points_total": 5000,
        "darkscope_projection_rejected_total": 4,
        "darkscope_projection_failures_total": 2,
        "darkscope_projection_damaged": 1,
    }
    assert "secret" not in answer


def test_every_metric_is_documented(site: Site) -> None:
    Registry(site.folder).say(PROJECTION, trouble="", **dict.fromkeys(PROJECTED, 0))
    remote: Any = SimpleNamespace(version=1, newest=5)
    app = create(site.settings, lambda: NOW, lambda _, __: remote)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        client.get("/healthz")
        names = {key[0] for key in metrics(client)}
    described = set(re.findall(r"`(darkscope_\w+)`", (ROOT / "docs" / "api.md").read_text(encoding="utf-8")))
    of_histogram = {f"darkscope_http_request_seconds_{end}" for end in ("bucket", "count", "sum", "created")}
    ours = {name for name in names if name.startswith("darkscope_")}
    assert (
        ours - of_histogram - {"darkscope_http_requests_created"} | {"darkscope_http_request_seconds"}
        == described
    )
