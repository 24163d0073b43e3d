"""Quarters in which nothing happens: daily counts with a weekly rhythm, more spread than chance, and outages.

What is in them is what a telescope's noise is made of: few ports take most packets and many take hardly any; a week has
its days; sources come in bunches, so that counts spread more than Poisson's; days differ for all of a series together;
sensors are down for some days, and what they would have received is missing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

DAYS = 28 + 91
"""The four weeks before a quarter, and the quarter."""


@dataclass(frozen=True)
class Noise:
    """Daily counts of ports, countries, and leading ports from countries; and the watched share of each day."""

    ports: Floats
    countries: Floats
    pairs: Floats
    exposure: Floats

    @property
    def series(self) -> int:
        return len(self.ports) + len(self.countries) + len(self.pairs)


def quarter(seed: int, *, ports: int = 65_000, countries: int = 250, leading: int = 30) -> Noise:
    """Draw a quarter."""
    random = np.random.default_rng(seed)
    exposure = watched(random)
    port_rates = 20_000 / np.arange(1, ports + 1) ** 1.2 + 0.3
    country_rates = 20_000 / np.arange(1, countries + 1) ** 1.4 + 0.2
    shares = country_rates / country_rates.sum()
    pair_rates = np.outer(port_rates[:leading], shares).ravel()
    return Noise(
        drawn(random, port_rates, exposure),
        drawn(random, country_rates, exposure),
        drawn(random, pair_rates, exposure),
        exposure,
    )


def watched(random: np.random.Generator) -> Floats:
    """Share of each day that ten sensors watched; each is down once or twice, for one to five days."""
    share = np.ones(DAYS)
    for _ in range(random.integers(0, 12)):
        first = random.integers(0, DAYS)
        share[first : first + random.integers(1, 6)] -= 0.1
    return np.maximum(share, 0.0)


def drawn(random: np.random.Generator, rates: Floats, exposure: Floats) -> Floats:
    """Draw the counts of series of some mean daily rates."""
    rows = len(rates)
    weekend = random.uniform(0.3, 1.1, rows)
    rest = np.isin(np.arange(DAYS) % 7, (5, 6))
    rhythm = np.where(rest, weekend[:, None], 1.0)
    day = random.lognormal(0, random.uniform(0.02, 0.2, rows)[:, None], (rows, DAYS))
    mean = rates[:, None] * rhythm / rhythm.mean(axis=1, keepdims=True) * day * exposure
    bunch = random.uniform(0.2, 12, rows)[:, None]  # variance over mean of what comes in bunches, less 1
    return random.poisson(random.gamma(mean / bunch, bunch)).astype(np.float64)
