"""What an engine is, and the one that is always there: this process.

Whoever has work says what one unit of it is and gives the function that does a unit. The function must not mind being
run twice, also at once: an engine on several machines tries again what failed, and may try early what seems slow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

Unit = TypeVar("Unit")
Result = TypeVar("Result")


class EngineError(Exception):
    """Units that could not be done, one a line by the text of each, or an engine that cannot be had at all."""


class LostError(EngineError):
    """An engine that was there and is no more; with another the work may be begun again."""


def never() -> bool:
    """Say that nobody has asked for the end."""
    return False


class Engine(Protocol):
    """Does units of work somewhere."""

    def map(
        self,
        function: Callable[[Unit], Result],
        units: Sequence[Unit],
        *,
        is_stopped: Callable[[], bool] = never,
    ) -> Iterator[tuple[Unit, Result]]:
        """Do a function to each unit, the first begun first; each with its result as it is finished.

        A unit's text names it in errors. Where the engine is elsewhere, function, units and results go there and back
        by pickle: the function is one of a module, or `partial` of it. One unit that fails does not stop the others;
        when they are done, EngineError names those that failed. Once `is_stopped`, no unit is begun any more and those
        that run elsewhere are given up. Leaving the iterator early does the same.
        """


class Here:
    """This process: one unit after the other. What a unit raises is raised as it is, at once."""

    def map(
        self,
        function: Callable[[Unit], Result],
        units: Sequence[Unit],
        *,
        is_stopped: Callable[[], bool] = never,
    ) -> Iterator[tuple[Unit, Result]]:
        """See `Engine`."""
        for unit in units:
            if is_stopped():
                return
            yield unit, function(unit)
