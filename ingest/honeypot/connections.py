"""Which frames open, feed and end connections to a honeypot: a table of fixed size that a compiled loop keeps.

A connection begins with the client's SYN. What follows matters only where that SYN was seen, so that the middle of a
connection is never taken for its beginning, and scans of closed ports cost next to nothing. Time is that of the frames:
the latest seen, so that it never runs back; where it falls far behind, another stretch of time has begun.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from darkscope.ingest.compiled import compiled
from darkscope.ingest.decode.wire import Integer
from darkscope.ingest.fates import HOUR
from darkscope.ingest.rules.classes import ACK, FIN, RST, SYN
from darkscope.ingest.sensors import INBOUND, OWN
from darkscope.ingest.tally import mix

IDLE = 60 * 1_000_000_000
"""Nanoseconds of silence after which a connection is over: clients send what they have within seconds."""

JUMP = HOUR
"""Nanoseconds that a frame may be late; more is another stretch of time, in which nothing goes on."""

BUCKETS, WAYS = 1 << 15, 2
"""Places for connections: 65,536, 2 MB. A flood of SYNs pushes the oldest out, each bucket its own. With more ways
that would be fairer, and slower: a bucket of two fits a line of the processor's cache."""

HASH, START, SEEN, STATE = range(4)
"""Columns of the table: hash of addresses and ports (0: free), sequence number of the first byte, latest time."""

ASKED, OPEN, DONE = 1, 2, 3
"""States: a SYN came; data came; its first data were read to their end."""

FIRST, MORE, ENDS, BREAKS, ANSWERED, OVER, RESET = range(7)
"""Events: the first data of a connection; further ones; the client's FIN; a RST; the sensor's data or FIN; nothing more
will come of it; nothing more will come of any."""

KIND, FRAME, PLACE, BEGIN = range(4)
"""Columns of events: what, its frame, the connection's place in the table, the sequence number of its first byte."""

MOST_EVENTS = 4
"""Events that one frame may bring."""

Table = npt.NDArray[np.int64]
Addresses = npt.NDArray[np.uint64]


def empty_table() -> Table:
    """A table without connections."""
    return np.zeros((BUCKETS * WAYS, 4), np.int64)


@compiled
def _key(
    client_high: np.uint64,
    client_low: np.uint64,
    sensor_high: np.uint64,
    sensor_low: np.uint64,
    client_port: Integer,
    sensor_port: Integer,
) -> Integer:
    """A hash of a connection's addresses and ports, never 0."""
    ports = np.uint64(client_port) << np.uint64(16) | np.uint64(sensor_port)
    hashed = mix(client_low ^ mix(sensor_low << np.uint64(32) | ports))
    if client_high or sensor_high:
        hashed = mix(hashed ^ mix(client_high ^ mix(sensor_high ^ sensor_low)))
    return np.int64(hashed | np.uint64(1))


@compiled
def _find(table: Table, key: Integer) -> Integer:
    """The place of a connection; -1 where it is not there."""
    first: Integer = np.int64(((np.uint64(key) >> np.uint64(20)) & np.uint64(BUCKETS - 1)) * np.uint64(WAYS))
    for place in range(first, first + WAYS):
        if table[place, HASH] == key:
            return place
    return -1


@compiled
def _oldest(table: Table, key: Integer, clock: Integer) -> Integer:
    """The place of a bucket that a new connection takes: a free one, or the one that was silent for the longest."""
    first: Integer = np.int64(((np.uint64(key) >> np.uint64(20)) & np.uint64(BUCKETS - 1)) * np.uint64(WAYS))
    found = first
    for place in range(first, first + WAYS):
        if table[place, HASH] == 0 or clock - table[place, SEEN] > IDLE:
            return place
        if table[place, SEEN] < table[found, SEEN]:
            found = place
    return found


@compiled
def _tell(events: Table, count: int, kind: int, frame: int, place: Integer, begin: Integer) -> int:
    events[count, KIND] = kind
    events[count, FRAME] = frame
    events[count, PLACE] = place
    events[count, BEGIN] = begin
    return count + 1


@compiled
def follow(
    first: int,
    end: int,
    fate: npt.NDArray[np.uint8],
    time: npt.NDArray[np.int64],
    source_high: Addresses,
    source_low: Addresses,
    target_high: Addresses,
    target_low: Addresses,
    source_port: npt.NDArray[np.int32],
    port: npt.NDArray[np.int32],
    tcp_flags: npt.NDArray[np.int32],
    sequence: npt.NDArray[np.int64],
    payload_length: npt.NDArray[np.int32],
    table: Table,
    clock: Integer,
    events: Table,
) -> tuple[Integer, Integer]:
    """Follow the frames from `first` to `end` (excluded); gives how many events there are, and the clock then."""
    count = 0
    now: Integer = np.int64(clock)
    for index in range(first, end):
        what = fate[index]
        if what not in (INBOUND, OWN):
            continue
        if time[index] > now:
            now = time[index]
        elif now - time[index] > JUMP:
            now = time[index]
            table[:, :] = 0
            count = _tell(events, count, RESET, index, -1, 0)
        flags = tcp_flags[index]
        if flags < 0 or sequence[index] < 0:
            continue
        length = payload_length[index]
        if flags & SYN:
            if what != INBOUND or flags & (ACK | FIN | RST):
                continue
            key = _key(
                source_high[index],
                source_low[index],
                target_high[index],
                target_low[index],
                np.int64(source_port[index]),
                np.int64(port[index]),
            )
            start = (sequence[index] + 1) & 0xFFFFFFFF
            place = _find(table, key)
            if place >= 0 and table[place, START] == start and now - table[place, SEEN] <= IDLE:
                continue  # sent again
            if place < 0:
                place = _oldest(table, key, now)
            if table[place, STATE] == OPEN:
                count = _tell(events, count, OVER, index, place, table[place, START])
            table[place, HASH] = key
            table[place, START] = start
            table[place, SEEN] = now
            table[place, STATE] = ASKED
            continue
        if length <= 0 and not flags & (FIN | RST):
            continue
        place = -1
        if what == INBOUND:
            place = _find(
                table,
                _key(
                    source_high[index],
                    source_low[index],
                    target_high[index],
                    target_low[index],
                    np.int64(source_port[index]),
                    np.int64(port[index]),
                ),
            )
        is_client = place >= 0
        if not is_client:
            place = _find(
                table,
                _key(
                    target_high[index],
                    target_low[index],
                    source_high[index],
                    source_low[index],
                    np.int64(port[index]),
                    np.int64(source_port[index]),
                ),
            )
            if place < 0:
                continue
        if now - table[place, SEEN] > IDLE:
            if table[place, STATE] == OPEN:
                count = _tell(events, count, OVER, index, place, table[place, START])
            table[place, :] = 0
            continue
        if is_client and length > 0:
            table[place, SEEN] = now
            if table[place, STATE] == ASKED:
                table[place, STATE] = OPEN
                count = _tell(events, count, FIRST, index, place, table[place, START])
            elif table[place, STATE] == OPEN:
                count = _tell(events, count, MORE, index, place, table[place, START])
        if table[place, STATE] == ASKED:
            if flags & RST or (is_client and flags & FIN):
                table[place, :] = 0  # refused, or let go without a word
        elif table[place, STATE] == OPEN:
            if flags & RST:
                count = _tell(events, count, BREAKS, index, place, table[place, START])
            elif not is_client:
                count = _tell(events, count, ANSWERED, index, place, table[place, START])
            elif flags & FIN:
                count = _tell(events, count, ENDS, index, place, table[place, START])
    return count, now
