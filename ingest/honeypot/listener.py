"""Listens to what honeypots are asked: rows of `requests` out of runs of frames.

The first data of a connection end where the sensor answers or lets go, where the client does, after a minute of
silence, at 16 KiB, or where nothing more is to be read. None of this depends on how runs and batches are cut; what is
open at a commit is kept by it. Memory is bounded: see `connections` and `MOST_BYTES`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from darkscope.ingest.decode.wire import Integer
from darkscope.ingest.fates import SKIPPED
from darkscope.ingest.geo import Places
from darkscope.ingest.honeypot.connections import (
    ANSWERED,
    BEGIN,
    BREAKS,
    DONE,
    ENDS,
    FIRST,
    FRAME,
    IDLE,
    KIND,
    MORE,
    MOST_EVENTS,
    OPEN,
    OVER,
    PLACE,
    RESET,
    SEEN,
    STATE,
    Table,
    empty_table,
    follow,
)
from darkscope.ingest.honeypot.masking import Masker
from darkscope.ingest.honeypot.rows import Asker, Reader, Request, table
from darkscope.ingest.honeypot.sealing import Seal
from darkscope.ingest.honeypot.streams import FirstData
from darkscope.ingest.observers import Point, Run
from darkscope.ingest.sensors import Sensors
from darkscope.ingest.series import HONEYPOT, REQUESTS
from darkscope.ingest.series import Table as LedgerTable

MOST_BYTES = 8 * 1024 * 1024
"""Bytes that the open connections of one point may hold; the oldest are taken for whole beyond that."""

MOST_ROWS = 50_000
"""Rows after which they are to be taken."""

_CHUNK = 8192
"""Frames that are followed at once: bounds the room for their events."""

_CONTINUE = b"HTTP/1.1 100"
"""An answer that asks for the rest of a request."""


@dataclass(slots=True)
class Connection:
    """One connection whose first data are being put together."""

    version: int
    source: int
    target: int
    source_port: int
    port: int
    time: int  # of the earliest segment
    first: FirstData


@dataclass(slots=True)
class _Point:
    """The connections to one point of a sensor."""

    table: Table = field(default_factory=empty_table)
    clock: Integer = 0
    open: dict[int, Connection] = field(default_factory=dict)  # by their place in the table, oldest first
    bytes: int = 0  # that they hold


class Listener:
    """Rows of `requests` in the making."""

    name = "requests"

    def __init__(self, sensors: Sensors, seal: Seal) -> None:
        """Knows the addresses to mask, and how what is open is sealed."""
        self._seal = seal
        masker = Masker(entry.watched for sensor in sensors for entry in sensor.entries)
        self._reader = Reader(masker)
        self._events = np.empty((_CHUNK * MOST_EVENTS, 4), np.int64)
        self.clear()

    def clear(self) -> None:
        """Drop everything."""
        self._points: dict[Point, _Point] = {}
        self._rows: list[tuple[Asker, Request]] = []

    @property
    def is_full(self) -> bool:
        """Whether rows should be taken."""
        return len(self._rows) >= MOST_ROWS

    def see(self, run: Run) -> None:
        """Look through one run; a telescope is asked nothing."""
        if not run.sensor.is_honeypot:
            return
        fate = _while_honeypot(run)
        point = self._points.setdefault((run.sensor.id, run.point), _Point())
        for first in range(0, len(run.frames), _CHUNK):
            self._follow(run, fate, point, first, min(first + _CHUNK, len(run.frames)))
        self._sweep(run.sensor.id, point)

    def take(self, places: Places) -> Iterator[tuple[LedgerTable, pl.DataFrame]]:
        """Rows that were finished since the last time, with their `day`. Raises GeoError."""
        if self._rows:
            made, self._rows = self._rows, []
            yield REQUESTS, _placed(made, places)

    def finish(self, point: Point) -> None:
        """Take what is open at a point for all there will be."""
        held = self._points.pop(point, _Point())
        for place in list(held.open):
            self._close(point[0], held, place)

    def kept(self, point: Point) -> str:
        """What is open at a point, sealed."""
        held = self._points.get(point)
        if held is None:
            return ""
        live = np.flatnonzero((held.table[:, STATE] > 0) & (held.clock - held.table[:, SEEN] <= IDLE))
        return self._seal.close(_packed(held, live)) if len(live) else ""

    def resume(self, point: Point, kept: str) -> None:
        """Go on at a point with what was open."""
        self._points.pop(point, None)
        told = self._seal.open(kept) if kept else None
        if told is not None:  # else it is a copy's: what is open is the other's
            self._points[point] = _unpacked(told)

    def _follow(self, run: Run, fate: npt.NDArray[np.uint8], point: _Point, first: int, end: int) -> None:
        packets = run.packets
        count, point.clock = follow(
            first,
            end,
            fate,
            run.frames.time,
            packets.source_high,
            packets.source_low,
            packets.target_high,
            packets.target_low,
            packets.source_port,
            packets.port,
            packets.tcp_flags,
            packets.sequence,
            packets.payload_length,
            point.table,
            point.clock,
            self._events,
        )
        done: set[int] = set()
        for event in self._events[:count].tolist():
            self._heed(run, point, event, done)
        for place in done:
            if point.table[place, STATE] == OPEN:
                point.table[place, STATE] = DONE

    def _heed(self, run: Run, point: _Point, event: list[int], done: set[int]) -> None:
        """Do what one event asks for; `done` are places whose data were read to their end in this chunk."""
        kind, frame, place = event[KIND], event[FRAME], event[PLACE]
        sensor = run.sensor.id
        if kind == RESET:
            for open_place in list(point.open):
                self._close(sensor, point, open_place)
            done.clear()
            return
        if kind == FIRST:
            done.discard(place)
            point.open[place] = opened = _opened(run, frame, event[BEGIN])
            point.bytes += opened.first.held
        connection = point.open.get(place)
        if connection is None:
            return
        if kind == OVER:
            self._close(sensor, point, place)
            done.discard(place)
            return
        if not _is_of(connection, run, frame):
            return
        first, sequence = connection.first, int(run.packets.sequence[frame])
        if kind in (FIRST, MORE):
            held = first.held
            first.add(sequence, _payload(run, frame))
            connection.time = min(connection.time, int(run.frames.time[frame]))
            point.bytes += first.held - held
        elif kind == ENDS:
            first.end_at(sequence + max(int(run.packets.payload_length[frame]), 0))
        elif kind == ANSWERED and not _payload(run, frame).startswith(_CONTINUE):
            first.end_at(int(run.packets.acknowledgement[frame]))
        if kind == BREAKS or first.is_complete:
            self._close(sensor, point, place)
            done.add(place)
        while point.bytes > MOST_BYTES:
            oldest = next(iter(point.open))
            self._close(sensor, point, oldest)
            done.add(oldest)

    def _sweep(self, sensor: str, point: _Point) -> None:
        """Close what was silent for long."""
        for place in list(point.open):
            if point.clock - point.table[place, SEEN] > IDLE:
                self._close(sensor, point, place)
                point.table[place, :] = 0

    def _close(self, sensor: str, point: _Point, place: int) -> None:
        """Make rows of a connection's first data, if any came without a gap."""
        connection = point.open.pop(place)
        point.bytes -= connection.first.held
        data = connection.first.data
        if data:
            asker = Asker(sensor, *(getattr(connection, name) for name in _OF_CONNECTION))
            told = self._reader.read(data, connection.version, connection.target)
            self._rows += [(asker, request) for request in told]


