"""Spark on this machine, on loopback alone; what lacks Java or PySpark is skipped, and says so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cluster import connect_server, standalone

from darkscope.ingest.engine.spark import OnSpark, connected

LOOPBACK = ("spark.ui.enabled=false", "spark.driver.bindAddress=127.0.0.1", "spark.driver.host=127.0.0.1")

SOCKETS_LEFT_OPEN = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"
)
"""For tests that use the session: PySpark leaves it to the garbage collector to close what results come by."""


WHERE = os.environ.get("DARKSCOPE_SPARK", "")
"""What tests use: a small standalone `cluster` of processes of its own, or likewise a server of Spark `connect`.

One JVM whose driver is this process where nothing is said.
"""


@contextmanager
def on_two_threads(folder: Path) -> Iterator[OnSpark]:
    """A session with two tasks at a time, in processes of their own: each tried twice where it is beside one JVM."""
    need_spark()
    if WHERE == "cluster":
        with standalone(folder) as cluster, connected(cluster.master, LOOPBACK) as engine:
            yield engine
    elif WHERE == "connect":
        with connect_server(folder) as server, connected(server.master) as engine:
            yield engine
    else:
        assert not WHERE
        with connected("local[2,2]", LOOPBACK) as engine:
            yield engine


def need_spark() -> None:
    """Skip what cannot be tried here."""
    pytest.importorskip("pyspark", reason="PySpark is not installed")
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        pytest.skip("Java is not installed")
