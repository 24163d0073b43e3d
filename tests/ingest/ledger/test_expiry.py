"""What leaves a ledger by age, by room or on request, what stays of it, and how it comes back."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from capture_files import pcap
from ledgers import DAY, NOON, NOW, SECOND, Site, at, capture, day, no_room, packets, ramp, read
from talks import GET, SENSOR, Talk

from darkscope.ingest.ledger.errors import LedgerError, Overtaken
from darkscope.ingest.ledger.expiry import Expired, captures_with, expire, forget, size
from darkscope.ingest.ledger.plan import Plan
from darkscope.ingest.ledger.upkeep import keep_up
from darkscope.ingest.ledger.verify import verify
from darkscope.ingest.series import (
    CAPTURES,
    COVERAGE,
    FLOWS,
    FORGOTTEN,
    MONTH_ROLLUPS,
    REQUESTS,
    ROLLUPS,
    SEALS,
    SOURCES,
    UNFINISHED,
    Table,
)
from darkscope.ingest.settings import Ingest, SensorEntry

FIRST, SECOND_DAY, THIRD = day("2020-06-24"), day("2020-06-25"), day("2020-06-26")
KEEP_ONE: dict[str, int] = {"flows": 1}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path / "ledger")
    worker = site.worker(clock=lambda: int(NOW.timestamp()) * SECOND)
    for number in range(3):
        read(worker, ramp(number * DAY, 20, port=20 + number), f"/spool/a/{number}.pcap")
        read(worker, ramp(number * DAY, 10, port=30 + number), f"/spool/b/{number}.pcap")
    worker.commit()
    return site


def seal(site: Site, today: date = THIRD) -> list[Expired]:
    """Let the flows of the days before `today - 1` expire."""
    keep_up(site.ledger, "w", NOW)
    return expire(site.ledger, "w", today, KEEP_ONE.get, None)


def assert_lawful(site: Site) -> None:
    assert verify(site.ledger).faults == ()


def sums(site: Site, table: Table) -> dict[date, int]:
    rows = site.ledger.snapshot().scan(table).group_by("day").agg(pl.col("packets").sum()).collect()
    return dict(sorted(rows.iter_rows()))


def test_flows_expire_and_leave_seals_rollups_and_coverage(site: Site) -> None:
    gone = seal(site)
    assert [(one.table, one.day, one.rows) for one in gone] == [("flows", FIRST, 2)]
    assert sums(site, FLOWS) == {SECOND_DAY: 30, THIRD: 30}
    assert site.rows(SEALS, "bytes") == [
        {"day": FIRST, "sensor": "a", "packets": 20, "flows": 1},
        {"day": FIRST, "sensor": "b", "packets": 10, "flows": 1},
    ]
    for table in ROLLUPS:
        assert sums(site, table) == {FIRST: 30, SECOND_DAY: 30, THIRD: 30}
    assert site.booked() == {"frames": 90, "inbound": 90}
    assert_lawful(site)


def test_a_day_without_rollups_waits_for_them(site: Site) -> None:
    assert expire(site.ledger, "w", THIRD, KEEP_ONE.get, None) == []
    assert packets(site) == 90


def test_other_tables_expire_by_their_own_age(site: Site) -> None:
    keep_up(site.ledger, "w", NOW)
    gone = expire(site.ledger, "w", THIRD, {"sources": 1}.get, None)
    assert [(one.table, one.day) for one in gone] == [("sources", FIRST)]
    assert sums(site, SOURCES) == {SECOND_DAY: 30, THIRD: 30}
    assert sums(site, FLOWS) == {FIRST: 30, SECOND_DAY: 30, THIRD: 30}
    assert_lawful(site)


def test_expiry_twice_changes_nothing(site: Site) -> None:
    seal(site)
    plan = site.ledger.snapshot().plan
    assert expire(site.ledger, "w", THIRD, KEEP_ONE.get, None) == []
    assert site.ledger.snapshot().plan == plan


def test_beyond_the_disk_budget_the_oldest_days_of_flows_expire(site: Site) -> None:
    keep_up(site.ledger, "w", NOW)
    snapshot = site.ledger.snapshot()
    budget = size(snapshot) - 1
    gone = expire(site.ledger, "w", NOW.date(), {}.get, budget)
    assert [(one.table, one.day) for one in gone] == [("flows", FIRST)]
    assert_lawful(site)


def test_a_budget_that_cannot_be_met_takes_all_closed_days_and_ends(site: Site) -> None:
    keep_up(site.ledger, "w", NOW)
    expire(site.ledger, "w", NOW.date(), {}.get, 1)
    assert sums(site, FLOWS) == {}
    assert sum(sums(site, SEALS).values()) == 90
    assert_lawful(site)


def test_late_captures_of_a_sealed_day_are_refused_and_counted(site: Site) -> None:
    seal(site)
    site.take(ramp(3600, 7), "/spool/a/late.pcap")
    assert site.booked() == {"frames": 97, "inbound": 90, "rejected_sealed": 7}
    assert sums(site, SEALS) == {FIRST: 30}
    assert_lawful(site)


def test_late_captures_of_a_sealed_day_are_taken_into_rollups_and_seals_where_asked_for(site: Site) -> None:
    seal(site)
    site.ingest = Ingest(late="accepted")
    site.take(ramp(3600, 7), "/spool/a/late.pcap")
    assert site.booked() == {"frames": 97, "inbound": 97}
    assert sums(site, FLOWS) == {SECOND_DAY: 30, THIRD: 30}
    assert sums(site, SEALS) == {FIRST: 37}
    for table in ROLLUPS:
        assert sums(site, table)[FIRST] == 37
    assert_lawful(site)
    keep_up(site.ledger, "w", NOW)
    assert_lawful(site)


def test_months_outlive_their_flows_and_take_in_what_comes_late(site: Site) -> None:
    site.take(ramp(3 * DAY, 20), "/spool/a/3.pcap")
    july = datetime(2020, 7, 2, tzinfo=UTC)
    june = {day("2020-06-01"): 110}
    keep_up(site.ledger, "w", july)
    expire(site.ledger, "w", THIRD, KEEP_ONE.get, None)
    assert all(sums(site, table) == june for table in MONTH_ROLLUPS)
    assert_lawful(site)
    site.ingest = Ingest(late="accepted")
    site.take(ramp(3600, 7), "/spool/a/late.pcap")
    assert all(sums(site, table) == {} for table in MONTH_ROLLUPS)
    assert_lawful(site)
    keep_up(site.ledger, "w", july)
    assert all(sums(site, table) == {day("2020-06-01"): 117} for table in MONTH_ROLLUPS)
    assert_lawful(site)


def test_a_batch_read_before_its_day_was_sealed_is_read_again(site: Site) -> None:
    keep_up(site.ledger, "w", NOW)
    worker = site.worker()
    data = ramp(3600, 7)
    read(worker, data, "/spool/a/late.pcap")
    seal(site)
    with pytest.raises(LedgerError):
        worker.commit()
    worker.start_over()
    read(worker, data, "/spool/a/late.pcap")
    worker.commit()
    assert site.booked() == {"frames": 97, "inbound": 90, "rejected_sealed": 7}
    assert_lawful(site)


def test_a_sealed_day_cannot_be_forgotten(site: Site) -> None:
    seal(site)
    with pytest.raises(LedgerError, match="2020-06-24 has expired and is sealed"):
        forget(site.ledger, "w", "a", FIRST, SECOND_DAY, NOW)
    assert_lawful(site)


def clock(minutes: int) -> datetime:
    return NOW + timedelta(minutes=minutes)


def again(site: Site, minutes: int, names: dict[str, bytes]) -> None:
    """Ingest these captures again, so many minutes later."""
    now = int(clock(minutes).timestamp()) * SECOND
    worker = site.worker(again=True, clock=lambda: now)
    for name, data in names.items():
        read(worker, data, name)
    worker.commit()


def content(site: Site) -> dict[str, list[dict[str, Any]]]:
    return {table.name: site.rows(table) for table in (FLOWS, SOURCES, COVERAGE)}


ALL = {
    f"/spool/{sensor}/{number}.pcap": ramp(number * DAY, count, port=port + number)
    for number in range(3)
    for sensor, count, port in (("a", 20, 20), ("b", 10, 30))
}


def test_forgetting_takes_a_sensors_days_out_of_all_tables(site: Site) -> None:
    keep_up(site.ledger, "w", NOW)
    removed = forget(site.ledger, "w", "a", FIRST, SECOND_DAY, clock(1))
    assert removed == {"flows": 2, "coverage": 2, "sources": 2}
    assert sums(site, FLOWS) == {FIRST: 10, SECOND_DAY: 10, THIRD: 30}
    for table in ROLLUPS:
        assert site.ledger.snapshot().days(table) == {THIRD}
    assert [(row["day"], row["sensor"]) for row in site.rows(FORGOTTEN)] == [(FIRST, "a"), (SECOND_DAY, "a")]
    assert_lawful(site)
    keep_up(site.ledger, "w", NOW)
    assert_lawful(site)


def test_a_forgotten_day_comes_back_from_all_captures_that_have_some_of_it(site: Site) -> None:
    """Rotation is not at midnight: the last frame of a day's capture is of the next day."""
    before = ramp(3 * DAY - 2, 3, step=DAY / 2)
    site.take(before, "/spool/a/before.pcap")
    site.take(ramp(4 * DAY + 1, 20), "/spool/a/day.pcap")
    there = sums(site, FLOWS)
    next_day = SECOND_DAY + timedelta(days=3)
    assert forget(site.ledger, "w", "a", next_day, next_day, clock(1))["flows"] > 0
    names = captures_with(site.ledger.snapshot(), "a", next_day, next_day)
    assert names == ["/spool/a/before.pcap", "/spool/a/day.pcap"]
    assert captures_with(site.ledger.snapshot(), "b", next_day, next_day) == []
    assert captures_with(site.ledger.snapshot(), "a", FIRST, FIRST) == ["/spool/a/0.pcap"]
    again(site, 2, {names[1]: ramp(4 * DAY + 1, 20)})
    assert sums(site, FLOWS)[next_day] == there[next_day] - 1
    again(site, 3, {names[0]: before})
    assert sums(site, FLOWS) == there
    assert_lawful(site)


