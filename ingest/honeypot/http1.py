"""HTTP requests in the first data of a connection, whatever its port: HTTP/1.x and the bare line of 0.9.

Pure: bytes in, requests out. Field lines and bodies are read by dpkt; what strangers bend so that it refuses is read as
far as it goes, never refused as a whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO
from typing import NamedTuple

import dpkt

MOST = 64
"""Requests that are read of one connection; more in 16 KiB are a flood."""

_LINE = re.compile(rb"(?:\r?\n)*+([A-Za-z][A-Za-z_\-]{0,31}+)[ \t]++([^\r\n]*+)(\r?\n|\Z)")
"""Method, the rest, and the end of a first line. Nothing is tried twice: else 16 KiB of spaces would take seconds."""

_VERSION = re.compile(rb"HTTP/[0-9.]{1,8}", re.IGNORECASE)
_CUT_VERSION = re.compile(rb"HT{0,2}|HTTP", re.IGNORECASE)
"""Its beginning, where the capture cut the line."""

_BARE = re.compile(rb"/|\*|https?://", re.IGNORECASE)
METHODS = frozenset(
    {b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"CONNECT", b"TRACE", b"PATCH", b"PROPFIND"}
)
"""Without a version only these are taken for HTTP."""

_HTTP2 = b"PRI"
"""The preface of HTTP/2 looks like a request of this method (RFC 9113, 3.4)."""

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FRAMING = re.compile(rb"(?:content-length|transfer-encoding)[ \t]*:", re.IGNORECASE)
_EMPTY, _END = re.compile(rb"\r?\n"), re.compile(rb"\n\r?\n")
_REFUSALS = (dpkt.Error, ValueError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Request:
    """One request, all as it was sent."""

    method: bytes
    target: bytes
    fields: bytes  # the lines after the first
    body: bytes  # without its chunks' sizes; as much as came
    size: int  # bytes of the request that came


class _Line(NamedTuple):
    """The first line of a request."""

    method: bytes
    target: bytes
    end: int  # of it, its line feed included


def read(data: bytes) -> list[Request]:
    """The requests, one after another; none where the data do not begin with one."""
    found: list[Request] = []
    while data and len(found) < MOST:
        line = _begins(data)
        if line is None:
            break
        head, begin = _head(data, line.end)
        lines = [one.rstrip(b"\r") for one in data[line.end : head].split(b"\n") if one.strip()]
        body, rest = _body(data[begin:], _framing(lines))
        found.append(
            Request(
                method=line.method,
                target=line.target,
                fields=b"\n".join(lines),
                body=body,
                size=len(data) - len(rest),
            )
        )
        data = rest
    return found


def value(fields: bytes, wanted: bytes) -> bytes:
    """The first field of a name in lower case, its bytes as they were sent; empty where there is none."""
    parted = map(_parted, fields.split(b"\n"))
    return next((found.strip() for name, found in parted if name.lower() == wanted), b"")


def _begins(data: bytes) -> _Line | None:
    """The first line of a request, where the data begin with one."""
    found = _LINE.match(data)
    if found is None or found[1] == _HTTP2:
        return None
    rest = found[2].rstrip(b" \t")
    gap = max(rest.rfind(b" "), rest.rfind(b"\t"))
    target, last = (rest[:gap].rstrip(b" \t"), rest[gap + 1 :]) if gap >= 0 else (rest, b"")
    if _VERSION.fullmatch(last):
        return _Line(found[1], target, found.end())
    is_cut = not found[3] and len(rest) == len(found[2])
    if not (is_cut and _CUT_VERSION.fullmatch(last)):
        target = rest
    return _Line(found[1], target, found.end()) if found[1] in METHODS and _BARE.match(target) else None


def _head(data: bytes, begin: int) -> tuple[int, int]:
    """Where the fields end, and where what follows them begins."""
    if (empty := _EMPTY.match(data, begin)) is not None:
        return begin, empty.end()
    end = _END.search(data, begin)
    return (end.start() + 1, end.end()) if end else (len(data), len(data))


def _framing(lines: list[bytes]) -> dict[str, str | list[str]]:
    """Values by name in lower case, as dpkt reads them: for where the body ends."""
    if not any(_FRAMING.match(line) for line in lines):
        return {}
    good = b"\r\n".join(b":".join(line) for line in map(_parted, lines) if line[0])
    found: dict[str, str | list[str]] = dpkt.http.parse_headers(BytesIO(good)) if good else {}
    return found


def _parted(line: bytes) -> tuple[bytes, bytes]:
    """Name and value of a field; no name where it is none. Space before the colon is forbidden, and sent."""
    name, colon, value = line.partition(b":")
    name = name.rstrip(b" \t")
    return (name, value) if colon and _NAME.fullmatch(name) else (b"", b"")


def _body(data: bytes, framing: dict[str, str | list[str]]) -> tuple[bytes, bytes]:
    """The body, and what follows it: another request, if anything."""
    if "content-length" in framing or framing.get("transfer-encoding"):
        stream = BytesIO(data)
        try:
            body: bytes = dpkt.http.parse_body(stream, framing)
        except _REFUSALS:
            return data, b""
        rest = stream.read()
    else:
        body, rest = b"", data
    # A body of which nothing was said, or more of it than was said: attackers count badly.
    return (body, rest) if _begins(rest) or not rest.strip() else (body + rest, b"")
