"""Coverage: which minutes a capture watched, and where its frames are booked."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from capture_files import block, enhanced, interface, option, pcap, section, statistics
from ledgers import NOON, SECOND, Site, at, capture, day, ramp, read, syn

from darkscope.ingest.coverage import coverage_rows
from darkscope.ingest.fates import FATES, HOUR, MINUTE, NO_HOUR, Hour
from darkscope.ingest.ledger.verify import verify
from darkscope.ingest.series import COVERAGE
from darkscope.ingest.settings import Ingest

H = 1_593_000_000 // 3600
"""An hour, counted from 1970."""


def hour(first_minute: int, last_minute: int, *counts: int, at: int = H) -> Hour:
    start = at * HOUR
    booked = np.zeros(FATES, np.int64)
    booked[: len(counts)] = counts
    return Hour(start + first_minute * MINUTE, start + last_minute * MINUTE + 59 * SECOND, booked)


def rows(
    hours: dict[int, Hour], before: int = 0, bridge: int = 15, dropped: int = 0
) -> list[tuple[int, int, int, int]]:
    """Minute counted from hour H, minutes, frames, dropped."""
    made = coverage_rows("a", "eth0", hours, before, bridge, dropped)
    named: list[dict[str, Any]] = [dict(zip(("day", *COVERAGE.schema), row, strict=True)) for row in made]
    assert all((row["sensor"], row["point"]) == ("a", "eth0") for row in named)
    assert all(
        row["day"].toordinal() - date(1970, 1, 1).toordinal() == row["minute"] // 1440 for row in named
    )
    return [
        (row["minute"] - (H * 60 if row["minute"] else 0), row["minutes"], row["frames"], row["dropped"])
        for row in named
    ]


def test_a_capture_within_an_hour_is_one_stretch_from_its_first_to_its_last_minute() -> None:
    assert rows({H: hour(5, 9, 3, 1)}) == [(5, 5, 4, 0)]


def test_a_capture_of_some_hours_is_a_stretch_for_each() -> None:
    hours = {H: hour(50, 59, 3), H + 1: hour(0, 59, 5, at=H + 1), H + 2: hour(0, 7, 2, at=H + 2)}
    assert rows(hours) == [(50, 10, 3, 0), (60, 60, 5, 0), (120, 8, 2, 0)]


def test_a_silence_inside_a_capture_is_watched() -> None:
    hours = {H: hour(50, 51, 3), H + 3: hour(20, 21, 1, at=H + 3)}
    assert rows(hours) == [(50, 10, 3, 0), (60, 60, 0, 0), (120, 60, 0, 0), (180, 22, 1, 0)]


def test_a_silence_of_more_than_a_day_is_not() -> None:
    hours = {H: hour(50, 51, 3), H + 25: hour(20, 21, 1, at=H + 25)}
    assert rows(hours) == [(50, 2, 3, 0), (25 * 60 + 20, 2, 1, 0)]
    hours = {H: hour(50, 51, 3), H + 24: hour(20, 21, 1, at=H + 24)}
    assert sum(minutes for _, minutes, _, _ in rows(hours)) == 24 * 60 - 50 + 22


def test_a_resumed_capture_was_watched_since_its_earlier_reading() -> None:
    before = H * HOUR + 10 * MINUTE
    assert rows({H: hour(30, 31, 3)}, before) == [(10, 22, 3, 0)]
    assert rows({H + 1: hour(30, 31, 3, at=H + 1)}, before) == [(10, 50, 0, 0), (60, 32, 3, 0)]


def test_frames_without_a_believable_time_stand_at_minute_zero() -> None:
    without = Hour(0, 0, np.array([0, 0, 0, 0, 0, 0, 0, 0, 7, 0], np.int64))
    assert rows({NO_HOUR: without, H: hour(1, 1, 2)}) == [(1, 1, 2, 0), (0, 0, 7, 0)]


def test_lost_packets_are_booked_where_the_capture_ends() -> None:
    hours = {H: hour(59, 59, 3), H + 1: hour(0, 0, 3, at=H + 1)}
    assert rows(hours, dropped=5) == [(59, 1, 3, 0), (60, 1, 3, 5)]
    assert rows({}, dropped=5) == [(0, 0, 0, 5)]
    assert rows({}) == []


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "ledger", ingest=Ingest(rotation="5m"))


def stretches(site: Site) -> list[tuple[int, int, int, int]]:
    """Minute after noon, minutes, bridge, frames."""
    return [
        (row["minute"] - NOON // 60, row["minutes"], row["bridge"], row["frames"])
        for row in site.rows(COVERAGE)
    ]


def test_each_stretch_says_how_much_silence_after_it_still_counts(site: Site) -> None:
    site.take(ramp(0, 61), "/spool/a/1.pcap")
    site.take(ramp(240, 61), "/spool/a/2.pcap")
    assert stretches(site) == [(0, 2, 5, 61), (4, 2, 5, 61)]


def test_the_rows_of_a_ledger_add_up_to_the_frames_of_its_captures(site: Site) -> None:
    worker = site.worker()
    read(worker, pcap([at(0), at(-(10**9)), at(3600), at(100 * 3600)]), "/spool/a/1.pcap")
    read(worker, pcap([at(0)], link=147), "/spool/b/1.pcap")
    committed = worker.commit()
    assert committed is not None
    assert committed.frames == 5
    assert sum(row["frames"] for row in site.rows(COVERAGE)) == 5
    assert site.booked() == {
        "frames": 5,
        "inbound": 3,
        "rejected_implausible_time": 1,
        "rejected_link_type": 1,
    }
    assert verify(site.ledger).faults == ()


def test_a_capture_whose_clock_jumped_leaves_the_years_between_to_others(site: Site) -> None:
    """One frame of 2001, then the right time: the capture did not watch for nineteen years."""
    years = 19 * 365 * 86_400
    site.take(pcap([at(-years), *(at(second) for second in range(60))]), "/spool/a/1.pcap")
    site.take(capture(*(range(-86_400, -86_340))), "/spool/a/2.pcap")
    assert site.booked() == {"frames": 121, "inbound": 121}
    assert sum(row["minutes"] for row in site.rows(COVERAGE)) == 3
    assert verify(site.ledger).faults == ()


def test_interfaces_of_one_capture_are_points_of_their_own(site: Site) -> None:
    ticks = NOON * 1_000_000
    name = option(2, b"eth0")
    data = (
        section()
        + interface(options=name)
        + interface()
        + b"".join(enhanced(syn(), ticks + second * 1_000_000, interface=second % 2) for second in range(40))
    )
    data += statistics(0, option(5, (9).to_bytes(8, "little"))) + block(0xBAD)
    site.take(data, "/spool/a/1.pcapng")
    assert [(row["point"], row["frames"], row["dropped"]) for row in site.rows(COVERAGE)] == [
        ("#1", 20, 0),
        ("eth0", 20, 9),
    ]
    assert site.take(data, "/spool/a/2.pcapng") is None
    assert site.booked() == {"frames": 40, "inbound": 40, "dropped": 9}
    assert {row["day"] for row in site.rows(COVERAGE)} == {day("2020-06-24")}
    assert verify(site.ledger).faults == ()
