from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from darkscope.api.http.trends import TrendAnswer

FLOWS: list[dict[str, Any]] = [
    {"minute": "2020-06-24T01:30", "sensor": "home-1", "packets": 40},
    {"minute": "2020-06-24T02:10", "sensor": "home-1", "packets": 60},
    {"minute": "2020-06-24T02:10", "sensor": "home-1", "port": 445, "packets": 7, "country": "VN"},
]
COVERAGE = [{"minute": f"2020-06-24T{hour:02}:00", "sensor": "home-1"} for hour in (0, 1, 2, 4)]
MORNING = "period=2020-06-24&time_zone=Asia/Tokyo&step=6h&sensor=Tokyo"


@pytest.fixture(autouse=True)
def filled(memory: Any) -> None:
    memory.flows, memory.coverage = FLOWS, COVERAGE


def test_a_trend_has_one_count_a_bucket_and_a_gap_where_nobody_watched(client: TestClient) -> None:
    answer = client.get(f"/v1/trends/ports?{MORNING}&limit=1").json()
    assert {name: answer[name] for name in ("dimension", "step", "starts", "covered", "lines")} == {
        "dimension": "ports",
        "step": "6h",
        "starts": [f"2020-06-24T{hour:02}:00:00+09:00" for hour in (0, 6, 12, 18)],
        "covered": [0.0, 0.5, 1 / 6, 0.0],
        "lines": [
            {
                "value": "23/TCP",
                "label": "23/TCP (telnet)",
                "packets": [None, 100, 0, None],
                "part": None,
                "part_label": None,
            }
        ],
    }
    TrendAnswer.model_validate(answer)


def test_named_values_are_followed_instead_of_the_leading_ones(client: TestClient) -> None:
    answer = client.get(f"/v1/trends/ports?{MORNING}&value=445/tcp&value=1/udp&format=csv")
    assert answer.text.splitlines() == [
        "start,covered,445/TCP,1/UDP",
        "2020-06-24T00:00:00+09:00,0.0,,",
        "2020-06-24T06:00:00+09:00,0.5,7,0",
        f"2020-06-24T12:00:00+09:00,{1 / 6},0,0",
        "2020-06-24T18:00:00+09:00,0.0,,",
    ]


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("step=fortnight", "the step 'fortnight' is not understood; "),
        ("value=23", "the port '23' needs its protocol here: 23/tcp or 23/udp"),
    ],
)
def test_a_step_or_value_that_cannot_be_read_is_a_problem(
    client: TestClient, query: str, detail: str
) -> None:
    answer = client.get(f"/v1/trends/ports?{query}")
    assert (answer.status_code, answer.json()["detail"][: len(detail)]) == (422, detail)


@pytest.mark.parametrize(
    "query",
    [
        "period=2011-01-01/2020-06-24&step=5m&limit=1",
        "period=2020&step=5m&limit=4",
        "period=2020-Q1&step=5m&limit=8",
        "period=2020-06&step=5m&limit=24",
        "period=2015-01-01/2020-06-24&step=hour&" + "&".join(f"value={n}/tcp" for n in range(5)),
    ],
)
def test_what_has_too_many_figures_is_refused_before_the_ledger_is_asked(
    client: TestClient, memory: Any, query: str
) -> None:
    answer = client.get(f"/v1/trends/ports?{query}")
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:darkscope:problem:question")
    assert "figures, and 200,000 are the most: a coarser step, " in answer.json()["detail"]
    assert memory.snapshots == 0


@pytest.mark.parametrize(
    "query",
    [
        "period=2020-06&step=5m&limit=20",
        "period=2011-01-01/2020-06-24&step=day&limit=50",
        "period=2011-01-01/2020-06-24&step=week&limit=50",
        "period=2020-Q1&step=hour&limit=50",
    ],
)
def test_what_people_ask_for_has_not_too_many_figures(client: TestClient, query: str) -> None:
    assert client.get(f"/v1/trends/ports?{query}").status_code == 200


def test_a_value_is_split_by_another_dimension(client: TestClient) -> None:
    answer = client.get(f"/v1/trends/countries?{MORNING}&by=ports&parts=1&limit=2")
    TrendAnswer.model_validate(answer.json())
    assert [(line["value"], line["part"], line["packets"]) for line in answer.json()["lines"]] == [
        ("CN", "23/TCP", [None, 100, 0, None]),
        ("VN", "445/TCP", [None, 7, 0, None]),
    ]
    text = client.get(f"/v1/trends/countries?{MORNING}&by=ports&parts=1&format=csv").text
    assert text.splitlines()[0] == "start,covered,CN 23/TCP,VN 445/TCP"
    assert client.get(f"/v1/trends/ports?{MORNING}&by=ports").status_code == 422


def test_a_trend_is_drawn_in_the_language_that_is_asked_for(client: TestClient) -> None:
    answer = client.get(f"/v1/trends/countries?{MORNING}&value=VN&format=svg&lang=ja")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert ">ベトナム<" in answer.text
    assert client.get(f"/v1/trends/countries?{MORNING}&format=png").content.startswith(b"\x89PNG")


def test_a_browser_that_accepts_pictures_gets_what_it_always_got(client: TestClient) -> None:
    answer = client.get(f"/v1/trends/ports?{MORNING}", headers={"Accept": "text/html,image/png,*/*;q=0.8"})
    assert answer.headers["content-type"] == "application/json"


def test_what_has_no_picture_says_so(client: TestClient) -> None:
    answer = client.get("/v1/movements/ports?period=2020-06&format=svg")
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "there is no picture of this answer (movements); write format=json or csv",
    )
