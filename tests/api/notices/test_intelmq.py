"""Events are held to IntelMQ's own harmonization, by IntelMQ."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import intelmq
import pytest
from hypothesis import given, settings
from intelmq.lib.message import MessageFactory
from told import ATTEMPT, CASE, RECIPIENT, SAMPLE, SENDER, case, notices
from told import hostile_cases as hostile

from darkscope.api.grades import Grade
from darkscope.api.notices.intelmq import ndjson
from darkscope.api.notices.notice import Notices
from darkscope.ingest.contacts import Tlp

LIKELY = {
    "feed.name": "darkscope",
    "feed.provider": "Example CSIRT",
    "feed.accuracy": 70.0,
    "time.source": "2020-06-24T12:00:05.250000Z",
    "time.observation": "2020-06-25T00:00:00Z",
    "source.ip": "198.41.0.4",
    "source.port": 40000,
    "source.asn": 64500,
    "source.as_name": "Example Networks",
    "source.abuse_contact": "cert@vn.example",
    "source.geolocation.cc": "VN",
    "destination.port": 445,
    "protocol.transport": "tcp",
    "classification.taxonomy": "information-gathering",
    "classification.type": "scanner",
    "classification.identifier": "darknet",
    "event_description.text": "3 packets to 445/TCP of 2 sensors, likely source",
    "tlp": "AMBER",
    "extra.tlp": "TLP:AMBER",
    "extra.grade": "likely",
    "extra.packets": 3,
    "extra.sensors": 2,
    "extra.first_seen": "2020-06-24T11:00:00Z",
    "extra.last_seen": "2020-06-24T12:00:00Z",
    "extra.ports": ["445/TCP"],
    "extra.ports_in_all": 1,
    "extra.samples": [
        {
            "time": "2020-06-24T12:00:05.250000Z",
            "source_port": 40000,
            "protocol": "tcp",
            "destination_port": 445,
        }
    ],
}


@cache
def harmonization() -> Any:
    file = Path(intelmq.__file__).parent / "etc" / "harmonization.conf"
    return json.loads(file.read_text(encoding="utf-8"))


def read(told: Notices) -> list[dict[str, Any]]:
    """Events as written; each was taken by IntelMQ, which refuses what it does not know."""
    lines = b"".join(ndjson(told, told.notices[0])).splitlines()
    for line in lines:
        event = MessageFactory.unserialize(line.decode(), harmonization=harmonization(), default_type="Event")
        assert event["source.ip"] == json.loads(line)["source.ip"]
    return [json.loads(line) for line in lines]


def test_an_event_has_all_that_an_owner_needs() -> None:
    assert read(notices(CASE)) == [LIKELY]


def test_a_source_that_mirai_scans_from_is_an_infected_system() -> None:
    (event,) = read(notices(case(tools=("mirai", "zmap"), grade=Grade.CONFIRMED, device="QNAP NAS")))
    changed = {
        "feed.accuracy": 90.0,
        "classification.taxonomy": "malicious-code",
        "classification.type": "infected-system",
        "classification.identifier": "mirai",
        "malware.name": "mirai",
        "event_description.text": "3 packets to 445/TCP of 2 sensors, confirmed source",
        "extra.grade": "confirmed",
        "extra.tools": ["mirai", "zmap"],
        "extra.device": "QNAP NAS",
    }
    assert event == LIKELY | changed


def test_what_is_not_known_is_left_out() -> None:
    (event,) = read(notices(case("2001:db8::7", country="ZZ", asn=0, samples=(), targets=(), ports=0)))
    gone = {
        "source.port", "source.asn", "source.as_name", "source.geolocation.cc", "destination.port",
        "protocol.transport", "extra.samples",
    }  # fmt: skip
    changed = {"source.ip": "2001:db8::7", "time.source": "2020-06-24T12:00:00Z", "extra.ports": []}
    changed |= {
        "extra.ports_in_all": 0,
        "event_description.text": "3 packets to no port of 2 sensors, likely source",
    }
    assert event == {name: value for name, value in LIKELY.items() if name not in gone} | changed


@pytest.mark.parametrize(
    ("protocol", "port", "written"),
    [
        (17, 53, ("udp", 53)),
        (1, None, ("icmp", None)),
        (58, None, ("ipv6-icmp", None)),
        (253, None, (None, None)),
    ],
)
def test_protocols_have_intelmqs_names_or_none(protocol: int, port: int | None, written: Any) -> None:
    (event,) = read(notices(case(samples=(replace(SAMPLE, protocol=protocol, port=port),))))
    assert (event.get("protocol.transport"), event.get("destination.port")) == written


def test_each_request_after_a_vulnerability_is_an_event_of_its_own() -> None:
    tls = replace(ATTEMPT, application="tls", method="", path="", agent="", cves=(), number=1)
    packets, first, second = read(notices(case(attempts=(ATTEMPT, tls), requests=7, grade=Grade.CONFIRMED)))
    assert packets["classification.type"] == "scanner"
    common = ("feed.name", "feed.provider", "time.observation", "source.ip", "source.asn", "source.as_name")
    common = (*common, "source.abuse_contact", "source.geolocation.cc", "tlp", "extra.tlp")
    exploit = {name: LIKELY[name] for name in common} | {
        "feed.accuracy": 90.0,
        "time.source": "2020-06-24T12:00:06Z",
        "source.port": 40_001,
        "destination.port": 8080,
        "destination.urlpath": "/photo/p/api/album.php",
        "protocol.transport": "tcp",
        "protocol.application": "http",
        "classification.taxonomy": "intrusion-attempts",
        "classification.type": "exploit",
        "classification.identifier": "cve-2019-7192",
        "event_description.text": "GET /photo/p/api/album.php: CVE-2019-7192 CVE-2019-7194, "
        "QNAP Photo Station: Reads files",
        "extra.grade": "confirmed",
        "extra.requests": 7,
        "extra.method": "GET",
        "extra.user_agent": "python-requests/2.23.0",
        "extra.rules": ["album"],
        "extra.cves": ["CVE-2019-7192", "CVE-2019-7194"],
        "extra.vendor": "QNAP",
        "extra.product": "Photo Station",
    }
    assert first == exploit
    gone = ("destination.urlpath", "extra.method", "extra.user_agent", "extra.cves")
    assert second == {name: value for name, value in exploit.items() if name not in gone} | {
        "protocol.application": "tls",
        "classification.identifier": "album",
        "event_description.text": "tls: album, QNAP Photo Station: Reads files",
    }


@pytest.mark.parametrize("tlp", Tlp)
def test_every_label_is_stated_and_written_as_intelmq_knows_it(tlp: Tlp) -> None:
    (event,) = read(notices(CASE, recipient=replace(RECIPIENT, tlp=tlp)))
    known = {"CLEAR": "WHITE", "AMBER+STRICT": "AMBER"}.get(tlp.value, tlp.value)
    assert (event["tlp"], event["extra.tlp"]) == (known, f"TLP:{tlp.value}")


def test_sensors_are_named_only_where_the_settings_say_so() -> None:
    assert b"tokyo-1" not in b"".join(ndjson(notices(CASE), notices(CASE).notices[0]))
    (event,) = read(notices(CASE, sender=replace(SENDER, names_sensors=True)))
    assert event["extra.samples"][0]["sensor"] == "tokyo-1"
    asked = case(attempts=(ATTEMPT,))
    assert b"pot-1" not in b"".join(ndjson(notices(asked), notices(asked).notices[0]))
    assert read(notices(asked, sender=replace(SENDER, names_sensors=True)))[1]["extra.sensor"] == "pot-1"


@given(hostile())
@settings(deadline=None)
def test_whatever_strangers_write_is_taken_whole(told: Notices) -> None:
    data = b"".join(ndjson(told, told.notices[0]))
    data.decode("ascii")
    assert [event["source.ip"] for event in read(told)] == [
        one.address for one in told.notices[0].cases for _ in range(1 + len(one.attempts))
    ]
