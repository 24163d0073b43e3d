"""A Grafana as far as dashboards are pushed and pulled: it answers as 10.4 was seen to answer, on loopback."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

Json = dict[str, Any]

TOKEN, USER, PASSWORD = "glsa_example", "editor", "example"


@dataclass
class FakeGrafana:
    """What it has, and how it behaves. Tests change it as somebody in a browser would."""

    dashboards: dict[str, Json] = field(default_factory=dict)
    folders: list[Json] = field(default_factory=list)
    where: dict[str, str] = field(default_factory=dict)  # folder uid of each dashboard
    messages: list[str] = field(default_factory=list)
    provisioned: set[str] = field(default_factory=set)
    anonymous: bool = False  # answers anybody, as a viewer
    viewer: bool = False  # the account may not write
    html: bool = False  # a login page of somebody else's stands before it
    broken: bool = False
    prefix: str = ""
    url: str = ""
    saved_meanwhile: Json | None = None  # somebody saves this between a look and a write

    def saves(self, model: Json) -> None:
        """Somebody saves in the browser."""
        stored = self.dashboards.get(model["uid"], {"version": 0, "id": len(self.dashboards) + 1})
        self.dashboards[model["uid"]] = model | {"version": stored["version"] + 1, "id": stored["id"]}

    def answer(self, method: str, path: str, authorization: str, body: Json | None) -> tuple[int, Any]:
        if self.broken:
            return 502, {"message": "bad gateway"}
        if not path.startswith(f"{self.prefix}/api/"):
            return 404, "<html>not here</html>"
        if self.html:
            return 200, "<html>please log in</html>"
        basic = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        known = authorization in (f"Bearer {TOKEN}", basic)
        path = path.removeprefix(f"{self.prefix}/api")
        if path == "/user":
            if not known:
                return 401, {"message": "Unauthorized"}
            if authorization.startswith("Bearer"):
                return 403, {"message": "Endpoint only available for users"}
            return 200, {"login": USER, "email": ""}
        if not known and not self.anonymous:
            return 401, {"message": "invalid API key"}
        if method == "GET":
            return self._read(path)
        if self.viewer or not known:
            return 403, {"message": "access denied"}
        return self._write(path, body or {})

    def _read(self, path: str) -> tuple[int, Any]:
        if path == "/folders":
            return 200, self.folders
        uid = path.removeprefix("/dashboards/uid/")
        if uid not in self.dashboards:
            return 404, {"message": "Dashboard not found"}
        meta = {
            "provisioned": uid in self.provisioned,
            "folderTitle": next(
                (one["title"] for one in self.folders if one["uid"] == self.where.get(uid)), ""
            ),
            "updatedBy": "somebody@example.org",
        }
        return 200, {"dashboard": self.dashboards[uid], "meta": meta}

    def _write(self, path: str, body: Json) -> tuple[int, Any]:
        if path == "/folders":
            made = {"uid": f"f{len(self.folders)}", "title": body["title"]}
            self.folders.append(made)
            return 200, made
        if self.saved_meanwhile:
            self.saves(self.saved_meanwhile)
        model = body["dashboard"]
        uid = model["uid"]
        stored = self.dashboards.get(uid)
        if uid in self.provisioned:
            return 400, {"message": "Cannot save provisioned dashboard"}
        if stored and model["version"] != stored["version"] and not body["overwrite"]:
            return 412, {
                "message": "The dashboard has been changed by someone else",
                "status": "version-mismatch",
            }
        self.saves(model)
        self.where[uid] = body["folderUid"]
        self.messages.append(body["message"])
        return 200, {"status": "success", "uid": uid, "version": self.dashboards[uid]["version"]}


@contextmanager
def served(grafana: FakeGrafana, certificate: Path | None = None) -> Iterator[FakeGrafana]:
    """Let it answer; `certificate` has key and certificate for TLS."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def _answer(self, method: str) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            code, said = grafana.answer(method, self.path, self.headers.get("Authorization", ""), body)
            text = (said if isinstance(said, str) else json.dumps(said)).encode()
            self.send_response(code)
            self.send_header("Content-Type", "text/html" if isinstance(said, str) else "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        grafana.url = (
            f"http{'s' if certificate else ''}://127.0.0.1:{server.server_address[1]}{grafana.prefix}"
        )
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield grafana
        finally:
            server.shutdown()
            thread.join()


def self_signed(folder: Path) -> Path:
    """Make a certificate for loopback that nobody has signed but itself; the file has the key as well."""
    key, certificate, both = (folder / name for name in ("key.pem", "certificate.pem", "both.pem"))
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    new = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", certificate]
    subprocess.run(["openssl", "req", *new, *subject], check=True, capture_output=True)
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return both
