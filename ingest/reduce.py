"""Packets to rows: one pass over judged frames that counts flows, evidence about sources, and coverage.

Compiled loops over hash tables of plain arrays. Rows are partial where a table was emptied in between: sameness is
judged after merging, so the rows of a ledger do not depend on how its batches were cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from darkscope.ingest.compiled import compiled
from darkscope.ingest.decode.columns import DECODED, IMPLAUSIBLE_TIME, SEALED, Packets
from darkscope.ingest.geo import Places
from darkscope.ingest.rules.judge import Judgements
from darkscope.ingest.rules.tools import NO_NMAP, NO_UNICORNSCAN
from darkscope.ingest.sensors import OUTSIDE
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
    """The row of each packet's source on its day, made where it is new."""
    sources = state[0]
    mask = np.uint64(state[2])
    low32 = np.uint64(0xFFFFFFFF)
    for index in range(first, end):
        if fate[index] != 0:
            continue
        place = ((time[index] // 86_400_000_000_000) << 32) | (sensor << 8) | np.int64(version[index])
        high = np.int64(source_high[index])
        low = np.int64(source_low[index])
        hashed = _source_hash(low, high, place)
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
                rows[entry, _FIRST] = time[index]
                rows[entry, _LAST] = time[index]
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
    fate: npt.NDArray[np.uint8],
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
        if fate[index] != 0:
            continue
        entry = entries[index - first]
        when = time[index]
        rows[entry, _PACKETS] += 1
        rows[entry, _BYTES] += wire[index]
        if when < rows[entry, _FIRST]:
            rows[entry, _FIRST] = when
            rows[entry, _SPORT] = source_port[index]
            rows[entry, _TTL] = ttl[index]
        if when > rows[entry, _LAST]:
            rows[entry, _LAST] = when
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
    sensor: int,
    fate: npt.NDArray[np.uint8],
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
    low32 = np.uint64(0xFFFFFFFF)
    for index in range(first, end):
        if fate[index] != 0:
            continue
        minute = time[index] // 60_000_000_000
        if minute != current:
            current = minute
            base = flows
        who = (entries[index - first] << 32) | minute
        what = (
            (np.int64(protocol[index]) << 32)
            | (np.int64(port[index] + 1) << 8)
            | (np.int64(traffic[index]) << 4)
            | np.int64(tool[index])
        )
        hashed = _flow_hash(who, what)
        slot = hashed & mask
        tag = hashed & ~low32
        target = mix(target_low[index] ^ mix(target_high[index] ^ np.uint64(sensor)))
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
            first, end, sensor, fate, time, version, source_high, source_low, source_port, ttl,
            source_slots, source_rows, source_ports, state, entries,
        )  # fmt: skip
        _gather_evidence(
            first, end, fate, time, wire, source_port, ttl, traffic, tool, masscan, nmap, unicornscan,
            source_rows, entries,
        )  # fmt: skip
        _count_flows(
            first, end, sensor, fate, time, wire, target_high, target_low, protocol, port, traffic, tool,
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
    for index in range(len(fate)):
        if interface[index] != wanted:
            fate[index] = SKIPPED
            continue
        when = time[index]
        if when < since or when >= until or direction[index] == OUTSIDE:
            fate[index] = WITHOUT_TIME if everything else SKIPPED
            continue
        day = when // 86_400_000_000_000
        if not everything and not _holds(asked, day):
            fate[index] = SKIPPED
            continue
        if len(taken):
            place = np.searchsorted(taken[:, 0], when, side="right") - 1
            if place >= 0 and when <= taken[place, 1]:
                fate[index] = OVERLAP
                continue
        if _holds(sealed, day):
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
    for index in range(len(fate)):
        what = fate[index]
        if what == SKIPPED:
            continue
        hour = np.int64(NO_HOUR)
        when = np.int64(0)
        if what != WITHOUT_TIME:
            when = time[index]
            hour = when // 3_600_000_000_000
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


class Reduction:
    """Rows of flows and sources in the making. Fixed memory: emptied before it overflows."""

    def __init__(self, flows: int = 1_000_000, run: int = 1 << 19) -> None:
        """Room for so many flows, and for the frames of the longest run beside them."""
        self._room = flows
        space = flows + run
        slots = 1 << (2 * space).bit_length()
        self._source_slots = np.zeros(slots, np.uint64)
        self._source_rows = np.empty((space, _SOURCE_ROW), np.int64)
        self._source_ports = np.empty((space, PORTS), np.int64)
        self._flow_slots = np.zeros(slots, np.uint64)
        self._flow_rows = np.empty((space, _FLOW_ROW), np.int64)
        self._state = np.zeros(
            6, np.int64
        )  # sources, flows, masks of the slots, first flow of the minute, minute
        self._state[2:4] = _SMALL_TABLE - 1
        self._sensors: dict[str, int] = {}

    def __len__(self) -> int:
        return int(self._state[1])

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
        _absorb(
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
            self._sensors.setdefault(sensor, len(self._sensors)),
            self._source_slots,
            self._source_rows,
            self._source_ports,
            self._flow_slots,
            self._flow_rows,
            self._state,
        )

    def take(self, places: Places) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Rows of `flows` and of `sources`, both with their `day`; afterwards there are none."""
        sources, flows = int(self._state[0]), int(self._state[1])
        rows = self._source_rows[:sources]
        place = rows[:, _PLACE]
        day, version = place >> 32, (place & 0xFF).astype(np.int16)
        sensors = pl.Series(list(self._sensors), dtype=pl.String).gather((place >> 8) & 0xFFFFFF)
        low, high = rows[:, _LOW].copy(), rows[:, _HIGH].copy()
        country, asn = _place_sources(places, day, version, high, low)
        frame = pl.DataFrame(
            {
                "day": _dates(day),
                "sensor": sensors,
                "version": version,
                "source_high": high,
                "source_low": low,
                "country": country,
                "asn": asn,
                "packets": rows[:, _PACKETS].copy(),
                "bytes": rows[:, _BYTES].copy(),
                "first": rows[:, _FIRST].copy(),
                "last": rows[:, _LAST].copy(),
                "source_port": rows[:, _SPORT].copy(),
                "ttl": rows[:, _TTL].copy(),
                "scan": rows[:, _SCAN].copy(),
                "backscatter": rows[:, _BACK].copy(),
                "spoofable": rows[:, _SPOOF].copy(),
                "mirai": rows[:, _MIRAI].copy(),
                "zmap": rows[:, _ZMAP].copy(),
                "masscan": rows[:, _MASSCAN].copy(),
                "nmap": _sets(rows[:, _NMAP : _NMAP2 + 1]),
                "unicornscan": _sets(rows[:, _UNICORN : _UNICORN2 + 1]),
                "ports": _sets(self._source_ports[:sources]),
            }
        ).with_columns(offered=_NO_MARKS, completed=_NO_MARKS)
        who, what = self._flow_rows[:flows, _WHO], self._flow_rows[:flows, _WHAT]
        entry = who >> 32
        minute = who & 0xFFFFFFFF
        counted = pl.DataFrame(
            {
                "day": _dates(day[entry]),
                "minute": minute.astype(np.int32),
                "sensor": sensors.gather(entry),
                "version": version[entry],
                "source_high": high[entry],
                "source_low": low[entry],
                "protocol": (what >> 32).astype(np.int16),
                "port": (((what >> 8) & 0xFFFFFF) - 1).astype(np.int32),
                "class": _TRAFFIC.gather((what >> 4) & 0xF),
                "tool": _TOOLS.gather(what & 0xF),
                "country": country.gather(entry),
                "asn": asn[entry],
                "packets": self._flow_rows[:flows, _FLOW_PACKETS].copy(),
                "bytes": self._flow_rows[:flows, _FLOW_BYTES].copy(),
                "targets": self._flow_rows[:flows, _TARGETS].copy(),
            }
        )
        self._forget()
        return counted, frame

    def _forget(self) -> None:
        self._source_slots[: int(self._state[2]) + 1] = 0
        self._flow_slots[: int(self._state[3]) + 1] = 0
        self._state[:] = 0
        self._state[2:4] = _SMALL_TABLE - 1
        self._sensors.clear()


_NO_MARKS = pl.lit([], INT64_SET)  # handshakes come as rows of their own
_TRAFFIC = pl.Series([str(value) for value in Traffic], dtype=pl.String)
_TOOLS = pl.Series([str(value) for value in Tool], dtype=pl.String)


def _dates(day: npt.NDArray[np.int64]) -> pl.Series:
    return pl.Series(day.astype(np.int32), dtype=pl.Int32).cast(pl.Date)


def _sets(rows: npt.NDArray[np.int64]) -> pl.Series:
    """Rows of sorted members, padded with the largest int64, as lists without the padding."""
    kept = rows != _FULL
    sizes = kept.sum(axis=1)
    members = pl.DataFrame(
        {"row": np.repeat(np.arange(len(rows), dtype=np.int64), sizes), "member": rows[kept]},
        schema={"row": pl.Int64, "member": pl.Int64},
    )
    lists = members.group_by("row", maintain_order=True).agg("member")
    every = pl.DataFrame({"row": np.arange(len(rows), dtype=np.int64)}, schema={"row": pl.Int64})
    filled = every.join(lists, on="row", how="left", maintain_order="left")["member"]
    return filled.fill_null(pl.Series([[]], dtype=pl.List(pl.Int64)))


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
