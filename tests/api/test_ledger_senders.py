from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from darkscope.api import ledger_reader, ledger_senders
from darkscope.api.address import SENDER, Sender
from darkscope.api.ledger_senders import LedgerSenders, Position
from darkscope.api.periods import Window, minute
from darkscope.api.store import ExpiredError, Filter, Posting

pytestmark = pytest.mark.usefixtures("reading")

Make = Callable[..., Any]
DAY = Window(datetime(2020, 6, 24, tzinfo=UTC), datetime(2020, 6, 25, tzinfo=UTC))
WEEK = Window(datetime(2020, 6, 24, tzinfo=UTC), datetime(2020, 7, 1, tzinfo=UTC))
NOON = "2020-06-24T12:00"
MINUTE = 60_000_000_000
NOON_MINUTE = minute(datetime(2020, 6, 24, 12, tzinfo=UTC))
NOON_TIME = NOON_MINUTE * MINUTE
SIX = 0x2001_0DB8 << 32
ALL = Filter()


def senders(*found: Sender) -> pl.DataFrame:
    schema = {"version": pl.Int16, "source_high": pl.Int64, "source_low": pl.Int64}
    return pl.DataFrame(found, schema=schema, orient="row")


def evidence(tables: Any, *found: Sender, sensors: frozenset[Posting] | None = None) -> list[dict[str, Any]]:
    rows = LedgerSenders(tables).evidence(DAY, sensors, senders(*found)).drop(SENDER)
    return rows.to_dicts()


def test_senders_are_listed_by_packets_and_then_by_address(snapshot: Make) -> None:
    flows = [
        {"minute": NOON, "source_low": 9, "packets": 2},
        {"minute": NOON, "source_low": 3, "packets": 2},
        {"minute": NOON, "version": 6, "source_high": -1, "source_low": 1, "packets": 2},
        {"minute": NOON, "version": 6, "source_high": SIX, "source_low": -1, "packets": 2},
        {"minute": NOON, "source_low": 7, "packets": 5},
    ]
    page = LedgerSenders(snapshot(flows)).page(DAY, ALL, None, 10)
    assert page.senders.rows() == [(4, 0, 7, 5), (4, 0, 3, 2), (4, 0, 9, 2), (6, SIX, -1, 2), (6, -1, 1, 2)]
    assert (page.packets, page.addresses, page.has_more) == (13, 5, False)


def limit(monkeypatch: pytest.MonkeyPatch, share: int, few: int = 0) -> None:
    """Sum so many addresses at once, which are counted exactly, and keep so few rows."""
    for name, value in (("SHARE", share), ("SAMPLE", 1)):
        monkeypatch.setattr(ledger_reader, name, value)
    monkeypatch.setattr(ledger_senders, "FEW", few)


@pytest.mark.parametrize(("share", "few"), [(1, 0), (3, 0), (100, 0), (1, 100)])
def test_pages_are_the_list_cut_in_parts_however_few_addresses_are_summed_at_once(
    snapshot: Make, monkeypatch: pytest.MonkeyPatch, share: int, few: int
) -> None:
    limit(monkeypatch, share, few)
    flows = [{"minute": NOON, "source_low": low, "packets": 1 + low % 3} for low in range(8)]
    flows += [{"minute": NOON, "version": 6, "source_high": SIX, "source_low": low} for low in (-1, 1)]
    store = LedgerSenders(snapshot(flows))
    whole = store.page(DAY, ALL, None, 10).senders.rows()
    parts: list[Any] = []
    while True:
        last = parts[-1] if parts else None
        page = store.page(DAY, ALL, last and Position(last[3], last[:3]), 3)
        assert (page.packets, page.addresses) == (sum(row[3] for row in whole), 10)
        parts += page.senders.rows()
        if not page.has_more:
            break
    assert parts == whole
    assert len(whole) == 10


