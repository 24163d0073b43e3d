"""TLS clients: the server name they ask for, and their fingerprint JA4.

Pure: bytes in, a greeting out; nothing where they are no ClientHello, or only the beginning of one.
JA4 after FoxIO's specification (github.com/FoxIO-LLC/ja4, technical_details/JA4.md), over TCP.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

HANDSHAKE, CLIENT_HELLO = 22, 1
"""Types of a record and of a message (RFC 8446, 5.1 and 4)."""

_SERVER_NAME, _SIGNATURES, _ALPN, _VERSIONS = 0x0000, 0x000D, 0x0010, 0x002B
_NAMES = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2"}
_NOTHING = "000000000000"


@dataclass(frozen=True, slots=True)
class Hello:
    """What a ClientHello says; values that only keep servers tolerant (GREASE, RFC 8701) are left out."""

    version: int
    ciphers: tuple[int, ...]
    extensions: tuple[int, ...]  # in their order
    name: bytes  # the server's; empty where none is asked for
    protocol: bytes  # the first of ALPN
    signatures: tuple[int, ...]

    @property
    def ja4(self) -> str:
        """The fingerprint."""
        others = sorted(one for one in self.extensions if one not in (_SERVER_NAME, _ALPN))
        signed = f"_{_listed(self.signatures)}" if self.signatures else ""
        return (
            f"t{_NAMES.get(self.version, '00')}{'d' if _SERVER_NAME in self.extensions else 'i'}"
            f"{min(len(self.ciphers), 99):02}{min(len(self.extensions), 99):02}{_ends(self.protocol)}"
            f"_{_hashed(_listed(sorted(self.ciphers)))}"
            f"_{_hashed(_listed(others) + signed if others else '')}"
        )


class _Cut(Exception):
    """The bytes end before what they announce."""


class _Reader:
    """Takes fields off the front of bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def __bool__(self) -> bool:
        return self._place < len(self._data)

    def number(self, size: int) -> int:
        """An unsigned integer of so many bytes. Raises _Cut."""
        return int.from_bytes(self.take(size))

    def take(self, size: int) -> bytes:
        """So many bytes. Raises _Cut."""
        if self._place + size > len(self._data):
            raise _Cut
        self._place += size
        return self._data[self._place - size : self._place]

    def vector(self, size: int) -> _Reader:
        """What is announced by a length of so many bytes. Raises _Cut."""
        return _Reader(self.take(self.number(size)))

    def rest(self) -> bytes:
        """What is left."""
        return self.take(len(self._data) - self._place)

    def numbers(self) -> tuple[int, ...]:
        """The rest, as numbers of two bytes; GREASE left out. Raises _Cut."""
        found = []
        while self:
            found.append(self.number(2))
        return tuple(one for one in found if not _is_grease(one))


def is_hello(data: bytes) -> bool:
    """Whether the data begin as a ClientHello does."""
    return len(data) >= 6 and data[0] == HANDSHAKE and data[1] == 3 and data[5] == CLIENT_HELLO


def read(data: bytes) -> Hello | None:
    """The ClientHello that the data begin with; None where it is none, or not all of it is there."""
    if not is_hello(data):
        return None
    try:
        return _hello(_Reader(_message(_Reader(data))))
    except _Cut:
        return None


def _message(records: _Reader) -> bytes:
    """The first message, put together from its records. Raises _Cut."""
    message = b""
    while len(message) < 4 or len(message) < 4 + int.from_bytes(message[1:4]):
        if records.number(1) != HANDSHAKE:
            raise _Cut
        records.take(2)
        message += records.take(records.number(2))
    return message[4 : 4 + int.from_bytes(message[1:4])]


def _hello(message: _Reader) -> Hello:
    version = message.number(2)
    message.take(32)
    message.vector(1)
    ciphers = message.vector(2).numbers()
    message.vector(1)
    extensions: dict[int, _Reader] = {}
    order = []
    body = message.vector(2) if message else _Reader(b"")
    while body:
        kind, content = body.number(2), body.vector(2)
        if not _is_grease(kind):
            order.append(kind)
            extensions.setdefault(kind, content)
    offered = extensions[_VERSIONS].vector(1).numbers() if _VERSIONS in extensions else ()
    return Hello(
        version=max(offered, default=version),
        ciphers=ciphers,
        extensions=tuple(order),
        name=_name(extensions[_SERVER_NAME]) if _SERVER_NAME in extensions else b"",
        protocol=_first_protocol(extensions[_ALPN]) if _ALPN in extensions else b"",
        signatures=extensions[_SIGNATURES].vector(2).numbers() if _SIGNATURES in extensions else (),
    )


def _name(content: _Reader) -> bytes:
    names = content.vector(2) if content else content
    return names.vector(2).rest() if names and names.number(1) == 0 else b""


def _first_protocol(content: _Reader) -> bytes:
    protocols = content.vector(2) if content else content
    return protocols.vector(1).rest() if protocols else b""


def _ends(protocol: bytes) -> str:
    """First and last letter of a protocol's name; of its bytes in hexadecimal where these are no letters or digits."""
    if not protocol:
        return "00"
    ends = bytes((protocol[0], protocol[-1]))
    if ends.isalnum():
        return ends.decode()
    digits = protocol.hex()
    return digits[0] + digits[-1]


def _listed(numbers: tuple[int, ...] | list[int]) -> str:
    return ",".join(f"{number:04x}" for number in numbers)


def _hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12] if text else _NOTHING


def _is_grease(number: int) -> bool:
    return number & 0x0F0F == 0x0A0A and number >> 8 == number & 0xFF
