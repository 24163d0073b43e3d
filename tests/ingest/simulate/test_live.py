from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dpkt
import pytest

from darkscope.ingest.settings import load
from darkscope.ingest.simulate import SETTINGS, Compression, Scenario, feed, scenario, simulate
from darkscope.ingest.simulate.scenario import Truth

NOW = datetime(2026, 11, 25, 12, 0, 30, tzinfo=UTC)  # a Wednesday
SPRING = scenario("2020-q2")
WEEKS = replace(
    SPRING,
    truth=Truth((date(2020, 6, 1), date(2020, 6, 30)), (date(2020, 5, 23), date(2020, 5, 31)), (), ()),
    outages=(),
    attacks=(),
    visits=(),
)
"""Five weeks and a half of the scenario."""


class Clock:
    """Time that passes only while somebody waits, up to an end that is then asked for."""

    def __init__(self, now: datetime, end: datetime) -> None:
        self.now, self.end = now, end

    def __call__(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += timedelta(seconds=seconds)
        return self.now > self.end


def times(folder: Path) -> dict[str, list[float]]:
    """Times of the frames in each capture, by its path."""
    return {
        str(path.relative_to(folder)): [time for time, _ in frames(path)]
        for path in sorted(folder.glob("*/*.pcap"))
    }


def run(folder: Path, now: datetime, end: datetime, shown: Scenario = WEEKS, scale: float = 0.2) -> int:
    clock = Clock(now, end)
    return feed(shown, folder, scale=scale, seed=3, clock=clock, wait=clock.wait)


def test_what_has_passed_is_there_at_once_and_each_minute_comes_when_it_is_over(tmp_path: Path) -> None:
    files = run(tmp_path, NOW, NOW + timedelta(minutes=2))
    found = times(tmp_path)
    assert files == len(found)
    begin = NOW.replace(hour=0, second=0).timestamp()
    noon = NOW.replace(second=0).timestamp()
    names = {name.partition("/")[2] for name in found}
    assert {name for name in names if name > "2026-11-25T0001"} <= {
        "2026-11-25T1200.pcap",
        "2026-11-25T1201.pcap",
    }
    assert "2026-11-25T0000.pcap" in names
    for name, inside in found.items():
        if name.endswith("2026-11-25T0000.pcap"):
            assert begin <= min(inside)
            assert max(inside) < noon
        elif name.endswith("2026-11-25T1201.pcap"):
            assert noon + 60 <= min(inside)
            assert max(inside) < noon + 120
    assert max(max(inside) for inside in found.values()) < (NOW + timedelta(minutes=2)).timestamp()


def test_all_is_moved_by_whole_weeks_and_four_weeks_are_still_to_come(tmp_path: Path) -> None:
    run(tmp_path, NOW, NOW)
    first = (tmp_path / SETTINGS).read_text().splitlines()[0]
    assert "SIMULATED captures" in first
    days = int(first.rpartition("moved by ")[2].split()[0])
    assert days % 7 == 0
    last = date(2020, 6, 30) + timedelta(days=days)
    assert 28 <= (last - NOW.date()).days <= 34
    assert len(load(tmp_path / SETTINGS, {}, {}).settings.sensors) == len(SPRING.sensors)


def test_the_days_before_have_the_frames_of_the_scenario_at_other_times(tmp_path: Path) -> None:
    simulate(WEEKS, tmp_path / "plain", scale=0.2, seed=3, compression=Compression.NONE)
    run(tmp_path / "live", NOW, NOW)
    plain = frames(tmp_path / "plain" / "sendai-1" / "2020-05-24.pcap")
    first = (tmp_path / "live" / SETTINGS).read_text().splitlines()[0]
    moved = timedelta(days=int(first.rpartition("moved by ")[2].split()[0]))
    name = f"{date(2020, 5, 24) + moved}T0000.pcap"
    assert [
        (time - moved.total_seconds(), frame) for time, frame in frames(tmp_path / "live" / "sendai-1" / name)
    ] == plain
    assert len(plain) > 10


def frames(capture: Path) -> list[tuple[float, bytes]]:
    with capture.open("rb") as file:
        return [(round(time, 6), frame) for time, frame in dpkt.pcap.Reader(file)]


def test_started_again_it_goes_on_with_the_same_and_changes_no_byte_of_the_days_before(
    tmp_path: Path,
) -> None:
    run(tmp_path, NOW, NOW + timedelta(minutes=1))
    before = {path: path.read_bytes() for path in tmp_path.glob("*/*T0000.pcap") if "11-25" not in path.name}
    later = NOW + timedelta(days=3)
    run(tmp_path, later, later)
    assert before
    assert {path: path.read_bytes() for path in before} == before
    assert "2026-11-28T0000.pcap" in {path.name for path in tmp_path.glob("*/*")}


def test_it_ends_with_the_scenario(tmp_path: Path) -> None:
    run(tmp_path, NOW, NOW)
    later = NOW + timedelta(days=60)
    assert run(tmp_path, later, later + timedelta(days=999)) > 0
    assert run(tmp_path, later, later + timedelta(days=999)) > 0


def test_settings_of_somebodys_own_stay(tmp_path: Path) -> None:
    (tmp_path / SETTINGS).write_text("worker = 'mine'\n")
    with pytest.raises(FileExistsError):
        run(tmp_path, NOW, NOW)
