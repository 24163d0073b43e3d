"""Attacks are told from echoes by CAIDA's rule, whatever the echoes came in."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkscope.api.attacks import (
    LIKELY,
    VICTIM,
    AttackList,
    AttackRow,
    Share,
    events,
    find,
    gather,
    listed,
    narrowed,
    within,
)
from darkscope.api.periods import EPOCH, Window, parse_period
from darkscope.api.ranking import Provenance
from darkscope.api.store import Filter
from darkscope.ingest.series import ECHOES, EVENTS

NOON = datetime(2020, 6, 24, 12, tzinfo=UTC)
NOW = datetime(2020, 7, 2, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")
ADDRESS = 8 << 24 | 7
"""8.0.0.7"""

Packet = tuple[int, int, str, int]
"""Milliseconds after noon, victim, sensor, port."""


def echoes(packets: Sequence[Packet], **how: Any) -> pl.DataFrame:
    """Rows of packets, as they come: one each, which is all that a partial row may be."""
    rows = [_row(*packet) | how for packet in packets]
    return pl.DataFrame(rows, schema=ECHOES.schema)


def _row(milliseconds: int, victim: int, sensor: str, port: int) -> dict[str, Any]:
    when = milliseconds_of(NOON) + milliseconds
    return {
        "minute": when // 60_000,
        "slot": when // 10_000 % 6,
        "sensor": sensor,
        "version": 4,
        "victim_high": 0,
        "victim_low": victim,
        "protocol": 6,
        "port": port,
        "country": "US",
        "asn": 64500,
        "packets": 1,
        "syn_acks": 1,
        "resets": 0,
        "first": when % 10_000,
        "last": when % 10_000,
        "targets": 1 << (milliseconds // 1000 % 8),
    }


def milliseconds_of(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


def steady(count: int, step: int, start: int = 0, victim: int = ADDRESS) -> list[Packet]:
    """Packets at a steady pace, to two ports and sensors in turn."""
    return [
        (start + number * step, victim, "ab"[number % 2], (80, 443)[number % 3 == 0])
        for number in range(count)
    ]


def told(packets: Sequence[Packet]) -> list[tuple[int, int, int, int, int]]:
    """Victim, start and end after noon, packets, peak."""
    noon = milliseconds_of(NOON)
    columns = ("victim_low", pl.col("start") - noon, pl.col("end") - noon, "packets", "peak")
    return sorted(find(echoes(packets)).select(columns).rows())


def by_hand(packets: Sequence[Packet]) -> list[tuple[int, int, int, int, int]]:
    """The rule put down once more, packet by packet."""
    attacks = []
    for victim in {packet[1] for packet in packets}:
        times = sorted(packet[0] for packet in packets if packet[1] == victim)
        run: list[int] = []
        for when, following in zip(times, [*times[1:], None], strict=True):
            run.append(when)
            if following is None or following - when > 300_000:
                first = run[0] // 10_000
                minutes = [
                    sum(start <= one // 10_000 < start + 6 for one in run)
                    for start in range(first - 6, run[-1] // 10_000 + 1)
                ]
                if len(run) >= 25 and run[-1] - run[0] >= 60_000 and max(minutes) >= 30:
                    attacks.append((victim, run[0], run[-1], len(run), max(minutes)))
                run = []
    return sorted(attacks)


def test_what_answers_for_a_minute_and_half_as_often_as_every_second_is_an_attack() -> None:
    assert told(steady(41, 1500)) == [(ADDRESS, 0, 60_000, 41, 40)]


@pytest.mark.parametrize(
    "packets",
    [
        steady(40, 1500),  # 58.5 s
        steady(1000, 59),  # many, in 59 s
        steady(29, 2000) + steady(29, 2000, 60_000),  # 29 a minute
        steady(25, 3000),
        steady(1, 0),
        [],
    ],
    ids=["too short", "a burst", "too slow", "25 in 75 s", "one", "none"],
)
def test_what_breaks_a_part_of_the_rule_is_none(packets: list[Packet]) -> None:
    assert told(packets) == []


def test_the_fullest_minute_may_begin_every_ten_seconds_and_at_no_other() -> None:
    """Sixty seconds from 5 s on have 30 packets, and none that begins with a ten has."""
    early, late = steady(15, 300, 5_500), steady(15, 300, 60_200)
    assert told(early + late) == []
    assert told(early + steady(15, 300, 50_000) + steady(1, 0, 66_000)) == [(ADDRESS, 5_500, 66_000, 31, 30)]


def test_three_hundred_seconds_of_silence_are_borne_and_no_more() -> None:
    first = steady(61, 1000)
    assert told(first + steady(61, 1000, 360_000)) == [(ADDRESS, 0, 420_000, 122, 60)]
    assert told(first + steady(61, 1000, 360_001)) == [
        (ADDRESS, 0, 60_000, 61, 60),
        (ADDRESS, 360_001, 420_001, 61, 61 - 1),
    ]


def test_victims_and_protocols_are_apart() -> None:
    tcp, other = echoes(steady(40, 2000)), echoes(steady(61, 1000, victim=ADDRESS + 1))
    udp = echoes(steady(40, 2000), protocol=17)
    found = find(pl.concat([tcp, other, udp])).select("victim_low", "protocol", "packets").rows()
    assert sorted(found) == [(ADDRESS, 6, 40), (ADDRESS, 17, 40), (ADDRESS + 1, 6, 61)]


def test_an_attack_tells_sensors_ports_answers_and_how_many_addresses_were_forged() -> None:
    (attack,) = find(
        pl.concat(
            [
                echoes(steady(60, 1000)),
                echoes(steady(3, 1000, 60_000), resets=1, syn_acks=0, port=-1, targets=1),
                echoes(steady(2, 1000, 63_000), syn_acks=0, port=22, country="DE", asn=7, targets=1),
            ]
        )
    ).to_dicts()
    assert attack == {
        "version": 4,
        "victim_high": 0,
        "victim_low": ADDRESS,
        "protocol": 6,
        "packets": 65,
        "start": milliseconds_of(NOON),
        "end": milliseconds_of(NOON) + 64_000,
        "peak": 60,
        "country": "DE",
        "asn": 7,
        "syn_acks": 60,
        "resets": 3,
        "sensors": 2,
        "ports": [80, 443, -1, 22],
        "targets": 9,  # four bits of one sensor's mark, five of the other's
    }


@pytest.mark.parametrize(
    ("addresses", "about"), [(1, (1, 1)), (10, (8, 13)), (100, (75, 130)), (5000, (200, 320))]
)
def test_forged_addresses_are_counted_to_some_hundreds(addresses: int, about: tuple[int, int]) -> None:
    mark, random = 0, Random(1)
    for _ in range(addresses):
        mark |= 1 << random.randrange(64)
    signed = mark - (1 << 64) if mark >> 63 else mark
    (found,) = find(echoes(steady(61, 1000, victim=5), sensor="a", targets=signed))["targets"]
    assert about[0] <= found <= about[1]


TIMES = st.lists(
    st.tuples(
        st.integers(0, 900).map(lambda tenths: tenths * 1000)
        | st.integers(0, 1_000_000)
        | st.sampled_from([0, 9_999, 10_000, 59_999, 60_000, 300_000, 300_001, 360_000]),
        st.sampled_from([1, 2]),
        st.sampled_from("ab"),
        st.sampled_from([80, 443]),
    ),
    max_size=200,
)
BURSTS = st.lists(
    st.builds(
        steady,
        st.integers(1, 80),
        st.sampled_from([10, 700, 1900, 2000, 5000]),
        st.integers(0, 1_500_000),
        st.sampled_from([1, 2]),
    ),
    max_size=6,
).map(lambda bursts: [packet for burst in bursts for packet in burst])


@settings(deadline=None)  # the first call of a function takes its time
@given(TIMES | BURSTS)
def test_it_finds_what_the_rule_finds_packet_by_packet(packets: list[Packet]) -> None:
    assert told(packets) == by_hand(packets)


@settings(deadline=None)
@given(BURSTS, st.randoms(use_true_random=False))
def test_neither_order_nor_merging_changes_an_attack(packets: list[Packet], random: Any) -> None:
    rows = echoes(packets)
    shuffled = rows.sample(fraction=1, shuffle=True, seed=random.randrange(1 << 30))
    merged = rows.group_by(ECHOES.keys).agg(ECHOES.merged()).select(rows.columns)
    found = [find(one).sort("victim_low", "start") for one in (rows, shuffled, merged)]
    assert found[0].equals(found[1])
    assert found[0].equals(found[2])


def fetching(rows: pl.DataFrame, asked: list[tuple[date, date, bool]]) -> Callable[..., pl.DataFrame]:
    """A store's part: rows of some days, of some victims or of those that are likely."""
    days = rows.with_columns(day=(pl.col("minute") // 1440).cast(pl.Int32).cast(pl.Date))

    def fetch(first: date, last: date, victims: pl.DataFrame | None) -> pl.DataFrame:
        asked.append((first, last, victims is None))
        there = days.filter(pl.col("day").is_between(first, last))
        if victims is None:
            sums = there.group_by("day", *VICTIM).agg(pl.col("packets").sum())
            victims = sums.filter(pl.col("packets") >= LIKELY).select(VICTIM).unique()
        return there.join(victims, on=VICTIM, how="semi").drop("day")

    return fetch


HOUR = 3_600_000


@pytest.mark.parametrize(
    "packets",
    [
        steady(3000, 290_000, -100 * HOUR) + steady(60, 1000, -90 * HOUR),  # ten days, fast once and before
        steady(3000, 290_000, -100 * HOUR) + steady(60, 1000, 90 * HOUR),  # fast once and after
        steady(200, 1000, -13 * HOUR),  # at midnight before the day
        steady(3000, 290_000, -100 * HOUR),  # never fast
    ],
    ids=["before", "after", "at midnight", "never"],
)
def test_an_attack_is_told_whole_whichever_of_its_days_is_asked_about(packets: list[Packet]) -> None:
    rows = echoes(packets)
    whole = find(rows)
    for day in range(-5, 8):
        start = datetime(2020, 6, 24, tzinfo=UTC) + timedelta(days=day)
        window = Window(start, start + timedelta(days=1))
        asked: list[tuple[date, date, bool]] = []
        found = within(find(gather(fetching(rows, asked), window)), window)
        assert found.equals(within(whole, window))
        assert asked[0] == (start.date() - timedelta(days=1), start.date() + timedelta(days=1), True)
        assert not any(is_of_all for *_, is_of_all in asked[1:])


def test_what_begins_long_before_and_ends_long_after_is_fetched_day_by_day_and_no_further() -> None:
    rows = echoes(steady(3000, 290_000, -100 * HOUR))
    asked: list[tuple[date, date, bool]] = []
    window = Window(NOON, NOON + timedelta(hours=1))
    gather(fetching(rows, asked), window)
    ends = date(2020, 6, 20), date(2020, 6, 30)
    assert (min(first for first, *_ in asked), max(last for _, last, _ in asked)) == ends


def test_an_attack_belongs_to_each_period_in_which_it_lasted() -> None:
    found = find(echoes(steady(61, 1000)))
    for start, is_its in (
        (-61_000, False),
        (-60_000, False),
        (-59_000, True),
        (0, True),
        (60_000, True),
        (61_000, False),
    ):
        begun = NOON + timedelta(milliseconds=start)
        window = Window(begun, begun + timedelta(minutes=1))
        assert within(found, window).height == is_its


@pytest.mark.parametrize(
    ("where", "is_its"),
    [
        (Filter(), True),
        (Filter(countries=frozenset({"US", "JP"})), True),
        (Filter(countries=frozenset({"JP"})), False),
        (Filter(owners=frozenset({64500})), True),
        (Filter(owners=frozenset({1})), False),
        (Filter(protocols=frozenset({6})), True),
        (Filter(protocols=frozenset({17})), False),
        (Filter(ports=frozenset({(None, 443)})), True),
        (Filter(ports=frozenset({(6, 443), (6, 1)})), True),
        (Filter(ports=frozenset({(17, 443)})), False),
        (Filter(ports=frozenset({(6, 8080)})), False),
        (Filter(ports=frozenset()), False),
    ],
)
def test_attacks_are_narrowed_by_their_victims(where: Filter, is_its: bool) -> None:
    assert narrowed(find(echoes(steady(61, 1000))), where).height == is_its


def provenance() -> Provenance:
    return Provenance(7, parse_period("2020-Q2", TOKYO, NOW), Filter(), None, None)


def listing(
    packets: Sequence[Packet],
    after: tuple[int, ...] | None = None,
    limit: int = 10,
    until: datetime = NOW,
    addresses: int | None = 256,
    **how: Any,
) -> AttackList:
    return listed(
        find(echoes(packets, **how)),
        after,
        limit,
        until=milliseconds_of(until),
        addresses=lambda day: addresses if day == NOON.date() else None,
        known_since=date(2020, 1, 1),
        mark=str,
        provenance=provenance(),
    )


def test_a_row_says_all_of_an_attack_in_the_readers_zone() -> None:
    answer = listing(steady(61, 1000))
    assert (answer.attacks, answer.victims, answer.packets, answer.next) == (1, 1, 61, None)
    assert answer.known_since == date(2020, 1, 1)
    assert answer.rows == (
        AttackRow(
            victim="8.0.0.7",
            country="US",
            owner="AS64500",
            protocol="TCP",
            start=NOON.astimezone(TOKYO),
            end=(NOON + timedelta(seconds=60)).astimezone(TOKYO),
            seconds=60,
            ongoing=False,
            packets=61,
            peak=60,
            answers_per_second=17_000_000.0,  # 2^32 / 256, an order of magnitude
            sensors=2,
            targets=8,
            ports=("80/TCP", "443/TCP"),
            all_ports=2,
            syn_acks=61,
            resets=0,
            icmp=0,
        ),
    )


def test_attacks_are_counted_by_country_and_port() -> None:
    packets = [
        packet
        for victim in (1, 2, 3)
        for packet in steady(61, 1000, start=0, victim=victim) + steady(61, 1000, 10 * HOUR, victim=victim)
    ]
    rows = echoes(packets).with_columns(
        country=pl.when(pl.col("victim_low") == 3).then(pl.lit("NL")).otherwise("country"),
        port=pl.when(pl.col("victim_low") == 3).then(22).otherwise("port").cast(pl.Int32),
    )
    answer = listed(
        find(rows),
        None,
        1,
        until=0,
        addresses=lambda _: None,
        known_since=None,
        mark=None,
        provenance=provenance(),
    )
    assert answer.countries == (Share("US", 4, 2), Share("NL", 2, 1))
    assert answer.ports == (Share("80/TCP", 4, 2), Share("443/TCP", 4, 2), Share("22/TCP", 2, 1))
    assert (len(answer.rows), answer.next) == (1, None)


def test_of_sensors_whose_addresses_are_not_known_and_of_ipv6_no_rate_is_told() -> None:
    (row,) = listing(steady(61, 1000), addresses=None).rows
    assert row.answers_per_second is None
    (row,) = listing(steady(61, 1000), version=6, victim_high=0x2A00 << 48, victim_low=-1).rows
    assert (row.victim, row.answers_per_second) == ("2a00::ffff:ffff:ffff:ffff", None)


def test_an_attack_goes_on_until_it_was_silent_for_three_hundred_seconds() -> None:
    end = NOON + timedelta(seconds=60)
    for after, ongoing in ((0, True), (300, True), (301, False)):
        (row,) = listing(steady(61, 1000), until=end + timedelta(seconds=after)).rows
        assert row.ongoing is ongoing


def test_ports_beyond_five_are_counted() -> None:
    many = [packet for port in range(9) for packet in steady(61 + port, 1000)]
    packets = [(when, victim, sensor, number) for number, (when, victim, sensor, _) in enumerate(many)]
    spread = [(when, victim, sensor, 1000 + port % 7) for when, victim, sensor, port in packets]
    (row,) = listing(spread).rows
    assert (len(row.ports), row.all_ports) == (5, 7)


def test_pages_follow_each_other_without_gap_or_repetition() -> None:
    packets = [
        packet
        for victim in range(7)
        for packet in steady(61 + victim % 3, 1000, start=victim % 2 * HOUR, victim=victim + 10)
    ]
    whole = listing(packets)
    assert [row.packets for row in whole.rows] == sorted((row.packets for row in whole.rows), reverse=True)
    rows, after = [], None
    for _ in range(4):
        page = listing(packets, after, 2)
        assert (page.attacks, page.victims) == (7, 7)
        rows += page.rows
        after = None if page.next is None else tuple(int(one) for one in page.next.strip("()").split(","))
    assert tuple(rows) == whole.rows
    assert after is None


def test_an_event_tells_of_an_attack_without_its_victim() -> None:
    (over,) = listing(steady(61, 1000)).rows
    (ongoing,) = listing(steady(61, 1000), until=NOON).rows
    rows = events([over, ongoing])
    assert rows.schema == {"day": pl.Date(), **EVENTS.schema}
    first, second = rows.to_dicts()
    noon = milliseconds_of(NOON) * 1_000_000
    assert first == {
        "day": NOON.date(),
        "start": noon,
        "end": noon + 60_000_000_000,
        "kind": "attack",
        "subject": "US",
        "title": "attack on a host in US (AS64500): 80/TCP",
        "text": "61 echoes at 2 sensors, 60 in the fullest minute; lasted 60 s; attacked: 80/TCP 443/TCP",
        "numbers": first["numbers"],
    }
    assert json.loads(first["numbers"]) == {
        "packets": 61,
        "peak": 60,
        "answers_per_second": 17_000_000.0,
        "seconds": 60,
        "sensors": 2,
        "targets": 8,
        "all_ports": 2,
    }
    assert (second["start"], second["end"]) == (noon, 0)
    assert second["text"].split("; ")[1] == "goes on, 60 s so far"
    assert not any("8.0.0.7" in str(value) for row in (first, second) for value in row.values())


def test_an_event_of_a_victim_without_a_known_owner_names_none() -> None:
    (row,) = listing(steady(61, 1000), asn=0).rows
    assert events([row])["title"].to_list() == ["attack on a host in US: 80/TCP"]


def test_no_attacks_are_no_events() -> None:
    assert events([]).schema == {"day": pl.Date(), **EVENTS.schema}


def test_the_made_up_packets_are_of_two_ports_and_sensors() -> None:
    assert Counter(packet[2:] for packet in steady(6, 1)) == {
        ("a", 443): 1,
        ("b", 80): 2,
        ("a", 80): 2,
        ("b", 443): 1,
    }
