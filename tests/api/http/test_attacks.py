from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from backscatter import answers
from capture_files import pcap
from fastapi.testclient import TestClient
from ledgers import Site, ramp

from darkscope.api import keys
from darkscope.api.cursor import Cursor
from darkscope.api.http import app
from darkscope.api.http.attacks import AttacksAnswer
from darkscope.api.keys import Scope
from darkscope.ingest.settings import SensorEntry, Settings

NOW = datetime(2020, 6, 30, tzinfo=UTC)
PATH = "/v1/attacks?period=2020-06"
SENSORS = (SensorEntry(id="a", organisation="north", networks=("133.8.0.0/24",)), SensorEntry(id="b"))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with five victims; the sensor b sees one of them."""
    site = Site(tmp_path_factory.mktemp("attacks") / "ledger", sensors=SENSORS)
    for number in range(5):
        records = answers(61 + number, start=number * 1000.0, victim=f"8.8.8.{number}")
        site.take(pcap(records), f"/spool/{'b' if number == 4 else 'a'}/{number}.pcap")
    site.take(ramp(10_000, 10), "/spool/a/9.pcap")
    return site.folder


@pytest.fixture
def site(written: Path, tmp_path: Path) -> Site:
    """A copy of that ledger, which a test may write to."""
    folder = tmp_path / "ledger"
    shutil.copytree(written, folder)
    return Site(folder, sensors=SENSORS)


@pytest.fixture
def client(site: Site) -> Iterator[TestClient]:
    settings = Settings(ledger=site.folder, sensors=SENSORS)
    with TestClient(app.create(settings, lambda: NOW), base_url="http://127.0.0.1") as asking:
        yield asking


def victims(answer: Any) -> list[str]:
    return [row["victim"].rpartition(".")[2] for row in answer.json()["rows"]]


def test_attacks_are_told_with_all_that_is_known(client: TestClient) -> None:
    answer = client.get(f"{PATH}&limit=1&time_zone=Asia/Tokyo&kind=all")
    AttacksAnswer.model_validate(answer.json())
    assert (answer.json()["attacks"], answer.json()["victims"], answer.json()["packets"]) == (5, 5, 315)
    assert answer.json()["known_since"] == "2020-06-24"
    assert answer.json()["rows"] == [
        {
            "victim": "8.8.8.4",
            "country": "US",
            "owner": "unknown",
            "protocol": "TCP",
            "start": "2020-06-24T22:06:40+09:00",
            "end": "2020-06-24T22:07:44+09:00",
            "seconds": 64,
            "ongoing": False,
            "packets": 65,
            "peak": 60,
            "answers_per_second": None,
            "sensors": 1,
            "targets": 3,
            "ports": ["80/TCP"],
            "all_ports": 1,
            "syn_acks": 39,
            "resets": 13,
            "icmp": 13,
        }
    ]


def test_they_are_narrowed_by_the_victim_and_nothing_else(client: TestClient) -> None:
    assert victims(client.get(f"{PATH}&sensor=b")) == ["4"]
    assert victims(client.get(f"{PATH}&port=80/tcp&country=US&owner=unknown&protocol=tcp")) == list("43210")
    for nothing in ("port=443", "country=JP", "owner=AS7", "protocol=17"):
        assert victims(client.get(f"{PATH}&{nothing}")) == []
    for unknown in ("class=scan", "tool=mirai", "research=true", "against=2020-05"):
        assert client.get(f"{PATH}&{unknown}").status_code == 422


def test_pages_are_about_one_state_while_the_ledger_moves_on(client: TestClient, site: Site) -> None:
    page = client.get(f"{PATH}&limit=2")
    found = victims(page)
    assert page.headers["link"].endswith('>; rel="next"')
    site.take(pcap(answers(900, start=20_000.0, victim="9.9.9.9")), "/spool/a/10.pcap")
    while page.json()["next"]:
        page = client.get(f"{PATH}&limit=2&cursor={page.json()['next']}")
        assert page.json()["attacks"] == 5
        found += victims(page)
    assert found == list("43210")
    assert client.get(PATH).json()["attacks"] == 6


EDGE = (1 << 63) - 1


@pytest.mark.parametrize(
    "after", [(EDGE, *[-EDGE] * 5), (-EDGE - 1, *[EDGE] * 5), (0, 0, 0, 0, 0, 0)], ids=str
)
def test_a_forged_cursor_is_a_place_like_others(client: TestClient, after: tuple[int, ...]) -> None:
    given = Cursor.parse(client.get(f"{PATH}&limit=2").json()["next"])
    forged = Cursor(given.version, given.minute, given.question, after).text
    assert client.get(f"{PATH}&cursor={forged}").status_code == 200


def test_a_cursor_is_of_its_own_list(client: TestClient) -> None:
    following = client.get(f"{PATH}&limit=2").json()["next"]
    for other in ("/v1/sources?period=2020-06", f"{PATH}&port=80", "/v1/attacks?period=2020-05"):
        assert client.get(f"{other}&cursor={following}").status_code == 422


def test_csv_has_the_attacks_alone(client: TestClient) -> None:
    lines = client.get(f"{PATH}&limit=2&format=csv").text.splitlines()
    assert lines[0].startswith("victim,country,owner,protocol,start,end,seconds,ongoing,packets,peak,")
    assert [line.partition(",")[0] for line in lines[1:]] == ["8.8.8.4", "8.8.8.3"]


def test_only_keys_that_may_see_addresses_see_victims_and_those_of_an_organisation_its_own(
    client: TestClient, site: Site
) -> None:
    reader, public, analyst, north = (
        keys.create(
            site.folder, f"{scope} {name}", [scope], NOW.timestamp(), organisations=filter(None, [name])
        )
        for scope, name in (
            (Scope.READ, ""),
            (Scope.PUBLIC, ""),
            (Scope.SOURCES, ""),
            (Scope.SOURCES, "north"),
        )
    )

    def asked(key: str) -> Any:
        return client.get(PATH, headers={"Authorization": f"Bearer {key}"})

    assert asked(reader).status_code == 403
    assert asked(public).status_code == 403
    assert victims(asked(analyst)) == list("43210")
    its = asked(north)
    assert victims(its) == list("3210")
    assert its.json()["known_since"] is None


def test_influxdb_has_no_victims_and_says_which_setting_helps(site: Site) -> None:
    def unasked(*_: Any) -> Any:
        raise AssertionError("asked for victims")

    made = app.create(Settings(ledger=site.folder), lambda: NOW, unasked)
    with TestClient(made, base_url="http://127.0.0.1") as asking:
        answer = asking.get(PATH)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:darkscope:problem:not-held")
    assert answer.json()["detail"] == 'InfluxDB has no backscatter by its victims: set api.store = "ledger"'
