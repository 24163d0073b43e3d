"""What runs in a Spark task, without Spark."""

from __future__ import annotations

import operator
import os
import pickle
from functools import partial

import pytest

from darkscope.ingest.engine.task import done

HALF = pickle.dumps((partial(operator.truediv, 1), 2))
WRONG = pickle.dumps((partial(operator.truediv, 1), 0))


@pytest.fixture(autouse=True)
def _kept_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {})


def test_a_unit_gives_its_result_and_no_error() -> None:
    assert pickle.loads(done(HALF, 0, 4, 1)) == (0.5, None)


@pytest.mark.parametrize("attempt", [0, 1, 2])
def test_what_fails_is_raised_while_spark_would_try_again(attempt: int) -> None:
    with pytest.raises(ZeroDivisionError):
        done(WRONG, attempt, 4, 1)


@pytest.mark.parametrize("attempt", [3, 4])
def test_the_last_attempt_gives_the_error_as_a_text(attempt: int) -> None:
    assert pickle.loads(done(WRONG, attempt, 4, 1)) == (None, "ZeroDivisionError: division by zero")


def test_polars_is_told_how_many_processors_a_task_has_unless_somebody_said_so() -> None:
    done(HALF, 0, 4, 2)
    assert os.environ["POLARS_MAX_THREADS"] == "2"
    done(HALF, 0, 4, 3)
    assert os.environ["POLARS_MAX_THREADS"] == "2"
