"""Talk to one InfluxDB, whatever its version: write points, ask InfluxQL, look at buckets.

Nothing else speaks to it. What goes wrong becomes one of two: Refused (these points or this question, in InfluxDB's
own words) or Unavailable (now; ask again later). A token never reaches a message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
from influxdb_client import BucketRetentionRules, InfluxDBClient, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from pydantic import SecretStr
from urllib3.exceptions import HTTPError

from darkscope.ingest.settings import Influx

CONNECTIONS = 4
"""Requests under way at once, at most."""

LONGEST = 500
"""Characters of an answer that are repeated."""

_BAD_POINTS = (400, 422)
"""What is wrong is in the body."""

_TOO_LARGE = 413

_NOT_LET_IN = (401, 403)
_NOT_FOUND = 404


class Refused(Exception):
    """InfluxDB refuses points, or a question; the text has its own words."""

    def __init__(self, words: str, status: int = 0) -> None:
        super().__init__(words)
        self.status = status

    @property
    def dropped(self) -> int | None:
        """Points that were left out, where it says that all others were stored; else None: nobody knows."""
        found = re.search(r"dropped[ =](\d+)", str(self)) if "partial write" in str(self) else None
        return int(found[1]) if found else None

    @property
    def is_too_large(self) -> bool:
        """Whether fewer points at once would do."""
        return self.status == _TOO_LARGE


class Unavailable(Exception):
    """InfluxDB does not answer, is not as it must be, or lets nobody in; the text says which."""


class Missing(Unavailable):
    """There is no such bucket, or the token may not read it: InfluxDB does not tell these apart."""


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one series, as InfluxDB gives them."""

    name: str
    tags: dict[str, str]
    columns: list[str]
    values: list[list[Any]]


@dataclass(frozen=True, slots=True)
class Bucket:
    """What InfluxDB says of a bucket."""

    name: str
    retention: timedelta | None  # None: kept for ever


