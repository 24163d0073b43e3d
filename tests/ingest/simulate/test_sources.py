from __future__ import annotations

import numpy as np
import pytest

from darkscope.ingest.geo import Places
from darkscope.ingest.settings import Geo
from darkscope.ingest.simulate.scenario import Pool
from darkscope.ingest.simulate.sources import population
from darkscope.ingest.simulate.world import UTC_OFFSET, networks

MANY = np.arange(5000)
ROW = np.zeros(5000, np.int64)


def addresses(
    pool: Pool, *, user: str = "stream", country: str = "JP", day: int = 0, seed: int = 1
) -> np.ndarray:
    one = population([pool], [user], [country], [4], seed)
    return one.address(ROW, one.member(ROW, MANY, day))


@pytest.mark.parametrize("country", sorted(UTC_OFFSET.keys() - {"ZZ"}))
def test_members_live_in_their_country(country: str) -> None:
    found = addresses(Pool("any", lifetime=1), country=country)
    answer, _ = Places(Geo()).look_up(np.full(5000, 4), np.zeros(5000, np.uint64), found, 18_000)
    assert set(answer) == {country}


def test_a_country_that_the_database_does_not_know_is_named() -> None:
    with pytest.raises(ValueError, match="no IPv4 network of country XX"):
        networks(["XX"])


def test_a_short_lifetime_brings_new_sources_and_a_long_one_keeps_them() -> None:
    for lifetime, kept in ((1.0, 0.0), (10.0, 0.9), (10_000.0, 1.0)):
        pool = Pool("any", lifetime=lifetime)
        share = float((addresses(pool, day=100) == addresses(pool, day=101)).mean())
        assert abs(share - kept) < 0.03


def test_only_pools_of_fixed_size_are_shared_between_streams() -> None:
    kind, one = Pool("kind", lifetime=9), Pool("one", lifetime=9, members=5)
    assert (addresses(kind, user="a") != addresses(kind, user="b")).all()
    assert (addresses(one, user="a") == addresses(one, user="b")).all()


def test_blocks_keep_members_together() -> None:
    found = addresses(Pool("owners", lifetime=1, blocks=3))
    assert len(np.unique(found // 1024)) <= 6
    assert len(np.unique(found)) > 500


def test_a_seed_decides_who_they_are() -> None:
    pool = Pool("any", lifetime=1)
    assert (addresses(pool, seed=1) == addresses(pool, seed=1)).all()
    assert (addresses(pool, seed=1) != addresses(pool, seed=2)).mean() > 0.99
