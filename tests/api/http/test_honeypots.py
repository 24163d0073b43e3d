from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from darkscope.api.http.app import create
from darkscope.api.http.honeypots import (
    RequestDaysAnswer,
    RequestListAnswer,
    RequestTotalsAnswer,
    VisitorsAnswer,
    VulnerabilitiesAnswer,
)
from darkscope.ingest.settings import SensorEntry, Settings

NOW = datetime(2020, 6, 30, 12, tzinfo=UTC)
SENSORS = (SensorEntry(id="pot", kind="honeypot"),)
ALBUM = "/photo/p/api/album.php"
REQUESTS: list[dict[str, Any]] = [
    {"time": "2020-06-24T12:00:00", "path": ALBUM, "source_low": 0xC0000201},
    {"time": "2020-06-24T16:00:00", "path": ALBUM, "source_low": 0xC0000202, "port": 5000},
    {"time": "2020-06-24T17:00:00", "path": "/=1+2|'\"<b>\u202e\x1b[2J", "headers": "A: b\nC: d"},
    {"time": "2020-06-24T18:00:00", "kind": "tls", "path": "", "method": "", "host": "=cmd|x", "port": 443},
]
DAY = "period=2020-06-24/2020-06-25&time_zone=Asia/Tokyo"


@pytest.fixture(autouse=True)
def filled(memory: Any) -> None:
    memory.requests = REQUESTS
    memory.coverage = [
        {"minute": f"2020-06-{day}T{hour:02}:00", "sensor": sensor}
        for day in (23, 24, 25)
        for hour in range(24)
        for sensor in ("pot", "home-1")
    ]
    memory.sources = [
        {"sensor": "home-1", "source_low": 0xC0000201, "packets": 5, "scan": 5, "first": 1, "last": 2}
    ]


def test_requests_are_counted_by_local_day_country_and_port(client: TestClient) -> None:
    answer = client.get(f"/v1/requests?{DAY}&path={ALBUM}").json()
    RequestDaysAnswer.model_validate(answer)
    row = {
        "day": "2020-06-24",
        "country": "RU",
        "port": 8080,
        "application": "http",
        "method": "GET",
        "target": ALBUM,
        "requests": 1,
        "sources": 1,
        "sensors": 1,
        "rules": ["qnap-photo-station-album"],
    }
    assert answer["rows"] == [row, {**row, "day": "2020-06-25", "port": 5000}]
    assert (answer["requests"], answer["groups"], answer["since"]) == (2, 2, "2020-06-24")
    assert answer["wanted"] == {"paths": [ALBUM]}
    assert answer["provenance"]["sensors"]["sensors"] == ["pot"]


def test_requests_are_counted_by_what_was_asked(client: TestClient) -> None:
    answer = client.get(f"/v1/requests?{DAY}&by=request&limit=1").json()
    RequestTotalsAnswer.model_validate(answer)
    assert (answer["requests"], answer["groups"], answer["unnamed"]) == (4, 3, 2)
    (row,) = answer["rows"]
    assert (row["target"], row["requests"], row["share"], row["ports"]) == (ALBUM, 2, 0.5, [5000, 8080])


def test_what_strangers_sent_is_shown_and_runs_nowhere(client: TestClient) -> None:
    text = client.get(f"/v1/requests?{DAY}&rule=none&format=csv").text
    assert '"/=1+2|\'""<b>\\u202e\\u001b[2J"' in text
    assert ",'=cmd|x," in text
    answer = client.get(f"/v1/requests/single?{DAY}&rule=none").json()
    assert answer["rows"][0]["headers"] == ["A: b", "C: d"]


def test_single_requests_come_page_by_page(client: TestClient) -> None:
    answer = client.get(f"/v1/requests/single?{DAY}&limit=3")
    RequestListAnswer.model_validate(answer.json())
    times = [row["time"] for row in answer.json()["rows"]]
    assert times == ["2020-06-24T21:00:00+09:00", "2020-06-25T01:00:00+09:00", "2020-06-25T02:00:00+09:00"]
    last = client.get(f"/v1/requests/single?{DAY}&limit=3&cursor={answer.json()['next']}").json()
    assert [row["host"] for row in last["rows"]] == ["=cmd|x"]
    assert last["next"] is None
    other = client.get(f"/v1/requests/single?{DAY}&path=x&cursor={answer.json()['next']}")
    assert other.status_code == 422


def test_visitors_are_told_with_what_telescopes_saw(client: TestClient) -> None:
    answer = client.get(f"/v1/visitors?{DAY}&rule=CVE-2019-7192").json()
    VisitorsAnswer.model_validate(answer)
    assert (answer["visitors"], answer["seen"], answer["share"], answer["seen_before"]) == (2, 1, 0.5, 1)
    assert (answer["verdict"], answer["telescopes"]["sensors"]) == ("unclear", ["abroad-1", "home-1"])
    told = [(row["address"], row["seen"], row["before"]) for row in answer["rows"]]
    assert told == [("192.0.2.1", True, 5), ("192.0.2.2", False, 0)]


def test_vulnerabilities_are_told_with_their_dates(client: TestClient) -> None:
    answer = client.get(f"/v1/vulnerabilities?{DAY}").json()
    VulnerabilitiesAnswer.model_validate(answer)
    assert (answer["requests"], answer["named"], answer["unnamed"]) == (4, 2, 2)
    (row,) = answer["rows"]
    assert (row["rule"], row["requests"], row["timeline"]) == ("qnap-photo-station-album", 2, [1, 1])
    lags = {mark["name"]: mark["lag"] for mark in row["marks"]}
    assert (lags["proof_of_concept"], lags["vendor_notice"]) == (30, 16)
    csv = client.get(f"/v1/vulnerabilities?{DAY}&format=csv").text.splitlines()
    assert "vendor_notice_day,vendor_notice_lag,vendor_notice_chance,vendor_notice_change" in csv[0]
    assert "2020-06-08,16,,unknown" in csv[1]


@pytest.mark.parametrize("path", ["requests", "requests/single", "visitors", "vulnerabilities"])
def test_a_rule_that_nobody_knows_is_refused(client: TestClient, path: str) -> None:
    answer = client.get(f"/v1/{path}?{DAY}&rule=nothing")
    assert (answer.status_code, "no rule is called 'nothing'" in answer.text) == (422, True)


def test_answers_change_with_the_rules(memory: Any, tmp_path: Path) -> None:
    settings = Settings(ledger=memory.folder, sensors=SENSORS, vulnerabilities=tmp_path)
    with TestClient(create(settings, lambda: NOW), base_url="http://127.0.0.1:8000") as client:
        answer = client.get(f"/v1/requests?{DAY}")
        tag = {"If-None-Match": answer.headers["etag"]}
        assert client.get(f"/v1/requests?{DAY}", headers=tag).status_code == 304
        shipped = resources.files("darkscope.api").joinpath(
            "data/vulnerabilities/qnap-photo-station-album.yaml"
        )
        rule = shipped.read_text(encoding="utf-8").replace("qnap-photo-station-album", "album")
        (tmp_path / "album.yaml").write_text(rule)
        changed = client.get(f"/v1/requests?{DAY}", headers=tag)
        assert changed.json()["rows"][0]["rules"] == ["album", "qnap-photo-station-album"]
        (tmp_path / "album.yaml").write_text("id: broken")
        assert client.get(f"/v1/requests?{DAY}").json() == changed.json()
