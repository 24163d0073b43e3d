"""A stream over bytes that are far away, read by ranges: the next ones come while one is read, in bounded memory."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PIECE = 8 << 20
"""Bytes of a range: at 50 ms and 100 MB/s a connection, a range spends a third of its time waiting."""

AHEAD = 3
"""Ranges that are fetched while one is read."""

Fetch = Callable[[int, int], memoryview]
"""Gives the bytes from the first number up to the second. Raises OSError."""


class Ranges(io.RawIOBase):
    """Bytes by `fetch`, of which there are `size`, in ranges of `piece` bytes.

    `pool` fetches what comes next, beginning at once; without one nothing is fetched before it is read. A range that
    failed raises OSError, and is fetched anew when it is read again.
    """

    def __init__(
        self,
        fetch: Fetch,
        size: int,
        pool: Executor | None = None,
        *,
        piece: int = PIECE,
        ahead: int = AHEAD,
    ) -> None:
        super().__init__()
        self.size = size
        self._fetch = fetch
        self._pool = pool
        self._piece = piece
        self._ahead = ahead
        self._place = 0
        self._coming: dict[int, Future[memoryview]] = {}
        self._here = (-1, memoryview(b""))  # the range that is read, by its number
        self._order(0)

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can go anywhere: what was not fetched is fetched."""
        return True

    def tell(self) -> int:
        """The byte that is read next."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a byte."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError("before the first byte")
        self._place = base + offset
        return self._place

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Put in what is there of one range, and say how many bytes; 0 at the end."""
        view = memoryview(buffer).cast("B")
        if self._place >= self.size or not len(view):
            return 0
        number, start = divmod(self._place, self._piece)
        if self._here[0] != number:
            self._here = number, self._get(number)
        part = self._here[1][start : start + len(view)]
        view[: len(part)] = part
        self._place += len(part)
        return len(part)

    def close(self) -> None:
        """Forget what was fetched."""
        for future in self._coming.values():
            future.cancel()
        self._coming.clear()
        self._here = (-1, memoryview(b""))
        super().close()

    def _get(self, number: int) -> memoryview:
        self._here = (-1, memoryview(b""))
        self._order(number)
        future = self._coming.pop(number, None)
        return future.result() if future else self._bytes(number)

    def _order(self, number: int) -> None:
        """Have a range and those after it on their way, and no other."""
        wanted = range(number, min(number + self._ahead + 1, -(-self.size // self._piece)))
        for old in self._coming.keys() - wanted:
            self._coming.pop(old).cancel()
        for one in wanted:
            if self._pool and one not in self._coming:
                self._coming[one] = self._pool.submit(self._bytes, one)

    def _bytes(self, number: int) -> memoryview:
        start = number * self._piece
        end = min(start + self._piece, self.size)
        data = self._fetch(start, end)
        if len(data) != end - start:
            raise OSError(errno.EIO, f"{len(data)} of {end - start} bytes came, from byte {start} on")
        return data
