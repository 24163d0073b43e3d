"""Bundles are parsed by stix2, strictly, and identifiers of observables are those that it makes itself."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import stix2
from hypothesis import given, settings
from told import ATTEMPT, CASE, RECIPIENT, SAMPLE, case, notices
from told import hostile_cases as hostile

from darkscope.api.grades import Grade
from darkscope.api.notices.notice import Notices
from darkscope.api.notices.stix import MARKINGS, document, time_text
from darkscope.ingest.contacts import Tlp

AMBER = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"
OBSERVABLES = {"ipv4-addr", "ipv6-addr", "autonomous-system", "network-traffic"}


def read(told: Notices) -> list[dict[str, Any]]:
    """Objects as written; stix2 has parsed the bundle, and names observables alike."""
    data = b"".join(document(told, told.notices[0])).decode("ascii")
    bundle = stix2.parse(data, allow_custom=False, version="2.1")
    written: list[dict[str, Any]] = json.loads(data)["objects"]
    assert len(bundle.objects) == len(written)
    ids = [one["id"] for one in written]
    assert len(set(ids)) == len(ids)
    for one in written:
        references = [
            *one.get("object_refs", ()),
            *one.get("belongs_to_refs", ()),
            *one.get("object_marking_refs", ()),
        ]
        assert set(references) <= set(ids)
        if one["type"] in OBSERVABLES:
            without = {name: value for name, value in one.items() if name != "id"}
            assert stix2.parse(without, allow_custom=False, version="2.1").id == one["id"]
    return written


def test_a_bundle_has_the_marking_who_observed_and_what() -> None:
    marking, identity, address, network, traffic, observed = read(notices(CASE))
    common = {"spec_version": "2.1", "object_marking_refs": [AMBER]}
    assert marking == {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": AMBER,
        "created": "2022-10-01T00:00:00.000Z",
        "name": "TLP:AMBER",
        "extensions": {
            "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d": {
                "extension_type": "property-extension",
                "tlp_2_0": "amber",
            }
        },
    }
    assert (identity["name"], identity["identity_class"]) == ("Example CSIRT", "organization")
    assert address == common | {
        "type": "ipv4-addr",
        "id": address["id"],
        "value": "198.41.0.4",
        "belongs_to_refs": [network["id"]],
    }
    assert network == common | {
        "type": "autonomous-system",
        "id": network["id"],
        "number": 64500,
        "name": "Example Networks",
    }
    assert traffic == common | {
        "type": "network-traffic",
        "id": traffic["id"],
        "start": "2020-06-24T12:00:05.25Z",
        "src_ref": address["id"],
        "src_port": 40_000,
        "dst_port": 445,
        "protocols": ["ipv4", "tcp"],
    }
    assert observed == common | {
        "type": "observed-data",
        "id": observed["id"],
        "created": "2020-06-25T00:00:00.000Z",
        "modified": "2020-06-25T00:00:00.000Z",
        "created_by_ref": identity["id"],
        "first_observed": "2020-06-24T11:00:00Z",
        "last_observed": "2020-06-24T12:00:05.25Z",
        "number_observed": 3,
        "object_refs": [address["id"], network["id"], traffic["id"]],
        "labels": ["scanner", "grade:likely"],
        "confidence": 70,
    }


def test_sources_of_one_network_share_it_and_a_confirmed_bot_says_so() -> None:
    bot = case(
        "2001:db8::7",
        tools=("mirai",),
        grade=Grade.CONFIRMED,
        samples=(replace(SAMPLE, protocol=1, port=None),),
    )
    objects = read(notices(CASE, bot, case("192.0.2.7", asn=0, samples=())))
    kinds = [one["type"] for one in objects]
    assert [kinds.count(kind) for kind in ("ipv4-addr", "ipv6-addr", "autonomous-system")] == [2, 1, 1]
    assert [one["protocols"] for one in objects if one["type"] == "network-traffic"] == [
        ["ipv4", "tcp"],
        ["ipv6", "icmp"],
    ]
    found = [(one["labels"], one["confidence"]) for one in objects if one["type"] == "observed-data"]
    assert found[1] == (["infected-system", "grade:confirmed", "mirai"], 90)


def test_a_request_is_traffic_with_what_was_asked() -> None:
    guess = replace(ATTEMPT, application="unknown", number=1, source_port=9)
    again = replace(ATTEMPT, number=2)
    objects = read(notices(case(samples=(), attempts=(again, ATTEMPT, guess))))
    request, other = (one for one in objects if one["type"] == "network-traffic")
    assert request == {
        "spec_version": "2.1",
        "object_marking_refs": [AMBER],
        "type": "network-traffic",
        "id": request["id"],
        "start": "2020-06-24T12:00:06Z",
        "src_ref": request["src_ref"],
        "src_port": 40_001,
        "dst_port": 8080,
        "protocols": ["ipv4", "tcp", "http"],
        "extensions": {
            "http-request-ext": {"request_method": "get", "request_value": "/photo/p/api/album.php"}
        },
    }
    assert (other["protocols"], "extensions" in other) == (["ipv4", "tcp"], False)
    assert objects[-1]["labels"] == [
        "scanner",
        "exploit",
        "grade:likely",
        "album",
        "cve-2019-7192",
        "cve-2019-7194",
    ]
    assert objects[-1]["last_observed"] == "2020-06-24T12:00:06Z"


@pytest.mark.parametrize("tlp", Tlp)
def test_every_object_is_marked(tlp: Tlp) -> None:
    marking, *rest = read(notices(CASE, recipient=replace(RECIPIENT, tlp=tlp)))
    assert marking["id"] == f"marking-definition--{MARKINGS[tlp]}"
    assert all(one["object_marking_refs"] == [marking["id"]] for one in rest)


@pytest.mark.parametrize(
    ("microsecond", "text"),
    [(0, "2020-06-24T12:00:05Z"), (250_000, "2020-06-24T12:00:05.25Z"), (1, "2020-06-24T12:00:05.000001Z")],
)
def test_times_have_the_digits_that_they_need(microsecond: int, text: str) -> None:
    assert time_text(datetime(2020, 6, 24, 12, 0, 5, microsecond, tzinfo=UTC)) == text


@given(hostile())
@settings(deadline=None, max_examples=50)
def test_whatever_strangers_write_is_taken_whole(told: Notices) -> None:
    found = [one["value"] for one in read(told) if one["type"].endswith("-addr")]
    assert found == [one.address for one in told.notices[0].cases]