class Server:
    """One InfluxDB. May be used by several threads. Opens nothing until it is asked."""

    def __init__(self, settings: Influx) -> None:
        """Raises Unavailable where the token's file cannot be read."""
        if settings.url is None:
            raise Unavailable("influx.url is not set: there is no InfluxDB to project into")
        self.url = settings.url
        self.org = settings.org
        self._token = _token(settings.token_file)
        certificates = str(settings.ca_file) if settings.ca_file else None
        seconds = settings.timeout.total_seconds()
        # No retries below: the projector tries again by itself, visibly. (WritesRetry counts its longest time from
        # when it was made, so that in a process that runs for days it never tries again.)
        self._client = InfluxDBClient(
            self.url,
            self._token.get_secret_value(),
            org=self.org,
            timeout=int(seconds * 1000),
            retries=False,
            ssl_ca_cert=certificates,
            connection_pool_maxsize=CONNECTIONS,
        )
        self._write = self._client.write_api(write_options=SYNCHRONOUS)
        self._pool = urllib3.PoolManager(
            retries=False, timeout=seconds, ca_certs=certificates, maxsize=CONNECTIONS
        )

    def close(self) -> None:
        """Close all connections."""
        self._write.close()
        self._client.close()
        self._pool.clear()

    def version(self) -> str:
        """What it calls itself, like `1.8.10` or `2.7.12`. Raises Unavailable."""
        answer = self._request("GET", "/ping")
        version = answer.headers.get("X-Influxdb-Version", "")
        if answer.status >= 400 or not version:
            raise Unavailable(f"{self.url}: is no InfluxDB: {_words(answer.status, answer.data)}")
        return version.removeprefix("v")

    @property
    def is_old(self) -> bool:
        """Whether it is of the first major version, which knows databases. Raises Unavailable."""
        return self.version().startswith("1.")

    def write(self, bucket: str, lines: bytes) -> None:
        """Write points in line protocol, times in seconds. Raises Refused, Unavailable."""
        try:
            self._write.write(bucket=bucket, record=lines, write_precision=WritePrecision.S)
        except ApiException as error:
            status = error.status or 0
            words = _words(status, error.body)
            if status in (*_BAD_POINTS, _TOO_LARGE):
                raise Refused(words, status) from None
            raise Unavailable(_explained(self.url, bucket, status, words)) from None
        except (HTTPError, OSError) as error:
            raise Unavailable(f"{self.url}: {_reason(error)}") from None

    def ask(self, bucket: str, question: str) -> list[Series]:
        """Answer one InfluxQL statement, times in seconds. Raises Refused, Unavailable."""
        form = {"db": bucket, "q": question, "epoch": "s"}
        answer = self._request("POST", "/query", fields=form)
        if answer.status >= 400:
            words = _words(answer.status, answer.data)
            if answer.status in _BAD_POINTS:
                raise Refused(words, answer.status)
            raise Unavailable(_explained(self.url, bucket, answer.status, words))
        try:
            (result,) = json.loads(answer.data)["results"]
            if "error" in result:  # with status 200
                words = str(result["error"])[:LONGEST]
                if words.startswith("database not found"):
                    raise Missing(
                        f"{self.url}: has no bucket {bucket}, or the token may not read it: {words}"
                    )
                raise Refused(words, answer.status)
            return [
                Series(one.get("name", ""), one.get("tags", {}), one["columns"], one.get("values", []))
                for one in result.get("series", [])
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(f"{self.url}: gave an answer that cannot be read: {error!r}") from None

    def select(
        self, bucket: str, what: str, measurement: str, low: int, high: int | None = None, by: str = ""
    ) -> list[Series]:
        """Ask for something of a measurement between two times in seconds since 1970. Raises Refused, Unavailable.

        A range of times is always given: the third version looks at the last day only without one.
        """
        until = "" if high is None else f" AND time < {high}s"
        grouped = f" GROUP BY {by}" if by else ""
        return self.ask(bucket, f'SELECT {what} FROM "{measurement}" WHERE time >= {low}s{until}{grouped}')  # noqa: S608 - vocabulary and numbers

    def bucket(self, name: str) -> Bucket | None:
        """Look at a bucket, or a database of the first version. Raises Refused, Unavailable."""
        if self.is_old:
            if name not in {
                str(value) for one in self.ask(name, "SHOW DATABASES") for (value,) in one.values
            }:
                return None
            policies = [
                dict(zip(one.columns, row, strict=True))
                for one in self.ask(name, f'SHOW RETENTION POLICIES ON "{name}"')
                for row in one.values
            ]
            length = next((str(one["duration"]) for one in policies if one["default"]), "0s")
            return Bucket(name, _duration(length))
        with self._speaking():
            found = self._client.buckets_api().find_bucket_by_name(name)
        if found is None:
            return None
        seconds = found.retention_rules[0].every_seconds if found.retention_rules else 0
        return Bucket(name, timedelta(seconds=seconds) if seconds else None)

    def create(self, name: str, retention: timedelta | None, shard: timedelta) -> None:
        """Make a bucket, or let an existing one remember as long, in shards of a length: of two the shorter.

        Shards that are there keep their length. Raises Refused, Unavailable.
        """
        if retention:
            shard = min(shard, retention)
        if self.is_old:
            hours = f"{retention // timedelta(hours=1)}h" if retention else "INF"
            policy = f"DURATION {hours} REPLICATION 1 SHARD DURATION {shard // timedelta(hours=1)}h"
            if self.bucket(name) is None:
                self.ask(name, f'CREATE DATABASE "{name}" WITH {policy} NAME "autogen"')
            else:
                self.ask(name, f'ALTER RETENTION POLICY "autogen" ON "{name}" {policy}')
            return
        rules = [
            BucketRetentionRules(
                type="expire",
                every_seconds=int(retention.total_seconds()) if retention else 0,
                shard_group_duration_seconds=int(shard.total_seconds()),
            )
        ]
        with self._speaking():
            buckets = self._client.buckets_api()
            found = buckets.find_bucket_by_name(name)
            if found is None:
                buckets.create_bucket(bucket_name=name, retention_rules=rules, org=self.org)
            else:
                found.retention_rules = rules
                buckets.update_bucket(found)

    def refusal(self, bucket: str) -> str:
        """Say why nothing could be written, empty where it could. Writes nothing. Raises Unavailable."""
        where = urlencode({"bucket": bucket, "org": self.org, "precision": "s"})
        answer = self._request(
            "POST",
            f"/api/v2/write?{where}",
            body=b"# nothing\n",
            headers={"Content-Type": "text/plain"},
        )
        # A body without a point is a mistake to some versions, but first they look at who asks.
        if answer.status < 400 or answer.status in _BAD_POINTS:
            return ""
        words = _words(answer.status, answer.data)
        return (
            f"the token may not write: {words}"
            if answer.status in _NOT_LET_IN
            else f"takes no points: {words}"
        )

    def _request(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        fields: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> urllib3.BaseHTTPResponse:
        token = self._token.get_secret_value()
        sent = {"Authorization": f"Token {token}"} if token else {}
        try:
            return self._pool.request(
                method,
                self.url + path,
                headers={**sent, **(headers or {})},
                **({"body": body} if body else {"fields": fields}),
            )
        except (HTTPError, OSError) as error:
            raise Unavailable(f"{self.url}: {_reason(error)}") from None

    def _speaking(self) -> _Speaking:
        return _Speaking(self.url)


class _Speaking:
    """Turn what the client raises into what this room raises."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ApiException):
            raise Unavailable(f"{self._url}: {_words(error.status or 0, error.body)}") from None
        if isinstance(error, HTTPError | OSError):
            raise Unavailable(f"{self._url}: {_reason(error)}") from None


def _token(file: Path | None) -> SecretStr:
    if file is None:
        return SecretStr("")
    try:
        return SecretStr(file.read_text(encoding="utf-8").partition("\n")[0].strip())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise Unavailable(f"influx.token_file: {file}: {reason}") from None


def _explained(url: str, bucket: str, status: int, words: str) -> str:
    if status in _NOT_LET_IN:
        return f"{url}: the token may not use the bucket {bucket}: {words}"
    if status == _NOT_FOUND:
        return f"{url}: has no bucket {bucket} (`darkscope project init` makes it), or not this organisation: {words}"
    return f"{url}: {words}"


def _words(status: int, body: object) -> str:
    """InfluxDB's own words, in one line."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "")
    try:
        said = json.loads(text)
        text = str(said.get("message") or said.get("error") or text)
    except (ValueError, AttributeError):
        pass
    return f"{status} {' '.join(text.split())[:LONGEST]}".strip()


def _reason(error: Exception) -> str:
    """What happened to a connection, in the same words each time: without objects and fractions of a second."""
    text = re.sub(r"<[^>]*>:?\s*|\(Caused by .*|\(read timeout=.*", "", str(error)).strip(" ()")
    return f"{type(error).__name__}: {text}"[:LONGEST]


def _duration(text: str) -> timedelta | None:
    """Length as the first version writes it, like `720h0m0s`; zero is for ever."""
    units = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
    parts = {units[unit]: int(number) for number, unit in re.findall(r"(\d+)([wdhms])", text)}
    return timedelta(**parts) or None


def quoted(names: Iterator[str] | tuple[str, ...]) -> str:
    """Names as InfluxQL writes them."""
    return ", ".join(f'"{name}"' for name in names)
