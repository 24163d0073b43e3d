"""Around each request: its number, its time, one line in the log, what failed, and by which name it came.

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
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from darkscope.api.http.metrics import Requests
from darkscope.api.http.problems import problem

LOG = logging.getLogger("darkscope.api.http")

ORDINARY = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods that are counted by name."""

QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""Routes that supervisors ask every few seconds: logged for those who debug."""

NO_ROUTE = "none"

SECURE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Sent with each answer: it is what it says it is, and no other site's."""


class Watched:
    """An application whose requests are numbered, timed, logged, and held to names."""

    def __init__(self, app: ASGIApp, requests: Requests, names: Iterable[str]) -> None:
        self._app = app
        self._requests = requests
        self._names = {"localhost", *(name.lower() for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status, number = time.perf_counter(), 0, secrets.token_hex(8)

        async def numbered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.update({"X-Request-Id": number, **SECURE})
            await send(message)

        try:
            host = Headers(scope=scope).get("host", "")
            if self._is_ours(host):
                await self._app(scope, receive, numbered)
            else:
                detail = f"nobody here is called {host!r}; the setting api.names has the names"
                await problem(421, detail=detail)(scope, receive, numbered)
        except Exception:
            LOG.exception("failed", extra={"fields": {"request": number}})
            if status:  # begun already: the asker is to notice that it is cut off
                raise
            detail = f"darkscope failed; its log has the reason under the request {number}"
            await problem(500, detail=detail)(scope, receive, numbered)
        finally:
            self._note(scope, status, time.perf_counter() - begun, number)

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
            "path": scope["path"],  # without the query: what was asked about is the asker's
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
            "client": (scope.get("client") or ("",))[0],
            "key": getattr(
                scope.get("state", {}).get("asker"), "key", ""
            ),  # its id; the key itself is nobody's
            "request": number,
        }
        LOG.log(logging.DEBUG if route in QUIET else logging.INFO, "request", extra={"fields": fields})
