"""Work in two steps: what units give is divided into numbered parts, and each part is worked on where all of it is.

Spark brings the parts together by its own shuffle, so that they never are all in one place; any other engine does so
through this process.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from darkscope.ingest.engine.engine import Engine, Result, Unit, never

Divided = Callable[[Unit], list[tuple[int, bytes]]]
"""What a unit gives, by the number of the part that it belongs to."""


@runtime_checkable
class Shuffler(Protocol):
    """An engine that brings parts together itself."""

    def shuffled(
        self,
        divided: Divided[Unit],
        units: Sequence[Unit],
        gathered: Callable[[int, Sequence[bytes]], Result],
        *,
        is_stopped: Callable[[], bool] = never,
    ) -> Iterator[Result]:
        """See the function."""


def shuffled(
    engine: Engine,
    divided: Divided[Unit],
    units: Sequence[Unit],
    gathered: Callable[[int, Sequence[bytes]], Result],
    *,
    is_stopped: Callable[[], bool] = never,
) -> Iterator[Result]:
    """Divide units, then work on each part that there is; in no order. Once `is_stopped`, no more. See `Engine.map`."""
    if isinstance(engine, Shuffler):
        yield from engine.shuffled(divided, units, gathered, is_stopped=is_stopped)
        return
    parts: dict[int, list[bytes]] = defaultdict(list)
    for _, some in engine.map(divided, units, is_stopped=is_stopped):
        for part, blob in some:
            parts[part].append(blob)
    for part in sorted(parts):
        if is_stopped():
            return
        yield gathered(part, parts.pop(part))