def test_whole_days_come_from_sources_and_what_they_cannot_tell_from_flows(snapshot: Make) -> None:
    tables = snapshot(
        [
            {"minute": NOON, "packets": 2, "port": 23},
            {"minute": "2020-06-25T12:00", "packets": 3, "port": 22},
        ],
        sources=[
            {"packets": 2, "scan": 2, "ports": [6 << 16 | 23], "first": NOON_TIME, "last": NOON_TIME + 1}
        ],
    )
    store, both = LedgerSenders(tables), Window(DAY.start, DAY.end + timedelta(hours=13))
    scanned = []
    for window, where in (
        (DAY, ALL),
        (both, ALL),
        (DAY, Filter(countries=frozenset({"CN"}), owners=frozenset({0}))),
        (DAY, Filter(ports=frozenset({(6, 23)}))),
        (DAY, Filter(classes=frozenset({"scan"}))),
        (DAY, Filter(tools=frozenset({""}))),
    ):
        tables.scanned.clear()
        assert store.page(window, where, None, 5).packets == (5 if window is both else 2)
        scanned.append({name for name, _, _ in tables.scanned})
    assert scanned == [{"sources"}, {"sources", "flows"}, {"sources"}, {"flows"}, {"flows"}, {"flows"}]


def test_facts_are_those_of_the_packets_that_pass(snapshot: Make) -> None:
    tables = snapshot(
        [
            {"minute": NOON, "packets": 2, "port": 23, "sensor": "a", "country": "VN", "asn": 1},
            {
                "minute": "2020-06-24T13:00",
                "packets": 3,
                "port": 22,
                "sensor": "b",
                "country": "LA",
                "asn": 2,
            },
            {"minute": "2020-06-24T13:00", "packets": 4, "port": 22, "class": "spoofable"},
            {"minute": NOON, "packets": 1, "protocol": 1, "port": -1, "class": "backscatter"},
            {"minute": NOON, "packets": 9, "source_low": 2},
        ]
    )
    store = LedgerSenders(tables)
    asked = senders((4, 0, 5), (4, 0, 1))
    assert store.facts(DAY, Filter(classes=frozenset({"scan", "backscatter"})), asked).to_dicts() == [
        {
            **dict.fromkeys(("packets", "first", "last", "country", "asn", "sensors")),
            "version": 4,
            "source_high": 0,
            "source_low": 5,
            "ports": 0,
            "ports_exact": True,
            "classes": [],
        },
        {
            "version": 4,
            "source_high": 0,
            "source_low": 1,
            "packets": 6,
            "first": NOON_MINUTE,
            "last": NOON_MINUTE + 60,
            "country": "LA",
            "asn": 2,
            "sensors": 2,
            "ports": 2,
            "ports_exact": True,
            "classes": ["backscatter", "scan"],
        },
    ]


