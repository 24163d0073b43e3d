"""A ledger in object storage: what `Storage` promises, by conditional puts and near copies of data files.

Needs the extra `darkscope[s3]`. A put is there for good once it is answered; one whose answer was lost is told from
somebody else's by its bytes.
"""

from __future__ import annotations

import errno
import random
import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2s
from pathlib import Path

from platformdirs import user_cache_path

from darkscope.ingest import settings
from darkscope.ingest.ledger.cache import Copies
from darkscope.ingest.ledger.files import is_intact
from darkscope.ingest.ledger.storage import LOG, Entry, Sources, commit_name, versions
from darkscope.ingest.objects import Objects, options, reason, split
from darkscope.ingest.values import Uri

TRIES = 5
"""Times that a file is put there where there may be none, until there is an answer."""

OLD = 3600.0
"""Age in seconds from which a data file is looked for before a plan names it: upkeep deletes files after a day."""

_WRITTEN = re.compile(r"/([0-9a-f]+)-[0-9a-f]+\.parquet$")
"""When a data file was written, nanoseconds since 1970, as its name says."""


class Bucket:
    """A place in object storage."""

    is_far = True

    def __init__(self, uri: Uri, how: settings.Storage) -> None:
        """Nothing is asked yet. Raises NoObjectStorageError."""
        self.uri = uri
        self._how = how
        bucket, self._key = split(uri)
        self.options: dict[str, str] | None = options(bucket, how)
        self._objects = Objects(bucket, how)
        root = how.cache or user_cache_path("darkscope") / "ledgers"
        which = f"{self.options.get('AWS_ENDPOINT_URL', '')} {uri}"
        self._copies = Copies(root / blake2s(which.encode(), digest_size=8).hexdigest(), how.cache_size, root)

    def __str__(self) -> str:
        return self.uri

    def __reduce__(self) -> tuple[type[Bucket], tuple[Uri, settings.Storage]]:
        """Another process finds credentials, and keeps copies, where it is."""
        return Bucket, (self.uri, self._how)

    def table(self, name: str) -> str:
        """The address of a table."""
        return f"{self.uri}/{name}"

    def told(self, error: Exception) -> str:
        """What went wrong: what libraries say repeats what servers were asked with."""
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
        return reason(str(error))

    def place(self, name: str = "") -> str:
        """A file's whole name, for people."""
        return f"{self.uri}/{name}" if name else self.uri

    def prepare(self, folder: str) -> None:
        """There are no folders."""

    def exists(self, name: str) -> bool:
        """Whether a file is there."""
        try:
            self._objects.look(self._of(name))
        except FileNotFoundError:
            return False
        return True

    def read(self, name: str) -> bytes:
        """All bytes of a file."""
        return self._objects.read(self._of(name))

    def near(self, name: str) -> bytes:
        """All bytes of a data file, of a copy where there is a whole one."""
        data = self._copies.read(name)
        if data is None or not is_intact(name, data):
            self._copies.drop(name)
            data = self.read(name)
            if is_intact(name, data):
                self._copies.add(name, data)
        return data

    def put(self, name: str, data: bytes | memoryview) -> None:
        """Put a data file there; a copy is kept: who wrote it soon reads it, to merge it or to know what was read."""
        self._objects.put(self._of(name), data)
        self._copies.add(name, data)

    def replace(self, name: str, data: bytes) -> None:
        """Put a file there: whoever reads it finds this one or the one before."""
        self._objects.put(self._of(name), data)

    def put_new(self, name: str, data: bytes, *, secret: bool = False) -> bool:
        """Put a file there if there is none of its name."""
        del secret  # who may read what, the bucket's rules say
        for tries_left in reversed(range(TRIES)):
            try:
                return self._objects.put_new(self._of(name), data) or self.read(name) == data
            except OSError:  # whether it is there one more try tells
                if not tries_left:
                    raise
                time.sleep(random.SystemRandom().uniform(0, 1))
        raise AssertionError

    def delete(self, name: str) -> None:
        """Take a file away, if it is there."""
        self._objects.delete(self._of(name))
        self._copies.drop(name)

    def entries(self, folder: str) -> Iterator[Entry]:
        """Go through all files below a folder."""
        for one in self._objects.below(self._of(folder)):
            yield Entry(self._name(one.key), one.size, one.modified)

    def files(self, table: str, sizes: Mapping[str, int]) -> Sources:
        """Data files as near copies; in the bucket where these would take more than all room that there is."""
        names = {f"{table}/{path}": size for path, size in sizes.items()}
        if self._copies.fits(sum(names.values())):
            copies = self._copies.have(names, self._whole)
            if copies is not None:
                return Sources([str(path) for path in copies])
        return Sources([self.place(name) for name in names], self.options)

    def keep(self, folder: str, paths: Iterable[str]) -> None:
        """What is put is there for good; what was put long ago may have been cleaned away."""
        for path in paths:
            written = _WRITTEN.search(path)
            is_old = written is not None and time.time() - int(written[1], 16) / 1e9 > OLD
            if is_old and not self.exists(f"{folder}/{path}"):
                raise FileNotFoundError(errno.ENOENT, "is not there", self.place(f"{folder}/{path}"))

    def keep_commit(self, table: str, version: int) -> None:
        """What is put is there for good."""

    def newest(self, table: str, since: int) -> int | None:
        """The newest of a table's commits, by one listing from that one on."""
        log = self._of(f"{table}/{LOG}")
        before = f"{log}/{commit_name(since - 1)}" if since else None
        return max(
            versions(one.key.rpartition("/")[2] for one in self._objects.below(log, before)), default=None
        )

    def free_bytes(self) -> int | None:
        """There is always room."""
        return None

    def scratch(self) -> Path:
        """Beside the near copies, where that can be."""
        return self._copies.folder()

    def inspect(self) -> list[str]:
        """What it lacks for a ledger, found by putting and deleting one small object; nothing where it has all."""
        name = f".check-{uuid.uuid4().hex}"
        try:
            self._objects.put(self._of(name), b"first")
            if self._objects.put_new(self._of(name), b"second") or self.read(name) != b"first":
                return ["conditional puts do not hold: two workers would overwrite each other's changes"]
            self._objects.delete(self._of(name))
        except OSError as error:
            return [f"cannot be read and written: {error.strerror}"]
        return []

    def _of(self, name: str) -> str:
        return f"{self._key}/{name}" if self._key else name

    def _name(self, key: str) -> str:
        return key.removeprefix(f"{self._key}/") if self._key else key

    def _whole(self, name: str) -> bytes:
        data = self.read(name)
        if not is_intact(name, data):
            raise OSError(errno.EIO, "its bytes are not those that were written", self.place(name))
        return data
