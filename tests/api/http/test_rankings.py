from __future__ import annotations

import io
import json
from datetime import date
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from darkscope.api.http.rankings import RankingAnswer, RankingQuery

NOW, BEFORE = "2020-06-24T10:00", "2020-06-23T10:00"
FLOWS: list[dict[str, Any]] = [
    {"minute": NOW, "sensor": "home-1", "packets": 60, "source_low": 1},
    {"minute": NOW, "sensor": "abroad-1", "packets": 20, "source_low": 2, "country": "RU"},
    {"minute": NOW, "sensor": "home-1", "port": 445, "packets": 15, "country": "VN", "asn": 64500},
    {"minute": NOW, "sensor": "home-1", "protocol": 1, "port": -1, "packets": 5, "class": "backscatter"},
    {"minute": NOW, "sensor": "pot", "port": 80, "packets": 900, "tool": "zmap"},
    {"minute": BEFORE, "sensor": "home-1", "packets": 5},
    {"minute": BEFORE, "sensor": "home-1", "port": 445, "packets": 9},
]
COVERAGE: list[dict[str, Any]] = [
    *({"minute": f"2020-06-24T{hour:02}:00", "sensor": "home-1"} for hour in range(24)),
    *({"minute": f"2020-06-24T{hour:02}:00", "sensor": "abroad-1"} for hour in range(12)),
]
DAY = "period=2020-06-24"
SECURE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.fixture(autouse=True)
def filled(memory: Any) -> None:
    memory.flows, memory.coverage = FLOWS, COVERAGE


def test_a_ranking_says_what_was_asked_and_where_it_came_from(client: TestClient) -> None:
    answer = client.get(f"/v1/rankings/ports?{DAY}&home=false&country=ru&time_zone=Asia/Tokyo")
    assert answer.status_code == 200
    assert answer.json() == {
        "dimension": "ports",
        "packets": 20,
        "values": 1,
        "folded": 0,
        "rows": [
            {
                "rank": 1,
                "value": "23/TCP",
                "label": "23/TCP (telnet)",
                "packets": 20,
                "share": 1.0,
                "previous_rank": None,
                "previous_packets": 0,
                "per_sensor_day": 40.0,
                "sources": None,
                "sources_error": None,
                "change": None,
                "per_address_day": None,
                "spoofable": 0.0,
                "backscatter": 0.0,
                "research": 0.0,
                "targets": None,
                "targets_error": None,
                "targets_saturated": None,
            }
        ],
        "provenance": {
            "ledger_version": 7,
            "period": {
                "asked": "2020-06-24",
                "zone": "Asia/Tokyo",
                "start": "2020-06-23T15:00:00+00:00",
                "end": "2020-06-24T15:00:00+00:00",
            },
            "previous": {"start": "2020-06-22T15:00:00+00:00", "end": "2020-06-23T15:00:00+00:00"},
            "filter": {"countries": ["RU"]},
            "sensors": {
                "sensors": ["abroad-1"],
                "covered_seconds": 43_200,
                "covered_share": 0.5,
                "outages": ["abroad-1"],
            },
            "previous_sensors": {
                "sensors": ["abroad-1"],
                "covered_seconds": 0,
                "covered_share": 0.0,
                "outages": ["abroad-1"],
            },
            "databases": [],
            "rules": [],
        },
    }
    headers = dict(answer.headers)
    assert len(headers.pop("x-request-id")) == 16
    assert headers.pop("etag").startswith('W/"7-')
    assert headers == {
        "content-length": str(len(answer.content)),
        "content-type": "application/json",
        "cache-control": "private, no-cache",
        "vary": "Accept, Authorization, X-API-Key",
        "darkscope-ledger-version": "7",
        "darkscope-window": "2020-06-23T15:00Z/2020-06-24T15:00Z",
        **SECURE,
    }


