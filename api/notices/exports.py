"""Notices to several recipients in one document of a format.

Pure.
"""

from __future__ import annotations

import json
from collections.abc import Set
from dataclasses import replace

from darkscope.api.notices import intelmq, misp, shadowserver, stix
from darkscope.api.notices.export import Export
from darkscope.api.notices.notice import Notices


def of(notices: Notices, recipients: Set[str]) -> Notices:
    """Keep what some recipients are told; everything is counted as before."""
    return replace(notices, notices=tuple(one for one in notices.notices if one.recipient.id in recipients))


def together(notices: Notices, export: Export) -> bytes:
    """Write all notices as one document."""
    match export:
        case Export.INTELMQ:
            return b"".join(intelmq.ndjson(notices, one) for one in notices.notices)
        case Export.SHADOWSERVER:
            return shadowserver.darknet(notices, *notices.notices)
        case Export.SHADOWSERVER_HTTP:
            return shadowserver.http_scan(notices, *notices.notices)
        case Export.MISP:
            events = [{"Event": misp.event(notices, one)} for one in notices.notices]
            return (json.dumps({"response": events}, indent=1) + "\n").encode("ascii")
        case Export.STIX:
            return stix.document(notices, *notices.notices)
