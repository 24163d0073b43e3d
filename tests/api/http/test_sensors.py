from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from darkscope.api.http.sensors import CoverageAnswer, RosterAnswer

COVERAGE: list[dict[str, Any]] = [
    {"minute": "2020-06-24T00:00", "sensor": "home-1", "frames": 9, "inbound": 5, "stray": 3, "rejected_not_ip": 1},
    {"minute": "2020-06-24T01:00", "sensor": "home-1", "minutes": 30, "frames": 2, "inbound": 2, "dropped": 4},
    {"minute": "2020-06-24T00:00", "sensor": "abroad-1"},
    {"minute": "2020-06-25T00:00", "sensor": "abroad-1", "frames": 50, "inbound": 50},
]  # fmt: skip


@pytest.fixture(autouse=True)
def filled(memory: Any) -> None:
    memory.coverage = COVERAGE


def test_sensors_are_listed_with_what_became_of_their_frames(client: TestClient) -> None:
    answer = client.get("/v1/sensors?period=2020-06-24").json()
    RosterAnswer.model_validate(answer)
    assert {reason for reason, count in answer["rejected"].items() if count} == {"not_ip"}
    assert [row["sensor"] for row in answer["rows"]] == ["abroad-1", "home-1"]
    assert answer["rows"][1] == {
        "sensor": "home-1",
        "label": "Tokyo",
        "organisation": "north",
        "kind": "telescope",
        "home": True,
        "since": None,
        "until": None,
        "expected_seconds": 86_400,
        "covered_seconds": 5_400,
        "covered_share": 0.0625,
        "frames": 11,
        "inbound": 7,
        "own": 0,
        "stray": 3,
        "overlap": 0,
        "rejected": 1,
        "dropped": 4,
    }


def test_filters_choose_among_the_sensors(client: TestClient) -> None:
    def listed(query: str) -> list[str]:
        rows = client.get(f"/v1/sensors?period=2020-06-24&{query}").json()["rows"]
        return [row["sensor"] for row in rows]

    assert listed("kind=all") == ["abroad-1", "home-1", "pot"]
    assert listed("home=false") == ["abroad-1"]
    assert listed("organisation=north") == ["home-1"]


def test_coverage_has_a_strip_for_each_sensor(client: TestClient) -> None:
    question = "/v1/coverage?period=2020-06-24&step=12h"
    answer = client.get(question).json()
    CoverageAnswer.model_validate(answer)
    assert answer["strips"] == [
        {"sensor": "abroad-1", "label": "abroad-1", "covered": [1 / 12, 0.0]},
        {"sensor": "home-1", "label": "Tokyo", "covered": [0.125, 0.0]},
    ]
    assert client.get(f"{question}&format=csv").text == (
        "start,abroad-1,home-1\n"
        f"2020-06-24T00:00:00+00:00,{1 / 12},0.125\n"
        "2020-06-24T12:00:00+00:00,0.0,0.0\n"
    )


def test_what_would_have_too_many_figures_of_all_sensors_together_is_refused(client: TestClient) -> None:
    question = "/v1/coverage?period=2020-03-01/2020-06-29&step=1m"  # 174,240 stretches
    answer = client.get(f"{question}&kind=all")
    assert answer.status_code == 422
    assert answer.json()["detail"] == (
        "the answer would have 522,720 figures, and 200,000 are the most: "
        "a coarser step, a shorter period and fewer values or sensors have fewer"
    )
    assert client.get(f"{question}&sensor=home-1").status_code == 200
