"""When, over the projection: which bucket of InfluxDB answers for which stretch of time.

Pure: edges in, stretches out, each for one query.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from darkscope.api.store import Posting
from darkscope.ingest.measurements import Resolution


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of time that one query sums, from one resolution."""

    resolution: Resolution
    start: int  # minutes since 1970, included
    end: int  # minutes since 1970, excluded
    bucket: int  # index of the bucket that it belongs to, or that its first part does
    length: int | None = None  # minutes of a part, each the next bucket; None: all is of one


def plan(edges: Sequence[int], changed: Iterable[int] = ()) -> list[Piece]:
    """Which resolution answers for which stretch from the first edge to the last.

    Buckets of one length that follow each other are one piece, in the longest steps that none of them cuts. A bucket
    alone is days where it has whole ones, hours before and after them, and minutes around these. No piece goes
    beyond a minute at which the meaning of a sensor `changed`.
    """
    breaks = frozenset(changed)
    cuts = sorted({*edges, *(change for change in breaks if edges[0] < change < edges[-1])})
    pieces: list[Piece] = []
    run: list[int] = [cuts[0]]
    for low, high in pairwise(cuts):
        if len(run) > 1 and (low in breaks or high - low != run[1] - run[0]):
            pieces += _of_run(run, edges)
            run = [low]
        run.append(high)
    return pieces + list(_of_run(run, edges))


def _of_run(run: Sequence[int], edges: Sequence[int]) -> Iterator[Piece]:
    """Pieces of consecutive buckets of one length, given by their edges."""
    bucket = bisect_right(edges, run[0]) - 1
    if len(run) == 2:
        yield from _alone(run[0], run[1], bucket, list(Resolution)[::-1])
        return
    length = run[1] - run[0]
    steps = (one for one in reversed(Resolution) if not run[0] % one.minutes and not length % one.minutes)
    yield Piece(next(steps), run[0], run[-1], bucket, length)


def _alone(start: int, end: int, bucket: int, resolutions: Sequence[Resolution]) -> Iterator[Piece]:
    """Pieces of one bucket, from the longest steps that fit."""
    step = resolutions[0].minutes
    first, last = -(-start // step) * step, end // step * step
    if first >= last:
        if start < end:
            yield from _alone(start, end, bucket, resolutions[1:])
        return
    if start < first:
        yield from _alone(start, first, bucket, resolutions[1:])
    yield Piece(resolutions[0], first, last, bucket)
    if last < end:
        yield from _alone(last, end, bucket, resolutions[1:])


def changes(postings: Iterable[Posting]) -> frozenset[int]:
    """Minutes at which a posting begins or ends."""
    return frozenset(bound for posting in postings for bound in posting.minutes if bound is not None)


def holds(posting: Posting, at: int) -> bool:
    """Whether a posting holds at a minute."""
    since, until = posting.minutes
    return (since is None or since <= at) and (until is None or at < until)