def _while_honeypot(run: Run) -> npt.NDArray[np.uint8]:
    """Fates, of which those of times at which the sensor was none do not count."""
    others = [entry for entry in run.sensor.entries if entry.kind != HONEYPOT]
    if not others:
        return run.fate
    fate = run.fate.copy()
    for entry in others:
        fate[(run.frames.time >= entry.since) & (run.frames.time < entry.until)] = SKIPPED
    return fate


def _addresses(run: Run, frame: int) -> tuple[int, int]:
    packets = run.packets
    return (
        int(packets.source_high[frame]) << 64 | int(packets.source_low[frame]),
        int(packets.target_high[frame]) << 64 | int(packets.target_low[frame]),
    )


def _opened(run: Run, frame: int, start: int) -> Connection:
    packets = run.packets
    source, target = _addresses(run, frame)
    return Connection(
        int(packets.version[frame]),
        source,
        target,
        int(packets.source_port[frame]),
        int(packets.port[frame]),
        int(run.frames.time[frame]),
        FirstData(start),
    )


def _is_of(connection: Connection, run: Run, frame: int) -> bool:
    """Whether a frame is of a connection, one way or the other: the table knows hashes alone."""
    source, target = _addresses(run, frame)
    ports = int(run.packets.source_port[frame]), int(run.packets.port[frame])
    return (source, target, *ports) in (
        (connection.source, connection.target, connection.source_port, connection.port),
        (connection.target, connection.source, connection.port, connection.source_port),
    )


def _payload(run: Run, frame: int) -> bytes:
    start = int(run.frames.offset[frame] + run.packets.payload[frame])
    return run.frames.buffer[start : start + max(int(run.packets.payload_length[frame]), 0)].tobytes()


def _placed(rows: list[tuple[Asker, Request]], places: Places) -> pl.DataFrame:
    """Rows with country and owner, by the databases of their day."""
    made = table(rows)
    country, asn = places.look_up_by_day(
        made["day"].cast(pl.Int32).cast(pl.Int64).to_numpy(),
        made["version"].to_numpy(),
        made["source_high"].to_numpy(),
        made["source_low"].to_numpy(),
    )
    return made.with_columns(country.alias("country"), pl.Series("asn", asn)).select("day", *REQUESTS.schema)


def _packed(point: _Point, live: npt.NDArray[np.int64]) -> str:
    """A point as text: what connections hold, and the live rows of the table, which a flood makes many."""
    connections = [
        [
            place,
            *(getattr(one, name) for name in _OF_CONNECTION),
            one.first.start,
            one.first.end,
            one.first.pieces,
            _written(bytes(one.first.buffer)),
        ]
        for place, one in point.open.items()
    ]
    rows = np.column_stack((live, point.table[live])).astype("<i8")
    return json.dumps({"clock": int(point.clock), "rows": _written(rows.tobytes()), "open": connections})


def _unpacked(text: str) -> _Point:
    told = json.loads(text)
    point = _Point(clock=told["clock"])
    rows = np.frombuffer(base64.b64decode(told["rows"]), "<i8").reshape(-1, 1 + point.table.shape[1])
    point.table[rows[:, 0]] = rows[:, 1:]
    for place, *values, start, end, pieces, buffer in told["open"]:
        first = FirstData(start, bytearray(base64.b64decode(buffer)), pieces, end)
        point.open[place] = Connection(**dict(zip(_OF_CONNECTION, values, strict=True)), first=first)
        point.bytes += first.held
    return point


def _written(data: bytes) -> str:
    return base64.b64encode(data).decode()


_OF_CONNECTION = ("version", "source", "target", "source_port", "port", "time")
