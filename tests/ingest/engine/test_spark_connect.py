"""Spark Connect: who does not answer, now or later, is not waited for without end, and no token is told."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock, call

import pytest
from cluster import Cluster, connect_server
from sparks import SOCKETS_LEFT_OPEN, need_spark

from darkscope.ingest.engine import spark, spark_connect
from darkscope.ingest.engine.engine import EngineError, LostError
from darkscope.ingest.engine.spark import OnSpark, connected
from darkscope.ingest.engine.spark_connect import WRONG

pytestmark = SOCKETS_LEFT_OPEN

TOKEN = "gr8-secret="
"""Of an odd number of equal signs: PySpark repeats what it takes for no pair."""


@pytest.fixture
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No session is there, and nobody is waited for long."""
    sql = pytest.importorskip("pyspark.sql", reason="PySpark is not installed")
    monkeypatch.setattr(sql.SparkSession, "getActiveSession", lambda: None)
    monkeypatch.setattr(spark_connect, "FIRST_ANSWER", 0.2)
    monkeypatch.delenv("SPARK_REMOTE", raising=False)


@pytest.fixture
def silent() -> Iterator[int]:
    """A port where somebody listens and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.usefixtures("_alone")
@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("sc://nobody.invalid", "nobody.invalid:15002: nothing answers"),
        (f"sc://nobody.invalid/;token={TOKEN.strip('=')}", "nobody.invalid:15002: nothing answers by TLS"),
        (f"sc://{TOKEN}@nobody.invalid:99/;use_ssl=true", "nobody.invalid:99: nothing answers by TLS"),
        (f"sc://nobody.invalid/;token={TOKEN}", WRONG),
        (f"sc://user:{TOKEN}@nobody.invalid", WRONG),
        (f"sc://nobody.invalid/{TOKEN}", WRONG),
        ("sc://nobody.invalid:port", WRONG),
        ("sc://[::1]:15002", WRONG),
    ],
)
@pytest.mark.parametrize("by", ["master", "environment"])
def test_who_does_not_answer_is_told_by_host_and_port_alone(
    address: str, told: str, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by == "environment":
        monkeypatch.setenv("SPARK_REMOTE", address)
    with pytest.raises(EngineError) as caught, connected(address if by == "master" else ""):
        raise AssertionError
    assert str(caught.value) == f"Spark cannot be had: {told}"
    assert caught.value.__cause__ is None


@pytest.mark.usefixtures("_alone")
def test_who_listens_and_says_nothing_does_not_answer(silent: int) -> None:
    with (
        pytest.raises(EngineError, match=f"^Spark cannot be had: 127.0.0.1:{silent}: nothing answers$"),
        connected(f"sc://127.0.0.1:{silent}"),
    ):
        raise AssertionError


@pytest.mark.usefixtures("_alone")
def test_the_master_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_REMOTE", f"sc://spark.invalid/;token={TOKEN}")
    with pytest.raises(EngineError, match=r"nobody\.invalid:15002"), connected("sc://nobody.invalid"):
        raise AssertionError
    monkeypatch.setenv("JAVA_HOME", "/")
    builder = Mock()
    builder.master.return_value = builder.config.return_value = builder.appName.return_value = builder
    assert spark._session(builder, "local[2]", []) is builder.getOrCreate.return_value
    assert builder.mock_calls == [
        call.master("local[2]"),
        call.config("spark.ui.showConsoleProgress", "false"),
        call.appName("darkscope"),
        call.getOrCreate(),
    ]
    assert "SPARK_REMOTE" not in os.environ


class RetriesExceeded(Exception):
    """What PySpark raises where a server answers no more."""


class Gone:
    """A session whose server goes after some jobs. Classes of PySpark are told by their module."""

    __module__ = "pyspark.sql.connect.session"

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self.conf: dict[str, str] = {}
        self.client = self
        self.policies: list[object] = [None]
        self.begun = 0
        self._lock = threading.Lock()
        self.addTag = Mock()  # these as PySpark calls them
        self.interruptTag = Mock(side_effect=RetriesExceeded)
        self.range = Mock()
        self.range.return_value.mapInArrow.return_value.collect = self._collected

    def set_retry_policies(self, policies: list[object]) -> None:
        self.policies = policies

    def _collected(self) -> list[tuple[bytes]]:
        with self._lock:
            self.begun += 1
            if self.begun > self.jobs:
                raise RetriesExceeded("[RETRIES_EXCEEDED] The maximum number of retries has been exceeded.")
        return [(pickle.dumps((1, None)),)]


def test_a_server_that_goes_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark, "AT_ONCE", 1)
    session: Any = Gone(2)
    engine = OnSpark(session)
    done = []
    with pytest.raises(LostError, match=r"^Spark is lost: nothing answers any more$"):
        done.extend(engine.map(abs, range(50)))
    assert (engine.is_lost, session.policies) == (True, [])
    assert done in ([], [(0, 1)], [(0, 1), (1, 1)])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Cluster]:
    need_spark()
    with connect_server(tmp_path) as one:
        yield one


AWAY = "import time; open({!r}, 'w').close(); time.sleep(600)"


@pytest.mark.soak
def test_a_real_server_that_is_killed_at_work_is_lost_in_a_minute_and_another_is_found(
    server: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = tmp_path / "sign"

    def kill() -> None:
        while not sign.exists():
            time.sleep(0.1)
        server.kill()

    with connected(server.master) as engine:
        assert sorted(engine.map(abs, [-1, -2])) == [(-2, 2), (-1, 1)]
        killer = threading.Thread(target=kill)
        killer.start()
        begun = time.monotonic()
        with pytest.raises(LostError, match=r"^Spark is lost: nothing answers any more$"):
            list(engine.map(exec, [AWAY.format(str(sign)), *["1"] * 300]))
        killer.join()
        assert time.monotonic() - begun < 150
    monkeypatch.setattr(spark_connect, "FIRST_ANSWER", 1.0)
    with pytest.raises(EngineError, match=r"nothing answers$"), connected(server.master):
        raise AssertionError
    with (
        connect_server(tmp_path, port=int(server.master.rpartition(":")[2])),
        connected(server.master) as engine,
    ):
        assert list(engine.map(abs, [-1])) == [(-1, 1)]


@pytest.mark.soak
def test_a_real_server_that_stands_still_at_work_is_lost(
    server: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark_connect, "SIGN_OF_LIFE", 5_000)
    with connected(server.master) as engine:
        assert list(engine.map(abs, [-1])) == [(-1, 1)]
        (process,) = server.processes("SparkConnectServer")
        os.kill(process, signal.SIGSTOP)
        begun = time.monotonic()
        with pytest.raises(LostError, match=r"^Spark is lost: nothing answers any more$"):
            list(engine.map(time.sleep, [0.0]))
        assert time.monotonic() - begun < 300
