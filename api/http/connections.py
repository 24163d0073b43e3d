"""Connections that keep others waiting are ended: slow senders, slow readers, and the oldest where there are too many.

uvicorn itself waits for a request for as long as it takes. Here a whole request must have arrived after some seconds,
and of those that have not only so many are kept: who opens hundreds of connections and sends a byte now and then (slow
loris) loses the oldest of them, and whoever sends a request at once gets through.
"""

from __future__ import annotations

import asyncio
import json
from typing import ClassVar, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

LARGEST_HEAD = 16 * 1024
"""Bytes that a request's line and headers may take."""

WHOLE = 20.0
"""Seconds after which a request must have arrived, its body included."""

STALLED = 30.0
"""Seconds after which a reader must have taken some of what waits for it."""

MOST_UNFINISHED = 256
"""Connections that have no whole request: new, idle, or slow."""

_UNFINISHED = (h11.IDLE, h11.SEND_BODY)

_REFUSED = {
    "type": "about:blank",
    "title": "Bad Request",
    "status": 400,
}


class Connection(H11Protocol):
    """One connection of the server. All are in one thread."""

    _unfinished: ClassVar[dict[Connection, None]] = {}  # the oldest first

    _late: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: a request is expected."""
        super().connection_made(cast("asyncio.Transport", transport))
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._done()
        self._flowing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what was sent; a whole request is no longer expected then."""
        self._expect()
        super().data_received(data)
        if self.conn.their_state not in _UNFINISHED:
            self._done()

    def on_response_complete(self) -> None:
        """Go on with the next request, once it comes."""
        super().on_response_complete()
        if self.conn.their_state in _UNFINISHED and not self.transport.is_closing():
            self._expect()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, also where nobody reads what was sent last."""
        super().timeout_keep_alive_handler()
        self.pause_writing()

    def pause_writing(self) -> None:
        """Wait for who reads, for some time."""
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(STALLED, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: who reads has taken some."""
        self._flowing()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Say that this is no request, in the one shape of errors, and close."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):  # in the midst of an answer
            self.transport.abort()
            return
        detail = f"{msg} The head of a request may have {LARGEST_HEAD} bytes."
        body = json.dumps({**_REFUSED, "detail": detail}).encode()
        headers = [
            ("content-type", "application/problem+json"),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        events = (h11.Response(status_code=400, headers=headers), h11.Data(data=body), h11.EndOfMessage())
        for event in events:
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def end(self) -> None:
        """End the connection at once."""
        self._done()
        self.transport.abort()

    def _expect(self) -> None:
        if self._late is not None:
            return
        self._late = self.loop.call_later(WHOLE, self.transport.abort)
        self._unfinished[self] = None
        if len(self._unfinished) > MOST_UNFINISHED:
            oldest = next(iter(self._unfinished))
            oldest.end()

    def _done(self) -> None:
        self._unfinished.pop(self, None)
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _flowing(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
