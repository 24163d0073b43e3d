"""Around each request: its number, its time, one line in the log, what failed, by which name it came, how large it is.

A page in a browser can make a name of its own mean 127.0.0.1 and then read what answers there without a key (DNS
rebinding). So only `localhost`, IP addresses and the names in the settings are answered.
"""

from __future__ import annotations

import ipaddress
import logging
import secrets
import time
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from darkscope.api.http.metrics import Requests
from darkscope.api.http.problems import busy, problem

LOG = logging.getLogger("darkscope.api.http")

ORDINARY = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods that are counted by name."""

QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""Routes that supervisors ask every few seconds: logged for those who debug."""

TOO_MANY = 429
"""Requests that came too fast are logged likewise: a flood must not fill the disk. Metrics count them."""

NO_ROUTE = "none"

MOST_AT_ONCE = 500
"""Requests that are answered at the same time: each takes a file, of which a process has so many."""

LARGEST_BODY = 1 << 20
"""Bytes of a request's body."""

SECURE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Sent with each answer: it is what it says it is, and no other site's."""


class Watched:
    """An application whose requests are numbered, timed, logged, and held to names and sizes."""

    def __init__(self, app: ASGIApp, requests: Requests, names: Iterable[str]) -> None:
        self._app = app
        self._requests = requests
        self._names = {"localhost", *(name.lower() for name in names)}
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status, number = time.perf_counter(), 0, secrets.token_hex(8)
        self._running += 1

        async def numbered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.update({"X-Request-Id": number, **SECURE})
            await send(message)

        try:
            refused = self._refused(Headers(scope=scope))
            await (self._app if refused is None else refused)(scope, receive, numbered)
        except Exception:
            LOG.exception("failed", extra={"fields": {"request": number}})
            if status:  # begun already: the asker is to notice that it is cut off
                raise
            detail = f"darkscope failed; its log has the reason under the request {number}"
            await problem(500, detail=detail)(scope, receive, numbered)
        finally:
            self._running -= 1
            self._note(scope, status, time.perf_counter() - begun, number)

    def _refused(self, headers: Headers) -> JSONResponse | None:
        """Say why a request is not even looked at; None where it is."""
        host = headers.get("host", "")
        if not self._is_ours(host):
            detail = f"nobody here is called {host!r}; the setting api.names has the names"
            return problem(421, detail=detail)
        closing = {"Connection": "close"}  # what is left of the body is not waited for
        if "transfer-encoding" in headers:
            return problem(411, detail="a body needs its Content-Length", headers=closing)
        if int(headers.get("content-length", "0")) > LARGEST_BODY:
            return problem(413, detail=f"a body has {LARGEST_BODY} bytes at most", headers=closing)
        if self._running > MOST_AT_ONCE:
            return busy()
        return None

    def _is_ours(self, host: str) -> bool:
        """Whether the request is meant for this server: by an address, which no stranger's name is, or by name."""
        name = host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]
        if name.lower().rstrip(".") in self._names:
            return True
        try:
            ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return False
        return True

    def _note(self, scope: Scope, status: int, seconds: float, number: str) -> None:
        route = getattr(scope.get("route"), "path", NO_ROUTE)
        method = scope["method"] if scope["method"] in ORDINARY else "other"
        self._requests.note(method, route, status, seconds)
        fields = {
            "method": method,
            "route": route,  # not the path and the query: what was asked about, an address perhaps, is the asker's
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
            "client": (scope.get("client") or ("",))[0],
            "key": getattr(
                scope.get("state", {}).get("asker"), "key", ""
            ),  # its id; the key itself is nobody's
            "request": number,
        }
        is_quiet = route in QUIET or status == TOO_MANY
        LOG.log(logging.DEBUG if is_quiet else logging.INFO, "request", extra={"fields": fields})
