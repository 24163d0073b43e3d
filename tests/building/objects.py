"""Object storage as S3 and Google have it: moto's server on loopback, in a process of its own; gone with the session.

In a process of its own, so that its memory, warnings and time are not the tests'. What it holds is in its memory alone.
"""

from __future__ import annotations

import itertools
import json
import logging
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock, Thread
from typing import Any
from weakref import WeakKeyDictionary

import obstore
from google_objects import STRICT, Google, Wsgi
from obstore.store import GCSStore, S3Store

KEY, SECRET, REGION = "AKIAOBSERVER", "this-secret-is-nowhere-else", "us-east-1"
"""Credentials that anybody may read: moto takes any. Tests look for the secret where none must be."""

SIGNED = f"AWS4-HMAC-SHA256 Credential={KEY}/20200101/{REGION}/s3/aws4_request"
"""What moto knows a request to S3 by."""

S3, GOOGLE = SCHEMES = "s3", "gs"
"""Schemes of addresses, and whose way of speaking a bucket is reached by."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket that was empty, and how programs get at it."""

    name: str
    endpoint: str
    scheme: str = S3

    @property
    def uri(self) -> str:
        return f"{self.scheme}://{self.name}"

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs in its environment; it says which server and nothing of the bucket."""
        return googles(self.endpoint) if self.scheme == GOOGLE else environment(self.endpoint)

    def put(self, key: str, data: bytes) -> str:
        """Put an object there, and give its address."""
        obstore.put(self._store, key, data)
        return f"{self.uri}/{key}"

    def get(self, key: str) -> bytes:
        return bytes(obstore.get(self._store, key).bytes())

    def keys(self) -> list[str]:
        return sorted(one["path"] for page in obstore.list(self._store) for one in page)

    @property
    def _store(self) -> S3Store | GCSStore:
        if self.scheme == GOOGLE:
            return GCSStore(self.name, service_account_key=account(self.endpoint))
        return S3Store(
            self.name,
            endpoint=self.endpoint,
            access_key_id=KEY,
            secret_access_key=SECRET,
            region=REGION,
            client_options={"allow_http": True},
        )


class Objects:
    """A server that runs. `with` it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._numbers = itertools.count(1)
        self.port = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Objects:
        command = [sys.executable, "-W", "ignore", __file__]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        """End it; should this never be called, it ends as its standard input does."""
        assert self._process
        self._process.kill()
        self._process.communicate()

    def bucket(self, endpoint: str = "", scheme: str = S3, *, is_strict: bool = False) -> Bucket:
        """A fresh bucket, which programs reach at an endpoint of their own where one is given: a proxy's.

        `is_strict`: Google's limit holds of one change a second to an object.
        """
        name = f"{STRICT if is_strict else ''}bucket-{next(self._numbers)}"
        request = urllib.request.Request(
            f"{self.endpoint}/{name}", b"", {"Authorization": SIGNED}, method="PUT"
        )
        urllib.request.urlopen(request, timeout=60).close()
        return Bucket(name, endpoint or self.endpoint, scheme)


def environment(endpoint: str) -> dict[str, str]:
    """Which server, and with which credentials, as every program that speaks S3 reads it."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": REGION,
        "AWS_ALLOW_HTTP": "true",
    }


def googles(endpoint: str) -> dict[str, str]:
    """Which server, and with which credentials, as every program that speaks to Google reads it."""
    return {"GOOGLE_SERVICE_ACCOUNT_KEY": account(endpoint)}


def account(endpoint: str) -> str:
    """A service account of a server that asks for no token."""
    return json.dumps(
        {
            "gcs_base_url": endpoint,
            "disable_oauth": True,
            "client_email": "observer@example.com",
            "private_key": SECRET,
            "private_key_id": SECRET,
        }
    )


def conditions_hold(application: Wsgi) -> Wsgi:
    """Let conditional requests change things one after the other: moto looks first and writes later, S3 does not."""
    lock = Lock()

    def one_by_one(request: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if request["REQUEST_METHOD"] in {"GET", "HEAD"}:
            return application(request, start)
        with lock:
            return list(application(request, start))

    return one_by_one


def without_copies() -> None:
    """Let an object's bytes be read as they are: moto copies all of them for each range."""
    from moto.s3.models import FakeKey

    write = FakeKey.value.fset

    def value(self: Any) -> bytes:
        if self not in whole:
            with self.lock:
                self._value_buffer.seek(0)
                whole[self] = self._value_buffer.read()
        return whole[self]

    def put(self: Any, new: bytes) -> None:
        whole.pop(self, None)
        write(self, new)

    whole: WeakKeyDictionary[Any, bytes] = WeakKeyDictionary()
    FakeKey.value = property(value, put)


def serve() -> None:
    """Serve until standard input ends; say the port."""
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    without_copies()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = conditions_hold(Google(DomainDispatcherApplication(create_backend_app), SIGNED))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    serve()
