"""Take the sensors' addresses out of what strangers sent, however they are written.

Pure: bytes in, bytes out. An address stands in text in many ways, and text in text: each way of writing is undone while
it is known which bytes it came from, and those bytes are masked. What is looked for is in docs/privacy.md.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from itertools import chain, product

from darkscope.ingest.sensors import Watched

MASK = b"[sensor]"
"""What stands for an address."""

DEEPEST = 3
"""Writings within writings that are undone: URL encoding in base64 in URL encoding."""

MOST_NEAR = 2000
"""Texts that may turn out to be an address, but for their first number, that are read to the end."""

SHORTEST_BASE64 = 10
"""Letters that the shortest dotted address takes; looking through all words of a request would take the longest."""

_LIKELY = re.compile(rb"[0-9a-fA-FxX.:_,\- ]{4,}")
"""Letters that addresses are written in, as many as the shortest takes. All else is looked for among these."""

_PART = rb"(?:0[xX][0-9a-fA-F]{1,8}|[0-9]{1,14})"
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
    + rb"){0,1}(?:[:\-]{1,2}(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}|"
    + _GROUP
    + rb")){1,8}))"
)
_BASE64 = re.compile(rb"[A-Za-z0-9+/_\-]{%d,}" % SHORTEST_BASE64)
_ESCAPES = re.compile(
    rb"%[uU]([0-9a-fA-F]{4})|%([0-9a-fA-F]{2})"
    rb"|\\[uU]\{?0{0,6}([0-9a-fA-F]{2})\}?|\\[xX]([0-9a-fA-F]{2})|\\([0-3][0-7]{2})"
    rb"|&#[xX]0{0,6}([0-9a-fA-F]{1,2});?|&#0{0,6}([0-9]{1,3});?"
)
_BASES = (16, 16, 16, 16, 8, 16, 10)
"""Of the numbers in the groups of `_ESCAPES`."""

_NIBBLE = {letter: int(chr(letter), 16) for letter in b"0123456789abcdefABCDEF"}
_FOR_URLS = bytes.maketrans(b"-_", b"+/")
_BETWEEN, _BETWEEN_PAIRS, _BETWEEN_GROUPS = (
    re.compile(rb"[.\-_,]"),
    re.compile(rb"[:\-., ]"),
    re.compile(rb"[:\-]"),
)
_EMBEDDING = frozenset({0, 0x64, 0x2002})
"""First groups of IPv6 addresses that may hold one of IPv4."""

Locate = Callable[[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _View:
    """Bytes with some writing undone, and where a stretch of them, from a place up to another, stood before that."""

    data: bytes
    locate: Locate  # in what was sent


class _Spent(Exception):
    """More looks like an address than is worth reading."""


class Masker:
    """Knows the addresses that sensors watch; hands none out."""

    def __init__(self, watched: Iterable[Watched]) -> None:
        ranges = list(watched)
        self.four = _Ranges(
            (int(start), int(end)) for one in ranges for start, end in zip(one.start, one.end, strict=True)
        )
        self.six = _Ranges(
            (int(a) << 64 | int(b), int(c) << 64 | int(d))
            for one in ranges
            for a, b, c, d in zip(one.start_high, one.start_low, one.end_high, one.end_low, strict=True)
        )
        self.octets = self.four.first(24)
        self.groups = self.six.first(112)

    def mask(self, data: bytes, version: int, target: int) -> bytes:
        """The same bytes without addresses of sensors; `target` is the one that the data were sent to.

        Data made of hundreds of near hits, as nobody sends who means no harm, are masked as a whole.
        """
        if not data:
            return data
        search = _Search(self, version, target)
        try:
            spans = sorted(search.spans(_View(data, lambda low, high: (low, high)), 0))
        except _Spent:
            return MASK
        kept, place = [], 0
        for low, high in spans:
            if low >= place:
                kept += [data[place:low], MASK]
            place = max(place, high)
        return b"".join((*kept, data[place:]))


class _Ranges:
    """Addresses as sorted ranges, ends included."""

    def __init__(self, ranges: Iterable[tuple[int, int]]) -> None:
        joined: list[tuple[int, int]] = []
        for start, end in sorted(ranges):
            if joined and start <= joined[-1][1] + 1:
                joined[-1] = joined[-1][0], max(joined[-1][1], end)
            else:
                joined.append((start, end))
        self._starts = [start for start, _ in joined]
        self._ends = [end for _, end in joined]

    def __bool__(self) -> bool:
        return bool(self._starts)

    def __contains__(self, address: int) -> bool:
        place = bisect_right(self._starts, address) - 1
        return place >= 0 and address <= self._ends[place]

    def first(self, shift: int) -> frozenset[int]:
        """The first numbers of all the addresses, those before so many bits."""
        return frozenset(
            chain.from_iterable(
                range(start >> shift, (end >> shift) + 1)
                for start, end in zip(self._starts, self._ends, strict=True)
            )
        )


class _Search:
    """Looks for the sensors' addresses in data that were sent to one of them."""

    def __init__(self, masker: Masker, version: int, target: int) -> None:
        self._four, self._six = masker.four, masker.six
        self._target = target if version == 4 else -1
        self._target6 = target if version == 6 else -1
        size = 4 if version == 4 else 16
        self._raw = target.to_bytes(size), target.to_bytes(size, "little")
        self._octets = masker.octets | {target >> 24} if version == 4 else masker.octets
        self._groups = masker.groups | {target >> 112} if version == 6 else masker.groups
        self._patterns = ((_DOTTED, self._is_dotted), (_PAIRS, self._is_pairs), (_NIBBLES, self._is_nibbles))
        self._left = MOST_NEAR

    def spans(self, view: _View, depth: int) -> Iterator[tuple[int, int]]:
        """Where addresses stand, in what was sent; may overlap. Raises _Spent."""
        for low, high in self._found(view.data):
            yield view.locate(low, high)
        if depth < DEEPEST:
            for inner in _undone(view):
                yield from self.spans(inner, depth + 1)

    def _found(self, data: bytes) -> Iterator[tuple[int, int]]:
        for raw in self._raw:
            place = data.find(raw)
            while place >= 0:
                yield place, place + len(raw)
                place = data.find(raw, place + 1)
        for run in _LIKELY.finditer(data):
            low, high = run.span()
            for pattern, is_one in self._patterns:
                for match in pattern.finditer(data, low, high):
                    if is_one(match[1]):
                        yield match.span(1)
            for match in _HEX.finditer(data, low, high):
                yield from self._in_digits(match[0], match.start())
            if b":" in run[0] or b"-" in run[0]:
                for match in _COLONS.finditer(data, low, high):
                    if end := self._colons(match[1]):
                        yield match.start(1), match.start(1) + end

    def _spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _Spent

    def _is_four(self, address: int) -> bool:
        self._spend()
        return address == self._target or address in self._four

    def _is_six(self, address: int) -> bool:
        self._spend()
        return address == self._target6 or address in self._six or any(map(self._is_four, _embedded(address)))

    def _is_dotted(self, text: bytes) -> bool:
        """IPv4 addresses of one to four numbers (inet_aton), also backwards, as names for addresses have it."""
        if len(text) < 4:
            return False
        parts = [_values(part) for part in _BETWEEN.split(text)]
        if len(parts) == 1:
            return any(
                address >> 24 in self._octets and self._is_four(address)
                for value in parts[0]
                if value < 1 << 32
                for address in (value, _turned(value))
            )
        if not any(value in self._octets for value in (*parts[0], *(parts[3] if len(parts) == 4 else ()))):
            return False
        return any(map(self._is_four, _dotted(parts)))

    def _is_pairs(self, text: bytes) -> bool:
        octets = bytes(int(pair, 16) for pair in _BETWEEN_PAIRS.split(text))
        return self._is_either(int.from_bytes(octets))

    def _is_either(self, value: int) -> bool:
        """Whether four bytes are an address, in either order."""
        return (value >> 24 in self._octets and self._is_four(value)) or (
            value & 0xFF in self._octets and self._is_four(_turned(value))
        )

    def _is_nibbles(self, text: bytes) -> bool:
        address = int(text.replace(b".", b"")[::-1], 16)
        return address >> 112 in self._groups and self._is_six(address)

    def _in_digits(self, digits: bytes, start: int) -> Iterator[tuple[int, int]]:
        """Addresses as 8 or 32 hexadecimal digits without anything between, anywhere in a longer number."""
        value = int(digits[:7], 16)
        for place in range(len(digits) - 7):
            value = (value << 4 | _NIBBLE[digits[place + 7]]) & 0xFFFFFFFF
            if (value >> 24 in self._octets or value & 0xFF in self._octets) and self._is_either(value):
                yield start + place, start + place + 8
            if (
                value >> 16 in self._groups
                and place + 32 <= len(digits)
                and self._is_six(int(digits[place : place + 32], 16))
            ):
                yield start + place, start + place + 32

    def _colons(self, text: bytes) -> int:
        """How much of a text is an IPv6 address; also with dashes, as names for them have it. 0: nothing."""
        head = _BETWEEN_GROUPS.split(text, maxsplit=1)[0]
        if head and int(head, 16) not in self._groups and int(head, 16) not in _EMBEDDING:
            return 0
        written = text.replace(b"-", b":").decode()
        for end in range(len(written), 2, -1):  # a port or a word may follow
            if end < len(written) and ":" not in written[end - 1 : end + 1]:
                continue
            self._spend()
            try:
                address = int(IPv6Address(written[:end]))
            except (AddressValueError, ValueError):
                continue
            if self._is_six(address):
                return end
        return 0