PACKETS = st.lists(
    st.tuples(
        st.integers(0, 2 * 1440 - 1),  # minute
        st.sampled_from(["a", "b"]),
        st.sampled_from([(4, 0, 1), (4, 0, 2), (6, SIX, -1)]),
        st.sampled_from([(6, 23), (6, 445), (17, 53), (1, -1)]),
        st.sampled_from(["scan", "backscatter", "spoofable", "other"]),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(PACKETS)
def test_sources_and_flows_tell_the_same(snapshot: Make, packets: list[Any]) -> None:
    names = ("version", "source_high", "source_low")
    start = minute(DAY.start)
    flows, sources = [], []
    for at, sensor, sender, (protocol, port), kind in packets:
        who = {"sensor": sensor, **dict(zip(names, sender, strict=True))}
        flows.append({"minute": start + at, **who, "protocol": protocol, "port": port, "class": kind})
        time = (start + at) * MINUTE + 7
        counts = {kind: 1} if kind != "other" else {}
        ports = [protocol << 16 | port] if port >= 0 else []
        day = date(2020, 6, 24 + at // 1440)
        sources.append({"day": day, **who, "first": time, "last": time, "ports": ports, **counts})
    window = Window(DAY.start, DAY.end + timedelta(days=1))
    by_flows, by_sources = (LedgerSenders(snapshot(flows, (), rows)) for rows in ((), sources))
    one, other = (store.page(window, ALL, None, 9) for store in (by_flows, by_sources))
    assert_frame_equal(one.senders, other.senders)
    assert_frame_equal(
        by_flows.facts(window, ALL, one.senders),
        by_sources.facts(window, ALL, one.senders),
        check_dtypes=False,
    )
    tables = [store.owners(window, ALL, None, no_device) for store in (by_flows, by_sources)]
    assert_frame_equal(tables[0].owners.drop("confirmed"), tables[1].owners.drop("confirmed"))


def no_device(rows: pl.DataFrame) -> pl.Series:
    return pl.Series([""] * len(rows), dtype=pl.String)


def test_what_a_research_scanner_sends_is_told_as_scan_as_sources_count_it(snapshot: Make) -> None:
    tables = snapshot([{"minute": NOON, "class": "research"}])
    assert LedgerSenders(tables).facts(DAY, ALL, senders((4, 0, 1)))["classes"].to_list() == [["scan"]]


@pytest.mark.parametrize("few", [0, 2, 100])
def test_facts_are_the_same_whether_rows_are_kept_or_read_again(
    snapshot: Make, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    limit(monkeypatch, 100, few)
    tables = snapshot(
        [{"minute": "2020-06-25T01:00", "port": 22}, {"minute": "2020-06-25T01:00", "source_low": 2}],
        sources=[{"packets": 2, "scan": 2, "ports": [6 << 16 | 23], "first": NOON_TIME, "last": NOON_TIME}]
        * 2,
    )
    window = Window(DAY.start, DAY.end + timedelta(hours=2))
    store = LedgerSenders(tables)
    page = store.page(window, ALL, None, 5)
    told = store.facts(window, ALL, page.senders).select("source_low", "packets", "ports", "first", "last")
    one_o_clock = NOON_MINUTE + 13 * 60
    assert told.rows() == [(1, 5, 2, NOON_MINUTE, one_o_clock), (2, 1, 1, one_o_clock, one_o_clock)]


def test_sixteen_ports_of_a_day_that_is_known_by_sources_alone_may_be_more(snapshot: Make) -> None:
    row = {"packets": 99, "scan": 99, "ports": [6 << 16 | port for port in range(16)]}
    other = {"packets": 1, "scan": 1, "ports": [6 << 16 | 99], "sensor": "b"}
    facts = LedgerSenders(snapshot(sources=[row, other])).facts(DAY, ALL, senders((4, 0, 1)))
    assert facts.select("ports", "ports_exact").rows() == [(17, False)]


def test_expired_days_are_refused_only_where_sources_cannot_answer(snapshot: Make) -> None:
    tables = snapshot(sources=[{"packets": 2}])
    tables.rolled["seals"] = frozenset({date(2020, 6, 24)})
    store = LedgerSenders(tables)
    assert store.page(DAY, ALL, None, 5).packets == 2
    for window, where in (
        (DAY, Filter(ports=frozenset({(6, 23)}))),
        (Window(DAY.start, DAY.end - timedelta(hours=1)), ALL),
    ):
        with pytest.raises(ExpiredError, match="the flows of 2020-06-24 have expired"):
            store.page(window, where, None, 5)


def test_a_handshake_with_one_sensor_confirms_and_halves_of_two_do_not(snapshot: Make) -> None:
    tables = snapshot(
        sources=[
            {"sensor": "pot", "packets": 0, "offered": [5], "source_low": 1},
            {"sensor": "pot", "packets": 0, "completed": [5, 6], "source_low": 1},
            {"sensor": "pot", "packets": 0, "offered": [5], "source_low": 2},
            {"sensor": "other", "packets": 0, "completed": [5], "source_low": 2},
            {"sensor": "a", "packets": 8, "spoofable": 1, "mirai": 2, "source_low": 2},
        ]
    )
    unknown = {"is_confirmed": False, "is_spoofable": False, "is_broad": False, "tools": []}
    assert evidence(tables, (4, 0, 2), (4, 0, 3), (4, 0, 1)) == [
        {**unknown, "is_spoofable": True, "tools": ["mirai"]},
        unknown,
        {**unknown, "is_confirmed": True},
    ]
    assert evidence(tables, (4, 0, 1), sensors=frozenset({Posting("a")})) == [unknown]


def test_ports_of_all_sensors_in_one_day_make_a_broad_scanner(snapshot: Make) -> None:
    def row(ports: range, **further: Any) -> dict[str, Any]:
        return {"ports": [6 << 16 | port for port in ports], **further}

    in_a_day = [row(range(6)), row(range(6, 11), sensor="b")]
    over_days = [row(range(6), source_low=2), row(range(6, 11), source_low=2, day="2020-06-25")]
    found = LedgerSenders(snapshot(sources=in_a_day + over_days)).evidence(
        WEEK, None, senders((4, 0, 1), (4, 0, 2))
    )
    assert found["is_broad"].to_list() == [True, False]


def test_owners_count_their_sources_by_address_and_by_64_and_know_their_devices(
    snapshot: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, 2)
    flows = [
        {"minute": NOON, "source_low": 1, "asn": 1, "packets": 3, "country": "VN"},
        {"minute": "2020-06-24T13:00", "source_low": 2, "asn": 1, "packets": 3, "country": "LA"},
        {"minute": NOON, "version": 6, "source_high": SIX, "source_low": 1, "asn": 1, "country": "VN"},
        {"minute": NOON, "version": 6, "source_high": SIX, "source_low": 2, "asn": 1, "country": "VN"},
        {"minute": NOON, "source_low": 1, "asn": 2, "packets": 9},
    ]
    sources = [
        {"day": "2020-06-23", "source_low": 2, "offered": [0], "completed": [0]},
        {"sensor": "pot", "packets": 0, "source_low": 1, "offered": [0], "completed": [0]},
    ]
    tables = snapshot(flows, (), sources)

    def device(rows: pl.DataFrame) -> pl.Series:
        return rows["source_low"].replace_strict({1: "NAS"}, default="")

    where = Filter(ports=frozenset({(6, 23)}))
    found = LedgerSenders(tables).owners(DAY, where, None, device)
    assert found.owners.to_dicts() == [
        {
            "asn": 2,
            "packets": 9,
            "sources": 1,
            "confirmed": 1,
            "first": NOON_MINUTE,
            "last": NOON_MINUTE,
            "countries": ["CN"],
        },
        {
            "asn": 1,
            "packets": 8,
            "sources": 3,
            "confirmed": 1,
            "first": NOON_MINUTE,
            "last": NOON_MINUTE + 60,
            "countries": ["LA", "VN"],
        },
    ]
    assert found.devices.rows() == [(1, "NAS", 2), (2, "NAS", 1)]


def account(tables: Any, where: Filter = ALL, **how: Any) -> list[dict[str, Any]]:
    frames = list(LedgerSenders(tables).accounts(how.get("window", DAY), where, how.get("sensors")))
    return pl.concat(frames).sort("source_low").drop("version", "source_high").to_dicts()


def proof(low: int, first: int, last: int, **how: Any) -> dict[str, Any]:
    times = {"first": NOON_TIME + first * MINUTE, "last": NOON_TIME + last * MINUTE}
    return {"source_low": low, "scan": 1, **times, **how}


@pytest.mark.parametrize("share", [1, 2, 100])
def test_accounts_say_of_every_sender_what_there_is_to_judge_it_by(
    snapshot: Make, monkeypatch: pytest.MonkeyPatch, share: int
) -> None:
    limit(monkeypatch, share)
    flows = [
        {"minute": NOON, "source_low": 1, "port": 445},
        {"minute": "2020-06-24T12:07", "source_low": 1, "port": 445, "sensor": "b", "packets": 2, "asn": 9},
        {"minute": NOON, "source_low": 2, "port": 445, "class": "backscatter"},
        {"minute": NOON, "source_low": 3, "port": 445, "class": "research"},
        {"minute": NOON, "source_low": 4, "port": 23},
    ]
    sources = [
        proof(1, 0, 2, ttl=50),
        proof(1, 6, 8, ttl=44, sensor="b"),
        proof(1, -9, 99, ttl=255, sensor="c", scan=0, backscatter=1),
        proof(2, 0, 0, scan=0, spoofable=1),
        proof(4, 0, 0),
        {"source_low": 1, "sensor": "p", "packets": 0, "offered": [5], "completed": [5]},
    ]
    found = account(snapshot(flows, sources=sources), Filter(ports=frozenset({(6, 445)})))
    nothing = dict.fromkeys(("scan", "backscatter", "spoofable", "other"), 0)
    place = {"country": "CN", "asn": 0, "first": NOON_MINUTE, "last": NOON_MINUTE, "sensors": 1}
    unknown = {"seen_from": None, "seen_until": None, "ttl_least": None, "ttl_most": None}
    assert found == [
        {"source_low": 1, **place, "asn": 9, "packets": 3, **nothing, "scan": 3}
        | {"last": NOON_MINUTE + 7, "sensors": 2, "is_spoofable": False, "seen_by": 2}
        | {"seen_from": NOON_TIME, "seen_until": NOON_TIME + 8 * MINUTE, "ttl_least": 44, "ttl_most": 50}
        | {"is_confirmed": True},
        {"source_low": 2, **place, "packets": 1, **nothing, "backscatter": 1}
        | {"is_spoofable": True, "seen_by": 0, **unknown, "is_confirmed": False},
        {"source_low": 3, **place, "packets": 1, **nothing, "scan": 1}
        | {"is_spoofable": None, "seen_by": None, **unknown, "is_confirmed": False},
    ]


def test_only_what_the_witnesses_saw_judges_a_sender(snapshot: Make) -> None:
    sources = [proof(1, 0, 0), proof(1, 9, 9, sensor="b")]
    tables = snapshot([{"minute": NOON, "source_low": 1}], sources=sources)
    (whole,) = account(tables)
    (part,) = account(tables, sensors=frozenset({Posting("a")}))
    assert (whole["seen_by"], part["seen_by"]) == (2, 1)
    assert (whole["seen_until"] - whole["seen_from"], part["seen_until"] - part["seen_from"]) == (
        9 * MINUTE,
        0,
    )


def test_targets_are_where_scans_went_the_most_packets_first(snapshot: Make) -> None:
    flows = [
        {"minute": NOON, "source_low": 1, "port": 23, "packets": 2},
        {"minute": NOON, "source_low": 1, "port": 2323, "packets": 2},
        {"minute": "2020-06-24T13:00", "source_low": 1, "port": 445, "packets": 1},
        {"minute": "2020-06-24T14:00", "source_low": 1, "port": 445, "packets": 4, "class": "research"},
        {"minute": NOON, "source_low": 1, "port": 80, "packets": 9, "class": "backscatter"},
        {"minute": NOON, "source_low": 2, "port": 80, "packets": 9},
    ]
    store = LedgerSenders(snapshot(flows))
    wanted = senders((4, 0, 7), (4, 0, 1))
    found = store.targets(DAY, ALL, wanted, 2)
    assert found.rows() == [(1, 6, 445, 5, 3), (1, 6, 23, 2, 3)]
    of_port = Filter(ports=frozenset({(None, 23)}), classes=frozenset({"scan", "backscatter"}))
    assert store.targets(DAY, of_port, wanted, 2).rows() == [(1, 6, 23, 2, 1)]


def test_samples_are_first_packets_whose_minute_was_all_asked_about(snapshot: Make) -> None:
    def minutes(*hours: int, **how: Any) -> list[dict[str, Any]]:
        return [{"minute": f"2020-06-24T{hour}:00", "source_low": 1, **how} for hour in hours]

    flows = [
        *minutes(12, port=23),
        *minutes(13, sensor="b", port=23),
        *minutes(13, sensor="b", port=2323),
        *minutes(14, sensor="c", port=23),
        *minutes(14, sensor="c", port=23, **{"class": "backscatter"}),
        *minutes(15, sensor="d", protocol=1, port=-1),
        *minutes(16, sensor="e", port=23),
        *minutes(16, sensor="e", port=23, **{"class": "other"}),
        *minutes(17, sensor="f", port=23, **{"class": "other"}),
    ]
    hours = {"a": 0, "b": 60, "c": 120, "d": 180, "e": 240, "f": 300}
    sources = [proof(1, at, at, sensor=name, source_port=1000 + at) for name, at in hours.items()]
    sources[3]["source_port"] = -1
    sources += [proof(1, 240, 250, sensor="e", source_port=9), proof(2, 0, 0)]
    sources[4]["first"] += 1
    store, wanted = LedgerSenders(snapshot(flows, sources=sources)), senders((4, 0, 9), (4, 0, 1))
    hour = 60 * MINUTE
    assert store.samples(DAY, ALL, wanted, 9).rows() == [
        (1, NOON_TIME + 4 * hour, "e", 9, 6, 23),
        (1, NOON_TIME + 3 * hour, "d", -1, 1, -1),
        (1, NOON_TIME + hour, "b", 1060, None, None),
        (1, NOON_TIME, "a", 1000, 6, 23),
    ]
    telnet = Filter(ports=frozenset({(6, 23)}))
    assert store.samples(DAY, telnet, wanted, 1).rows() == [(1, NOON_TIME + 4 * hour, "e", 9, 6, 23)]
    assert [row[2] for row in store.samples(DAY, telnet, wanted, 9).rows()] == ["e", "a"]
    here = Filter(sensors=frozenset({Posting("d"), Posting("a")}))
    assert [row[2] for row in store.samples(DAY, here, wanted, 9).rows()] == ["d", "a"]
    early = Window(DAY.start, DAY.start + timedelta(hours=13))
    assert [row[2] for row in store.samples(early, ALL, wanted, 9).rows()] == ["a"]


def test_samples_are_of_as_many_days_as_there_are(snapshot: Make) -> None:
    day = 1440
    times = {"a": 0, "b": 1, "c": 2, "d": day, "e": day + 1, "f": 2 * day}
    flows = [
        {"minute": f"2020-06-{24 + at // day}T12:{at % day:02}", "source_low": 1, "sensor": name}
        for name, at in times.items()
    ]
    sources = [proof(1, at, at, sensor=name, day=f"2020-06-{24 + at // day}") for name, at in times.items()]
    store, wanted = LedgerSenders(snapshot(flows, sources=sources)), senders((4, 0, 1))
    found = {most: "".join(store.samples(WEEK, ALL, wanted, most)["sensor"]) for most in (1, 3, 5, 9)}
    assert found == {1: "f", 3: "fec", 5: "fedcb", 9: "fedcba"}


def test_evidence_of_expired_flows_is_refused(snapshot: Make) -> None:
    tables = snapshot([{"minute": NOON, "source_low": 1}], sources=[proof(1, 0, 0)])
    tables.rolled["seals"] = frozenset({date(2020, 6, 24)})
    for ask in (LedgerSenders(tables).targets, LedgerSenders(tables).samples):
        with pytest.raises(ExpiredError, match="the flows of 2020-06-24 have expired"):
            ask(DAY, ALL, senders((4, 0, 1)), 5)
