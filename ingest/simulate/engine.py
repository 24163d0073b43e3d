"""From a scenario to a folder of captures and the settings that go with them.

Seeded: the same scenario, scale and seed give the same bytes. Memory is bounded by one day of packets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from darkscope.ingest.simulate.files import capture, ending, write
from darkscope.ingest.simulate.frames import render
from darkscope.ingest.simulate.scenario import Compression, Scenario
from darkscope.ingest.simulate.settings_file import settings_text
from darkscope.ingest.simulate.traffic import Traffic, rotation, wiring

SETTINGS = "darkscope.toml"


@dataclass(frozen=True, slots=True)
class Written:
    """What a simulation left on disk."""

    files: int
    packets: int  # frames, ARP and the sensors' own included
    bytes: int


def simulate(
    scenario: Scenario,
    to: Path,
    *,
    scale: float = 1.0,
    seed: int | None = None,
    compression: Compression | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Written:
    """Write the captures of a scenario below a folder, and `darkscope.toml` beside them.

    `scale` multiplies the packets; `compression` overrides what each sensor uses; `progress` is told days done and
    days in all. Raises OSError where the folder cannot be written, ValueError where the scenario contradicts itself.
    """
    traffic = Traffic(scenario, scale=scale, seed=scenario.seed if seed is None else seed)
    to.mkdir(parents=True, exist_ok=True)
    (to / SETTINGS).write_text(settings_text(scenario), encoding="utf-8")
    files = packets = size = 0
    for index in range(traffic.plan.days):
        for path, count, content, packing in day_files(traffic, index, compression):
            size += write(to / path, content, packing)
            files += 1
            packets += count
        if progress is not None:
            progress(index + 1, traffic.plan.days)
    return Written(files, packets, size)


def day_files(
    traffic: Traffic, index: int, compression: Compression | None = None
) -> Iterator[tuple[Path, int, bytes, Compression]]:
    """The capture files of one UTC day: path below the folder, frames, content, how to compress it."""
    packets = traffic.day(index)
    day = traffic.plan.day(index)
    cables = wiring(traffic.scenario.sensors)
    bounds = np.searchsorted(packets.sensor, np.arange(len(traffic.scenario.sensors) + 1))
    for number, sensor in enumerate(traffic.scenario.sensors):
        of_sensor = packets.take(slice(int(bounds[number]), int(bounds[number + 1])))
        if not len(of_sensor):
            continue
        hours = rotation(sensor, traffic.plan, index)
        frames, length = render(of_sensor, traffic.layouts, cables)
        begins = np.searchsorted(of_sensor.hour, np.arange(0, 25, hours))
        packing = sensor.compression if compression is None else compression
        for part in range(24 // hours):
            rows = slice(int(begins[part]), int(begins[part + 1]))
            order = np.argsort(of_sensor.time[rows], kind="stable")
            content = capture(
                sensor.container,
                of_sensor.time[rows][order],
                frames[rows][order],
                length[rows][order],
                "eth0",
            )
            clock = "" if hours == 24 else f"T{part * hours:02d}"
            name = f"{day.isoformat()}{clock}{ending(sensor.container, packing)}"
            yield Path(sensor.id) / name, len(order), content, packing
