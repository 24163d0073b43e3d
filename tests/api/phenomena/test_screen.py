from __future__ import annotations

import numpy as np
import pytest
from noise import DAYS, quarter

from darkscope.api.phenomena.screen import changes, demanded, standing_out
from darkscope.api.phenomena.shifts import LEAST

FIRST = 28
"""First day of the quarter."""


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 10))])
def test_noise_of_a_quarter_is_not_proposed(seed: int) -> None:
    noise = quarter(seed)
    score = demanded(noise.series, DAYS)
    found = [
        one
        for table in (noise.ports, noise.countries, noise.pairs)
        for _, one in changes(table, noise.exposure, 0, score, 100.0)
        if one.start + LEAST > FIRST
    ]
    assert noise.series > 70_000
    assert found == []


def test_a_change_among_many_series_is_found() -> None:
    noise = quarter(1, ports=2_000)
    random = np.random.default_rng(5)
    noise.ports[700, 60:] += random.poisson(80 * noise.exposure[60:])
    score = demanded(65_000, DAYS)
    assert standing_out(noise.ports, noise.exposure, 0, score)[0] == 700
    (row, one), *others = changes(noise.ports, noise.exposure, 0, score, 100.0)
    assert (row, one.start, one.end, others) == (700, 60, None, [])
