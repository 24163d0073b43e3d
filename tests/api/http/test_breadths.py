from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from darkscope.api.http.breadths import BreadthAnswer
from darkscope.api.http.movements import MovementsAnswer
from darkscope.api.http.spreads import SpreadAnswer

SENSORS = ("home-1", "home-2", "abroad-1")
COVERAGE = [
    {"minute": f"2020-06-{day:02}T{hour:02}:00", "sensor": sensor}
    for sensor in SENSORS
    for day in range(1, 30)
    for hour in range(24)
]


@pytest.fixture(autouse=True)
def watched(memory: Any) -> None:
    memory.coverage = COVERAGE


def packets(sensor: str, day: int, packets: int, **row: Any) -> dict[str, Any]:
    return {"minute": f"2020-06-{day:02}T10:00", "sensor": sensor, "packets": packets, **row}


def told(answer: Any, shape: type[Any]) -> dict[str, Any]:
    """An answer, once it was found to have the shape that is described."""
    assert answer.status_code == 200
    described = shape.model_validate_json(answer.text).model_dump_json(exclude_unset=True)
    found: dict[str, Any] = answer.json()
    assert json.loads(described.replace('Z"', '+00:00"')) == found
    return found


def test_a_rise_of_one_sensor_is_called_local_and_its_parts_are_told(client: TestClient, memory: Any) -> None:
    memory.flows = [
        packets("home-1", 10, 100),
        packets("home-2", 10, 100),
        packets("abroad-1", 10, 100),
        packets("home-1", 20, 100),
        packets("home-2", 20, 100),
        packets("abroad-1", 20, 900),
    ]
    answer = told(client.get("/v1/breadth?period=2020-06-20&against=2020-06-10&port=23/tcp"), BreadthAnswer)
    assert answer["provenance"]["previous"]["start"] == "2020-06-10T00:00:00+00:00"
    del answer["provenance"]
    rows = answer.pop("rows")
    assert answer == {
        "verdict": "local",
        "reason": "abroad-1 explains it: without abroad-1 0% of the rise remains",
        "growth": 1100 / 300,
        "sensors": 3,
        "sharing": 1,
        "effective_sensors": 1.0,
        "remaining": 0.0,
        "largest": "abroad-1",
    }
    assert rows[0] == {
        "sensor": "abroad-1",
        "label": "abroad-1",
        "packets": 900,
        "previous_packets": 100,
        "per_day": 900.0,
        "previous_per_day": 100.0,
        "growth": 9.0,
        "part": 1.0,
        "shares": True,
    }
    assert [(row["sensor"], row["shares"]) for row in rows[1:]] == [("home-1", False), ("home-2", False)]


def test_a_spread_counts_scans_alone_unless_other_classes_are_asked_for(
    client: TestClient, memory: Any
) -> None:
    memory.flows = [
        packets("home-1", 20, 30),
        packets("home-1", 20, 10, port=8081, country="NL"),
        packets("home-1", 20, 10, port=8082, country="NL"),
        packets("home-1", 20, 50, port=40_000, country="NL", **{"class": "backscatter"}),
    ]
    answer = told(client.get("/v1/spreads/countries?period=2020-06-20&top=1"), SpreadAnswer)
    assert answer["provenance"].pop("filter") == {"classes": ["scan"]}
    assert (answer["top"], answer["off_top"], answer["ports"]) == (["23/TCP"], 0.4, 3)
    assert [list(row.values()) for row in answer["rows"]] == [
        [1, "CN", "CN China", 30, 1, 1.0, 0.0, "23/TCP", 1.0],
        [2, "NL", "NL Netherlands", 20, 2, 2.0, 1.0, "8081/TCP", 0.5],
    ]
    other = client.get("/v1/spreads/countries?period=2020-06-20&class=backscatter").json()
    assert [(row["value"], row["packets"]) for row in other["rows"]] == [("NL", 50)]


def test_ports_are_not_spread_over_ports(client: TestClient) -> None:
    assert client.get("/v1/spreads/ports?period=2020-06-20").status_code == 404


def test_shifts_on_one_day_are_told_as_a_pair(client: TestClient, memory: Any) -> None:
    memory.flows = [
        packets("home-1", day, 300 if (day < 15) is before else 100, port=port)
        for day in range(1, 30)
        for port, before in ((445, False), (1433, True))
    ]
    answer = told(client.get("/v1/movements/ports?period=2020-06-01/2020-06-29"), MovementsAnswer)
    assert answer["days"] == 29
    (row,) = answer["rows"]
    assert row.pop("correlation") < -0.8
    assert row == {
        "value": "445/TCP",
        "other": "1433/TCP",
        "label": "445/TCP (microsoft-ds)",
        "other_label": "1433/TCP (ms-sql-s)",
        "direction": "against",
        "day": "2020-06-15",
        "lag": 0,
        "factor": pytest.approx(2101 / 701),
        "other_factor": pytest.approx(701 / 2101),
        "coincidence": pytest.approx(7 / 29),
    }
