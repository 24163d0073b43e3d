from __future__ import annotations

import csv
import json
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from darkscope.api.http import phenomena
from darkscope.api.http.phenomena import PhenomenaAnswer

SENSORS = ("home-1", "home-2", "abroad-1")
DAYS = [date(2020, 5, 1) + timedelta(days=number) for number in range(60)]
ASKED = "/v1/phenomena?period=2020-06-01/2020-06-29"
ID = "1433-tcp-down-2020-06-01"


@pytest.fixture(autouse=True)
def watched(memory: Any) -> None:
    """1433/TCP falls on 10 June, at all sensors."""
    chance = random.Random(3)
    memory.coverage = [
        {"minute": f"{day}T{hour:02}:00", "sensor": sensor}
        for sensor in SENSORS
        for day in DAYS
        for hour in range(24)
    ]
    memory.flows = [
        {
            "minute": f"{day}T10:00",
            "sensor": sensor,
            "port": port,
            "packets": round(chance.gauss(mean, mean**0.5)),
        }
        for sensor in SENSORS
        for day in DAYS
        for port, mean in ((23, 300), (1433, 200 if day < date(2020, 6, 10) else 80))
    ]


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    file = tmp_path / "decisions.toml"
    monkeypatch.setattr(phenomena, "path", lambda _: file)
    return file


def test_a_fall_is_proposed_in_the_shape_that_is_described(client: TestClient, decided: Path) -> None:
    assert not decided.exists()
    answer = client.get(ASKED)
    assert answer.status_code == 200
    described = PhenomenaAnswer.model_validate_json(answer.text).model_dump_json(exclude_unset=True)
    assert json.loads(described.replace('Z"', '+00:00"')) == answer.json()
    (row,) = answer.json()["rows"]
    told = {
        name: row[name] for name in ("id", "kind", "subject", "start", "end", "verdict", "sharing_sensors")
    }
    assert told == {
        "id": ID, "kind": "fell", "subject": "1433/TCP", "start": "2020-06-10", "end": None, "verdict": "wide",
        "sharing_sensors": 3,
    }  # fmt: skip
    assert [part["value"] for part in row["regions"]] == ["CN"]
    assert row["ranks"] == [{"value": "1433/TCP", "rank": 2, "previous_rank": 2}]


def test_a_decision_changes_the_answer_and_its_tag(client: TestClient, decided: Path) -> None:
    before = client.get(ASKED)
    assert client.get(ASKED, headers={"If-None-Match": before.headers["etag"]}).status_code == 304
    decided.write_text(f'["{ID}"]\nstate = "dismissed"\n', encoding="utf-8")
    after = client.get(ASKED, headers={"If-None-Match": before.headers["etag"]})
    assert (after.status_code, after.json()["rows"], after.json()["dismissed"]) == (200, [], 1)
    shown = client.get(f"{ASKED}&dismissed=true").json()["rows"]
    assert [(row["id"], row["state"]) for row in shown] == [(ID, "dismissed")]


def test_decisions_that_are_broken_are_left_out(client: TestClient, decided: Path) -> None:
    decided.write_text("nonsense", encoding="utf-8")
    assert [row["state"] for row in client.get(ASKED).json()["rows"]] == ["open"]


def test_rows_can_be_had_as_csv_with_lists_as_words(client: TestClient, decided: Path) -> None:
    assert not decided.exists()
    (cells,) = csv.DictReader(client.get(f"{ASKED}&format=csv").text.splitlines())
    assert (cells["ports"], cells["regions"], cells["ranks"]) == ("1433/TCP", "CN 100%", "1433/TCP 2>2")
