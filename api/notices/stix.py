"""Notices as a bundle of STIX 2.1: what was observed of each source, marked by TLP 2.0.

Observed data, not indicators: the addresses are somebody's customers. Identifiers of addresses, networks and traffic
are the deterministic ones of the standard (section 2.9), so that those of several bundles are the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid5

from darkscope.api.cases import Attempt, Case, Sample
from darkscope.api.grades import CONFIDENCE
from darkscope.api.notices import words
from darkscope.api.notices.notice import Notice, Notices, kinds_of
from darkscope.api.visible import visible
from darkscope.ingest.contacts import Tlp

OBSERVABLES = UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
"""Namespace of deterministic identifiers (STIX 2.1, section 2.9)."""

MARKINGS = {
    Tlp.CLEAR: "94868c89-83c2-464b-929b-a1a8aa3c8487",
    Tlp.GREEN: "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    Tlp.AMBER: "55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    Tlp.AMBER_STRICT: "939a9414-2ddd-4d32-a0cd-375ea402b003",
    Tlp.RED: "e828b379-4e03-4974-9ac4-e53a884c97c1",
}
"""OASIS' definitions of TLP 2.0."""

TLP_2 = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
"""OASIS' extension that has the labels of TLP 2.0."""

TOLD = ("http", "tls")
"""Protocols of requests that are told; others are guesses."""

MARKINGS_CREATED = "2022-10-01T00:00:00.000Z"

MOST_OBSERVED = 999_999_999
"""Of `number_observed`."""

Object = dict[str, object]


def document(notices: Notices, *told: Notice) -> Iterator[bytes]:
    """Write the sources of recipients as one bundle, in parts."""
    names = (notice.recipient.id for notice in told)
    events = (str(words.event_id(notice, case)) for notice in told for case in notice.cases)
    identifier = uuid5(words.NAMESPACE, "\n".join((*names, *events)))
    yield f'{{"type": "bundle", "id": "bundle--{identifier}", "objects": ['.encode("ascii")
    for number, one in enumerate(objects(notices, *told)):
        yield b"%b\n%b" % (b"," if number else b"", json.dumps(one).encode("ascii"))
    yield b"\n]}\n"


def objects(notices: Notices, *told: Notice) -> Iterator[Object]:
    """Give the bundle's objects: markings, who observed, and for each source what was seen of it."""
    labels = list(dict.fromkeys(notice.recipient.tlp for notice in told))
    yield from map(_marking, labels)
    identity = _identity(notices.sender.provider, labels)
    yield identity
    shared = _shared(told)
    known: set[object] = set()  # networks that were told; all other observables are one source's
    for notice in told:
        own = [notice.recipient.tlp]
        for case in notice.cases:
            things = list({thing["id"]: thing for thing in _observables(notices, case)}.values())
            for thing in things:
                is_network = thing["type"] == "autonomous-system"
                if thing["id"] not in known:
                    yield thing | _marked(shared[case.asn] if is_network else own)
                if is_network:
                    known.add(thing["id"])
            yield _observed(notices, notice, case, things) | {"created_by_ref": identity["id"]}


def _shared(told: Sequence[Notice]) -> dict[int, list[Tlp]]:
    """Labels under which each network is told of."""
    labels: dict[int, dict[Tlp, None]] = {}
    for notice in told:
        for case in notice.cases:
            labels.setdefault(case.asn, {})[notice.recipient.tlp] = None
    return {asn: list(found) for asn, found in labels.items()}


def _marked(labels: Sequence[Tlp]) -> Object:
    return {"object_marking_refs": [_marking_id(tlp) for tlp in labels]} if labels else {}


def _identity(provider: str, labels: Sequence[Tlp]) -> Object:
    return {
        "type": "identity",
        "spec_version": "2.1",
        "id": f"identity--{uuid5(words.NAMESPACE, provider)}",
        "created": MARKINGS_CREATED,
        "modified": MARKINGS_CREATED,
        "name": visible(provider),
        "identity_class": "organization",
        **_marked(labels),
    }


