"""A real InfluxDB 1.6 (Debian's), on loopback, with its own folder; gone with the test session."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from loopback import free_port

PROGRAM = shutil.which("influxd")
START_SECONDS = 60

CONFIG = """\
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  index-version = "tsi1"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
[monitor]
  store-enabled = false
[continuous_queries]
  enabled = false
"""


class InfluxDB:
    """A server that runs. `with` it; its folder must be empty."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> InfluxDB:
        assert PROGRAM, "Debian's package influxdb is not installed"
        self.port = free_port()
        return self.start()

    def start(self) -> InfluxDB:
        """Start it, also again: on the same port, with what its disk has."""
        assert PROGRAM
        config = self._folder / "influxdb.conf"
        config.write_text(CONFIG.format(folder=self._folder, port=self.port, rpc=free_port()))
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([PROGRAM, "-config", config], stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.url}/ping", timeout=5).close()
            except OSError:
                time.sleep(0.1)
            else:
                return self
        raise AssertionError((self._folder / "log").read_text())

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(START_SECONDS)

    def kill(self) -> None:
        """End it where it stands."""
        assert self._process
        self._process.kill()
        self._process.wait(START_SECONDS)
        self._process = None

    def lose_disk(self) -> None:
        """Take away all it had; it must not run."""
        for name in ("meta", "data", "wal"):
            shutil.rmtree(self._folder / name)

    def create(self, *databases: str) -> None:
        for name in databases:
            self.query("", f'CREATE DATABASE "{name}"')

    def drop(self, *databases: str) -> None:
        for name in databases:
            self.query("", f'DROP DATABASE "{name}"')

    def write(self, database: str, lines: Iterable[str]) -> None:
        """Write lines with times in seconds."""
        address = f"{self.url}/write?db={database}&precision=s"
        request = urllib.request.Request(address, "\n".join(lines).encode(), method="POST")
        urllib.request.urlopen(request, timeout=60).close()

    def query(self, database: str, text: str) -> list[dict[str, Any]]:
        """Series that InfluxQL answers, times in milliseconds. What it refuses fails."""
        body = urllib.parse.urlencode({"db": database, "epoch": "ms", "q": text}).encode()
        try:
            with urllib.request.urlopen(f"{self.url}/query", body, timeout=60) as answer:
                results = json.load(answer)["results"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{error.read().decode()}\n{text}") from None
        assert "error" not in results[0], f"{results[0]['error']}\n{text}"
        series: list[dict[str, Any]] = results[0].get("series", [])
        return series
