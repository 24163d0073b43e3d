"""A proxy before InfluxDB 1.6 that speaks the newer way to write, and misbehaves as it is told."""

from __future__ import annotations

import http.client
import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

Fault = Callable[[str, str], "tuple[int, str] | str | None"]
"""From method and path to an answer (status, body), `cut`, `drop`, `hang`, or None to let it pass."""


def passes(_method: str, _path: str) -> None:
    """No fault."""


class Proxy:
    """Maps `/api/v2/write?bucket=B` to `/write?db=B`, and lets faults happen."""

    def __init__(self, port: int) -> None:
        self.upstream = port
        self.fault: Fault = passes
        self.only = b""  # faults happen to requests whose body holds this
        self.requests: list[tuple[str, str]] = []
        self.slow = 0.0
        self._lock = Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                proxy.pass_on(self)

            def do_POST(self) -> None:
                proxy.pass_on(self)

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def pass_on(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        with self._lock:
            self.requests.append((handler.command, handler.path))
        if self.slow:
            time.sleep(self.slow)
        fault = self.fault(handler.command, handler.path) if self.only in body else None
        if fault in ("drop", "hang"):
            if fault == "hang":
                time.sleep(5)
            handler.close_connection = True
            return
        if isinstance(fault, tuple):
            status, text = fault
            self._answer(handler, status, {"Content-Type": "application/json"}, text.encode())
            return
        path = self._mapped(handler.path)
        headers = {
            name: value
            for name, value in handler.headers.items()
            if name.lower() not in ("host", "content-length", "connection", "authorization")
        }
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=30)) as connection:
                connection.request(handler.command, path, body or None, headers)
                answer = connection.getresponse()
                data = answer.read()
        except OSError:
            handler.close_connection = True
            return
        if fault == "cut":  # it was done, but nobody hears of it
            handler.close_connection = True
            return
        kept = {
            name: value
            for name, value in answer.getheaders()
            if name.lower().startswith("x-influxdb") or name.lower() == "content-type"
        }
        self._answer(handler, answer.status, kept, data)

    @staticmethod
    def _mapped(path: str) -> str:
        parts = urlsplit(path)
        if parts.path != "/api/v2/write":
            return path
        asked = parse_qs(parts.query)
        database, _, policy = asked["bucket"][0].partition("/")
        also = {"rp": policy} if policy else {}
        precision = asked.get("precision", ["ns"])[0]
        return f"/write?{urlencode({'db': database, 'precision': precision, **also})}"

    @staticmethod
    def _answer(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], data: bytes) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        if status != 204:
            handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        if status != 204:
            handler.wfile.write(data)

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


if __name__ == "__main__":  # as a process of its own, which says where it answers
    with Proxy(int(sys.argv[1])) as alone:
        sys.stdout.write(f"{alone.url}\n")
        sys.stdout.flush()
        signal.pause()
