"""First data to rows of `requests`: read, masked, escaped, of bounded length. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from blake3 import blake3

from darkscope.ingest.fates import DAY
from darkscope.ingest.honeypot import http1, tls
from darkscope.ingest.honeypot.escaping import escaped
from darkscope.ingest.honeypot.guess import guess
from darkscope.ingest.honeypot.masking import Masker

HTTP, TLS = "http", "tls"

MOST_PATH, MOST_NAME, MOST_AGENT, MOST_METHOD = 2048, 256, 1024, 32
MOST_FIELDS = 4096
MOST_PREVIEW = 1024
"""Characters that stay of texts."""

MARGIN = 1024
"""Bytes beyond those that are looked through: more than an address takes, in encodings within encodings."""

_EPOCH = date(1970, 1, 1)
_HALF = 1 << 63


@dataclass(frozen=True, slots=True)
class Asked:
    """What one client sent first."""

    sensor: str
    version: int  # of IP
    source: int
    target: int
    source_port: int
    port: int
    time: int  # of the earliest segment, nanoseconds since 1970
    data: bytes


@dataclass(frozen=True, slots=True)
class Row:
    """A row of `requests`, but for country and owner; columns as there."""

    day: date
    time: int
    sensor: str
    version: int
    source_high: int
    source_low: int
    source_port: int
    port: int
    number: int
    kind: str
    method: str
    path: str
    host: str
    agent: str
    headers: str
    fingerprint: str
    body: str
    size: int
    preview: str


def rows(asked: Asked, masker: Masker) -> Iterator[Row]:
    """One row a request, else one for all."""
    requests = http1.read(asked.data)
    for number, request in enumerate(requests):
        yield _of_http(asked, number, request, masker)
    if requests:
        return
    hello = tls.read(asked.data)
    yield _row(
        asked,
        kind=TLS if tls.is_hello(asked.data) else guess(asked.data),
        host=_text(asked, hello.name, MOST_NAME, masker) if hello else "",
        fingerprint=hello.ja4 if hello else "",
        size=len(asked.data),
        preview=_text(asked, asked.data, MOST_PREVIEW, masker),
    )


def _of_http(asked: Asked, number: int, request: http1.Request, masker: Masker) -> Row:
    body = masker.mask(request.body, asked.version, asked.target)
    fields = masker.mask(request.fields, asked.version, asked.target)
    return _row(
        asked,
        number=number,
        kind=HTTP,
        method=escaped(request.method, MOST_METHOD),
        path=_text(asked, request.target, MOST_PATH, masker),
        host=escaped(http1.value(fields, b"host"), MOST_NAME),
        agent=escaped(http1.value(fields, b"user-agent"), MOST_AGENT),
        headers="\n".join(escaped(line, MOST_FIELDS) for line in fields.split(b"\n"))[:MOST_FIELDS],
        body=blake3(body).hexdigest() if body else "",
        size=request.size,
        preview=escaped(body, MOST_PREVIEW),
    )


def _text(asked: Asked, data: bytes, most: int, masker: Masker) -> str:
    """The beginning of a text. Where it is cut, an address may be, so what is kept ends well before."""
    masked = masker.mask(data[: most + MARGIN], asked.version, asked.target)
    return escaped(masked[:-MARGIN] if len(data) > most + MARGIN else masked, most)


def _row(
    asked: Asked,
    *,
    kind: str,
    size: int,
    preview: str,
    number: int = 0,
    method: str = "",
    path: str = "",
    host: str = "",
    agent: str = "",
    headers: str = "",
    fingerprint: str = "",
    body: str = "",
) -> Row:
    return Row(
        day=_EPOCH + timedelta(days=asked.time // DAY),
        time=asked.time,
        sensor=asked.sensor,
        version=asked.version,
        source_high=_signed(asked.source >> 64),
        source_low=_signed(asked.source & (1 << 64) - 1),
        source_port=asked.source_port,
        port=asked.port,
        number=number,
        kind=kind,
        method=method,
        path=path,
        host=host,
        agent=agent,
        headers=headers,
        fingerprint=fingerprint,
        body=body,
        size=size,
        preview=preview,
    )


def _signed(half: int) -> int:
    return half - (1 << 64) if half >= _HALF else half
