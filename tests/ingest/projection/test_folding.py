from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from flows import flow, flows, minute
from hypothesis import given, settings
from hypothesis import strategies as st

from darkscope.ingest.measurements import COUNTRIES, PACKETS, PORTS, TOTALS, Measurement
from darkscope.ingest.projection.folding import Owned, folded, owned_on, read_port
from darkscope.ingest.series import PROMOTIONS

DAY = date(2020, 6, 24)
NOON = minute(DAY, 12)
TELNET, SMB = (6, 23), (6, 445)

PORT = st.one_of(
    st.tuples(st.just(6), st.sampled_from([-1, 22, 23, 445])),
    st.tuples(st.just(17), st.sampled_from([53, 123])),
    st.tuples(st.sampled_from([1, 58, 47]), st.just(-1)),
)
COUNTRY = st.sampled_from(["JP", "VN", "ZZ"])
OWNED = st.builds(
    Owned,
    st.frozensets(PORT, max_size=4),
    st.frozensets(st.tuples(PORT, COUNTRY).map(lambda one: (*one[0], one[1])), max_size=4),
    st.frozensets(COUNTRY, max_size=2),
)


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    def one() -> dict[str, Any]:
        protocol, port = draw(PORT)
        return flow(
            NOON + draw(st.integers(0, 130)),
            sensor=draw(st.sampled_from(["a", "b"])),
            protocol=protocol,
            port=port,
            country=draw(COUNTRY),
            packets=draw(st.integers(1, 1 << 40)),
            bytes=draw(st.integers(1, 1 << 40)),
            **{"class": draw(st.sampled_from(["scan", "other"]))},
        )

    return [one() for _ in range(draw(st.integers(1, 12)))]


def fold(
    given: list[dict[str, Any]], measurement: Measurement, owned: Owned, **how: Any
) -> list[tuple[Any, ...]]:
    names = [*measurement.tag_names, "packets"]
    found = folded(flows(given).lazy(), measurement, owned, 60, **how).collect()
    return sorted(found.select(names).rows())


@settings(deadline=None)
@given(rows(), OWNED, st.sampled_from([PACKETS, PORTS, COUNTRIES, TOTALS]), st.sampled_from([1, 60, 1440]))
def test_the_sum_over_all_values_is_the_sum_over_flows(
    given: list[dict[str, Any]], owned: Owned, measurement: Measurement, step: int
) -> None:
    frame = flows(given)
    found = folded(frame.lazy(), measurement, owned, step).collect()
    by = [(pl.col("minute").cast(pl.Int64) // step * step).alias("minute"), pl.col("sensor")]
    sums = (pl.col("packets").sum(), pl.col("bytes").sum())
    expected = frame.group_by(by).agg(sums).sort("minute", "sensor")
    assert found.group_by("minute", "sensor").agg(sums).sort("minute", "sensor").rows() == expected.rows()
    assert not found.select("minute", *measurement.tag_names).is_duplicated().any()


@settings(deadline=None)
@given(rows(), OWNED, OWNED)
def test_a_port_is_shown_whole_or_not_at_all(given: list[dict[str, Any]], owned: Owned, more: Owned) -> None:
    frame = flows(given).filter(pl.col("port") == 445)
    for choice in (owned, owned | more):
        for measurement in (PACKETS, PORTS):
            shown = (
                folded(flows(given).lazy(), measurement, choice, 1440)
                .collect()
                .filter(pl.col("port") == "445")
            )
            assert shown["packets"].sum() == (frame["packets"].sum() if SMB in choice.ports else 0)


@settings(deadline=None)
@given(rows(), OWNED, OWNED, st.sampled_from([PACKETS, PORTS, COUNTRIES, TOTALS]))
def test_what_promoted_values_touch_is_all_that_changes_and_what_moved_away_is_zeroed(
    given: list[dict[str, Any]], before: Owned, new: Owned, measurement: Measurement
) -> None:
    after, gained = before | new, new - before
    keys = ["minute", *measurement.tag_names]
    lazy = flows(given).lazy()
    written = {
        row[:-2]: row[-2:]
        for row in folded(lazy, measurement, before, 60).select(*keys, "packets", "bytes").collect().rows()
    }
    changed = folded(lazy, measurement, after, 60, before=after - gained, touched=gained)
    written.update((row[:-2], row[-2:]) for row in changed.select(*keys, "packets", "bytes").collect().rows())
    expected = {
        row[:-2]: row[-2:]
        for row in folded(lazy, measurement, after, 60).select(*keys, "packets", "bytes").collect().rows()
    }
    assert {key: sums for key, sums in written.items() if sums != (0, 0)} == expected


def test_folded_ports_keep_the_protocol_where_it_is_tcp_or_udp_and_icmp_is_never_folded() -> None:
    given = [
        flow(NOON, protocol=6, port=9),
        flow(NOON, protocol=17, port=9),
        flow(NOON, protocol=47, port=-1),
        flow(NOON, protocol=132, port=9),
        flow(NOON, protocol=1, port=-1),
        flow(NOON, protocol=58, port=-1),
    ]
    assert fold(given, PORTS, Owned()) == [
        ("a", "icmp", "0", "scan", 1),
        ("a", "icmpv6", "0", "scan", 1),
        ("a", "other", "other", "scan", 2),
        ("a", "tcp", "other", "scan", 1),
        ("a", "udp", "other", "scan", 1),
    ]


def test_a_port_keeps_its_leading_countries_and_a_country_alone_says_nothing_of_ports() -> None:
    given = [flow(NOON, country="VN"), flow(NOON, country="JP"), flow(NOON, country="VN", port=22)]
    owned = Owned(frozenset({TELNET}), frozenset({(*TELNET, "VN")}), frozenset({"JP"}))
    assert fold(given, PACKETS, owned) == [
        ("a", "tcp", "23", "VN", 1),
        ("a", "tcp", "23", "other", 1),
        ("a", "tcp", "other", "other", 1),
    ]
    assert fold(given, COUNTRIES, owned) == [("a", "JP", "scan", 1), ("a", "other", "scan", 2)]


def test_a_packet_whose_port_was_not_there_can_have_a_tag_of_its_own() -> None:
    assert fold([flow(NOON, port=-1)], PORTS, Owned(frozenset({(6, -1)}))) == [
        ("a", "tcp", "none", "scan", 1)
    ]


@pytest.mark.parametrize(("text", "port"), [("23/tcp", (6, 23)), ("53/udp", (17, 53)), ("9/sctp", (132, 9))])
def test_a_watched_port_is_read(text: str, port: tuple[int, int]) -> None:
    assert read_port(text) == port


def test_a_promotion_is_shown_from_its_first_day_until_ninety_days_after_it_last_earned() -> None:
    number = (DAY - date(1970, 1, 1)).days
    table = pl.DataFrame(
        [(DAY, 6, 23, "", number - 5, number - 90), (DAY, 6, 22, "", number + 1, number)],
        schema={"day": pl.Date, **PROMOTIONS.schema},
        orient="row",
    )
    shown = {
        offset: owned_on(table, date.fromordinal(DAY.toordinal() + offset)).ports for offset in (-6, -5, 0, 1)
    }
    assert shown == {-6: frozenset(), -5: {TELNET}, 0: {TELNET}, 1: frozenset()}
