"""Notices as CSV with the columns of Shadowserver's reports: one line a source, or a request that is told.

Columns and their order are those of `event4_honeypot_darknet` and `event4_honeypot_http_scan`; times are UTC. No column
has a TLP label or a grade: both are in `tag`. What darkscope does not know (hostnames, sectors), and addresses of
sensors, is empty.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from darkscope.api.cases import Attempt, Case
from darkscope.api.notices import words
from darkscope.api.notices.notice import Notice, Notices


def _end(name: str) -> tuple[str, ...]:
    """Columns of one end of a connection."""
    return tuple(
        f"{name}_{what}"
        for what in ("ip", "port", "asn", "geo", "region", "city", "hostname", "naics", "sector")
    )


ENDS = (
    *("timestamp", "protocol", *_end("src")),
    *("device_vendor", "device_type", "device_model", "severity", *_end("dst")),
    *("public_source", "infection", "family", "tag", "application", "version", "event_id"),
)
"""Columns that reports of honeypots begin with."""

DARKNET = (*ENDS, "count")
"""Columns of `event4_honeypot_darknet`."""

HTTP_SCAN = (
    *ENDS,
    *("pattern", "http_url", "http_agent", "http_request_method", "url_scheme", "session_tags"),
    *(f"vulnerability_{what}" for what in ("enum", "id", "class", "score", "severity", "version")),
    *("threat_framework", "threat_tactic_id", "threat_technique_id"),
    *(
        "target_vendor",
        "target_product",
        "target_class",
        "file_md5",
        "file_sha256",
        "request_raw",
        "body_raw",
    ),
)
"""Columns of `event4_honeypot_http_scan`."""

SEVERITY = "high"
"""What Shadowserver gives these reports."""


def darknet(notices: Notices, *told: Notice) -> Iterator[bytes]:
    """Write the sources of recipients as `event4_honeypot_darknet`, in parts."""
    return table(DARKNET, (_event(notices, notice, case) for notice in told for case in notice.cases))


def http_scan(notices: Notices, *told: Notice) -> Iterator[bytes]:
    """Write the HTTP requests of recipients' sources as `event4_honeypot_http_scan`, in parts."""
    return table(
        HTTP_SCAN,
        (
            _request(notices, notice, case, attempt)
            for notice in told
            for case in notice.cases
            for attempt in case.attempts
            if attempt.application == "http"
        ),
    )


def table(columns: Sequence[str], events: Iterable[Mapping[str, object]]) -> Iterator[bytes]:
    """Write events in columns; what an event does not say is empty."""
    yield _line(columns)
    for event in events:
        cells = (event.get(column, "") for column in columns)
        yield _line([words.cell(one) if isinstance(one, str) else one for one in cells])


def _line(cells: Sequence[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC).writerow(cells)
    return text.getvalue().encode()


def _event(notices: Notices, notice: Notice, case: Case) -> dict[str, object]:
    sample = case.sample
    infection = words.identifier(case)
    return _known(
        _common(notices, notice, case, *case.tools)
        | {
            "timestamp": _time(words.time_of(case)),
            "protocol": words.transport(sample.protocol if sample else None),
            "src_port": sample and sample.source_port,
            "dst_port": sample and sample.port,
            "infection": infection,
            "family": infection if case.is_infected else None,
            "event_id": words.event_id(notice, case).hex,
            "count": case.packets,
        }
    )


def _request(notices: Notices, notice: Notice, case: Case, attempt: Attempt) -> dict[str, object]:
    return _known(
        _common(notices, notice, case, "exploit", *attempt.rules)
        | {
            "timestamp": _time(attempt.time),
            "protocol": "tcp",
            "src_port": attempt.source_port,
            "dst_port": attempt.port,
            "infection": "http-scan",
            "event_id": words.attempt_id(notice, case, attempt).hex,
            "http_url": attempt.path,
            "http_agent": attempt.agent,
            "http_request_method": attempt.method,
            "url_scheme": "http",
            "vulnerability_enum": "CVE" if attempt.cves else None,
            "vulnerability_id": ";".join(attempt.cves) or None,
            "target_vendor": attempt.vendor,
            "target_product": attempt.product,
        }
    )


def _common(notices: Notices, notice: Notice, case: Case, *tags: str) -> dict[str, object]:
    labels = (f"tlp:{notice.recipient.tlp.value.lower()}", f"grade:{case.grade.value}")
    return {
        "src_ip": case.address,
        "src_asn": case.asn or None,
        "src_geo": None if case.country == "ZZ" else case.country,
        "device_model": case.device,
        "severity": SEVERITY,
        "public_source": notices.sender.provider,
        "tag": ";".join((*labels, *tags)),
    }


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _known(event: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in event.items() if value is not None}
