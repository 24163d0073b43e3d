"""From captures to rows: every frame counted once, whatever the captures are called and however they are cut."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import zstandard
from capture_files import Stream, pcap, record
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from ledgers import DAY, NOON, SECOND, Site, at, capture, day, merged, packets, ramp, read, syn
from packets import ethernet, ipv4

from darkscope.ingest.ledger.errors import Overtaken
from darkscope.ingest.ledger.verify import verify
from darkscope.ingest.series import CAPTURES, COVERAGE, FLOWS, SOURCES, TABLES
from darkscope.ingest.settings import Ingest, SensorEntry


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "ledger")


def assert_lawful(site: Site) -> None:
    assert verify(site.ledger).faults == ()


def test_a_frame_becomes_a_flow_with_minute_sensor_source_and_port(site: Site) -> None:
    site.take(capture(61.5, source="198.41.0.4", port=23), "/spool/tokyo/1.pcap")
    (flow,) = site.rows(FLOWS, "targets", "country")
    assert flow == {
        "day": day("2020-06-24"),
        "minute": NOON // 60 + 1,
        "sensor": "tokyo",
        "version": 4,
        "source_high": 0,
        "source_low": 198 << 24 | 41 << 16 | 4,
        "protocol": 6,
        "port": 23,
        "class": "scan",
        "tool": "",
        "asn": 0,
        "packets": 1,
        "bytes": 54,
    }
    assert_lawful(site)


@pytest.mark.parametrize(
    "packed",
    [gzip.compress, bz2.compress, lzma.compress, lambda data: zstandard.ZstdCompressor().compress(data)],
    ids=["gzip", "bzip2", "xz", "zstd"],
)
def test_the_same_capture_again_renamed_moved_or_compressed_adds_nothing(
    site: Site, packed: Callable[[bytes], bytes]
) -> None:
    data = ramp(0, 30)
    site.take(data, "/spool/tokyo/1.pcap")
    before = {table.name: site.rows(table) for table in TABLES}
    assert site.take(packed(data), "/elsewhere/osaka/2.pcap.packed") is None
    assert {table.name: site.rows(table) for table in TABLES} == before


def test_the_same_capture_twice_in_one_batch_counts_once(site: Site) -> None:
    worker = site.worker()
    data = ramp(0, 30)
    read(worker, data, "/spool/a/1.pcap")
    read(worker, data, "/spool/a/2.pcap")
    worker.commit()
    assert packets(site) == 30
    assert_lawful(site)


def test_the_same_capture_opened_twice_before_either_was_read_counts_once(site: Site) -> None:
    worker = site.worker()
    data = ramp(0, 30)
    readings = [worker.open(io.BytesIO(data), f"/spool/a/{name}.pcap") for name in (1, 2)]
    for reading in readings:
        while worker.read(reading):
            pass
    worker.commit()
    assert packets(site) == 30
    assert_lawful(site)


def test_a_capture_that_was_opened_before_its_twin_was_committed_adds_nothing(site: Site) -> None:
    worker = site.worker()
    data = ramp(0, 30)
    waiting = worker.open(io.BytesIO(data), "/spool/a/2.pcap")
    read(worker, data, "/spool/a/1.pcap")
    worker.commit()
    while worker.read(waiting):
        pass
    worker.commit()
    assert packets(site) == 30
    assert_lawful(site)


def test_a_followed_capture_shows_what_it_has_and_later_the_rest(site: Site) -> None:
    data = ramp(0, 30)
    stream = Stream(data[: len(data) // 2])
    worker = site.worker()
    reading = worker.open(stream.binary(), "/spool/a/1.pcap", following=True)
    while worker.read(reading):
        pass
    worker.commit()
    first = packets(site)
    assert 10 <= first < 20
    stream.grow(data[len(data) // 2 :])
    while worker.read(reading):
        pass
    worker.commit()
    assert packets(site) == 30
    assert site.take(data, "/done/a/1.pcap") is None
    assert_lawful(site)


MIXED = pcap(
    at(index * 7 % 300, source=f"198.41.{index % 5}.4", port=(23, 445, 80)[index % 3]) for index in range(120)
)
ONCE: dict[str, pl.DataFrame] = {}


def once(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    """Rows of the mixed capture read in one go."""
    if not ONCE:
        site = Site(tmp_path_factory.mktemp("once") / "ledger")
        site.take(MIXED)
        ONCE.update({table.name: merged(site.ledger.snapshot(), table) for table in (FLOWS, SOURCES)})
        ONCE["booked"] = pl.DataFrame(site.booked())
    return ONCE


@settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    cuts=st.lists(st.integers(0, len(MIXED)), max_size=6),
    commits=st.lists(st.booleans(), min_size=8, max_size=8),
    restarts=st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_a_growing_capture_in_any_cuts_gives_the_rows_of_one_reading(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], commits: list[bool], restarts: list[bool]
) -> None:
    site = Site(tmp_path_factory.mktemp("cut") / "ledger")
    worker = site.worker()
    ends = [*sorted(cuts), len(MIXED)]
    for end, is_committed, is_restarted in zip(ends, commits, restarts, strict=False):
        if is_restarted:
            worker = site.worker()
        read(worker, MIXED[:end], "/spool/a/1.pcap", following=end < len(MIXED))
        if is_committed or is_restarted or end == len(MIXED):
            worker.commit()
    whole = once(tmp_path_factory)
    snapshot = site.ledger.snapshot()
    assert merged(snapshot, FLOWS).equals(whole["flows"])
    assert merged(snapshot, SOURCES).equals(whole["sources"])
    assert pl.DataFrame(site.booked()).equals(whole["booked"])
    assert_lawful(site)


@settings(
    max_examples=5,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    order=st.permutations(range(5)),
    commits=st.lists(st.booleans(), min_size=5, max_size=5),
)
def test_captures_in_any_order_and_batches_give_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], commits: list[bool]
) -> None:
    captures = [
        (f"/spool/{'abcab'[index]}/{index}.pcap", ramp(index * 100, 40, target=f"133.8.0.{9 + index}"))
        for index in range(5)
    ]
    plain, shuffled = (Site(tmp_path_factory.mktemp("order") / "ledger") for _ in range(2))
    worker = plain.worker()
    for name, data in captures:
        read(worker, data, name)
    worker.commit()
    worker = shuffled.worker()
    for index, is_committed in zip(order, commits, strict=True):
        read(worker, captures[index][1], captures[index][0])
        if is_committed:
            worker.commit()
    worker.commit()
    for table in (FLOWS, SOURCES, COVERAGE):
        assert shuffled.rows(table) == plain.rows(table)
    assert_lawful(shuffled)


def test_the_mark_of_a_target_does_not_depend_on_the_sensors_read_before(site: Site) -> None:
    site.take(ramp(0, 3), "/spool/b/1.pcap")
    worker = site.worker()
    read(worker, ramp(100, 1, port=80), "/spool/a/1.pcap")
    read(worker, ramp(200, 3), "/spool/b/2.pcap")
    worker.commit()
    marks = {row["targets"] for row in site.rows(FLOWS) if row["sensor"] == "b"}
    assert len(marks) == 1


def test_two_captures_with_one_head_that_diverge_are_overlap_of_one_point(site: Site) -> None:
    whole = ramp(0, 60)
    filtered = pcap(at(second) for second in range(60) if second == 0 or second % 2)
    site.take(whole, "/spool/a/1.pcap")
    site.take(filtered, "/spool/a/filtered.pcap")
    booked = site.booked()
    assert booked["frames"] == 60 + 31
    assert booked["overlap"] >= 25  # all but what lies within 5 s of either end
    assert_lawful(site)


def test_captures_of_one_head_at_two_sensors_both_count(site: Site) -> None:
    site.take(capture(0, 1, 2), "/spool/a/1.pcap")
    site.take(capture(0, 11, 12), "/spool/b/1.pcap")
    assert packets(site) == 6


def test_ordinary_overlap_of_rotation_is_counted_on_both_sides(site: Site) -> None:
    site.take(ramp(0, 61), "/spool/a/1.pcap")
    site.take(ramp(57, 61), "/spool/a/2.pcap")
    assert site.booked() == {"frames": 122, "inbound": 122}


@pytest.mark.parametrize("batches", ["one", "two"])
def test_overlap_beyond_five_seconds_is_left_out_and_counted(site: Site, batches: str) -> None:
    worker = site.worker()
    read(worker, ramp(0, 61), "/spool/a/1.pcap")
    if batches == "two":
        worker.commit()
    read(worker, ramp(30, 61), "/spool/a/2.pcap")
    worker.commit()
    # 30..55 are the first capture's, 56..60 are within the tolerance of its end
    assert site.booked() == {"frames": 122, "inbound": 96, "overlap": 26}
    assert_lawful(site)


def test_a_capture_that_was_read_in_many_small_batches_still_has_its_time(site: Site) -> None:
    data = ramp(0, 61)
    worker = site.worker()
    stream = Stream()
    reading = worker.open(stream.binary(), "/spool/a/1.pcap", following=True)
    size = (len(data) - 24) // 61
    stream.grow(data[:24])
    for begin in range(24, len(data), 2 * size):
        stream.grow(data[begin : begin + 2 * size])
        while worker.read(reading):
            pass
        worker.commit()
    site.take(ramp(30, 61), "/spool/a/2.pcap")
    assert site.booked() == {"frames": 122, "inbound": 96, "overlap": 26}
    assert_lawful(site)


def test_other_points_and_other_sensors_do_not_overlap(site: Site) -> None:
    site.take(ramp(0, 61), "/spool/a/1.pcap")
    site.take(ramp(0, 61, port=80), "/spool/b/1.pcap")
    worker = site.worker()
    read(worker, ramp(0, 61, port=443), "live", interface="a")
    worker.commit()
    assert site.booked() == {"frames": 183, "inbound": 183}


def test_times_that_nobody_can_believe_are_rejected_and_booked_at_minute_zero(site: Site) -> None:
    frames = [
        record(syn(), 0),
        record(syn(), 600_000_000),  # 1989
        at(0),
        at(7 * DAY - 1),  # the clock says noon of the 30th: until noon of the 1st
        at(7 * DAY),
    ]
    site.take(pcap(frames))
    assert site.booked() == {"frames": 5, "inbound": 2, "rejected_implausible_time": 3}
    rows = [row for row in site.rows(COVERAGE) if row["rejected_implausible_time"]]
    assert [(row["day"], row["minute"], row["minutes"], row["frames"]) for row in rows] == [
        (day("1970-01-01"), 0, 0, 3)
    ]
    assert_lawful(site)


def test_frames_outside_a_sensors_life_are_implausible(site: Site) -> None:
    site.sensors = [SensorEntry(id="a", since=day("2020-06-24"), until=day("2020-06-25"))]
    site.take(capture(-DAY // 2 - 1, -DAY // 2, 0, DAY // 2 - 1, DAY // 2))
    assert site.booked() == {"frames": 5, "inbound": 3, "rejected_implausible_time": 2}
    assert_lawful(site)


def test_a_sensor_that_moved_is_judged_by_the_addresses_of_the_day(site: Site) -> None:
    site.sensors = [
        SensorEntry(id="a", networks=("133.8.0.0/24",), until=day("2020-06-25")),
        SensorEntry(id="a", networks=("133.9.0.0/24",), since=day("2020-06-25")),
    ]
    frames = [
        at(0, target="133.8.0.9"),
        at(1, target="133.9.0.9"),
        at(2, source="133.8.0.9", target="198.41.0.4"),
        at(DAY, target="133.8.0.9"),
        at(DAY + 1, target="133.9.0.9"),
        at(DAY + 2, source="133.9.0.9", target="198.41.0.4"),
    ]
    site.take(pcap(frames))
    assert site.booked() == {"frames": 6, "inbound": 2, "own": 2, "stray": 2}
    assert_lawful(site)


def test_unknown_link_types_are_listed_with_their_number(site: Site) -> None:
    site.take(pcap([at(0), at(1), at(2)], link=147))
    assert site.booked() == {"frames": 3, "rejected_link_type": 3}
    assert [row["link_types"] for row in site.rows(CAPTURES)] == ["147=3"]
    assert_lawful(site)


def test_a_copy_that_leaves_a_capture_within_its_second_batch_counts_no_time_twice(site: Site) -> None:
    """Cut short there, or changed: what both have the time of is left out, also after a restart."""
    whole = ramp(0, 40)
    size = (len(whole) - 24) // 40
    worker = site.worker()
    for frames in (10, 40):
        read(worker, whole[: 24 + frames * size], following=frames < 40)
        worker.commit()
        worker.start_over()
    site.take(whole[: 24 + 20 * size], "/copy/a/cut.pcap")
    assert (packets(site), site.booked()["overlap"]) == (40, 10)
    changed = whole[: 24 + 30 * size] + ramp(30.5, 20)[24:]
    assert changed[: 24 + 30 * size] == whole[: 24 + 30 * size]
    worker = site.worker()
    read(worker, changed[: 24 + 35 * size], "/copy/a/changed.pcap", following=True)
    worker.commit()
    worker = site.worker()
    read(worker, changed, "/copy/a/changed.pcap")
    worker.commit()
    assert (packets(site), site.booked()["overlap"]) == (40 + 11, 10 + 19)
    assert_lawful(site)


def test_frames_that_are_no_packets_are_counted_by_reason(site: Site) -> None:
    arp = record(ethernet(bytes(28), 0x0806), NOON)
    cut = record(ethernet(ipv4(b""))[:20], NOON, wire=60)
    bad = record(ethernet(b"\x41" + ipv4(b"")[1:]), NOON)
    site.take(pcap([arp, cut, bad, at(1)]))
    assert site.booked() == {
        "frames": 4,
        "inbound": 1,
        "rejected_truncated": 1,
        "rejected_not_ip": 1,
        "rejected_malformed": 1,
    }
    assert_lawful(site)


def test_damage_is_listed_once_with_its_offset(site: Site) -> None:
    whole = ramp(0, 10)
    cut = whole[:-10]
    size = (len(whole) - 24) // 10
    site.take(cut)
    site.take(cut, "/spool/a/again.pcap")
    (row,) = site.rows(CAPTURES)
    assert row["damage"].startswith(f"{24 + 9 * size}: ")
    assert "\n" not in row["damage"]
    assert row["frames"] == 9
    assert_lawful(site)


def test_a_capture_that_was_cut_and_comes_whole_later_counts_the_rest(site: Site) -> None:
    whole = ramp(0, 10)
    site.take(whole[:-10])
    site.take(whole)
    assert packets(site) == 10
    assert [(row["frames"], row["damage"] != "") for row in site.rows(CAPTURES)] == [(9, True), (1, False)]
    assert_lawful(site)


def test_nothing_to_commit_is_no_new_version(site: Site) -> None:
    site.take(ramp(0, 3))
    version = site.ledger.snapshot().version
    assert site.worker().commit() is None
    assert site.ledger.snapshot().version == version == 1


def test_a_worker_that_was_overtaken_reads_again_and_nothing_doubles(site: Site) -> None:
    data = ramp(0, 30)
    slow, quick = site.worker(), site.worker()
    read(slow, data)
    read(quick, data)
    quick.commit()
    with pytest.raises(Overtaken):
        slow.commit()
    slow.start_over()
    read(slow, data)
    assert slow.commit() is None
    assert packets(site) == 30
    assert_lawful(site)


def test_two_workers_with_different_captures_both_land(site: Site) -> None:
    one, other = site.worker(), site.worker()
    read(one, ramp(0, 30), "/spool/a/1.pcap")
    read(other, ramp(0, 30, port=80), "/spool/b/1.pcap")
    one.commit()
    other.commit()
    assert packets(site) == 60
    assert_lawful(site)


def test_a_worker_learns_of_time_that_another_took_between_its_batches(site: Site) -> None:
    one, other = site.worker(), site.worker()
    read(other, ramp(0, 61), "/spool/a/1.pcap")
    other.commit()
    read(one, ramp(1000, 61), "/spool/a/2.pcap")
    one.commit()
    read(one, ramp(30, 61), "/spool/a/3.pcap")
    one.commit()
    assert site.booked() == {"frames": 183, "inbound": 157, "overlap": 26}
    assert_lawful(site)


def test_a_capture_open_in_two_workers_counts_once_although_each_committed_something_else(site: Site) -> None:
    one, other = site.worker(), site.worker()
    data = ramp(0, 30)
    in_one = one.open(io.BytesIO(data), "/spool/a/1.pcap")
    read(other, data, "/spool/a/1.pcap")
    other.commit()
    read(one, ramp(1000, 30), "/spool/b/1.pcap")
    one.commit()
    try:
        while one.read(in_one):
            pass
        one.commit()
    except Overtaken:
        one.start_over()
    assert packets(site) == 60
    assert_lawful(site)


def test_a_followed_capture_that_another_worker_went_on_with_is_overtaken(site: Site) -> None:
    data = ramp(0, 40)
    size = (len(data) - 24) // 40
    stream = Stream(data[: 24 + 10 * size])
    one, other = site.worker(), site.worker()
    followed = one.open(stream.binary(), "/spool/a/1.pcap", following=True)
    while one.read(followed):
        pass
    one.commit()
    other.start_over()
    read(other, data, "/spool/a/1.pcap")
    other.commit()
    read(one, ramp(1000, 30), "/spool/b/1.pcap")
    one.commit()
    stream.grow(data[24 + 10 * size :])
    while one.read(followed):
        pass
    with pytest.raises(Overtaken):
        one.commit()
    one.start_over()
    assert packets(site) == 70
    assert_lawful(site)


def test_a_capture_without_any_frame_adds_nothing(site: Site) -> None:
    assert site.take(pcap()) is None


def test_starting_over_with_an_empty_batch_is_harmless(site: Site) -> None:
    worker = site.worker()
    worker.start_over()
    read(worker, ramp(0, 3))
    assert worker.commit() is not None
    assert packets(site) == 3


def test_a_batch_with_more_flows_than_fit_is_written_in_parts_and_committed_once(site: Site) -> None:
    site.ingest = Ingest(flows_per_file=1000)
    frames = [at(index / 100, source=f"198.41.{index // 250}.{index % 250}") for index in range(3000)]
    worker = site.worker()
    for part in range(3):
        read(worker, pcap(frames[part * 1000 : part * 1000 + 1000]), f"/spool/a/{part}.pcap")
    committed = worker.commit()
    assert committed is not None
    assert (committed.version, committed.frames) == (1, 3000)
    assert packets(site) + site.booked().get("overlap", 0) == 3000
    assert_lawful(site)


def test_a_heartbeat_covers_a_minute_in_which_nothing_came(site: Site) -> None:
    worker = site.worker()
    worker.heartbeat("a", "eth0", NOON * SECOND)
    worker.heartbeat("a", "eth0", (NOON + 120) * SECOND, dropped=4)
    worker.commit()
    (row,) = site.rows(COVERAGE)
    assert (row["minute"], row["minutes"], row["frames"], row["dropped"]) == (NOON // 60, 3, 0, 4)
    assert_lawful(site)
