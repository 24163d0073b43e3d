"""What becomes of each frame, and when: the conservation law begins here.

Every frame of a capture ends with exactly one fate, and is counted by the hour under it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from darkscope.ingest.compiled import compiled
from darkscope.ingest.decode.columns import DECODED, IMPLAUSIBLE_TIME, SEALED
from darkscope.ingest.sensors import OUTSIDE
from darkscope.ingest.series import Rejected

OVERLAP = 3
"""Fate of a frame left out as overlap; 0..2 are its direction (`sensors`)."""
REJECTED = 4
"""Fate of a rejected frame: this + the index of its reason."""
SKIPPED = 255
"""Not looked at: of another interface, or on a day that was not asked for."""
FATES = REJECTED + len(Rejected)
WITHOUT_TIME = REJECTED + IMPLAUSIBLE_TIME - 1

MINUTE = 60 * 1_000_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NO_HOUR = -1


@compiled
def decide(
    fate: npt.NDArray[np.uint8],
    outcome: npt.NDArray[np.uint8],
    direction: npt.NDArray[np.uint8],
    interface: npt.NDArray[np.int32],
    wanted: int,
    time: npt.NDArray[np.int64],
    since: int,
    until: int,
    taken: npt.NDArray[np.int64],
    sealed: npt.NDArray[np.int64],
    asked: npt.NDArray[np.int64],
    everything: bool,
) -> None:
    """Decide what becomes of each frame of the wanted interface, by the first of these that holds.

    Its time is not plausible; its day is not among those asked for (unless everything is); another capture of the
    point has its time; its day is sealed; decoding rejected it; its direction. `taken` has rows of first and last
    nanosecond, sorted, without overlap; `sealed` and `asked` are sorted UTC days since 1970.
    """
    day_start = np.int64(-DAY)
    is_asked = is_sealed = False
    for index in range(len(fate)):
        if interface[index] != wanted:
            fate[index] = SKIPPED
            continue
        when = time[index]
        if when < since or when >= until or direction[index] == OUTSIDE:
            fate[index] = WITHOUT_TIME if everything else SKIPPED
            continue
        if when < day_start or when >= day_start + DAY:
            day_start = when // DAY * DAY
            is_asked = everything or _holds(asked, day_start // DAY)
            is_sealed = _holds(sealed, day_start // DAY)
        if not is_asked:
            fate[index] = SKIPPED
            continue
        if len(taken):
            place = np.searchsorted(taken[:, 0], when, side="right") - 1
            if place >= 0 and when <= taken[place, 1]:
                fate[index] = OVERLAP
                continue
        if is_sealed:
            fate[index] = REJECTED + SEALED - 1
        elif outcome[index] != DECODED:
            fate[index] = REJECTED + outcome[index] - 1
        else:
            fate[index] = direction[index]


@compiled
def _holds(days: npt.NDArray[np.int64], day: int) -> bool:
    place = np.searchsorted(days, day)
    return bool(place < len(days) and days[place] == day)


@compiled
def _stretches(
    fate: npt.NDArray[np.uint8],
    time: npt.NDArray[np.int64],
    hours: npt.NDArray[np.int64],
    low: npt.NDArray[np.int64],
    high: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
) -> int:
    runs = 0
    hour_start = np.int64(-HOUR)
    for index in range(len(fate)):
        what = fate[index]
        if what == SKIPPED:
            continue
        hour = np.int64(NO_HOUR)
        when = np.int64(0)
        if what != WITHOUT_TIME:
            when = time[index]
            if when < hour_start or when >= hour_start + HOUR:
                hour_start = when // HOUR * HOUR
            hour = (
                hour_start // HOUR if runs == 0 or hours[runs - 1] * HOUR != hour_start else hours[runs - 1]
            )
        if runs == 0 or hours[runs - 1] != hour:
            hours[runs] = hour
            low[runs] = when
            high[runs] = when
            counts[runs, :] = 0
            runs += 1
        run = runs - 1
        low[run] = min(low[run], when)
        high[run] = max(high[run], when)
        counts[run, what] += 1
    return runs


@dataclass(slots=True)
class Hour:
    """What came of the frames of one hour."""

    low: int  # earliest time, nanoseconds since 1970
    high: int  # latest
    counts: npt.NDArray[np.int64]  # frames by fate, (FATES,)


def count_hours(hours: dict[int, Hour], fate: npt.NDArray[np.uint8], time: npt.NDArray[np.int64]) -> None:
    """Count fates by the hour; frames without a believable time stand at NO_HOUR."""
    space = len(fate)
    found, low, high = (np.empty(space, np.int64) for _ in range(3))
    counts = np.empty((space, FATES), np.int64)
    for run in range(_stretches(fate, time, found, low, high, counts)):
        known = hours.get(int(found[run]))
        if known is None:
            hours[int(found[run])] = Hour(int(low[run]), int(high[run]), counts[run].copy())
        else:
            known.low = min(known.low, int(low[run]))
            known.high = max(known.high, int(high[run]))
            known.counts += counts[run]


def believable(
    time: npt.NDArray[np.int64], interface: npt.NDArray[np.int32], index: int, earliest: int, until: int
) -> npt.NDArray[np.int64]:
    """Times of one interface's frames that may be true, from the earliest on, before the other bound."""
    found: npt.NDArray[np.int64] = time[(interface == index) & (time >= earliest) & (time < until)]
    return found


def note_hours(hours: dict[int, Hour], time: npt.NDArray[np.int64]) -> None:
    """Note in which hours there were frames, without counting any."""
    for hour in np.unique(time // HOUR).tolist():
        within = time[time // HOUR == hour]
        low, high = int(within.min()), int(within.max())
        known = hours.setdefault(hour, Hour(low, high, np.zeros(FATES, np.int64)))
        known.low, known.high = min(known.low, low), max(known.high, high)
