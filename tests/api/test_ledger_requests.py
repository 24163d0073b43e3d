from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from memory_ledger import MemorySnapshot

from darkscope.api.address import SENDER
from darkscope.api.influx_store import InfluxStore
from darkscope.api.ledger_requests import LedgerRequests
from darkscope.api.periods import Window, cut
from darkscope.api.requests.lens import marked
from darkscope.api.requests.rules import Rules
from darkscope.api.requests.wanted import Wanted
from darkscope.api.store import After, Filter, NotHeldError, Posting
from darkscope.ingest import series

TOKYO = ZoneInfo("Asia/Tokyo")
WINDOW = Window(datetime(2020, 6, 23, 15, tzinfo=UTC), datetime(2020, 6, 25, 15, tzinfo=UTC))
DAYS = cut(WINDOW, "day", TOKYO)
NOON = int(datetime(2020, 6, 24, 12, tzinfo=UTC).timestamp()) * 1_000_000_000
MINUTE = 60_000_000_000
MARK = marked(Rules.read(None), Wanted())
pytestmark = pytest.mark.usefixtures("reading")

Make = Callable[..., MemorySnapshot]


def asked(make: Make, *rows: dict[str, Any], where: Filter | None = None) -> dict[int, int]:
    """Requests by local day."""
    store = LedgerRequests(make(requests=rows))
    counted = store.counted(("bucket",), DAYS, where or Filter(), MARK)
    return dict(counted.select("bucket", "requests").iter_rows())


def test_requests_count_on_the_readers_days_and_in_the_window_alone(snapshot: Make) -> None:
    times = ("06-23T14:59:59", "06-23T15:00:00", "06-24T14:59:59", "06-24T15:00:00", "06-25T15:00:00")
    assert asked(snapshot, *({"time": f"2020-{time}"} for time in times)) == {0: 2, 1: 1}


@pytest.mark.parametrize(
    ("where", "left"),
    [
        (Filter(ports=frozenset({(None, 8080)})), 1),
        (Filter(ports=frozenset({(6, 80), (17, 8080)})), 2),
        (Filter(countries=frozenset({"RU"})), 2),
        (Filter(owners=frozenset({7})), 1),
        (Filter(sensors=frozenset({Posting("pot")})), 2),
        (Filter(sensors=frozenset({Posting("pot", until=date(2020, 6, 24))})), 0),
    ],
)
def test_filters_narrow_requests(snapshot: Make, where: Filter, left: int) -> None:
    rows = (
        {"port": 8080},
        {"port": 80, "country": "US", "asn": 7},
        {"port": 80, "sensor": "other"},
    )
    assert sum(asked(snapshot, *rows, where=where).values()) == left


def test_groups_tell_sources_sensors_countries_ports_times_and_rules(snapshot: Make) -> None:
    album = {"path": "/photo/p/api/album.php"}
    rows = [
        {**album, "source_low": 1, "port": 5000},
        {**album, "source_low": 1, "port": 80, "sensor": "other", "time": "2020-06-24T11:00:00"},
        # Two addresses of one /64.
        {**album, "version": 6, "source_high": 5, "source_low": 1, "country": "US", "asn": 9, "time": NOON + 5},
        {**album, "version": 6, "source_high": 5, "source_low": 2},
        {"path": "/"},
    ]  # fmt: skip
    found = LedgerRequests(snapshot(requests=rows)).counted(("target",), DAYS, Filter(), MARK)
    assert found.filter(pl.col("target") != "/").rows(named=True) == [
        {
            "target": "/photo/p/api/album.php",
            "requests": 4,
            "unnamed": 0,
            "sources": 2,
            "sensors": 2,
            "countries": ["RU", "US"],
            "ports": [80, 5000, 8080],
            "last_country": "US",
            "last_asn": 9,
            "first": NOON - 60 * MINUTE,
            "last": NOON + 5,
            "rules": ["qnap-photo-station-album"],
        }
    ]


def test_by_rule_a_request_counts_for_each_and_those_of_none_for_null(snapshot: Make) -> None:
    rows = [{"path": "/photo/p/api/album.php"}, {"path": "/"}, {"path": "/"}]
    found = LedgerRequests(snapshot(requests=rows)).counted((), DAYS, Filter(), MARK, by_rule=True)
    assert dict(found.select("rule", "requests").iter_rows()) == {"qnap-photo-station-album": 1, None: 2}


