from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from darkscope.api.cursor import Cursor
from darkscope.api.http import app
from darkscope.api.http.kept import LONGEST, MOST, Kept, Moved
from darkscope.api.http.sources import OwnersAnswer, SourcesAnswer
from darkscope.ingest.settings import SensorEntry, Settings

NOON = "2020-06-24T12:00"
NOON_TIME = int(datetime(2020, 6, 24, 12, tzinfo=UTC).timestamp()) * 1_000_000_000
LOW = 0xC0000200  # 192.0.2.0
FLOWS: list[dict[str, Any]] = [
    {"minute": NOON, "sensor": "home-1", "source_low": LOW + low, "packets": 9 - low, "asn": low % 2}
    for low in range(5)
] + [{"minute": NOON, "sensor": "pot", "source_low": LOW, "packets": 99}]
SOURCES: list[dict[str, Any]] = [
    {"sensor": "pot", "source_low": LOW, "packets": 0, "offered": [0], "completed": [0]},
    {"sensor": "home-1", "source_low": LOW + 1, "packets": 8, "mirai": 8, "scan": 8},
]
PORT = "period=2020-06-24&port=23"  # a port is a matter for flows


@pytest.fixture(autouse=True)
def filled(memory: Any) -> None:
    memory.flows, memory.sources = FLOWS, SOURCES
    memory.coverage = [{"minute": f"2020-06-24T{hour:02}:00", "sensor": "home-1"} for hour in range(24)]


def test_a_source_is_told_of_by_its_packets_to_telescopes_and_by_the_evidence_of_all(
    client: TestClient,
) -> None:
    answer = client.get(f"/v1/sources?{PORT}&limit=2&time_zone=Asia/Tokyo").json()
    SourcesAnswer.model_validate(answer)
    assert (answer["packets"], answer["addresses"]) == (35, 5)
    assert answer["provenance"]["sensors"]["sensors"] == ["abroad-1", "home-1"]
    nothing = dict.fromkeys(
        ("subnet", "research", *(f"device_{one}" for one in ("vendor", "product", "kind", "seen", "by")))
    )
    first = {
        "address": "192.0.2.0",
        "country": "CN",
        "owner": "unknown",
        "packets": 9,
        "first_seen": "2020-06-24T21:00:00+09:00",
        "last_seen": "2020-06-24T21:00:00+09:00",
        "sensors": 1,
        "ports": 1,
        "ports_exact": True,
        "classes": ["scan"],
        "tools": [],
        "confirmed": True,
        "spoofable": False,
        "broad": False,
        **nothing,
    }
    second = {"address": "192.0.2.1", "owner": "AS1", "packets": 8, "tools": ["mirai"], "confirmed": False}
    assert answer["rows"] == [first, {**first, **second}]


def test_pages_are_about_one_state_and_one_present_while_the_ledger_moves_on(
    client: TestClient, memory: Any
) -> None:
    path = "/v1/sources?period=7d&port=23&limit=2"
    first = client.get(path)
    assert first.headers["link"] == f'<?period=7d&port=23&limit=2&cursor={first.json()["next"]}>; rel="next"'
    memory.flows, memory.version = [{**flow, "packets": 500} for flow in FLOWS], 8
    addresses = [row["address"] for row in first.json()["rows"]]
    following = first.json()["next"]
    while following:
        page = client.get(f"{path}&cursor={following}").json()
        assert (page["provenance"]["ledger_version"], page["packets"]) == (7, 35)
        addresses += [row["address"] for row in page["rows"]]
        following = page["next"]
    assert addresses == [f"192.0.2.{low}" for low in range(5)]
    assert client.get(path).json()["provenance"]["ledger_version"] == 8


def test_a_list_whose_state_is_not_kept_is_begun_again(client: TestClient, memory: Any) -> None:
    following = client.get(f"/v1/sources?{PORT}&limit=2").json()["next"]
    cursor = Cursor.parse(following)
    stranger = Cursor(6, cursor.minute, cursor.question, cursor.after).text
    answer = client.get(f"/v1/sources?{PORT}&cursor={stranger}")
    assert (answer.status_code, answer.json()["type"]) == (410, "urn:darkscope:problem:moved")
    memory.version = 6
    assert client.get(f"/v1/sources?{PORT}&cursor={stranger}").status_code == 200


@pytest.mark.parametrize(
    "path", [f"/v1/sources?{PORT}&country=VN", f"/v1/owners?{PORT}", "/v1/sources?period=2020-06-23&port=23"]
)
def test_a_cursor_is_of_its_own_list(client: TestClient, path: str) -> None:
    following = client.get(f"/v1/sources?{PORT}&limit=2").json()["next"]
    answer = client.get(f"{path}&cursor={following}")
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:darkscope:problem:question")
    assert answer.json()["detail"].startswith("the cursor is of another list")


