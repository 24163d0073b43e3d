"""One contract: the same questions, on the same data, to the ledger and to a real InfluxDB, have the same answers.

What InfluxDB has folded into `other` is compared after the ledger's answer was folded likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from flows import DEFAULTS, book, minute
from hypothesis import given, settings
from hypothesis import strategies as st
from influx import InfluxDB
from influx_proxy import Proxy
from parts import of_files
from polars.testing import assert_frame_equal
from sparks import SOCKETS_LEFT_OPEN, WHERE
from walls import DAY, NOW, Wall, close, wall_of

from darkscope.api.dimension import Dimension, Key
from darkscope.api.influx_pieces import Piece, plan
from darkscope.api.influx_store import InfluxStore
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.periods import Buckets, Window, cut, instant
from darkscope.api.ranking import CLASSES
from darkscope.api.store import (
    ExpiredError,
    Filter,
    NotHeldError,
    Posting,
    Precision,
    Store,
    UnreachableError,
)
from darkscope.ingest.events import SECOND, Event, write
from darkscope.ingest.ledger.upkeep import upkeep
from darkscope.ingest.measurements import Resolution
from darkscope.ingest.projection.folding import Owned, owned_on
from darkscope.ingest.projection.server import Server
from darkscope.ingest.series import FLOWS, NO_PORT, PROMOTIONS, Traffic

pytestmark = SOCKETS_LEFT_OPEN

DAYS = 6
FIRST = DAY - timedelta(days=DAYS - 1)
PORTS = [
    (6, 23),
    (6, 445),
    (6, 80),
    (17, 53),
    (1, NO_PORT),
    (58, NO_PORT),
    (47, NO_PORT),
    (6, NO_PORT),
    (6, 0),
]
COUNTRIES = ("JP", "VN", "CN", "ZZ", "RU", "NL")
MOVED = FIRST + timedelta(days=3)
ORGANISATIONS = {
    Posting("a", until=MOVED): "north",
    Posting("a", since=MOVED): "south",
    Posting("b"): "south",
    Posting("d-ü.1"): "",
}
START, END = minute(FIRST), minute(DAY) + 18 * 60 + 30
EVERYTHING = Filter()
EXAMPLES = 15 if WHERE else 60
"""Of questions of any window; where each share is a job of a cluster's they take a second."""
EVENTS = [
    Event("one", (START + 90) * 60 * SECOND, 0, "rose", "23/TCP", "23/TCP rose", 'In "words", 増減.', {}),
    Event("two", (START + 3000) * 60 * SECOND, (START + 4000) * 60 * SECOND, "fell", "a", "a fell", "", {}),
]


