"""Notices as IntelMQ events, one JSON object a line: of each source its packets, and requests of it.

Names of fields and classes are those of IntelMQ's harmonization (3.x); what it has no field for is below `extra`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from darkscope.api.cases import Attempt, Case
from darkscope.api.grades import CONFIDENCE
from darkscope.api.notices import words
from darkscope.api.notices.notice import TAXONOMIES, Kind, Notice, Notices, kind_of
from darkscope.ingest.contacts import Tlp

FEED = "darkscope"

Event = dict[str, object]

TLP = {Tlp.CLEAR: "WHITE", Tlp.AMBER_STRICT: "AMBER"}
"""Labels that its field does not know (it has those of TLP 1); `extra.tlp` has the label itself."""


def ndjson(notices: Notices, *told: Notice) -> Iterator[bytes]:
    """Write the events of recipients, in parts."""
    for notice in told:
        for case in notice.cases:
            for one in events(notices, notice, case):
                yield f"{json.dumps(one)}\n".encode("ascii")


def events(notices: Notices, notice: Notice, case: Case) -> list[Event]:
    """Give a case as events: its packets, and each request that is told."""
    return [
        event(notices, notice, case),
        *(attempt(notices, notice, case, one) for one in case.attempts),
    ]


def event(notices: Notices, notice: Notice, case: Case) -> Event:
    """Give the packets of a case as an event; what is not known is left out."""
    sample, kind = case.sample, kind_of(case)
    return _known(
        _common(notices, notice, case)
        | {
            "time.source": words.utc(words.time_of(case)),
            "source.port": sample and sample.source_port,
            "destination.port": sample and sample.port,
            "protocol.transport": words.transport(sample.protocol if sample else None),
            "classification.taxonomy": TAXONOMIES[kind],
            "classification.type": kind.value,
            "classification.identifier": words.identifier(case),
            "malware.name": words.identifier(case) if case.is_infected else None,
            "event_description.text": words.text_of(case),
            "extra.packets": case.packets,
            "extra.sensors": case.sensors,
            "extra.first_seen": words.utc(case.first),
            "extra.last_seen": words.utc(case.last),
            "extra.ports": [target.text for target in case.targets],
            "extra.ports_in_all": case.ports,
            "extra.tools": list(case.tools) or None,
            "extra.samples": [words.sample_of(one, notices.sender) for one in case.samples] or None,
        }
    )


def attempt(notices: Notices, notice: Notice, case: Case, attempt: Attempt) -> Event:
    """Give a request as an event."""
    return _known(
        _common(notices, notice, case)
        | {
            "time.source": words.utc(attempt.time),
            "source.port": attempt.source_port,
            "destination.port": attempt.port,
            "destination.urlpath": attempt.path or None,
            "protocol.transport": "tcp",
            "protocol.application": attempt.application,
            "classification.taxonomy": TAXONOMIES[Kind.EXPLOIT],
            "classification.type": Kind.EXPLOIT.value,
            "classification.identifier": (attempt.cves or attempt.rules)[0].lower(),
            "event_description.text": words.attempt_text(attempt),
            "extra.requests": case.requests,
            "extra.method": attempt.method or None,
            "extra.user_agent": attempt.agent or None,
            "extra.rules": list(attempt.rules),
            "extra.cves": list(attempt.cves) or None,
            "extra.vendor": attempt.vendor,
            "extra.product": attempt.product,
            "extra.sensor": attempt.sensor if notices.sender.names_sensors else None,
        }
    )


def _common(notices: Notices, notice: Notice, case: Case) -> Event:
    tlp = notice.recipient.tlp
    return {
        "feed.name": FEED,
        "feed.provider": notices.sender.provider,
        "feed.accuracy": float(CONFIDENCE[case.grade]),
        "time.observation": words.utc(notices.until),
        "source.ip": case.address,
        "source.asn": case.asn or None,
        "source.as_name": notices.owners.get(case.asn) or None,
        "source.abuse_contact": ",".join(notice.recipient.email).lower(),
        "source.geolocation.cc": None if case.country == "ZZ" else case.country,
        "tlp": TLP.get(tlp, tlp.value),
        "extra.tlp": f"TLP:{tlp.value}",
        "extra.grade": case.grade.value,
        "extra.device": case.device or None,
    }


def _known(event: Event) -> Event:
    return {name: value for name, value in event.items() if value is not None}
