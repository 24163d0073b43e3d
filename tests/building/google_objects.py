"""Google Cloud Storage's XML API in front of moto's S3: what of it differs, as the libraries that we use ask for it.

The two are nearly one interface: the same paths, listings and ranges. Google numbers each state of an object, its
generation; writes are conditional on that number, where 0 is an object that is not there, and fail with 412; deleting
what is not there is 404; and an object may be written once a second, sooner is 429. Source: Google's `request
preconditions`, `XML API reference headers` and `gcs429`; the requests are those of the crate object_store, `src/gcp`.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs, quote

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

STRICT = "strict-"
"""Begins the names of buckets that hold to one write a second, which takes tests their time."""

SECOND = 1.0

_Headers = list[tuple[str, str]]


class Google:
    """A WSGI application that answers Google's requests by another that answers S3's, and passes on all others."""

    def __init__(self, storage: Wsgi, signed: str) -> None:
        """`signed`: an `Authorization` that the other takes. Writes have to come one after the other."""
        self._storage = storage
        self._signed = signed
        self._numbers = itertools.count(1_600_000_000_000_000)
        self._generations: dict[str, int] = {}  # by path: bucket and key
        self._written: dict[str, float] = {}

    def __call__(self, request: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path, method = request["PATH_INFO"], request["REQUEST_METHOD"]
        is_googles = not request.get("HTTP_AUTHORIZATION", "").startswith("AWS4")
        changes = _changes(method, request["QUERY_STRING"])
        if is_googles:
            request["HTTP_AUTHORIZATION"] = self._signed
            plain = quote(path.encode("latin-1"))  # the libraries escape more than moto undoes
            request["RAW_URI"] = request["REQUEST_URI"] = f"{plain}?{request['QUERY_STRING']}"
            wanted = request.pop("HTTP_X_GOOG_IF_GENERATION_MATCH", None)
            if changes and (refused := self._refused(method, path, wanted)):
                status, code = refused
                body = f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode()
                start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
                return [body]

        def numbered(status: str, headers: _Headers, *more: object) -> Any:
            if status.startswith("2") and changes:
                self._changed(method, path)
            if is_googles and path in self._generations:
                headers = [*headers, ("x-goog-generation", str(self._generations[path]))]
            return start(status, headers, *more)

        return self._storage(request, numbered)

    def _refused(self, method: str, path: str, wanted: str | None) -> tuple[str, str] | None:
        found = self._generations.get(path, 0)
        if path.startswith(f"/{STRICT}") and time.monotonic() < self._written.get(path, -SECOND) + SECOND:
            return "429 Too Many Requests", "SlowDown"
        if wanted is not None and int(wanted) != found:
            return "412 Precondition Failed", "PreconditionFailed"
        if method == "DELETE" and not found:
            return "404 Not Found", "NoSuchKey"
        return None

    def _changed(self, method: str, path: str) -> None:
        self._written[path] = time.monotonic()
        if method == "DELETE":
            self._generations.pop(path, None)
        else:
            self._generations[path] = next(self._numbers)


def _changes(method: str, query: str) -> bool:
    """Whether a request puts an object in a place or takes it away; parts of one do neither."""
    asked = parse_qs(query, keep_blank_values=True).keys()
    match method:
        case "PUT":
            return "partNumber" not in asked
        case "POST":
            return "uploadId" in asked
        case "DELETE":
            return "uploadId" not in asked
    return False
