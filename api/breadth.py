"""Is a rise wide-area, or one sensor's? The packets of two periods, sensor by sensor, and a verdict (Q8).

Pure: counts in, a verdict out. Only sensors that watched enough of both periods are compared, by their rates, so that
an outage, a new sensor or one that left is no rise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import erfc, sqrt
from typing import ClassVar

from darkscope.api.ranking import SENSOR_DAY, Provenance

WATCHED = 0.5
"""Share of its time that a sensor must have watched in both periods to be compared."""

FEWEST = 3
"""Sensors below which nothing can be said."""

RISE = 1.2
"""Growth of the rate from which on it is called a rise."""

WIDE, LOCAL = 0.5, 0.2
"""Share of the rise that remains without the largest sensor: at least so much is wide, at most so much local."""

PART = 0.25
"""Part of the network's relative rise that a sensor needs to share in it."""

DOUBT = 0.05
"""Chance, over all sensors together, that one is said to share in a rise that is noise."""


class Verdict(StrEnum):
    """What a rise is."""

    WIDE = "wide"  # most sensors share it, and it remains without any one of them
    LOCAL = "local"  # one sensor explains it
    UNCLEAR = "unclear"  # no rise, too few sensors, or neither of the two


@dataclass(frozen=True, slots=True)
class Seen:
    """What one sensor saw of both periods."""

    sensor: str  # id
    packets: int
    previous_packets: int
    seconds: int  # watched
    previous_seconds: int
    expected: int  # seconds that it should have watched
    previous_expected: int

    @property
    def is_comparable(self) -> bool:
        """Whether it watched enough of both periods."""
        enough = self.seconds >= WATCHED * self.expected
        before = self.previous_seconds >= WATCHED * self.previous_expected
        return enough and before and bool(self.seconds) and bool(self.previous_seconds)

    @property
    def rate(self) -> float:
        """Packets a day of watched time."""
        return self.packets * SENSOR_DAY / self.seconds

    @property
    def previous_rate(self) -> float:
        """The same of the period before."""
        return self.previous_packets * SENSOR_DAY / self.previous_seconds

    @property
    def usual(self) -> float:
        """The rate before, with one packet more, so that what is new has a growth too."""
        return (self.previous_packets + 1) * SENSOR_DAY / self.previous_seconds

    @property
    def doubt(self) -> float:
        """Chance of so many packets or more, had nothing changed: of all, each falls into a period by its time.

        The normal approximation of the binomial test of two Poisson rates (Przyborowski and Wilenski, 1940).
        """
        together = self.packets + self.previous_packets
        part = self.seconds / (self.seconds + self.previous_seconds)
        deviation = sqrt(together * part * (1 - part))
        return erfc((self.packets - 0.5 - together * part) / deviation / sqrt(2)) / 2 if together else 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """One sensor's part in a rise."""

    sensor: str  # id
    label: str  # for people
    packets: int
    previous_packets: int
    per_day: float  # packets a day of watched time
    previous_per_day: float
    growth: float | None  # of the rate: 1 is no change; None where there were none before
    part: float  # of the rates' rises, of all sensors that rose
    shares: bool  # whether it shares in the rise


@dataclass(frozen=True, slots=True)
class Breadth:
    """How widely a rise is shared."""

    ROW: ClassVar = Row
    verdict: Verdict
    reason: str  # the verdict in a sentence
    growth: float | None  # of the sensors' rates together; None where there were no packets before
    sensors: int  # compared
    sharing: int  # sensors that share in the rise
    effective_sensors: float | None  # how many equal ones the rise would be of; None where none rose
    remaining: float | None  # share of the rise that is left without the largest; None where there is no rise
    largest: str | None  # id of the sensor with the largest rise
    rows: tuple[Row, ...]  # compared sensors, the largest rise first
    provenance: Provenance


def judge(seen: Iterable[Seen], *, label: Callable[[str], str], provenance: Provenance) -> Breadth:
    """Compare two periods sensor by sensor.

    `effective_sensors` is the participation ratio of the rises, (sum r)^2 / sum r^2 (Laakso and Taagepera's effective
    number): n where n sensors rise alike, 1 where one does. `remaining` is the relative rise of all others together
    over that of all.
    """
    compared = sorted(
        (one for one in seen if one.is_comparable),
        key=lambda one: (one.previous_rate - one.rate, one.sensor),
    )
    rises = [max(0.0, one.rate - one.previous_rate) for one in compared]
    growth = _growth(compared)
    rise = growth - 1
    rows = tuple(
        Row(
            one.sensor,
            label(one.sensor),
            one.packets,
            one.previous_packets,
            one.rate,
            one.previous_rate,
            one.rate / one.previous_rate if one.previous_packets else None,
            part / sum(rises) if part else 0.0,
            rise > 0 and one.doubt < DOUBT / len(compared) and one.rate / one.usual - 1 >= PART * rise,
        )
        for one, part in zip(compared, rises, strict=True)
    )
    sharing = sum(row.shares for row in rows)
    remaining = max(0.0, min(1.0, (_growth(compared[1:]) - 1) / rise)) if rise > 0 else None
    verdict, reason = _verdict(rows, growth, sharing, remaining)
    return Breadth(
        verdict,
        reason,
        _ratio(compared),
        len(rows),
        sharing,
        sum(rises) ** 2 / sum(one**2 for one in rises) if any(rises) else None,
        remaining,
        rows[0].sensor if any(rises) else None,
        rows,
        provenance,
    )


def _growth(compared: list[Seen]) -> float:
    before = sum(one.usual for one in compared)
    return sum(one.rate for one in compared) / before if before else 1.0


def _ratio(compared: list[Seen]) -> float | None:
    before = sum(one.previous_rate for one in compared)
    return sum(one.rate for one in compared) / before if before else None


def _verdict(
    rows: tuple[Row, ...], growth: float, sharing: int, remaining: float | None
) -> tuple[Verdict, str]:
    if len(rows) < FEWEST:
        few = "1 sensor" if len(rows) == 1 else f"{len(rows)} sensors"
        return Verdict.UNCLEAR, f"{few} watched both periods; {FEWEST} are needed"
    if growth < RISE or remaining is None:
        return Verdict.UNCLEAR, f"no rise: the sensors' rate is {growth:.2f} times that before"
    first = rows[0]
    left = f"without {first.label} {remaining:.0%} of the rise remains"
    if 2 * sharing >= len(rows) and remaining >= WIDE:
        return Verdict.WIDE, f"{sharing} of {len(rows)} sensors share the rise; {left}"
    if first.shares and remaining <= LOCAL:
        return Verdict.LOCAL, f"{first.label} explains it: {left}"
    return Verdict.UNCLEAR, f"{sharing} of {len(rows)} sensors share the rise; {left}"
