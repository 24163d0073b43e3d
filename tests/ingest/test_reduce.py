"""Packets to rows, against the same sums by polars; and what becomes of a frame."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from ledgers import PLACES
from polars.testing import assert_frame_equal

from darkscope.ingest.capture.frames import NO_TIME
from darkscope.ingest.decode.columns import DECODED, NOT_IP, Packets, empty
from darkscope.ingest.fates import (
    DAY,
    HOUR,
    MINUTE,
    NO_HOUR,
    OVERLAP,
    REJECTED,
    SKIPPED,
    WITHOUT_TIME,
    count_hours,
    decide,
)
from darkscope.ingest.geo import Places
from darkscope.ingest.reduce import Reduction
from darkscope.ingest.rules.judge import Judgements
from darkscope.ingest.rules.tools import NO_NMAP, NO_UNICORNSCAN
from darkscope.ingest.sensors import INBOUND, OUTSIDE, OWN, STRAY
from darkscope.ingest.series import FLOWS, SOURCES, Table, Tool, Traffic
from darkscope.ingest.settings import Geo

START = 1_593_000_000 * 1_000_000_000 // DAY * DAY
FOUR, SIX = 4, 6


def random_packets(
    seed: int, count: int, sources: int, minutes: int, ports: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64], Packets, Judgements]:
    """Fate, time, bytes, columns and judgements; times are all different, minutes in no order."""
    chance = np.random.default_rng(seed)
    packets = empty(count)
    which = chance.integers(0, sources, count)
    is_six = which % 3 == 0
    packets.version[:] = np.where(is_six, SIX, FOUR)
    packets.source_high[:] = np.where(is_six, (0x2400 << 48) + which // 5, 0).astype(np.uint64)
    packets.source_low[:] = which.astype(np.uint64) + np.where(
        is_six, np.uint64(1 << 63), np.uint64(11 << 24)
    )
    packets.target_high[:] = 0
    packets.target_low[:] = chance.integers(0, 300, count).astype(np.uint64)
    packets.protocol[:] = chance.choice([1, 6, 17, 255], count)
    packets.port[:] = np.where(packets.protocol == 1, -1, chance.integers(0, ports, count) * 65535 // ports)
    packets.source_port[:] = chance.integers(-1, 65536, count)
    packets.ttl[:] = chance.integers(0, 256, count)
    packets.outcome[:] = DECODED
    time = (
        START
        + DAY
        - minutes * MINUTE // 2
        + chance.integers(0, minutes * MINUTE - count, count) // count * count
    )
    time += chance.permutation(count)
    fate = chance.choice([INBOUND, INBOUND, INBOUND, OWN, STRAY, OVERLAP, SKIPPED], count).astype(np.uint8)
    key = chance.integers(0, 4, count)
    judged = Judgements(
        traffic=chance.integers(0, 4, count).astype(np.uint8),
        tool=chance.integers(0, len(Tool), count).astype(np.uint8),
        masscan_hit=chance.random(count) < 0.1,
        nmap_key=np.where(key == 1, chance.integers(0, 1 << 40, count), NO_NMAP),
        unicornscan_key=np.where(key == 2, chance.integers(0, 1 << 40, count), NO_UNICORNSCAN),
    )
    return fate, time, chance.integers(20, 1500, count), packets, judged


def table_of(
    sensors: npt.NDArray[np.int64],
    fate: npt.NDArray[np.uint8],
    time: npt.NDArray[np.int64],
    wire: npt.NDArray[np.int64],
    packets: Packets,
    judged: Judgements,
) -> pl.LazyFrame:
    """The inbound packets as rows."""
    rows = pl.DataFrame(
        {
            "fate": fate,
            "time": time,
            "sensor": sensors,
            "version": packets.version,
            "source_high": packets.source_high.view(np.int64),
            "source_low": packets.source_low.view(np.int64),
            "protocol": packets.protocol,
            "port": packets.port,
            "source_port": packets.source_port,
            "ttl": packets.ttl,
            "class": [list(Traffic)[index].value for index in judged.traffic],
            "tool": [list(Tool)[index].value for index in judged.tool],
            "bytes": wire,
            "masscan": judged.masscan_hit,
            "nmap": judged.nmap_key,
            "unicornscan": judged.unicornscan_key,
        }
    )
    return (
        rows.lazy()
        .filter(pl.col("fate") == INBOUND)
        .with_columns(
            sensor=pl.format("s{}", "sensor"),
            minute=pl.col("time") // MINUTE,
            day=(pl.col("time") // DAY).cast(pl.Int32).cast(pl.Date),
        )
    )


def flows_of(rows: pl.LazyFrame) -> pl.DataFrame:
    return in_order(
        rows.group_by("day", *FLOWS_KEYS).agg(packets=pl.len(), bytes=pl.col("bytes").sum()).collect(), FLOWS
    )


def sources_of(rows: pl.LazyFrame) -> pl.DataFrame:
    def smallest(column: str, absent: int) -> pl.Expr:
        return pl.col(column).filter(pl.col(column) != absent).unique().sort().head(2)

    def count(column: str, value: str) -> pl.Expr:
        return (pl.col(column) == value).sum()

    ports = (pl.col("protocol").cast(pl.Int64) * 65536 + pl.col("port")).filter(pl.col("port") >= 0)
    return in_order(
        rows.group_by("day", *SOURCES_KEYS)
        .agg(
            packets=pl.len(),
            bytes=pl.col("bytes").sum(),
            first=pl.col("time").min(),
            last=pl.col("time").max(),
            source_port=pl.col("source_port").sort_by("time").first(),
            ttl=pl.col("ttl").sort_by("time").first(),
            scan=count("class", "scan"),
            backscatter=count("class", "backscatter"),
            spoofable=count("class", "spoofable"),
            mirai=count("tool", "mirai"),
            zmap=count("tool", "zmap"),
            masscan=pl.col("masscan").sum(),
            nmap=smallest("nmap", NO_NMAP),
            unicornscan=smallest("unicornscan", NO_UNICORNSCAN),
            ports=ports.unique().sort().head(16),
        )
        .collect(),
        SOURCES,
    )


OTHERS = ("country", "asn", "targets", "offered", "completed")
FLOWS_KEYS = [name for name in FLOWS.keys if name not in OTHERS]
SOURCES_KEYS = [name for name in SOURCES.keys if name not in OTHERS]


def in_order(rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    names = [name for name in table.schema if name not in OTHERS]
    keys = FLOWS_KEYS if table is FLOWS else SOURCES_KEYS
    typed = [pl.col(name).cast(table.schema[name]) for name in names]
    return rows.select("day", *typed).sort("day", *keys)


def merged(rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    return in_order(rows.group_by("day", *table.keys).agg(table.merged()), table)


def take(reduction: Reduction) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All rows of flows and of sources."""
    return reduction.take_flows(PLACES), reduction.take_sources()


