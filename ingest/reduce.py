"""Packets to rows: one pass over judged frames that counts flows and gathers evidence about sources.

Rows are partial where the tables were emptied in between: sameness is judged after merging, so the rows of a ledger
do not depend on how its batches were cut.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import polars as pl
from blake3 import blake3

from darkscope.ingest import tally
from darkscope.ingest.capture.reader import LONGEST_RUN
from darkscope.ingest.decode.columns import Packets
from darkscope.ingest.geo import Places
from darkscope.ingest.rules.judge import Judgements
from darkscope.ingest.series import INT64_SET, Tool, Traffic

MOST_SHARDS = 2
"""Threads that count at once; more would wait for the one that decodes."""

SHORT_RUN = 4096
"""Frames below which starting threads costs more than it brings."""


class _Shard:
    """The tables of one share of the sources."""

    def __init__(self, space: int) -> None:
        slots = 1 << (2 * space).bit_length()
        self.source_slots = np.zeros(slots, np.uint64)
        self.source_rows = np.empty((space, tally.SOURCE_ROW), np.int64)
        self.source_ports = np.empty((space, tally.PORTS), np.int64)
        self.flow_slots = np.zeros(slots, np.uint64)
        self.flow_rows = np.empty((space, tally.FLOW_ROW), np.int64)
        # Sources, flows, the masks of both slot arrays, the first flow of the minute, the minute.
        self.state = np.array([0, 0, tally.SMALL_TABLE - 1, tally.SMALL_TABLE - 1, 0, 0], np.int64)

    def empty(self) -> None:
        self.source_slots[: int(self.state[2]) + 1] = 0
        self.flow_slots[: int(self.state[3]) + 1] = 0
        self.state[:] = [0, 0, tally.SMALL_TABLE - 1, tally.SMALL_TABLE - 1, 0, 0]

    def rows(self, sensors: list[str], places: Places) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Rows of `flows` and of `sources`, both with their `day`."""
        sources, flows = int(self.state[0]), int(self.state[1])
        # Columns copied in one go: a row-wise array read column by column misses the cache at every value.
        # Not `ascontiguousarray`: a single row is contiguous as it is, and would stay a view of what is emptied.
        of_source = self.source_rows[:sources].T.copy(order="C")
        of_flow = self.flow_rows[:flows].T.copy(order="C")
        place = of_source[tally.PLACE]
        day, version = place >> 32, (place & 0xFF).astype(np.int16)
        sensor = pl.Series(sensors, dtype=pl.String).gather((place >> 8) & 0xFFFFFF)
        low, high = of_source[tally.LOW], of_source[tally.HIGH]
        country, asn = _place_sources(places, day, version, high, low)
        frame = pl.DataFrame(
            {
                "day": _dates(day),
                "sensor": sensor,
                "version": version,
                "source_high": high,
                "source_low": low,
                "country": country,
                "asn": asn,
                "packets": of_source[tally.PACKETS],
                "bytes": of_source[tally.BYTES],
                "first": of_source[tally.FIRST],
                "last": of_source[tally.LAST],
                "source_port": of_source[tally.SPORT],
                "ttl": of_source[tally.TTL],
                "scan": of_source[tally.SCAN],
                "backscatter": of_source[tally.BACK],
                "spoofable": of_source[tally.SPOOF],
                "mirai": of_source[tally.MIRAI],
                "zmap": of_source[tally.ZMAP],
                "masscan": of_source[tally.MASSCAN],
                "nmap": _sets(self.source_rows[:sources, tally.NMAP : tally.NMAP2 + 1]),
                "unicornscan": _sets(self.source_rows[:sources, tally.UNICORN : tally.UNICORN2 + 1]),
                "ports": _sets(self.source_ports[:sources]),
            }
        ).with_columns(offered=_NO_MARKS, completed=_NO_MARKS)
        who, what = of_flow[tally.WHO], of_flow[tally.WHAT]
        entry = who >> 32
        counted = pl.DataFrame(
            {
                "day": _dates(day[entry]),
                "minute": (who & 0xFFFFFFFF).astype(np.int32),
                "sensor": sensor.gather(entry),
                "version": version[entry],
                "source_high": high[entry],
                "source_low": low[entry],
                "protocol": (what >> 32).astype(np.int16),
                "port": (((what >> 8) & 0xFFFFFF) - 1).astype(np.int32),
                "class": _TRAFFIC.gather((what >> 4) & 0xF),
                "tool": _TOOLS.gather(what & 0xF),
                "country": country.gather(entry),
                "asn": asn[entry],
                "packets": of_flow[tally.FLOW_PACKETS],
                "bytes": of_flow[tally.FLOW_BYTES],
                "targets": of_flow[tally.TARGETS],
            }
        )
        return counted, frame


