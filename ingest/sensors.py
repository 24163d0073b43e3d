"""Whose capture it is, and which of its packets were sent to the sensor.

Built from settings; pure: paths are compared as text, no file is opened. Addresses that a sensor watches stay
in here: they are compared, counted, never handed out.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from darkscope.ingest.capture.frames import NO_TIME
from darkscope.ingest.compiled import compiled
from darkscope.ingest.decode.columns import Packets
from darkscope.ingest.settings import Kind, SensorEntry, Settings
from darkscope.ingest.values import Network

INBOUND, OWN, STRAY, OUTSIDE = 0, 1, 2, 3
"""Direction of a packet: sent to the sensor, by the sensor, to others; or when no entry of it holds."""

FIRST_TIME, LAST_TIME = NO_TIME + 1, int(np.iinfo(np.int64).max)
"""Bounds of a sensor without dates, nanoseconds since 1970. A frame without a time lies outside."""

STANDARD_INPUT = "-"

Addresses = npt.NDArray[np.uint64]


class SensorError(Exception):
    """A capture whose sensor cannot be told; the text names the capture."""


class UnknownSensorError(SensorError):
    """No sensor of the settings has this capture, and `ingest.unknown_sensors` is `refused`."""


class AmbiguousSensorError(SensorError):
    """Several sensors of the settings have this capture."""


@dataclass(frozen=True, slots=True)
class Watched:
    """Addresses as sorted ranges that neither touch nor overlap; ends are included."""

    start: Addresses  # IPv4
    end: Addresses
    start_high: Addresses  # IPv6
    start_low: Addresses
    end_high: Addresses
    end_low: Addresses

    @classmethod
    def of(cls, networks: Iterable[Network]) -> Watched:
        """Sort and merge prefixes."""
        networks = list(networks)
        four = _ranges(collapse_addresses([one for one in networks if isinstance(one, IPv4Network)]))
        six = _ranges(collapse_addresses([one for one in networks if isinstance(one, IPv6Network)]))
        mask = (1 << 64) - 1

        def column(values: Iterable[int]) -> Addresses:
            return np.array(list(values), np.uint64)

        return cls(
            start=column(start for start, _ in four),
            end=column(end for _, end in four),
            start_high=column(start >> 64 for start, _ in six),
            start_low=column(start & mask for start, _ in six),
            end_high=column(end >> 64 for _, end in six),
            end_low=column(end & mask for _, end in six),
        )

    @property
    def is_everything(self) -> bool:
        """Whether no addresses are known, so that every packet counts as sent to the sensor."""
        return not len(self.start) and not len(self.start_high)

    @property
    def addresses(self) -> int:
        """How many IPv4 addresses."""
        return int((self.end - self.start).sum()) + len(self.start)

    @property
    def subnets(self) -> int:
        """How many IPv6 networks of 64 bits, begun ones included; at most 2^63 - 1."""
        return min(int((self.end_high - self.start_high).sum()) + len(self.start_high), (1 << 63) - 1)


def _ranges(networks: Iterable[IPv4Network | IPv6Network]) -> list[tuple[int, int]]:
    """Turn collapsed prefixes into ranges, joined where they touch."""
    ranges: list[tuple[int, int]] = []
    for network in networks:
        start, end = int(network.network_address), int(network.broadcast_address)
        if ranges and ranges[-1][1] + 1 == start:
            ranges[-1] = ranges[-1][0], end
        else:
            ranges.append((start, end))
    return ranges


@dataclass(frozen=True, slots=True)
class Entry:
    """What holds for a sensor over some time."""

    since: int  # nanoseconds since 1970, included
    until: int  # nanoseconds since 1970, excluded
    name: str
    organisation: str
    kind: Kind
    home: bool
    country: str  # ISO 3166-1 alpha-2; ZZ unknown
    watched: Watched


@dataclass(frozen=True, slots=True)
class Sensor:
    """One sensor, with all that was ever said of it."""

    id: str
    entries: tuple[Entry, ...]  # by time, without overlap, at least one
    is_known: bool  # whether the settings have it

    @property
    def is_honeypot(self) -> bool:
        """Whether it answers, or did at some time."""
        return any(entry.kind is Kind.HONEYPOT for entry in self.entries)

    def direction(self, packets: Packets, time: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """INBOUND, OWN, STRAY or OUTSIDE for each packet; `time` in nanoseconds since 1970.

        A packet from a watched address is the sensor's own, also when it goes to another address it watches;
        one that claims to come from the very address it is sent to (the LAND attack) is inbound. Entries of
        frames that were not decoded mean nothing.
        """
        result = np.full(len(packets), OUTSIDE, np.uint8)
        for entry in self.entries:
            watched = entry.watched
            _direct(
                packets.version,
                packets.source_high,
                packets.source_low,
                packets.target_high,
                packets.target_low,
                time,
                entry.since,
                entry.until,
                watched.start,
                watched.end,
                watched.start_high,
                watched.start_low,
                watched.end_high,
                watched.end_low,
                result,
            )
        return result


@compiled
def _holds_four(address: np.uint64, start: Addresses, end: Addresses) -> bool:
    """Whether one of the sorted ranges has the IPv4 address."""
    if len(start) == 0 or address < start[0] or address > end[-1]:
        return False
    below, above = 0, len(start)
    # The range at `below` starts at or before the address, the one at `above` after it.
    while above - below > 1:
        middle = (below + above) // 2
        if start[middle] <= address:
            below = middle
        else:
            above = middle
    return bool(address <= end[below])


@compiled
def _holds_six(
    high: np.uint64,
    low: np.uint64,
    start_high: Addresses,
    start_low: Addresses,
    end_high: Addresses,
    end_low: Addresses,
) -> bool:
    """Whether one of the sorted ranges has the IPv6 address."""
    below, above = -1, len(start_high)
    while above - below > 1:  # as for IPv4, but no range may start before the address
        middle = (below + above) // 2
        if start_high[middle] < high or (start_high[middle] == high and start_low[middle] <= low):
            below = middle
        else:
            above = middle
    return below >= 0 and bool(high < end_high[below] or (high == end_high[below] and low <= end_low[below]))


@compiled
def _direct(
    version: npt.NDArray[np.uint8],
    source_high: Addresses,
    source_low: Addresses,
    target_high: Addresses,
    target_low: Addresses,
    time: npt.NDArray[np.int64],
    since: int,
    until: int,
    start: Addresses,
    end: Addresses,
    start_high: Addresses,
    start_low: Addresses,
    end_high: Addresses,
    end_low: Addresses,
    result: npt.NDArray[np.uint8],
) -> None:
    """Fill in the direction of the packets between two times; leave the others alone."""
    is_everything = len(start) == 0 and len(start_high) == 0
    for index in range(len(version)):
        if time[index] < since or time[index] >= until:
            continue
        if is_everything:
            result[index] = INBOUND
            continue
        if version[index] == 4:
            source, target = source_low[index], target_low[index]
            is_same = source == target
            is_from = _holds_four(source, start, end)
            is_to = _holds_four(target, start, end)
        else:
            high, low, to_high, to_low = (
                source_high[index],
                source_low[index],
                target_high[index],
                target_low[index],
            )
            is_same = high == to_high and low == to_low
            is_from = _holds_six(high, low, start_high, start_low, end_high, end_low)
            is_to = _holds_six(to_high, to_low, start_high, start_low, end_high, end_low)
        if is_from and not is_same:
            result[index] = OWN
        elif is_to:
            result[index] = INBOUND
        else:
            result[index] = STRAY


class Sensors:
    """All sensors of the settings, and the rule for those that are not there."""

    def __init__(self, settings: Settings) -> None:
        self._refuse = settings.ingest.unknown_sensors == "refused"
        self._settings = settings.sensors
        entries: dict[str, list[Entry]] = {}
        for entry in settings.sensors:
            entries.setdefault(entry.id, []).append(_entry(entry))
        self._sensors = {
            id_: Sensor(id_, tuple(sorted(of_id, key=lambda entry: entry.since)), is_known=True)
            for id_, of_id in entries.items()
        }
        self._patterns = [(entry, [_pattern(text) for text in entry.captures]) for entry in settings.sensors]

    def __iter__(self) -> Iterator[Sensor]:
        """Go through the sensors of the settings."""
        return iter(self._sensors.values())

    def of_id(self, id_: str) -> Sensor:
        """Give a sensor by its id; one that the settings lack is a telescope at home, without networks."""
        known = self._sensors.get(id_)
        return known or Sensor(id_, (_entry(SensorEntry(id=id_)),), is_known=False)

    def of_capture(self, path: str, interface: str = "") -> Sensor:
        """Tell the sensor that a capture, or one interface of it, belongs to.

        1. The one with an entry whose `captures` match the path and whose `interfaces`, where it has any,
           name the interface. Several such sensors: AmbiguousSensorError.
        2. The one whose id is the name of a folder above the capture, the nearest such folder.
        3. By `ingest.unknown_sensors`: UnknownSensorError, or one named by the nearest folder above that has
           a letter in its name (a folder per day names no sensor), or by the file where there is none.

        The answer is the same from every working folder. An address in object storage is a path whose topmost folder
        is the bucket. Standard input, the path `-`, has no folder; where no
        pattern is `-` it is called `stdin`.
        """
        found = [
            entry.id
            for entry in self._matching(path)
            if not entry.interfaces or interface in entry.interfaces
        ]
        return self._only(found, path) if found else self._of_folder(path)

    def that_may_have(self, path: str) -> frozenset[str]:
        """Ids of all sensors that a capture can belong to, or an interface of it, whatever these are called."""
        matching = self._matching(path)
        ids = {entry.id for entry in matching}
        if all(entry.interfaces for entry in matching):
            with suppress(SensorError):
                ids.add(self._of_folder(path).id)
        return frozenset(ids)

    def _matching(self, path: str) -> list[SensorEntry]:
        """Entries of which a pattern matches a path."""
        absolute = _absolute(path)
        return [entry for entry, patterns in self._patterns if any(one.match(absolute) for one in patterns)]

    def _of_folder(self, path: str) -> Sensor:
        """Tell the sensor by the folders above a capture. Raises UnknownSensorError."""
        if path == STANDARD_INPUT:
            return self._unknown("standard input", "stdin")
        absolute = _absolute(path)
        capture = Path(absolute.partition("://")[2] if _is_address(path) else absolute)
        folders = [folder.name for folder in capture.parents]
        for folder in folders:
            if folder in self._sensors:
                return self._sensors[folder]
        naming = (folder for folder in folders if any(letter.isalpha() for letter in folder))
        return self._unknown(path, next(naming, capture.name.split(".")[0]))

    def of_interface(self, interface: str) -> Sensor:
        """Tell the sensor of a live interface: by `interfaces`, else unknown and, if so set, named by it."""
        found = [entry.id for entry in self._settings if interface in entry.interfaces]
        return self._only(found, interface) if found else self._unknown(interface, interface)

    def _only(self, ids: list[str], what: str) -> Sensor:
        if len(set(ids)) > 1:
            raise AmbiguousSensorError(f"{what}: belongs to several sensors: {', '.join(sorted(set(ids)))}")
        return self._sensors[ids[0]]

    def _unknown(self, what: str, name: str) -> Sensor:
        id_ = re.sub(r"[^\w.-]", "-", name).lstrip(".-")[:64] or "unnamed"
        if self._refuse and id_ not in self._sensors:
            raise UnknownSensorError(f"{what}: of no sensor in the settings, and unknown ones are refused")
        return self.of_id(id_)

    def table(self, also: Iterable[str] = ()) -> pl.DataFrame:
        """List the entries of each sensor, and one for each further id that the settings do not have.

        `addresses` are IPv4 addresses watched, `subnets` IPv6 networks of 64 bits; `since` is included,
        `until` is not; null is open.
        """
        unknown = [SensorEntry(id=id_) for id_ in sorted(set(also) - self._sensors.keys())]
        rows = []
        for entry in (*self._settings, *unknown):
            watched = Watched.of(entry.networks)
            rows.append(
                (
                    entry.id,
                    entry.name or entry.id,
                    entry.organisation,
                    entry.kind.value,
                    entry.home,
                    entry.country,
                    watched.addresses,
                    watched.subnets,
                    entry.since,
                    entry.until,
                )
            )
        return pl.DataFrame(rows, schema=TABLE, orient="row")


TABLE = {
    "id": pl.String(),
    "name": pl.String(),
    "organisation": pl.String(),
    "kind": pl.String(),
    "home": pl.Boolean(),
    "country": pl.String(),
    "addresses": pl.Int64(),
    "subnets": pl.Int64(),
    "since": pl.Date(),
    "until": pl.Date(),
}


def _entry(entry: SensorEntry) -> Entry:
    return Entry(
        since=FIRST_TIME if entry.since is None else _nanoseconds(entry.since),
        until=LAST_TIME if entry.until is None else _nanoseconds(entry.until),
        name=entry.name or entry.id,
        organisation=entry.organisation,
        kind=entry.kind,
        home=entry.home,
        country=entry.country,
        watched=Watched.of(entry.networks),
    )


def _nanoseconds(day: date) -> int:
    """Time at which a UTC day begins, kept within 64 bits."""
    seconds = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    return min(max(seconds * 1_000_000_000, FIRST_TIME), LAST_TIME)


def _absolute(path: str) -> str:
    """The same from every working folder; addresses and standard input are so."""
    is_absolute = path == STANDARD_INPUT or _is_address(path)
    return path if is_absolute else os.path.normpath(Path(path).absolute())


def _is_address(text: str) -> bool:
    """Whether it is an address in object storage."""
    return "://" in text


def _pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern: as a shell's, but `*` also crosses folders; a relative one matches a path's tail."""
    if _is_address(text):
        return re.compile(fnmatch.translate(text))
    path = os.path.normpath(Path(text).expanduser())
    return re.compile(("" if path.startswith("/") else "(?:.*/)?") + fnmatch.translate(path))
