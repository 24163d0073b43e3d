"""From a scenario to a folder of captures and the settings that go with them.

Seeded: the same scenario, scale and seed give the same bytes. Memory is bounded by one day of packets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from darkscope.ingest.simulate.devices_file import devices_text
from darkscope.ingest.simulate.files import capture, ending, write
from darkscope.ingest.simulate.frames import render
from darkscope.ingest.simulate.scenario import Compression, Scenario
from darkscope.ingest.simulate.settings_file import DEVICES, MARK, settings_text
from darkscope.ingest.simulate.targets import rotation, wiring
from darkscope.ingest.simulate.traffic import Traffic

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
    """Write the captures of a scenario below a folder, and beside them `darkscope.toml` and what it names.

    `scale` multiplies the packets; `compression` overrides what each sensor uses; `progress` is told days
    done and days in all. Raises OSError where the folder cannot be written (FileExistsError where it holds
    settings of somebody's own), ValueError where the scenario contradicts itself.
    """
    traffic = Traffic(scenario, scale=scale, seed=scenario.seed if seed is None else seed)
    write_settings(to / SETTINGS, scenario)
    write_devices(to / DEVICES, traffic)
    files = packets = size = 0
    for index in range(traffic.plan.days):
        for path, count, content, packing in day_files(traffic, index, compression):
            size += write(to / path, content, packing)
            files += 1
            packets += count
        if progress is not None:
            progress(index + 1, traffic.plan.days)
    return Written(files, packets, size)


def write_settings(path: Path, scenario: Scenario, remark: str = "") -> None:
    """Write the settings that go with captures of a scenario. Raises FileExistsError where somebody's own are there."""
    if path.exists() and MARK not in path.read_text(encoding="utf-8", errors="replace"):
        raise FileExistsError(f"{path} is not from a simulation: it stays as it is; choose another folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(settings_text(scenario, remark), encoding="utf-8")


def write_devices(path: Path, traffic: Traffic, until: date | None = None, moved: int = 0) -> None:
    """Write the devices that the settings name, where the scenario has investigations; see `devices_text`."""
    if traffic.scenario.investigations:
        path.write_text(devices_text(traffic, until, moved), encoding="utf-8")


def day_files(
    traffic: Traffic, index: int, compression: Compression | None = None
) -> Iterator[tuple[Path, int, bytes, Compression]]:
    """Make the capture files of one UTC day: path below the folder, frames, content, how to compress it."""
    packets = traffic.day(index)
    day = traffic.plan.day(index)
    frames, length = render(packets, traffic.layouts, wiring(traffic.scenario.sensors))
    bounds = np.searchsorted(packets.sensor, np.arange(len(traffic.scenario.sensors) + 1))
    for number, sensor in enumerate(traffic.scenario.sensors):
        begin, end = int(bounds[number]), int(bounds[number + 1])
        if traffic.out[number, index]:
            continue
        hours = rotation(sensor, day)
        begins = begin + np.searchsorted(packets.hour[begin:end], np.arange(0, 25, hours))
        packing = sensor.compression if compression is None else compression
        for part in range(24 // hours):
            rows = slice(int(begins[part]), int(begins[part + 1]))
            order = np.argsort(packets.time[rows], kind="stable") + rows.start
            content = capture(sensor.container, packets.time[order], frames[order], length[order], "eth0")
            clock = "" if hours == 24 else f"T{part * hours:02d}"
            name = f"{day.isoformat()}{clock}{ending(sensor.container, packing)}"
            yield Path(sensor.id) / name, len(order), content, packing
