"""MISP events are read by pymisp, and held to its template of the object."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from pymisp import MISPEvent, MISPObject
from told import ATTEMPT, CASE, RECIPIENT, case, notices
from told import hostile_cases as hostile

from darkscope.api.grades import Grade
from darkscope.api.notices.misp import TEMPLATE, VERSION, document
from darkscope.api.notices.notice import Notices
from darkscope.ingest.contacts import Tlp


def read(told: Notices) -> dict[str, Any]:
    """The event as written; pymisp has taken it, and each object fits the template."""
    data = b"".join(document(told, told.notices[0]))
    event = MISPEvent()
    event.from_json(data.decode())
    for found in event.objects:
        template = MISPObject("intelmq_event", strict=True)
        assert (template.template_uuid, str(template.template_version)) == (TEMPLATE, VERSION)
        for attribute in found.attributes:
            wanted = template._definition["attributes"][attribute.object_relation]["misp-attribute"]
            assert attribute.type == wanted
            template.add_attribute(attribute.object_relation, value=attribute.value)
    written: dict[str, Any] = json.loads(data)["Event"]
    return written


def test_an_event_has_an_object_for_each_source() -> None:
    event = read(notices(CASE, case("192.0.2.7", tools=("mirai",), grade=Grade.CONFIRMED)))
    first, second = event.pop("Object")
    assert event == {
        "uuid": event["uuid"],
        "info": "Example CSIRT: 2 sources of scans, 2020-06-24T00:00:00Z to 2020-06-25T00:00:00Z",
        "date": "2020-06-25",
        "timestamp": "1593043200",
        "published": False,
        "threat_level_id": "3",
        "analysis": "2",
        "distribution": "0",
        "Tag": [
            {"name": "tlp:amber"},
            {"name": 'rsit:malicious-code="infected-system"'},
            {"name": 'rsit:information-gathering="scanner"'},
        ],
    }
    attributes = {one["object_relation"]: one for one in first["Attribute"]}
    assert {name: one["value"] for name, one in attributes.items()} == {
        "feed.name": "darkscope",
        "feed.provider": "Example CSIRT",
        "feed.accuracy": "70.0",
        "time.source": "2020-06-24T12:00:05.250000Z",
        "time.observation": "2020-06-25T00:00:00Z",
        "source.ip": "198.41.0.4",
        "source.port": "40000",
        "source.asn": "64500",
        "source.as_name": "Example Networks",
        "source.abuse_contact": "cert@vn.example",
        "source.geolocation.cc": "VN",
        "destination.port": "445",
        "protocol.transport": "tcp",
        "classification.taxonomy": "information-gathering",
        "classification.type": "scanner",
        "classification.identifier": "darknet",
        "event_description.text": "3 packets to 445/TCP of 2 sensors, likely source",
        "tlp": "AMBER",
        "extra": attributes["extra"]["value"],
    }
    extra = json.loads(attributes["extra"]["value"])
    assert (extra["grade"], extra["samples"][0]["source_port"]) == ("likely", 40_000)
    address = attributes["source.ip"]
    assert (address["type"], address["category"], address["to_ids"]) == ("ip-src", "Network activity", False)
    assert [one["value"] for one in second["Attribute"] if one["object_relation"] == "malware.name"] == [
        "mirai"
    ]
    uuids = [one["uuid"] for each in (first, second) for one in (each, *each["Attribute"])]
    assert len(set(uuids)) == len(uuids)


def test_a_request_after_a_vulnerability_is_an_object_of_its_own() -> None:
    event = read(notices(case(attempts=(ATTEMPT,))))
    assert [one["name"] for one in event["Tag"]] == [
        "tlp:amber",
        'rsit:intrusion-attempts="exploit"',
        'rsit:information-gathering="scanner"',
    ]
    packets, request = event["Object"]
    told = {one["object_relation"]: one["value"] for one in request["Attribute"]}
    assert (told["destination.urlpath"], told["classification.identifier"]) == (
        "/photo/p/api/album.php",
        "cve-2019-7192",
    )
    assert packets["uuid"] != request["uuid"]


@pytest.mark.parametrize("tlp", Tlp)
def test_the_event_is_tagged_with_its_label(tlp: Tlp) -> None:
    event = read(notices(CASE, recipient=replace(RECIPIENT, tlp=tlp)))
    assert event["Tag"][0] == {"name": f"tlp:{tlp.value.lower()}"}


@given(hostile())
@settings(deadline=None, max_examples=40)
def test_whatever_strangers_write_is_taken_whole(told: Notices) -> None:
    event = read(told)
    found = [one["value"] for each in event["Object"] for one in each["Attribute"] if one["type"] == "ip-src"]
    assert found == [one.address for one in told.notices[0].cases for _ in range(1 + len(one.attempts))]
