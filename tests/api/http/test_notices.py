"""Notices over HTTP: the same as the command writes, and nothing recorded."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymisp
import pytest
import stix2
from fastapi.testclient import TestClient
from ledgers import NOW
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from noticed import COVERAGE, FLOWS, SOURCES

from darkscope.api import keys
from darkscope.api.http.app import create
from darkscope.api.http.notices import NoticesAnswer
from darkscope.api.keys import Scope
from darkscope.ingest.contacts import ContactEntry, Notices
from darkscope.ingest.settings import Database, Geo, SensorEntry, Settings

URL = "/v1/notices?period=2020-06-24&port=445/tcp"
SENSORS = (
    SensorEntry(id="home-1", organisation="north"),
    SensorEntry(id="abroad-1", organisation="south", home=False),
    SensorEntry(id="pot", kind="honeypot"),
)
CONTACTS = (
    ContactEntry(id="vn", email=("Cert@vn.example",), countries=("VN",), time_zone="Asia/Ho_Chi_Minh"),
    ContactEntry(id="isp", email=("abuse@isp.example",), owners=("AS64501",), tlp="GREEN", language="ja"),
)


@pytest.fixture
def settings(memory: Any, tmp_path: Path) -> Settings:
    memory.flows, memory.coverage, memory.sources = FLOWS, COVERAGE, SOURCES
    memory.folder = tmp_path / "ledger"
    memory.folder.mkdir()
    return Settings(
        ledger=memory.folder, sensors=SENSORS, contacts=CONTACTS, notices=Notices(provider="Example CSIRT")
    )


@pytest.fixture
def ask(settings: Settings) -> Iterator[TestClient]:
    with client(settings) as asking:
        yield asking


def client(settings: Settings) -> TestClient:
    return TestClient(create(settings, lambda: NOW), base_url="http://127.0.0.1:8000")


def test_everything_is_told_by_recipient_and_the_rest_is_counted(ask: TestClient) -> None:
    answer = ask.get(URL).json()
    NoticesAnswer.model_validate(answer)
    assert answer.pop("provenance")["sensors"]["sensors"] == ["abroad-1", "home-1", "pot"]
    likely, bot = answer.pop("rows")
    assert answer == {
        "provider": "Example CSIRT",
        "until": "2020-06-25T00:00:00+00:00",
        "sources": 5,
        "named": 2,
        "left_out": {"backscatter": 1, "forgeable": 1, "no_contact": 1},
        "no_contact": [{"country": "US", "owner": "AS64502", "owner_name": None, "sources": 1, "packets": 1}],
    }
    assert likely == {
        "recipient": "vn",
        "name": "vn",
        "email": ["Cert@vn.example"],
        "language": "en",
        "zone": "Asia/Ho_Chi_Minh",
        "tlp": "TLP:AMBER",
        "sources": 1,
        "packets": 3,
        "cases": [
            {
                "address": "192.0.2.7",
                "country": "VN",
                "owner": "AS64500",
                "owner_name": None,
                "grade": "likely",
                "reasons": ["scanner"],
                "packets": 3,
                "first_seen": "2020-06-24T17:15:00+07:00",
                "last_seen": "2020-06-24T20:15:00+07:00",
                "sensors": 2,
                "ports": 1,
                "top_ports": ["445/TCP"],
                "tools": [],
                "device": None,
                "requests": 0,
                "attempts": [],
                "samples": [
                    {
                        "time": "2020-06-24T13:15:07.000000Z",
                        "source_port": 50_000,
                        "port": "445/TCP",
                        "sensor": None,
                    },
                    {
                        "time": "2020-06-24T10:15:07.000000Z",
                        "source_port": 40_000,
                        "port": "445/TCP",
                        "sensor": None,
                    },
                ],
            }
        ],
    }
    (case,) = bot["cases"]
    assert (bot["tlp"], case["grade"], case["reasons"], case["tools"]) == (
        "TLP:GREEN",
        "confirmed",
        ["infected-system"],
        ["mirai"],
    )


def test_every_format_has_all_recipients_and_is_called_what_it_is(ask: TestClient) -> None:
    answers = {
        name: ask.get(f"{URL}&format={name}")
        for name in ("intelmq", "shadowserver", "shadowserver-http", "misp", "stix")
    }
    assert {name: answer.headers["content-type"] for name, answer in answers.items()} == {
        "intelmq": "application/x-ndjson",
        "shadowserver": "text/csv; charset=utf-8",
        "shadowserver-http": "text/csv; charset=utf-8",
        "misp": "application/json",
        "stix": "application/stix+json;version=2.1",
    }
    events = [json.loads(line) for line in answers["intelmq"].text.splitlines()]
    told = [(one["source.abuse_contact"], one["source.ip"], one["tlp"]) for one in events]
    assert told == [("cert@vn.example", "192.0.2.7", "AMBER"), ("abuse@isp.example", "192.0.2.8", "GREEN")]
    rows = csv.DictReader(io.StringIO(answers["shadowserver"].text))
    assert [row["src_ip"] for row in rows] == ["192.0.2.7", "192.0.2.8"]
    for one in answers["misp"].json()["response"]:
        pymisp.MISPEvent().from_dict(**one)
    assert [one["Event"]["Tag"][0]["name"] for one in answers["misp"].json()["response"]] == [
        "tlp:amber",
        "tlp:green",
    ]
    bundle = stix2.parse(answers["stix"].text, version="2.1")
    marks = {one.value: one.object_marking_refs for one in bundle.objects if one.type == "ipv4-addr"}
    assert [len(one) for one in marks.values()] == [1, 1]
    assert marks["192.0.2.7"] != marks["192.0.2.8"]


@pytest.mark.parametrize("name", ["json", "intelmq", "shadowserver", "misp", "stix"])
def test_one_recipient_can_be_asked_for_and_none_is_no_error(ask: TestClient, name: str) -> None:
    one = ask.get(f"{URL}&format={name}&recipient=isp").text
    assert ("192.0.2.8" in one, "192.0.2.7" in one) == (True, False)
    none = ask.get(f"/v1/notices?period=2020-06-23&format={name}")
    assert (none.status_code, "192.0.2." in none.text) == (200, False)
    if name == "stix":
        stix2.parse(none.text, version="2.1")


def test_a_recipient_whom_nobody_knows_is_refused(ask: TestClient) -> None:
    answer = ask.get(f"{URL}&recipient=jp")
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "no contact is called 'jp'; there are vn, isp",
    )


def test_so_many_are_named_and_the_rest_is_counted(ask: TestClient) -> None:
    answer = ask.get(f"{URL}&limit=1").json()
    assert [row["recipient"] for row in answer["rows"]] == ["isp"]
    assert answer["left_out"]["beyond"] == 2
    assert answer["sources"] == answer["named"] + sum(answer["left_out"].values())


def test_nothing_is_recorded(ask: TestClient, settings: Settings) -> None:
    for _ in range(2):
        assert ask.get(URL).json()["named"] == 2
    assert list(settings.ledger.iterdir()) == []


def test_an_answer_is_given_again_without_being_computed(ask: TestClient, memory: Any) -> None:
    tag = ask.get(f"{URL}&format=stix").headers["etag"]
    assert ask.get(f"{URL}&format=stix", headers={"If-None-Match": tag}).status_code == 304
    assert ask.get(f"{URL}&format=misp", headers={"If-None-Match": tag}).status_code == 200
    assert ask.get(f"{URL}&format=stix&recipient=vn", headers={"If-None-Match": tag}).status_code == 200
    memory.version += 1
    assert ask.get(f"{URL}&format=stix", headers={"If-None-Match": tag}).status_code == 200


def test_other_contacts_are_another_answer(ask: TestClient, settings: Settings) -> None:
    tag = ask.get(URL).headers["etag"]
    with client(settings.model_copy(update={"contacts": CONTACTS[:1]})) as other:
        answer = other.get(URL, headers={"If-None-Match": tag})
    assert (answer.status_code, len(answer.json()["rows"])) == (200, 1)


def test_owners_are_named_where_a_database_does_and_a_broken_one_is_logged(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = MMDBWriter(ip_version=4, database_type="test")
    writer.insert_network(IPSet(["192.0.2.0/24"]), {"autonomous_system_organization": "Example Networks"})
    writer.to_db_file(str(tmp_path / "asn.mmdb"))
    known = settings.model_copy(update={"geo": Geo(owner=(Database(path=tmp_path / "asn.mmdb"),))})
    with client(known) as asking:
        names = [case["owner_name"] for row in asking.get(URL).json()["rows"] for case in row["cases"]]
    assert names == ["Example Networks", "Example Networks"]
    (tmp_path / "asn.mmdb").write_bytes(b"broken")
    with client(known) as asking:
        assert asking.get(URL).json()["named"] == 2
    assert "names" in caplog.messages


def test_sensors_are_named_only_where_the_settings_say_so(settings: Settings) -> None:
    named = settings.model_copy(update={"notices": Notices(name_sensors=True)})
    for told, expected in ((settings, [None, None]), (named, ["abroad-1", "home-1"])):
        with client(told) as asking:
            samples = asking.get(URL).json()["rows"][0]["cases"][0]["samples"]
        assert [one["sensor"] for one in samples] == expected


def test_influxdb_has_no_addresses_and_says_which_setting_helps(settings: Settings) -> None:
    def unasked(*_: Any) -> Any:
        raise AssertionError("asked for addresses")

    made = create(settings, lambda: NOW, unasked)
    with TestClient(made, base_url="http://127.0.0.1") as asking:
        answer = asking.get(URL)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:darkscope:problem:not-held")


def test_a_key_of_an_organisation_is_told_what_its_sensors_saw_by_their_evidence(settings: Settings) -> None:
    scopes = (Scope.SOURCES, Scope.EXPORT)
    told = {}
    for name in ("north", ""):
        limits = [name] if name else []
        key = keys.create(settings.ledger, "one", scopes, NOW.timestamp(), organisations=limits)
        with client(settings) as asking:
            told[name] = asking.get(URL, headers={"X-API-Key": key}).json()
    assert (told[""]["named"], told["north"]["named"]) == (2, 0)
    # One sensor is not several, and the honeypot that saw handshakes is another's.
    assert told["north"]["left_out"] == {"backscatter": 1, "forgeable": 4}
    assert told["north"]["provenance"]["sensors"]["sensors"] == ["home-1"]


def test_addresses_in_bulk_need_both_scopes(settings: Settings) -> None:
    for scope in (Scope.SOURCES, Scope.EXPORT, Scope.PUBLIC):
        key = keys.create(settings.ledger, "one", [scope], NOW.timestamp())
        with client(settings) as asking:
            assert asking.get(URL, headers={"X-API-Key": key}).status_code == 403
