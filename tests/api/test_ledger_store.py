from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from tries import TRIES

from darkscope.api import ledger_store
from darkscope.api.dimension import Dimension, Key
from darkscope.api.ledger_store import LedgerStore, Piece, plan
from darkscope.api.periods import DAY, Buckets, Window, cut, instant, minute
from darkscope.api.ranking import CLASSES
from darkscope.api.store import Filter, Posting, Precision, StoreError
from darkscope.ingest import series

Make = Callable[..., Any]
UTC_ZONE = ZoneInfo("UTC")
DAY_0 = minute(datetime(2020, 6, 24, tzinfo=UTC))
JUNE_24 = Window(datetime(2020, 6, 24, tzinfo=UTC), datetime(2020, 6, 25, tzinfo=UTC))
EVERYTHING = Filter()


def rows(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    return sorted(frame.rows())


def whole(window: Window) -> Buckets:
    return Buckets(UTC_ZONE, "whole", window.minutes)


def test_partial_rows_of_one_key_are_summed(snapshot: Make) -> None:
    store = LedgerStore(snapshot([{"minute": DAY_0, "packets": 2}, {"minute": DAY_0, "packets": 3}]))
    assert rows(store.totals(Dimension.PORTS, JUNE_24, EVERYTHING)) == [(6, 23, 5)]


def test_a_window_is_half_open(snapshot: Make) -> None:
    minutes = [DAY_0 - 1, DAY_0, DAY_0 + DAY - 1, DAY_0 + DAY]
    store = LedgerStore(snapshot([{"minute": at, "packets": 10**place} for place, at in enumerate(minutes)]))
    assert rows(store.totals(Dimension.COUNTRIES, JUNE_24, EVERYTHING)) == [("CN", 110)]


def test_icmp_is_one_value_whatever_the_rest(snapshot: Make) -> None:
    store = LedgerStore(
        snapshot(
            [
                {"minute": DAY_0, "protocol": 1, "port": -1, "class": "scan"},
                {"minute": DAY_0, "protocol": 1, "port": -1, "class": "backscatter"},
                {"minute": DAY_0, "protocol": 58, "port": -1},
            ]
        )
    )
    assert rows(store.totals(Dimension.PORTS, JUNE_24, EVERYTHING)) == [(1, -1, 2), (58, -1, 1)]


@pytest.mark.parametrize(
    ("where", "packets"),
    [
        (Filter(), 127),
        (Filter(sensors=frozenset({Posting("b")})), 2),
        (Filter(sensors=frozenset()), 0),
        (Filter(sensors=frozenset({Posting("a", until=date(2020, 6, 24))})), 0),
        (Filter(sensors=frozenset({Posting("a", since=date(2020, 6, 24))})), 125),
        (Filter(classes=frozenset({"backscatter", "other"})), 4),
        (Filter(ports=frozenset({(None, 53)})), 24),
        (Filter(ports=frozenset({(17, 53)})), 8),
        (Filter(ports=frozenset({(6, 53), (1, -1)})), 16),
        (Filter(protocols=frozenset({17})), 8),
        (Filter(countries=frozenset({"JP"})), 32),
        (Filter(owners=frozenset({64500})), 64),
        (Filter(tools=frozenset({""})), 126),
        (Filter(tools=frozenset({"mirai"})), 1),
        (Filter(countries=frozenset({"JP"}), ports=frozenset({(None, 53)})), 0),
    ],
)
@pytest.mark.parametrize("rolled", [False, True])
def test_a_filter_narrows_by_every_column(snapshot: Make, where: Filter, packets: int, rolled: bool) -> None:
    tables = snapshot(
        [
            {"minute": DAY_0, "packets": 1, "tool": "mirai"},
            {"minute": DAY_0, "packets": 2, "sensor": "b"},
            {"minute": DAY_0, "packets": 4, "class": "backscatter"},
            {"minute": DAY_0, "packets": 8, "protocol": 17, "port": 53},
            {"minute": DAY_0, "packets": 16, "port": 53},
            {"minute": DAY_0, "packets": 32, "country": "JP"},
            {"minute": DAY_0, "packets": 64, "asn": 64500},
        ]
    )
    if rolled:
        tables.roll_up([date(2020, 6, 24)])
    store = LedgerStore(tables)
    for dimension in Dimension:
        assert store.totals(dimension, JUNE_24, where)["packets"].sum() == packets


@pytest.mark.parametrize("rolled", [False, True])
def test_pairs_of_values_are_summed_and_add_up_to_the_totals_of_either(snapshot: Make, rolled: bool) -> None:
    tables = snapshot(
        [
            {"minute": DAY_0, "packets": 1},
            {"minute": DAY_0, "packets": 2, "port": 53, "protocol": 17, "sensor": "b"},
            {"minute": DAY_0, "packets": 4, "port": 53, "protocol": 17, "class": "backscatter"},
            {"minute": DAY_0, "packets": 8, "country": "JP", "tool": "mirai", "asn": 64500},
        ]
    )
    if rolled:
        tables.roll_up([date(2020, 6, 24)])
    store = LedgerStore(tables)
    assert rows(store.cross(Dimension.PORTS, Dimension.CLASSES, JUNE_24, EVERYTHING, [(17, 53)])) == [
        (17, 53, "backscatter", 4),
        (17, 53, "scan", 2),
    ]
    where = Filter(ports=frozenset({(6, 23)}))
    assert rows(store.cross(Dimension.COUNTRIES, Dimension.PORTS, JUNE_24, where, [("JP",), ("CN",)])) == [
        ("CN", 6, 23, 1),
        ("JP", 6, 23, 8),
    ]
    for first, second in permutations(Dimension, 2):
        values = store.totals(first, JUNE_24, EVERYTHING).select(first.columns).rows()
        pairs = store.cross(first, second, JUNE_24, EVERYTHING, values)
        for dimension in (first, second):
            summed = pairs.group_by(dimension.columns).agg(pl.col("packets").sum())
            totals = store.totals(dimension, JUNE_24, EVERYTHING)
            assert_frame_equal(summed, totals, check_row_order=False)


def test_any_number_of_ports_can_be_named(snapshot: Make) -> None:
    ports = [(6, port) for port in range(-1, 65536)]
    store = LedgerStore(snapshot([{"minute": DAY_0, "port": port} for port in (-1, 0, 65535)]))
    where = Filter(ports=frozenset({(None, 65535), *ports[:40]}))
    assert rows(store.totals(Dimension.PORTS, JUNE_24, where)) == [(6, -1, 1), (6, 0, 1), (6, 65535, 1)]
    assert rows(store.sources(Dimension.PORTS, JUNE_24, EVERYTHING, ports, Precision.EXACT)) == [
        (6, -1, 1, 0.0),
        (6, 0, 1, 0.0),
        (6, 65535, 1, 0.0),
    ]


@pytest.mark.usefixtures("reading")
def test_a_moved_sensors_packets_stay_with_the_organisation_of_the_time(snapshot: Make) -> None:
    store = LedgerStore(
        snapshot([{"minute": DAY_0 - 1}, {"minute": DAY_0, "packets": 2}, {"minute": DAY_0, "sensor": "b"}]),
        {Posting("a", until=date(2020, 6, 24)): "north", Posting("a", since=date(2020, 6, 24)): "south"},
    )
    window = Window(JUNE_24.start - timedelta(days=1), JUNE_24.end)
    assert rows(store.totals(Dimension.ORGANISATIONS, window, EVERYTHING)) == [
        ("", 1),
        ("north", 1),
        ("south", 2),
    ]


@pytest.mark.usefixtures("reading")
def test_series_give_named_values_by_bucket_and_nothing_for_empty_ones(snapshot: Make) -> None:
    store = LedgerStore(
        snapshot(
            [
                {"minute": DAY_0 + 59},
                {"minute": DAY_0 + 60, "packets": 3},
                {"minute": DAY_0 + 180, "packets": 5},
                {"minute": DAY_0 + 180, "port": 80},
            ]
        )
    )
    series_of_23 = store.series(
        Dimension.PORTS, cut(JUNE_24, "hour", UTC_ZONE), EVERYTHING, [(6, 23), (6, 9)]
    )
    assert rows(series_of_23) == [(6, 23, 0, 1), (6, 23, 1, 3), (6, 23, 3, 5)]


@pytest.mark.usefixtures("reading")
def test_distinct_sources_are_exact_and_never_added(snapshot: Make) -> None:
    flows = [
        {"minute": DAY_0 + 1, "source_low": 5},
        {"minute": DAY_0 + 2, "source_low": 5},
        {"minute": DAY_0 + 2, "source_low": 6, "sensor": "b"},
        {"minute": DAY_0 + 2, "source_low": 6, "port": 80},
        {"minute": DAY_0 + 2, "source_low": 7, "port": 81},
    ]
    store = LedgerStore(snapshot(flows))
    answer = store.sources(Dimension.PORTS, JUNE_24, EVERYTHING, [(6, 23), (6, 80)], Precision.EXACT)
    assert rows(answer) == [(6, 23, 2, 0.0), (6, 80, 1, 0.0)]


@pytest.mark.usefixtures("reading")
def test_an_ipv6_source_counts_by_its_64_bit_network(snapshot: Make) -> None:
    v6 = {"version": 6, "minute": DAY_0}
    store = LedgerStore(
        snapshot(
            [
                {**v6, "source_high": 5, "source_low": 1},
                {**v6, "source_high": 5, "source_low": 2},
                {**v6, "source_high": -6, "source_low": 2},
                {"minute": DAY_0, "source_low": 5},
            ]
        )
    )
    answer = store.sources(Dimension.PORTS, JUNE_24, EVERYTHING, [(6, 23)], Precision.EXACT)
    assert rows(answer) == [(6, 23, 3, 0.0)]


@pytest.mark.usefixtures("reading")
def test_an_estimate_of_few_flows_is_exact(snapshot: Make) -> None:
    store = LedgerStore(snapshot([{"minute": DAY_0, "source_low": source} for source in range(100)]))
    answer = store.sources(Dimension.PORTS, JUNE_24, EVERYTHING, [(6, 23)], Precision.ESTIMATED)
    assert rows(answer) == [(6, 23, 100, 0.0)]


@pytest.mark.usefixtures("reading")
def test_an_estimate_of_many_flows_states_its_error(snapshot: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_store, "EXACT_FLOWS", 1000)
    store = LedgerStore(snapshot([{"minute": DAY_0, "source_low": source} for source in range(50_000)]))
    ((_, _, sources, error),) = rows(
        store.sources(Dimension.PORTS, JUNE_24, EVERYTHING, [(6, 23)], Precision.ESTIMATED)
    )
    assert 0.03 < error < 0.05
    assert abs(sources - 50_000) < 4 * error * 50_000


@pytest.mark.usefixtures("reading")
def test_marks_of_targets_are_merged_by_sensor_and_version(snapshot: Make) -> None:
    flows = [
        {"minute": DAY_0, "targets": 0b0001},
        {"minute": DAY_0 + 9, "targets": 0b0110, "source_low": 2},
        {"minute": DAY_0, "targets": 0b1000, "version": 6},
        {"minute": DAY_0, "targets": 0b0001, "sensor": "b"},
        {"minute": DAY_0, "targets": 0b0011, "port": 80},
        {"minute": DAY_0, "targets": 0b0111, "port": 81},
        {"minute": DAY_0 + DAY, "targets": 0b1111},
    ]
    store = LedgerStore(snapshot(flows), {Posting("a"): "north", Posting("b"): "north"})
    assert rows(store.targets(Dimension.PORTS, JUNE_24, EVERYTHING, [(6, 23), (6, 80)])) == [
        (6, 23, "a", 4, 0b0111),
        (6, 23, "a", 6, 0b1000),
        (6, 23, "b", 4, 0b0001),
        (6, 80, "a", 4, 0b0011),
    ]
    where = Filter(ports=frozenset({(6, 80)}))
    assert rows(store.targets(Dimension.SENSORS, JUNE_24, where, [("a",), ("b",)])) == [("a", 4, 0b0011)]
    of_north = store.targets(Dimension.ORGANISATIONS, JUNE_24, where, [("north",)])
    assert of_north.rows() == [("north", "a", 4, 0b0011)]


@pytest.mark.usefixtures("reading")
def test_an_estimate_counts_values_of_few_sources_exactly(
    snapshot: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_store, "EXACT_FLOWS", 1000)
    flows = [{"minute": DAY_0, "source_low": source % 700, "port": 80} for source in range(5_000)]
    answer = LedgerStore(snapshot(flows)).sources(
        Dimension.PORTS, JUNE_24, EVERYTHING, [(6, 80)], Precision.ESTIMATED
    )
    assert rows(answer) == [(6, 80, 700, 0.0)]


def test_whole_days_come_from_day_rollups_edges_from_quarters_and_the_rest_from_flows(snapshot: Make) -> None:
    tables = snapshot()
    tables.roll_up([date(2020, 6, 23) + timedelta(days=day) for day in range(4)])
    assert plan(tables, {"protocol", "port", "packets"}, (DAY_0 - 130, DAY_0 + 2 * DAY + 7)) == [
        Piece(series.FLOWS, DAY_0 - 130, DAY_0 - 120),
        Piece(series.ROLLUP_PORTS, DAY_0 - 120, DAY_0),
        Piece(series.ROLLUP_PORTS_DAY, DAY_0, DAY_0 + 2 * DAY),
        Piece(series.FLOWS, DAY_0 + 2 * DAY, DAY_0 + 2 * DAY + 7),
    ]


def test_a_day_without_a_rollup_comes_from_flows(snapshot: Make) -> None:
    tables = snapshot()
    tables.roll_up([date(2020, 6, 24), date(2020, 6, 26)])
    assert plan(tables, {"asn"}, (DAY_0, DAY_0 + 3 * DAY)) == [
        Piece(series.ROLLUP_OWNERS, DAY_0, DAY_0 + DAY),
        Piece(series.FLOWS, DAY_0 + DAY, DAY_0 + 2 * DAY),
        Piece(series.ROLLUP_OWNERS, DAY_0 + 2 * DAY, DAY_0 + 3 * DAY),
    ]


def test_what_no_rollup_has_comes_from_flows(snapshot: Make) -> None:
    tables = snapshot()
    tables.roll_up([date(2020, 6, 24)])
    assert plan(tables, {"tool", "port"}, (DAY_0, DAY_0 + DAY)) == [Piece(series.FLOWS, DAY_0, DAY_0 + DAY)]


def test_local_days_come_from_quarters_of_an_hour(snapshot: Make) -> None:
    tables = snapshot()
    tables.roll_up([date(2020, 6, 23), date(2020, 6, 24), date(2020, 6, 25)])
    kathmandu = ZoneInfo("Asia/Kathmandu")
    start = datetime(2020, 6, 24, tzinfo=kathmandu).astimezone(UTC)
    buckets = cut(Window(start, start + timedelta(days=2)), "day", kathmandu)
    assert plan(tables, {"protocol", "port"}, buckets.edges) == [
        Piece(series.ROLLUP_PORTS, minute(start), minute(start) + 2 * DAY)
    ]


APRIL, MAY, JUNE = (date(2020, month, 1) for month in (4, 5, 6))
APRIL_0, MAY_0, JUNE_0, JULY_0 = (minute(datetime(2020, month, 1, tzinfo=UTC)) for month in (4, 5, 6, 7))


def test_whole_months_come_from_the_smallest_rollup_of_months(snapshot: Make) -> None:
    tables = snapshot()
    tables.roll_up_months([APRIL, MAY, JUNE])
    quarter = (APRIL_0, JULY_0)
    for needed, table in (
        ({"protocol", "port"}, series.ROLLUP_ALL_PORTS_MONTH),
        ({"protocol", "port", "class"}, series.ROLLUP_ALL_PORTS_MONTH),
        ({"protocol", "port", "sensor"}, series.ROLLUP_PORTS_MONTH),
        ({"country"}, series.ROLLUP_COUNTRIES_MONTH),
        ({"asn"}, series.ROLLUP_OWNERS_MONTH),
        ({"sensor"}, series.ROLLUP_TOOLS_MONTH),
    ):
        assert plan(tables, needed, quarter) == [Piece(table, *quarter)]
    assert plan(tables, {"protocol", "port", "country"}, quarter) == [
        Piece(series.ROLLUP_PORT_COUNTRIES, *quarter)
    ]


def test_what_sticks_out_of_a_month_is_taken_off_where_that_is_less(snapshot: Make) -> None:
    tables = snapshot()
    tables.roll_up_months([date(2020, 3, 1), APRIL, MAY, JUNE])
    nine_hours = 9 * 60
    assert plan(tables, {"country"}, (APRIL_0 - nine_hours, JULY_0 - nine_hours)) == [
        Piece(series.ROLLUP_COUNTRIES, APRIL_0 - nine_hours, APRIL_0),
        Piece(series.ROLLUP_COUNTRIES_MONTH, APRIL_0, JULY_0),
        Piece(series.ROLLUP_COUNTRIES, JULY_0 - nine_hours, JULY_0, sign=-1),
    ]
    assert plan(tables, {"country"}, (APRIL_0 + DAY + 5, MAY_0 + DAY)) == [
        Piece(series.ROLLUP_COUNTRIES_DAY, APRIL_0, APRIL_0 + DAY, sign=-1),
        Piece(series.FLOWS, APRIL_0 + DAY, APRIL_0 + DAY + 5, sign=-1),
        Piece(series.ROLLUP_COUNTRIES_MONTH, APRIL_0, MAY_0),
        Piece(series.ROLLUP_COUNTRIES_DAY, MAY_0, MAY_0 + DAY),
    ]


def test_a_month_of_which_less_is_asked_for_comes_from_its_days(snapshot: Make) -> None:
    tables = snapshot()
    tables.roll_up_months([APRIL, MAY, JUNE])
    assert plan(tables, {"country"}, (APRIL_0, APRIL_0 + 15 * DAY)) == [
        Piece(series.ROLLUP_COUNTRIES_DAY, APRIL_0, APRIL_0 + 15 * DAY)
    ]


def test_a_month_that_an_edge_or_a_posting_cuts_comes_from_its_days(snapshot: Make) -> None:
    tables = snapshot()
    tables.roll_up_months([APRIL, MAY])
    cut_by_an_edge = plan(tables, {"sensor"}, (APRIL_0, MAY_0 + 15 * DAY, JUNE_0))
    cut_by_a_posting = plan(tables, {"sensor"}, (APRIL_0, JUNE_0), {MAY_0 + 3 * DAY, JUNE_0})
    assert (
        cut_by_an_edge
        == cut_by_a_posting
        == [
            Piece(series.ROLLUP_TOOLS_MONTH, APRIL_0, MAY_0),
            Piece(series.ROLLUP_COUNTRIES_DAY, MAY_0, JUNE_0),
        ]
    )


@pytest.mark.usefixtures("reading")
def test_what_is_taken_off_leaves_no_value_that_did_not_occur(snapshot: Make) -> None:
    tables = snapshot([{"minute": JULY_0 - 1, "port": 80}, {"minute": APRIL_0 + DAY}])
    tables.roll_up_months([APRIL, JUNE])
    window = Window(instant(APRIL_0), instant(JULY_0 - 60))
    store = LedgerStore(tables)
    assert rows(store.totals(Dimension.PORTS, window, EVERYTHING)) == [(6, 23, 1)]
    assert rows(store.series(Dimension.PORTS, whole(window), EVERYTHING, [(6, 23), (6, 80)])) == [
        (6, 23, 0, 1)
    ]


@pytest.mark.parametrize(
    ("chosen", "tables_read"),
    [
        ("abc", {"rollup_all_ports_month", "rollup_ports_month"}),
        ("ab", {"rollup_ports_month"}),
    ],
)
def test_few_sensors_are_left_out_by_taking_them_off(
    snapshot: Make, chosen: str, tables_read: set[str]
) -> None:
    sensors = {"a": 1, "b": 2, "c": 4, "d": 8}
    flows = [
        {"minute": APRIL_0 + DAY, "sensor": name, "packets": count, "port": port}
        for name, count in sensors.items()
        for port in (23, ord(name))
    ]
    tables = snapshot(flows, [{"minute": APRIL_0 + DAY, "minutes": 60, "sensor": name} for name in sensors])
    tables.roll_up_months([APRIL])
    window = Window(instant(APRIL_0), instant(MAY_0))
    where = Filter(sensors=frozenset(map(Posting, chosen)))
    totals = LedgerStore(tables).totals(Dimension.PORTS, window, where)
    expected = [(6, ord(name), sensors[name]) for name in chosen]
    assert rows(totals) == [(6, 23, sum(sensors[name] for name in chosen)), *expected]
    assert {name for name, *_ in tables.scanned} - {"coverage"} == tables_read


FLOW = st.fixed_dictionaries(
    {
        "minute": st.integers(DAY_0 - DAY, DAY_0 + 2 * DAY - 1),
        "sensor": st.sampled_from("ab"),
        "protocol": st.sampled_from([6, 17]),
        "port": st.sampled_from([-1, 23, 53]),
        "class": st.sampled_from(["scan", "other"]),
        "tool": st.sampled_from(["", "mirai"]),
        "country": st.sampled_from(["CN", "JP"]),
        "asn": st.sampled_from([0, 64500]),
        "packets": st.integers(1, 5),
    }
)
WHERE = st.builds(
    Filter,
    sensors=st.sampled_from([None, frozenset({Posting("a")}), frozenset({Posting("a", date(2020, 6, 24))})]),
    classes=st.sampled_from([None, frozenset({"scan"})]),
    ports=st.sampled_from([None, frozenset({(None, 53)}), frozenset({(6, 23), (17, -1)})]),
    countries=st.sampled_from([None, frozenset({"JP"})]),
    tools=st.sampled_from([None, frozenset({"mirai"})]),
)
FULL_SPAN = (DAY_0 - DAY, DAY_0 + 2 * DAY)


@settings(max_examples=40 * TRIES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    flows=st.lists(FLOW, max_size=25),
    where=WHERE,
    dimension=st.sampled_from(Dimension),
    bounds=st.tuples(st.integers(*FULL_SPAN), st.integers(*FULL_SPAN)).filter(lambda pair: pair[0] < pair[1]),
    rolled=st.sets(st.sampled_from([date(2020, 6, 23), date(2020, 6, 24), date(2020, 6, 25)])),
    step=st.sampled_from(["15m", "hour", "day"]),
    zone=st.sampled_from(["UTC", "Asia/Tokyo", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)
def test_rollups_answer_what_flows_answer(
    snapshot: Make,
    flows: list[dict[str, Any]],
    where: Filter,
    dimension: Dimension,
    bounds: tuple[int, int],
    rolled: set[date],
    step: str,
    zone: str,
) -> None:
    tables = snapshot(flows)
    organisations = {Posting("a", until=date(2020, 6, 24)): "north", Posting("b"): "south"}
    from_flows = LedgerStore(snapshot(flows), organisations)
    from_rollups = LedgerStore(tables, organisations)
    tables.roll_up(rolled)
    window = Window(instant(bounds[0]), instant(bounds[1]))
    totals = from_flows.totals(dimension, window, where)
    assert_frame_equal(from_rollups.totals(dimension, window, where), totals, check_row_order=False)
    values = totals.select(dimension.columns).rows()
    with_classes(from_flows, from_rollups, dimension, window, where, values)
    buckets = cut(window, step, ZoneInfo(zone))
    assert_frame_equal(
        from_rollups.series(dimension, buckets, where, values),
        from_flows.series(dimension, buckets, where, values),
        check_row_order=False,
    )


def with_classes(
    flows: LedgerStore,
    rollups: LedgerStore,
    dimension: Dimension,
    window: Window,
    where: Filter,
    values: Sequence[Key],
) -> None:
    """Totals with packets of classes beside them are what crossing the dimension with the classes says."""
    if dimension is Dimension.CLASSES:
        return
    told = rollups.totals(dimension, window, where, CLASSES)
    assert_frame_equal(told, flows.totals(dimension, window, where, CLASSES), check_row_order=False)
    assert_frame_equal(told.drop(CLASSES), flows.totals(dimension, window, where), check_row_order=False)
    by_class = {
        (*key, kind): packets
        for *key, kind, packets in flows.cross(
            dimension, Dimension.CLASSES, window, where, values
        ).iter_rows()
    }
    for row in told.iter_rows(named=True):
        key = [row[column] for column in dimension.columns]
        assert [row[kind] for kind in CLASSES] == [by_class.get((*key, kind), 0) for kind in CLASSES]


POSTINGS = frozenset({Posting("a", date(2020, 5, 9)), Posting("b", until=date(2020, 6, 30))})
NEAR = st.builds(
    int.__add__, st.sampled_from([APRIL_0, MAY_0, JUNE_0, JULY_0]), st.integers(-2 * DAY, 2 * DAY)
)
ANYWHERE = st.integers(APRIL_0 - 3 * DAY, JULY_0 + 3 * DAY)
OFF = st.sampled_from([0, -540, -345, 540, -DAY, DAY + 7]) | st.integers(-2 * DAY, 2 * DAY)


@settings(max_examples=40 * TRIES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    flows=st.lists(
        st.builds(lambda flow, minute: flow | {"minute": minute}, FLOW, NEAR | ANYWHERE),
        min_size=10,
        max_size=40,
    ),
    where=st.just(EVERYTHING) | st.just(Filter(sensors=POSTINGS)) | WHERE,
    dimension=st.sampled_from(Dimension),
    bounds=st.tuples(st.builds(APRIL_0.__add__, OFF), st.builds(JULY_0.__add__, OFF)),
    rolled=st.sets(st.sampled_from([date(2020, 3, 31), date(2020, 6, 29), date(2020, 6, 30)])),
    months=st.just({APRIL, MAY, JUNE}) | st.sets(st.sampled_from([APRIL, MAY, JUNE])),
    middle=st.none() | NEAR,
    most=st.sampled_from([0, 2]),
)
def test_rollups_of_months_answer_what_flows_answer(
    snapshot: Make,
    monkeypatch: pytest.MonkeyPatch,
    flows: list[dict[str, Any]],
    where: Filter,
    dimension: Dimension,
    bounds: tuple[int, int],
    rolled: set[date],
    months: set[date],
    middle: int | None,
    most: int,
) -> None:
    """Also where the sensors that were not chosen are taken off the sum of all."""
    tables = snapshot(flows)
    organisations = {Posting("a", until=date(2020, 6, 24)): "north", Posting("b"): "south"}
    from_flows = LedgerStore(snapshot(flows), organisations)
    from_rollups = LedgerStore(tables, organisations)
    tables.roll_up(rolled)
    tables.roll_up_months(months)
    window = Window(instant(bounds[0]), instant(bounds[1]))
    totals = from_flows.totals(dimension, window, where)
    monkeypatch.setattr(ledger_store, "MOST", most)
    assert_frame_equal(from_rollups.totals(dimension, window, where), totals, check_row_order=False)
    values = totals.select(dimension.columns).rows()
    with_classes(from_flows, from_rollups, dimension, window, where, values)
    is_inside = middle is not None and bounds[0] < middle < bounds[1]
    buckets = Buckets(UTC_ZONE, "some", (bounds[0], middle, bounds[1]) if is_inside else bounds)
    assert_frame_equal(
        from_rollups.series(dimension, buckets, where, values),
        from_flows.series(dimension, buckets, where, values),
        check_row_order=False,
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    flows=st.lists(FLOW, max_size=25), rolled=st.sets(st.sampled_from([date(2020, 6, 23), date(2020, 6, 24)]))
)
def test_the_sum_over_any_dimension_is_the_sum_over_flows(
    snapshot: Make, flows: list[dict[str, Any]], rolled: set[date]
) -> None:
    tables = snapshot(flows)
    tables.roll_up(rolled)
    store = LedgerStore(tables, {Posting("a"): "north"})
    window = Window(*map(instant, FULL_SPAN))
    buckets = cut(window, "hour", ZoneInfo("Asia/Kathmandu"))
    for dimension in Dimension:
        totals = store.totals(dimension, window, EVERYTHING)
        values = totals.select(dimension.columns).rows()
        expected = sum(flow["packets"] for flow in flows)
        assert totals["packets"].sum() == expected
        assert store.series(dimension, buckets, EVERYTHING, values)["packets"].sum() == expected


def test_only_the_days_of_a_window_are_read(snapshot: Make) -> None:
    tables = snapshot([{"minute": DAY_0}])
    LedgerStore(tables).totals(Dimension.PORTS, JUNE_24, EVERYTHING)
    assert tables.scanned == [("flows", date(2020, 6, 24), date(2020, 6, 24))]


@pytest.mark.usefixtures("reading")
def test_coverage_is_the_union_of_points_with_bridged_silence(snapshot: Make) -> None:
    tables = snapshot(
        coverage=[
            {"minute": DAY_0, "minutes": 10, "bridge": 5},
            {"minute": DAY_0 + 15, "minutes": 5, "bridge": 5},  # heard again after 5 minutes: bridged
            {"minute": DAY_0 + 26, "minutes": 4, "bridge": 5},  # after 6: an outage
            {"minute": DAY_0 + 22, "minutes": 6, "point": "eth1"},  # another point covers some of it
            {"minute": DAY_0 + 22, "minutes": 0, "point": "eth2", "bridge": 5},  # frames only, no time
            {"minute": 0, "minutes": 0},
            {"minute": DAY_0, "minutes": 60, "sensor": "b"},
        ]
    )
    store = LedgerStore(tables)
    postings = frozenset({Posting("a"), Posting("b", since=date(2020, 6, 25))})
    answer = store.coverage(whole(JUNE_24), postings)
    assert rows(answer) == [("a", 0, 28 * 60)]
    assert store.sensors(JUNE_24) == {"a", "b"}
    assert store.sensors(Window(JUNE_24.end, JUNE_24.end + timedelta(days=1))) == frozenset()


def test_silence_at_the_edge_of_a_window_is_bridged_by_what_lies_outside(snapshot: Make) -> None:
    tables = snapshot(
        coverage=[
            {"minute": DAY_0 - 60, "minutes": 55, "bridge": 10},
            {"minute": DAY_0 + 5, "minutes": 55, "bridge": 10},
        ]
    )
    answer = LedgerStore(tables).coverage(cut(JUNE_24, "hour", UTC_ZONE), frozenset({Posting("a")}))
    assert rows(answer) == [("a", 0, 3600)]


@pytest.mark.usefixtures("reading")
def test_what_expired_with_the_flows_is_refused_not_undercounted(snapshot: Make) -> None:
    tables = snapshot([{"minute": DAY_0 + DAY}])
    tables.roll_up([date(2020, 6, 24), date(2020, 6, 25)])
    tables.rolled[series.SEALS.name] = frozenset({date(2020, 6, 24)})
    store = LedgerStore(tables)
    two_days = Window(JUNE_24.start, JUNE_24.end + timedelta(days=1))
    assert rows(store.totals(Dimension.PORTS, two_days, EVERYTHING)) == [(6, 23, 1)]
    with pytest.raises(StoreError) as caught:
        store.totals(Dimension.PORTS, two_days, Filter(tools=frozenset({"mirai"})))
    assert str(caught.value) == (
        "the flows from 2020-06-24 to 2020-06-24 have expired, and no rollup has port, protocol, tool "
        "for all of the period asked about"
    )
    assert rows(store.sources(Dimension.PORTS, two_days, EVERYTHING, [(6, 23)], Precision.EXACT)) == []
    assert rows(store.targets(Dimension.PORTS, two_days, EVERYTHING, [(6, 23)])) == []


def test_what_cannot_be_read_is_named_by_table_and_day(tmp_path: Path) -> None:
    file = tmp_path / "broken.parquet"
    file.write_bytes(b"PAR1 and then nothing of the kind PAR1")

    class Broken:
        version = 1

        def days(self, _: series.Table) -> frozenset[date]:
            return frozenset()

        def scan(self, table: series.Table, first_day: date, last_day: date) -> pl.LazyFrame:
            good = pl.LazyFrame(schema={**table.schema, "day": pl.Date()})
            if first_day <= date(2020, 6, 24) <= last_day:
                return pl.scan_parquet([file], schema={**table.schema, "day": pl.Date()})
            return good

        def told(self, error: Exception) -> str:
            return str(error)

    window = Window(JUNE_24.start - timedelta(days=1), JUNE_24.end + timedelta(days=1))
    with pytest.raises(StoreError, match="the ledger's table flows cannot be read on 2020-06-24: parquet: "):
        LedgerStore(Broken()).totals(Dimension.PORTS, window, EVERYTHING)


STRETCH = st.fixed_dictionaries(
    {
        "minute": st.integers(DAY_0 - 40, DAY_0 + 100),
        "minutes": st.integers(0, 20),
        "bridge": st.integers(0, 20),
        "point": st.sampled_from(["", "eth1"]),
    }
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stretches=st.lists(STRETCH, max_size=8))
def test_covered_time_is_that_of_a_minute_by_minute_count(
    snapshot: Make, stretches: list[dict[str, Any]]
) -> None:
    watched: set[int] = set()
    for point in ("", "eth1"):
        heard, until = 0, 0  # end of what was heard, minute up to which silence after it is bridged
        for stretch in sorted(
            (one for one in stretches if one["point"] == point and one["minutes"]),
            key=lambda one: one["minute"],
        ):
            start, end = stretch["minute"], stretch["minute"] + stretch["minutes"]
            watched |= set(range(heard if start <= until else start, start)) | set(range(start, end))
            heard, until = max(heard, end), max(until, end + stretch["bridge"])
    buckets = Buckets(UTC_ZONE, "15m", tuple(range(DAY_0, DAY_0 + 91, 15)))
    answer = LedgerStore(snapshot(coverage=stretches)).coverage(buckets, frozenset({Posting("a")}))
    counted = dict.fromkeys(range(6), 0) | dict(answer.select("bucket", "covered").rows())
    assert counted == {
        bucket: 60 * len(watched & set(range(DAY_0 + 15 * bucket, DAY_0 + 15 * bucket + 15)))
        for bucket in range(6)
    }
