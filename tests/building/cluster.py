"""A small Spark cluster: a master and workers of one processor each, processes of their own, on loopback alone."""

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

EXECUTOR = "CoarseGrainedExecutorBackend"
"""What the command line of an executor has."""

TASKS = "pyspark.daemon"
"""What that of the Python processes has in which tasks run."""

PATIENCE = 300.0
"""Seconds in which all workers must be there."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that runs."""

    master: str  # as `--master` takes it
    mark: bytes  # what the environment of all its processes has, of tasks too

    def executors(self) -> list[int]:
        """Processes of executors, by id."""
        return self._running(EXECUTOR)

    def tasks(self) -> list[int]:
        """Python processes of executors, by id: the one that makes others, and those that work."""
        return self._running(TASKS)

    def kill(self) -> None:
        """End whatever runs."""
        while processes := self._running(""):
            for process in processes:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            time.sleep(0.1)

    def _running(self, word: str) -> list[int]:
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
    port = _free_port()
    master = f"spark://127.0.0.1:{port}"
    deploy = "org.apache.spark.deploy"
    where = ("--host", "127.0.0.1", "--webui-port", "0")
    words = (f"{deploy}.worker.Worker", *where, "-c", "1", "-m", memory, master)
    cluster = Cluster(master, f"SPARK_WORKER_DIR={folder / 'work'}".encode())
    processes = [_started(folder, "master", f"{deploy}.master.Master", *where, "--port", str(port))]
    processes += [_started(folder, f"worker-{number}", *words) for number in range(workers)]
    try:
        _await(folder / "master.log", workers)
        yield cluster
    finally:
        cluster.kill()
        for process in processes:
            process.wait()


def _started(folder: Path, name: str, *words: str) -> subprocess.Popen[bytes]:
    """Start one of Spark's classes."""
    spec = importlib.util.find_spec("pyspark")
    assert spec
    assert spec.origin
    home = Path(spec.origin).parent
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_WORKER_DIR": str(folder / "work"),
        "SPARK_DAEMON_MEMORY": "256m",
        "PYSPARK_PYTHON": sys.executable,
    }
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [home / "bin" / "spark-class", *words],
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


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
