"""Notices to several recipients in one document of a format.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from dataclasses import replace

from darkscope.api.notices import intelmq, misp, shadowserver, stix
from darkscope.api.notices.export import Export
from darkscope.api.notices.notice import Notices


def of(notices: Notices, recipients: Set[str]) -> Notices:
    """Keep what some recipients are told; everything is counted as before."""
    return replace(notices, notices=tuple(one for one in notices.notices if one.recipient.id in recipients))


def together(notices: Notices, export: Export) -> bytes:
    """Write all notices as one document."""
    writers: dict[Export, Callable[..., Iterator[bytes]]] = {
        Export.INTELMQ: intelmq.ndjson,
        Export.SHADOWSERVER: shadowserver.darknet,
        Export.SHADOWSERVER_HTTP: shadowserver.http_scan,
        Export.MISP: misp.response,
        Export.STIX: stix.document,
    }
    return b"".join(writers[export](notices, *notices.notices))