def _embedded(address: int) -> Iterator[int]:
    """IPv4 addresses that an IPv6 address stands for: mapped (RFC 4291), translated (RFC 6052), 6to4 (RFC 3056)."""
    if address >> 32 in (0xFFFF, 0x0064_FF9B << 64):
        yield address & 0xFFFFFFFF
    if address >> 112 == 0x2002:
        yield address >> 80 & 0xFFFFFFFF


@lru_cache(maxsize=4096)
def _values(part: bytes) -> tuple[int, ...]:
    """What a number of an IPv4 address may mean: as people read it, and as inet_aton does."""
    if part[:2] in (b"0x", b"0X"):
        return 0, int(part, 16)  # also an address that ends in 0, with something behind it
    if part[:1] == b"0" and len(part) > 1 and not set(part) & set(b"89"):
        return int(part), int(part, 8)
    return (int(part),)


def _turned(address: int) -> int:
    return int.from_bytes(address.to_bytes(4), "little")


def _dotted(parts: list[tuple[int, ...]]) -> Iterator[int]:
    """Addresses that several numbers may mean."""
    for numbers in product(*parts):
        *octets, last = numbers
        if max(octets) > 255 or last >= 1 << 8 * (4 - len(octets)):
            continue
        address = last
        for place, octet in enumerate(octets):
            address |= octet << 8 * (3 - place)
        yield address
        if len(numbers) == 4:
            yield _turned(address)


