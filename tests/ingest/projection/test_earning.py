from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from flows import flow, flows, minute
from hypothesis import given, settings
from hypothesis import strategies as st

from darkscope.ingest.projection.earning import Evidence, Promotion, decide, evidence, shown
from darkscope.ingest.projection.folding import Pair
from darkscope.ingest.projection.slots import Slots

DAY = date(2020, 6, 24)
TODAY = (DAY - date(1970, 1, 1)).days
ROOM = Slots(ports=8, pairs=8, countries=8, events=8)
TELNET: Pair = (6, 23, "")


def heard(
    sensors: int, sources: int, port: int = 23, country: str = "JP", packets: int = 1
) -> list[dict[str, Any]]:
    """Each of so many sensors hears a port from so many sources."""
    return [
        flow(minute(DAY), sensor=f"s{sensor}", source_low=source, port=port, country=country, packets=packets)
        for sensor in range(sensors)
        for source in range(sources)
    ]  # fmt: skip


def weigh(rows: Sequence[dict[str, Any]]) -> Evidence:
    return evidence(flows(rows).lazy())


def decided(
    *days: Evidence,
    before: dict[Pair, Promotion] | None = None,
    so_far: dict[Pair, Promotion] | None = None,
    watch: Sequence[tuple[int, int]] = (),
    room: Slots = ROOM,
    memory: int | None = 400,
    day: date = DAY,
) -> dict[Pair, Promotion]:
    return decide(day, before or {}, so_far, days, watch, room, memory)


def test_a_port_heard_widely_earns_with_its_country_and_is_shown_as_far_back_as_anything_is() -> None:
    found = decided(weigh(heard(4, 20)))
    promotion = Promotion(TODAY - 400, TODAY)
    assert found == {TELNET: promotion, (6, 23, "JP"): promotion, (-1, -1, "JP"): promotion}


def test_nineteen_sources_are_not_enough_and_days_add_up() -> None:
    assert decided(weigh(heard(4, 19))) == {}
    assert TELNET in decided(*[weigh(heard(4, 3))] * 7)
    assert TELNET not in decided(*[weigh(heard(4, 3))] * 6)


def test_many_packets_of_one_source_earn_nothing() -> None:
    assert decided(weigh(heard(4, 1, packets=1_000_000))) == {}


def test_one_sensors_trouble_earns_nothing_where_there_are_two() -> None:
    only = [row for row in heard(2, 50, port=12543) if row["sensor"] == "s0"]
    assert decided(weigh([*only, *heard(2, 1)])) == {}
    assert (6, 12543, "") in decided(weigh(only))  # where there is one sensor, it is all there is


def test_a_quarter_of_the_sensors_is_enough() -> None:
    wide = heard(3, 20, port=445)
    assert (6, 445, "") in decided(weigh([*wide, *heard(12, 1)]))
    assert (6, 445, "") not in decided(weigh([*wide, *heard(13, 1)]))


def test_watched_ports_come_first_and_need_not_earn() -> None:
    room = Slots(ports=2, pairs=0, countries=0, events=0)
    found = decided(weigh(heard(4, 30, port=80, packets=9)), watch=[(6, 445), (6, 22), (6, 23)], room=room)
    assert set(found) == {(6, 445, ""), (6, 22, "")}


def test_half_of_the_slots_are_given_at_once_and_then_one_in_eight_a_day() -> None:
    rows = [row for port in range(30) for row in heard(2, 20, port=port, packets=30 - port)]
    room = Slots(ports=16, pairs=0, countries=0, events=0)
    first = decided(weigh(rows), room=room)
    assert set(first) == {(6, port, "") for port in range(8)}
    assert decided(weigh(rows), room=room, so_far=first) == first  # the day has had its share
    second = decided(weigh(rows), room=room, before=first)
    assert set(second) == {(6, port, "") for port in range(10)}
    assert decided(weigh(rows), room=room, before=first, so_far=second) == second


def test_packets_decide_the_order_but_not_those_of_one_sensor() -> None:
    loud = [row | {"packets": 10_000} if row["sensor"] == "s0" else row for row in heard(8, 20, port=7)]
    rows = [*loud, *heard(8, 20, port=8, packets=2)]
    room = Slots(ports=2, pairs=0, countries=0, events=0)
    assert set(decided(weigh(rows), room=room)) == {(6, 8, "")}


def test_who_has_a_slot_keeps_it_before_newcomers_until_no_bucket_remembers() -> None:
    room = Slots(ports=1, pairs=0, countries=0, events=0)
    for silent, memory, has_it in ((490, 400, True), (491, 400, False), (10_000, None, True)):
        old = {TELNET: Promotion(0, TODAY - silent)}
        found = decided(weigh(heard(4, 20, port=80)), before=old, room=room, memory=memory)
        assert (TELNET in found) is has_it
        assert ((6, 80, "") in found) is not has_it


def test_a_silent_value_is_shown_for_ninety_days_and_again_once_it_earns() -> None:
    held = {TELNET: Promotion(0, TODAY - 91)}
    assert shown(held, DAY - timedelta(days=1)).ports == {(6, 23)}
    assert not shown(held, DAY)
    assert shown(decided(weigh(heard(4, 20)), before=held), DAY).ports == {(6, 23)}


def test_pairs_go_with_their_port() -> None:
    room = Slots(ports=0, pairs=8, countries=0, events=0)
    assert decided(weigh(heard(4, 20)), room=room) == {}


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=8), st.integers(1, 8), st.integers(1, 300))
def test_there_are_never_more_values_in_a_buckets_memory_than_slots(
    burst: list[int], slots: int, memory: int
) -> None:
    """Ports come and go for months; whatever is shown on any day that a bucket remembers fits into the slots."""
    room = Slots(ports=slots, pairs=0, countries=0, events=0)
    held: dict[Pair, Promotion] = {}
    seen: dict[int, set[Pair]] = {}
    for step, port in enumerate(burst * 3):
        day = DAY + timedelta(days=step * 40)
        held = decided(weigh(heard(2, 20, port=port)), before=held, room=room, memory=memory, day=day)
        seen[step * 40] = {(*one, "") for one in shown(held, day).ports}
        remembered = set().union(*(values for when, values in seen.items() if step * 40 - when <= memory))
        assert len(remembered) <= slots
