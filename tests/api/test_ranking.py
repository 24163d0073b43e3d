from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkscope.api.dimension import Dimension, value_text
from darkscope.api.periods import parse_period
from darkscope.api.ranking import Behind, Provenance, Ranking, Row, leading, rank, standing
from darkscope.api.store import Filter
from darkscope.api.watch import Watch

SENSOR_DAYS_10 = 10 * 86_400
PROVENANCE = Provenance(
    7,
    parse_period("2020-Q2", ZoneInfo("UTC"), datetime(2020, 8, 1, tzinfo=UTC)),
    Filter(),
    Watch({"a": (SENSOR_DAYS_10,)}, {"a": (SENSOR_DAYS_10,)}),
    None,
)


TEN_DAYS = Behind(SENSOR_DAYS_10, SENSOR_DAYS_10, None)


def ports(*rows: tuple[int | None, int | None, int]) -> pl.DataFrame:
    schema = {"protocol": pl.Int16, "port": pl.Int32, "packets": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def ranked(
    now: pl.DataFrame,
    before: pl.DataFrame,
    limit: int,
    sources: pl.DataFrame | None = None,
    behind: Behind = TEN_DAYS,
) -> Ranking:
    return rank(
        Dimension.PORTS,
        now,
        before,
        limit,
        behind=lambda _: behind,
        label=lambda key: value_text(Dimension.PORTS, key).lower(),
        sources=sources,
        provenance=PROVENANCE,
    )


def row(
    position: int, value: str, packets: int, share: float, previous_rank: int | None, previous: int
) -> Row:
    change = packets / previous - 1 if previous else None
    return Row(
        position,
        value,
        value.lower(),
        packets,
        share,
        previous_rank,
        previous,
        packets / 10,
        None,
        None,
        change,
    )


def test_a_port_outside_last_quarters_top_still_shows_its_rank() -> None:
    now = ports((6, 23, 50), (6, 445, 30), (1, -1, 20))
    before = ports((6, 23, 9), (6, 80, 8), (6, 22, 7), (6, 445, 6))
    assert ranked(now, before, 2) == Ranking(
        Dimension.PORTS,
        packets=100,
        values=3,
        folded=0,
        rows=(row(1, "23/TCP", 50, 0.5, 1, 9), row(2, "445/TCP", 30, 0.3, 4, 6)),
        provenance=PROVENANCE,
    )


def test_a_value_that_did_not_occur_before_has_no_previous_rank() -> None:
    assert ranked(ports((6, 23, 4)), ports(), 5).rows == (row(1, "23/TCP", 4, 1.0, None, 0),)
    assert ranked(ports((6, 23, 4)), ports((6, 23, 0)), 5).rows == (row(1, "23/TCP", 4, 1.0, None, 0),)


def test_packets_of_no_known_value_count_and_have_no_rank() -> None:
    now = ports((6, 23, 5), (None, None, 15))
    assert ranked(now, ports((None, None, 9), (6, 23, 1)), 5) == Ranking(
        Dimension.PORTS,
        packets=20,
        values=1,
        folded=15,
        rows=(row(1, "23/TCP", 5, 0.25, 1, 1),),
        provenance=PROVENANCE,
    )
    assert leading(Dimension.PORTS, now, 5) == [(6, 23)]


def test_ties_are_broken_by_value_in_both_periods() -> None:
    tied = ports((17, 53, 5), (6, 445, 5), (6, 23, 5), (6, 80, 5))
    assert ranked(tied, tied.reverse(), 4).rows == (
        row(1, "23/TCP", 5, 0.25, 1, 5),
        row(2, "80/TCP", 5, 0.25, 2, 5),
        row(3, "445/TCP", 5, 0.25, 3, 5),
        row(4, "53/UDP", 5, 0.25, 4, 5),
    )


def test_nothing_observed_is_an_empty_ranking() -> None:
    assert ranked(ports(), ports((6, 23, 4)), 5) == Ranking(Dimension.PORTS, 0, 0, 0, (), PROVENANCE)


def test_sources_stand_beside_their_values() -> None:
    counted = ports((6, 80, 0), (6, 23, 0)).select(
        "protocol", "port", sources=pl.Series([640, 3]), error=pl.Series([0.3, 0.0])
    )
    first, second, third = ranked(ports((6, 23, 9), (6, 80, 8), (6, 81, 7)), ports(), 3, counted).rows
    assert (first.sources, first.sources_error) == (3, 0.0)
    assert (second.sources, second.sources_error) == (640, 0.3)
    assert (third.sources, third.sources_error) == (None, None)


@pytest.mark.parametrize(
    ("behind", "per_sensor", "per_address", "change"),
    [
        (TEN_DAYS, 3.0, None, 2.0),
        (Behind(SENSOR_DAYS_10, 2 * SENSOR_DAYS_10, 60 * SENSOR_DAYS_10), 3.0, 0.05, 5.0),
        (Behind(SENSOR_DAYS_10, 0, 0), 3.0, None, None),
        (Behind(0, SENSOR_DAYS_10, 0), None, None, None),
    ],
)
def test_averages_and_changes_are_of_watched_time(
    behind: Behind, per_sensor: float | None, per_address: float | None, change: float | None
) -> None:
    (row,) = ranked(ports((6, 23, 30)), ports((6, 23, 10)), 1, behind=behind).rows
    assert (row.per_sensor_day, row.per_address_day, row.change) == (per_sensor, per_address, change)


def test_shares_of_packets_that_say_less_of_their_source_stand_beside_their_values() -> None:
    now = ports((6, 23, 10), (6, 80, 8), (6, 81, 7))
    classes = {"spoofable": [3, 0, 0], "backscatter": [2, 0, 0], "research": [0, 8, 0]}
    assert [
        (row.value, row.spoofable, row.backscatter, row.research)
        for row in ranked(
            now.with_columns(**{name: pl.Series(counts) for name, counts in classes.items()}), ports(), 3
        ).rows
    ] == [("23/TCP", 0.3, 0.2, 0.0), ("80/TCP", 0.0, 0.0, 1.0), ("81/TCP", 0.0, 0.0, 0.0)]
    assert [row.research for row in ranked(now, ports(), 1).rows] == [None]


COUNTS = st.dictionaries(st.integers(0, 40), st.integers(0, 5), max_size=41)


@settings(deadline=None, max_examples=60)
@given(COUNTS, COUNTS, st.integers(1, 12))
def test_ranks_are_places_in_the_list_of_all_values(
    now: dict[int, int], before: dict[int, int], limit: int
) -> None:
    def listed(counts: dict[int, int]) -> list[int]:
        return sorted((port for port in counts if counts[port]), key=lambda port: (-counts[port], port))

    rows = ranked(*(ports(*((6, *one) for one in counts.items())) for counts in (now, before)), limit).rows
    places = {port: place for place, port in enumerate(listed(before), start=1)}
    assert [(row.value, row.previous_rank, row.previous_packets) for row in rows] == [
        (f"{port}/TCP", places.get(port), before.get(port, 0)) for port in listed(now)[:limit]
    ]
    everything = ports(*((6, *one) for one in before.items()))
    for port in range(0, 41, 8):
        assert standing(Dimension.PORTS, everything, (6, port)) == (places.get(port), before.get(port, 0))
