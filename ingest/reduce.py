"""Packets to rows: one pass over judged frames that counts flows and gathers evidence about sources.

Rows are partial where the tables were emptied in between: sameness is judged after merging, so the rows of a ledger
do not depend on how its batches were cut.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

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

AHEAD = 2
"""Runs that may wait to be counted: whoever reads then seldom waits for those that count, or they for him."""

SHORT_RUN = 4096
"""Packets below which starting threads costs more than it brings."""


KEPT = 4
"""Sources stay while flows are taken, up to one for so many flows there is room for: few rows tell all of a batch."""


class _Shard:
    """The tables of one share of the sources, and the loop that fills them."""

    def __init__(self, flows: int, sources: int, keys: npt.NDArray[np.uint64]) -> None:
        """Room for so many flows and sources."""
        self._keys = keys
        self._rows = _lines(flows, tally.OPEN_ROW, np.int64)
        self._slots = np.zeros(1 << (2 * flows).bit_length(), np.uint64)
        self._source_rows = _lines(sources, tally.SOURCE_ROW, np.int64)
        self._source_slots = np.zeros(1 << (2 * sources).bit_length(), np.uint64)
        self._ports = _lines(sources, tally.PORTS, np.int32)
        self._state = np.zeros(tally.STATE, np.int64)
        self._closed = tally.Closed.of(flows)
        self.empty()

    @property
    def flows(self) -> int:
        """Flows it holds."""
        return int(self._state[tally.OPEN] + self._state[tally.CLOSED])

    @property
    def sources(self) -> int:
        """Sources it holds, but for those that open flows alone know."""
        return int(self._state[tally.SOURCES])

    def empty(self) -> None:
        """Drop what was counted."""
        self._named = pl.DataFrame()  # who and where the sources are, in the order of their rows
        self._research = np.empty(0, np.bool_)  # whether they are research scanners
        self._slots[: int(self._state[tally.OPEN_MASK]) + 1] = 0
        self._source_slots[: int(self._state[tally.SOURCE_MASK]) + 1] = 0
        self._state[:] = 0
        self._state[[tally.OPEN_MASK, tally.SOURCE_MASK]] = tally.SMALL_TABLE - 1

    def absorb(
        self,
        members: npt.NDArray[np.int32],
        sensor: int,
        salt: np.uint64,
        time: npt.NDArray[np.int64],
        wire: npt.NDArray[np.int64],
        packets: Packets,
        judged: Judgements,
    ) -> int:
        """Count packets of one run, by their places in it; gives the flows held then."""
        tally.absorb(
            members,
            sensor,
            salt,
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
            self._keys,
            self._rows,
            self._slots,
            self._source_rows,
            self._source_slots,
            self._ports,
            self._state,
            self._closed,
        )
        return self.flows

    def take_flows(self, sensors: list[str], places: Places) -> pl.DataFrame:
        """Rows of `flows` with their `day`; what is known of the sources stays. Raises GeoError."""
        tally.close(
            self._rows,
            self._slots,
            self._source_rows,
            self._source_slots,
            self._ports,
            self._keys,
            self._state,
            self._closed,
        )
        self._name_sources(sensors, places)
        flows = int(self._state[tally.CLOSED])
        self._state[tally.CLOSED] = 0
        closed = self._closed
        traffic = closed.traffic[:flows]
        if self._research.any():
            is_research = self._research[closed.entry[:flows]] & (traffic >= _SCAN)
            traffic = np.where(is_research, _OF_RESEARCH, traffic)
        return self._named[closed.entry[:flows]].with_columns(
            # Copies: the arrays are filled anew while these rows are being written.
            pl.Series("minute", closed.minute[:flows].copy()),
            pl.Series("protocol", closed.protocol[:flows].copy()),
            pl.Series("port", closed.port[:flows].copy()),
            _TRAFFIC.gather(traffic).alias("class"),
            _TOOLS.gather(closed.tool[:flows]).alias("tool"),
            pl.Series("packets", closed.packets[:flows].copy()),
            pl.Series("bytes", closed.bytes[:flows].copy()),
            pl.Series("targets", closed.targets[:flows].copy()),
        )

    def take_sources(self) -> pl.DataFrame:
        """Rows of `sources` with their `day`, once their flows were taken; afterwards there are none."""
        sources = self.sources
        # Columns copied in one go: a row-wise array read column by column misses the cache at every value.
        # Not `ascontiguousarray`: a single row is contiguous as it is, and would stay a view of what is emptied.
        columns = self._source_rows[:sources].T.copy(order="C")
        rows = self._named.with_columns(
            pl.Series("packets", columns[tally.S_PACKETS]),
            pl.Series("bytes", columns[tally.S_BYTES]),
            pl.Series("first", columns[tally.S_FIRST]),
            pl.Series("last", columns[tally.S_LAST]),
            pl.Series("source_port", columns[tally.S_ORIGIN] >> 8),
            pl.Series("ttl", columns[tally.S_ORIGIN] & 0xFF),
            pl.Series("backscatter", columns[tally.S_BACK]),
            pl.Series("spoofable", columns[tally.S_SPOOF]),
            pl.Series("mirai", columns[tally.S_MIRAI]),
            pl.Series("zmap", columns[tally.S_ZMAP]),
            pl.Series("masscan", columns[tally.S_MASSCAN]),
            _pairs(columns[tally.S_NMAP : tally.S_NMAP2 + 1]).alias("nmap"),
            _pairs(columns[tally.S_UNICORN : tally.S_UNICORN2 + 1]).alias("unicornscan"),
            _sets(self._ports[:sources], columns[tally.S_PORTS]).alias("ports"),
            other=pl.Series(columns[tally.S_OTHER]),
            offered=_NO_MARKS,
            completed=_NO_MARKS,
        )
        self.empty()
        rest = pl.col("packets") - pl.col("backscatter") - pl.col("spoofable") - pl.col("other")
        return rows.with_columns(scan=rest).drop("other")

    def _name_sources(self, sensors: list[str], places: Places) -> None:
        """Say of the sources that came since the last time who and where they are."""
        rows = self._source_rows[self._named.height : self.sources]
        place = rows[:, tally.S_PLACE]
        day, version = place >> 32, (place & 0xFF).astype(np.int16)
        low, high = rows[:, tally.S_LOW].copy(), rows[:, tally.S_HIGH].copy()
        country, asn = places.look_up_by_day(day, version, high, low)
        self._research = np.concatenate((self._research, places.are_research(version, high, low)))
        new = pl.DataFrame(
            {
                "day": _dates(day),
                "sensor": pl.Series(sensors, dtype=pl.String).gather((place >> 8) & 0xFFFFFF),
                "version": version,
                "source_high": high,
                "source_low": low,
                "country": country,
                "asn": asn,
            }
        )
        self._named = pl.concat([self._named, new]) if self._named.height else new


class Reduction:
    """Rows of flows and sources in the making. Fixed memory: emptied before it overflows.

    Sources are shared out by hash among as many tables as there are processors to fill them, by threads that go on
    while the next run is read and decoded.
    """

    def __init__(self, flows: int = 1_000_000, run: int = LONGEST_RUN) -> None:
        """Room for so many flows, and for the frames of the longest run beside them."""
        self._room = flows
        shards = min(MOST_SHARDS, len(os.sched_getaffinity(0)))
        self._keys = np.frombuffer(os.urandom(32), np.uint64) | np.uint64(1)
        self.most_sources = flows // KEPT
        """Sources that may stay when flows are taken; if there are more, they must be taken as well."""
        space = flows + run
        self._shards = [_Shard(space, self.most_sources + space, self._keys) for _ in range(shards)]
        # A thread each: what a shard is given it counts in that order.
        self._pools = [ThreadPoolExecutor(1, thread_name_prefix="reduce") for _ in self._shards]
        self._running: deque[tuple[list[Future[int]], int]] = deque()  # with the packets of each run
        self._on_the_way = 0  # packets that are being counted
        self._settled = 0  # flows that were held before
        self._sensors: dict[str, int] = {}

    @property
    def is_empty(self) -> bool:
        """Whether no flow was counted."""
        return not self._settled and not self._on_the_way

    @property
    def is_full(self) -> bool:
        """Whether the rows must be taken before the next run. Waits for what is being counted, where that decides."""
        if self._settled + self._on_the_way >= self._room:
            self.settle()
        return self._settled + self._on_the_way >= self._room

    def absorb(
        self,
        sensor: str,
        fate: npt.NDArray[np.uint8],
        time: npt.NDArray[np.int64],
        wire: npt.NDArray[np.int64],
        packets: Packets,
        judged: Judgements,
    ) -> None:
        """Begin to count the inbound packets of one run of one sensor; arrays have one entry a frame.

        They must stay as they are until `absorb` was called `AHEAD` times more, or `settle`.
        """
        number = self._sensors.setdefault(sensor, len(self._sensors))
        salt = target_salt(sensor)
        members = np.empty((len(self._shards), len(fate)), np.int32)
        counts = np.empty(len(self._shards), np.int64)
        tally.share_out(fate, packets.source_high, packets.source_low, self._keys, members, counts)
        work = [
            partial(shard.absorb, its[:count], number, salt, time, wire, packets, judged)
            for shard, its, count in zip(self._shards, members, counts.tolist(), strict=True)
        ]
        if not self._running and len(fate) < SHORT_RUN:
            self._settled = sum(count() for count in work)
            return
        while len(self._running) >= AHEAD:
            self._await_one()
        self._on_the_way += int(counts.sum())
        running = [pool.submit(count) for pool, count in zip(self._pools, work, strict=True)]
        self._running.append((running, int(counts.sum())))

    def settle(self) -> None:
        """Wait until everything is counted."""
        while self._running:
            self._await_one()

    def _await_one(self) -> None:
        """Wait until the first of what is being counted is."""
        running, packets = self._running.popleft()
        self._on_the_way -= packets
        self._settled = sum(one.result() for one in running)

    def take_flows(self, places: Places) -> pl.DataFrame:
        """Rows of `flows`, with their `day`; the sources stay. Raises GeoError."""
        self.settle()
        sensors = list(self._sensors)
        parts = self._of_each(lambda shard: shard.take_flows(sensors, places))
        self._settled = 0
        return pl.concat(parts)

    @property
    def sources(self) -> int:
        """Sources of the flows that were taken."""
        return sum(shard.sources for shard in self._shards)

    def take_sources(self) -> pl.DataFrame:
        """Rows of `sources`, with their `day`, right after their flows; afterwards there is nothing."""
        parts = self._of_each(lambda shard: shard.take_sources() if shard.sources else None)
        self._sensors.clear()
        return pl.concat(parts)

    def _of_each(self, take: Callable[[_Shard], pl.DataFrame | None]) -> list[pl.DataFrame]:
        """Rows that each shard gives, by its own thread; without those of shards that have none."""
        taking = [pool.submit(take, shard) for pool, shard in zip(self._pools, self._shards, strict=True)]
        taken = [one.result() for one in taking]
        return [rows for rows in taken if rows is not None and rows.height]

    def clear(self) -> None:
        """Drop what was counted."""
        self.settle()
        for shard in self._shards:
            shard.empty()
        self._sensors.clear()
        self._settled = 0


def target_salt(sensor: str) -> np.uint64:
    """Salt of the marks of a sensor's targets: of its id, so that a mark is the same in every batch and table."""
    return np.uint64(int.from_bytes(blake3(sensor.encode()).digest(8)))


