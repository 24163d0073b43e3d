from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from flows import flow, flows, minute

from darkscope.ingest.ledger.files import DataFile, write_file
from darkscope.ingest.ledger.plan import Change, Plan, Removal
from darkscope.ingest.ledger.storage import Folder
from darkscope.ingest.measurements import Resolution
from darkscope.ingest.projection.changes import days_between, of_days, of_plans
from darkscope.ingest.projection.waiting import Task, Work
from darkscope.ingest.series import COVERAGE, EVENTS, FLOWS, SOURCES, Table

DAY = date(2020, 6, 24)
BEFORE = DAY - timedelta(days=1)
MIDNIGHT, NOON = minute(DAY), minute(DAY, 12)
MINUTES, HOURS, DAYS = Resolution
NOW = 1000.0

Short = tuple[Work, Resolution, int, int]
"""What a task is about."""


def of(kind: str = "ingest", **changes: Change) -> list[Task]:
    """Tasks of one plan; all wait since now."""
    found = of_plans([Plan(2, 1, "one", kind, changes)], NOW)
    assert {task.since for task in found} <= {NOW}
    return found


def shorts(found: Sequence[Task], **how: bool) -> list[Short]:
    """Tasks as what they are about; each is whole, and swept as `sweep` says."""
    for task in found:
        assert (task.whole, task.sweep, bool(task.touched)) == (True, how.get("sweep", False), False)
    return [(task.work, task.resolution, task.low, task.high) for task in found]


def of_flows(folder: Path, *minutes: int) -> DataFile:
    return write_file(Folder(folder), FLOWS, day_of(minutes[0]), flows([flow(at) for at in minutes]))


def of_coverage(folder: Path, *stretches: tuple[int, int, int]) -> DataFile:
    """A file of coverage: minute, minutes and bridge."""
    zeros = dict.fromkeys(COVERAGE.schema, 0) | {"sensor": "a", "point": ""}
    rows = [
        {**zeros, "minute": at, "minutes": minutes, "bridge": bridge} for at, minutes, bridge in stretches
    ]
    return write_file(Folder(folder), COVERAGE, day_of(stretches[0][0]), pl.DataFrame(rows))


def of_events(folder: Path, day: date) -> DataFile:
    row: dict[str, Any] = dict.fromkeys(EVENTS.schema, "") | {"start": 0, "end": 0}
    return write_file(Folder(folder), EVENTS, day, pl.DataFrame([row]))


def day_of(at: int) -> date:
    return date(1970, 1, 1) + timedelta(minutes=at)


def removal(day: date) -> Removal:
    return Removal("day=x/y.parquet", day.isoformat(), 1)


def everything_of(day: date) -> list[Short]:
    low = minute(day)
    return [
        (work, resolution, start, start + slot)
        for resolution, slot in ((MINUTES, 60), (HOURS, 1440), (DAYS, 1440))
        for work in Work
        for start in range(low, low + 1440, slot)
    ]


def test_flows_bear_on_the_minutes_hours_and_days_from_the_first_to_the_last(tmp_path: Path) -> None:
    file = of_flows(tmp_path, NOON + 50, NOON + 55, NOON + 60)
    assert shorts(of(flows=Change([file]))) == [
        (Work.TRAFFIC, MINUTES, NOON + 50, NOON + 60),
        (Work.TRAFFIC, MINUTES, NOON + 60, NOON + 61),
        (Work.TRAFFIC, HOURS, NOON, NOON + 120),
        (Work.TRAFFIC, DAYS, MIDNIGHT, MIDNIGHT + 1440),
    ]


def test_coverage_bears_on_what_it_bridges_too_and_lists_the_days_sensors(tmp_path: Path) -> None:
    file = of_coverage(tmp_path, (MIDNIGHT + 5, 30, 0), (MIDNIGHT + 100, 20, 15))
    low, high = MIDNIGHT + 5 - 15, MIDNIGHT + 100 + 30  # a stretch before may be bridged into the day before
    assert shorts(of(coverage=Change([file]))) == [
        (Work.COVERAGE, MINUTES, low, MIDNIGHT),
        (Work.COVERAGE, MINUTES, MIDNIGHT, MIDNIGHT + 60),
        (Work.COVERAGE, MINUTES, MIDNIGHT + 60, MIDNIGHT + 120),
        (Work.COVERAGE, MINUTES, MIDNIGHT + 120, high),
        (Work.COVERAGE, HOURS, MIDNIGHT - 60, MIDNIGHT),
        (Work.COVERAGE, HOURS, MIDNIGHT, MIDNIGHT + 180),
        (Work.COVERAGE, DAYS, MIDNIGHT - 1440, MIDNIGHT),
        (Work.COVERAGE, DAYS, MIDNIGHT, MIDNIGHT + 1440),
        *((Work.SENSORS, MINUTES, start, start + 60) for start in range(MIDNIGHT, MIDNIGHT + 1440, 60)),
        (Work.SENSORS, HOURS, MIDNIGHT, MIDNIGHT + 1440),
        (Work.SENSORS, DAYS, MIDNIGHT, MIDNIGHT + 1440),
    ]


