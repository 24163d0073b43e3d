"""A small text in object storage that several machines read and change: it is whole, and no change is lost.

Changed by compare and swap: a new text is put only in the place of the very one that it was made from; where somebody
else was faster, the change is made again on top of theirs. Where an answer was lost a change is made twice, and has to
come to the same.
"""

from __future__ import annotations

import errno
import random
import time
from collections.abc import Callable
from functools import cache

from darkscope.ingest.objects import Objects, split
from darkscope.ingest.settings import Storage

PATIENCE = 30.0
"""Seconds that a change is tried for, while others are faster."""

PAUSE = 0.02, 0.5
"""Seconds before a second try, and at most; each is twice the last one, and a share of chance."""


class Document:
    """One text. May be used by several threads."""

    def __init__(self, address: str, how: Storage) -> None:
        """Raises NoObjectStorageError; nothing is asked yet."""
        bucket, self._key = split(address)
        self._objects = Objects(bucket, how)
        self.address = address

    def __str__(self) -> str:
        return self.address

    def read(self) -> str:
        """The text; empty where there is none. Raises OSError, ValueError."""
        return self._objects.read_marked(self._key)[0].decode()

    def change(self, how: Callable[[str], str]) -> None:
        """Put in its place what a function makes of it; nothing where that is the same. Raises OSError, ValueError."""
        end, pause = time.monotonic() + PATIENCE, PAUSE[0]
        while True:
            data, mark = self._objects.read_marked(self._key)
            new = how(data.decode()).encode()
            if new == data or self._objects.put_over(self._key, new, mark):
                return
            if time.monotonic() >= end:
                raise OSError(errno.EAGAIN, "others change it all the time", self.address)
            time.sleep(pause * random.SystemRandom().uniform(0.5, 1.0))
            pause = min(2 * pause, PAUSE[1])


@cache
def document(address: str, how: Storage) -> Document:
    """The text of an address, one and the same for all who ask: connections are kept."""
    return Document(address, how)
