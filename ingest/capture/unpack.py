"""Bytes of a stream as they were before compression: plain, gzip, zstd, bzip2 or xz, told by their magic.

Bytes in, bytes out, in bounded memory; nothing is known of captures, nothing is taken from a name. Members
and frames one after the other read as one. A stream that ends for now can be asked again once it has grown.
"""

from __future__ import annotations

import bz2
import lzma
import select
import zlib
from collections.abc import Callable
from typing import BinaryIO, Protocol

import zstandard

RAW = 1 << 16
"""Compressed bytes read at a time."""

PIECE = 1 << 16
"""Decompressed bytes a decoder may give at a time: what an error within xz data can cost."""

ZSTD_PIECE = 1 << 10
"""Compressed bytes a zstd decoder gets at a time. It has no bound on what it gives; four bytes can become
128 KiB (RFC 8878, RLE blocks), so these become 32 MiB at most."""

XZ_MEMORY = 256 << 20
"""Memory an xz decoder may use; `xz -9` needs 65 MiB."""

MAGIC_SIZE = 6
"""Bytes that tell the compression."""

CORRUPT = (zlib.error, OSError, EOFError, ValueError, lzma.LZMAError, zstandard.ZstdError)
"""What the decoders raise for data that are not theirs."""


class Member(Protocol):
    """One compressed member of a stream."""

    def decode(self, data: bytes) -> tuple[bytes, bytes]:
        """Decompress some of `data`; what came out, and what of `data` is left for the next call."""

    @property
    def ended(self) -> bool:
        """Whether the member is complete: what `decode` left belongs to the next."""


