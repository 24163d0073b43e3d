"""Work on Apache Spark: each unit is a job of one task, by the DataFrame API alone, so that Spark Connect does as well.

Spark distributes, and does nothing else: a task runs our own function, on a machine that has darkscope and sees the
same files. PySpark is loaded only here. A job of its own for each unit gives results as they are finished and lets one
fail alone; jobs wait in Spark's queue, the first first.
"""

from __future__ import annotations

import importlib
import os
import pickle
import re
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from darkscope.ingest.engine.engine import EngineError, LostError, Result, Unit, never
from darkscope.ingest.engine.shuffle import Divided
from darkscope.ingest.engine.spark_connect import address_of, give_up, remote_session
from darkscope.ingest.engine.spark_errors import said, why_lost
from darkscope.ingest.engine.spark_shuffle import two_steps
from darkscope.ingest.engine.task import done, unpacked
from darkscope.ingest.values import masked

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

AT_ONCE = 256
"""Jobs that Spark has at once: more than tasks that anybody runs at once for us, and a thread each here."""

LOOK = 0.5
"""Seconds between two looks whether the end is asked for."""

ATTEMPTS = 4
"""Spark's own default of `spark.task.maxFailures`."""

NAME = "darkscope"
"""Of the application, as Spark shows it."""

NOT_TAKEN = "its master does not answer or has refused, as Spark's log says"
"""What has happened where Spark itself says that it is stopped."""

QUIET = {"spark.ui.showConsoleProgress": "false"}
"""Set where nobody says otherwise: there is a bar of our own."""


class OnSpark:
    """The executors of a Spark session. Its units' results come back in any order; see `Engine`."""

    def __init__(self, session: SparkSession) -> None:
        """A `SparkSession`, classic or of Spark Connect."""
        self._session = session
        self.is_lost = False  # whether nobody answers any more
        self._is_remote = is_remote = ".connect." in type(session).__module__
        # A session's own tags do not reach what classic Spark is asked from Python, a context's do.
        self._tag = session.addTag if is_remote else session.sparkContext.addJobTag
        self._end = session.interruptTag if is_remote else session.sparkContext.cancelJobsWithTag
        self._attempts = _attempts(
            session.conf.get("spark.master", ""), session.conf.get("spark.task.maxFailures", "")
        )

    def map(
        self,
        function: Callable[[Unit], Result],
        units: Sequence[Unit],
        *,
        is_stopped: Callable[[], bool] = never,
    ) -> Iterator[tuple[Unit, Result]]:
        """See `Engine`."""
        tag = f"darkscope-{uuid4().hex}"
        failures: list[str] = []
        with ThreadPoolExecutor(min(AT_ONCE, max(1, len(units))), "spark") as pool:
            waiting: dict[Future[tuple[Any, str | None]], Unit] = {
                pool.submit(self._tagged, tag, self._run, pickle.dumps((function, unit))): unit
                for unit in units
            }
            try:
                while waiting and not is_stopped():
                    for future in wait(waiting, LOOK, FIRST_COMPLETED).done:
                        unit = waiting.pop(future)
                        failure = self._failure(future)
                        if failure is None:
                            result, failure = future.result()
                        if failure is None:
                            yield unit, result
                        else:
                            failures.append(f"{unit}: {failure}")
            finally:
                self._give_up(tag, waiting)
        if failures:
            raise EngineError("\n".join(sorted(failures)))

    def shuffled(
        self,
        divided: Divided[Unit],
        units: Sequence[Unit],
        gathered: Callable[[int, Sequence[bytes]], Result],
        *,
        is_stopped: Callable[[], bool] = never,
    ) -> Iterator[Result]:
        """See `shuffle.shuffled`: one job, by Spark's own shuffle, whose results come when all of it is done."""
        tag = f"darkscope-{uuid4().hex}"
        steps = partial(two_steps, self._session, self._attempts, divided, units, gathered)
        with ThreadPoolExecutor(1, "spark") as pool:
            job = pool.submit(self._tagged, tag, steps)
            try:
                while not wait([job], LOOK).done and not is_stopped():
                    pass
            finally:
                self._give_up(tag, [job])
        if job.cancelled() or is_stopped():
            return
        failure = self._failure(job)
        if failure is not None:
            raise EngineError(failure)
        failures = {failure for _, failure in job.result() if failure is not None}
        if failures:
            raise EngineError("\n".join(sorted(failures)))
        for result, _ in job.result():
            yield result

    def _tagged(self, tag: str, run: Callable[..., Result], *work: bytes) -> Result:
        """Run jobs under a tag, by which they can be ended; it is the thread's."""
        self._tag(tag)
        return run(*work)

    def _run(self, work: bytes) -> tuple[Any, str | None]:
        """Run one job; gives result and error text."""
        session, task = self._session, _task(work, self._attempts)
        (row,) = session.range(0, 1, 1, 1).mapInArrow(task, "done binary").collect()
        result, failure = unpacked(bytes(row[0]), tuple)
        return result, failure

    def _failure(self, job: Future[Any]) -> str | None:
        """The error text of a job that failed itself, None for one that did not. Raises LostError."""
        error = job.exception()
        if error is None:
            return None
        if why := why_lost(error):
            self._lose()
            raise LostError(f"Spark is lost: {why}")
        return said(error)

    def _lose(self) -> None:
        """Nobody is there any more: what is asked yet has no answer, and is not waited for."""
        self.is_lost = True
        if self._is_remote:
            give_up(self._session)

    def _give_up(self, tag: str, jobs: Collection[Future[Any]]) -> None:
        """Have nothing run any more. A job may begin while it is ended: until all are over it is said again.

        Where Spark is lost, jobs end by themselves.
        """
        for job in jobs:
            job.cancel()
        while any(not job.done() for job in jobs):
            if not self.is_lost:
                try:
                    self._end(tag)
                except Exception as error:  # PySpark has no one error of its own for it
                    if why_lost(error):
                        self._lose()
            wait(jobs, LOOK)


