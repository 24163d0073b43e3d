from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from darkscope.api.selection import KNOWN, Choice, Selection, UnknownSensorError, known, select
from darkscope.api.store import Posting
from darkscope.api.watch import Watch
from darkscope.ingest.settings import SensorEntry

MOVED = date(2020, 5, 1)
SENSORS = pl.DataFrame(
    [
        ("a", "Tokyo", "north", "telescope", True, None, None, 4),
        ("b", "Osaka", "north", "telescope", True, None, MOVED, 2),
        ("b", "Bangkok", "south", "telescope", False, MOVED, None, 256),
        ("pot", "pot", "south", "honeypot", True, None, None, None),
    ],
    schema=KNOWN,
    orient="row",
)
A, B_HOME, B_ABROAD = Posting("a"), Posting("b", until=MOVED), Posting("b", since=MOVED)
POT, STRANGER = Posting("pot"), Posting("x")


@pytest.mark.parametrize(
    ("selection", "postings"),
    [
        (Selection(), {A, B_HOME, B_ABROAD, STRANGER}),
        (Selection(kind="honeypot"), {POT}),
        (Selection(kind="all"), {A, B_HOME, B_ABROAD, POT, STRANGER}),
        (Selection(home=True), {A, B_HOME, STRANGER}),
        (Selection(home=False), {B_ABROAD}),
        (Selection(organisations=("north",)), {A, B_HOME}),
        (Selection(organisations=("south",)), {B_ABROAD}),
        (Selection(kind="all", organisations=("south",)), {B_ABROAD, POT}),
        (Selection(sensors=("pot", "x")), {POT, STRANGER}),
        (Selection(sensors=("b",)), {B_HOME, B_ABROAD}),
        (Selection(sensors=("Bangkok",)), {B_ABROAD}),
        (Selection(sensors=("Bangkok",), home=True), set()),
    ],
)
def test_a_selection_chooses_sensors_by_what_they_were_at_the_time(
    selection: Selection, postings: set[Posting]
) -> None:
    assert select(selection, SENSORS, ["a", "x"]).postings == postings


def test_a_choice_of_everything_is_no_filter() -> None:
    assert select(Selection(kind="all"), SENSORS, []).filter is None
    assert select(Selection(), SENSORS, []).filter == frozenset({A, B_HOME, B_ABROAD})
    assert select(Selection(home=True, sensors=("Bangkok",)), SENSORS, []).filter == frozenset()


def test_a_choice_knows_each_organisations_part() -> None:
    choice = select(Selection(), SENSORS, ["x"])
    assert choice.of("north") == Choice(
        {A: "north", B_HOME: "north"}, everything=False, addresses={A: 4, B_HOME: 2}
    )
    assert choice.of_sensor("b") == Choice(
        {B_HOME: "north", B_ABROAD: "south"}, everything=False, addresses={B_HOME: 2, B_ABROAD: 256}
    )
    assert choice.of("").ids == ("x",)


def test_an_unknown_name_is_an_error_with_the_known_ones() -> None:
    with pytest.raises(UnknownSensorError) as caught:
        select(Selection(sensors=("c",)), SENSORS, ["x"])
    assert str(caught.value) == "no sensor is called 'c'; there are a, b, pot, x"
    with pytest.raises(UnknownSensorError) as caught:
        select(Selection(organisations=("east",)), SENSORS, [])
    assert str(caught.value) == "no sensor belongs to the organisation 'east'; there are north, south"


def test_watched_addresses_are_those_of_all_ipv4_networks_each_once() -> None:
    entries = [
        SensorEntry(id="a", networks=("192.0.2.0/24", "192.0.2.0/30", "198.51.100.7", "2001:db8::/64")),
        SensorEntry(id="b", networks=("2001:db8::1",)),
        SensorEntry(id="c"),
    ]
    assert known(entries)["addresses"].to_list() == [257, None, None]


def test_a_sensor_is_steady_where_it_watched_enough_of_the_longest_time_that_any_was_due() -> None:
    choice = select(Selection(), SENSORS, [])
    watch = Watch({"a": (90, 0), "b": (50, 39)}, {"a": (100, 0), "b": (50, 50)})
    assert choice.steady(watch, 0.9).ids == ("a",)