def test_forgetting_a_day_takes_its_month_out_and_leaves_others(site: Site) -> None:
    site.take(ramp(3 * DAY, 20), "/spool/a/3.pcap")
    for number in range(4):
        site.take(ramp((number - 40) * DAY, 10), f"/spool/a/may-{number}.pcap")
    july = datetime(2020, 7, 2, tzinfo=UTC)
    keep_up(site.ledger, "w", july)
    forget(site.ledger, "w", "a", FIRST, FIRST, clock(1))
    may = {day("2020-05-01"): 40}
    assert all(sums(site, table) == may for table in MONTH_ROLLUPS)
    assert_lawful(site)
    keep_up(site.ledger, "w", july)
    assert all(sums(site, table) == may | {day("2020-06-01"): 90} for table in MONTH_ROLLUPS)
    assert_lawful(site)


def test_forgetting_what_is_not_there_changes_nothing(site: Site) -> None:
    assert forget(site.ledger, "w", "nobody", FIRST, THIRD, clock(1)) == {}
    assert site.ledger.snapshot().version == 1


def test_forgotten_days_stay_empty_until_they_are_asked_for(site: Site) -> None:
    forget(site.ledger, "w", "a", FIRST, FIRST, clock(1))
    for name, data in ALL.items():
        assert site.take(data, name) is None
    assert sums(site, FLOWS)[FIRST] == 10