Number = TypeVar("Number", bound=np.integer)

_LINE = 64
"""Bytes of a line of the processor's cache: a row that begins with one touches no more of them than it must."""


def _lines(rows: int, columns: int, kind: type[Number]) -> npt.NDArray[Number]:
    """An uninitialised array whose first row begins with a line, as then all of 64 bytes do."""
    size = rows * columns * np.dtype(kind).itemsize
    room = np.empty(size + _LINE, np.uint8)
    start = -room.ctypes.data % _LINE
    return room[start : start + size].view(kind).reshape(rows, columns)


_NO_MARKS = pl.lit([], INT64_SET)  # handshakes come as rows of their own
_TRAFFIC = pl.Series([str(value) for value in Traffic], dtype=pl.String)
_SCAN, _OF_RESEARCH = (list(Traffic).index(value) for value in (Traffic.SCAN, Traffic.RESEARCH))
_TOOLS = pl.Series([str(value) for value in Tool], dtype=pl.String)


def _dates(day: npt.NDArray[np.int64]) -> pl.Series:
    return pl.Series(day.astype(np.int32), dtype=pl.Int32).cast(pl.Date)


def _pairs(columns: npt.NDArray[np.int64]) -> pl.Series:
    """The two smallest values of each source, of which each may be missing, as lists."""
    return _sets(columns.T, (columns != tally.FULL).sum(axis=0))


def _sets(rows: npt.NDArray[np.integer], sizes: npt.NDArray[np.int64]) -> pl.Series:
    """The first members of each row as lists."""
    if not sizes.any():
        return pl.Series([[]], dtype=INT64_SET).new_from_index(0, len(rows))
    padded = pl.Series(rows.astype(np.int64, order="C"), dtype=pl.Array(pl.Int64, rows.shape[1]))
    lists = pl.DataFrame({"padded": padded.arr.to_list(), "size": sizes})
    return lists.select(pl.col("padded").list.head(pl.col("size"))).to_series()
