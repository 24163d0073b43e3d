"""The reports' findings, asked as a person would, of the simulated quarters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import observed
import polars as pl
import pytest
from memory_ledger import MemorySnapshot, watched
from simulated import drawn

from darkscope.api.ask import Observer
from darkscope.api.asked import Asked
from darkscope.api.breadth import Verdict
from darkscope.api.dimension import Dimension, ValueTextError, value_text
from darkscope.api.formats import json_text
from darkscope.api.ledger_store import LedgerStore
from darkscope.api.phenomena.detector import detect
from darkscope.api.phenomena.proposal import Proposal
from darkscope.api.selection import KNOWN
from darkscope.api.store import Store
from darkscope.ingest.simulate import scenario

TOKYO = ZoneInfo("Asia/Tokyo")


def observer(table: pl.DataFrame, name: str) -> Observer:
    shown = scenario(name)
    tables = MemorySnapshot(observed.flows(table), watched(observed.coverage(shown)))
    rows = [
        (
            one.id,
            one.id,
            one.organisation,
            "honeypot" if one.honeypot else "telescope",
            one.home,
            None,
            None,
            None,
        )
        for one in shown.sensors
    ]
    known = pl.DataFrame(rows, schema=KNOWN, orient="row")
    return Observer(LedgerStore(tables), known, value_text, datetime(2021, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def autumn() -> Observer:
    return observer(drawn(scenario("2014-q4")), "2014-q4")


@pytest.fixture(scope="module")
def spring() -> Observer:
    return observer(drawn(scenario("2020-q2")), "2020-q2")


def asked(dimension: Dimension, period: str, **how: Any) -> Any:
    """A question about the telescopes at home, as the reports put them."""
    return Asked(dimension, period, home=True, **how).question(TOKYO, datetime(2021, 1, 1, tzinfo=UTC))


def test_japans_rise_of_october_2014_is_one_sensors(autumn: Observer) -> None:
    october = asked(
        Dimension.SENSORS, "2014-10-14/2014-10-20", against="2014-10-01/2014-10-13", countries=["JP"]
    )
    found = autumn.breadth(october)
    assert (found.verdict, found.largest, found.sensors, found.sharing) == (Verdict.LOCAL, "sapporo-1", 8, 1)
    ports = ["12543/tcp", "12543/udp"]
    where = asked(Dimension.SENSORS, "2014-10-14/2014-10-20", ports=ports, against="2014-10-01/2014-10-13")
    assert autumn.breadth(where).verdict is Verdict.LOCAL


def test_the_rises_of_telnet_and_of_smb_are_wide(autumn: Observer, spring: Observer) -> None:
    telnet = autumn.breadth(asked(Dimension.SENSORS, "2014-11", ports=["23/tcp"]))
    smb = spring.breadth(asked(Dimension.SENSORS, "2020-05", ports=["445/tcp"]))
    assert [(found.verdict, found.sensors, found.sharing) for found in (telnet, smb)] == [
        (Verdict.WIDE, 8, 8),
        (Verdict.WIDE, 8, 8),
    ]
    assert spring.breadth(asked(Dimension.SENSORS, "2020-05", ports=["22/tcp"])).verdict is Verdict.UNCLEAR


def test_russia_and_the_netherlands_scan_most_broadly(spring: Observer) -> None:
    found = spring.spread(asked(Dimension.COUNTRIES, "2020-Q2"), 10, 5)
    assert found.top == ("23/TCP", "445/TCP", "1433/TCP", "80/TCP", "22/TCP")
    broadest = sorted(found.rows, key=lambda row: -row.effective_ports)[:2]
    assert {row.value for row in broadest} == {"RU", "NL"}
    assert (
        min(row.off_top for row in broadest)
        > 0.9
        > max(row.off_top for row in found.rows if row not in broadest)
    )


def test_445_rises_while_1433_falls_and_nothing_else_moves(spring: Observer) -> None:
    found = spring.movements(asked(Dimension.PORTS, "2020-Q2"), [], 30)
    (row,) = found.rows
    assert (row.value, row.other, row.direction) == ("445/TCP", "1433/TCP", "against")
    assert row.day.isoformat()[:7] in ("2020-04", "2020-05")
    assert (row.factor > 1.5, row.other_factor < 0.7, row.lag <= 1) == (True, True, True)
    moved = [level.value for level in found.levels if level.shifts]
    assert moved == ["445/TCP", "1433/TCP"]


def test_vietnam_and_indonesia_rise_together(spring: Observer) -> None:
    found = spring.movements(asked(Dimension.COUNTRIES, "2020-Q2"), [], 20)
    assert [(row.value, row.other, row.direction) for row in found.rows] == [("VN", "ID", "together")]
    assert str(found.rows[0].day) == "2020-04-28"


def test_8080_rises_with_telnet_at_the_turn_to_december(autumn: Observer) -> None:
    found = autumn.movements(asked(Dimension.PORTS, "2014-Q4"), [(6, 23), (6, 8080)], 2)
    assert [(row.value, row.other, row.direction, row.day.month) for row in found.rows] == [
        ("8080/TCP", "23/TCP", "together", 11)
    ]


def test_an_outage_moves_nothing(spring: Observer) -> None:
    found = spring.movements(asked(Dimension.SENSORS, "2020-05-15/2020-06-30"), [], 20)
    assert [level.value for level in found.levels if level.shifts] == []
    assert "fukuoka-1" in {level.value for level in found.levels}


def test_vietnams_445_keeps_office_hours_and_rests_while_japans_does_neither(spring: Observer) -> None:
    question = Asked(Dimension.COUNTRIES, "2020-06", ports=("445/tcp",)).question(TOKYO, spring.now)
    vietnam, japan = spring.rhythm(question, [("VN",), ("JP",)], 2).rows
    assert (vietnam.verdict, vietnam.zone) == ("office hours", "Asia/Ho_Chi_Minh")
    assert vietnam.strength is not None
    assert vietnam.strength > 0.4
    assert (japan.verdict, japan.strength) == ("none", 0)
    assert vietnam.rest_ratio is not None
    assert japan.rest_ratio is not None
    assert vietnam.rest_ratio < 0.5
    assert japan.rest_ratio > 0.8


def test_the_last_week_of_june_is_enough_for_vietnam_and_too_little_for_japan(spring: Observer) -> None:
    question = Asked(Dimension.COUNTRIES, "2020-06-24/2020-06-30", ports=("445/tcp",)).question(
        TOKYO, spring.now
    )
    vietnam, japan = spring.rhythm(question, [("VN",), ("JP",)], 2).rows
    assert (vietnam.verdict, vietnam.work_days, vietnam.weekend_days) == ("office hours", 5, 2)
    assert japan.reason.startswith("too little")


def test_holidays_of_vietnam_and_indonesia_are_days_of_rest(spring: Observer) -> None:
    asked = Asked(Dimension.COUNTRIES, "2020-04-28/2020-06-29", home=True, ports=("445/tcp",))
    rows = spring.rhythm(asked.question(TOKYO, spring.now), [("VN",), ("ID",)], 2).rows
    assert {row.value: row.holiday_days for row in rows} == {"VN": 2, "ID": 5}
    for row in rows:
        assert row.holiday is not None
        assert row.work is not None
        assert row.holiday < 0.65 * row.work


def test_telnet_from_each_region_adds_up_to_all_of_it(autumn: Observer) -> None:
    november = asked(Dimension.PORTS, "2014-11-01/2014-11-30")
    whole = autumn.trend(november, "day", [(6, 23)], 1)
    found = autumn.trend(november, "day", [(6, 23)], 1, Dimension.COUNTRIES, 6)
    assert [line.part for line in found.lines][:1] == ["CN"]
    assert found.lines[-1].part == "rest"
    assert len(found.lines) == 7
    for total, *parts in zip(whole.lines[0].packets, *(line.packets for line in found.lines), strict=True):
        assert total == sum(part or 0 for part in parts)


@pytest.mark.parametrize("by", Dimension)
@pytest.mark.parametrize("dimension", Dimension)
def test_any_dimension_can_be_split_by_any_other(
    spring: Observer, dimension: Dimension, by: Dimension
) -> None:
    question = asked(dimension, "2020-06-24", ports=["445"], countries=["VN", "ID"])
    if by is dimension:
        with pytest.raises(ValueTextError, match="cannot be split by"):
            spring.trend(question, "12h", [], 2, by, 2)
        return
    whole, found = spring.trend(question, "12h", [], 2), spring.trend(question, "12h", [], 2, by, 2)
    for line in whole.lines:
        parts = [one.packets for one in found.lines if one.value == line.value]
        assert [sum(filter(None, counts)) for counts in zip(*parts, strict=True)] == [*line.packets]


def told(row: Proposal) -> tuple[str, str, str, str | None, str, str]:
    """What an analyst reads first of a proposal."""
    led = (row.regions if row.ports else row.services)[0].value
    return row.subject, row.kind.value, f"{row.start}", row.end and f"{row.end}", row.verdict.value, led


def test_the_phenomena_of_autumn_2014_are_those_of_the_report_and_what_made_its_ranks(
    autumn: Observer,
) -> None:
    found = detect(autumn, asked(Dimension.PORTS, "2014-Q4"))
    assert [told(row) for row in found.rows] == [
        ("23/TCP", "swings", "2014-12-02", None, "wide", "CN"),
        ("8080/TCP", "rose", "2014-11-30", None, "wide", "US"),
        ("22/TCP, 5060/UDP from FR", "rose", "2014-10-02", None, "wide", "FR"),
        ("23/TCP", "jumped", "2014-11-03", "2014-11-11", "wide", "CN"),
        ("23/TCP from JP, US, FR, DE", "rose", "2014-12-03", None, "wide", "JP"),
        ("23/TCP, 25/TCP from TW", "fell", "2014-09-29", None, "wide", "TW"),
        ("8080/TCP from CN", "rose", "2014-11-03", None, "wide", "CN"),
        ("5060/UDP from NL", "fell", "2014-10-04", None, "wide", "NL"),
        ("10000/TCP", "appeared", "2014-12-23", None, "wide", "US"),
        ("12543/TCP, 12543/UDP from JP", "jumped", "2014-10-13", "2014-10-24", "local", "JP"),
    ]
    decoy = found.rows[-1]
    assert [part.value for part in decoy.sensors] == ["sapporo-1"]
    assert (found.further, found.dismissed) == (0, 0)


def test_the_phenomena_of_spring_2020_are_those_of_the_report_and_what_made_its_ranks(
    spring: Observer,
) -> None:
    found = detect(spring, asked(Dimension.PORTS, "2020-Q2"))
    assert [told(row) for row in found.rows] == [
        ("445/TCP", "rose", "2020-04-28", None, "wide", "VN"),
        ("1433/TCP", "fell", "2020-04-29", None, "wide", "CN"),
        ("TW", "rose", "2020-04-01", None, "wide", "23/TCP"),
        ("5001/TCP, 8080/TCP, 8083/TCP from RU", "jumped", "2020-05-26", "2020-06-22", "wide", "RU"),
    ]
    smb, sql = found.rows[:2]
    assert [(one.subject, one.direction) for one in smb.relations] == [("1433/TCP", "against")]
    assert [(one.subject, one.direction) for one in sql.relations] == [("445/TCP", "against")]
    assert [one.value for one in smb.office_hours] == ["VN", "ID"]
    assert {"VN", "ID"} <= set(smb.includes)


class InAnyOrder:
    """A store whose rows come in another order at each question, as those of a ledger may."""

    def __init__(self, store: LedgerStore) -> None:
        self._store = store
        self._seed = 0

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._store, name)
        return self._shuffled(attribute) if name in ("totals", "cross", "series", "coverage") else attribute

    def _shuffled(self, question: Callable[..., pl.DataFrame]) -> Callable[..., pl.DataFrame]:
        def ask(*about: Any, **how: Any) -> pl.DataFrame:
            self._seed += 1
            return question(*about, **how).sample(fraction=1.0, shuffle=True, seed=self._seed)

        return ask


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda one: detect(one, asked(Dimension.PORTS, "2020-Q2")), id="phenomena"),
        pytest.param(lambda one: one.top(asked(Dimension.PORTS, "2020-Q2"), 50, None), id="ranking"),
        pytest.param(lambda one: one.spread(asked(Dimension.COUNTRIES, "2020-Q2"), 10, 5), id="spread"),
        pytest.param(lambda one: one.movements(asked(Dimension.PORTS, "2020-Q2"), [], 30), id="movements"),
        pytest.param(lambda one: one.breadth(asked(Dimension.PORTS, "2020-05")), id="breadth"),
    ],
)
def test_one_state_gives_the_same_bytes_in_whatever_order_its_rows_come(
    spring: Observer, ask: Callable[[Observer], Any]
) -> None:
    shuffled = replace(spring, store=cast("Store", InAnyOrder(cast("LedgerStore", spring.store))))
    assert json_text(ask(shuffled)) == json_text(ask(spring))
