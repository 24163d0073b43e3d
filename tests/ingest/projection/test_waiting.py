from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from flows import minute

from darkscope.ingest.measurements import Resolution
from darkscope.ingest.projection.folding import Owned
from darkscope.ingest.projection.waiting import FOR_EVER, TABLES, Task, Waiting, Watermark, Work, tasks
from darkscope.ingest.registry import Registry

DAY = date(2020, 6, 24)
MIDNIGHT, NOON = minute(DAY), minute(DAY, 12)
MINUTES, HOURS, DAYS = Resolution

TELNET = Owned(frozenset({(6, 23)}), frozenset({(6, 23, "VN")}), frozenset({"VN"}))
SMB = Owned(frozenset({(6, 445)}))


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    one = Registry(tmp_path, *TABLES)
    yield one
    one.close()


@pytest.fixture
def waits(registry: Registry) -> Waiting:
    return Waiting(registry, "here")


def of_minutes(low: int, high: int, since: float = 100.0, **how: object) -> Task:
    return replace(Task(Work.TRAFFIC, MINUTES, low, high, since), **how)


def of_day(since: float = 100.0, work: Work = Work.TRAFFIC, day: int = 0) -> Task:
    low = MIDNIGHT + day * 1440
    return Task(work, DAYS, low, low + 1440, since)


def all_of(waits: Waiting) -> list[Task]:
    return waits.next(1000)


# Stretches are cut


@pytest.mark.parametrize(
    ("resolution", "stretches"),
    [
        (MINUTES, [(NOON + 50, NOON + 60), (NOON + 60, NOON + 120), (NOON + 120, NOON + 121)]),
        (HOURS, [(NOON, NOON + 180)]),
        (DAYS, [(MIDNIGHT, MIDNIGHT + 1440)]),
    ],
)
def test_a_stretch_is_widened_to_whole_steps_and_cut_where_a_slot_ends(
    resolution: Resolution, stretches: list[tuple[int, int]]
) -> None:
    assert list(tasks(Work.TRAFFIC, resolution, NOON + 50, NOON + 121, 7.0, sweep=True, touched=SMB)) == [
        Task(Work.TRAFFIC, resolution, low, high, 7.0, whole=True, sweep=True, touched=SMB)
        for low, high in stretches
    ]


def test_a_stretch_over_midnight_is_cut_there_in_every_resolution() -> None:
    low, high = MIDNIGHT + 1380, MIDNIGHT + 1500
    assert {
        resolution: [
            (task.low, task.high, task.slot) for task in tasks(Work.EVENTS, resolution, low, high, 0)
        ]
        for resolution in Resolution
    } == {
        MINUTES: [(low, low + 60, low), (low + 60, high, low + 60)],
        HOURS: [(low, low + 60, MIDNIGHT), (low + 60, high, MIDNIGHT + 1440)],
        DAYS: [
            (MIDNIGHT, MIDNIGHT + 1440, MIDNIGHT),
            (MIDNIGHT + 1440, MIDNIGHT + 2880, MIDNIGHT + 1440),
        ],
    }


def test_a_stretch_without_length_makes_no_task() -> None:
    assert list(tasks(Work.TRAFFIC, MINUTES, NOON, NOON, 0)) == []


# What waits


def test_nothing_waits_at_first_and_nothing_was_ever_taken(waits: Waiting) -> None:
    assert (waits.watermark, all_of(waits), waits.count(), waits.oldest()) == (None, [], 0, None)
    assert [waits.marked(resolution) for resolution in Resolution] == [None, None, None]


def test_what_was_taken_waits_with_all_that_was_said_of_it(waits: Waiting) -> None:
    task = of_minutes(NOON, NOON + 5, 12.5, whole=False, sweep=True, touched=TELNET)
    waits.take([task], Watermark(plan=9, version=4))
    assert all_of(waits) == [task]
    assert waits.watermark == Watermark(plan=9, version=4)


def test_what_waits_twice_waits_once_and_is_all_that_either_was(waits: Waiting) -> None:
    waits.take([of_minutes(NOON + 20, NOON + 25, 200.0, whole=False, touched=TELNET)])
    waits.take([of_minutes(NOON + 10, NOON + 12, 300.0, whole=False, sweep=True, touched=SMB)])
    assert all_of(waits) == [
        of_minutes(NOON + 10, NOON + 25, 200.0, whole=False, sweep=True, touched=TELNET | SMB, generation=1)
    ]
    waits.take([of_minutes(NOON + 40, NOON + 41, 400.0)])
    (joined,) = all_of(waits)
    assert (joined.low, joined.high, joined.whole, joined.generation) == (NOON + 10, NOON + 41, True, 2)


