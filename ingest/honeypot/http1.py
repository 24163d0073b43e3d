"""HTTP requests in the first data of a connection, whatever its port: HTTP/1.x and the bare line of 0.9.

Pure: bytes in, requests out. Field lines and bodies are read by dpkt; what strangers bend so that it refuses is read as
far as it goes, never refused as a whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO

import dpkt

MOST = 64
"""Requests that are read of one connection; more in 16 KiB are a flood."""

_LINE = re.compile(
    rb"(?:\r?\n)*([A-Za-z][A-Za-z_\-]{0,31})[ \t]+([^\r\n]*?)(?:[ \t]+(HTTP/[0-9.]{1,8}))?[ \t]*(?:\r?\n|\Z)",
    re.IGNORECASE,
)
_BARE = re.compile(rb"/|\*|https?://", re.IGNORECASE)
_METHODS = frozenset(
    {b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"CONNECT", b"TRACE", b"PATCH", b"PROPFIND"}
)
"""Without a version only these are taken for HTTP."""

_FIELD = re.compile(rb"[^\s:]+[ \t]*:")
_REFUSALS = (dpkt.Error, ValueError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Request:
    """One request, all as it was sent."""

    method: bytes
    target: bytes
    host: bytes  # of several the first; empty where there is none, as in the next
    agent: bytes
    fields: bytes  # the lines after the first
    body: bytes  # without its chunks' sizes; as much as came
    size: int  # bytes of the request that came


def read(data: bytes) -> list[Request]:
    """The requests, one after another; none where the data do not begin with one."""
    found: list[Request] = []
    while data and len(found) < MOST:
        line = _LINE.match(data)
        if line is None or not _is_request(line):
            break
        head, begin = _head(data, line.end())
        values, lines = _values(data[line.end() : head])
        body, rest = _body(data[begin:], values)
        found.append(
            Request(
                method=line[1],
                target=line[2],
                host=_first(values, "host"),
                agent=_first(values, "user-agent"),
                fields=lines,
                body=body,
                size=len(data) - len(rest),
            )
        )
        data = rest
    return found


def _is_request(line: re.Match[bytes]) -> bool:
    if line[3]:
        return bool(line[2])
    return line[1] in _METHODS and _BARE.match(line[2]) is not None


def _head(data: bytes, begin: int) -> tuple[int, int]:
    """Where the fields end, and where what follows them begins."""
    if (empty := re.compile(rb"\r?\n").match(data, begin)) is not None:
        return begin, empty.end()
    end = re.compile(rb"\n\r?\n").search(data, begin)
    return (end.start() + 1, end.end()) if end else (len(data), len(data))


def _values(fields: bytes) -> tuple[dict[str, str | list[str]], bytes]:
    """Values by name in lower case, and the lines; those that are no field stand among the lines alone."""
    lines = [line.rstrip(b"\r") for line in fields.split(b"\n")]
    good = b"\r\n".join(re.sub(rb"[ \t]+:", b":", line, count=1) for line in lines if _FIELD.match(line))
    values: dict[str, str | list[str]] = dpkt.http.parse_headers(BytesIO(good)) if good else {}
    return values, b"\n".join(line for line in lines if line)


def _first(values: dict[str, str | list[str]], name: str) -> bytes:
    value = values.get(name, "")
    return (value if isinstance(value, str) else value[0]).encode("ascii", "replace")


def _body(data: bytes, values: dict[str, str | list[str]]) -> tuple[bytes, bytes]:
    """The body, and what follows it: another request, if anything."""
    if "content-length" not in values and "transfer-encoding" not in values:
        return b"", data
    stream = BytesIO(data)
    try:
        body: bytes = dpkt.http.parse_body(stream, values)
    except _REFUSALS:
        return data, b""
    return body, stream.read()