@pytest.mark.parametrize("query", [DAY, f"{DAY}&limit=1&sources=exact", "period=2019", f"{DAY}&tool=none"])
@pytest.mark.parametrize("dimension", ["ports", "countries", "sensors", "organisations"])
def test_every_answer_has_the_shape_that_is_described(client: TestClient, dimension: str, query: str) -> None:
    answer = client.get(f"/v1/rankings/{dimension}?{query}")
    shape = RankingAnswer.model_validate_json(answer.text)
    told = shape.model_dump_json(exclude_unset=True).replace('Z"', '+00:00"')
    assert json.loads(told) == answer.json()


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("ports?kind=honeypot", ["80/TCP,900"]),
        ("ports?kind=all&limit=1", ["80/TCP,900"]),
        ("ports?home=true", ["23/TCP,60", "445/TCP,15", "0/ICMP,5"]),
        ("ports?organisation=south", ["23/TCP,20"]),
        ("ports?sensor=Tokyo&sensor=pot&limit=2", ["80/TCP,900", "23/TCP,60"]),
        ("ports?class=backscatter", ["0/ICMP,5"]),
        ("ports?class=scan&class=backscatter&limit=1", ["23/TCP,80"]),
        ("countries?port=23/tcp", ["CN,60", "RU,20"]),
        ("countries?port=445&port=0/icmp", ["VN,15", "CN,5"]),
        ("countries?protocol=udp", []),
        ("countries?owner=AS64500", ["VN,15"]),
        ("tools?kind=all&tool=zmap", ["zmap,900"]),
        ("classes?research=true", []),
        ("classes?research=false", ["scan,95", "backscatter,5"]),
        ("ports?country=ru&country=VN", ["23/TCP,20", "445/TCP,15"]),
    ],
)
def test_parameters_narrow_a_ranking(client: TestClient, query: str, values: list[str]) -> None:
    answer = client.get(f"/v1/rankings/{query}&{DAY}&format=csv")
    rows = [line.split(",") for line in answer.text.splitlines()[1:]]
    assert [f"{row[1]},{row[3]}" for row in rows] == values


@pytest.mark.parametrize(
    ("query", "accept", "media_type"),
    [
        ("", "text/csv", "text/csv; charset=utf-8"),
        ("", "text/csv;q=0.9, text/plain", "text/csv; charset=utf-8"),
        ("", "*/*", "application/json"),
        ("", "text/csv, application/json", "application/json"),
        ("&format=json", "text/csv", "application/json"),
        ("&format=csv", "application/json", "text/csv; charset=utf-8"),
        ("", "application/x-ndjson", "application/x-ndjson"),
        ("&format=parquet", "", "application/vnd.apache.parquet"),
    ],
)
def test_the_format_is_the_one_that_is_asked_for(
    client: TestClient, query: str, accept: str, media_type: str
) -> None:
    answer = client.get(f"/v1/rankings/ports?{DAY}{query}", headers={"Accept": accept})
    assert answer.headers["content-type"] == media_type


def test_csv_is_a_header_and_one_line_a_row(client: TestClient) -> None:
    answer = client.get(f"/v1/rankings/ports?{DAY}&limit=2&sources=estimated&format=csv")
    assert answer.text == (
        "rank,value,label,packets,share,previous_rank,previous_packets,per_sensor_day,sources,sources_error,"
        "change,per_address_day,spoofable,backscatter,research,targets,targets_error,targets_saturated\n"
        "1,23/TCP,23/TCP (telnet),80,0.8,2,5,53.333333333333336,2,0.0,,,0.0,0.0,0.0,,,\n"
        "2,445/TCP,445/TCP (microsoft-ds),15,0.15,1,9,10.0,1,0.0,,,0.0,0.0,0.0,,,\n"
    )


def test_ndjson_and_parquet_have_the_same_rows_as_json(client: TestClient) -> None:
    question = f"/v1/rankings/ports?{DAY}&sources=exact"
    rows = client.get(question).json()["rows"]
    lines = client.get(f"{question}&format=ndjson").text.splitlines()
    assert [json.loads(line) for line in lines] == rows
    file = io.BytesIO(client.get(f"{question}&format=parquet").content)
    assert pl.read_parquet(file).to_dicts() == rows


