"""How much of a window the chosen sensors watched, beside how much they should have.

Pure: an outage is watched time that is missing, never a drop in traffic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NOTABLE = 0.01
"""Share of its expected time that a sensor may miss before that is called an outage."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Seconds of sensor time, by sensor id and bucket; both mappings have the same sensors."""

    covered: Mapping[str, tuple[int, ...]]
    expected: Mapping[str, tuple[int, ...]]  # without outages, up to now

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
        return [sum(column) for column in zip(*self.covered.values(), strict=True)]

    def shares(self) -> list[float | None]:
        """Watched share of each bucket; None where no time was expected."""
        expected = (sum(column) for column in zip(*self.expected.values(), strict=True))
        return [seen / due if due else None for seen, due in zip(self.by_bucket(), expected, strict=True)]
