"""Is this hour like the same hour of the days before? Rates of watched time, so that an outage is no change.

Pure: a trend by the hour in, three numbers out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from darkscope.api.trend import Trend

HOUR, DAY = 60, 1440
"""Minutes."""

WATCHED = 0.5
"""Share of an hour that sensors must have watched for it to count."""

LATEST = 4 * HOUR
"""Minutes ago that the last hour began, at most: captures come late by an hour or two, and what is older is not now."""

FEWEST = 3
"""Days before, without which nothing is usual."""


@dataclass(frozen=True, slots=True)
class Usual:
    """The last whole hour beside the same hour of the days before: packets, as if all sensors had watched all of it."""

    now: float
    usual: float  # the median
    least: float
    most: float

    @property
    def verdict(self) -> str:
        """Say `above`, `within` or `below` what was seen on those days."""
        if self.now > self.most:
            return "above"
        return "below" if self.now < self.least else "within"


def usual(trend: Trend) -> Usual | None:
    """Compare; None where too little was watched, or nothing lately. Lines are summed, hours are told by UTC."""
    rates: dict[int, float] = {}
    edges = trend.buckets.edges
    for place, (start, end) in enumerate(pairwise(edges)):
        share = trend.covered[place]
        if end - start == HOUR and share is not None and share >= WATCHED:
            rates[start] = sum(line.packets[place] or 0 for line in trend.lines) / share
    last = max(rates, default=0)
    if edges[-1] - last > LATEST:
        return None
    before = [rates[hour] for hour in rates if hour != last and (last - hour) % DAY == 0]
    if len(before) < FEWEST:
        return None
    return Usual(rates[last], median(before), min(before), max(before))