def test_who_has_the_answer_is_told_that_it_holds(client: TestClient) -> None:
    first = client.get(f"/v1/rankings/ports?{DAY}")
    again = client.get(
        f"/v1/rankings/ports?{DAY}", headers={"If-None-Match": f'"other", {first.headers["etag"]}'}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("query", [f"{DAY}&limit=9", f"{DAY}&format=csv", "period=2020-06-25"])
def test_another_question_has_another_tag(client: TestClient, query: str) -> None:
    known = client.get(f"/v1/rankings/ports?{DAY}").headers["etag"]
    answer = client.get(f"/v1/rankings/ports?{query}", headers={"If-None-Match": known})
    assert answer.status_code == 200


def test_a_new_batch_makes_a_new_answer(client: TestClient, memory: Any) -> None:
    known = client.get(f"/v1/rankings/ports?{DAY}").headers["etag"]
    memory.version = 8
    answer = client.get(f"/v1/rankings/ports?{DAY}", headers={"If-None-Match": known})
    assert (answer.status_code, answer.headers["darkscope-ledger-version"]) == (200, "8")


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("period=yesterday", "the period 'yesterday' is not understood; "),
        ("period=2030", "the period '2030' has not begun"),
        (
            "period=2006-01-01/2020-06-24",
            "the period '2006-01-01/2020-06-24' is longer than 3660 days",
        ),
        ("sensor=nobody", "no sensor is called 'nobody'; there are abroad-1, home-1, pot"),
        ("organisation=east", "no sensor belongs to the organisation 'east'; there are north, south"),
        ("port=70000", "the port '70000' is not understood; "),
        ("country=Japan", "the country 'Japan' is not understood; "),
        ("owner=x", "the owner 'x' is not understood; "),
        ("tool=hydra", "the tool 'hydra' is not known; known are none, mirai, "),
        ("protocol=256", "the protocol '256' is not understood; "),
        ("time_zone=Mars/Base", "the time zone 'Mars/Base' does not exist; "),
        ("time_zone=../../etc/passwd", "the time zone '../../etc/passwd' does not exist; "),
    ],
)
def test_a_question_that_cannot_be_asked_is_a_problem_with_a_reason(
    client: TestClient, query: str, detail: str
) -> None:
    answer = client.get(f"/v1/rankings/ports?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    told = answer.json()
    assert told.pop("detail").startswith(detail)
    assert told == {
        "type": "urn:darkscope:problem:question",
        "title": "The question cannot be asked",
        "status": 422,
    }


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("limit=0", "query.limit"),
        ("limit=1001", "query.limit"),
        ("limit=ten", "query.limit"),
        ("prot=23", "query.prot"),
        ("kind=camera", "query.kind"),
        ("class=noise", "query.class.0"),
        ("sources=all", "query.sources"),
        ("format=xml", "query.format"),
        ("home=perhaps", "query.home"),
        (f"period={'9' * 41}", "query.period"),
        (f"sensor={'s' * 101}", "query.sensor.0"),
        ("&".join(f"port={number}" for number in range(101)), "query.port"),
    ],
)
def test_a_parameter_out_of_bounds_or_unknown_is_named(client: TestClient, query: str, where: str) -> None:
    answer = client.get(f"/v1/rankings/ports?{query}")
    assert answer.status_code == 422
    assert [fault["where"] for fault in answer.json()["faults"]] == [where]


def test_what_has_expired_is_gone_and_not_answered_with_too_little(client: TestClient, memory: Any) -> None:
    memory.days = {"seals": frozenset({date(2020, 6, 24)})}
    answer = client.get(f"/v1/rankings/tools?{DAY}")
    assert (answer.status_code, answer.json()["type"]) == (410, "urn:darkscope:problem:expired")
    assert answer.json()["detail"].startswith("the flows from 2020-06-24 to 2020-06-24 have expired")


def test_a_ranking_does_not_count_sources_unless_asked(client: TestClient) -> None:
    assert RankingQuery().sources.value == "none"
    row = client.get(f"/v1/rankings/ports?{DAY}").json()["rows"][0]
    assert (row["sources"], row["sources_error"]) == (None, None)


def test_a_ranking_tells_where_packets_went_where_that_is_asked(client: TestClient, memory: Any) -> None:
    memory.flows = [
        {"minute": NOW, "sensor": "home-1", "packets": 9, "targets": 0b1011},
        {"minute": NOW, "sensor": "abroad-1", "targets": 0b0001},
        {"minute": NOW, "sensor": "pot", "targets": 0b0100},
        {"minute": NOW, "sensor": "home-1", "packets": 4, "port": 80, "targets": -1},
    ]
    names = ("targets", "targets_error", "targets_saturated")
    told = client.get(f"/v1/rankings/ports?{DAY}&targets=true").json()["rows"]
    assert [[row[name] for name in names] for row in told] == [
        [4, pytest.approx(0.0706, rel=1e-2), False],
        [266, None, True],
    ]
    plain = client.get(f"/v1/rankings/ports?{DAY}").json()["rows"]
    assert [[row[name] for name in names] for row in plain] == [[None] * 3] * 2


def test_countries_are_drawn_as_a_map_where_that_is_asked_for_and_nothing_else_is(client: TestClient) -> None:
    bars = client.get(f"/v1/rankings/countries?{DAY}&format=svg")
    drawn = client.get(f"/v1/rankings/countries?{DAY}&format=svg&map=true&limit=300")
    assert bars.status_code == drawn.status_code == 200
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert drawn.text.count('aria-roledescription="geoshape"') == 3  # as many as countries that sent
    assert 'aria-roledescription="geoshape"' not in bars.text
    refused = client.get(f"/v1/rankings/ports?{DAY}&format=svg&map=true")
    assert refused.status_code == 422
    assert "only a ranking of countries is drawn as a map" in refused.json()["detail"]
    assert client.get(f"/v1/rankings/ports?{DAY}&map=true").status_code == 200
