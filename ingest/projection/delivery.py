"""Bring points to InfluxDB: several requests under way at once, no more than a few chunks in memory.

Points that InfluxDB refuses are told in its own words and counted; the rest of their chunk is written. Where it cannot
be reached, the delivery ends and nothing is lost: whoever gave the points will give them again.
"""

from __future__ import annotations

import logging
import re
import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from darkscope.ingest.projection.lines import Chunk
from darkscope.ingest.projection.server import Refused, Server, Unavailable

LOG = logging.getLogger("darkscope.ingest.projection")

AT_ONCE = 2
"""Requests under way: the next is on its way while InfluxDB works on the last."""

AHEAD = 60
"""Chunks that are ready or under way, at most, some 30 MB: the next sums go on meanwhile, and memory stays flat."""

HALVINGS = 64
"""Refusals after which a chunk is halved no further: what is left of it is given up where it is refused."""

SAY_AGAIN = 60.0
"""Seconds after which the same words are told again."""


@dataclass(slots=True)
class Counts:
    """What became of points and requests since the start."""

    points: int = 0  # written
    rejected: int = 0  # refused by InfluxDB, for good
    failures: int = 0  # requests


class Delivery:
    """Brings points to one InfluxDB as long as the context lasts. To be used by one thread."""

    def __init__(self, server: Server) -> None:
        self.counts = Counts()
        self._server = server
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="influx")
        self._under_way: deque[tuple[str, Future[tuple[int, int, str]]]] = deque()
        self._begun = 0
        self._said: dict[tuple[str, str], float] = {}

    def __enter__(self) -> Delivery:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def bring(self, bucket: str, chunks: Iterable[Chunk]) -> None:
        """Begin to write chunks. Raises Unavailable for any that are under way."""
        for chunk in chunks:
            while len(self._under_way) >= AHEAD:
                self._settle_first()
            future = self._pool.submit(_write, self._server, bucket, chunk.data, chunk.points)
            self._under_way.append((bucket, future))
            self._begun += 1

    @property
    def begun(self) -> int:
        """Chunks that were begun so far."""
        return self._begun

    def settle(self, begun: int | None = None) -> None:
        """Wait until the first so many chunks (all where left out) are written or refused. Raises Unavailable."""
        upto = self._begun if begun is None else begun
        while self._begun - len(self._under_way) < upto:
            self._settle_first()

    def _settle_first(self) -> None:
        bucket, future = self._under_way.popleft()
        try:
            self._take(bucket, *future.result())
        except Unavailable:
            self.counts.failures += 1
            rest = [one for _, one in self._under_way]
            self._under_way.clear()
            for one in rest:
                one.cancel()
            wait(rest)
            raise

    def _take(self, bucket: str, written: int, rejected: int, words: str) -> None:
        self.counts.points += written
        self.counts.rejected += rejected
        if words:
            self.counts.failures += 1
            self._say(bucket, rejected, words)

    def _say(self, bucket: str, rejected: int, words: str) -> None:
        now = time.monotonic()
        alike = bucket, _alike(words)
        last = self._said.get(alike)
        if last is None or now - last > SAY_AGAIN:
            self._said = {words: at for words, at in self._said.items() if now - at <= SAY_AGAIN}
            self._said[alike] = now
            fields = {"bucket": bucket, "points": rejected, "reason": words}
            LOG.warning("InfluxDB refused points", extra={"fields": fields})


def _alike(words: str) -> str:
    """Words without numbers, and without the points that InfluxDB gives as examples: the same for the same reason."""
    return re.sub(r"\d+", "", words.partition(" - oldest point")[0])


def _write(server: Server, bucket: str, data: bytes, points: int) -> tuple[int, int, str]:
    """Write one chunk, in halves where it is refused: points written, points refused, InfluxDB's last words."""
    todo = [(data, points)]
    written = rejected = refusals = 0
    words = ""
    while todo:
        data, points = todo.pop()
        try:
            server.write(bucket, data)
        except Refused as refused:
            refusals += 1
            words = str(refused)
            dropped = refused.dropped
            if dropped is not None and not refused.is_too_large:
                rejected += min(dropped, points)
                written += points - min(dropped, points)
            elif points == 1 or (refusals > HALVINGS and not refused.is_too_large):
                rejected += points
            else:
                lines = data.splitlines(keepends=True)
                half = points // 2
                todo += [(b"".join(lines[half:]), points - half), (b"".join(lines[:half]), half)]
        else:
            written += points
    return written, rejected, words if rejected else ""
