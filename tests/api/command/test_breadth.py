from __future__ import annotations

from collections.abc import Callable
from typing import Any

Run = Callable[..., tuple[int, str, str]]

SENSORS = ("home-1", "home-2", "abroad-1")
COVERAGE = [
    {"minute": f"2020-06-{day:02}T{hour:02}:00", "sensor": sensor}
    for sensor in SENSORS
    for day in range(1, 30)
    for hour in range(24)
]


def flows(packets: Callable[[str, int], int], **row: Any) -> list[dict[str, Any]]:
    return [
        {"minute": f"2020-06-{day:02}T10:00", "sensor": sensor, "packets": packets(sensor, day), **row}
        for sensor in SENSORS
        for day in range(1, 30)
    ]


def test_a_verdict_stands_above_the_sensors(run: Run) -> None:
    seen = flows(lambda sensor, day: 900 if (sensor, day) == ("home-2", 20) else 100)
    code, output, errors = run("breadth --period 2020-06-20 --against 2020-06-19", seen, COVERAGE)
    assert (code, errors) == (0, "")
    title, verdict, _, _, _, first, *_ = output.splitlines()
    assert title == "Breadth, 2020-06-20"
    assert verdict == "local: home-2 explains it: without home-2 0% of the rise remains"
    assert first.split() == ["home-2", "900", "100", "900.0", "100.0", "9.00", "100%", "yes"]
