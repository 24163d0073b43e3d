"""The compiled loops of the reduction: packets into rows of flows and sources, by hash tables of plain arrays.

A packet touches one row, that of its open flow. When the minute is over its flows are closed: each becomes a finished
flow and tells its source what it saw, so that evidence costs once a flow and not once a packet.

A row is a line of 64-bit integers whose columns are named below. Whoever calls makes sure that the arrays have room
for a new row for every packet.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from darkscope.ingest.compiled import compiled
from darkscope.ingest.fates import DAY, MINUTE
from darkscope.ingest.rules.tools import NO_NMAP, NO_UNICORNSCAN
from darkscope.ingest.sensors import INBOUND
from darkscope.ingest.series import Tool, Traffic

PORTS = 16

# An open flow's row: what every packet touches (one cache line), then what few packets touch.
LOW, HIGH, WHAT, PACKETS, BYTES, TARGETS, LAST, UNICORN2 = range(8)
FIRST, ORIGIN, MASSCAN, NMAP, NMAP2, UNICORN, SLOT = range(8, 15)
OPEN_ROW = 16

# A source's row: its key, then what every flow touches, then what few flows touch. ORIGIN is source port << 8 | TTL.
S_LOW, S_HIGH, S_PLACE, S_PACKETS, S_BYTES, S_FIRST, S_LAST, S_PORTS = range(8)
S_BACK, S_SPOOF, S_OTHER, S_MIRAI, S_ZMAP, S_MASSCAN, S_ORIGIN = range(8, 15)
S_NMAP, S_NMAP2, S_UNICORN, S_UNICORN2 = range(15, 19)
SOURCE_ROW = 24

_SIX = 1 << 31
"""Bit of WHAT that says IPv6. The others, from the top: sensor, protocol (8), port + 1 (17), class (2), tool (4)."""

_BLOCK = 1024
"""Flows that one loop after another goes over."""

SMALL_TABLE = 1 << 12
"""Slots that a hash table starts with; it doubles when half full."""

_BACKSCATTER = list(Traffic).index(Traffic.BACKSCATTER)
_SPOOFABLE = list(Traffic).index(Traffic.SPOOFABLE)
_SCANNING = list(Traffic).index(Traffic.SCAN)
_MIRAI_TOOL = list(Tool).index(Tool.MIRAI)
_ZMAP_TOOL = list(Tool).index(Tool.ZMAP)

FULL = np.iinfo(np.int64).max

Rows = npt.NDArray[np.int64]
Entries = npt.NDArray[np.int64]
Slots = npt.NDArray[np.uint64]
Keys = npt.NDArray[np.uint64]
"""Four odd numbers that nobody else knows: whoever chooses addresses cannot choose collisions."""


# The state of a shard's tables: how many rows they hold, their slots in use less one, the minute of the open flows.
OPEN, CLOSED, SOURCES, OPEN_MASK, SOURCE_MASK, CURRENT = range(6)
STATE = 6


class Closed(NamedTuple):
    """Columns of closed flows, one entry a flow."""

    entry: npt.NDArray[np.int32]  # the source's row
    minute: npt.NDArray[np.int32]  # since 1970
    protocol: npt.NDArray[np.int16]
    port: npt.NDArray[np.int32]
    traffic: npt.NDArray[np.uint8]
    tool: npt.NDArray[np.uint8]
    packets: npt.NDArray[np.int64]
    bytes: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int64]

    @classmethod
    def of(cls, space: int) -> Closed:
        """Columns for at most so many flows, uninitialised."""
        return cls(
            np.empty(space, np.int32),
            np.empty(space, np.int32),
            np.empty(space, np.int16),
            np.empty(space, np.int32),
            np.empty(space, np.uint8),
            np.empty(space, np.uint8),
            np.empty(space, np.int64),
            np.empty(space, np.int64),
            np.empty(space, np.int64),
        )


@compiled
def mix(value: np.uint64) -> np.uint64:
    """A 64-bit hash of 64 bits (splitmix64's finalizer, Steele, Lea and Flood 2014)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@compiled
def _hash(low: np.uint64, high: np.uint64, third: np.uint64, keys: Keys) -> np.uint64:
    """Multiply-shift (Dietzfelbinger et al. 1997) of a key of three words, its upper half stirred into the lower."""
    value: np.uint64 = low * keys[0] + high * keys[1] + third * keys[2]
    stirred: np.uint64 = value ^ (value >> np.uint64(32))
    return np.uint64(stirred * keys[3])


@compiled
def _keep_two(rows: Rows, row: int, least: int, second: int, value: np.int64) -> None:
    """Put a value into two columns that keep the two smallest distinct values of a row."""
    if value >= rows[row, second] or value == rows[row, least]:
        return
    if value < rows[row, least]:
        rows[row, second] = rows[row, least]
        rows[row, least] = value
    else:
        rows[row, second] = value


@compiled
def _place(day: np.int64, what: np.int64) -> np.int64:
    """Day, sensor and version of a source: the last column of its key."""
    return day << 32 | (what >> 32) << 8 | (6 if what & _SIX else 4)


@compiled
def _keep_port(ports: npt.NDArray[np.int32], row: int, held: int, port: np.int64) -> int:
    """Put a port into a row that keeps the smallest, sorted and distinct; gives how many it holds now."""
    if held == PORTS and port >= ports[row, PORTS - 1]:
        return held
    place = held
    while place > 0 and ports[row, place - 1] >= port:
        place -= 1
    if place < held and ports[row, place] == port:
        return held
    for index in range(min(held, PORTS - 1), place, -1):
        ports[row, index] = ports[row, index - 1]
    ports[row, place] = port
    return min(held + 1, PORTS)


@compiled
def share_out(
    fate: npt.NDArray[np.uint8],
    source_high: npt.NDArray[np.uint64],
    source_low: npt.NDArray[np.uint64],
    keys: Keys,
    members: npt.NDArray[np.int32],
    counts: npt.NDArray[np.int64],
) -> None:
    """List the inbound packets of each shard, a power of two of them: `members` (shard, place), `counts` (shard)."""
    last = np.uint64(len(counts) - 1)
    counts[:] = 0
    for index in range(len(fate)):
        if fate[index] == INBOUND:
            hashed = _hash(source_low[index], source_high[index], np.uint64(0), keys)
            shard = np.int64((hashed >> np.uint64(40)) & last)
            members[shard, counts[shard]] = index
            counts[shard] += 1


@compiled
def _grow(slots: Slots, mask: np.uint64, rows: Rows, count: int, noted: int, keys: Keys) -> np.uint64:
    """Double the part of a slot array that is in use, and place the rows anew by their first three columns.

    Each row's slot goes into the column `noted`, where there is one (-1: none).
    """
    mask = mask * np.uint64(2) + np.uint64(1)
    slots[: np.int64(mask) + 1] = 0
    for entry in range(count):
        hashed = _hash(np.uint64(rows[entry, 0]), np.uint64(rows[entry, 1]), np.uint64(rows[entry, 2]), keys)
        slot = (hashed >> np.uint64(32)) & mask
        while slots[slot] != 0:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = (hashed << np.uint64(32)) | np.uint64(entry + 1)
        if noted >= 0:
            rows[entry, noted] = np.int64(slot)
    return mask


@compiled
def _find_sources(
    first: int,
    end: int,
    rows: Rows,
    source_rows: Rows,
    source_slots: Slots,
    keys: Keys,
    state: npt.NDArray[np.int64],
    hashes: npt.NDArray[np.uint64],
    entries: npt.NDArray[np.int64],
) -> None:
    """The row of each flow's source on its day, made where it is new."""
    day = state[CURRENT] * MINUTE // DAY
    for row in range(first, end):
        place = _place(day, rows[row, WHAT])
        hashes[row - first] = _hash(
            np.uint64(rows[row, LOW]), np.uint64(rows[row, HIGH]), np.uint64(place), keys
        )
    sources = state[SOURCES]
    mask = np.uint64(state[SOURCE_MASK])
    low32 = np.uint64(0xFFFFFFFF)
    for row in range(first, end):
        hashed = hashes[row - first]
        slot = (hashed >> np.uint64(32)) & mask
        tag = hashed << np.uint64(32)
        low = rows[row, LOW]
        high = rows[row, HIGH]
        place = _place(day, rows[row, WHAT])
        while True:
            found = source_slots[slot]
            if found == 0:
                entry = sources
                sources += 1
                source_slots[slot] = tag | np.uint64(entry + 1)
                for column in range(SOURCE_ROW):
                    source_rows[entry, column] = 0
                source_rows[entry, S_LOW] = low
                source_rows[entry, S_HIGH] = high
                source_rows[entry, S_PLACE] = place
                source_rows[entry, S_FIRST] = FULL
                for column in range(S_NMAP, S_UNICORN2 + 1):
                    source_rows[entry, column] = FULL
                if 2 * sources > np.int64(mask):
                    mask = _grow(source_slots, mask, source_rows, sources, -1, keys)
                break
            if (found & ~low32) == tag:
                entry = np.int64(found & low32) - 1
                if (
                    source_rows[entry, S_LOW] == low
                    and source_rows[entry, S_HIGH] == high
                    and source_rows[entry, S_PLACE] == place
                ):
                    break
            slot = (slot + np.uint64(1)) & mask
        entries[row - first] = entry
    state[SOURCES] = sources
    state[SOURCE_MASK] = np.int64(mask)


@compiled
def _tell_sources(
    first: int, end: int, rows: Rows, source_rows: Rows, ports: npt.NDArray[np.int32], entries: Entries
) -> None:
    """Add what flows saw to the rows of their sources."""
    for row in range(first, end):
        entry = entries[row - first]
        what = rows[row, WHAT]
        packets = rows[row, PACKETS]
        source_rows[entry, S_PACKETS] += packets
        source_rows[entry, S_BYTES] += rows[row, BYTES]
        if rows[row, FIRST] < source_rows[entry, S_FIRST]:
            source_rows[entry, S_FIRST] = rows[row, FIRST]
            source_rows[entry, S_ORIGIN] = rows[row, ORIGIN]
        source_rows[entry, S_LAST] = max(source_rows[entry, S_LAST], rows[row, LAST])
        traffic = (what >> 4) & 3
        if traffic == _BACKSCATTER:
            source_rows[entry, S_BACK] += packets
        elif traffic == _SPOOFABLE:
            source_rows[entry, S_SPOOF] += packets
        elif traffic != _SCANNING:
            source_rows[entry, S_OTHER] += packets
        tool = what & 15
        if tool == _MIRAI_TOOL:
            source_rows[entry, S_MIRAI] += packets
        elif tool == _ZMAP_TOOL:
            source_rows[entry, S_ZMAP] += packets
        if rows[row, MASSCAN]:
            source_rows[entry, S_MASSCAN] += rows[row, MASSCAN]
        if rows[row, NMAP] != FULL:
            _keep_two(source_rows, entry, S_NMAP, S_NMAP2, rows[row, NMAP])
            _keep_two(source_rows, entry, S_NMAP, S_NMAP2, rows[row, NMAP2])
        if rows[row, UNICORN] != FULL:
            _keep_two(source_rows, entry, S_UNICORN, S_UNICORN2, rows[row, UNICORN])
            _keep_two(source_rows, entry, S_UNICORN, S_UNICORN2, rows[row, UNICORN2])
    for row in range(first, end):
        what = rows[row, WHAT]
        port = ((what >> 6) & 0x1FFFF) - 1
        if port >= 0:
            entry = entries[row - first]
            source_rows[entry, S_PORTS] = _keep_port(
                ports, entry, source_rows[entry, S_PORTS], ((what >> 23) & 255) << 16 | port
            )


@compiled
def close(
    rows: Rows,
    slots: Slots,
    source_rows: Rows,
    source_slots: Slots,
    ports: npt.NDArray[np.int32],
    keys: Keys,
    state: npt.NDArray[np.int64],
    closed: Closed,
) -> None:
    """Close the open flows: finish each, and tell its source."""
    hashes = np.empty(_BLOCK, np.uint64)
    entries = np.empty(_BLOCK, np.int64)
    # One simple loop after another over a block that fits the cache: the processor then waits for many rows at once.
    for first in range(0, state[OPEN], _BLOCK):
        end = min(first + _BLOCK, state[OPEN])
        _find_sources(first, end, rows, source_rows, source_slots, keys, state, hashes, entries)
        _tell_sources(first, end, rows, source_rows, ports, entries)
        to = state[CLOSED] - first
        for row in range(first, end):
            slots[rows[row, SLOT]] = 0
            what = rows[row, WHAT]
            closed.entry[to + row] = entries[row - first]
            closed.minute[to + row] = state[CURRENT]
            closed.protocol[to + row] = (what >> 23) & 255
            closed.port[to + row] = ((what >> 6) & 0x1FFFF) - 1
            closed.traffic[to + row] = (what >> 4) & 3
            closed.tool[to + row] = what & 15
            closed.packets[to + row] = rows[row, PACKETS]
            closed.bytes[to + row] = rows[row, BYTES]
            closed.targets[to + row] = rows[row, TARGETS]
        state[CLOSED] += end - first
    state[OPEN] = 0


@compiled
def absorb(
    members: npt.NDArray[np.int32],
    sensor: int,
    salt: np.uint64,
    time: npt.NDArray[np.int64],
    wire: npt.NDArray[np.int64],
    version: npt.NDArray[np.uint8],
    source_high: npt.NDArray[np.uint64],
    source_low: npt.NDArray[np.uint64],
    target_high: npt.NDArray[np.uint64],
    target_low: npt.NDArray[np.uint64],
    protocol: npt.NDArray[np.int16],
    source_port: npt.NDArray[np.int32],
    port: npt.NDArray[np.int32],
    ttl: npt.NDArray[np.uint8],
    traffic: npt.NDArray[np.uint8],
    tool: npt.NDArray[np.uint8],
    masscan: npt.NDArray[np.bool_],
    nmap: npt.NDArray[np.int64],
    unicornscan: npt.NDArray[np.int64],
    keys: Keys,
    rows: Rows,
    slots: Slots,
    source_rows: Rows,
    source_slots: Slots,
    ports: npt.NDArray[np.int32],
    state: npt.NDArray[np.int64],
    closed: Closed,
) -> None:
    """Count the packets of one run that are this shard's. A minute that comes back begins new, partial rows."""
    whats = np.empty(_BLOCK, np.int64)
    hashes = np.empty(_BLOCK, np.uint64)
    bits = np.empty(_BLOCK, np.int64)
    count = state[OPEN]
    mask = np.uint64(state[OPEN_MASK])
    start = state[CURRENT] * MINUTE
    low32 = np.uint64(0xFFFFFFFF)
    for first in range(0, len(members), _BLOCK):
        end = min(first + _BLOCK, len(members))
        for member in range(first, end):
            index = members[member]
            what = (
                np.int64(sensor) << 32
                | (_SIX if version[index] == 6 else 0)
                | np.int64(protocol[index]) << 23
                | np.int64(port[index] + 1) << 6
                | np.int64(traffic[index]) << 4
                | np.int64(tool[index])
            )
            whats[member - first] = what
            hashes[member - first] = _hash(source_low[index], source_high[index], np.uint64(what), keys)
            target = mix(target_low[index] ^ mix(target_high[index] ^ salt))
            bits[member - first] = np.int64(np.uint64(1) << (target & np.uint64(63)))
        for member in range(first, end):
            index = members[member]
            when = time[index]
            if when < start or when >= start + MINUTE:  # dividing at every packet took a fifth of the time
                state[OPEN] = count
                close(rows, slots, source_rows, source_slots, ports, keys, state, closed)
                count = 0
                state[CURRENT] = when // MINUTE
                start = state[CURRENT] * MINUTE
            what = whats[member - first]
            hashed = hashes[member - first]
            slot = (hashed >> np.uint64(32)) & mask
            tag = hashed << np.uint64(32)
            low = np.int64(source_low[index])
            high = np.int64(source_high[index])
            row = count
            while True:
                found = slots[slot]
                if found == 0:
                    break
                if (found & ~low32) == tag:
                    row = np.int64(found & low32) - 1
                    if rows[row, LOW] == low and rows[row, HIGH] == high and rows[row, WHAT] == what:
                        break
                    row = count
                slot = (slot + np.uint64(1)) & mask
            if row == count:
                count += 1
                slots[slot] = tag | np.uint64(row + 1)
                rows[row, LOW] = low
                rows[row, HIGH] = high
                rows[row, WHAT] = what
                rows[row, PACKETS] = 1
                rows[row, BYTES] = wire[index]
                rows[row, TARGETS] = bits[member - first]
                rows[row, FIRST] = when
                rows[row, LAST] = when
                rows[row, ORIGIN] = np.int64(source_port[index]) << 8 | np.int64(ttl[index])
                rows[row, MASSCAN] = np.int64(masscan[index])
                rows[row, NMAP] = nmap[index] if nmap[index] != NO_NMAP else FULL
                rows[row, NMAP2] = FULL
                rows[row, UNICORN] = unicornscan[index] if unicornscan[index] != NO_UNICORNSCAN else FULL
                rows[row, UNICORN2] = FULL
                rows[row, SLOT] = np.int64(slot)
                if 2 * count > np.int64(mask):
                    mask = _grow(slots, mask, rows, count, SLOT, keys)
                continue
            rows[row, PACKETS] += 1
            rows[row, BYTES] += wire[index]
            rows[row, TARGETS] |= bits[member - first]
            if when >= rows[row, LAST]:
                rows[row, LAST] = when
            elif when < rows[row, FIRST]:
                rows[row, FIRST] = when
                rows[row, ORIGIN] = np.int64(source_port[index]) << 8 | np.int64(ttl[index])
            if masscan[index]:
                rows[row, MASSCAN] += 1
            if nmap[index] != NO_NMAP:
                _keep_two(rows, row, NMAP, NMAP2, nmap[index])
            if unicornscan[index] != NO_UNICORNSCAN:
                _keep_two(rows, row, UNICORN, UNICORN2, unicornscan[index])
    state[OPEN] = count
    state[OPEN_MASK] = np.int64(mask)
