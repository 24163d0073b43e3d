from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from simulated import drawn, home, ranking

from darkscope.ingest.simulate import Scenario, scenario, scenarios


def tables(shown: Scenario, table: pl.DataFrame, zone: str) -> dict[str, list[tuple[str, int]]]:
    """Both tables of the report: the five first, each with its rank in the period before."""
    days = pl.col("at").dt.convert_time_zone(zone).dt.date()
    received = table.filter(pl.col("sensor").is_in(home(shown))).with_columns(day=days)
    found = {}
    for key in ("service", "country"):
        before = ranking(received, key, shown.truth.before)
        found[key] = [
            (name, before.index(name) + 1) for name in ranking(received, key, shown.truth.period)[:5]
        ]
    return found


def expected(shown: Scenario) -> dict[str, list[tuple[str, int]]]:
    truth = shown.truth
    return {
        "service": [(rank.name, rank.before) for rank in truth.ports],
        "country": [(rank.name, rank.before) for rank in truth.countries],
    }


def test_the_expected_ranks_are_those_of_the_reports() -> None:
    assert expected(scenario("2014-q4")) == {
        "service": [("23/TCP", 1), ("22/TCP", 3), ("445/TCP", 2), ("0/ICMP", 4), ("1433/TCP", 5)],
        "country": [("CN", 1), ("US", 2), ("JP", 5), ("FR", 9), ("TW", 3)],
    }
    assert expected(scenario("2020-q2")) == {
        "service": [("23/TCP", 1), ("445/TCP", 3), ("1433/TCP", 2), ("80/TCP", 4), ("22/TCP", 5)],
        "country": [("RU", 1), ("US", 3), ("NL", 2), ("CN", 4), ("TW", 9)],
    }


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "UTC"])
@pytest.mark.parametrize(("name", "season"), [("2014-q4", "autumn"), ("2020-q2", "spring")])
def test_telescopes_at_home_see_the_tables_of_the_report(
    name: str, season: str, zone: str, request: pytest.FixtureRequest
) -> None:
    shown = scenario(name)
    assert tables(shown, request.getfixturevalue(season), zone) == expected(shown)


@pytest.mark.parametrize("name", scenarios())
def test_another_seed_and_a_quarter_of_the_packets_give_the_same_tables(name: str) -> None:
    shown = scenario(name)
    assert tables(shown, drawn(shown, scale=0.25, seed=7), "Asia/Tokyo") == expected(shown)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("name", scenarios())
def test_the_tables_hold_for_any_seed(name: str, seed: int) -> None:
    shown = scenario(name)
    assert tables(shown, drawn(shown, seed=seed), "Asia/Tokyo") == expected(shown)


@pytest.mark.parametrize(("name", "season"), [("2014-q4", "autumn"), ("2020-q2", "spring")])
def test_every_day_of_both_periods_is_simulated(
    name: str, season: str, request: pytest.FixtureRequest
) -> None:
    truth = scenario(name).truth
    days = set(request.getfixturevalue(season)["day"].to_list())
    wanted = (truth.period[1] - truth.before[0]).days + 1
    assert days >= {truth.before[0] + timedelta(days=number) for number in range(wanted)}
