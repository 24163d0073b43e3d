"""Spark in processes of its own, on loopback alone: a master and workers of one processor each, or Spark Connect."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from loopback import free_port

EXECUTOR = "CoarseGrainedExecutorBackend"
"""What the command line of an executor has."""

TASKS = "pyspark.daemon"
"""What that of the Python processes has in which tasks run."""

CONNECT = "org.apache.spark.sql.connect.service.SparkConnectServer"
"""The server of Spark Connect; it is among the jars of PySpark."""

PATIENCE = 300.0
"""Seconds in which all workers, or a server, must be there."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that runs."""

    master: str  # as `--master` takes it
    mark: bytes  # what the environment of all its processes has, of tasks too

    def executors(self) -> list[int]:
        """Processes of executors, by id."""
        return self.processes(EXECUTOR)

    def tasks(self) -> list[int]:
        """Python processes of executors, by id: the one that makes others, and those that work."""
        return self.processes(TASKS)

    def kill(self) -> None:
        """End whatever runs."""
        while processes := self.processes():
            for process in processes:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            time.sleep(0.1)

    def processes(self, word: str = "") -> list[int]:
        """Its processes whose command line has a word, by id."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if self.mark in (folder / "environ").read_bytes():
                    command = (folder / "cmdline").read_bytes()
                    found += [int(folder.name)] * (word.encode() in command)
        return found


@contextmanager
def standalone(folder: Path, workers: int = 2, memory: str = "1g") -> Iterator[Cluster]:
    """A master and workers of one processor each; what they write goes into a folder. All end with this."""
    port = free_port()
    master = f"spark://127.0.0.1:{port}"
    deploy = "org.apache.spark.deploy"
    where = ("--host", "127.0.0.1", "--webui-port", "0")
    words = (f"{deploy}.worker.Worker", *where, "-c", "1", "-m", memory, master)
    cluster = Cluster(master, _mark(folder))
    processes = [_started(folder, "master", f"{deploy}.master.Master", *where, "--port", str(port))]
    processes += [_started(folder, f"worker-{number}", *words) for number in range(workers)]
    try:
        _await(folder / "master.log", workers)
        yield cluster
    finally:
        cluster.kill()
        for process in processes:
            process.wait()


@contextmanager
def connect_server(folder: Path, master: str = "local[2,2]", port: int = 0) -> Iterator[Cluster]:
    """A server of Spark Connect, which is its own cluster where no other is its master. All of it ends with this."""
    port = port or free_port()
    settings = {
        "spark.master": master,
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.ui.enabled": "false",
    }
    words = [word for key, value in settings.items() for word in ("--conf", f"{key}={value}")]
    server = Cluster(f"sc://127.0.0.1:{port}", _mark(folder))
    words += ["--class", CONNECT, "spark-internal"]
    process = _started(folder, "connect", *words, program="spark-submit", memory="1g")
    try:
        _await_port(folder / "connect.log", port, process)
        yield server
    finally:
        server.kill()
        process.wait()


def _mark(folder: Path) -> bytes:
    return f"SPARK_WORKER_DIR={folder / 'work'}".encode()


def _started(
    folder: Path, name: str, *words: str, program: str = "spark-class", memory: str = "256m"
) -> subprocess.Popen[bytes]:
    """Start one of Spark's classes. A server of Spark Connect has work of its own, and ends by itself with 256 MB."""
    spec = importlib.util.find_spec("pyspark")
    assert spec
    assert spec.origin
    home = Path(spec.origin).parent
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_WORKER_DIR": str(folder / "work"),
        "SPARK_DAEMON_MEMORY": memory,
        "PYSPARK_PYTHON": sys.executable,
    }
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [home / "bin" / program, *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _await(log: Path, workers: int) -> None:
    """Wait until the master has heard of all workers."""
    end = time.monotonic() + PATIENCE
    while (said := log.read_text(errors="replace")).count("Registering worker") < workers:
        if time.monotonic() > end:
            raise AssertionError(said)
        time.sleep(0.2)


def _await_port(log: Path, port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a process listens."""
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return
        time.sleep(0.2)
    raise AssertionError(log.read_text(errors="replace"))
