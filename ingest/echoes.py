"""Packets to rows of `echoes`: who answers what was never asked, by ten seconds.

A packet is an echo of its sender; an ICMP error is one of the host that the quoted packet was sent to, whoever says so
on its way. What is quoted is read by the decoder itself, as a frame without a link layer.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from darkscope.ingest.capture.frames import Frames, Interface
from darkscope.ingest.compiled import compiled
from darkscope.ingest.decode.columns import DECODED, Packets
from darkscope.ingest.decode.decoder import Decoder
from darkscope.ingest.decode.protocols import TCP
from darkscope.ingest.decode.wire import Integer, members
from darkscope.ingest.geo import Places
from darkscope.ingest.observers import Point, Run
from darkscope.ingest.reduce import target_salt
from darkscope.ingest.rules.classes import ACK, BACKSCATTER, RST, SYN
from darkscope.ingest.sensors import INBOUND
from darkscope.ingest.series import ECHOES, ECHOING, Table
from darkscope.ingest.tally import mix

MILLISECOND = 1_000_000
SLOT = 10_000
"""Milliseconds of a slot: by so much CAIDA's window of a minute slides."""

SLOTS = 6
"""Slots of a minute."""

PENDING = 1 << 19
"""Packets that wait to be folded into rows: 27 MB."""

QUOTING = (3, 4, 5, 11, 12)
"""ICMP errors behind whose header the packet lies that they are about (RFC 792)."""

QUOTING_V6 = (1, 2, 3, 4)
"""Likewise ICMPv6 (RFC 4443)."""

_RAW = (Interface(101),)  # LINKTYPE_RAW: begins with an IP header
_ECHOING = members(256, ECHOING)
_QUOTING, _QUOTING_V6 = members(256, QUOTING), members(256, QUOTING_V6)

_COLUMNS = {
    "minute": np.int32,
    "slot": np.int16,
    "version": np.int16,
    "victim_high": np.int64,
    "victim_low": np.int64,
    "protocol": np.int16,
    "port": np.int32,
    "syn_acks": np.int64,
    "resets": np.int64,
    "first": np.int16,
    "targets": np.int64,
}
_KEYS = ["sensor", *list(_COLUMNS)[:7]]
_SUMS = [pl.col("packets", "syn_acks", "resets").sum(), pl.col("first").min(), pl.col("last").max()]


@compiled
def _is_echo(fate: Integer, traffic: Integer, protocol: Integer) -> bool:
    return bool(fate == INBOUND and traffic == BACKSCATTER and _ECHOING[protocol])


@compiled
def _count(
    fate: npt.NDArray[np.uint8], traffic: npt.NDArray[np.uint8], protocol: npt.NDArray[np.int16]
) -> int:
    echoes = 0
    for index in range(len(fate)):
        echoes += _is_echo(fate[index], traffic[index], protocol[index])
    return echoes


@compiled
def _gather(
    fate: npt.NDArray[np.uint8],
    traffic: npt.NDArray[np.uint8],
    time: npt.NDArray[np.int64],
    version: npt.NDArray[np.uint8],
    source_high: npt.NDArray[np.uint64],
    source_low: npt.NDArray[np.uint64],
    target_high: npt.NDArray[np.uint64],
    target_low: npt.NDArray[np.uint64],
    protocol: npt.NDArray[np.int16],
    source_port: npt.NDArray[np.int32],
    tcp_flags: npt.NDArray[np.int32],
    icmp_type: npt.NDArray[np.int16],
    payload: npt.NDArray[np.int32],
    salt: np.uint64,
    place: npt.NDArray[np.int64],
    quotes: npt.NDArray[np.bool_],
    minutes: npt.NDArray[np.int32],
    slots: npt.NDArray[np.int16],
    versions: npt.NDArray[np.int16],
    high: npt.NDArray[np.int64],
    low: npt.NDArray[np.int64],
    protocols: npt.NDArray[np.int16],
    ports: npt.NDArray[np.int32],
    syn_acks: npt.NDArray[np.int64],
    resets: npt.NDArray[np.int64],
    milliseconds: npt.NDArray[np.int16],
    targets: npt.NDArray[np.int64],
) -> None:
    """Fill the columns from `place` on, which have an entry for each echo, as if each came of its sender."""
    row = 0
    for index in range(len(fate)):
        if not _is_echo(fate[index], traffic[index], protocol[index]):
            continue
        when = time[index] // MILLISECOND
        place[row] = index
        minutes[row] = when // (SLOT * SLOTS)
        slots[row] = when // SLOT % SLOTS
        milliseconds[row] = when % SLOT
        versions[row] = version[index]
        high[row] = np.int64(source_high[index])
        low[row] = np.int64(source_low[index])
        protocols[row] = protocol[index]
        ports[row] = source_port[index]
        flags = np.int64(tcp_flags[index])
        is_tcp = protocol[index] == TCP
        syn_acks[row] = is_tcp and flags & RST == 0 and flags & (SYN | ACK) == SYN | ACK
        resets[row] = is_tcp and flags & RST != 0
        kind = icmp_type[index]
        quotes[row] = (
            kind >= 0
            and payload[index] >= 0
            and bool(_QUOTING_V6[kind] if version[index] == 6 else _QUOTING[kind])
        )
        target = mix(target_low[index] ^ mix(target_high[index] ^ salt))
        targets[row] = np.int64(np.uint64(1) << (target & np.uint64(63)))
        row += 1