@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    seed=st.integers(0, 1 << 32),
    count=st.sampled_from([1, 2, 50, 3000, 9000]),
    sources=st.sampled_from([1, 7, 400]),
    minutes=st.sampled_from([3, 60, 4000]),
    ports=st.sampled_from([1, 3, 40]),
    runs=st.integers(1, 5),
    takes=st.lists(st.booleans(), min_size=5, max_size=5),
    most=st.sampled_from([0, 20, 5000]),
)
def test_rows_are_the_sums_of_the_packets_however_they_are_cut(
    seed: int, count: int, sources: int, minutes: int, ports: int, runs: int, takes: list[bool], most: int
) -> None:
    reduction = Reduction(flows=20_000, run=9000)
    flows, found, inputs = [], [], []
    for number, is_taken in zip(range(runs), takes, strict=False):
        run = random_packets(seed + number, count, sources, minutes, ports)
        reduction.absorb(f"s{number % 2}", *run)
        inputs.append(table_of(np.full(count, number % 2), *run))
        if not reduction.is_empty and (is_taken or reduction.is_full):
            flows.append(reduction.take_flows(PLACES))
            if reduction.sources > min(most, reduction.most_sources):
                found.append(reduction.take_sources())
    if not reduction.is_empty:
        flows.append(reduction.take_flows(PLACES))
    if reduction.sources:
        found.append(reduction.take_sources())
    rows = pl.concat(inputs)
    if not flows:
        assert rows.collect().is_empty()
        return
    assert merged(pl.concat(flows), FLOWS).equals(flows_of(rows))
    assert merged(pl.concat(found), SOURCES).equals(sources_of(rows))
    assert reduction.is_empty
    assert reduction.sources == 0


def test_rows_that_were_taken_do_not_change_with_what_is_counted_next() -> None:
    """Also one row alone, which numpy would hand out as a view."""
    reduction = Reduction(flows=1000, run=1000)
    for seed in range(20):
        for count in (1, 2):
            first, second = (random_packets(seed + extra, count, 1, 3, 3) for extra in (0, 100))
            first[0][:] = second[0][:] = INBOUND
            reduction.absorb("s0", *first)
            taken = take(reduction)
            before = [rows.to_dicts() for rows in taken]
            reduction.absorb("s0", *second)
            assert [rows.to_dicts() for rows in taken] == before
            reduction.clear()


