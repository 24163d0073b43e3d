from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from darkscope.api.http.rhythms import RhythmsAnswer

FLOWS: list[dict[str, Any]] = [
    {"minute": f"2020-06-{day}T{hour:02}:30", "sensor": "home-1", "country": "VN", "packets": 10}
    for day in range(22, 29)
    for hour in (2, 3, 4, 6, 7, 8, 9)  # 9 to 11 h and 13 to 16 h in Viet Nam
] + [{"minute": "2020-06-24T10:30", "sensor": "home-1", "country": "US", "packets": 900}]
COVERAGE = [
    {"minute": f"2020-06-{day}T{hour:02}:00", "sensor": "home-1"}
    for day in range(22, 29)
    for hour in range(24)
]
WEEK = "/v1/rhythms?period=2020-06-22/2020-06-28&sensor=home-1"


@pytest.fixture(autouse=True)
def filled(memory: Any) -> None:
    memory.flows, memory.coverage = FLOWS, COVERAGE


def test_countries_are_told_with_their_verdict_by_their_own_clocks(client: TestClient) -> None:
    answer = client.get(f"{WEEK}&value=VN&value=US&time_zone=Asia/Tokyo").json()
    RhythmsAnswer.model_validate(answer)
    vietnam, states = answer["rows"]
    assert (vietnam["verdict"], vietnam["strength"], vietnam["zone"]) == (
        "office hours",
        1.0,
        "Asia/Ho_Chi_Minh",
    )
    assert vietnam["work_hours"] == [
        10.0 if hour in (9, 10, 11, 13, 14, 15, 16) else 0.0 for hour in range(24)
    ]
    assert vietnam["reader_hours"][11:14] == [10.0, 10.0, 10.0]
    assert (states["zone"], states["zones"] > 1, states["label"]) == (
        "America/New_York",
        True,
        "US United States",
    )


def test_the_leading_countries_are_told_where_none_is_named(client: TestClient) -> None:
    rows = client.get(f"{WEEK}&limit=1").json()["rows"]
    assert [row["value"] for row in rows] == ["US"]


def test_a_country_with_several_clocks_may_be_asked_by_another(client: TestClient) -> None:
    row = client.get(f"{WEEK}&value=US&source_zone=America/Los_Angeles").json()["rows"][0]
    assert (row["zone"], row["hours"][3]) == ("America/Los_Angeles", 900 / 7)


def test_csv_has_a_row_a_country(client: TestClient) -> None:
    lines = client.get(f"{WEEK}&value=VN&format=csv").text.splitlines()
    assert len(lines) == 2
    assert lines[0].split(",")[:6] == ["value", "label", "packets", "zone", "zones", "verdict"]


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("value=US&source_zone=Mars/Olympus", "the time zone 'Mars/Olympus' does not exist"),
        ("source_zone=Asia/Tokyo", "a source zone is that of one country"),
        ("value=US&value=VN&source_zone=Asia/Tokyo", "a source zone is that of one country"),
        ("value=Vietnam", "the country 'Vietnam' is not understood"),
    ],
)
def test_what_does_not_fit_together_is_a_problem(client: TestClient, query: str, detail: str) -> None:
    answer = client.get(f"{WEEK}&{query}")
    assert (answer.status_code, answer.json()["detail"][: len(detail)]) == (422, detail)


def test_a_period_that_is_too_long_is_refused(client: TestClient) -> None:
    answer = client.get("/v1/rhythms?period=401d")
    assert (answer.status_code, answer.json()["detail"]) == (422, "the period '401d' is longer than 400 days")
