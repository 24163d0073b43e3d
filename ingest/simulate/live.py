"""A scenario as if it were going on now: the days before today at once, then minute after minute as it passes.

All is moved by whole weeks, so that weekdays keep their rhythm; how far stands in the settings that are written beside
the captures, and whoever starts again in the same folder goes on with the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

from darkscope.ingest.simulate.clock import HOUR, SECOND
from darkscope.ingest.simulate.engine import SETTINGS, write_devices, write_settings
from darkscope.ingest.simulate.files import capture, ending, write
from darkscope.ingest.simulate.frames import render
from darkscope.ingest.simulate.scenario import Compression, Container, Scenario
from darkscope.ingest.simulate.settings_file import DEVICES
from darkscope.ingest.simulate.targets import wiring
from darkscope.ingest.simulate.traffic import Traffic

AHEAD = 28
"""Days of the scenario, at least, that are still to come when it begins."""

MINUTE = 60 * SECOND
DAY = 24 * HOUR

_MOVED = "moved by {days} days"


def feed(
    scenario: Scenario,
    to: Path,
    *,
    scale: float,
    seed: int | None,
    clock: Callable[[], datetime],
    wait: Callable[[float], bool],
) -> int:
    """Write captures below a folder until the scenario is over or the end is asked for; how many files.

    `clock` gives the present time, UTC; `wait` waits for so many seconds at most, and says whether the end was asked
    for. Raises OSError where the folder cannot be written, as `simulate` does.
    """
    traffic = Traffic(scenario, scale=scale, seed=scenario.seed if seed is None else seed)
    last = traffic.plan.day(traffic.plan.days - 1)
    moved = _moved(to / SETTINGS, last, clock().date())
    write_settings(to / SETTINGS, scenario, _MOVED.format(days=moved))
    yesterday = clock().date() - timedelta(days=moved + 1)
    write_devices(to / DEVICES, traffic, yesterday, moved)
    files = 0
    for index in range(traffic.plan.days):
        day = traffic.plan.day(index) + timedelta(days=moved)
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
        minutes: list[tuple[int, int]] = [(0, 1440)]
        if begin + timedelta(days=1) > clock():
            passed = max(0, (clock() - begin) // timedelta(minutes=1))
            minutes = [(0, passed), *((minute, minute + 1) for minute in range(passed, 1440))]
        pieces = _pieces(traffic, index, moved, minutes)
        for (_, end), piece in zip(minutes, pieces, strict=True):
            while (left := (begin + timedelta(minutes=end) - clock()).total_seconds()) > 0:
                if wait(left):
                    return files
            for path, content in piece:
                write(to / path, content, Compression.NONE)
                files += 1
            if wait(0):
                return files
    return files


def _moved(settings: Path, last: date, today: date) -> int:
    """Days by which all is moved: as the folder's settings say, else whole weeks so that enough is still to come."""
    try:
        said = re.search(_MOVED.format(days=r"(\d+)"), settings.read_text(encoding="utf-8"))
    except OSError:
        said = None
    if said:
        return int(said[1])
    weeks, rest = divmod((today - last).days + AHEAD, 7)
    return (weeks + (rest > 0)) * 7


def _pieces(
    traffic: Traffic, index: int, moved: int, minutes: list[tuple[int, int]]
) -> Iterator[list[tuple[Path, bytes]]]:
    """The captures of one UTC day, cut at minutes: for each stretch one file a sensor that saw something."""
    sensors = traffic.scenario.sensors
    packets = traffic.day(index)
    day = traffic.plan.day(index) + timedelta(days=moved)
    frames, length = render(packets, traffic.layouts, wiring(sensors))
    time = packets.time + moved * DAY
    begin = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * SECOND
    for first, end in minutes:
        until = (
            begin + end * MINUTE if end < 1440 else begin + DAY + HOUR
        )  # the day's last frames may be late
        chosen = np.flatnonzero((time >= begin + first * MINUTE) & (time < until))
        chosen = chosen[np.lexsort((time[chosen], packets.sensor[chosen]))]
        bounds = np.searchsorted(packets.sensor[chosen], np.arange(len(sensors) + 1))
        piece = []
        for number, sensor in enumerate(sensors):
            rows = chosen[bounds[number] : bounds[number + 1]]
            if len(rows):
                name = f"{day.isoformat()}T{first // 60:02d}{first % 60:02d}{ending(Container.PCAP, Compression.NONE)}"
                content = capture(Container.PCAP, time[rows], frames[rows], length[rows], "eth0")
                piece.append((Path(sensor.id) / name, content))
        yield piece