class Echoes:
    """Rows of `echoes` in the making; bounded, where they are taken once there are too many."""

    name = "echoes"

    def __init__(self, rows: int = 1_000_000) -> None:
        """Room for so many rows."""
        self._room = rows
        self._decoder = Decoder()
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._folded = pl.DataFrame()
        self._waiting: list[pl.DataFrame] = []
        self._packets = 0  # that wait

    def finish(self, _: Point) -> None:
        """Nothing: no row waits for more."""

    def kept(self, _: Point) -> str:
        """Nothing is open from one batch to the next."""
        return ""

    def resume(self, _: Point, kept: str) -> None:
        """Go on without what was never kept."""

    @property
    def is_full(self) -> bool:
        """Whether the rows must be taken before the next run."""
        if self._folded.height + self._packets >= self._room:
            self._fold()
        return self._folded.height >= self._room

    def see(self, run: Run) -> None:
        """Look through one run."""
        packets, frames, traffic = run.packets, run.frames, run.judged.traffic
        count = _count(run.fate, traffic, packets.protocol)
        if not count:
            return
        place, quotes = np.empty(count, np.int64), np.empty(count, np.bool_)
        columns = {name: np.empty(count, kind) for name, kind in _COLUMNS.items()}
        _gather(
            run.fate,
            traffic,
            frames.time,
            packets.version,
            packets.source_high,
            packets.source_low,
            packets.target_high,
            packets.target_low,
            packets.protocol,
            packets.source_port,
            packets.tcp_flags,
            packets.icmp_type,
            packets.payload,
            target_salt(run.sensor.id),
            place,
            quotes,
            *columns.values(),
        )
        if quotes.any():
            self._follow(place[quotes], np.flatnonzero(quotes), frames, packets, columns)
        rows = pl.DataFrame(columns).with_columns(
            sensor=pl.lit(run.sensor.id), packets=pl.lit(1, pl.Int64), last=pl.col("first")
        )
        self._waiting.append(rows)
        self._packets += count
        if self._packets >= PENDING:
            self._fold()

    def _follow(
        self,
        place: npt.NDArray[np.int64],
        rows: npt.NDArray[np.int64],
        frames: Frames,
        packets: Packets,
        columns: dict[str, npt.NDArray[np.signedinteger]],
    ) -> None:
        """Where an ICMP error quotes a packet as one of the sensor's, the victim is whom that was for."""
        quotes = Frames(
            buffer=frames.buffer,
            offset=frames.offset[place] + packets.payload[place],
            captured=packets.payload_length[place].astype(np.int64),
            wire=frames.wire[place],
            time=frames.time[place],
            interface=np.zeros(len(place), np.int32),
        )
        quoted = self._decoder.decode(quotes, _RAW)
        is_its = (
            (quoted.outcome == DECODED)
            & (quoted.version == packets.version[place])
            & (quoted.source_high == packets.target_high[place])
            & (quoted.source_low == packets.target_low[place])
        )
        rows = rows[is_its]
        columns["victim_high"][rows] = quoted.target_high[is_its].view(np.int64)
        columns["victim_low"][rows] = quoted.target_low[is_its].view(np.int64)
        columns["protocol"][rows] = quoted.protocol[is_its]
        columns["port"][rows] = quoted.port[is_its]

    def _fold(self) -> None:
        """Make rows of the packets that wait."""
        if self._waiting:
            names = [*_KEYS, "packets", "syn_acks", "resets", "first", "last", "targets"]
            parts = [self._folded, *self._waiting] if self._folded.height else self._waiting
            rows = pl.concat([part.select(names) for part in parts])
            self._folded = rows.group_by(_KEYS).agg(*_SUMS, pl.col("targets").bitwise_or())
            self._waiting, self._packets = [], 0

    def take(self, places: Places) -> Iterator[tuple[Table, pl.DataFrame]]:
        """Rows of `echoes` with their `day`; afterwards there are none. Raises GeoError."""
        self._fold()
        if self._folded.height:
            rows = self._placed(places)
            self.clear()
            yield ECHOES, rows

    def _placed(self, places: Places) -> pl.DataFrame:
        rows = self._folded
        victim = ["day", "version", "victim_high", "victim_low"]
        rows = rows.with_columns(day=(pl.col("minute") // (24 * 60)).cast(pl.Date))
        distinct = rows.select(victim).unique()
        country, asn = places.look_up_by_day(
            distinct["day"].to_physical().cast(pl.Int64).to_numpy(),
            distinct["version"].to_numpy(),
            distinct["victim_high"].to_numpy(),
            distinct["victim_low"].to_numpy(),
        )
        placed = distinct.with_columns(country.alias("country"), pl.Series("asn", asn))
        schema = {"day": pl.Date(), **ECHOES.schema}
        return rows.join(placed, on=victim).select(pl.col(name).cast(kind) for name, kind in schema.items())