def _undone(view: _View) -> Iterator[_View]:
    """The same with one way of writing undone, of each way that something is written in."""
    data = view.data
    if any(letter in data for letter in b"%\\&") and (found := list(_ESCAPES.finditer(data))):
        yield _unescaped(view, found)
    if b"\0" in data:
        yield _without_zeros(view)
    if runs := [match.span() for match in _BASE64.finditer(data)]:
        letters = data.translate(_FOR_URLS)
        for shift in range(4):
            yield _of_base64(view, letters, runs, shift)


def _unescaped(view: _View, found: list[re.Match[bytes]]) -> _View:
    parts: list[bytes] = []
    places: list[int] = []  # of what stands for an escape
    before = length = 0
    for match in found:
        group = match.lastindex or 1
        number = int(match[group], _BASES[group - 1])
        length += match.start() - before
        places.append(length)
        length += 1
        parts += (view.data[before : match.start()], bytes([number]) if number < 256 else b"?")
        before = match.end()

    def stood(place: int) -> tuple[int, int]:
        index = bisect_right(places, place) - 1
        if index < 0:
            return place, place + 1
        if places[index] == place:
            return found[index].span()
        start = found[index].end() + place - places[index] - 1
        return start, start + 1

    return _View(
        b"".join((*parts, view.data[before:])),
        lambda low, high: view.locate(stood(low)[0], stood(high - 1)[1]),
    )


def _without_zeros(view: _View) -> _View:
    """As text in UTF-16 is read by whoever takes it for ASCII."""
    kept = [place for place, byte in enumerate(view.data) if byte]
    return _View(view.data.replace(b"\0", b""), lambda low, high: view.locate(kept[low], kept[high - 1] + 1))


def _of_base64(view: _View, letters: bytes, runs: list[tuple[int, int]], shift: int) -> _View:
    """What runs of letters mean in base64, a line each; where it begins within a run is anybody's guess."""
    lines, starts, length = [], [], 0
    for low, high in runs:
        size = high - low - shift
        run = letters[low + shift : high - (size % 4 == 1)]
        lines.append(a2b_base64(run + b"=" * (-len(run) % 4)))
        starts.append(length)
        length += len(lines[-1]) + 1

    def stood(place: int) -> tuple[int, int]:
        index = bisect_right(starts, place) - 1
        low, high = runs[index]
        start = min(low + shift + (place - starts[index]) // 3 * 4, high - 1)
        return start, min(start + 4, high)

    return _View(b"\n".join((*lines, b"")), lambda low, high: view.locate(stood(low)[0], stood(high - 1)[1]))