def test_other_work_other_steps_and_other_hours_wait_for_themselves(waits: Waiting) -> None:
    new = [
        of_minutes(NOON, NOON + 1),
        of_minutes(NOON + 60, NOON + 61),
        of_day(),
        of_day(work=Work.COVERAGE),
        of_day(day=1),
    ]
    waits.take(new)
    assert waits.count() == len(new)
    assert set(all_of(waits)) == set(new)


def test_two_influxdbs_wait_apart(registry: Registry, waits: Waiting) -> None:
    other = Waiting(registry, "there")
    waits.take([of_day()], Watermark(3, 1))
    waits.mark(DAYS, 3)
    assert (other.watermark, all_of(other), other.count(), other.marked(DAYS)) == (None, [], 0, None)
    other.take([of_day()], Watermark(7, 2))
    other.done(all_of(other))
    assert all_of(waits) == [of_day()]
    assert (waits.watermark, other.watermark) == (Watermark(3, 1), Watermark(7, 2))


def test_it_is_all_still_there_when_the_registry_is_opened_again(tmp_path: Path) -> None:
    registry = Registry(tmp_path, *TABLES)
    waits = Waiting(registry, "here")
    waits.take([of_day()], Watermark(3, 1))
    waits.mark(HOURS, 2)
    registry.close()
    again = Registry(tmp_path, *TABLES)
    waits = Waiting(again, "here")
    assert (all_of(waits), waits.watermark) == ([of_day()], Watermark(3, 1))
    assert [waits.marked(resolution) for resolution in Resolution] == [None, 2, None]
    again.close()


def test_where_taking_fails_nothing_was_taken_and_the_watermark_stays(waits: Waiting) -> None:
    def broken() -> Iterator[Task]:
        yield of_day(day=1)
        raise ZeroDivisionError

    waits.take([of_day()], Watermark(3, 1))
    with pytest.raises(ZeroDivisionError):
        waits.take(broken(), Watermark(4, 2))
    assert (all_of(waits), waits.watermark) == ([of_day()], Watermark(3, 1))


# What comes first


def test_the_newest_comes_first_and_of_one_end_the_finest(waits: Waiting) -> None:
    last_hour = of_minutes(MIDNIGHT + 1380, MIDNIGHT + 1440)
    hours = Task(Work.TRAFFIC, HOURS, MIDNIGHT, MIDNIGHT + 1440, 100.0)
    order = [
        of_day(day=1),
        last_hour,
        hours,
        of_day(work=Work.COVERAGE),
        of_day(),
        of_minutes(NOON, NOON + 1),
    ]
    waits.take(reversed(order))
    assert all_of(waits) == order
    assert waits.next(2) == order[:2]


def test_hours_and_days_are_left_until_they_waited_long_enough_minutes_never(waits: Waiting) -> None:
    young, old, minutes = of_day(200.0, day=1), of_day(100.0), of_minutes(NOON, NOON + 1, 300.0)
    waits.take([young, old, minutes])
    assert waits.next(10, since=99.0) == [minutes]
    assert waits.next(10, since=100.0) == [old, minutes]
    assert waits.next(10, since=250.0) == [young, old, minutes]
    assert waits.next(10) == [young, old, minutes]


def test_how_many_wait_since_when(waits: Waiting) -> None:
    waits.take([of_day(10.0), of_minutes(NOON, NOON + 1, 30.0), of_minutes(NOON + 60, NOON + 61, 20.0)])
    assert [waits.count(since) for since in (9.0, 10.0, 20.0, 30.0, FOR_EVER)] == [0, 1, 2, 3, 3]
    assert waits.oldest() == 20.0, "of those of minutes"


# What is done


def test_what_is_done_waits_no_longer(waits: Waiting) -> None:
    waits.take([of_day(), of_day(day=1)])
    waits.done([of_day()])
    assert all_of(waits) == [of_day(day=1)]
    waits.done([of_day()])  # once more changes nothing
    assert all_of(waits) == [of_day(day=1)]


def test_what_was_added_to_meanwhile_goes_on_waiting(waits: Waiting) -> None:
    waits.take([of_minutes(NOON, NOON + 5)])
    at_work = all_of(waits)
    waits.take([of_minutes(NOON + 3, NOON + 9, 500.0)])
    waits.done(at_work)
    (left,) = all_of(waits)
    assert left == of_minutes(NOON, NOON + 9, generation=1)
    waits.done([left])
    assert all_of(waits) == []


def test_a_bucket_remembers_the_last_plan_it_was_told(waits: Waiting) -> None:
    waits.mark(MINUTES, 3)
    waits.mark(MINUTES, 5)
    waits.mark(DAYS, -1)
    assert [waits.marked(resolution) for resolution in Resolution] == [5, None, -1]