def _task(work: bytes, attempts: int) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """The function that Spark sends to a task; it goes there by value, what it calls by name."""

    def run(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow  # noqa: PLC0415 - there on Spark's machines
        from pyspark import TaskContext  # noqa: PLC0415

        for _ in batches:
            pass
        context = TaskContext.get()
        row = done(work, context.attemptNumber(), attempts, context.cpus())
        yield pyarrow.RecordBatch.from_pydict({"done": pyarrow.array([row], pyarrow.binary())})

    return run


def _attempts(master: str, most: str) -> int:
    """How often Spark tries a task: locally once, unless the master says it, as in `local[2,4]`."""
    if master.startswith("local") and not master.startswith("local-cluster"):
        told = re.fullmatch(r"local\[[^,\]]+,\s*(\d+)\]", master)
        return int(told[1]) if told else 1
    return int(most) if most.isdigit() else ATTEMPTS


@contextmanager
def connected(master: str = "", conf: Sequence[str] = ()) -> Iterator[OnSpark]:
    """A session as long as this lasts, or the one that is there, which stays. Raises EngineError.

    `master` is Spark's, or an address of Spark Connect; where left out, SPARK_REMOTE and spark-defaults.conf say it,
    and else it is this machine. `conf` are Spark's settings, each `key=value`. Executors run the Python that
    PYSPARK_PYTHON names, or one at the same place as this one.
    """
    try:
        sql = importlib.import_module("pyspark.sql")
        importlib.import_module("pyarrow")
    except ModuleNotFoundError as error:
        raise EngineError(
            f"Spark needs a package that is not installed, {error.name}: pip install 'darkscope[spark]'"
        ) from None
    with _had():
        before = sql.SparkSession.getActiveSession()
        session = before or _session(sql.SparkSession.builder, master, conf)
    engine = None
    try:
        with _had():
            engine = OnSpark(session)
        yield engine
    finally:
        if before is None:
            _stop(session, engine is None or engine.is_lost)


@contextmanager
def _had() -> Iterator[None]:
    """Have what is raised told as an EngineError: Spark cannot be had."""
    try:
        with _signals_kept():
            yield
    except EngineError as error:
        raise EngineError(f"Spark cannot be had: {error}") from None
    except Exception as error:  # PySpark has no one error of its own for it
        why = NOT_TAKEN if "stopped SparkContext" in str(error) else masked(said(error))
        raise EngineError(f"Spark cannot be had: {why}") from error


def _session(builder: SparkSession.Builder, master: str, conf: Sequence[str]) -> SparkSession:
    settings = dict(one.partition("=")[::2] for one in conf)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if address := address_of(master):
        return remote_session(address, {"spark.app.name": NAME, **settings})
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        raise EngineError("it needs Java 17 or newer, and there is no `java` (Spark Connect needs none here)")
    if master:
        os.environ.pop("SPARK_REMOTE", None)  # PySpark takes no two addresses
        builder = builder.master(master)
    for key, value in {**QUIET, **settings}.items():
        builder = builder.config(key, value)
    return builder.appName(NAME).getOrCreate()


def _stop(session: SparkSession, is_lost: bool) -> None:
    """End a session; one that is lost in this process alone."""
    try:
        session.stop()
    except Exception:
        if not is_lost:
            raise
        _forget_jvm()


def _forget_jvm() -> None:
    """Have the next session start a JVM: PySpark keeps the one of a process for good, also where it died."""
    context = importlib.import_module("pyspark").SparkContext
    session = importlib.import_module("pyspark.sql").SparkSession
    for name in ("_gateway", "_jvm", "_active_spark_context"):
        setattr(context, name, None)
    for name in ("_instantiatedSession", "_activeSession"):
        setattr(session, name, None)


@contextmanager
def _signals_kept() -> Iterator[None]:
    """PySpark takes SIGINT for itself when a session begins."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
