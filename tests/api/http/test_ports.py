from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from darkscope.api.http.ports import PortAnswer

NOW, BEFORE = "2020-06-24T10:00", "2020-06-23T10:00"
FLOWS: list[dict[str, Any]] = [
    {"minute": NOW, "sensor": "home-1", "packets": 30, "port": 445, "country": "VN", "tool": "masscan"},
    {"minute": NOW, "sensor": "home-1", "packets": 10, "port": 445, "country": "ID"},
    {"minute": NOW, "sensor": "home-1", "packets": 60},
    {"minute": BEFORE, "sensor": "home-1", "packets": 20, "port": 445, "country": "VN"},
    {"minute": BEFORE, "sensor": "home-1", "protocol": 1, "port": -1, "packets": 5},
]
COVERAGE = [
    {"minute": f"2020-06-{day}T{hour:02}:00", "sensor": "home-1"} for day in (23, 24) for hour in range(24)
]


@pytest.fixture(autouse=True)
def filled(memory: Any) -> None:
    memory.flows, memory.coverage = FLOWS, COVERAGE


def test_a_port_is_told_in_short(client: TestClient) -> None:
    answer = client.get("/v1/ports/tcp/445?period=2020-06-24&limit=1").json()
    PortAnswer.model_validate(answer)
    assert answer.pop("provenance")["filter"] == {"ports": ["445/TCP"]}
    rows = answer.pop("rows")
    assert answer == {
        "port": "445/TCP",
        "service": "microsoft-ds",
        "packets": 40,
        "share": 0.4,
        "rank": 2,
        "previous_rank": 1,
        "growth": 2.0,
        "verdict": "unclear",
        "reason": "1 sensor watched both periods; 3 are needed",
    }
    assert [
        (row["dimension"], row["value"], row["packets"], row["share"], row["change"]) for row in rows
    ] == [
        ("countries", "VN", 30, 0.75, 0.5),
        ("owners", "unknown", 40, 1.0, 1.0),
        ("tools", "masscan", 30, 0.75, None),
        ("classes", "scan", 40, 1.0, 1.0),
    ]


def test_a_port_that_nobody_asked_for_has_no_rank(client: TestClient) -> None:
    answer = client.get("/v1/ports/udp/53?period=2020-06-24").json()
    assert (answer["port"], answer["service"], answer["packets"], answer["rank"]) == (
        "53/UDP",
        "domain",
        0,
        None,
    )
    assert answer["rows"] == []


def test_icmp_is_port_0(client: TestClient) -> None:
    answer = client.get("/v1/ports/icmp/0?period=2020-06-23").json()
    assert (answer["port"], answer["packets"], answer["rank"]) == ("0/ICMP", 5, 2)


@pytest.mark.parametrize(
    ("path", "status"), [("tcp/70000", 422), ("tcp/x", 404), ("nothing/445", 422), ("icmp/8", 422)]
)
def test_what_is_no_port_is_a_problem(client: TestClient, path: str, status: int) -> None:
    assert client.get(f"/v1/ports/{path}?period=2020-06-24").status_code == status