class Reduction:
    """Rows of flows and sources in the making. Fixed memory: emptied before it overflows.

    Sources are shared out by hash among as many tables as there are processors to fill them.
    """

    def __init__(self, flows: int = 1_000_000, run: int = LONGEST_RUN) -> None:
        """Room for so many flows, and for the frames of the longest run beside them."""
        self._room = flows
        self._shards = [_Shard(flows + run) for _ in range(min(MOST_SHARDS, len(os.sched_getaffinity(0))))]
        self._pool = ThreadPoolExecutor(len(self._shards), thread_name_prefix="reduce")
        self._sensors: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(int(shard.state[1]) for shard in self._shards)

    @property
    def is_full(self) -> bool:
        """Whether the rows must be taken before the next run."""
        return len(self) >= self._room

    def absorb(
        self,
        sensor: str,
        fate: npt.NDArray[np.uint8],
        time: npt.NDArray[np.int64],
        wire: npt.NDArray[np.int64],
        packets: Packets,
        judged: Judgements,
    ) -> None:
        """Count the inbound packets of one run of one sensor; arrays have one entry a frame."""
        number = self._sensors.setdefault(sensor, len(self._sensors))
        # Of the sensor's id, not of its number: a target's mark is the same in every batch.
        salt = np.uint64(int.from_bytes(blake3(sensor.encode()).digest(8)))

        def count(index: int) -> None:
            shard = self._shards[index]
            tally.absorb(
                index,
                len(self._shards),
                fate,
                time,
                wire,
                packets.version,
                packets.source_high,
                packets.source_low,
                packets.target_high,
                packets.target_low,
                packets.protocol,
                packets.source_port,
                packets.port,
                packets.ttl,
                judged.traffic,
                judged.tool,
                judged.masscan_hit,
                judged.nmap_key,
                judged.unicornscan_key,
                number,
                salt,
                shard.source_slots,
                shard.source_rows,
                shard.source_ports,
                shard.flow_slots,
                shard.flow_rows,
                shard.state,
            )

        in_order: Callable[..., Iterator[None]] = map if len(fate) < SHORT_RUN else self._pool.map
        for _ in in_order(count, range(len(self._shards))):
            pass

    def take(self, places: Places) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Rows of `flows` and of `sources`, both with their `day`; afterwards there are none. Raises GeoError."""
        sensors = list(self._sensors)
        flows, sources = zip(
            *(shard.rows(sensors, places) for shard in self._shards if shard.state[1]), strict=True
        )
        self.clear()
        return pl.concat(flows), pl.concat(sources)

    def clear(self) -> None:
        """Drop what was counted."""
        for shard in self._shards:
            shard.empty()
        self._sensors.clear()


_NO_MARKS = pl.lit([], INT64_SET)  # handshakes come as rows of their own
_TRAFFIC = pl.Series([str(value) for value in Traffic], dtype=pl.String)
_TOOLS = pl.Series([str(value) for value in Tool], dtype=pl.String)


def _dates(day: npt.NDArray[np.int64]) -> pl.Series:
    return pl.Series(day.astype(np.int32), dtype=pl.Int32).cast(pl.Date)


def _sets(rows: npt.NDArray[np.int64]) -> pl.Series:
    """Rows of sorted members, padded with the largest int64, as lists without the padding."""
    sizes = (rows != tally.FULL).sum(axis=1)
    if not sizes.any():
        return pl.Series([[]], dtype=pl.List(pl.Int64)).new_from_index(0, len(rows))
    padded = pl.Series(rows.copy(order="C"), dtype=pl.Array(pl.Int64, rows.shape[1]))
    lists = pl.DataFrame({"padded": padded.arr.to_list(), "size": sizes})
    return lists.select(pl.col("padded").list.head(pl.col("size"))).to_series()


def _place_sources(
    places: Places,
    day: npt.NDArray[np.int64],
    version: npt.NDArray[np.int16],
    high: npt.NDArray[np.int64],
    low: npt.NDArray[np.int64],
) -> tuple[pl.Series, npt.NDArray[np.int64]]:
    """Country and owner of each source by the databases of its day."""
    days = np.unique(day)
    editions: dict[tuple[int, ...], list[int]] = {}
    for one in days.tolist():
        editions.setdefault(places.edition(one), []).append(one)
    if len(editions) == 1:
        return places.look_up(version, high, low, int(days[0]))
    countries, asn = np.full(len(day), "ZZ", object), np.zeros(len(day), np.int64)
    for of_edition in editions.values():
        where = np.flatnonzero(np.isin(day, of_edition))
        found, owners = places.look_up(version[where], high[where], low[where], of_edition[0])
        countries[where], asn[where] = found.to_numpy(), owners
    return pl.Series(countries.tolist(), dtype=pl.String), asn
