"""Find the captures that paths name, in the order in which they are to be read.

By content, never by name: what is no capture is passed over in a folder, and a mistake where it was named.
"""

from __future__ import annotations

import contextlib
import glob
import os
import stat
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from darkscope.ingest import far
from darkscope.ingest.capture.peek import NOTHING, Beginning, beginning
from darkscope.ingest.capture.reader import UnknownFormat
from darkscope.ingest.intake.stored import CONNECTIONS, File, IntakeError, Stored, is_temporary
from darkscope.ingest.ledger.ledger import DESCRIPTION
from darkscope.ingest.settings import Storage

if TYPE_CHECKING:
    from darkscope.ingest.intake.bucket import Bucket


@dataclass(frozen=True, slots=True)
class Found:
    """Captures by the time of their first frame, then by name; those without a time come first."""

    captures: tuple[Stored, ...] = ()
    passed_over: int = 0  # files in folders that hold no capture
    heads: tuple[str, ...] = ()  # what each capture begins with, as in `captures`; empty where nobody knows

    @property
    def size(self) -> int:
        """Bytes of the captures as they lie there."""
        return sum(one.size for one in self.captures)


def find(names: Iterable[str], storage: Storage | None = None) -> Found:
    """Find the captures of files, folders (with all below), patterns, and of the same in buckets. Raises IntakeError.

    `storage` is what settings say of object storage. Each file counts once, however often it is named. A file that
    cannot be read is among the captures: reading it will say why.
    """
    buckets: dict[str, Bucket] = {}
    found: dict[str, Stored] = {}
    named: set[str] = set()
    for name in names:
        for one, was_named in _objects(name, buckets, storage) if "://" in name else _files(name):
            place = str(one.path.resolve()) if isinstance(one, File) else one.name
            found.setdefault(place, one)
            if was_named:
                named.add(place)
    begun = []
    passed_over = 0
    with ThreadPoolExecutor(CONNECTIONS if buckets else 1) as pool:
        for place, begins in zip(found, pool.map(_beginning, found.values()), strict=True):
            if not isinstance(begins, UnknownFormat):
                begun.append((begins.time, found[place].name, place, begins.head))
            elif place in named:
                raise IntakeError(str(begins))
            else:
                passed_over += 1
    begun.sort()
    return Found(
        tuple(found[place] for _, _, place, _ in begun), passed_over, tuple(head for *_, head in begun)
    )


def files_below(folder: str, *, without: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """Go through the regular files below a folder with their state; drafts, hidden folders and ledgers are left out.

    `without` is the absolute path of a folder to leave out. Links to folders are not followed. Raises OSError.
    """
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        try:
            entries = os.scandir(place)
        except FileNotFoundError:
            if place == folder:
                raise
            continue  # deleted since it was listed
        with entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    below = Path(entry.path)
                    is_left_out = entry.name.startswith(".") or str(below.absolute()) == without
                    if not is_left_out and not (below / DESCRIPTION).exists():
                        waiting.append(entry.path)
                elif not is_temporary(entry.name):
                    with contextlib.suppress(FileNotFoundError):
                        status = entry.stat()
                        if stat.S_ISREG(status.st_mode):
                            yield entry.path, status


def _objects(name: str, buckets: dict[str, Bucket], storage: Storage | None) -> Iterator[tuple[Stored, bool]]:
    """Objects of one address, and whether it names this very object."""
    try:
        yield from far.room("intake.bucket", name, IntakeError).find(name, buckets, storage)
    except OSError as error:
        raise IntakeError(f"{error.filename or name}: {error.strerror}") from error


def _files(name: str) -> Iterator[tuple[Stored, bool]]:
    """Files of one name, and whether it names this very file."""
    path = Path(name)
    try:
        if path.is_dir():
            yield from ((File(Path(below)), False) for below, _ in files_below(name))
        elif path.is_file():
            yield File(path), True
        elif path.exists():
            raise IntakeError(
                f"{name}: no file or folder; a pipe is read as standard input, `ingest - < {name}`"
            )
        elif glob.has_magic(name):
            matched = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - "~" and absolute patterns alike
            if not matched:
                raise IntakeError(f"{name}: nothing matches")
            for match in matched:
                yield from ((below, False) for below, _ in _files(match))
        else:
            raise IntakeError(f"{name}: no such file or folder")
    except OSError as error:
        raise IntakeError(f"{error.filename or name}: {error.strerror}") from error


def _beginning(one: Stored) -> Beginning | UnknownFormat:
    """How it begins, or that it is no capture."""
    try:
        with one.peek() as stream:
            return beginning(stream, one.name)
    except UnknownFormat as error:
        return error
    except OSError:
        return NOTHING
