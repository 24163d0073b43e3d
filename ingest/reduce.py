"""Packets to rows: one pass over judged frames that counts flows, evidence about sources, and coverage.

Compiled loops over hash tables of plain arrays. Rows are partial where a table was emptied in between: sameness is
judged after merging, so the rows of a ledger do not depend on how its batches were cut.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from blake3 import blake3

from darkscope.ingest.capture.reader import LONGEST_RUN
from darkscope.ingest.compiled import compiled
from darkscope.ingest.decode.columns import DECODED, IMPLAUSIBLE_TIME, SEALED, Packets
from darkscope.ingest.geo import Places
from darkscope.ingest.rules.judge import Judgements
from darkscope.ingest.rules.tools import NO_NMAP, NO_UNICORNSCAN
from darkscope.ingest.sensors import INBOUND, OUTSIDE
from darkscope.ingest.series import INT64_SET, Rejected, Tool, Traffic

OVERLAP = 3
"""Fate of a frame left out as overlap; 0..2 are its direction (`sensors`)."""
REJECTED = 4
"""Fate of a rejected frame: this + the index of its reason."""
SKIPPED = 255
"""Not looked at: of another interface, or on a day that was not asked for."""
FATES = REJECTED + len(Rejected)
WITHOUT_TIME = REJECTED + IMPLAUSIBLE_TIME - 1

MINUTE = 60 * 1_000_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NO_HOUR = -1

PORTS = 16

# A source's row: its key, what every packet touches (one cache line), then what few packets touch.
_LOW, _HIGH, _PLACE, _PACKETS, _BYTES, _FIRST, _LAST, _SCAN = range(8)
(_SPORT, _TTL, _BACK, _SPOOF, _MIRAI, _ZMAP, _MASSCAN, _NMAP, _NMAP2, _UNICORN, _UNICORN2) = range(8, 19)
_SOURCE_ROW = 24

# A flow's row: its key, then its sums.
_WHO, _WHAT, _FLOW_PACKETS, _FLOW_BYTES, _TARGETS = range(5)
_FLOW_ROW = 5

_BLOCK = 2048
"""Packets that one loop after another goes over."""

MOST_SHARDS = 2
"""Threads that count at once; more would wait for the one that decodes."""

SHORT_RUN = 4096
"""Frames below which starting threads costs more than it brings."""

_SMALL_TABLE = 1 << 12
"""Slots that a hash table starts with; it doubles when half full."""

_BACKSCATTER = list(Traffic).index(Traffic.BACKSCATTER)
_SPOOFABLE = list(Traffic).index(Traffic.SPOOFABLE)
_SCANNING = list(Traffic).index(Traffic.SCAN)
_MIRAI_TOOL = list(Tool).index(Tool.MIRAI)
_ZMAP_TOOL = list(Tool).index(Tool.ZMAP)

_FULL = np.iinfo(np.int64).max


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
            hashed = _source_hash(rows[entry, _LOW], rows[entry, _HIGH], rows[entry, _PLACE])
        else:
            hashed = _flow_hash(rows[entry, _WHO], rows[entry, _WHAT])
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
                for column in range(_NMAP):
                    rows[entry, column] = 0
                for column in range(_NMAP, _UNICORN2 + 1):
                    rows[entry, column] = _FULL
                for column in range(PORTS):
                    ports[entry, column] = _FULL
                rows[entry, _LOW] = low
                rows[entry, _HIGH] = high
                rows[entry, _PLACE] = place
                rows[entry, _FIRST] = when
                rows[entry, _LAST] = when
                rows[entry, _SPORT] = source_port[index]
                rows[entry, _TTL] = ttl[index]
                entries[index - first] = entry
                if 2 * sources > np.int64(mask):
                    mask = _grow(slots, mask, rows, 0, sources, True)
                break
            if (found & ~low32) == tag:
                entry = np.int64(found & low32) - 1
                if rows[entry, _LOW] == low and rows[entry, _HIGH] == high and rows[entry, _PLACE] == place:
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
        rows[entry, _PACKETS] += 1
        rows[entry, _BYTES] += wire[index]
        if when < rows[entry, _FIRST]:
            rows[entry, _FIRST] = when
            rows[entry, _SPORT] = source_port[index]
            rows[entry, _TTL] = ttl[index]
        rows[entry, _LAST] = max(rows[entry, _LAST], when)
        if traffic[index] == _SCANNING:
            rows[entry, _SCAN] += 1
        elif traffic[index] == _BACKSCATTER:
            rows[entry, _BACK] += 1
        elif traffic[index] == _SPOOFABLE:
            rows[entry, _SPOOF] += 1
        if tool[index] == _MIRAI_TOOL:
            rows[entry, _MIRAI] += 1
        elif tool[index] == _ZMAP_TOOL:
            rows[entry, _ZMAP] += 1
        if masscan[index]:
            rows[entry, _MASSCAN] += 1
        if nmap[index] != NO_NMAP:
            _keep_smallest(rows, entry, _NMAP, _NMAP2, nmap[index])
        if unicornscan[index] != NO_UNICORNSCAN:
            _keep_smallest(rows, entry, _UNICORN, _UNICORN2, unicornscan[index])


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
                rows[flows, _WHO] = who
                rows[flows, _WHAT] = what
                rows[flows, _FLOW_PACKETS] = 1
                rows[flows, _FLOW_BYTES] = wire[index]
                rows[flows, _TARGETS] = bit
                flows += 1
                if 2 * (flows - base) > np.int64(mask):
                    mask = _grow(slots, mask, rows, base, flows, False)
                break
            if (found & ~low32) == tag and rows[flow, _WHO] == who and rows[flow, _WHAT] == what:
                rows[flow, _FLOW_PACKETS] += 1
                rows[flow, _FLOW_BYTES] += wire[index]
                rows[flow, _TARGETS] |= bit
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
        what = flow_rows[flow, _WHAT]
        port = ((what >> 8) & 0xFFFFFF) - 1
        if port >= 0:
            _keep_smallest(ports, flow_rows[flow, _WHO] >> 32, 0, PORTS - 1, ((what >> 32) << 16) | port)


@compiled
def _absorb(
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
    # One simple loop after another over a block that fits the cache: the processor then waits for many rows at
    # once. A single loop over all of it measured four times slower.
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


@compiled
def decide(
    fate: npt.NDArray[np.uint8],
    outcome: npt.NDArray[np.uint8],
    direction: npt.NDArray[np.uint8],
    interface: npt.NDArray[np.int32],
    wanted: int,
    time: npt.NDArray[np.int64],
    since: int,
    until: int,
    taken: npt.NDArray[np.int64],
    sealed: npt.NDArray[np.int64],
    asked: npt.NDArray[np.int64],
    everything: bool,
) -> None:
    """Decide what becomes of each frame of the wanted interface, by the first of these that holds.

    Its time is not plausible; its day is not among those asked for (unless everything is); another capture of the
    point has its time; its day is sealed; decoding rejected it; its direction. `taken` has rows of first and last
    nanosecond, sorted, without overlap; `sealed` and `asked` are sorted UTC days since 1970.
    """
    day_start = np.int64(-DAY)
    is_asked = is_sealed = False
    for index in range(len(fate)):
        if interface[index] != wanted:
            fate[index] = SKIPPED
            continue
        when = time[index]
        if when < since or when >= until or direction[index] == OUTSIDE:
            fate[index] = WITHOUT_TIME if everything else SKIPPED
            continue
        if when < day_start or when >= day_start + DAY:
            day_start = when // DAY * DAY
            is_asked = everything or _holds(asked, day_start // DAY)
            is_sealed = _holds(sealed, day_start // DAY)
        if not is_asked:
            fate[index] = SKIPPED
            continue
        if len(taken):
            place = np.searchsorted(taken[:, 0], when, side="right") - 1
            if place >= 0 and when <= taken[place, 1]:
                fate[index] = OVERLAP
                continue
        if is_sealed:
            fate[index] = REJECTED + SEALED - 1
        elif outcome[index] != DECODED:
            fate[index] = REJECTED + outcome[index] - 1
        else:
            fate[index] = direction[index]


@compiled
def _holds(days: npt.NDArray[np.int64], day: int) -> bool:
    place = np.searchsorted(days, day)
    return bool(place < len(days) and days[place] == day)


@compiled
def _stretches(
    fate: npt.NDArray[np.uint8],
    time: npt.NDArray[np.int64],
    hours: npt.NDArray[np.int64],
    low: npt.NDArray[np.int64],
    high: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
) -> int:
    runs = 0
    hour_start = np.int64(-HOUR)
    for index in range(len(fate)):
        what = fate[index]
        if what == SKIPPED:
            continue
        hour = np.int64(NO_HOUR)
        when = np.int64(0)
        if what != WITHOUT_TIME:
            when = time[index]
            if when < hour_start or when >= hour_start + HOUR:
                hour_start = when // HOUR * HOUR
            hour = (
                hour_start // HOUR if runs == 0 or hours[runs - 1] * HOUR != hour_start else hours[runs - 1]
            )
        if runs == 0 or hours[runs - 1] != hour:
            hours[runs] = hour
            low[runs] = when
            high[runs] = when
            counts[runs, :] = 0
            runs += 1
        run = runs - 1
        low[run] = min(low[run], when)
        high[run] = max(high[run], when)
        counts[run, what] += 1
    return runs


@dataclass(slots=True)
class Hour:
    """What came of the frames of one hour."""

    low: int  # earliest time, nanoseconds since 1970
    high: int  # latest
    counts: npt.NDArray[np.int64]  # frames by fate, (FATES,)


def count_hours(hours: dict[int, Hour], fate: npt.NDArray[np.uint8], time: npt.NDArray[np.int64]) -> None:
    """Count fates by the hour; frames without a believable time stand at NO_HOUR."""
    space = len(fate)
    found, low, high = (np.empty(space, np.int64) for _ in range(3))
    counts = np.empty((space, FATES), np.int64)
    for run in range(_stretches(fate, time, found, low, high, counts)):
        known = hours.get(int(found[run]))
        if known is None:
            hours[int(found[run])] = Hour(int(low[run]), int(high[run]), counts[run].copy())
        else:
            known.low = min(known.low, int(low[run]))
            known.high = max(known.high, int(high[run]))
            known.counts += counts[run]


def note_hours(hours: dict[int, Hour], time: npt.NDArray[np.int64]) -> None:
    """Note in which hours there were frames, without counting any."""
    for hour in np.unique(time // HOUR).tolist():
        within = time[time // HOUR == hour]
        low, high = int(within.min()), int(within.max())
        known = hours.setdefault(hour, Hour(low, high, np.zeros(FATES, np.int64)))
        known.low, known.high = min(known.low, low), max(known.high, high)


class _Shard:
    """The tables of one share of the sources."""

    def __init__(self, space: int) -> None:
        slots = 1 << (2 * space).bit_length()
        self.source_slots = np.zeros(slots, np.uint64)
        self.source_rows = np.empty((space, _SOURCE_ROW), np.int64)
        self.source_ports = np.empty((space, PORTS), np.int64)
        self.flow_slots = np.zeros(slots, np.uint64)
        self.flow_rows = np.empty((space, _FLOW_ROW), np.int64)
        # Sources, flows, the masks of both slot arrays, the first flow of the minute, the minute.
        self.state = np.array([0, 0, _SMALL_TABLE - 1, _SMALL_TABLE - 1, 0, 0], np.int64)

    def empty(self) -> None:
        self.source_slots[: int(self.state[2]) + 1] = 0
        self.flow_slots[: int(self.state[3]) + 1] = 0
        self.state[:] = [0, 0, _SMALL_TABLE - 1, _SMALL_TABLE - 1, 0, 0]

    def rows(self, sensors: list[str], places: Places) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Rows of `flows` and of `sources`, both with their `day`."""
        sources, flows = int(self.state[0]), int(self.state[1])
        # Columns copied in one go: a row-wise array read column by column misses the cache at every value.
        # Not `ascontiguousarray`: a single row is contiguous as it is, and would stay a view of what is emptied.
        of_source = self.source_rows[:sources].T.copy(order="C")
        of_flow = self.flow_rows[:flows].T.copy(order="C")
        place = of_source[_PLACE]
        day, version = place >> 32, (place & 0xFF).astype(np.int16)
        sensor = pl.Series(sensors, dtype=pl.String).gather((place >> 8) & 0xFFFFFF)
        low, high = of_source[_LOW], of_source[_HIGH]
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
                "packets": of_source[_PACKETS],
                "bytes": of_source[_BYTES],
                "first": of_source[_FIRST],
                "last": of_source[_LAST],
                "source_port": of_source[_SPORT],
                "ttl": of_source[_TTL],
                "scan": of_source[_SCAN],
                "backscatter": of_source[_BACK],
                "spoofable": of_source[_SPOOF],
                "mirai": of_source[_MIRAI],
                "zmap": of_source[_ZMAP],
                "masscan": of_source[_MASSCAN],
                "nmap": _sets(self.source_rows[:sources, _NMAP : _NMAP2 + 1]),
                "unicornscan": _sets(self.source_rows[:sources, _UNICORN : _UNICORN2 + 1]),
                "ports": _sets(self.source_ports[:sources]),
            }
        ).with_columns(offered=_NO_MARKS, completed=_NO_MARKS)
        who, what = of_flow[_WHO], of_flow[_WHAT]
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
                "packets": of_flow[_FLOW_PACKETS],
                "bytes": of_flow[_FLOW_BYTES],
                "targets": of_flow[_TARGETS],
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
            _absorb(
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
    sizes = (rows != _FULL).sum(axis=1)
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
