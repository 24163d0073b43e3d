from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from darkscope.api.dimension import Dimension
from darkscope.api.periods import parse_period
from darkscope.api.ranking import Provenance
from darkscope.api.spread import Breadth, Row, Spread, spread
from darkscope.api.store import Filter
from darkscope.api.watch import Watch

PROVENANCE = Provenance(
    7,
    parse_period("2020-06", ZoneInfo("UTC"), datetime(2020, 8, 1, tzinfo=UTC)),
    Filter(),
    Watch({}, {}),
    None,
)
PAIRS = pl.DataFrame(
    [
        ("NL", 6, 23, 10),
        ("NL", 6, 8081, 10),
        ("NL", 17, 53, 10),
        ("NL", 1, -1, 10),
        ("TW", 6, 23, 30),
        ("TW", 6, 445, 10),
    ],
    schema={"country": pl.String, "protocol": pl.Int16, "port": pl.Int32, "packets": pl.Int64},
    orient="row",
)


def found(pairs: pl.DataFrame, values: list[tuple[str]], top: int = 1) -> Spread:
    totals = pairs.group_by("protocol", "port").agg(pl.col("packets").sum())
    return spread(
        Dimension.COUNTRIES,
        totals,
        pairs,
        values,
        top,
        label=lambda key: f"in {key[0]}",
        provenance=PROVENANCE,
    )


def test_a_spread_says_how_many_ports_and_what_part_goes_off_the_leading_ones() -> None:
    assert found(PAIRS, [("TW",), ("NL",)]) == Spread(
        Dimension.COUNTRIES,
        top=("23/TCP",),
        off_top=0.5,
        ports=5,
        rows=(
            Row(1, "TW", "in TW", 40, 2, pytest.approx(1.6), 0.25, "23/TCP", 0.75),
            Row(2, "NL", "in NL", 40, 4, pytest.approx(4.0), 0.75, "0/ICMP", 0.25),
        ),
        provenance=PROVENANCE,
    )


def test_values_without_packets_have_no_row() -> None:
    assert [row.value for row in found(PAIRS, [("ZZ",), ("NL",)]).rows] == ["NL"]


def test_without_packets_there_is_nothing_to_spread() -> None:
    assert found(PAIRS.clear(), [("NL",)]) == Spread(Dimension.COUNTRIES, (), None, 0, (), PROVENANCE)


def test_ties_among_the_leading_ports_are_broken_by_port() -> None:
    pairs = PAIRS.with_columns(packets=pl.lit(5, pl.Int64))
    assert found(pairs, [], top=3).top == ("23/TCP", "0/ICMP", "445/TCP")


@pytest.mark.parametrize(
    ("effective", "off_top", "breadth"),
    [(21, 0.6, "broad"), (21, 0.5, "mixed"), (20, 0.9, "mixed"), (5, 0.9, "mixed"), (4.9, 0.9, "focused")],
)
def test_scans_are_broad_that_go_to_many_ports_of_their_own(
    effective: float, off_top: float, breadth: str
) -> None:
    row = Row(1, "NL", "NL", 100, 50, effective, off_top, "23/TCP", 0.1)
    assert row.breadth is Breadth(breadth)