def observed(day: date) -> pl.DataFrame:
    """Flows of a day: common ports from many sources, rare ones, and hours in which a sensor is silent."""
    random = np.random.default_rng(day.toordinal())
    rows = 2500
    hours = 18 if day == DAY else 24
    sensor = np.array(["a", "b", "c", "d-ü.1"])[random.integers(0, 4, rows)]
    at = random.integers(0, hours * 60, rows)
    source = random.integers(1, 90, rows)
    chosen = random.choice(len(PORTS), rows, p=[0.3, 0.2, 0.15, 0.1, 0.1, 0.05, 0.04, 0.03, 0.03])
    rare = random.random(rows) < 0.15
    protocol = np.array([one[0] for one in PORTS])[chosen]
    port = np.array([one[1] for one in PORTS])[chosen]
    given = {
        "minute": minute(day) + at,
        "sensor": pl.Series(sensor),
        "source_low": source,
        "protocol": np.where(rare, np.where(source % 2, 6, 17), protocol),
        "port": np.where(rare, random.integers(1, 65536, rows), port),
        "country": pl.Series(np.array(COUNTRIES)[np.where(source < 85, source % 4, 4 + source % 2)]),
        "class": pl.Series(np.array(list(Traffic))[random.integers(0, len(Traffic), rows)]),
        "packets": random.integers(1, 9, rows),
    }
    frame = pl.DataFrame(given).filter(
        # b is silent for half a day, c for one; a for some hours of each.
        ~((pl.col("sensor") == "b") & (pl.lit(at // 720) == day.day % 2)),
        ~((pl.col("sensor") == "c") & pl.lit(day == MOVED)),
        ~((pl.col("sensor") == "a") & pl.Series(at // 60).is_in([3, 4, 15])),
    )
    rest = [pl.lit(value).alias(name) for name, value in DEFAULTS.items() if name not in given]
    return frame.with_columns(rest).select(pl.col(name).cast(kind) for name, kind in FLOWS.schema.items())


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory, influx: InfluxDB) -> Iterator[Wall]:
    """A ledger of six days, projected while it grew; its older days are rolled up."""
    with Proxy(influx.port) as proxy:
        one = wall_of(tmp_path_factory.mktemp("contract"), influx, proxy)
        for number in range(DAYS):
            book(one.ledger, observed(FIRST + timedelta(days=number)), watched=50, after=10 * (number % 2))
            if number == 2:
                write(one.ledger, "test", lambda _: EVENTS)
            one.project(watch=("23/tcp",))
        upkeep(one.ledger, one.settings, NOW)
        yield one
        close(one)
        influx.drop(*(one.settings.influx.bucket + end for end in ("", "_hour", "_day")))


@pytest.fixture(scope="module", params=["on spark"] if WHERE else ["at once", "in shares"])
def ledger(wall: Wall, request: pytest.FixtureRequest) -> LedgerStore:
    engine = request.getfixturevalue("spark") if request.param == "on spark" else None
    reader = None if request.param == "at once" else of_files(wall.ledger, 3000, engine)
    return LedgerStore(wall.ledger.snapshot(), ORGANISATIONS, reader=reader)


def influx_store(wall: Wall, **influx: Any) -> InfluxStore:
    server = Server(wall.settings.influx)
    wall.opened.append(server)
    changed = wall.settings.influx.model_copy(update=influx)
    return InfluxStore(server, changed, NOW, ORGANISATIONS)


@pytest.fixture(scope="module")
def series(wall: Wall) -> InfluxStore:
    return influx_store(wall)


@pytest.fixture(scope="module")
def owned(wall: Wall) -> Callable[[Sequence[int]], Owned]:
    """What had tags of its own on all days from an edge to another, by the ledger's table."""
    rows = wall.ledger.snapshot().scan(PROMOTIONS).collect()

    def of(edges: Sequence[int]) -> Owned:
        days = [FIRST + timedelta(days=number) for number in range(DAYS)]
        asked = [day for day in days if minute(day) < edges[-1] and minute(day) + 1440 > edges[0]]
        ports, pairs, countries = [
            frozenset.intersection(*map(frozenset, sets))
            for sets in zip(
                *(
                    (one.ports, one.pairs, one.countries)
                    for one in (owned_on(rows, day) for day in asked or days)
                ),
                strict=True,
            )
        ]
        return Owned(ports | {(1, NO_PORT), (58, NO_PORT)}, pairs, countries)

    return of


def folded(answer: pl.DataFrame, where: Filter, own: Owned) -> pl.DataFrame:
    """The ledger's answer as a store gives it that knows no more than what has tags of its own."""
    ports = [
        (*(where.protocols or ()), port) if protocol is None else (protocol, port)
        for protocol, port in where.ports or ()
    ]

    def key(row: dict[str, Any]) -> dict[str, Any]:
        port, country = (row.get("protocol"), row.get("port")), row.get("country")
        by_port, by_country = "port" in row, "country" in row
        if by_port and by_country:
            if (*port, country) not in own.pairs:
                row |= {"country": None} if where.ports is not None else {"protocol": None, "port": None}
        elif by_port:
            needed = {(*port, one) for one in where.countries or ()}
            if not (needed <= own.pairs if where.countries is not None else port in own.ports):
                row |= {"protocol": None, "port": None}
        elif by_country:
            needed = {(*one, country) for one in ports}
            if not (needed <= own.pairs if where.ports is not None else country in own.countries):
                row |= {"country": None}
        return row

    rows = [key(row) for row in answer.iter_rows(named=True)]
    sums = [name for name in answer.columns if name in ("packets", *CLASSES)]
    keys = [name for name in answer.columns if name not in sums]
    return pl.DataFrame(rows, schema=answer.schema).group_by(keys).agg(pl.col(sums).sum())


def named(shown: pl.DataFrame, dimension: Dimension, values: Sequence[Key]) -> pl.DataFrame:
    """Rows of some values, and those without any."""
    columns = list(dimension.columns)
    keys = pl.DataFrame(values, schema={name: shown.schema[name] for name in columns}, orient="row")
    return pl.concat([shown.join(keys, on=columns, how="semi"), shown.filter(pl.col(columns[0]).is_null())])


def same(answer: pl.DataFrame, expected: pl.DataFrame) -> None:
    assert_frame_equal(answer, expected, check_row_order=False, check_column_order=True)


def whole(day: date = FIRST, days: int = DAYS) -> Window:
    return Window(instant(minute(day)), instant(minute(day) + days * 1440))


FILTERS = [
    EVERYTHING,
    Filter(sensors=frozenset({Posting("b"), Posting("a", since=MOVED)})),
    Filter(sensors=frozenset({Posting("d-ü.1", until=MOVED), Posting("a", until=MOVED)})),
    Filter(sensors=frozenset()),
    Filter(classes=frozenset({"scan", "other"})),
    Filter(protocols=frozenset({6, 1})),
    Filter(ports=frozenset({(6, 23)})),
    Filter(ports=frozenset({(6, 23), (6, 445), (1, NO_PORT)})),
    Filter(ports=frozenset({(None, 23)}), protocols=frozenset({6})),
    Filter(ports=frozenset({(6, 23)}), classes=frozenset({"scan"})),
    Filter(ports=frozenset({(6, 23)}), protocols=frozenset({17})),
    Filter(countries=frozenset({"JP"})),
    Filter(countries=frozenset({"JP", "CN"})),
    Filter(countries=frozenset({"VN"}), ports=frozenset({(6, 23)})),
    Filter(countries=frozenset({"VN"}), sensors=frozenset({Posting("b")})),
    Filter(countries=frozenset()),
]


def is_by_class(dimensions: Sequence[Dimension], where: Filter) -> bool:
    return Dimension.CLASSES in dimensions or where.classes is not None


def is_refused(dimensions: Sequence[Dimension], where: Filter) -> bool:
    """Whether no series has all tags that a question needs."""
    by_port = Dimension.PORTS in dimensions or where.ports is not None
    by_country = Dimension.COUNTRIES in dimensions or where.countries is not None
    by_protocol = where.protocols is not None and where.ports is None
    return by_country and (by_protocol or (by_port and is_by_class(dimensions, where)))


ASKED = (
    Dimension.PORTS,
    Dimension.COUNTRIES,
    Dimension.SENSORS,
    Dimension.ORGANISATIONS,
    Dimension.CLASSES,
)


@pytest.mark.parametrize("dimension", ASKED)
@pytest.mark.parametrize("where", FILTERS)
def test_totals(
    ledger: LedgerStore,
    series: InfluxStore,
    owned: Callable[[Sequence[int]], Owned],
    dimension: Dimension,
    where: Filter,
) -> None:
    if is_refused([dimension], where):
        with pytest.raises(NotHeldError, match=r'set api\.store = "ledger"'):
            series.totals(dimension, whole(), where)
        return
    expected = ledger.totals(dimension, whole(), where)
    answer = series.totals(dimension, whole(), where)
    same(answer, folded(expected, where, owned(whole().minutes)))
    assert answer["packets"].sum() == expected["packets"].sum()


@pytest.mark.parametrize("dimension", [one for one in ASKED if one is not Dimension.CLASSES])
@pytest.mark.parametrize("where", FILTERS)
def test_totals_with_classes_beside_them(
    ledger: LedgerStore,
    series: InfluxStore,
    owned: Callable[[Sequence[int]], Owned],
    dimension: Dimension,
    where: Filter,
) -> None:
    if is_refused([dimension, Dimension.CLASSES], where):
        with pytest.raises(NotHeldError, match=r'set api\.store = "ledger"'):
            series.totals(dimension, whole(), where, CLASSES)
        return
    expected = ledger.totals(dimension, whole(), where, CLASSES)
    same(series.totals(dimension, whole(), where, CLASSES), folded(expected, where, owned(whole().minutes)))
    same(expected.drop(CLASSES), ledger.totals(dimension, whole(), where))


def test_the_suite_has_what_is_told_apart_and_what_is_not(
    ledger: LedgerStore, series: InfluxStore, owned: Callable[[Sequence[int]], Owned]
) -> None:
    own = owned(whole().minutes)
    assert {(6, 23), (6, 445), (6, 80), (17, 53), (47, NO_PORT), (6, NO_PORT), (6, 0)} <= own.ports
    assert own.countries == {"JP", "VN", "CN", "ZZ"}
    assert {country for *_, country in own.pairs} == own.countries
    told = series.totals(Dimension.PORTS, whole(), EVERYTHING)
    rest = told.filter(pl.col("port").is_null())
    assert rest.height == 1
    assert 0.05 < rest["packets"].item() / told["packets"].sum() < 0.3
    assert ledger.totals(Dimension.PORTS, whole(), EVERYTHING).height > 1000


CROSSED = [
    (Dimension.PORTS, Dimension.COUNTRIES, [(6, 23), (6, 445)]),
    (Dimension.PORTS, Dimension.SENSORS, [(6, 23), (1, NO_PORT)]),
    (Dimension.PORTS, Dimension.CLASSES, [(6, 23), (17, 53)]),
    (Dimension.COUNTRIES, Dimension.PORTS, [("JP",), ("VN",)]),
    (Dimension.COUNTRIES, Dimension.ORGANISATIONS, [("JP",)]),
    (Dimension.COUNTRIES, Dimension.CLASSES, [("CN",)]),
    (Dimension.SENSORS, Dimension.PORTS, [("a",), ("c",)]),
    (Dimension.SENSORS, Dimension.COUNTRIES, [("a",)]),
    (Dimension.SENSORS, Dimension.ORGANISATIONS, [("a",), ("b",)]),
    (Dimension.CLASSES, Dimension.SENSORS, [("scan",)]),
    (Dimension.ORGANISATIONS, Dimension.PORTS, [("south",), ("",)]),
]


@pytest.mark.parametrize(("first", "second", "values"), CROSSED)
@pytest.mark.parametrize(
    "where",
    [
        EVERYTHING,
        Filter(sensors=frozenset({Posting("a", since=MOVED), Posting("b")})),
        Filter(ports=frozenset({(6, 23)})),
        Filter(countries=frozenset({"JP"})),
        Filter(protocols=frozenset({6})),
    ],
)
def test_sums_by_pairs_of_values(
    ledger: LedgerStore,
    series: InfluxStore,
    owned: Callable[[Sequence[int]], Owned],
    first: Dimension,
    second: Dimension,
    values: list[Key],
    where: Filter,
) -> None:
    narrowed = where
    if first is Dimension.PORTS:
        narrowed = Filter(ports=frozenset((int(a), int(b)) for a, b in values), countries=where.countries)
    if is_refused([first, second], narrowed):
        with pytest.raises(NotHeldError):
            series.cross(first, second, whole(), where, values)
        return
    expected = ledger.cross(first, second, whole(), where, values)
    answer = series.cross(first, second, whole(), where, values)
    same(answer, folded(expected, narrowed, owned(whole().minutes)))


ZONES = ["UTC", "Asia/Tokyo", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York"]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("step", ["day", "hour", "6h", "15m", "week", "month"])
@pytest.mark.parametrize(
    ("dimension", "values"),
    [
        (Dimension.PORTS, [(6, 23), (1, NO_PORT)]),
        (Dimension.COUNTRIES, [("JP",)]),
        (Dimension.ORGANISATIONS, [("north",), ("south",)]),
    ],
)
def test_series(
    ledger: LedgerStore,
    series: InfluxStore,
    owned: Callable[[Sequence[int]], Owned],
    dimension: Dimension,
    values: list[Key],
    zone: str,
    step: str,
) -> None:
    buckets = cut(Window(instant(START + 61), instant(END)), step, ZoneInfo(zone))
    where = Filter(sensors=frozenset({Posting("a"), Posting("b", until=MOVED)}))
    answer = series.series(dimension, buckets, where, values)
    everything = ledger.totals(dimension, buckets.window, where)
    all_of_them = ledger.series(
        dimension, buckets, where, everything.select(dimension.columns).rows()
    ).select(answer.columns)
    shown = folded(all_of_them, where, owned(buckets.edges))
    same(answer, named(shown, dimension, values))
    same(series.series(dimension, buckets, where, None), shown)
    same(ledger.series(dimension, buckets, where, None).select(all_of_them.columns), all_of_them)


@pytest.mark.parametrize("dimension", [Dimension.SENSORS, Dimension.CLASSES, Dimension.COUNTRIES])
@pytest.mark.parametrize("where", [EVERYTHING, Filter(classes=frozenset({"scan"}))])
def test_series_of_all_values(
    ledger: LedgerStore,
    series: InfluxStore,
    owned: Callable[[Sequence[int]], Owned],
    dimension: Dimension,
    where: Filter,
) -> None:
    buckets = cut(whole(), "6h", ZoneInfo("Asia/Tokyo"))
    expected = ledger.series(dimension, buckets, where, None)
    assert expected["packets"].sum() == ledger.totals(dimension, buckets.window, where)["packets"].sum()
    answer = series.series(dimension, buckets, where, None)
    same(answer, folded(expected.select(answer.columns), where, owned(buckets.edges)))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("step", ["day", "hour", "5m"])
def test_coverage(ledger: LedgerStore, series: InfluxStore, zone: str, step: str) -> None:
    buckets = cut(Window(instant(START - 300), instant(END + 300)), step, ZoneInfo(zone))
    postings = frozenset({Posting("a", until=MOVED), Posting("b"), Posting("c", since=MOVED), Posting("no")})
    expected = ledger.coverage(buckets, postings)
    same(series.coverage(buckets, postings), expected)
    assert 0 < expected["covered"].sum() < 3 * 60 * (END - START)


@pytest.mark.parametrize(("start", "end"), [(START, END // 60 * 60), (START + 180, minute(MOVED) + 600)])
def test_frames(ledger: LedgerStore, series: InfluxStore, start: int, end: int) -> None:
    window = Window(instant(start), instant(end))
    postings = frozenset({Posting("a", until=MOVED), Posting("b"), Posting("no")})
    expected = ledger.frames(window, postings)
    same(series.frames(window, postings), expected)
    assert expected["frames"].sum() > 0


@pytest.mark.parametrize(
    ("start", "end"), [(START, END), (START + 190, START + 235), (END, END + 100), (START - 99, START + 1)]
)
def test_sensors(ledger: LedgerStore, series: InfluxStore, start: int, end: int) -> None:
    window = Window(instant(start), instant(end))
    assert series.sensors(window) == ledger.sensors(window)


def test_the_version_is_the_ledgers(ledger: LedgerStore, series: InfluxStore) -> None:
    assert series.version == ledger.version
    assert series.newest == END // 60 * 3600


WINDOWS = st.tuples(st.integers(START - 100, END), st.integers(1, 4000)).map(
    lambda one: (one[0], one[0] + one[1])
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    bounds=WINDOWS,
    dimension=st.sampled_from(ASKED),
    where=st.sampled_from([one for one in FILTERS if one.protocols is None]),
)
def test_totals_of_any_window(
    ledger: LedgerStore,
    series: InfluxStore,
    owned: Callable[[Sequence[int]], Owned],
    bounds: tuple[int, int],
    dimension: Dimension,
    where: Filter,
) -> None:
    window = Window(*map(instant, bounds))
    if is_refused([dimension], where):
        return
    expected = ledger.totals(dimension, window, where)
    same(series.totals(dimension, window, where), folded(expected, where, owned(bounds)))


STEPS = st.tuples(
    st.sampled_from(["day", "6h", "hour", "week"]), st.sampled_from(ZONES).map(ZoneInfo), WINDOWS
).map(lambda one: cut(Window(*map(instant, one[2])), one[0], one[1]))


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    buckets=STEPS,
    dimension=st.sampled_from(ASKED),
    where=st.sampled_from([one for one in FILTERS if one.protocols is None]),
)
def test_series_of_any_window(
    ledger: LedgerStore,
    series: InfluxStore,
    owned: Callable[[Sequence[int]], Owned],
    buckets: Buckets,
    dimension: Dimension,
    where: Filter,
) -> None:
    if is_refused([dimension], where):
        return
    keys = list(dimension.columns)
    values = ledger.totals(dimension, buckets.window, where).select(keys).rows()
    expected = ledger.series(dimension, buckets, where, values).select(*keys, "bucket", "packets")
    shown = folded(expected, where, owned(buckets.edges))
    told = shown.drop_nulls().select(keys).unique().sort(keys).rows()[:5]
    answer = series.series(dimension, buckets, where, told)
    same(answer, named(shown, dimension, told))


REFUSED: list[Callable[[Store], object]] = [
    lambda store: store.totals(Dimension.OWNERS, whole(), EVERYTHING),
    lambda store: store.totals(Dimension.TOOLS, whole(), EVERYTHING),
    lambda store: store.totals(Dimension.PORTS, whole(), Filter(owners=frozenset({64500}))),
    lambda store: store.totals(Dimension.PORTS, whole(), Filter(tools=frozenset({"mirai"}))),
    lambda store: store.totals(Dimension.SENSORS, whole(), Filter(protocols=frozenset({6, 47}))),
    lambda store: store.totals(Dimension.SENSORS, whole(), Filter(ports=frozenset({(6, 61234)}))),
    lambda store: store.totals(Dimension.SENSORS, whole(), Filter(ports=frozenset({(None, 23)}))),
    lambda store: store.totals(Dimension.SENSORS, whole(), Filter(countries=frozenset({"JP", "RU"}))),
    lambda store: store.totals(
        Dimension.SENSORS, whole(), Filter(countries=frozenset({"RU"}), ports=frozenset({(6, 23)}))
    ),
    lambda store: store.series(
        Dimension.PORTS, cut(whole(), "day", ZoneInfo("UTC")), EVERYTHING, [(6, 61234)]
    ),
    lambda store: store.series(
        Dimension.COUNTRIES, cut(whole(), "day", ZoneInfo("UTC")), EVERYTHING, [("RU",)]
    ),
    lambda store: store.cross(Dimension.PORTS, Dimension.TOOLS, whole(), EVERYTHING, [(6, 23)]),
    lambda store: store.senders,
    lambda store: store.sources(Dimension.PORTS, whole(), EVERYTHING, [(6, 23)], Precision.EXACT),
    lambda store: store.targets(Dimension.PORTS, whole(), EVERYTHING, [(6, 23)]),
]


@pytest.mark.parametrize("ask", REFUSED)
def test_what_the_series_do_not_hold_is_refused_with_the_setting_that_helps(
    ledger: LedgerStore, series: InfluxStore, ask: Callable[[Store], object]
) -> None:
    ask(ledger)
    with pytest.raises(NotHeldError, match=r'set api\.store = "ledger"'):
        ask(series)


@pytest.mark.parametrize("column", [field.name for field in fields(Filter)])
def test_no_column_of_a_filter_is_passed_over(series: InfluxStore, column: str) -> None:
    """An empty set matches nothing: a column that the store did not know would let everything through."""
    try:
        answer = series.totals(Dimension.SENSORS, whole(), Filter(**{column: frozenset()}))
    except NotHeldError:
        return
    assert answer.is_empty()


def test_what_a_bucket_has_forgotten_is_refused_and_what_never_was_is_nothing(wall: Wall) -> None:
    store = influx_store(wall, retention_minute=2, retention_hour=3, retention_day=400)
    days = whole(FIRST - timedelta(days=30), 34)
    assert store.totals(Dimension.CLASSES, days, EVERYTHING)["packets"].sum() > 0
    before = Window(instant(START - 9999), instant(START))
    assert store.totals(Dimension.CLASSES, before, EVERYTHING).is_empty()
    with pytest.raises(ExpiredError) as caught:
        store.totals(Dimension.CLASSES, Window(instant(START + 61), instant(END)), EVERYTHING)
    assert str(caught.value) == (
        "InfluxDB remembers minutes from 2020-06-22 18:30 UTC on, and the question needs those from "
        '2020-06-19 01:01 on: set api.store = "ledger", ask for whole UTC days (2020-06-20/...), or let '
        "influx.retention_minute be longer"
    )


def test_a_server_that_does_not_answer_is_named_and_one_without_a_projection_says_so(
    wall: Wall, influx: InfluxDB
) -> None:
    wall.proxy.fault = lambda _, __: (503, '{"error": "shutting down"}')
    try:
        with pytest.raises(
            UnreachableError, match=r"InfluxDB cannot be asked: http://127\.0\.0\.1:.*shutting down"
        ):
            influx_store(wall).totals(Dimension.CLASSES, whole(), EVERYTHING)
    finally:
        wall.proxy.fault = lambda _, __: None
    influx.create("empty", "empty_hour", "empty_day")
    store = influx_store(wall, bucket="empty")
    influx.write("empty", [f"darkscope version=0i {int(NOW.timestamp())}"])  # as a projector says that begins
    with pytest.raises(UnreachableError, match="nothing was projected whole yet"):
        _ = store.version
    assert store.totals(Dimension.PORTS, whole(), EVERYTHING).is_empty()
    assert store.newest is None
    influx.drop("empty", "empty_hour", "empty_day")


def test_buckets_of_one_length_are_one_query_and_a_window_alone_is_days_hours_and_minutes() -> None:
    day = minute(DAY)
    assert plan([day - 130, day + 1440 + 7]) == [
        Piece(Resolution.MINUTE, day - 130, day - 120, 0),
        Piece(Resolution.HOUR, day - 120, day, 0),
        Piece(Resolution.DAY, day, day + 1440, 0),
        Piece(Resolution.MINUTE, day + 1440, day + 1447, 0),
    ]
    tokyo = cut(Window(datetime(2020, 6, 1, 15, tzinfo=UTC), NOW), "day", ZoneInfo("Asia/Tokyo"))
    days, *today = plan(tokyo.edges)
    assert days == Piece(Resolution.HOUR, tokyo.edges[0], tokyo.edges[-2], 0, 1440)
    assert [(piece.resolution, piece.bucket) for piece in today] == [
        (Resolution.HOUR, 23),
        (Resolution.MINUTE, 23),
    ]
    edges = [day, day + 1440, day + 2880, day + 4320]
    assert plan(edges, [day + 1440]) == [
        Piece(Resolution.DAY, day, day + 1440, 0),
        Piece(Resolution.DAY, day + 1440, day + 4320, 1, 1440),
    ]


@pytest.mark.parametrize(("first", "days", "count"), [(0, DAYS, 2), (0, 1, 1), (1, 1, 0), (2, 2, 1)])
def test_events_that_began_in_a_window_are_the_same_but_for_their_ends_and_figures(
    ledger: LedgerStore, series: InfluxStore, first: int, days: int, count: int
) -> None:
    window = whole(FIRST + timedelta(days=first), days)
    known = ["start", "kind", "subject", "title", "text"]
    found = ledger.events(window)  # nobody's settings name the sensor `a`, so it has no tag of its own
    found = found.with_columns(pl.col("subject").replace("a", "other"))
    same(series.events(window).select(known), found.select(known))
    assert found.height == count
    assert series.events(window).select(pl.col("end", "numbers").null_count()).row(0) == (count, count)