def test_pages_go_on_behind_requests_of_the_same_moment(snapshot: Make) -> None:
    rows = [{"time": NOON + second // 3, "number": second} for second in range(8)]
    store = LedgerRequests(snapshot(requests=reversed(rows)))
    numbers: list[int] = []
    after, has_more, pages = None, True, 0
    while has_more:
        page, has_more = store.page(WINDOW, Filter(), MARK, after, 2)
        numbers += page["number"].to_list()
        last = page["time"][-1]
        count = int((page["time"] == last).sum())
        after = After(last, count + (after.count if after is not None and after.time == last else 0))
        pages += 1
    assert (numbers, pages) == (list(range(8)), 4)


VISITORS = pl.DataFrame(
    [(4, 0, 1, NOON), (4, 0, 2, NOON), (4, 0, 3, NOON)],
    schema={**{name: series.FLOWS.schema[name] for name in SENDER}, "first": pl.Int64()},
    orient="row",
)


def test_telescopes_tell_what_came_before_and_after_a_visit(snapshot: Make) -> None:
    hour = {"packets": 2, "scan": 2}
    sources = [
        # Days before and after the visit, and the day of it, which only flows can part.
        {**hour, "day": "2020-06-23", "source_low": 1, "first": NOON - 1440 * MINUTE, "last": NOON - 1430 * MINUTE},
        {**hour, "day": "2020-06-25", "source_low": 1, "first": NOON + 1440 * MINUTE, "last": NOON + 1450 * MINUTE},
        {"day": "2020-06-24", "source_low": 1, "packets": 9, "first": NOON - 2 * MINUTE, "last": NOON + MINUTE},
        {**hour, "day": "2020-06-24", "source_low": 1, "sensor": "b", "first": NOON + 1, "last": NOON + 2},
        # Another visitor sent replies to forged packets alone.
        {"day": "2020-06-24", "source_low": 2, "packets": 3, "backscatter": 2, "spoofable": 1, "first": NOON},
    ]  # fmt: skip
    flows = [
        {"minute": "2020-06-24T11:58", "source_low": 1, "packets": 4},
        {"minute": "2020-06-24T12:00", "source_low": 1, "packets": 3},
        {"minute": "2020-06-24T12:01", "source_low": 1, "packets": 2},
        {"minute": "2020-06-24T12:01", "source_low": 1, "packets": 100, "class": "backscatter"},
        {"minute": "2020-06-24T12:00", "source_low": 1, "packets": 2, "sensor": "b"},
        {"minute": "2020-06-24T12:00", "source_low": 3, "packets": 8},
    ]
    store = LedgerRequests(snapshot(flows=flows, sources=sources))
    nothing = {"seen_first": None, "seen_last": None, "seen_on": None, "before": None, "after": None}
    first = {
        "seen_first": NOON - 1440 * MINUTE,
        "seen_last": NOON + 1450 * MINUTE,
        "seen_on": 2,
        "before": 2 + 4,
        "after": 2 + 5 + 2,
    }
    seen = store.seen_by(WINDOW, None, VISITORS).drop(SENDER).rows(named=True)
    assert seen == [first, nothing, nothing]
    at_b = store.seen_by(WINDOW, frozenset({Posting("b")}), VISITORS).drop(SENDER).rows(named=True)
    assert at_b[0] == {
        "seen_first": NOON + 1,
        "seen_last": NOON + 2,
        "seen_on": 1,
        "before": 0,
        "after": 2,
    }


def test_packets_of_the_day_of_a_visit_are_not_parted_where_its_flows_have_expired(snapshot: Make) -> None:
    rows = [{"source_low": 1, "packets": 2, "first": NOON - MINUTE, "last": NOON + MINUTE}]
    made = snapshot(sources=rows)
    made.rolled[series.SEALS.name] = frozenset({date(2020, 6, 24)})
    seen = LedgerRequests(made).seen_by(WINDOW, None, VISITORS).row(0, named=True)
    assert (seen["seen_on"], seen["before"], seen["after"]) == (1, None, None)


def test_influxdb_refuses_with_the_setting_that_helps() -> None:
    with pytest.raises(NotHeldError, match=r'set api\.store = "ledger"'):
        _ = InfluxStore.__new__(InfluxStore).requests


def test_since_is_the_first_day_that_is_left(snapshot: Make) -> None:
    assert LedgerRequests(snapshot()).since is None
    rows = [{"time": "2020-06-24T00:00:00"}, {"time": "2020-06-22T23:59:59"}]
    assert LedgerRequests(snapshot(requests=rows)).since == date(2020, 6, 22)