def _marking_id(tlp: Tlp) -> str:
    return f"marking-definition--{MARKINGS[tlp]}"


def _marking(tlp: Tlp) -> Object:
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": _marking_id(tlp),
        "created": MARKINGS_CREATED,
        "name": f"TLP:{tlp.value}",
        "extensions": {TLP_2: {"extension_type": "property-extension", "tlp_2_0": tlp.value.lower()}},
    }


def _observed(notices: Notices, notice: Notice, case: Case, things: Sequence[Object]) -> Object:
    created = _milliseconds(notices.until)
    return {
        "type": "observed-data",
        "spec_version": "2.1",
        "id": f"observed-data--{words.event_id(notice, case)}",
        "created": created,
        "modified": created,
        "first_observed": time_text(min(case.first, *(one.time for one in case.attempts), case.last)),
        "last_observed": time_text(max(case.last, words.time_of(case), *(one.time for one in case.attempts))),
        "number_observed": min(case.packets, MOST_OBSERVED),
        "object_refs": [one["id"] for one in things],
        "labels": [
            *(kind.value for kind in kinds_of(case)),
            f"grade:{case.grade.value}",
            *case.tools,
            *sorted({name.lower() for one in case.attempts for name in (*one.cves, *one.rules)}),
        ],
        "confidence": CONFIDENCE[case.grade],
        **_marked([notice.recipient.tlp]),
    }


def _observables(notices: Notices, case: Case) -> Iterator[Object]:
    """The address, its network, each packet of which the protocol is known, and each request.

    The same request twice in one connection is one observable, given twice.
    """
    version = case.sender[0]
    address = _named({"type": f"ipv{version}-addr", "value": case.address}, "value")
    if case.asn:
        network: Object = {"type": "autonomous-system", "number": case.asn}
        owner = notices.owners.get(case.asn)
        named = _named(network, "number") | ({"name": visible(owner)} if owner else {})
        yield address | {"belongs_to_refs": [named["id"]]}
        yield named
    else:
        yield address
    for sample in case.samples:
        if sample.protocol is not None:
            yield _traffic(version, str(address["id"]), sample)
    for attempt in case.attempts:
        yield _request(version, str(address["id"]), attempt)


def _traffic(version: int, source: str, sample: Sample) -> Object:
    known: Object = {
        "type": "network-traffic",
        "start": time_text(sample.time),
        "src_ref": source,
        "src_port": sample.source_port,
        "dst_port": sample.port,
        "protocols": [f"ipv{version}", *filter(None, (words.transport(sample.protocol),))],
    }
    told = {name: value for name, value in known.items() if value is not None}
    return _named(told, "start", "src_ref", "src_port", "dst_port", "protocols")


def _request(version: int, source: str, attempt: Attempt) -> Object:
    traffic: Object = {
        "type": "network-traffic",
        "start": time_text(attempt.time),
        "src_ref": source,
        "src_port": attempt.source_port,
        "dst_port": attempt.port,
        "protocols": [
            f"ipv{version}",
            "tcp",
            *([attempt.application] if attempt.application in TOLD else ()),
        ],
    }
    if attempt.application == "http":
        asked = {"request_method": visible(attempt.method).lower(), "request_value": visible(attempt.path)}
        traffic["extensions"] = {"http-request-ext": asked}
    return _named(traffic, "start", "src_ref", "src_port", "dst_port", "protocols", "extensions")


def _named(known: Object, *naming: str) -> Object:
    """Give an observable the identifier that follows from some of its properties, as canonical JSON (RFC 8785)."""
    parts = {name: known[name] for name in naming if name in known}
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return {
        "type": known["type"],
        "spec_version": "2.1",
        "id": f"{known['type']}--{uuid5(OBSERVABLES, text)}",
    } | known


def time_text(moment: datetime) -> str:
    """Write a time with no more digits than it needs."""
    seconds, _, fraction = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").partition(".")
    digits = fraction.rstrip("0")
    return f"{seconds}.{digits}Z" if digits else f"{seconds}Z"


def _milliseconds(moment: datetime) -> str:
    """Write a time as objects' versions have it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
