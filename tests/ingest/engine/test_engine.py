"""Units of work, done here or on Spark, come back with their results."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from functools import partial

import pytest

from darkscope.ingest.engine.engine import Here


def test_units_are_done_one_after_the_other_and_come_back_with_their_results() -> None:
    assert list(Here().map(partial(operator.add, 1), [3, 1, 2])) == [(3, 4), (1, 2), (2, 3)]


def test_nothing_is_begun_once_the_end_is_asked_for() -> None:
    begun: list[int] = []
    done = Here().map(begun.append, range(5), is_stopped=lambda: len(begun) >= 2)
    assert (list(done), begun) == ([(0, None), (1, None)], [0, 1])


def test_what_a_unit_raises_here_is_raised_as_it_is() -> None:
    def done() -> Iterator[tuple[int, float]]:
        return Here().map(partial(operator.truediv, 1), [1, 0, 2])

    results = done()
    assert next(results) == (1, 1.0)
    with pytest.raises(ZeroDivisionError):
        next(results)