def test_more_flows_in_a_minute_than_the_first_tables_hold_are_all_counted() -> None:
    """Growth of both hash tables, several times."""
    run = random_packets(1, 60_000, 50_000, 2, 65_535)
    reduction = Reduction(flows=1000, run=60_000)
    reduction.absorb("s0", *run)
    assert reduction.is_full
    flows, sources = take(reduction)
    rows = table_of(np.zeros(60_000, np.int64), *run)
    assert flows.height > 20_000
    assert merged(flows, FLOWS).equals(flows_of(rows))
    assert merged(sources, SOURCES).equals(sources_of(rows))


def test_the_mark_of_targets_is_the_same_in_one_take_and_in_many() -> None:
    run = random_packets(2, 3000, 20, 5, 3)
    whole, cut = Reduction(flows=10_000, run=9000), Reduction(flows=10_000, run=9000)
    whole.absorb("s0", *run)
    once, _ = take(whole)
    cut.absorb("other", *random_packets(3, 10, 2, 5, 3))
    take(cut)
    cut.absorb("s1", *random_packets(3, 10, 2, 5, 3))
    cut.absorb("s0", *run)
    again, _ = take(cut)
    marks = [
        rows.filter(pl.col("sensor") == "s0")
        .group_by("day", *FLOWS.keys)
        .agg(pl.col("targets").bitwise_or(), pl.col("packets").sum())
        .sort("day", *FLOWS.keys)
        for rows in (once, again)
    ]
    assert marks[0].equals(marks[1])
    counted = marks[0].select(pl.col("targets").bitwise_count_ones().min()).item()
    assert counted >= 1


