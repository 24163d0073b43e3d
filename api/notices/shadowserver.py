"""Notices as CSV with the columns of Shadowserver's reports, one line a source.

Columns and their order are those of `event4_honeypot_darknet`; times are UTC. No column has a TLP label or a grade:
both are in `tag`. What darkscope does not know (hostnames, sectors), and addresses of sensors, is empty.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC

from darkscope.api.cases import Case
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

SEVERITY = "high"
"""What Shadowserver gives these reports."""


def darknet(notices: Notices, *told: Notice) -> bytes:
    """Write the sources of recipients as `event4_honeypot_darknet`."""
    return table(DARKNET, (_event(notices, notice, case) for notice in told for case in notice.cases))


def table(columns: Sequence[str], events: Iterable[Mapping[str, object]]) -> bytes:
    """Write events in columns; what an event does not say is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(columns)
    for event in events:
        cells = (event.get(column, "") for column in columns)
        writer.writerow([words.cell(one) if isinstance(one, str) else one for one in cells])
    return text.getvalue().encode()


def _event(notices: Notices, notice: Notice, case: Case) -> dict[str, object]:
    sample = case.sample
    infection = words.identifier(case)
    tags = (f"tlp:{notice.recipient.tlp.value.lower()}", f"grade:{case.grade.value}", *case.tools)
    event = {
        "timestamp": f"{words.time_of(case).astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        "protocol": words.transport(sample.protocol if sample else None),
        "src_ip": case.address,
        "src_port": sample and sample.source_port,
        "src_asn": case.asn or None,
        "src_geo": None if case.country == "ZZ" else case.country,
        "device_model": case.device,
        "severity": SEVERITY,
        "dst_port": sample and sample.port,
        "public_source": notices.sender.provider,
        "infection": infection,
        "family": infection if case.is_infected else None,
        "tag": ";".join(tags),
        "event_id": words.event_id(notice, case).hex,
        "count": case.packets,
    }
    return {name: value for name, value in event.items() if value is not None}
