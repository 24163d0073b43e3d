"""Parts brought together by Spark's own shuffle: one job of two steps, by the DataFrame API alone."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from darkscope.ingest.engine.engine import Result
from darkscope.ingest.engine.shuffle import Divided
from darkscope.ingest.engine.task import done, unpacked

if TYPE_CHECKING:
    import pyarrow
    from pyspark.sql import SparkSession

Batches = Callable[[Iterator[Any]], Iterator[Any]]

Outcome = tuple[Any, str | None]
"""Result and error text, one of them None."""


def two_steps(
    session: SparkSession,
    attempts: int,
    divided: Divided[Any],
    units: Sequence[Any],
    gathered: Callable[[int, Sequence[bytes]], Result],
) -> list[Outcome]:
    """Divide units, then work on each part where all of it is; gives what came of each part, or failed."""
    count = len(units)
    first = _first([pickle.dumps((divided, unit)) for unit in units], attempts)
    second = _second(partial(_gathered, gathered), attempts)
    parts = session.range(0, count, 1, count).mapInArrow(first, "part int, blob binary, failure string")
    rows = parts.repartition(count, "part").groupBy("part").applyInArrow(second, "done binary").collect()
    return [(result, failure) for row in rows for result, failure in [unpacked(bytes(row[0]), tuple)]]


def _gathered(gathered: Callable[[int, Sequence[bytes]], Result], one: tuple[int, Sequence[bytes]]) -> Result:
    return gathered(*one)


def _first(works: list[bytes], attempts: int) -> Batches:
    """The function that divides; Spark sends it to tasks by value, what it calls by name."""

    def run(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow  # noqa: PLC0415 - there on Spark's machines
        from pyspark import TaskContext  # noqa: PLC0415

        context = TaskContext.get()
        for batch in batches:
            for number in batch.column(0).to_pylist():
                told = done(works[number], context.attemptNumber(), attempts, context.cpus())
                found, failure = unpacked(told, tuple)
                for part, blob in found or [(None, b"")]:
                    yield pyarrow.RecordBatch.from_arrays(
                        [
                            pyarrow.array([part], pyarrow.int32()),
                            pyarrow.array([blob], pyarrow.binary()),
                            pyarrow.array([failure], pyarrow.string()),
                        ],
                        ["part", "blob", "failure"],
                    )

    return run


def _second(
    function: Callable[[tuple[int, Sequence[bytes]]], Any], attempts: int
) -> Callable[[pyarrow.Table], pyarrow.Table]:
    """The function that works on a part."""

    def run(table: pyarrow.Table) -> pyarrow.Table:
        import pyarrow  # noqa: PLC0415 - there on Spark's machines
        from pyspark import TaskContext  # noqa: PLC0415

        part = table.column("part")[0].as_py()
        if part is None:
            failures = filter(None, table.column("failure").to_pylist())
            told = [pickle.dumps((None, failure)) for failure in failures]
        else:
            context = TaskContext.get()
            blobs = table.column("blob").to_pylist()
            work = pickle.dumps((function, (part, blobs)))
            told = [done(work, context.attemptNumber(), attempts, context.cpus())]
        return pyarrow.table({"done": pyarrow.array(told, pyarrow.binary())})

    return run
