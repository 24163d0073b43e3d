"""Units of work on a real Spark: two tasks at a time, in Python processes of their own."""

from __future__ import annotations

import operator
import os
import shutil
import subprocess
import sys
import time
from functools import partial

import pytest
from sparks import SOCKETS_LEFT_OPEN, need_spark

from darkscope.ingest.engine import spark as spark_engine
from darkscope.ingest.engine.engine import EngineError
from darkscope.ingest.engine.spark import OnSpark, _attempts, connected

pytestmark = SOCKETS_LEFT_OPEN


def test_each_unit_comes_back_with_its_result(spark: OnSpark) -> None:
    assert sorted(spark.map(partial(operator.add, 1), [3, 1, 2])) == [(1, 2), (2, 3), (3, 4)]


def test_no_units_are_no_work(spark: OnSpark) -> None:
    assert list(spark.map(partial(operator.add, 1), [])) == []


def test_tasks_are_other_processes(spark: OnSpark) -> None:
    ((_, process),) = spark.map(eval, ["__import__('os').getpid()"])
    assert process != os.getpid()


def test_a_unit_that_fails_is_named_and_stops_no_other(spark: OnSpark) -> None:
    results = spark.map(partial(operator.truediv, 1), [1, 0, 2])
    assert sorted([next(results), next(results)]) == [(1, 1.0), (2, 0.5)]
    with pytest.raises(EngineError, match=r"^0: ZeroDivisionError: division by zero$"):
        next(results)


def test_a_process_that_dies_fails_its_unit_alone(spark: OnSpark) -> None:
    results = spark.map(eval, ["__import__('os')._exit(9)", "6 * 7"])
    assert next(results) == ("6 * 7", 42)
    with pytest.raises(EngineError, match=r"^__import__\('os'\)._exit\(9\): "):
        next(results)


def test_what_runs_is_given_up_once_the_end_is_asked_for(spark: OnSpark) -> None:
    begun = time.monotonic()
    units = [0.0, 600.0]  # a task each at once, whichever Spark begins first
    done: list[float] = []
    for unit, _ in spark.map(time.sleep, units, is_stopped=lambda: bool(done)):
        done.append(unit)
    assert done == [0.0]
    assert time.monotonic() - begun < 300
    assert list(spark.map(abs, [-1])) == [(-1, 1)]


def test_a_session_that_is_there_is_used_and_stays(spark: OnSpark) -> None:
    with connected("local[9]") as engine:
        assert list(engine.map(abs, [-1])) == [(-1, 1)]
    assert list(spark.map(abs, [-2])) == [(-2, 2)]


@pytest.mark.parametrize("lacking", ["pyspark.sql", "pyarrow"])
def test_without_its_packages_the_error_says_what_to_install(
    lacking: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, lacking, None)
    with pytest.raises(EngineError, match=r"pip install 'darkscope\[spark\]'"), connected():
        raise AssertionError


def test_without_java_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    sql = pytest.importorskip("pyspark.sql", reason="PySpark is not installed")
    monkeypatch.setattr(sql.SparkSession, "getActiveSession", lambda: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.delenv("SPARK_REMOTE", raising=False)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with (
        pytest.raises(EngineError, match=r"^Spark cannot be had: it needs Java 17 or newer"),
        connected("local[1]"),
    ):
        raise AssertionError


def test_a_master_that_does_not_take_the_application_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise RuntimeError("Cannot call methods on a stopped SparkContext.\nThis stopped SparkContext was")

    sql = pytest.importorskip("pyspark.sql", reason="PySpark is not installed")
    monkeypatch.setattr(sql.SparkSession, "getActiveSession", lambda: None)
    monkeypatch.setattr(spark_engine, "_session", stopped)
    with pytest.raises(EngineError) as caught, connected("spark://nobody:7077"):
        raise AssertionError
    assert str(caught.value) == f"Spark cannot be had: {spark_engine.NOT_TAKEN}"


DIES = """
import os, signal
from pathlib import Path
from darkscope.api.command.shares import Kept
from darkscope.ingest.settings import Settings, Spark

kept = Kept(Settings(spark=Spark(master="local[1]", conf=("spark.ui.enabled=false",))))
print(list(kept.map(abs, [-1])))
for task in Path("/proc/self/task").iterdir():
    for child in (task / "children").read_text().split():
        if Path(f"/proc/{child}/comm").read_text() == "java\\n":
            os.kill(int(child), signal.SIGKILL)
print(list(kept.map(abs, [-2])))
"""


@pytest.mark.soak
def test_where_the_jvm_died_a_question_starts_another() -> None:
    need_spark()
    program = [sys.executable, "-c", DIES]
    done = subprocess.run(program, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.splitlines() == ["[(-1, 1)]", "[(-2, 2)]"]


@pytest.mark.parametrize(
    ("master", "most", "attempts"),
    [
        ("local", "", 1),
        ("local[*]", "4", 1),
        ("local[2,3]", "", 3),
        ("local-cluster[2,1,1024]", "5", 5),
        ("spark://host:7077", "", 4),
        ("yarn", "8", 8),
    ],
)
def test_a_task_is_tried_as_often_as_spark_is_set_to(master: str, most: str, attempts: int) -> None:
    assert _attempts(master, most) == attempts