def test_a_cursor_that_nobody_gave_is_a_problem(client: TestClient) -> None:
    answer = client.get(f"/v1/sources?{PORT}&cursor=first")
    assert answer.status_code == 422
    assert answer.json()["detail"] == "the cursor 'first' is not understood; an answer's `next` is one"


EDGE = (1 << 63) - 1


@pytest.mark.parametrize(
    ("minute", "after"),
    [
        (EDGE, (-EDGE - 1, 4, EDGE, -EDGE - 1)),
        (0, (1, 4, 0, 0)),
        (EDGE, (EDGE, 6, -EDGE - 1, EDGE)),
        (EDGE, (1, -1, 0, 0)),
        (EDGE, (1, 5, 0, 0)),
    ],
)
def test_a_forged_cursor_is_a_place_like_others_or_a_problem(
    client: TestClient, minute: int, after: tuple[int, ...]
) -> None:
    given = Cursor.parse(client.get(f"/v1/sources?{PORT}&limit=2").json()["next"])
    forged = Cursor(given.version, minute, given.question, after).text
    answer = client.get(f"/v1/sources?{PORT}&cursor={forged}")
    assert answer.status_code == (200 if minute and after[1] in (4, 6) else 422), answer.text


def test_owners_are_paged_likewise_and_csv_has_the_next_page_in_its_head(client: TestClient) -> None:
    answer = client.get(f"/v1/owners?{PORT}&limit=1").json()
    OwnersAnswer.model_validate(answer)
    assert (answer["packets"], answer["owners"], answer["sources"]) == (35, 2, 5)
    row = answer["rows"][0]
    assert (row["owner"], row["packets"], row["sources"], row["confirmed"]) == ("unknown", 21, 3, 1)
    page = client.get(f"/v1/owners?{PORT}&limit=1&format=csv&cursor={answer['next']}")
    assert [line.split(",")[:4] for line in page.text.splitlines()] == [
        ["owner", "packets", "share", "sources"],
        ["AS1", "14", str(14 / 35), "2"],
    ]
    assert "link" not in page.headers
    assert "rel" in client.get(f"/v1/owners?{PORT}&limit=1&format=csv").headers["link"]


def test_names_come_from_files_that_may_change(memory: Any, tmp_path: Path) -> None:
    devices = tmp_path / "devices.csv"
    devices.write_text("192.0.2.0/31,QNAP,,NAS,2020-05-02,us\n")
    settings = Settings(ledger=memory.folder, devices=devices, sensors=(SensorEntry(id="home-1"),))
    with TestClient(app.create(settings, lambda: datetime(2020, 6, 30, tzinfo=UTC))) as client:

        def asked(**headers: str) -> Any:
            return client.get(f"http://127.0.0.1/v1/owners?{PORT}", headers=headers)

        first = asked()
        assert [row["devices"] for row in first.json()["rows"]] == [["QNAP NAS (1)"], ["QNAP NAS (1)"]]
        assert asked(**{"If-None-Match": first.headers["etag"]}).status_code == 304
        devices.write_text("192.0.2.0,Panasonic,,camera,,\n")
        changed = asked(**{"If-None-Match": first.headers["etag"]})
        assert [row["devices"] for row in changed.json()["rows"]] == [["Panasonic camera (1)"], []]
        devices.write_text("broken")
        assert asked().json() == changed.json()


def test_states_are_kept_for_an_hour_after_their_last_page_and_not_too_many() -> None:
    kept, now = Kept(), datetime(2020, 6, 30, tzinfo=UTC)
    states: list[Any] = [SimpleNamespace(version=version) for version in range(MOST + 2)]
    for state in states[: MOST + 1]:
        kept.keep(state, now)
    with pytest.raises(Moved):
        kept.find(0, now)
    assert kept.find(1, now + LONGEST) is states[1]
    kept.keep(states[1], now + LONGEST)
    assert kept.find(1, now + LONGEST + timedelta(seconds=1)) is states[1]
    with pytest.raises(Moved):
        kept.find(2, now + LONGEST + timedelta(seconds=1))


def test_influxdb_has_no_addresses_and_says_which_setting_helps(memory: Any) -> None:
    def unasked(*_: Any) -> Any:
        raise AssertionError("asked for addresses")

    made = app.create(Settings(ledger=memory.folder), lambda: datetime(2020, 6, 30, tzinfo=UTC), unasked)
    with TestClient(made, base_url="http://127.0.0.1") as client:
        answer = client.get(f"/v1/sources?{PORT}")
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:darkscope:problem:not-held")
    assert answer.json()["detail"] == 'InfluxDB has no source addresses: set api.store = "ledger"'
