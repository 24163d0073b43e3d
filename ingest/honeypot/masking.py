"""Take the sensors' addresses out of what strangers sent, however they are written.

Pure: bytes in, bytes out. An address stands in text in many ways, and text in text: each way of writing is undone while
it is known which bytes it came from, and those bytes are masked. What is looked for is in docs/privacy.md.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from itertools import product

import numpy as np
import numpy.typing as npt

from darkscope.ingest.sensors import Watched

MASK = b"[sensor]"
"""What stands for an address."""

DEEPEST = 3
"""Writings within writings that are undone: URL encoding in base64 in URL encoding."""

SHORTEST_BASE64 = 8
"""Letters: six bytes, of which no dotted address has fewer than seven. Raw addresses of four bytes need six letters,
but then every word would be looked through."""

_PART = rb"(?:0[xX][0-9a-fA-F]{1,8}|[0-9]{1,11})"
_DOTTED = re.compile(rb"(?<![0-9])(?=(" + _PART + rb"(?:[.\-_,]" + _PART + rb"){0,3})(?![0-9]))")
_PAIRS = re.compile(
    rb"(?<![0-9a-fA-F])(?=((?:0[xX])?[0-9a-fA-F]{2}(?:[:\-., ](?:0[xX])?[0-9a-fA-F]{2}){3})(?![0-9a-fA-F]))"
)
_HEX = re.compile(rb"[0-9a-fA-F]{8,}")
_NIBBLES = re.compile(rb"(?=((?:[0-9a-fA-F]\.){31}[0-9a-fA-F]))")
_GROUP = rb"[0-9a-fA-F]{1,4}"
_COLONS = re.compile(
    rb"(?<![0-9a-fA-F:])(?=((?:"
    + _GROUP
    + rb"){0,1}(?:[:\-]{1,2}(?:"
    + _GROUP
    + rb"|(?:[0-9]{1,3}\.){3}[0-9]{1,3})){1,8}))"
)
_BASE64 = re.compile(rb"[A-Za-z0-9+/_\-]{%d,}" % SHORTEST_BASE64)
_ESCAPES = re.compile(
    rb"%[uU]([0-9a-fA-F]{4})|%([0-9a-fA-F]{2})"
    rb"|\\[uU]\{?0{0,6}([0-9a-fA-F]{2})\}?|\\[xX]([0-9a-fA-F]{2})|\\([0-3][0-7]{2})"
    rb"|&#[xX]0{0,6}([0-9a-fA-F]{1,2});?|&#0{0,6}([0-9]{1,3});?"
)
_BASES = (16, 16, 16, 16, 8, 16, 10)
"""Of the numbers in the groups of `_ESCAPES`."""

_NIBBLE = np.full(256, 255, np.uint8)
for _digit, _value in zip(b"0123456789abcdefABCDEF", (*range(16), *range(10, 16)), strict=True):
    _NIBBLE[_digit] = _value

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _View:
    """Bytes, and for each where it stood in what was sent."""

    data: bytes
    start: Places
    end: Places

    @classmethod
    def of(cls, data: bytes) -> _View:
        places = np.arange(len(data) + 1)
        return cls(data, places[:-1], places[1:])

    def span(self, low: int, high: int) -> tuple[int, int]:
        """Where some of the bytes stood."""
        return int(self.start[low]), int(self.end[high - 1])


class Masker:
    """Knows the addresses that sensors watch; hands none out."""

    def __init__(self, watched: Iterable[Watched]) -> None:
        ranges = list(watched)
        self._four = _joined(
            (int(start), int(end)) for one in ranges for start, end in zip(one.start, one.end, strict=True)
        )
        self._six = _joined(
            (int(a) << 64 | int(b), int(c) << 64 | int(d))
            for one in ranges
            for a, b, c, d in zip(one.start_high, one.start_low, one.end_high, one.end_low, strict=True)
        )
        self._starts = np.array([start for start, _ in self._four], np.int64)
        self._ends = np.array([end for _, end in self._four], np.int64)

    def mask(self, data: bytes, version: int, target: int) -> bytes:
        """The same bytes without addresses of sensors; `target` is the one that the data were sent to."""
        if not data:
            return data
        spans = sorted(_Search(self, version, target).spans(_View.of(data), 0))
        kept, place = [], 0
        for low, high in spans:
            if low < place:
                place = max(place, high)
                continue
            kept += [data[place:low], MASK]
            place = high
        return b"".join((*kept, data[place:]))

    def has_four(self, address: int) -> bool:
        """Whether a sensor watches an IPv4 address."""
        return _holds(self._four, address)

    def has_six(self, address: int) -> bool:
        """Whether a sensor watches an IPv6 address."""
        return _holds(self._six, address)

    def among(self, addresses: Places) -> npt.NDArray[np.bool_]:
        """Which IPv4 addresses a sensor watches."""
        if not len(self._starts):
            return np.zeros(len(addresses), np.bool_)
        place = np.searchsorted(self._starts, addresses, side="right") - 1
        return (place >= 0) & (addresses <= self._ends[place])


class _Search:
    """Looks for the sensors' addresses in data that were sent to one of them."""

    def __init__(self, masker: Masker, version: int, target: int) -> None:
        self._masker = masker
        self._target = version, target
        size = 4 if version == 4 else 16
        self._raw = target.to_bytes(size), target.to_bytes(size, "little")

    def spans(self, view: _View, depth: int) -> Iterator[tuple[int, int]]:
        """Where addresses stand, in what was sent; may overlap."""
        for low, high in self._found(view.data):
            yield view.span(low, high)
        if depth < DEEPEST:
            for inner in _undone(view):
                yield from self.spans(inner, depth + 1)

    def _found(self, data: bytes) -> Iterator[tuple[int, int]]:
        for raw in self._raw:
            place = data.find(raw)
            while place >= 0:
                yield place, place + len(raw)
                place = data.find(raw, place + 1)
        yield from self._matching(_DOTTED, data, _dotted)
        yield from self._matching(_PAIRS, data, _pairs)
        yield from self._hexadecimal(data)
        if data.count(b":") >= 2 or data.count(b"-") >= 2:
            yield from self._colons(data)
        yield from self._matching(_NIBBLES, data, lambda text: [(6, int(text.replace(b".", b"")[::-1], 16))])

    def _matching(
        self, pattern: re.Pattern[bytes], data: bytes, read: Callable[[bytes], Iterable[tuple[int, int]]]
    ) -> Iterator[tuple[int, int]]:
        for match in pattern.finditer(data):
            if any(self._is_sensor(version, address) for version, address in read(match[1])):
                yield match.start(1), match.end(1)

    def _hexadecimal(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Addresses as 8 or 32 digits without anything between, anywhere in a longer number."""
        for match in _HEX.finditer(data):
            digits = _NIBBLE[np.frombuffer(match[0], np.uint8)].astype(np.int64)
            windows = np.lib.stride_tricks.sliding_window_view(digits, 8)
            big = windows @ (16 ** np.arange(7, -1, -1))
            little = windows @ (16 ** np.array([1, 0, 3, 2, 5, 4, 7, 6]))
            known = self._target[1] if self._target[0] == 4 else -1
            for place in np.flatnonzero(
                self._masker.among(big) | self._masker.among(little) | (big == known) | (little == known)
            ).tolist():
                yield match.start() + place, match.start() + place + 8
            for place in range(len(match[0]) - 31):
                if self._is_sensor(6, int(match[0][place : place + 32], 16)):
                    yield match.start() + place, match.start() + place + 32

    def _colons(self, data: bytes) -> Iterator[tuple[int, int]]:
        """IPv6 addresses as text; also with dashes, as names for them have it."""
        for match in _COLONS.finditer(data):
            text = match[1].replace(b"-", b":").decode()
            for end in range(len(text), 1, -1):  # a port or a word may follow
                if end < len(text) and text[end] != ":" and text[end - 1] != ":":
                    continue
                try:
                    address = int(IPv6Address(text[:end]))
                except (AddressValueError, ValueError):
                    continue
                if self._is_sensor(6, address):
                    yield match.start(1), match.start(1) + end
                    break

    def _is_sensor(self, version: int, address: int) -> bool:
        if (version, address) == self._target:
            return True
        if version == 4:
            return self._masker.has_four(address)
        return self._masker.has_six(address) or any(self._is_sensor(4, inner) for inner in _embedded(address))


def _joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined


def _holds(ranges: list[tuple[int, int]], address: int) -> bool:
    low, high = 0, len(ranges)
    while low < high:
        middle = (low + high) // 2
        if ranges[middle][1] < address:
            low = middle + 1
        else:
            high = middle
    return low < len(ranges) and ranges[low][0] <= address


def _embedded(address: int) -> Iterator[int]:
    """IPv4 addresses that an IPv6 address stands for: mapped (RFC 4291), translated (RFC 6052), 6to4 (RFC 3056)."""
    if address >> 32 in (0xFFFF, 0x0064_FF9B << 64):
        yield address & 0xFFFFFFFF
    if address >> 112 == 0x2002:
        yield address >> 80 & 0xFFFFFFFF


def _values(part: bytes) -> list[int]:
    """What a number of an IPv4 address may mean: as people read it, and as inet_aton does."""
    if part[:2] in (b"0x", b"0X"):
        return [int(part, 16)]
    octal = [int(part, 8)] if part[:1] == b"0" and not set(part) & set(b"89") else []
    return [int(part), *octal]


def _dotted(text: bytes) -> Iterator[tuple[int, int]]:
    """IPv4 addresses of one to four numbers (inet_aton), also backwards, as names for addresses have it."""
    parts = [_values(part) for part in re.split(rb"[.\-_,]", text)]
    for numbers in product(*parts):
        *octets, last = numbers
        if max(octets, default=0) > 255 or last >= 1 << 8 * (4 - len(octets)):
            continue
        address = last
        for place, octet in enumerate(octets):
            address |= octet << 8 * (3 - place)
        yield 4, address
        if len(numbers) == 4:
            yield 4, int.from_bytes(bytes(reversed(numbers)))
        elif len(numbers) == 1:
            yield 4, int.from_bytes(last.to_bytes(4, "little"))


def _pairs(text: bytes) -> Iterator[tuple[int, int]]:
    octets = bytes(int(pair, 16) for pair in re.split(rb"[:\-., ]", text))
    yield 4, int.from_bytes(octets)
    yield 4, int.from_bytes(octets, "little")


def _undone(view: _View) -> Iterator[_View]:
    """The same with one way of writing undone, of each way that something is written in."""
    data = view.data
    if any(letter in data for letter in b"%\\&") and (pieces := list(_ESCAPES.finditer(data))):
        yield _replaced(view, [(*match.span(), _meant(match)) for match in pieces])
    if b"\0" in data:
        kept = np.flatnonzero(np.frombuffer(data, np.uint8))
        if len(kept):
            yield _View(data.replace(b"\0", b""), view.start[kept], view.end[kept])
    for match in _BASE64.finditer(data):
        yield from _of_base64(view, *match.span())


def _meant(match: re.Match[bytes]) -> bytes:
    for text, base in zip(match.groups(), _BASES, strict=True):
        if text is not None:
            number = int(text, base)
            return bytes([number]) if number < 256 else b"?"
    return b"?"


def _replaced(view: _View, pieces: list[tuple[int, int, bytes]]) -> _View:
    """A view in which each stretch, by its first and last byte, is another byte."""
    data, start, end = [], [], []
    place = 0
    for low, high, byte in pieces:
        data += [view.data[place:low], byte]
        start += [view.start[place:low], view.start[low : low + 1]]
        end += [view.end[place:low], view.end[high - 1 : high]]
        place = high
    return _View(
        b"".join((*data, view.data[place:])),
        np.concatenate((*start, view.start[place:])),
        np.concatenate((*end, view.end[place:])),
    )


def _of_base64(view: _View, low: int, high: int) -> Iterator[_View]:
    """What a run of letters means in base64; where it begins within the run is anybody's guess."""
    for shift in range(4):
        size = (high - low - shift) // 4 * 4
        first = low + shift
        letters = view.data[first : first + size].replace(b"-", b"+").replace(b"_", b"/")
        rest = high - first - size
        if rest > 1:  # a last group of two or three, whose padding may have been left out
            letters += view.data[first + size : high].replace(b"-", b"+").replace(b"_", b"/") + b"=" * (
                4 - rest
            )
        try:
            data = base64.b64decode(letters)
        except binascii.Error:
            continue
        if not data:
            continue
        group = np.arange(len(data)) // 3 * 4 + first
        yield _View(data, view.start[group], view.end[np.minimum(group + 3, high - 1)])