def test_sources_have_a_country_of_their_day() -> None:
    fate, time, wire, packets, judged = random_packets(4, 100, 30, 5, 3)
    reduction = Reduction(flows=1000, run=1000)
    reduction.absorb("s0", fate, time, wire, packets, judged)
    flows, sources = take(reduction)
    both = flows.join(sources, on=["day", *SOURCES.keys], suffix="_of_source")
    assert both.height == flows.height
    assert (both["country"] == both["country_of_source"]).all()
    countries, _ = PLACES.look_up(
        np.array([4], np.int16), np.array([0]), np.array([(11 << 24) + 1]), int(START // DAY)
    )
    of_one = sources.filter(pl.col("source_low") == (11 << 24) + 1)["country"].unique().to_list()
    assert of_one == countries.to_list()


def test_what_listed_sources_send_is_research_unless_it_is_forged_or_a_reply(tmp_path: Path) -> None:
    """Whether the flows of a source are taken at once or not, and whatever its evidence."""
    listed = tmp_path / "research.csv"
    listed.write_text("11.0.0.0/28,Low\n2400::/64,Six\n")
    places = Places(Geo(), listed)
    plain, known = Reduction(flows=10_000, run=3000), Reduction(flows=10_000, run=3000)
    parts: list[list[pl.DataFrame]] = [[], []]
    for seed in (5, 6):
        run = random_packets(seed, 3000, 60, 40, 3)
        for reduction, who, taken in ((plain, PLACES, parts[0]), (known, places, parts[1])):
            reduction.absorb("s0", *run)
            taken.append(reduction.take_flows(who))
    before, after = map(pl.concat, parts)
    is_listed = (
        pl.when(pl.col("version") == 4)
        .then(pl.col("source_low") < (11 << 24) + 16)
        .otherwise(pl.col("source_high") == 0x2400 << 48)
    )
    expected = before.with_columns(
        pl.when(is_listed & pl.col("class").is_in(["scan", "other"]))
        .then(pl.lit("research"))
        .otherwise("class")
        .alias("class")
    )
    assert set(expected["class"]) == set(Traffic)
    by = [*FLOWS.keys, "packets", "bytes", "targets"]
    assert_frame_equal(expected.sort(by), after.sort(by))
    assert_frame_equal(plain.take_sources(), known.take_sources(), check_row_order=False)


def test_nothing_counted_gives_nothing() -> None:
    reduction = Reduction(flows=1000, run=1000)
    fate, time, wire, packets, judged = random_packets(5, 10, 3, 5, 3)
    fate[:] = OWN
    reduction.absorb("s0", fate, time, wire, packets, judged)
    assert reduction.is_empty
    reduction.clear()
    assert not reduction.is_full


WITHOUT_COMPILER = """
import numpy as np
from test_reduce import FLOWS, SOURCES, take, merged, random_packets, flows_of, sources_of, table_of
from darkscope.ingest import compiled
from darkscope.ingest.geo import Places
from darkscope.ingest.reduce import Reduction
run = random_packets(6, 2000, 1500, 3, 500)
reduction = Reduction(flows=2000, run=9000)
reduction.absorb("s0", *run)
flows, sources = take(reduction)
rows = table_of(np.zeros(2000, np.int64), *run)
assert merged(flows, FLOWS).equals(flows_of(rows))
assert merged(sources, SOURCES).equals(sources_of(rows))
print(compiled.AVAILABLE)
"""


def test_rows_are_the_same_without_the_compiler() -> None:
    here = Path(__file__).parent
    folders = os.pathsep.join((str(here), str(here.parent / "building")))
    environment = os.environ | {"DARKSCOPE_NUMBA": "off", "PYTHONPATH": folders}
    command = [sys.executable, "-W", "error", "-c", WITHOUT_COMPILER]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False\n", "")


NOON = START + DAY // 2
FATE_CASES = [
    # time, outcome, direction, interface -> fate, where 100..200 s after noon are taken and the next day is sealed
    ("inbound", NOON, DECODED, INBOUND, 0, INBOUND),
    ("own", NOON, DECODED, OWN, 0, OWN),
    ("stray", NOON, DECODED, STRAY, 0, STRAY),
    ("of another interface", NOON, DECODED, INBOUND, 1, SKIPPED),
    ("not ip", NOON, NOT_IP, STRAY, 0, REJECTED + NOT_IP - 1),
    ("before the taken time", NOON + 100 * 10**9 - 1, DECODED, INBOUND, 0, INBOUND),
    ("first taken time", NOON + 100 * 10**9, DECODED, INBOUND, 0, OVERLAP),
    ("last taken time", NOON + 200 * 10**9, DECODED, INBOUND, 0, OVERLAP),
    ("after the taken time", NOON + 200 * 10**9 + 1, DECODED, INBOUND, 0, INBOUND),
    ("taken and not ip", NOON + 150 * 10**9, NOT_IP, INBOUND, 0, OVERLAP),
    ("sealed", START + DAY, DECODED, INBOUND, 0, REJECTED + 5),
    ("end of the sealed day", START + 2 * DAY - 1, DECODED, INBOUND, 0, REJECTED + 5),
    ("the day after", START + 2 * DAY, DECODED, INBOUND, 0, INBOUND),
    ("sealed and not ip", START + DAY, NOT_IP, INBOUND, 0, REJECTED + 5),
    ("before all", START - 1, DECODED, INBOUND, 0, WITHOUT_TIME),
    ("after all", START + 3 * DAY, DECODED, INBOUND, 0, WITHOUT_TIME),
    ("without a time", NO_TIME, DECODED, INBOUND, 0, WITHOUT_TIME),
    ("outside the sensor's life", NOON, DECODED, OUTSIDE, 0, WITHOUT_TIME),
]


def fate_of(
    time: int, outcome: int, direction: int, interface: int, asked: list[int], *, everything: bool
) -> int:
    fate = np.empty(1, np.uint8)
    decide(
        fate,
        np.array([outcome], np.uint8),
        np.array([direction], np.uint8),
        np.array([interface], np.int32),
        0,
        np.array([time], np.int64),
        START,
        START + 3 * DAY,
        np.array([[NOON + 100 * 10**9, NOON + 200 * 10**9]], np.int64),
        np.array([START // DAY + 1], np.int64),
        np.array(asked, np.int64),
        everything,
    )
    return int(fate[0])


@pytest.mark.parametrize("case", FATE_CASES, ids=lambda case: case[0])
def test_the_first_rule_that_holds_decides(case: tuple[str, int, int, int, int, int]) -> None:
    _, time, outcome, direction, interface, fate = case
    assert fate_of(time, outcome, direction, interface, [], everything=True) == fate


@pytest.mark.parametrize("case", FATE_CASES, ids=lambda case: case[0])
def test_only_days_that_are_asked_for_are_looked_at(case: tuple[str, int, int, int, int, int]) -> None:
    _, time, outcome, direction, interface, fate = case
    asked = START // DAY
    expected = fate if fate != WITHOUT_TIME and time // DAY == asked else SKIPPED
    assert fate_of(time, outcome, direction, interface, [asked], everything=False) == expected


def test_fates_are_counted_by_the_hour_and_add_up_over_runs() -> None:
    fate = np.array([INBOUND, OWN, SKIPPED, INBOUND, WITHOUT_TIME], np.uint8)
    time = np.array([START + 5, START + 3, START, START + HOUR, 7], np.int64)
    hours: dict[int, object] = {}
    for _ in range(2):
        count_hours(hours, fate, time)
    counts = {key: (hour.low, hour.high, hour.counts.tolist()) for key, hour in hours.items()}
    assert counts == {
        START // HOUR: (START + 3, START + 5, [2, 2, 0, 0, 0, 0, 0, 0, 0, 0]),
        START // HOUR + 1: (START + HOUR, START + HOUR, [2, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        NO_HOUR: (0, 0, [0, 0, 0, 0, 0, 0, 0, 0, 2, 0]),
    }
