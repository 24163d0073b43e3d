from __future__ import annotations

import operator

import pytest
from sparks import SOCKETS_LEFT_OPEN

from darkscope.ingest.engine.engine import Engine, EngineError, Here
from darkscope.ingest.engine.shuffle import shuffled
from darkscope.ingest.engine.spark import OnSpark

pytestmark = SOCKETS_LEFT_OPEN


@pytest.fixture(params=["here", "spark"])
def engine(request: pytest.FixtureRequest) -> Engine:
    on_spark: OnSpark
    if request.param == "spark":
        on_spark = request.getfixturevalue("spark")
        return on_spark
    return Here()


TOLD = "{}: {}".format
"""Works on a part: tells what is in it. Tasks know none of this module."""


def test_all_of_a_part_is_worked_on_at_one_place(engine: Engine) -> None:
    units = ["[(1, b'a'), (2, b'bb'), (1, b'a')]", "[]", "[(1, b'a')]", "[(3, b'ccc')]"]
    assert sorted(shuffled(engine, eval, units, TOLD)) == [
        "1: [b'a', b'a', b'a']",
        "2: [b'bb']",
        "3: [b'ccc']",
    ]


def test_no_parts_are_no_work(engine: Engine) -> None:
    assert list(shuffled(engine, eval, ["[]"], TOLD)) == []


def test_nothing_is_told_once_the_end_is_asked_for(engine: Engine) -> None:
    assert list(shuffled(engine, eval, ["[(1, b'a')]"], TOLD, is_stopped=lambda: True)) == []


def test_a_part_that_fails_is_told(spark: OnSpark) -> None:
    with pytest.raises(EngineError, match=r"^TypeError: unsupported operand"):
        list(shuffled(spark, eval, ["[(1, b'a')]"], operator.truediv))


def test_a_unit_that_fails_is_told(spark: OnSpark) -> None:
    with pytest.raises(EngineError, match=r"^ZeroDivisionError: division by zero$"):
        list(shuffled(spark, eval, ["1 / 0", "[(1, b'a')]"], TOLD))