class Gzip:
    """One gzip member (RFC 1952)."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    def decode(self, data: bytes) -> tuple[bytes, bytes]:
        """See `Member`."""
        before = self._inner.copy()
        try:
            piece = self._inner.decompress(data, PIECE)
        except zlib.error:
            if len(data) <= 1:
                raise
            # A call that fails gives nothing: halve until only the byte that is wrong is left.
            self._inner = before
            half = len(data) // 2
            piece, rest = self.decode(data[:half])
            return piece, rest + data[half:]
        return piece, self._inner.unused_data if self._inner.eof else self._inner.unconsumed_tail

    @property
    def ended(self) -> bool:
        """See `Member`."""
        return self._inner.eof


class Buffered:
    """One bzip2 or xz stream: decoders that keep the input they have not come to."""

    def __init__(self, inner: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._inner = inner

    def decode(self, data: bytes) -> tuple[bytes, bytes]:
        """See `Member`."""
        piece = self._inner.decompress(data, PIECE)
        return piece, self._inner.unused_data

    @property
    def ended(self) -> bool:
        """See `Member`."""
        return self._inner.eof


class Zstd:
    """One zstd frame, or a skippable one (RFC 8878)."""

    def __init__(self) -> None:
        self._inner = zstandard.ZstdDecompressor().decompressobj()

    def decode(self, data: bytes) -> tuple[bytes, bytes]:
        """See `Member`."""
        piece = self._inner.decompress(data[:ZSTD_PIECE])
        return piece, self._inner.unused_data + data[ZSTD_PIECE:]

    @property
    def ended(self) -> bool:
        """See `Member`."""
        return self._inner.eof


def _bzip2() -> Member:
    return Buffered(bz2.BZ2Decompressor())


def _xz() -> Member:
    return Buffered(lzma.LZMADecompressor(lzma.FORMAT_XZ, XZ_MEMORY))


def compression(magic: bytes) -> tuple[str, Callable[[], Member]] | None:
    """Name and decoder of the compression that begins with these bytes; None for any other data."""
    if magic[:3] == b"\x1f\x8b\x08":
        return "gzip", Gzip
    if magic[:4] == b"\x28\xb5\x2f\xfd" or (magic[1:4] == b"\x2a\x4d\x18" and magic[0] >> 4 == 5):
        return "zstd", Zstd
    if magic[:3] == b"BZh" and b"1" <= magic[3:4] <= b"9":
        return "bzip2", _bzip2
    if magic[:6] == b"\xfd7zXZ\x00":
        return "xz", _xz
    return None


class Unpacked:
    """Decompressed bytes of a stream, from where the stream stands."""

    def __init__(self, stream: BinaryIO, *, following: bool) -> None:
        self._stream = stream
        self._following = following
        self._raw = b""  # read, but not yet decoded; given out as it is where nothing is compressed
        self._ready = memoryview(b"")  # decoded, but not yet given out
        self._told = False
        self._kind: tuple[str, Callable[[], Member]] | None = None
        self._member: Member | None = None
        self._drained = True
        self.failure = ""
        """Why the bytes end although the stream was not complete; empty while all is well."""

    def readinto(self, view: memoryview) -> int:
        """Put the next bytes into `view` and say how many; 0 at the end, or at the end for now."""
        if not self._told and not self._tell():
            return 0
        if self._kind is None:
            return self._plain(view)
        filled = 0
        while filled < len(view):
            if not self._ready:
                if self.failure or not self._decode(self._kind[0], self._kind[1], wait=not filled):
                    break
                continue
            size = min(len(view) - filled, len(self._ready))
            view[filled : filled + size] = self._ready[:size]
            self._ready = self._ready[size:]
            filled += size
        return filled

    def _tell(self) -> bool:
        """Find out what the stream holds; False while it is too short to say."""
        if not self._gather(MAGIC_SIZE) and self._following:
            return False
        self._kind = compression(self._raw)
        self._told = True
        return True

    def _gather(self, size: int) -> bool:
        """Have so many raw bytes; False where the stream has no more."""
        while len(self._raw) < size:
            data = self._stream.read(size - len(self._raw))
            if not data:
                return False
            self._raw += data
        return True

    def _plain(self, view: memoryview) -> int:
        filled = min(len(view), len(self._raw))
        view[:filled] = self._raw[:filled]
        self._raw = self._raw[filled:]
        while filled < len(view) and (not filled or self._more_at_once()):
            size = self._readinto(view[filled:])
            if not size:
                break
            filled += size
        return filled

    def _readinto(self, view: memoryview) -> int:
        into = getattr(self._stream, "readinto1", None) or getattr(self._stream, "readinto", None)
        if into is not None:
            return int(into(view) or 0)
        data = self._stream.read(len(view)) or b""
        view[: len(data)] = data
        return len(data)

    def _more_at_once(self) -> bool:
        """Whether reading on would not wait. A pipe gives little at a time, and many short runs are slow."""
        try:
            return bool(select.select([self._stream], [], [], 0)[0])
        except (OSError, ValueError):
            return True

    def _decode(self, name: str, member: Callable[[], Member], *, wait: bool) -> bool:
        """One step of decoding; False where it needs more raw bytes than there are."""
        if not self._raw and self._drained:
            if not wait and not self._more_at_once():
                return False
            self._raw = self._stream.read(RAW) or b""
            if not self._raw:
                if self._member is not None and not self._following:
                    self.failure = f"{name} data are cut off"
                return False
        if self._member is None:
            self._raw = self._raw.lstrip(b"\0")  # padding between members: tapes, xz
            if not self._raw:
                return True
            if not self._gather(MAGIC_SIZE) and self._following:
                return False
            kind = compression(self._raw)
            if kind is None or kind[0] != name:
                self.failure = f"something else follows the {name} data"
                return False
            self._member = member()
        try:
            piece, self._raw = self._member.decode(self._raw)
        except CORRUPT as error:
            self.failure = f"{name} data are damaged: {error}"
            return False
        self._drained = len(piece) < PIECE
        self._ready = memoryview(piece)
        if self._member.ended:
            self._member = None
            self._drained = True
        return True
