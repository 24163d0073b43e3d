"""How fast somebody may ask: a token bucket each, in memory.

No clock is asked here. A bucket that is full again is forgotten, and there are only so many: who asks from ever new
addresses takes no room from the others.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

MOST_BUCKETS = 10_000


class TooFast(Exception):
    """Asked too often; after some seconds it may ask again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"ask again in {seconds} s")
        self.seconds = seconds


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float  # when it had them


class Rates:
    """The buckets of all who ask. To be used by one thread."""

    def __init__(self, rate: float, burst: int) -> None:
        """`rate` requests a second in the long run, `burst` at once; a rate of 0 lets everything through."""
        self._rate = rate
        self._burst = burst
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()  # who asked last is last

    def take(self, who: str, now: float) -> None:
        """Count a request at a time, in seconds. Raises TooFast."""
        if not self._rate:
            return
        bucket = self._buckets.pop(who, None) or _Bucket(self._burst, now)
        self._buckets[who] = bucket
        while len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._rate)
        bucket.at = now
        if bucket.tokens < 1:
            raise TooFast(math.ceil((1 - bucket.tokens) / self._rate))
        bucket.tokens -= 1
