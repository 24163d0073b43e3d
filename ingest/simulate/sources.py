"""Who a packet comes from: members of seeded populations that change over the days.

A member is a hash of its pool, its place in it and how often that place changed hands: any day can be
simulated without the days before it, and streams that share a population share its members.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from darkscope.ingest.simulate.scenario import Pool
from darkscope.ingest.simulate.world import Networks, networks

BLOCK = 1024
"""Addresses of a block that members of one owner share."""

_U64 = npt.NDArray[np.uint64]


def mixed(values: _U64, salt: int = 0) -> _U64:
    """Scatter integers over 64 bits (the finisher of SplitMix64)."""
    with np.errstate(over="ignore"):
        z = values + np.uint64((0x9E3779B97F4A7C15 * (salt + 1)) & 0xFFFFFFFFFFFFFFFF)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    scattered: _U64 = z ^ (z >> np.uint64(31))
    return scattered


def fraction(values: _U64) -> npt.NDArray[np.float64]:
    """Hashes as numbers from 0 to 1, 1 excluded."""
    drawn: npt.NDArray[np.float64] = (values >> np.uint64(11)) / float(1 << 53)
    return drawn


@dataclass(frozen=True, slots=True)
class Population:
    """The pools of several rows (one pool in one country each), ready to be asked for members."""

    key: _U64
    lifetime: npt.NDArray[np.float64]  # days
    blocks: _U64
    first_network: _U64  # index into `network` of the row's country
    networks: _U64  # how many it has
    network: Networks

    def member(self, row: npt.NDArray[np.int64], slot: npt.NDArray[np.int64], day: int) -> _U64:
        """Identity of whoever holds a slot of a row's pool on a day."""
        place = mixed(self.key[row] + slot.astype(np.uint64), 1)
        turn = np.floor(day / self.lifetime[row] + fraction(mixed(place, 2)))
        return mixed(place + turn.astype(np.uint64), 3)

    def address(self, row: npt.NDArray[np.int64], member: _U64) -> _U64:
        """Where a member lives: an IPv4 address, or the upper half of an IPv6 address."""
        blocks = self.blocks[row]
        block = mixed(self.key[row] + mixed(member, 4) % np.maximum(blocks, np.uint64(1)), 5)
        anchor = np.where(blocks > 0, block, mixed(member, 6))
        network = self.first_network[row] + anchor % self.networks[row]
        size = self.network.size[network]
        span = np.where(blocks > 0, np.minimum(size, np.uint64(BLOCK)), size)
        start = self.network.first[network] + mixed(anchor, 7) % (size // span) * span
        address: _U64 = start + mixed(member, 8) % span
        return address


def population(
    pools: list[Pool], users: list[str], countries: list[str], versions: list[int], seed: int
) -> Population:
    """Prepare the populations of rows; `users` tells apart those of one pool.

    Raises ValueError for a country without networks.
    """
    wanted = {(country, version) for country, version in zip(countries, versions, strict=True)}
    tables: dict[tuple[str, int], Networks] = {}
    for version in sorted({version for _, version in wanted}):
        names = sorted(country for country, of_version in wanted if of_version == version)
        tables |= {(country, version): found for country, found in networks(names, version).items()}
    start, at = {}, 0
    for place, table in tables.items():
        start[place] = at
        at += len(table.first)
    places = list(zip(countries, versions, strict=True))
    return Population(
        key=np.array([_key(*row, seed) for row in zip(pools, users, places, strict=True)], np.uint64),
        lifetime=np.array([pool.lifetime for pool in pools], np.float64),
        blocks=np.array([pool.blocks for pool in pools], np.uint64),
        first_network=np.array([start[place] for place in places], np.uint64),
        networks=np.array([len(tables[place].first) for place in places], np.uint64),
        network=Networks(
            np.concatenate([table.first for table in tables.values()]),
            np.concatenate([table.size for table in tables.values()]),
        ),
    )


def _key(pool: Pool, user: str, place: tuple[str, int], seed: int) -> int:
    name = pool.name if pool.members else f"{pool.name}, {user}"
    named = f"{seed} {name} {place}".encode()
    return int.from_bytes(blake2b(named, digest_size=8).digest(), "big")
