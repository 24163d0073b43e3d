"""Greetings of TLS clients, byte by byte."""

from __future__ import annotations

import struct
from collections.abc import Sequence

CIPHERS = "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035"
EXTENSIONS = "001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015"
SIGNATURES = "0403,0804,0401,0503,0805,0501,0806,0601"
GREASE = 0x3A3A


def numbers(text: str) -> list[int]:
    return [int(number, 16) for number in text.split(",") if number]


def vector(size: int, data: bytes) -> bytes:
    return len(data).to_bytes(size) + data


def shorts(values: Sequence[int]) -> bytes:
    return struct.pack(f">{len(values)}H", *values)


def content(
    kind: int, name: bytes, protocols: Sequence[bytes], signatures: Sequence[int], versions: Sequence[int]
) -> bytes:
    match kind:
        case 0x0000:
            return vector(2, b"\0" + vector(2, name))
        case 0x000D:
            return vector(2, shorts(signatures))
        case 0x0010:
            return vector(2, b"".join(vector(1, protocol) for protocol in protocols))
        case 0x002B:
            return vector(1, shorts(versions))
        case _:
            return b"?"


def hello(
    ciphers: str = CIPHERS,
    extensions: str = EXTENSIONS,
    signatures: str = SIGNATURES,
    *,
    name: bytes = b"example.org",
    protocols: Sequence[bytes] = (b"h2", b"http/1.1"),
    versions: Sequence[int] = (GREASE, 0x0303, 0x0304),
    version: int = 0x0303,
    grease: bool = True,
    record: int = 1 << 14,
) -> bytes:
    """A ClientHello in records of at most so many bytes."""
    added = [GREASE] if grease else []
    parts = b"".join(
        shorts([kind]) + vector(2, content(kind, name, protocols, [*added, *numbers(signatures)], versions))
        for kind in [*added, *numbers(extensions)]
    )
    body = (
        shorts([version])
        + bytes(32)
        + vector(1, b"session")
        + vector(2, shorts([*added, *numbers(ciphers)]))
        + vector(1, b"\0")
        + (vector(2, parts) if extensions else b"")
    )
    message = b"\x01" + vector(3, body)
    cuts = range(0, len(message), record)
    return b"".join(b"\x16\x03\x01" + vector(2, message[cut : cut + record]) for cut in cuts)
