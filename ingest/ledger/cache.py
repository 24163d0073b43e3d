"""Near copies of data files that lie in object storage: whole files, looked at on their way in, as many as fit.

A data file never changes and its name ends in a digest of its bytes, so a copy is right for good or no copy at all.
Several processes may share a folder of copies, and anybody may delete it: what is missing is fetched again.
"""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

GRACE = 900.0
"""Seconds since their last use for which copies stay, whatever room they take: a question may be reading them."""

AT_ONCE = 16
"""Files that are fetched side by side: storage answers late, and many at a time."""

SHARE = 20
"""The copies are counted again once those that came since take this share of their room."""


class Copies:
    """Copies of one ledger's data files. May be used by several threads."""

    def __init__(self, folder: Path, size: int, root: Path) -> None:
        """`folder` of the ledger below `root`, the folder of all ledgers' copies, which may take `size` bytes."""
        self._folder = folder
        self._root = root
        self._size = size
        self._came = size  # since they were counted; at first nobody knows
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fetch")

    def folder(self) -> Path:
        """The folder, made where it is not there; any other for files of a moment, where it cannot be made."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return Path(tempfile.gettempdir())
        return self._folder

    def fits(self, size: int) -> bool:
        """Whether there is room for so many bytes at all."""
        return size <= self._size

    def have(self, sizes: Mapping[str, int], fetch: Callable[[str], bytes]) -> list[Path] | None:
        """Paths of files of these names and sizes, those that are missing fetched before; None: no room on the disk.

        What `fetch` raises is passed on.
        """
        missing = [name for name, size in sizes.items() if not self._is_there(name, size)]
        if not all(self._pool.map(lambda name: self.add(name, fetch(name)), missing)):
            return None
        return [self._folder / name for name in sizes]

    def read(self, name: str) -> bytes | None:
        """Bytes of a copy, as they are; None where there is none."""
        with suppress(OSError):
            return (self._folder / name).read_bytes()
        return None

    def drop(self, name: str) -> None:
        """Delete a copy."""
        with suppress(OSError):
            (self._folder / name).unlink()

    def add(self, name: str, data: bytes | memoryview) -> bool:
        """Keep a copy; False where that cannot be done."""
        path = self._folder / name
        draft = path.with_name(f".{uuid.uuid4().hex}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(data)
            draft.replace(path)
        except OSError:
            with suppress(OSError):
                draft.unlink()
            return False
        self._came += len(data)
        if self._came > self._size // SHARE:
            self._came = 0
            self._shrink()
        return True

    def _is_there(self, name: str, size: int) -> bool:
        path = self._folder / name
        try:
            if path.stat().st_size != size:
                return False
            os.utime(path)
        except OSError:
            return False
        return True

    def _shrink(self) -> None:
        """Delete the copies that were used longest ago until the rest fits, and drafts of dead processes."""
        found = []
        for folder, _, names in os.walk(self._root):
            for name in names:
                with suppress(OSError):
                    path = Path(folder, name)
                    status = path.stat()
                    found.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in found)
        for used, size, path in sorted(found):
            if total <= self._size or used > time.time() - GRACE:
                return
            with suppress(OSError):
                path.unlink()
            total -= size
