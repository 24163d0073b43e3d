from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from darkscope.api.http import access
from darkscope.api.http.lives import FoundAnswer, LifeAnswer
from darkscope.api.keys import Asker

NOON = int(datetime(2020, 6, 24, 12, tzinfo=UTC).timestamp()) * 1_000_000_000
SEEN: dict[str, Any] = {"sensor": "home-1", "source_low": 0xC0000207, "first": NOON, "last": NOON, "scan": 3}
DAY = "period=2020-06-24"


@pytest.fixture(autouse=True)
def filled(memory: Any) -> None:
    memory.sources = [{**SEEN, "packets": 3, "ports": [6 << 16 | 23], "asn": 64500}]


def test_a_life_has_its_days(client: TestClient) -> None:
    answer = client.get(f"/v1/sources/192.0.2.7?{DAY}").json()
    LifeAnswer.model_validate(answer)
    assert (answer["source"]["packets"], answer["ports"], answer["sensors"]) == (3, ["23/TCP"], ["home-1"])
    assert answer["places"] == [
        {"country": "CN", "owner": "AS64500", "since": "2020-06-24", "until": "2020-06-24"}
    ]
    text = client.get(f"/v1/sources/192.0.2.7?{DAY}&format=csv").text
    assert text.splitlines()[1].split(",")[:3] == ["2020-06-24", "3", "2020-06-24T12:00:00+00:00"]


def test_ipv6_is_read_in_any_spelling_and_told_in_one(client: TestClient) -> None:
    source = client.get(f"/v1/sources/2001:DB8:0::7?{DAY}").json()["source"]
    assert (source["address"], source["subnet"], source["seen"]) == ("2001:db8::7", "2001:db8::/64", False)


def test_what_is_no_address_is_a_problem(client: TestClient) -> None:
    answer = client.get(f"/v1/sources/lookup?{DAY}")
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:darkscope:problem:question")
    assert answer.json()["detail"].startswith("the address 'lookup' is not understood")


def test_each_address_that_is_looked_up_gets_a_row(client: TestClient) -> None:
    body = {"addresses": ["192.0.2.8", "192.0.2.7"]}
    answer = client.post(f"/v1/sources/lookup?{DAY}", json=body)
    FoundAnswer.model_validate(answer.json())
    assert [(row["address"], row["seen"], row["packets"]) for row in answer.json()["rows"]] == [
        ("192.0.2.8", False, 0),
        ("192.0.2.7", True, 3),
    ]
    assert "etag" not in answer.headers
    table = client.post(f"/v1/sources/lookup?{DAY}&format=csv", json=body).text
    assert [line.split(",")[:3] for line in table.splitlines()[1:]] == [
        ["192.0.2.8", "", "False"],
        ["192.0.2.7", "", "True"],
    ]


def test_malformed_addresses_are_all_named_at_once(client: TestClient) -> None:
    body = {"addresses": ["192.0.2.7", "192.0.2", "2001:db8::/64", "nobody"]}
    answer = client.post(f"/v1/sources/lookup?{DAY}", json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:darkscope:problem:question")
    assert [fault["where"] for fault in answer.json()["faults"]] == [
        "body.addresses.1",
        "body.addresses.2",
        "body.addresses.3",
    ]
    assert answer.json()["faults"][2]["what"] == (
        "the address 'nobody' is not understood; understood are IPv4 and IPv6 addresses"
    )


@pytest.mark.parametrize(
    "body", [{}, {"addresses": []}, {"addresses": ["192.0.2.7"] * 1001}, {"addresses": ["x" * 101]}, [], "x"]
)
def test_no_more_and_no_less_is_looked_up_than_there_is_room_for(client: TestClient, body: Any) -> None:
    answer = client.post(f"/v1/sources/lookup?{DAY}", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


def test_a_thousand_addresses_are_looked_up(client: TestClient) -> None:
    addresses = [f"192.0.{number // 256}.{number % 256}" for number in range(1000)]
    answer = client.post(f"/v1/sources/lookup?{DAY}", json={"addresses": addresses})
    rows = answer.json()["rows"]
    assert [row["address"] for row in rows] == addresses
    assert sum(row["packets"] for row in rows) == 3


def test_a_key_of_an_organisation_sees_what_came_to_its_sensors_alone(
    client: TestClient, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = {**SEEN, "sensor": "abroad-1", "packets": 7, "ports": [6 << 16 | 445], "day": "2020-06-24"}
    theirs |= {"offered": [0], "completed": [0], "spoofable": 7}
    memory.sources = [*memory.sources, theirs, {**theirs, "day": "2020-06-20"}]
    north = Asker(organisations=frozenset({"north"}))
    monkeypatch.setattr(access.Doors, "admit", lambda *_: north)
    body = {"addresses": ["192.0.2.7"]}
    life = client.get("/v1/sources/192.0.2.7?period=2020-06").json()
    found = client.post("/v1/sources/lookup?period=2020-06", json=body).json()
    assert found["rows"] == [life["source"]]
    told = {name: life["source"][name] for name in ("packets", "days", "ports", "confirmed", "spoofable")}
    assert told == {"packets": 3, "days": 1, "ports": 1, "confirmed": False, "spoofable": False}
    assert (life["sensors"], life["known_since"], found["known_since"]) == (["home-1"], None, None)
    row = client.get("/v1/sources?period=2020-06-24").json()["rows"][0]
    assert (row["packets"], row["sensors"], row["confirmed"]) == (3, 1, False)
    owner = client.get("/v1/owners?period=2020-06-24").json()["rows"][0]
    assert (owner["packets"], owner["confirmed"]) == (3, 0)
