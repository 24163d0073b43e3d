"""Bytes of a stream as they were before compression: plain, gzip, zstd, bzip2 or xz, told by their magic.

Bytes in, bytes out, in bounded memory; nothing is known of captures, nothing is taken from a name. Members
and frames one after the other read as one. A stream that ends for now can be asked again once it has grown.
"""

from __future__ import annotations

import bz2
import lzma
import os
import select
import stat
import zlib
from collections.abc import Callable
from typing import BinaryIO, Protocol

import zstandard

from darkscope.ingest.capture.ranges import Ranges

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


NO_FILE = (OSError, ValueError, TypeError, AttributeError)
"""What comes of asking a stream for its file, or for a seek, where it has none."""


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


def compression(magic: bytes) -> tuple[str, Callable[[], Member] | None]:
    """Return name and decoder of the compression that begins so; no name for any other data."""
    if magic[:3] == b"\x1f\x8b\x08":
        return "gzip", Gzip
    if magic[:4] == b"\x28\xb5\x2f\xfd" or (magic[1:4] == b"\x2a\x4d\x18" and magic[0] >> 4 == 5):
        return "zstd", Zstd
    if magic[:3] == b"BZh" and b"1" <= magic[3:4] <= b"9":
        return "bzip2", _bzip2
    if magic[:6] == b"\xfd7zXZ\x00":
        return "xz", _xz
    return "", None


class Unpacked:
    """Decompressed bytes of a stream, from where the stream stands."""

    def __init__(self, stream: BinaryIO, *, following: bool) -> None:
        self._stream = stream
        self._following = following
        self._raw = b""  # read, but not yet decoded, or not yet given out where nothing is compressed
        self._ready = memoryview(b"")  # decoded, but not yet given out
        self._told = False
        self._member: Member | None = None
        self._drained = True  # the decoder holds nothing back
        self.kind = ""
        """The compression, as far as it is known; empty for none."""
        self.failure = ""
        """Why the bytes end although the stream was not complete; empty while all is well."""

    def finish(self) -> None:
        """Take the next end for the end."""
        self._following = False

    def size(self) -> int | None:
        """Bytes there are in all, where that can be told beforehand: in a plain file, of ranges."""
        if self.kind:
            return None
        try:
            status = os.fstat(self._stream.fileno())
        except NO_FILE:
            return self._stream.size if isinstance(self._stream, Ranges) else None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def readinto(self, view: memoryview) -> int:
        """Put the next bytes into `view` and say how many; 0 at the end, or at the end for now.

        Fills the view where that takes no waiting, and waits where there would be nothing at all.
        """
        if not self._told and not self._tell():
            return 0
        filled = 0
        while filled < len(view) and (not filled or self._ready or self._at_once()):
            size = self._decoded(view[filled:]) if self.kind else self._plain(view[filled:])
            if not size:
                break
            filled += size
        return filled

    def _tell(self) -> bool:
        """Find out what the stream holds; False while it is too short to say."""
        if not self._gather(MAGIC_SIZE) and self._following:
            return False
        self.kind = compression(self._raw)[0]
        self._told = True
        return True

    def _receive(self, size: int) -> bytes:
        """Read at most so many raw bytes, fewer rather than wait for more."""
        read = getattr(self._stream, "read1", self._stream.read)
        return read(size) or b""

    def _gather(self, size: int) -> bool:
        """Have so many raw bytes; False where the stream has no more."""
        while len(self._raw) < size:
            data = self._receive(size - len(self._raw))
            if not data:
                return False
            self._raw += data
        return True

    def _at_once(self) -> bool:
        """Whether reading on takes no waiting: a pipe gives little at a time, many short runs are slow."""
        poll = select.poll()
        try:
            poll.register(self._stream, select.POLLIN)
        except NO_FILE:
            return True
        return bool(poll.poll(0))

    def _plain(self, view: memoryview) -> int:
        if self._raw:
            size = min(len(view), len(self._raw))
            view[:size] = self._raw[:size]
            self._raw = self._raw[size:]
            return size
        into = getattr(self._stream, "readinto1", None) or getattr(self._stream, "readinto", None)
        if into is not None:
            return into(view) or 0
        data = self._receive(len(view))
        view[: len(data)] = data
        return len(data)

    def _decoded(self, view: memoryview) -> int:
        while not self._ready:
            if self.failure or not self._decode():
                return 0
        size = min(len(view), len(self._ready))
        view[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _decode(self) -> bool:
        """One step of decoding; False where it needs more raw bytes than there are, or cannot go on."""
        if not self._raw and self._drained:
            self._raw = self._receive(RAW)
            if not self._raw:
                if self._member is not None and not self._following:
                    self.failure = f"{self.kind} data are cut off"
                return False
        if self._member is None:
            self._raw = self._raw.lstrip(b"\0")  # padding between members: tapes, xz
            if not self._raw:
                return True
            if not self._gather(MAGIC_SIZE) and self._following:
                return False
            kind, new_member = compression(self._raw)
            if new_member is None or kind != self.kind:
                self.failure = f"something else follows the {self.kind} data"
                return False
            self._member = new_member()
        try:
            piece, self._raw = self._member.decode(self._raw)
        except CORRUPT as error:
            self.failure = f"{self.kind} data are damaged: {error}"
            return False
        self._ready = memoryview(piece)
        self._drained = len(piece) < PIECE
        if self._member.ended:
            self._member, self._drained = None, True
        return True
