"""Notices as a MISP event: objects `intelmq_event` for each source, with tags of the taxonomies `tlp` and `rsit`.

Fields are those of the IntelMQ export, so both tell the same. Nothing is marked for detection: the addresses are
somebody's customers, not indicators.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC
from uuid import UUID, uuid5

from darkscope.api.cases import Case
from darkscope.api.notices import intelmq, words
from darkscope.api.notices.notice import TAXONOMIES, Kind, Notice, Notices, kinds_of
from darkscope.api.visible import visible

TEMPLATE, VERSION = "491ac7d2-25a1-4078-8246-b04a132d003d", "5"
"""Of MISP's object `intelmq_event`."""

TYPES = {
    "source.ip": "ip-src",
    "source.port": "port",
    "destination.port": "port",
    "source.asn": "AS",
    "feed.accuracy": "float",
    "time.source": "datetime",
    "time.observation": "datetime",
}
"""Types of the object's attributes that are not `text`."""

ON_THE_NETWORK = {"ip-src", "port", "AS"}
"""Types of the category `Network activity`; the others are `Other`."""

THREAT_LOW, ANALYSIS_COMPLETE, YOUR_ORGANISATION = "3", "2", "0"


def document(notices: Notices, notice: Notice) -> Iterator[bytes]:
    """Write one recipient's event, in parts."""
    yield b'{"Event": '
    yield from _event(notices, notice)
    yield b"}\n"


def response(notices: Notices, *told: Notice) -> Iterator[bytes]:
    """Write the events of several recipients, as MISP answers a search."""
    yield b'{"response": ['
    for number, notice in enumerate(told):
        yield b',\n{"Event": ' if number else b'{"Event": '
        yield from _event(notices, notice)
        yield b"}"
    yield b"]}\n"


def _event(notices: Notices, notice: Notice) -> Iterator[bytes]:
    made = str(int(notices.until.timestamp()))
    head = json.dumps(_head(notices, notice, made))
    yield head.removesuffix("}").encode("ascii") + b', "Object": ['
    objects = (one for case in notice.cases for one in _objects(notices, notice, case, made))
    for number, one in enumerate(objects):
        yield b"%b\n%b" % (b"," if number else b"", json.dumps(one).encode("ascii"))
    yield b"\n]}"


def _head(notices: Notices, notice: Notice, made: str) -> dict[str, object]:
    """The event without its objects."""
    window = notices.provenance.period.window
    named = {kind for case in notice.cases for kind in kinds_of(case)}
    tags = [f"tlp:{notice.recipient.tlp.value.lower()}"]
    tags += [f'rsit:{TAXONOMIES[kind]}="{kind.value}"' for kind in Kind if kind in named]
    parts = (notice.recipient.id, *(str(words.event_id(notice, case)) for case in notice.cases))
    return {
        "uuid": str(uuid5(words.NAMESPACE, "\n".join(parts))),
        "info": f"{notices.sender.provider}: {len(notice.cases)} sources of scans, "
        f"{words.utc(window.start)} to {words.utc(notices.until)}",
        "date": f"{notices.until.astimezone(UTC):%Y-%m-%d}",
        "timestamp": made,
        "published": False,
        "threat_level_id": THREAT_LOW,
        "analysis": ANALYSIS_COMPLETE,
        "distribution": YOUR_ORGANISATION,
        "Tag": [{"name": tag} for tag in tags],
    }


def _objects(notices: Notices, notice: Notice, case: Case, made: str) -> Iterator[dict[str, object]]:
    """A case's packets, and each request that is told."""
    yield _object(words.event_id(notice, case), intelmq.event(notices, notice, case), made)
    for attempt in case.attempts:
        fields = intelmq.attempt(notices, notice, case, attempt)
        yield _object(words.attempt_id(notice, case, attempt), fields, made)


def _object(identifier: UUID, fields: intelmq.Event, made: str) -> dict[str, object]:
    extra = {
        name.removeprefix("extra."): value for name, value in fields.items() if name.startswith("extra.")
    }
    told = {name: value for name, value in fields.items() if not name.startswith("extra.")}
    return {
        "name": "intelmq_event",
        "meta-category": "network",
        "description": visible(str(fields["event_description.text"])),
        "template_uuid": TEMPLATE,
        "template_version": VERSION,
        "uuid": str(identifier),
        "timestamp": made,
        "Attribute": [
            _attribute(identifier, name, value if isinstance(value, str) else json.dumps(value), made)
            for name, value in (told | {"extra": extra}).items()
        ],
    }


def _attribute(of: UUID, name: str, value: str, made: str) -> dict[str, object]:
    kind = TYPES.get(name, "text")
    return {
        "uuid": str(uuid5(of, name)),
        "object_relation": name,
        "type": kind,
        "category": "Network activity" if kind in ON_THE_NETWORK else "Other",
        "value": visible(value),
        "to_ids": False,
        "timestamp": made,
    }
