"""The compiled loops of the reduction: packets into rows of flows and sources, by hash tables of plain arrays.

A row is a line of 64-bit integers whose columns are named below. Whoever calls makes sure that the arrays have room
for a new row for every packet.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from darkscope.ingest.compiled import compiled
from darkscope.ingest.fates import DAY, MINUTE
from darkscope.ingest.rules.tools import NO_NMAP, NO_UNICORNSCAN
from darkscope.ingest.sensors import INBOUND
from darkscope.ingest.series import Tool, Traffic

PORTS = 16

# A source's row: its key, what every packet touches (one cache line), then what few packets touch.
LOW, HIGH, PLACE, PACKETS, BYTES, FIRST, LAST, SCAN = range(8)
(SPORT, TTL, BACK, SPOOF, MIRAI, ZMAP, MASSCAN, NMAP, NMAP2, UNICORN, UNICORN2) = range(8, 19)
SOURCE_ROW = 24

# A flow's row: its key, then its sums.
WHO, WHAT, FLOW_PACKETS, FLOW_BYTES, TARGETS = range(5)
FLOW_ROW = 5

_BLOCK = 2048
"""Packets that one loop after another goes over."""

SMALL_TABLE = 1 << 12
"""Slots that a hash table starts with; it doubles when half full."""

_BACKSCATTER = list(Traffic).index(Traffic.BACKSCATTER)
_SPOOFABLE = list(Traffic).index(Traffic.SPOOFABLE)
_SCANNING = list(Traffic).index(Traffic.SCAN)
_MIRAI_TOOL = list(Tool).index(Tool.MIRAI)
_ZMAP_TOOL = list(Tool).index(Tool.ZMAP)

FULL = np.iinfo(np.int64).max


@compiled
def mix(value: np.uint64) -> np.uint64:
    """A 64-bit hash of 64 bits (splitmix64's finalizer, Steele, Lea and Flood 2014)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@compiled
def _keep_smallest(rows: npt.NDArray[np.int64], row: int, first: int, last: int, value: np.int64) -> None:
    """Put a value into columns first..last of a row, sorted distinct values padded with the largest int64."""
    if value >= rows[row, last]:
        return
    place = last
    while place > first and rows[row, place - 1] >= value:
        place -= 1
    if rows[row, place] == value:
        return
    for index in range(last, place, -1):
        rows[row, index] = rows[row, index - 1]
    rows[row, place] = value


@compiled
def _grow(
    slots: npt.NDArray[np.uint64],
    mask: np.uint64,
    rows: npt.NDArray[np.int64],
    first: int,
    end: int,
    source: bool,
) -> np.uint64:
    """Double the part of a slot array that is in use, and place the rows from first to end anew."""
    mask = mask * np.uint64(2) + np.uint64(1)
    slots[: np.int64(mask) + 1] = 0
    for entry in range(first, end):
        if source:
            hashed = _source_hash(rows[entry, LOW], rows[entry, HIGH], rows[entry, PLACE])
        else:
            hashed = _flow_hash(rows[entry, WHO], rows[entry, WHAT])
        slot = hashed & mask
        while slots[slot] != 0:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = (hashed & ~np.uint64(0xFFFFFFFF)) | np.uint64(entry + 1)
    return mask


@compiled
def _source_hash(low: np.int64, high: np.int64, place: np.int64) -> np.uint64:
    return mix(np.uint64(low) ^ mix(np.uint64(high) ^ (np.uint64(place) * np.uint64(0x9E3779B97F4A7C15))))


@compiled
def _flow_hash(who: np.int64, what: np.int64) -> np.uint64:
    return mix(np.uint64(who) ^ (np.uint64(what) * np.uint64(0x9E3779B97F4A7C15)))


@compiled
def _find_sources(
    first: int,
    end: int,
    shard: int,
    shards: int,
    sensor: int,
    fate: npt.NDArray[np.uint8],
    time: npt.NDArray[np.int64],
    version: npt.NDArray[np.uint8],
    source_high: npt.NDArray[np.uint64],
    source_low: npt.NDArray[np.uint64],
    source_port: npt.NDArray[np.int32],
    ttl: npt.NDArray[np.uint8],
    slots: npt.NDArray[np.uint64],
    rows: npt.NDArray[np.int64],
    ports: npt.NDArray[np.int64],
    state: npt.NDArray[np.int64],
    entries: npt.NDArray[np.int64],
) -> None:
    """The row of each packet's source on its day, made where it is new; -1 for packets that are not counted here."""
    sources = state[0]
    mask = np.uint64(state[2])
    low32 = np.uint64(0xFFFFFFFF)
    day_start = np.int64(-DAY)
    day = np.int64(0)
    for index in range(first, end):
        entries[index - first] = -1
        if fate[index] != INBOUND:
            continue
        when = time[index]
        if when < day_start or when >= day_start + DAY:  # dividing at every packet took a fifth of the time
            day_start = when // DAY * DAY
            day = (day_start // DAY) << 32 | sensor << 8
        place = day | np.int64(version[index])
        high = np.int64(source_high[index])
        low = np.int64(source_low[index])
        hashed = _source_hash(low, high, place)
        if np.int64(hashed >> np.uint64(24) & np.uint64(0xFF)) % shards != shard:
            continue
        slot = hashed & mask
        tag = hashed & ~low32
        while True:
            found = slots[slot]
            if found == 0:
                entry = sources
                sources += 1
                slots[slot] = tag | np.uint64(entry + 1)
                for column in range(NMAP):
                    rows[entry, column] = 0
                for column in range(NMAP, UNICORN2 + 1):
                    rows[entry, column] = FULL
                for column in range(PORTS):
                    ports[entry, column] = FULL
                rows[entry, LOW] = low
                rows[entry, HIGH] = high
                rows[entry, PLACE] = place
                rows[entry, FIRST] = when
                rows[entry, LAST] = when
                rows[entry, SPORT] = source_port[index]
                rows[entry, TTL] = ttl[index]
                entries[index - first] = entry
                if 2 * sources > np.int64(mask):
                    mask = _grow(slots, mask, rows, 0, sources, True)
                break
            if (found & ~low32) == tag:
                entry = np.int64(found & low32) - 1
                if rows[entry, LOW] == low and rows[entry, HIGH] == high and rows[entry, PLACE] == place:
                    entries[index - first] = entry
                    break
            slot = (slot + np.uint64(1)) & mask
    state[0] = sources
    state[2] = np.int64(mask)


@compiled
def _gather_evidence(
    first: int,
    end: int,
    time: npt.NDArray[np.int64],
    wire: npt.NDArray[np.int64],
    source_port: npt.NDArray[np.int32],
    ttl: npt.NDArray[np.uint8],
    traffic: npt.NDArray[np.uint8],
    tool: npt.NDArray[np.uint8],
    masscan: npt.NDArray[np.bool_],
    nmap: npt.NDArray[np.int64],
    unicornscan: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    entries: npt.NDArray[np.int64],
) -> None:
    for index in range(first, end):
        entry = entries[index - first]
        if entry < 0:
            continue
        when = time[index]
        rows[entry, PACKETS] += 1
        rows[entry, BYTES] += wire[index]
        if when < rows[entry, FIRST]:
            rows[entry, FIRST] = when
            rows[entry, SPORT] = source_port[index]
            rows[entry, TTL] = ttl[index]
        rows[entry, LAST] = max(rows[entry, LAST], when)
        if traffic[index] == _SCANNING:
            rows[entry, SCAN] += 1
        elif traffic[index] == _BACKSCATTER:
            rows[entry, BACK] += 1
        elif traffic[index] == _SPOOFABLE:
            rows[entry, SPOOF] += 1
        if tool[index] == _MIRAI_TOOL:
            rows[entry, MIRAI] += 1
        elif tool[index] == _ZMAP_TOOL:
            rows[entry, ZMAP] += 1
        if masscan[index]:
            rows[entry, MASSCAN] += 1
        if nmap[index] != NO_NMAP:
            _keep_smallest(rows, entry, NMAP, NMAP2, nmap[index])
        if unicornscan[index] != NO_UNICORNSCAN:
            _keep_smallest(rows, entry, UNICORN, UNICORN2, unicornscan[index])


@compiled
def _count_flows(
    first: int,
    end: int,
    salt: np.uint64,
    time: npt.NDArray[np.int64],
    wire: npt.NDArray[np.int64],
    target_high: npt.NDArray[np.uint64],
    target_low: npt.NDArray[np.uint64],
    protocol: npt.NDArray[np.int16],
    port: npt.NDArray[np.int32],
    traffic: npt.NDArray[np.uint8],
    tool: npt.NDArray[np.uint8],
    slots: npt.NDArray[np.uint64],
    rows: npt.NDArray[np.int64],
    state: npt.NDArray[np.int64],
    entries: npt.NDArray[np.int64],
) -> None:
    """Count packets into flows.

    Flows of earlier minutes are closed: a slot that points below `base` is as good as empty, so that the slots in
    use stay as few as one minute needs, in the cache. A minute that comes back begins new, partial rows.
    """
    flows = state[1]
    mask = np.uint64(state[3])
    base = state[4]
    current = state[5]
    minute_start = np.int64(-MINUTE)
    minute = np.int64(0)
    low32 = np.uint64(0xFFFFFFFF)
    for index in range(first, end):
        entry = entries[index - first]
        if entry < 0:
            continue
        when = time[index]
        if when < minute_start or when >= minute_start + MINUTE:
            minute_start = when // MINUTE * MINUTE
            minute = minute_start // MINUTE
            if minute != current:
                current = minute
                base = flows
        who = (entry << 32) | minute
        what = (
            (np.int64(protocol[index]) << 32)
            | (np.int64(port[index] + 1) << 8)
            | (np.int64(traffic[index]) << 4)
            | np.int64(tool[index])
        )
        hashed = _flow_hash(who, what)
        slot = hashed & mask
        tag = hashed & ~low32
        target = mix(target_low[index] ^ mix(target_high[index] ^ salt))
        bit = np.int64(np.uint64(1) << (target & np.uint64(63)))
        while True:
            found = slots[slot]
            flow = np.int64(found & low32) - 1
            if flow < base:
                slots[slot] = tag | np.uint64(flows + 1)
                rows[flows, WHO] = who
                rows[flows, WHAT] = what
                rows[flows, FLOW_PACKETS] = 1
                rows[flows, FLOW_BYTES] = wire[index]
                rows[flows, TARGETS] = bit
                flows += 1
                if 2 * (flows - base) > np.int64(mask):
                    mask = _grow(slots, mask, rows, base, flows, False)
                break
            if (found & ~low32) == tag and rows[flow, WHO] == who and rows[flow, WHAT] == what:
                rows[flow, FLOW_PACKETS] += 1
                rows[flow, FLOW_BYTES] += wire[index]
                rows[flow, TARGETS] |= bit
                break
            slot = (slot + np.uint64(1)) & mask
    state[1] = flows
    state[3] = np.int64(mask)
    state[4] = base
    state[5] = current


@compiled
def _note_ports(first: int, end: int, flow_rows: npt.NDArray[np.int64], ports: npt.NDArray[np.int64]) -> None:
    """Tell the sources of new flows which ports they asked for."""
    for flow in range(first, end):
        what = flow_rows[flow, WHAT]
        port = ((what >> 8) & 0xFFFFFF) - 1
        if port >= 0:
            _keep_smallest(ports, flow_rows[flow, WHO] >> 32, 0, PORTS - 1, ((what >> 32) << 16) | port)


@compiled
def absorb(
    shard: int,
    shards: int,
    fate: npt.NDArray[np.uint8],
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
    sensor: int,
    salt: np.uint64,
    source_slots: npt.NDArray[np.uint64],
    source_rows: npt.NDArray[np.int64],
    source_ports: npt.NDArray[np.int64],
    flow_slots: npt.NDArray[np.uint64],
    flow_rows: npt.NDArray[np.int64],
    state: npt.NDArray[np.int64],
) -> None:
    """Count the inbound packets of one run whose sources are this shard's; `state` says how full the tables are."""
    # One simple loop after another over a block that fits the cache: the processor then waits for many rows at once.
    entries = np.empty(_BLOCK, np.int64)
    for first in range(0, len(fate), _BLOCK):
        end = min(first + _BLOCK, len(fate))
        known = state[1]
        _find_sources(
            first, end, shard, shards, sensor, fate, time, version, source_high, source_low, source_port, ttl,
            source_slots, source_rows, source_ports, state, entries,
        )  # fmt: skip
        _gather_evidence(
            first, end, time, wire, source_port, ttl, traffic, tool, masscan, nmap, unicornscan,
            source_rows, entries,
        )  # fmt: skip
        _count_flows(
            first, end, salt, time, wire, target_high, target_low, protocol, port, traffic, tool,
            flow_slots, flow_rows, state, entries,
        )  # fmt: skip
        _note_ports(known, state[1], flow_rows, source_ports)
