"""First data to rows of `requests`: read, masked, escaped, of bounded length. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from functools import lru_cache

import polars as pl
from blake3 import blake3

from darkscope.ingest.fates import DAY
from darkscope.ingest.honeypot import http1, tls
from darkscope.ingest.honeypot.escaping import escaped
from darkscope.ingest.honeypot.guess import guess
from darkscope.ingest.honeypot.masking import Masker
from darkscope.ingest.series import EPOCH, REQUESTS

HTTP, TLS = "http", "tls"

MOST_PATH, MOST_NAME, MOST_AGENT, MOST_METHOD = 2048, 256, 1024, 32
MOST_FIELDS = 4096
MOST_PREVIEW = 1024
"""Characters that stay of texts."""

MARGIN = 1024
"""Bytes beyond those that are looked through: more than an address takes, in encodings within encodings."""

MOST_KNOWN, LONGEST_KNOWN = 4096, 1024
"""First data that are remembered, and their bytes at most: scanners repeat themselves, and to read takes time."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who sent first data, to whom and when."""

    sensor: str
    version: int  # of IP
    source: int
    target: int
    source_port: int
    port: int
    time: int  # of the earliest segment, nanoseconds since 1970


@dataclass(frozen=True, slots=True)
class Request:
    """What is told of a request, or of first data that are none: columns of `requests`."""

    kind: str
    size: int
    preview: str
    number: int = 0
    method: str = ""
    path: str = ""
    host: str = ""
    agent: str = ""
    headers: str = ""
    fingerprint: str = ""
    body: str = ""


class Reader:
    """Reads first data; what came before to the same address is known."""

    def __init__(self, masker: Masker) -> None:
        self._mask = masker.mask
        self._known = lru_cache(maxsize=MOST_KNOWN)(self._read)

    def read(self, data: bytes, version: int, target: int) -> tuple[Request, ...]:
        """One for each HTTP request, else one for all; `target` is the address that the data were sent to."""
        read = self._known if len(data) <= LONGEST_KNOWN else self._read
        return read(data, version, target)

    def _read(self, data: bytes, version: int, target: int) -> tuple[Request, ...]:
        requests = http1.read(data)
        if requests:
            return tuple(self._of_http(one, number, version, target) for number, one in enumerate(requests))
        hello = tls.read(data)
        return (
            Request(
                kind=TLS if tls.is_hello(data) else guess(data),
                size=len(data),
                preview=self._text(data, MOST_PREVIEW, version, target),
                host=self._text(hello.name, MOST_NAME, version, target) if hello else "",
                fingerprint=hello.ja4 if hello else "",
            ),
        )

    def _of_http(self, request: http1.Request, number: int, version: int, target: int) -> Request:
        method, body = request.method, self._mask(request.body, version, target)
        if method not in http1.METHODS:
            method = self._mask(method, version, target)
        # At once, for it is the looking that takes time: a target has no line feed.
        head = self._mask(b"\n".join((request.target, request.fields)), version, target)
        path, _, fields = head.partition(b"\n")
        return Request(
            kind=HTTP,
            size=request.size,
            preview=escaped(body, MOST_PREVIEW),
            number=number,
            method=escaped(method, MOST_METHOD),
            path=escaped(path, MOST_PATH),
            host=escaped(http1.value(fields, b"host"), MOST_NAME),
            agent=escaped(http1.value(fields, b"user-agent"), MOST_AGENT),
            headers=_lines(fields),
            body=blake3(body).hexdigest() if body else "",
        )

    def _text(self, data: bytes, most: int, version: int, target: int) -> str:
        """The beginning of a text. Where it is cut, an address may be, so what is kept ends well before."""
        masked = self._mask(data[: most + MARGIN], version, target)
        return escaped(masked[:-MARGIN] if len(data) > most + MARGIN else masked, most)


def _lines(fields: bytes) -> str:
    """Lines as text, of all so many characters."""
    kept: list[str] = []
    left = MOST_FIELDS
    for line in fields.split(b"\n"):
        if left <= 0:
            break
        whole = escaped(line, 4 * len(line))
        if len(whole) > left:
            kept.append(escaped(line, left))
            break
        kept.append(whole)
        left -= len(whole) + 1
    return "\n".join(kept)


def table(rows: Sequence[tuple[Asker, Request]]) -> pl.DataFrame:
    """Columns of `requests` with their `day`, but for country and owner."""
    askers, requests = [asker for asker, _ in rows], [request for _, request in rows]
    columns = {
        "day": [EPOCH + timedelta(days=one.time // DAY) for one in askers],
        "source_high": [_signed(one.source >> 64) for one in askers],
        "source_low": [_signed(one.source & _LOW) for one in askers],
        **{name: [getattr(one, name) for one in askers] for name in _OF_ASKER},
        **{name: [getattr(one, name) for one in requests] for name in _OF_REQUEST},
    }
    schema = {"day": pl.Date(), **REQUESTS.schema}
    return pl.DataFrame(columns, schema={name: schema[name] for name in columns})


def _signed(half: int) -> int:
    return half - (1 << 64) if half >> 63 else half


_LOW = (1 << 64) - 1
_OF_ASKER = ("sensor", "version", "source_port", "port", "time")
_OF_REQUEST = tuple(one.name for one in fields(Request))