@pytest.mark.parametrize("midnight", [0, 43_190], ids=["within the day", "over midnight"])
def test_what_was_open_on_a_forgotten_day_is_forgotten_and_comes_again_once(
    tmp_path: Path, midnight: int
) -> None:
    """A connection that asked while its end was still to come."""
    site = Site(tmp_path / "ledger", sensors=[SENSOR])
    talk = Talk()
    begun = pcap([*talk.opening(midnight), talk.theirs(midnight + 1, 0, GET), at(midnight + 20)])
    site.take(begun, "/spool/a/1.pcap")
    assert (len(site.rows(UNFINISHED)), site.rows(REQUESTS)) == (2, [])
    forget(site.ledger, "w", "a", FIRST, FIRST, clock(1))
    assert site.rows(UNFINISHED) == []
    worker = site.worker()
    read(worker, begun, "/spool/a/1.pcap")
    read(worker, capture(midnight + 40), "/spool/a/2.pcap")
    worker.commit(is_last=True)
    assert site.rows(REQUESTS) == []
    refill = site.worker(again=True)
    read(refill, begun, "/spool/a/1.pcap")
    refill.commit(is_last=True)
    assert [(row["day"], row["path"]) for row in site.rows(REQUESTS)] == [(FIRST, "/")]


def test_what_is_open_at_other_times_and_sensors_stays(tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger", sensors=[SENSOR, SENSOR.model_copy(update={"id": "b"})])
    for number, (name, second) in enumerate((("a/1", 0), ("a/2", DAY), ("b/1", 0))):
        talk = Talk(source_port=4000 + number)
        site.take(pcap([*talk.opening(second), talk.theirs(second + 1, 0, GET)]), f"/spool/{name}.pcap")
    before = {(row["sensor"], row["time"] // SECOND // DAY) for row in site.rows(UNFINISHED)}
    forget(site.ledger, "w", "a", FIRST, FIRST, clock(1))
    after = {(row["sensor"], row["time"] // SECOND // DAY) for row in site.rows(UNFINISHED)}
    assert before - after == {("a", NOON // DAY)}
    assert len(after) == 2


def test_forgotten_and_filled_again_the_rows_are_the_same(site: Site) -> None:
    before = content(site)
    forget(site.ledger, "w", "a", FIRST, SECOND_DAY, clock(1))
    again(site, 2, ALL)
    assert content(site) == before
    assert_lawful(site)
    plan = site.ledger.snapshot().plan
    again(site, 3, ALL)
    assert site.ledger.snapshot().plan == plan
    assert content(site) == before


def test_two_days_forgotten_one_after_the_other_are_each_filled_once(tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger")
    data = pcap(at(hour * 3600) for hour in range(-10, 60))
    site.take(data)
    before = content(site)
    forget(site.ledger, "w", "a", FIRST, FIRST, clock(1))
    again(site, 2, {"/spool/a/1.pcap": data})
    forget(site.ledger, "w", "a", THIRD, THIRD, clock(3))
    again(site, 4, {"/spool/a/1.pcap": data})
    assert packets(site) == 70
    for name in ("flows", "sources"):
        assert content(site)[name] == before[name]
    assert_lawful(site)


def test_a_day_forgotten_twice_is_filled_twice(site: Site) -> None:
    before = content(site)
    for minute in (1, 3):
        forget(site.ledger, "w", "a", FIRST, FIRST, clock(minute))
        again(site, minute + 1, ALL)
    assert content(site) == before
    assert_lawful(site)


def test_two_days_forgotten_before_either_is_filled_come_back_at_once(site: Site) -> None:
    before = content(site)
    forget(site.ledger, "w", "a", FIRST, FIRST, clock(1))
    forget(site.ledger, "w", "a", SECOND_DAY, SECOND_DAY, clock(2))
    again(site, 3, ALL)
    assert content(site) == before
    assert_lawful(site)


def test_a_day_within_a_long_capture_comes_back_whole(tmp_path: Path) -> None:
    """Coverage too: the capture watched until midnight though its last frame of the day came before."""
    site = Site(tmp_path / "ledger")
    data = pcap(at(hour * 3600) for hour in range(-10, 60, 5))
    site.take(data)
    before = content(site)
    forget(site.ledger, "w", "a", SECOND_DAY, SECOND_DAY, clock(1))
    again(site, 2, {"/spool/a/1.pcap": data})
    assert content(site) == before
    assert_lawful(site)


def test_filling_again_that_was_killed_half_way_goes_on(tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger")
    data = ramp(0, 100)
    site.take(data)
    before = content(site)
    forget(site.ledger, "w", "a", FIRST, FIRST, clock(1))
    size_ = (len(data) - 24) // 100
    again(site, 2, {"/spool/a/1.pcap": data[: 24 + 40 * size_]})
    assert packets(site) == 40
    again(site, 3, {"/spool/a/1.pcap": data})
    assert content(site) == before
    assert_lawful(site)


SIZE = len(ramp(0, 2)) - len(ramp(0, 1))
"""Bytes of a record of `ramp`."""


def first(data: bytes, frames: int) -> bytes:
    """The beginning of a capture that grows."""
    return data[: 24 + frames * SIZE]


@pytest.mark.parametrize("minutes", [2, -600], ids=["clock", "clock set back"])
def test_a_day_forgotten_while_its_capture_is_read_is_filled_up_to_there(
    tmp_path: Path, minutes: int
) -> None:
    """What came after is there already; so it is too where the clock was set back between."""
    site = Site(tmp_path / "ledger")
    data = ramp(0, 100)
    worker = site.worker(clock=lambda: int(clock(minutes).timestamp()) * SECOND)
    read(worker, first(data, 40))
    worker.commit()
    forget(site.ledger, "w", "a", FIRST, FIRST, clock(1))
    worker.start_over()
    read(worker, data)
    worker.commit()
    assert packets(site) == 60
    again(site, 3, {"/spool/a/1.pcap": data})
    assert packets(site) == 100
    again(site, 4, {"/spool/a/1.pcap": data})
    assert packets(site) == 100
    undisturbed = Site(tmp_path / "undisturbed")
    undisturbed.take(data)
    assert content(site) == content(undisturbed)
    assert_lawful(site)


TWINS = {
    "/spool/a/one.pcap": capture(0, *range(1, 30)),
    "/spool/a/two.pcap": capture(0, *range(7200, 7220)),  # the same first frame, then another time
    "/spool/a/three.pcap": capture(0, *range(20, 50)),  # of which the ledger has some: left out as overlap
}


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2)], ids=str)
@pytest.mark.parametrize("batches", [1, 3])
def test_captures_that_begin_alike_are_each_filled_again(
    tmp_path: Path, order: tuple[int, ...], batches: int
) -> None:
    site = Site(tmp_path / "ledger")
    for name, data in TWINS.items():
        site.take(data, name)
    before = content(site)
    assert site.booked() == {"frames": 82, "inbound": 70, "overlap": 12}
    forget(site.ledger, "w", "a", FIRST, FIRST, clock(1))
    names = [list(TWINS)[index] for index in order]
    for part in [names] if batches == 1 else [[name] for name in names]:
        again(site, 2, {name: TWINS[name] for name in part})
    assert content(site) == before
    assert_lawful(site)
    plan = site.ledger.snapshot().plan
    again(site, 3, TWINS)
    assert site.ledger.snapshot().plan == plan


def test_a_capture_that_begins_like_one_that_is_filled_again_is_new(tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger")
    one, two, _ = TWINS
    site.take(TWINS[one], one)
    forget(site.ledger, "w", "a", FIRST, FIRST, clock(1))
    again(site, 2, {two: TWINS[two] + ramp(7300, 40)[24:]})
    assert packets(site) == 61
    again(site, 3, {one: TWINS[one]})
    assert site.booked() == {"frames": 91, "inbound": 90, "overlap": 1}
    assert_lawful(site)


def test_a_batch_that_was_read_before_a_day_was_forgotten_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Committed as it is, it would look as if it had been forgotten too, and be filled once more."""
    site = Site(tmp_path / "ledger")
    data = ramp(0, 100)
    site.take(first(data, 40))
    worker = site.worker()
    read(worker, data)
    with monkeypatch.context() as full:
        full.setattr(Plan, "publish", no_room)
        with pytest.raises(LedgerError):
            worker.commit()
    forget(site.ledger, "w", "a", FIRST, FIRST, clock(1))
    with pytest.raises(Overtaken):
        worker.commit()
    worker.start_over()
    read(worker, data)
    worker.commit()
    assert packets(site) == 60
    again(site, 2, {"/spool/a/1.pcap": data})
    assert packets(site) == 100
    assert_lawful(site)


def test_a_refilling_goes_on_to_the_byte_that_was_read_and_no_further(tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger")
    data = ramp(0, 100)
    site.take(first(data, 40))
    forget(site.ledger, "w", "a", FIRST, FIRST, clock(1))
    again(site, 2, {"/spool/a/1.pcap": data})
    assert packets(site) == 40
    site.take(data)
    assert packets(site) == 100
    forget(site.ledger, "w", "a", FIRST, FIRST, clock(3))
    again(site, 4, {"/spool/a/1.pcap": data})
    assert packets(site) == 100
    assert_lawful(site)


@pytest.mark.parametrize("second", [FIRST, SECOND_DAY], ids=["the same day", "another day"])
def test_a_day_forgotten_while_another_is_half_filled_comes_back_with_it(
    tmp_path: Path, second: date
) -> None:
    """The first refilling was killed after 70 of 100 frames; the second fills what is missing of both days."""
    site = Site(tmp_path / "ledger")
    data = ramp(0, 100, DAY / 80)
    site.take(data)
    before = content(site)
    forget(site.ledger, "w", "a", FIRST, FIRST, clock(1))
    again(site, 2, {"/spool/a/1.pcap": first(data, 30)})
    forget(site.ledger, "w", "a", second, second, clock(3))
    again(site, 4, {"/spool/a/1.pcap": first(data, 60)})
    again(site, 5, {"/spool/a/1.pcap": data})
    assert packets(site) == 100
    for table in ("flows", "sources"):
        assert content(site)[table] == before[table]
    assert_lawful(site)


def test_a_refilling_during_which_its_day_is_forgotten_again_begins_anew(tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger")
    data = ramp(0, 100)
    site.take(data)
    forget(site.ledger, "w", "a", FIRST, FIRST, clock(1))
    worker = site.worker(again=True, clock=lambda: int(clock(2).timestamp()) * SECOND)
    stream = io.BytesIO(first(data, 30))
    reading = worker.open(stream, "/spool/a/1.pcap", following=True)
    while worker.read(reading):
        pass
    worker.commit()
    assert packets(site) == 30
    forget(site.ledger, "w", "a", FIRST, FIRST, clock(3))
    place = stream.tell()
    stream.write(data[place:])
    stream.seek(place)
    while worker.read(reading):
        pass
    with pytest.raises(Overtaken):
        worker.commit()
    worker.start_over()
    read(worker, data)
    worker.commit()
    assert packets(site) == 100
    assert_lawful(site)


def test_a_wrong_mapping_is_corrected_by_forgetting_and_filling_again(site: Site) -> None:
    before = sums(site, FLOWS)
    site.sensors = [SensorEntry(id="right", captures=("a/*.pcap",))]
    forget(site.ledger, "w", "a", FIRST, THIRD, clock(1))
    again(site, 2, ALL)
    assert sums(site, FLOWS) == before
    assert {row["sensor"] for row in site.rows(FLOWS)} == {"b", "right"}
    assert {row["sensor"] for row in site.rows(COVERAGE)} == {"b", "right"}
    assert_lawful(site)
    again(site, 3, ALL)
    assert sums(site, FLOWS) == before


def test_a_capture_that_is_new_is_read_by_again_as_by_any_reading(site: Site) -> None:
    again(site, 1, {"/spool/a/new.pcap": ramp(3 * DAY, 5)})
    assert packets(site) == 95
    assert_lawful(site)


def test_the_time_of_a_forgotten_capture_is_free_for_another(site: Site) -> None:
    forget(site.ledger, "w", "a", FIRST, FIRST, clock(1))
    site.take(ramp(2, 18, port=99), "/spool/a/other.pcap")
    assert sums(site, FLOWS)[FIRST] == 28
    assert_lawful(site)


def test_captures_stay_listed_when_their_day_is_forgotten(site: Site) -> None:
    listed = site.rows(CAPTURES)
    forget(site.ledger, "w", "a", FIRST, FIRST, clock(1))
    assert site.rows(CAPTURES) == listed
    assert NOON * SECOND in {row["first"] for row in listed}
    assert UTC is NOW.tzinfo
