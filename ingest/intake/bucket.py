"""Captures in a bucket of object storage: found by prefix or pattern, read by ranges over several connections.

Objects do not grow. One that is replaced while it is read is an error of that capture: its new bytes are another one.
"""

from __future__ import annotations

import fnmatch
import glob
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from darkscope.ingest.capture.peek import LITTLE
from darkscope.ingest.capture.ranges import Ranges
from darkscope.ingest.far import NoObjectStorageError
from darkscope.ingest.intake.stored import CONNECTIONS, IntakeError, is_temporary
from darkscope.ingest.ledger.ledger import DESCRIPTION
from darkscope.ingest.objects import Listed, Objects, split
from darkscope.ingest.settings import Storage


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket that captures are read from, over several connections."""

    objects: Objects
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(CONNECTIONS, "objects"))

    def __reduce__(self) -> tuple[type[Bucket], tuple[Objects]]:
        """Another process has connections of its own."""
        return Bucket, (self.objects,)

    def look(self, key: str) -> Object | None:
        """One object; None where there is none of that very key. Raises OSError."""
        try:
            return Object(self, self.objects.look(key))
        except FileNotFoundError:
            return None

    def below(self, prefix: str) -> list[Object] | None:
        """Objects below a prefix; drafts, hidden folders and ledgers are left out. Raises OSError.

        None where nothing lies there, not even what is left out.
        """
        listed = [(PurePosixPath(one.key), one) for one in self.objects.below(prefix)]
        ledgers = {path.parent for path, _ in listed if path.name == DESCRIPTION}
        found = [
            Object(self, one)
            for path, one in listed
            if not _is_left_out(path, prefix) and ledgers.isdisjoint(path.parents)
        ]
        return found if listed else None

    def fitting(self, pattern: str) -> list[Object] | None:
        """Objects whose keys fit a pattern, and all below such; as `below` otherwise. None where there is none."""
        parts = PurePosixPath(pattern).parts
        plain = [*takewhile(lambda part: not glob.has_magic(part), parts)]
        found = self.below("/".join(plain)) or ()
        return [one for one in found if _fits(PurePosixPath(one.listed.key).parts, parts)] or None


@dataclass(frozen=True, slots=True)
class Object:
    """A capture in a bucket. One that is replaced while it is read raises OSError."""

    bucket: Bucket
    listed: Listed

    @property
    def name(self) -> str:
        """Its address."""
        return self.bucket.objects.address(self.listed.key)

    @property
    def size(self) -> int:
        """See `Stored`."""
        return self.listed.size

    def open(self) -> BinaryIO:
        """See `Stored`."""
        return cast("BinaryIO", Ranges(self._fetch, self.size, self.bucket.pool))

    def peek(self) -> BinaryIO:
        """See `Stored`."""
        return cast("BinaryIO", Ranges(self._fetch, self.size, piece=LITTLE, ahead=0))

    def _fetch(self, start: int, end: int) -> memoryview:
        return self.bucket.objects.fetch(self.listed, start, end)


def find(name: str, buckets: dict[str, Bucket], storage: Storage | None = None) -> list[tuple[Object, bool]]:
    """Objects of an address, a prefix (all below it) or a pattern, and whether the address names this very object.

    `buckets` are those that were met, and get a new one. Raises IntakeError where there is none, OSError.
    """
    try:
        place, key = split(name)
        if place not in buckets:
            buckets[place] = Bucket(Objects(place, storage))
    except NoObjectStorageError as error:
        raise IntakeError(str(error)) from None
    bucket = buckets[place]
    if key and not name.endswith("/") and (one := bucket.look(key)):
        return [(one, True)]
    is_pattern = glob.has_magic(key)
    found = bucket.fitting(key) if is_pattern else bucket.below(key)
    if found is None:
        what = "nothing matches" if is_pattern else "no such object, and none below"
        raise IntakeError(f"{name}: {what}")
    return [(one, False) for one in found]


def _fits(key: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a key's folders and name fit a pattern's, or some of its folders do."""
    if not pattern:
        return True
    if pattern[0] == "**":
        return any(_fits(key[number:], pattern[1:]) for number in range(len(key) + 1))
    return bool(key) and fnmatch.fnmatchcase(key[0], pattern[0]) and _fits(key[1:], pattern[1:])


def _is_left_out(key: PurePosixPath, prefix: str) -> bool:
    *folders, name = key.relative_to(prefix).parts
    return is_temporary(name) or any(folder.startswith(".") for folder in folders)