def test_nothing_is_before_1970(tmp_path: Path) -> None:
    """Frames without a believable time stand at its first minute."""
    found = shorts(of(coverage=Change([of_coverage(tmp_path, (0, 0, 15), (1, 0, 0))])))
    assert min(low for _, _, low, _ in found) == 0
    assert [one for one in found if one[0] is Work.COVERAGE] == [
        (Work.COVERAGE, MINUTES, 0, 1),
        (Work.COVERAGE, HOURS, 0, 60),
        (Work.COVERAGE, DAYS, 0, 1440),
    ]


def test_events_bear_on_their_whole_day(tmp_path: Path) -> None:
    expected = [one for one in everything_of(DAY) if one[0] is Work.EVENTS]
    assert shorts(of("events", events=Change([of_events(tmp_path, DAY)]))) == expected


@pytest.mark.parametrize("table", [FLOWS, COVERAGE])
def test_a_day_that_something_was_taken_from_is_written_whole_and_what_vanished_is_looked_for(
    tmp_path: Path, table: Table
) -> None:
    changes = {
        FLOWS.name: Change([of_flows(tmp_path, NOON), of_flows(tmp_path, minute(BEFORE, 9))]),
        COVERAGE.name: Change([of_coverage(tmp_path, (NOON, 60, 15))]),
    }
    changes[table.name].remove.append(removal(DAY))
    found = of("forget", **changes)
    count = len(everything_of(DAY))
    assert shorts(found[:count], sweep=True) == everything_of(DAY)
    assert shorts(found[count:]) == [
        (Work.TRAFFIC, MINUTES, minute(BEFORE, 9), minute(BEFORE, 9, 1)),
        (Work.TRAFFIC, HOURS, minute(BEFORE, 9), minute(BEFORE, 10)),
        (Work.TRAFFIC, DAYS, minute(BEFORE), MIDNIGHT),
    ]


def test_several_days_are_taken_in_their_order_each_once() -> None:
    gone = Change([], [removal(DAY), removal(BEFORE), removal(DAY)])
    found = of("forget", flows=gone, coverage=gone)
    assert shorts(found, sweep=True) == [*everything_of(BEFORE), *everything_of(DAY)]


@pytest.mark.parametrize("kind", ["upkeep", "expire", "promote"])
def test_of_what_moves_no_sum_nothing_follows(tmp_path: Path, kind: str) -> None:
    assert of(kind, flows=Change([of_flows(tmp_path, NOON)], [removal(DAY)])) == []


def test_of_tables_that_are_not_projected_nothing_follows() -> None:
    assert of(**{SOURCES.name: Change([], [removal(DAY)])}) == []


def test_plans_follow_one_another(tmp_path: Path) -> None:
    files = [of_flows(tmp_path, NOON), of_flows(tmp_path, NOON + 1440)]
    plans = [Plan(n, n, "one", "ingest", {FLOWS.name: Change([file])}) for n, file in enumerate(files)]
    upkeep = Plan(9, 1, "one", "upkeep", {FLOWS.name: Change(files)})
    assert of_plans([plans[0], upkeep, plans[1]], NOW) == [
        *of_plans(plans[:1], NOW),
        *of_plans(plans[1:], NOW),
    ]


def test_days_can_be_asked_for_in_some_steps_only() -> None:
    found = list(of_days([DAY], NOW, sweep=False, resolutions=[DAYS]))
    assert shorts(found) == [(work, DAYS, MIDNIGHT, MIDNIGHT + 1440) for work in Work]


def test_days_between_two_days_are_both_of_them_and_all_within() -> None:
    assert list(days_between(date(2020, 2, 28), date(2020, 3, 1))) == [
        date(2020, 2, 28),
        date(2020, 2, 29),
        date(2020, 3, 1),
    ]
    assert list(days_between(DAY, DAY)) == [DAY]
    assert list(days_between(DAY, BEFORE)) == []
