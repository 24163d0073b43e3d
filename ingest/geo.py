"""Country and owner of sources, by the databases that were valid on the day of the capture; who of them does research.

In: MMDB files and their validity dates from settings, the list of research scanners; addresses as two 64-bit halves.
Out: ISO 3166-1 alpha-2 codes and AS numbers. A database is read into memory once, so that whoever overwrites its file
in place disturbs nothing; a changed file is taken up by `refresh`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Self, TypeVar

import maxminddb
import numpy as np
import numpy.typing as npt
import polars as pl
from maxminddb.decoder import Decoder

from darkscope.ingest.compiled import compiled
from darkscope.ingest.research import Research, ResearchError
from darkscope.ingest.series import EPOCH
from darkscope.ingest.settings import Database as DatabaseSetting
from darkscope.ingest.settings import Geo

SHIPPED = Path(__file__).parent / "data" / "country.mmdb"
"""The country database that is used where the settings name none."""

UNKNOWN = "ZZ"

_SEPARATOR = 16
"""Zero bytes between search tree and data (MaxMind DB format 2.0)."""

_SAMPLED_NODES, _SAMPLED_RECORDS = 100_000, 1_000
"""How much of a new file is searched for a shape that is known here."""

_BROKEN = (maxminddb.InvalidDatabaseError, ValueError, TypeError, LookupError, ArithmeticError, struct.error)
"""What reading a damaged file raises. The C reader does worse, it crashes: hence the one in Python."""

_ALIASES = {"UK": "GB"}
_NO_COUNTRIES = frozenset({"AP", "EU", "XX"})
"""Codes that registries use for regions and for what they do not know."""

_BOGONS = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
)
"""IPv4 addresses that nobody can have (RFC 6890 and IANA's special-purpose registry), in order."""

_BOGON_STARTS = np.array([int(ip_network(bogon).network_address) for bogon in _BOGONS], np.uint64)
_BOGON_ENDS = np.array([int(ip_network(bogon).broadcast_address) for bogon in _BOGONS], np.uint64)

_DOCUMENTATION = (0x20010DB8 << 32, 0x20010DB9 << 32), (0x3FFF << 48, (0x3FFF << 48) + (1 << 44))
"""2001:db8::/32 (RFC 3849) and 3fff::/20 (RFC 9637), upper halves; the rest of 2000::/3 is global unicast."""

_CODES = pl.Series(
    "country",
    [chr(65 + first) + chr(65 + second) for first in range(26) for second in range(26)],
    pl.String,
)
_UNKNOWN_CODE = len(_CODES) - 1

Halves = npt.NDArray[np.uint64]
Sources = npt.NDArray[np.uint64] | npt.NDArray[np.int64]


class GeoError(Exception):
    """A database that cannot be used; the text names the file."""


def country_of(record: object) -> str:
    """Read the country out of a record of any known shape; empty where it has none.

    GeoLite2 and DB-IP: `country.iso_code`; ip-location-db and IPinfo: `country_code`; IPinfo: `country`.
    """
    if not isinstance(record, dict):
        return ""
    country = record.get("country")
    code = record.get("country_code") or (country.get("iso_code") if isinstance(country, dict) else country)
    if not isinstance(code, str) or not re.fullmatch(r"[A-Za-z]{2}", code):
        return ""
    code = code.upper()
    return "" if code in _NO_COUNTRIES else _ALIASES.get(code, code)


def owner_of(record: object) -> int:
    """Read the AS number out of a record of any known shape; 0 where it has none.

    GeoLite2, DB-IP and ip-location-db: `autonomous_system_number`; IPinfo: `asn`, a number or `AS64496`.
    """
    if not isinstance(record, dict):
        return 0
    number = record.get("autonomous_system_number") or record.get("asn")
    if isinstance(number, str) and re.fullmatch(r"(AS)?[0-9]{1,10}", number, re.IGNORECASE):
        number = int(number.upper().removeprefix("AS"))
    return number if isinstance(number, int) and 0 < number < 1 << 32 else 0


def _code(record: object) -> int:
    """Read the country as its place in `_CODES`."""
    country = country_of(record)
    return (ord(country[0]) - 65) * 26 + ord(country[1]) - 65 if country else _UNKNOWN_CODE


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a database."""

    key: str  # of the settings that name the databases
    name: str
    fields: str
    value: Callable[[object], int]
    unknown: int


COUNTRY = Question("geo.country", "country", "country.iso_code, country_code, country", _code, _UNKNOWN_CODE)
OWNER = Question("geo.owner", "owner", "autonomous_system_number, asn", owner_of, 0)


class Database:
    """One MMDB in memory. Raises GeoError where the file cannot be used."""

    def __init__(self, path: Path, question: Question) -> None:
        self.path = path
        self._question = question
        try:
            self.stamp: tuple[int, ...] = _stamp(path)
            with path.open("rb") as file, maxminddb.open_database(file, maxminddb.MODE_FD) as reader:
                metadata = reader.metadata()
                file.seek(0)
                content = file.read()
            self.type = str(metadata.database_type)
            self.built = datetime.fromtimestamp(metadata.build_epoch, UTC).date()
            self._nodes, self._record_bits = metadata.node_count, metadata.record_size
            self._tree_bytes = self._nodes * self._record_bits // 4
            if metadata.ip_version not in {4, 6}:
                raise ValueError(f"its tree is of IP version {metadata.ip_version}")
            self._has_ipv6 = metadata.ip_version == 6
            self._content = np.frombuffer(content, np.uint8)
            self._decoder = Decoder(content, self._tree_bytes + _SEPARATOR)
            records = [self._decoder.decode(self._tree_bytes + place)[0] for place in self._sample()]
        except OSError as error:
            raise GeoError(f"{path}: cannot be read: {error.strerror or error}") from error
        except _BROKEN as error:
            raise GeoError(f"{path}: is no MMDB, or a broken one: {error}") from error
        if all(question.value(record) == question.unknown for record in records):
            keys = sorted({str(key) for record in records if isinstance(record, dict) for key in record})
            raise GeoError(
                f"{path}: gives no {question.name}: its records have {', '.join(keys) or 'nothing'}, "
                f"but none of {question.fields}"
            )
        self._ipv4_start = 0
        if self._has_ipv6:
            zero = np.zeros(1, np.uint64)
            self._ipv4_start = int(self._walk(zero, zero, 0, 0, 96)[0]) + self._nodes
        self._answers: dict[int, int] = {0: question.unknown}  # by the record's place

    def four(self, addresses: Halves) -> npt.NDArray[np.uint32]:
        """Answer for IPv4 addresses."""
        return self._read(self._walk(addresses, addresses, self._ipv4_start, 96, 128))

    def six(self, high: Halves, low: Halves) -> npt.NDArray[np.uint32]:
        """Answer for IPv6 addresses."""
        if not self._has_ipv6:
            return np.full(len(high), self._question.unknown, np.uint32)
        return self._read(self._walk(high, low, 0, 0, 128))

    def _sample(self) -> list[int]:
        """Find places of records, spread over the search tree."""
        tree = self._content[: self._tree_bytes].reshape(self._nodes, -1)
        node = tree[:: max(1, self._nodes // _SAMPLED_NODES)].astype(np.int64)
        record = self._record_bits // 8
        left, right = np.zeros(len(node), np.int64), np.zeros(len(node), np.int64)
        for byte in range(record):
            left = left << 8 | node[:, byte]
            right = right << 8 | node[:, byte - record]
        if self._record_bits == 28:
            left |= (node[:, 3] >> 4) << 24
            right |= (node[:, 3] & 15) << 24
        places = np.unique(np.concatenate((left, right))) - self._nodes
        return [int(place) for place in places[places > 0][:_SAMPLED_RECORDS]]

    def _walk(self, high: Halves, low: Halves, node: int, depth: int, end: int) -> npt.NDArray[np.int64]:
        places = np.empty(len(high), np.int64)
        _walk(self._content, self._record_bits, self._nodes, high, low, node, depth, end, places)
        return places

    def _read(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32]:
        """Answer by the records' places; each record is decoded once."""
        distinct, inverse = np.unique(places, return_inverse=True)
        answers = np.empty(len(distinct), np.uint32)
        for index, place in enumerate(distinct.tolist()):
            if place not in self._answers:
                self._answers[place] = self._decode(place)
            answers[index] = self._answers[place]
        return answers[inverse]

    def _decode(self, place: int) -> int:
        if place < 0:
            raise GeoError(f"{self.path}: is a broken MMDB: a path through its search tree does not end")
        try:
            return self._question.value(self._decoder.decode(self._tree_bytes + place)[0])
        except _BROKEN as error:
            raise GeoError(f"{self.path}: is a broken MMDB: {error}") from error


def _stamp(path: Path) -> tuple[int, ...]:
    """Take what changes when a file does."""
    status = path.stat()
    return status.st_mtime_ns, status.st_ino, status.st_size


@compiled
def _walk(
    content: npt.NDArray[np.uint8],
    record_bits: int,
    nodes: int,
    high: Halves,
    low: Halves,
    start: int,
    first_bit: int,
    end_bit: int,
    places: npt.NDArray[np.int64],
) -> None:
    """Follow addresses through the search tree (MaxMind DB format 2.0), from a node and a bit on.

    Fills in where each one's record lies, 0 for none; negative where the walk ends inside the tree.
    """
    for index in range(len(places)):
        node = start
        for bit in range(first_bit, end_bit):
            if node >= nodes:
                break
            half = high[index] if bit < 64 else low[index]
            is_right = (half >> np.uint64(63 - bit % 64)) & np.uint64(1) != np.uint64(0)
            if record_bits == 24:
                at = node * 6 + (3 if is_right else 0)
                top = 0
            elif record_bits == 28:
                at = node * 7 + (4 if is_right else 0)
                middle = int(np.int64(content[node * 7 + 3]))
                top = middle & 15 if is_right else middle >> 4
            else:
                at = node * 8 + (5 if is_right else 1)
                top = int(np.int64(content[at - 1]))
            high_byte, low_byte = int(np.int64(content[at])), int(np.int64(content[at + 2]))
            node = top << 24 | high_byte << 16 | int(np.int64(content[at + 1])) << 8 | low_byte
        places[index] = node - nodes


@dataclass(frozen=True, slots=True)
class InForce:
    """A database and the days it holds for."""

    question: Question
    database: Database
    since: date | None  # UTC, included; None is open
    until: date | None  # UTC, excluded; None is open

    def holds(self, day: int) -> bool:
        """Whether it holds on a day since 1970."""
        at = EPOCH + timedelta(day)
        return (self.since or date.min) <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class _List:
    """The list of research scanners, as its file was."""

    path: Path
    stamp: tuple[int, ...]  # of the file; empty where there is none
    research: Research

    @classmethod
    def none(cls) -> Self:
        """Of nobody."""
        return cls(Path(), (), Research.none())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises GeoError, a line for each mistake."""
        try:
            return cls(path, _stamp(path), Research.read(path))
        except OSError as error:
            raise GeoError(f"{path}: cannot be read: {error.strerror or error}") from error
        except ResearchError as error:
            raise GeoError(str(error)) from error


Kept = TypeVar("Kept", Database, _List)


class Places:
    """All databases of the settings, and the list of research scanners.

    Raises GeoError, a line `key: file: reason` for each that cannot be used.
    """

    def __init__(self, settings: Geo, research: Path | None = None) -> None:
        self._in_force: list[InForce] = []
        self._refused: dict[Path, object] = {}  # stamps of changed files that cannot be used
        self._list = _List.none()
        errors = []
        if research is not None:
            try:
                self._list = _List.read(research)
            except GeoError as error:
                errors += [f"research: {line}" for line in str(error).splitlines()]
        shipped = (DatabaseSetting(path=SHIPPED),)
        for question, wanted in ((COUNTRY, settings.country or shipped), (OWNER, settings.owner)):
            for index, setting in enumerate(wanted):
                try:
                    database = Database(setting.path, question)
                except GeoError as error:
                    errors.append(f"{question.key}[{index}]: {error}")
                else:
                    self._in_force.append(InForce(question, database, setting.since, setting.until))
        if errors:
            raise GeoError("\n".join(errors))

    def __iter__(self) -> Iterator[InForce]:
        """Go through the databases."""
        return iter(self._in_force)

    def look_up(
        self, version: npt.NDArray[np.integer], high: Sources, low: Sources, day: int
    ) -> tuple[pl.Series, npt.NDArray[np.int64]]:
        """Tell country (text, ZZ unknown) and AS number (0 unknown) of sources, on a UTC day since 1970.

        Reserved addresses have neither. One entry an address, in the same order; best asked once for each
        distinct address. Raises GeoError where a database turns out broken.
        """
        high, low = high.astype(np.uint64, copy=False), low.astype(np.uint64, copy=False)
        four = np.flatnonzero(version == 4)
        four = four[~_is_bogon(low[four])]
        six = np.flatnonzero(version == 6)
        six = six[_is_global(high[six])]
        results = []
        for question in (COUNTRY, OWNER):
            result = np.full(len(version), question.unknown, np.uint32)
            database = self._valid(question, day)
            if database is not None:
                result[four] = database.four(low[four])
                result[six] = database.six(high[six], low[six])
            results.append(result)
        return _CODES.gather(results[0]), results[1].astype(np.int64)

    def look_up_by_day(
        self, day: npt.NDArray[np.int64], version: npt.NDArray[np.int16], high: Sources, low: Sources
    ) -> tuple[pl.Series, npt.NDArray[np.int64]]:
        """Tell country and AS number of sources, each by the databases of its UTC day; see `look_up`."""
        days = np.unique(day)
        editions: dict[tuple[int, ...], list[int]] = {}
        for one in days.tolist():
            editions.setdefault(self.edition(one), []).append(one)
        if len(editions) == 1:
            return self.look_up(version, high, low, int(days[0]))
        countries, asn = np.full(len(day), UNKNOWN, object), np.zeros(len(day), np.int64)
        for of_edition in editions.values():
            where = np.flatnonzero(np.isin(day, of_edition))
            found, owners = self.look_up(version[where], high[where], low[where], of_edition[0])
            countries[where], asn[where] = found.to_numpy(), owners
        return pl.Series(countries.tolist(), dtype=pl.String), asn

    def are_research(
        self, version: npt.NDArray[np.integer], high: Sources, low: Sources
    ) -> npt.NDArray[np.bool_]:
        """Whether sources are research scanners, by the list in force; one entry an address."""
        if not len(self._list.research):
            return np.zeros(len(version), np.bool_)
        return (self._list.research.names(version, high, low) != "").to_numpy()

    def edition(self, day: int) -> tuple[int, ...]:
        """Name the databases of a day: days with the same edition give the same answers."""
        return tuple(index for index, one in enumerate(self._in_force) if one.holds(day))

    def build(self, day: int) -> str:
        """Describe the databases of a day: what each tells, its type and the date it was built."""
        return ", ".join(
            f"{one.question.name} {one.database.type} {one.database.built}"
            for one in (self._in_force[index] for index in self.edition(day))
        )

    def refresh(self) -> list[GeoError]:
        """Take up changed files. One that cannot be used is reported once; the old one stays in force."""
        errors: list[GeoError] = []
        for index, one in enumerate(self._in_force):
            database = self._anew(one.database, partial(Database, question=one.question), errors)
            self._in_force[index] = replace(one, database=database)
        if self._list.stamp:
            self._list = self._anew(self._list, _List.read, errors)
        return errors

    def _anew(self, one: Kept, read: Callable[[Path], Kept], errors: list[GeoError]) -> Kept:
        """What a file holds now, if it has changed and can be used."""
        try:
            stamp: object = _stamp(one.path)
        except OSError as error:
            stamp = error.errno
        if stamp == one.stamp:
            self._refused.pop(one.path, None)
        elif stamp != self._refused.get(one.path):
            try:
                new = read(one.path)
            except GeoError as error:
                self._refused[one.path] = stamp
                errors.append(error)
            else:
                self._refused.pop(one.path, None)
                return new
        return one

    def _valid(self, question: Question, day: int) -> Database | None:
        for index in self.edition(day):
            if self._in_force[index].question is question:
                return self._in_force[index].database
        return None


def _is_bogon(addresses: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    at = np.searchsorted(_BOGON_STARTS, addresses, side="right")  # the first range starts at 0: never 0
    return addresses <= _BOGON_ENDS[at - 1]


def _is_global(high: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Whether upper halves of IPv6 addresses are global unicast and not for documentation."""
    result: npt.NDArray[np.bool_] = high >> np.uint64(61) == 1
    for start, end in _DOCUMENTATION:
        result &= (high < np.uint64(start)) | (high >= np.uint64(end))
    return result
