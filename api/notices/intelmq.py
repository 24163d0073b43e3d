"""Notices as IntelMQ events, one JSON object a line and source.

Names of fields and classes are those of IntelMQ's harmonization (3.x); what it has no field for is below `extra`.
"""

from __future__ import annotations

import json

from darkscope.api.cases import Case
from darkscope.api.grades import CONFIDENCE
from darkscope.api.notices import words
from darkscope.api.notices.notice import TAXONOMIES, Notice, Notices, kind_of
from darkscope.ingest.contacts import Tlp

FEED = "darkscope"

TLP = {Tlp.CLEAR: "WHITE", Tlp.AMBER_STRICT: "AMBER"}
"""Labels that its field does not know (it has those of TLP 1); `extra.tlp` has the label itself."""


def ndjson(notices: Notices, notice: Notice) -> bytes:
    """Write one recipient's events."""
    lines = (json.dumps(event(notices, notice, case)) for case in notice.cases)
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def event(notices: Notices, notice: Notice, case: Case) -> dict[str, object]:
    """Give a case as an event; what is not known is left out."""
    sample, tlp, kind = case.sample, notice.recipient.tlp, kind_of(case)
    fields = {
        "feed.name": FEED,
        "feed.provider": notices.sender.provider,
        "feed.accuracy": float(CONFIDENCE[case.grade]),
        "time.source": words.utc(words.time_of(case)),
        "time.observation": words.utc(notices.until),
        "source.ip": case.address,
        "source.port": sample and sample.source_port,
        "source.asn": case.asn or None,
        "source.as_name": notices.owners.get(case.asn) or None,
        "source.abuse_contact": ",".join(notice.recipient.email).lower(),
        "source.geolocation.cc": None if case.country == "ZZ" else case.country,
        "destination.port": sample and sample.port,
        "protocol.transport": words.transport(sample.protocol if sample else None),
        "classification.taxonomy": TAXONOMIES[kind],
        "classification.type": kind.value,
        "classification.identifier": words.identifier(case),
        "malware.name": words.identifier(case) if case.is_infected else None,
        "event_description.text": words.text_of(case),
        "tlp": TLP.get(tlp, tlp.value),
        "extra.tlp": f"TLP:{tlp.value}",
        "extra.grade": case.grade.value,
        "extra.packets": case.packets,
        "extra.sensors": case.sensors,
        "extra.first_seen": words.utc(case.first),
        "extra.last_seen": words.utc(case.last),
        "extra.ports": [target.text for target in case.targets],
        "extra.ports_in_all": case.ports,
        "extra.tools": list(case.tools) or None,
        "extra.device": case.device or None,
        "extra.samples": [words.sample_of(one, notices.sender) for one in case.samples] or None,
    }
    return {name: value for name, value in fields.items() if value is not None}
