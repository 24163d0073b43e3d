from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from flows import book, flow, minute
from walls import Wall

from darkscope.ingest.ledger import expiry, upkeep
from darkscope.ingest.ledger.files import write_file
from darkscope.ingest.ledger.plan import Change, forget_plans
from darkscope.ingest.ledger.verify import verify
from darkscope.ingest.projection.alone import alone
from darkscope.ingest.registry import PROJECTION, Registry
from darkscope.ingest.series import EVENTS, FLOWS, PROMOTIONS
from darkscope.ingest.settings import SensorEntry

DAY = date(2020, 6, 24)
NOON = minute(DAY, 12)


def many(day: date, count: int, **how: Any) -> list[dict[str, Any]]:
    """Flows of many ports, countries and sources, at two sensors."""
    return [
        flow(
            minute(day, number % 18, number % 60),
            sensor="ab"[number // 6 % 2],
            source_low=number // 3,
            port=(22, 23, 80, 445, 5555, 9999)[number % 6],
            country=("JP", "VN", "CN", "RU")[number // 12 % 4],
            packets=number % 7 + 1,
            **how,
        )
        for number in range(count)
    ]


def test_every_bucket_has_the_packets_of_the_ledger_by_port_and_country(wall: Wall) -> None:
    book(wall.ledger, [flow(NOON, packets=2, bytes=120), flow(NOON + 61, port=9, country="VN", sensor="b")])
    wall.project()
    by = 'GROUP BY "sensor", "protocol", "port", "country"'
    assert wall.points("", f'SELECT "packets", "bytes" FROM "packets" {by}') == {
        ("other", "23", "tcp", "a"): [(NOON * 60, 2, 120)],
        ("other", "other", "tcp", "b"): [((NOON + 61) * 60, 1, 60)],
    }
    assert wall.points("_hour", f'SELECT "packets" FROM "packets" {by}') == {
        ("other", "23", "tcp", "a"): [(NOON * 60, 2)],
        ("other", "other", "tcp", "b"): [((NOON + 60) * 60, 1)],
    }
    assert wall.points("_day", 'SELECT "packets" FROM "ports" GROUP BY "class", "port", "sensor"') == {
        ("scan", "23", "a"): [(minute(DAY) * 60, 2)],
        ("scan", "other", "b"): [(minute(DAY) * 60, 1)],
    }
    assert wall.points("_day", 'SELECT "packets" FROM "countries" GROUP BY "country", "sensor"') == {
        ("other", "a"): [(minute(DAY) * 60, 2)],
        ("other", "b"): [(minute(DAY) * 60, 1)],
    }
    assert wall.differences() == []


def test_coverage_says_what_was_watched_and_what_became_of_frames_by_the_hour(wall: Wall) -> None:
    book(wall.ledger, [flow(NOON + 5, packets=3)], watched=20)
    wall.project()
    found = wall.points("", 'SELECT "watched", "frames" FROM "coverage" GROUP BY "sensor"')[("a",)]
    assert found == [(NOON * 60, 60, 3), *(((NOON + later) * 60, 60, None) for later in range(1, 20))]
    assert wall.points(
        "_hour", 'SELECT "watched", "frames", "inbound", "own" FROM "coverage" GROUP BY "sensor"'
    ) == {("a",): [(NOON * 60, 1200, 3, 3, 0)]}
    assert wall.points("_day", 'SELECT "watched" FROM "coverage" GROUP BY "sensor"') == {
        ("a",): [(minute(DAY) * 60, 1200)]
    }


def test_what_became_of_frames_is_told_while_the_hour_goes_on(wall: Wall) -> None:
    book(wall.ledger, [flow(NOON, packets=3)], watched=1)
    wall.project()
    book(wall.ledger, [flow(NOON + 40, packets=4)], watched=1, after=40)
    wall.project()
    found = wall.points("", 'SELECT "frames" FROM "coverage" GROUP BY "sensor"')
    assert found == {("a",): [(NOON * 60, 7)]}
    assert wall.differences() == []


def test_sensors_are_listed_a_day_those_of_the_settings_and_those_that_were_heard(wall: Wall) -> None:
    entry = SensorEntry(id="tokyo-1", organisation="A, B", home=False, country="JP", since=DAY)
    wall.settings = wall.settings.model_copy(update={"sensors": (entry,)})
    book(wall.ledger, [flow(NOON), flow(NOON - 1440)])
    wall.project()
    by = 'GROUP BY "sensor", "organisation", "home", "kind", "country"'
    assert wall.points("_day", f'SELECT "listed" FROM "sensors" {by}') == {
        ("ZZ", "home", "telescope", "none", "a"): [(minute(DAY) * 60 - 86_400, 1), (minute(DAY) * 60, 1)],
        ("JP", "abroad", "telescope", "A, B", "tokyo-1"): [(minute(DAY) * 60, 1)],
    }


def test_what_comes_later_is_added_and_nothing_is_written_twice_over(wall: Wall) -> None:
    book(wall.ledger, many(DAY, 100))
    wall.project()
    before = len(wall.proxy.requests)
    wall.project()
    assert len([path for _, path in wall.proxy.requests[before:] if "write" in path]) == 3  # about itself
    book(wall.ledger, many(DAY, 50))
    wall.project()
    assert wall.differences() == []
    total = int(wall.ledger.snapshot().scan(FLOWS).select(pl.col("packets").sum()).collect().item())
    assert [wall.packets(bucket) for bucket in ("", "_hour", "_day")] == [total] * 3
    assert [wall.packets("_day", name) for name in ("ports", "countries", "totals")] == [total] * 3


def test_a_port_that_earns_a_tag_has_its_past_too_and_no_sum_moves(wall: Wall) -> None:
    days = [DAY - timedelta(days=back) for back in range(3, -1, -1)]
    for day in days:
        rows = [
            flow(minute(day, 1), sensor=sensor, source_low=source, port=5555 if source < 8 else 7)
            for sensor in "abcd"
            for source in range(12)
        ]
        book(wall.ledger, rows)
        wall.project(watch=())
        assert wall.packets("_day") == 48 * (days.index(day) + 1)
    text = 'SELECT sum("packets") FROM "ports" WHERE time >= 0 GROUP BY time(1d), "port" fill(none)'
    shown = wall.points("", text)
    midnights = [minute(day) * 60 for day in days]
    assert shown[("5555",)] == [(midnight, 32) for midnight in midnights]  # from the first day on
    assert shown[("other",)] == [(midnight, 16) for midnight in midnights]
    assert wall.differences() == []


def test_what_has_tags_of_its_own_is_said_day_by_day_and_taken_back(wall: Wall) -> None:
    for day in (DAY - timedelta(days=1), DAY):
        book(wall.ledger, many(day, 60))
        wall.project(watch=("23/tcp", "9999/tcp"))
    midnights = [(minute(DAY) * 60 - 86_400, 1), (minute(DAY) * 60, 1)]
    by = 'SELECT "own" FROM "own" GROUP BY "protocol", "port", "country"'
    assert wall.points("_day", by) == {
        ("none", "0", "icmp"): midnights,
        ("none", "0", "icmpv6"): midnights,
        ("none", "23", "tcp"): midnights,
        ("none", "9999", "tcp"): midnights,
    }
    assert wall.points("_hour", by) == wall.points("", by) == {}
    wall.clock.now += 4000
    wall.project(watch=("23/tcp", "9999/tcp"), series=1000)  # no room for any
    shown = wall.points("_day", by)
    assert shown["none", "0", "icmp"] == midnights
    assert shown["none", "23", "tcp"] == midnights[:1]
    assert wall.differences() == []


def test_live_and_rebuilt_have_the_same_points(wall: Wall) -> None:
    for back in range(9, -1, -1):
        book(wall.ledger, many(DAY - timedelta(days=back), 400))
        wall.project(watch=("23/tcp",))
    by = "SELECT * FROM /packets|ports|countries|totals|own|coverage|sensors/ GROUP BY *"
    live = {bucket: wall.points(bucket, by) for bucket in ("", "_hour", "_day")}
    assert any("9999" in tags for tags in live[""])
    name = wall.settings.influx.bucket
    buckets = [name, f"{name}_hour", f"{name}_day"]
    wall.influx.drop(*buckets)
    wall.influx.create(*buckets)
    (wall.ledger.storage.path / "registry.sqlite").unlink()
    wall.project(watch=("23/tcp",))
    assert {bucket: wall.points(bucket, by) for bucket in live} == live


def test_what_was_forgotten_is_zeroed_and_the_rest_stays(wall: Wall) -> None:
    book(wall.ledger, [*many(DAY - timedelta(days=1), 60), *many(DAY, 60)])
    wall.project()
    expiry.forget(wall.ledger, "one", "a", DAY, DAY, datetime.now(UTC))
    wall.project()
    assert wall.differences() == []
    total = int(wall.ledger.snapshot().scan(FLOWS).select(pl.col("packets").sum()).collect().item())
    assert [wall.packets(bucket) for bucket in ("", "_hour", "_day")] == [total] * 3
    listed = wall.points(
        "_day", f'SELECT "listed" FROM "sensors" WHERE time = {minute(DAY) * 60}s GROUP BY "sensor"'
    )
    assert set(listed) == {("b",)}


def test_closed_days_come_from_rollups_and_are_the_same(wall: Wall) -> None:
    book(wall.ledger, many(DAY, 300))
    wall.project()
    upkeep.keep_up(wall.ledger, "one", datetime(2020, 6, 26, tzinfo=UTC))
    assert wall.differences() == []


def test_where_the_log_was_cleaned_all_is_projected_again(wall: Wall, caplog: Any) -> None:
    book(wall.ledger, many(DAY, 60))
    wall.project()
    for _ in range(3):
        book(wall.ledger, many(DAY, 10))
    forget_plans(wall.ledger.storage, below=wall.ledger.snapshot().plan)
    wall.project()
    assert "the ledger's log was cleaned past what was taken; all is projected again" in caplog.messages
    assert wall.differences() == []


def test_a_sealed_day_is_neither_rebuilt_nor_zeroed(wall: Wall) -> None:
    old = DAY - timedelta(days=30)
    book(wall.ledger, [*many(old, 60), *many(DAY, 60)])
    wall.project()
    has = wall.points("_day", 'SELECT "packets" FROM "packets" GROUP BY *')
    upkeep.keep_up(wall.ledger, "one", datetime(2020, 6, 26, tzinfo=UTC))
    expiry.expire(wall.ledger, "one", DAY, lambda table: 20 if table == "flows" else None, None)
    one = wall.projector()
    assert one.rebuild([old]) == 0
    one.finish(wall.clock)
    assert wall.points("_day", 'SELECT "packets" FROM "packets" GROUP BY *') == has
    assert one.forgotten(wall.ledger.snapshot()) == [old]


def test_rebuild_zeroes_what_should_not_be_there(wall: Wall) -> None:
    book(wall.ledger, many(DAY, 60))
    wall.project()
    name = wall.settings.influx.bucket
    wall.influx.write(
        name, [f"packets,sensor=z,protocol=tcp,port=1,country=JP packets=5i,bytes=5i {NOON * 60}"]
    )
    (difference,) = wall.differences()
    assert str(difference) == (
        f"{name}, packets, 2020-06-24T12:00Z, sensor=z,protocol=tcp,port=1,country=JP: "
        "packets is 5 in InfluxDB, 0 in the ledger"
    )
    one = wall.projector()
    assert one.rebuild([DAY]) == 1
    one.finish(wall.clock)
    assert wall.differences() == []


def test_what_a_bucket_does_not_remember_is_not_written_to_it(wall: Wall) -> None:
    book(wall.ledger, [*many(DAY - timedelta(days=3), 60), *many(DAY, 60)])
    wall.project(retention_minute=1, retention_hour=2, retention_day=400)
    total, today = wall.packets("_day"), sum(number % 7 + 1 for number in range(60))
    assert (total, wall.packets("_hour"), wall.packets("")) == (2 * today, today, today)


def test_events_are_written_and_a_subject_without_a_tag_is_other(wall: Wall) -> None:
    book(wall.ledger, many(DAY, 6))
    rest = {"start": NOON * 60 * 10**9, "end": 0, "kind": "level", "text": "", "numbers": ""}
    about = {"445/tcp": "a", "61000/tcp": "b", "61001/tcp": "c"}
    rows = pl.DataFrame([{**rest, "subject": subject, "title": title} for subject, title in about.items()])
    file = write_file(wall.ledger.storage, EVENTS, DAY, rows)
    wall.ledger.change("one", "events", lambda _: {EVENTS.name: Change([file])})
    wall.project()
    found = wall.points("_day", 'SELECT "title", "tags" FROM "events" GROUP BY "kind", "subject"')
    assert found == {
        ("level", "445/tcp"): [(NOON * 60, "a", "level,445/tcp")],
        ("level", "other"): [(NOON * 60, "b", "level,61000/tcp"), (NOON * 60 + 1, "c", "level,61001/tcp")],
    }


def test_it_says_how_it_is_to_other_processes_and_to_panels(wall: Wall) -> None:
    book(wall.ledger, many(DAY, 60))
    wall.project()
    registry = Registry(wall.ledger.storage.path)
    state = registry.said(PROJECTION)
    registry.close()
    assert state is not None
    said = {
        name: state.values[name]
        for name in ("trouble", "version", "ledger_version", "lag", "waiting", "rejected")
    }
    assert said == {"trouble": "", "version": 1, "ledger_version": 1, "lag": 0, "waiting": 0, "rejected": 0}
    itself = wall.points("", 'SELECT "version", "lag", "waiting", "series", "folded" FROM "darkscope"')
    folded = sum(number % 7 + 1 for number in range(60) if number % 6 == 5)
    assert [values[1:4] for values in itself[()]] == [(1, 0, 0)]
    assert itself[()][0][5] == folded
    series = sum(wall.series("_day", name) for name in ("packets", "ports", "countries", "totals"))
    assert itself[()][0][4] == series


def test_what_is_promoted_is_in_the_ledger_and_the_same_is_not_written_again(wall: Wall) -> None:
    book(wall.ledger, many(DAY, 60))
    wall.project(watch=("23/tcp", "9999/tcp"))
    rows = (
        wall.ledger.snapshot().scan(PROMOTIONS).collect().select("day", "protocol", "port", "country").rows()
    )
    assert rows == [(DAY, 6, 23, ""), (DAY, 6, 9999, "")]
    plan = wall.ledger.snapshot().plan
    wall.clock.now += 4000
    wall.project(watch=("23/tcp", "9999/tcp"))
    assert wall.ledger.snapshot().plan == plan


@pytest.mark.parametrize("name", ["registry.sqlite", "projection.lock"])
def test_what_it_keeps_lies_in_the_ledgers_folder_and_nobody_takes_it_for_a_table(
    wall: Wall, name: str
) -> None:
    book(wall.ledger, many(DAY, 6))
    wall.project()
    with alone(wall.ledger.storage.path) as first, alone(wall.ledger.storage.path) as second:
        assert (first, second) == (True, False)
    assert (wall.ledger.storage.path / name).exists()
    upkeep.clean(wall.ledger)
    assert (wall.ledger.storage.path / name).exists()
    assert not [fault for fault in verify(wall.ledger).faults if name in fault.place]
