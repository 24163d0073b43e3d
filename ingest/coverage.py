"""Rows of `coverage` from the hours of one capture: what was watched, and what became of every frame."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import numpy.typing as npt

from darkscope.ingest.fates import FATES, MINUTE, NO_HOUR, Hour
from darkscope.ingest.series import EPOCH

LONGEST_SILENCE = 24
"""Hours without a frame after which a capture does not count as watching any more: a broken clock, not a quiet net."""

Row = tuple[object, ...]


def coverage_rows(
    sensor: str, point: str, hours: dict[int, Hour], before: int, bridge: int, dropped: int
) -> list[Row]:
    """Rows of one capture and point: the `day`, then the table's columns in their order.

    `before` is the latest time of an earlier reading of the same capture (0: none), from which on it is watched;
    `bridge` the minutes of silence that a later capture may close; `dropped` is booked where the capture ends.
    """
    rows: list[Row] = []
    nothing = np.zeros(FATES, np.int64)
    known = {hour: (entry.low // MINUTE, entry.high // MINUTE, entry.counts) for hour, entry in hours.items()}
    without_time = known.pop(NO_HOUR, None)
    if before:
        minute = before // MINUTE
        low, high, counts = known.get(minute // 60, (minute, minute, nothing))
        known[minute // 60] = min(low, minute), max(high, minute), counts
    order = sorted(known)
    for index, hour in enumerate(order):
        low, high, counts = known[hour]
        follows = index + 1 < len(order) and order[index + 1] - hour <= LONGEST_SILENCE
        continues = index > 0 and hour - order[index - 1] <= LONGEST_SILENCE
        start = hour * 60 if continues else low
        end = hour * 60 + 59 if follows else high
        last = index + 1 == len(order)
        rows.append(_row(sensor, point, start, end - start + 1, bridge, counts, dropped if last else 0))
        if follows:
            rows.extend(
                _row(sensor, point, silent * 60, 60, bridge, nothing, 0)
                for silent in range(hour + 1, order[index + 1])
            )
    if without_time is not None or (dropped and not order):
        counts = nothing if without_time is None else without_time[2]
        rows.append(_row(sensor, point, 0, 0, 0, counts, 0 if order else dropped))
    return rows


def _row(
    sensor: str,
    point: str,
    minute: int,
    minutes: int,
    bridge: int,
    counts: npt.NDArray[np.int64],
    dropped: int,
) -> Row:
    fates = counts.tolist()
    day = EPOCH + timedelta(minutes=minute)
    return (day, minute, minutes, bridge, sensor, point, sum(fates), *fates, dropped)
