"""Where the work of a command is done: in this process, or on Apache Spark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import typer

from darkscope.ingest.engine.engine import Engine, Here
from darkscope.ingest.engine.spark import connected
from darkscope.ingest.settings import Settings

_WHERE = "Where it runs"


class EngineName(StrEnum):
    """Where work is done."""

    HERE = "here"
    SPARK = "spark"


EngineOption = Annotated[
    EngineName,
    typer.Option(
        "--engine", help="In this process, or shared out to Apache Spark's executors.", rich_help_panel=_WHERE
    ),
]
MasterOption = Annotated[
    str | None,
    typer.Option(
        "--master",
        help="Spark's, like spark://host:7077, yarn or local[4]; sc://host is Spark Connect. "
        "SPARK_REMOTE and spark-defaults.conf say it where left out.",
        rich_help_panel=_WHERE,
    ),
]


@contextmanager
def engine_of(name: EngineName, settings: Settings) -> Iterator[Engine]:
    """The engine of a name as long as this lasts. Raises EngineError."""
    if name is EngineName.HERE:
        yield Here()
        return
    with connected(settings.spark.master, settings.spark.conf) as engine:
        yield engine
