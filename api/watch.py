"""How much of a window the chosen sensors watched, beside how much they should have.

Pure: an outage is watched time that is missing, never a drop in traffic.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from darkscope.api.periods import Buckets
from darkscope.api.store import Posting

NOTABLE = 0.01
"""Share of its expected time that a sensor may miss before that is called an outage."""

Seconds = npt.NDArray[np.int32]
"""By sensor and bucket: of ten years there are less than 2 ** 31."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Seconds of sensor time, by sensor id and bucket; both mappings have the same sensors."""

    covered: Mapping[str, Sequence[int]]
    expected: Mapping[str, Sequence[int]]  # without outages, up to now

    @property
    def sensors(self) -> tuple[str, ...]:
        """Ids, sorted."""
        return tuple(sorted(self.covered))

    def of(self, sensor: str) -> Watch:
        """Give the part of one sensor."""
        return Watch(
            {sensor: self.covered[sensor]} if sensor in self.covered else {},
            {sensor: self.expected[sensor]} if sensor in self.expected else {},
        )

    @property
    def seconds(self) -> int:
        """Watched sensor time of all buckets."""
        return sum(map(sum, self.covered.values()))

    @property
    def share(self) -> float | None:
        """Watched share of the expected time; None where none was expected."""
        expected = sum(map(sum, self.expected.values()))
        return self.seconds / expected if expected else None

    @property
    def outages(self) -> tuple[str, ...]:
        """Ids of the sensors that missed a notable share of their time, sorted."""
        return tuple(
            sensor
            for sensor in self.sensors
            if sum(self.covered[sensor]) < (1 - NOTABLE) * sum(self.expected[sensor])
        )

    def by_bucket(self) -> list[int]:
        """Watched sensor time of each bucket."""
        return _summed(self.covered)

    def shares(self) -> list[float | None]:
        """Watched share of each bucket; None where no time was expected."""
        both = zip(self.by_bucket(), _summed(self.expected), strict=True)
        return [seen / due if due else None for seen, due in both]


def _summed(seconds: Mapping[str, Sequence[int]]) -> list[int]:
    """Sum all sensors bucket by bucket; none where there are no sensors."""
    sums = np.zeros(len(next(iter(seconds.values()), ())), np.int64)
    for its in seconds.values():
        sums += np.asarray(its, np.int64)
    return list(map(int, sums))


def seconds_seen(covered: pl.DataFrame, sensors: Sequence[str], buckets: Buckets) -> Seconds:
    """Watched seconds (rows of `Store.coverage`) by sensor and bucket."""
    seconds = np.zeros((len(sensors), len(buckets)), np.int32)
    row = covered["sensor"].replace_strict(list(sensors), list(range(len(sensors))), return_dtype=pl.Int64)
    seconds[row.to_numpy(), covered["bucket"].to_numpy()] = covered["covered"].to_numpy()
    return seconds


def seconds_due(postings: Iterable[Posting], sensors: Sequence[str], buckets: Buckets) -> Seconds:
    """Seconds in which sensors existed, by sensor and bucket."""
    edges = np.array(buckets.edges)
    seconds = np.zeros((len(sensors), len(buckets)), np.int32)
    places = {sensor: place for place, sensor in enumerate(sensors)}
    for posting in postings:
        since, until = posting.minutes
        existed = np.clip(edges, edges[0] if since is None else since, edges[-1] if until is None else until)
        seconds[places[posting.sensor]] += np.diff(existed).astype(np.int32) * 60
    return seconds


def by_sensor(sensors: Sequence[str], seconds: Seconds) -> dict[str, Sequence[int]]:
    """The same as Python's numbers, in the room of numpy's."""
    return {sensor: array("i", row.tobytes()) for sensor, row in zip(sensors, seconds, strict=True)}
