"""Where a ledger lies: a folder, or object storage, behind the few things that a ledger does to files.

Names are relative to the ledger, with slashes. What is put is there whole or not at all; `put_new` decides between
several who want one name. All that fails raises OSError with the whole place in it, FileNotFoundError where it is
missing; no message has credentials in it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import shutil
import stat
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

LOG = "_delta_log"
"""Folder of a table's commits."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that is there."""

    name: str
    size: int  # bytes
    modified: float  # seconds since 1970


@dataclass(frozen=True, slots=True)
class Sources:
    """Files as polars reads them."""

    paths: list[str]  # on this machine, or all in object storage
    options: dict[str, str] | None = None  # of the latter


class Storage(Protocol):
    """A place of one ledger. May be used by several threads and copied into other processes."""

    is_far: bool
    """Whether each look takes a while, and many are taken side by side."""

    @property
    def options(self) -> dict[str, str] | None:
        """What the Delta library and polars are to be told beside the address of a table."""

    def table(self, name: str) -> str:
        """The address of a table."""

    def told(self, error: Exception) -> str:
        """What went wrong, for people: without what nobody should see."""

    def place(self, name: str = "") -> str:
        """A file's whole name, for people."""

    def prepare(self, folder: str) -> None:
        """Make a folder, and those that it lies in, where storage has folders."""

    def exists(self, name: str) -> bool:
        """Whether a file is there."""

    def read(self, name: str) -> bytes:
        """All bytes of a file."""

    def near(self, name: str) -> bytes:
        """All bytes of a data file, of a near copy where there is a whole one."""

    def put(self, name: str, data: bytes | memoryview) -> None:
        """Put a data file there, in the place of one that has its name."""

    def replace(self, name: str, data: bytes) -> None:
        """Put a file there for good: whoever reads it finds this one or the one before."""

    def put_new(self, name: str, data: bytes, *, secret: bool = False) -> bool:
        """Put a file there for good, if there is none of its name; False where there is one: the first stays.

        A `secret` is its owner's alone.
        """

    def delete(self, name: str) -> None:
        """Take a file away, if it is there."""

    def entries(self, folder: str) -> Iterator[Entry]:
        """Go through all files below a folder, in no order; drafts of files likewise."""

    def files(self, table: str, sizes: Mapping[str, int]) -> Sources:
        """Data files of a table, paths with their bytes, as polars reads them."""

    def keep(self, folder: str, paths: Iterable[str]) -> None:
        """Have files below a folder, and their names, there for good: a power cut takes nothing of them any more.

        FileNotFoundError where one is gone.
        """

    def keep_commit(self, table: str, version: int) -> None:
        """Have a table's commit there for good, and the checkpoint that may come with it."""

    def newest(self, table: str, since: int) -> int | None:
        """The newest of a table's commits, `since` being one that was; None where none is there."""

    def inspect(self) -> list[str]:
        """What it lacks for a ledger, for people; nothing where it has all, or nothing can be lacking."""

    def free_bytes(self) -> int | None:
        """Room that is left; None where there is always room."""

    def scratch(self) -> Path:
        """A folder of this machine where as much may lie for a while as a day of the ledger has."""


class Folder:
    """A folder on a file system with hard links."""

    is_far = False
    options: dict[str, str] | None = None

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def __reduce__(self) -> tuple[type[Folder], tuple[Path]]:
        """Another process has the same, whatever its working folder is."""
        return Folder, (self.path.absolute(),)

    def table(self, name: str) -> str:
        """The address of a table."""
        return str(self.path / name)

    def told(self, error: Exception) -> str:
        """What went wrong."""
        return str(error)

    def place(self, name: str = "") -> str:
        """A file's whole name, for people."""
        return str(self.path / name)

    def prepare(self, folder: str) -> None:
        """Make a folder, and those that it lies in."""
        (self.path / folder).mkdir(parents=True, exist_ok=True)

    def exists(self, name: str) -> bool:
        """Whether a file is there."""
        return (self.path / name).exists()

    def read(self, name: str) -> bytes:
        """All bytes of a file."""
        return (self.path / name).read_bytes()

    near = read

    def put(self, name: str, data: bytes | memoryview) -> None:
        """Put a data file there; one that could not be written whole is taken away again."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.write_bytes(data)
        except BaseException:
            target.unlink(missing_ok=True)
            raise

    def replace(self, name: str, data: bytes) -> None:
        """Put a file there for good: whoever reads it finds this one or the one before."""
        target = self.path / name
        draft = _draft(target, data, _ALL)
        try:
            draft.rename(target)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        make_durable(target.parent, ())

    def put_new(self, name: str, data: bytes, *, secret: bool = False) -> bool:
        """Put a file there for good, if there is none of its name: a hard link fails where there is one."""
        target = self.path / name
        draft = _draft(target, data, _OWNER if secret else _ALL)
        try:
            try:
                os.link(draft, target)
            except FileExistsError:
                return False
            make_durable(target.parent, ())
            return True
        finally:
            with contextlib.suppress(OSError):
                draft.unlink()

    def delete(self, name: str) -> None:
        """Take a file away, if it is there."""
        (self.path / name).unlink(missing_ok=True)

    def entries(self, folder: str) -> Iterator[Entry]:
        """Go through all files below a folder."""
        for path in (self.path / folder).rglob("*"):
            with contextlib.suppress(FileNotFoundError):  # gone since it was listed
                found = path.stat()
                if stat.S_ISREG(found.st_mode):
                    yield Entry(path.relative_to(self.path).as_posix(), found.st_size, found.st_mtime)

    def files(self, table: str, sizes: Mapping[str, int]) -> Sources:
        """Data files of a table."""
        root = self.path / table
        return Sources([str(root / path) for path in sizes])

    def keep(self, folder: str, paths: Iterable[str]) -> None:
        """Have files below a folder, and their names, on the disk."""
        make_durable(self.path / folder, paths)

    def keep_commit(self, table: str, version: int) -> None:
        """Have a table's commit on the disk, and the checkpoint that may come with it."""
        log = self.path / table / LOG
        commit = commit_name(version)
        checkpoints = [path.name for path in log.glob(f"{commit.removesuffix('.json')}.checkpoint*.parquet")]
        make_durable(log, [commit, *checkpoints, *(["_last_checkpoint"] if checkpoints else [])])

    def newest(self, table: str, since: int) -> int | None:
        """The newest of a table's commits."""
        log, found = self.path / table / LOG, since
        if since and (log / commit_name(since)).exists():
            while (log / commit_name(found + 1)).exists():
                found += 1
            if found >= _checkpoint(log):
                return found
        with contextlib.suppress(FileNotFoundError):  # or the log was shortened behind what was found
            return max(versions(path.name for path in log.iterdir()), default=None)
        return None

    def inspect(self) -> list[str]:
        """Nothing: what a folder lacks, whoever writes into it says."""
        return []

    def free_bytes(self) -> int | None:
        """Room that is left on the disk."""
        return shutil.disk_usage(self.path).free

    def scratch(self) -> Path:
        """Where the ledger lies: there must be room for what upkeep makes anyway."""
        return self.path


_ALL, _OWNER = 0o666, 0o600
"""Who may read and write a new file, as far as the process lets them."""


def _draft(target: Path, data: bytes, mode: int) -> Path:
    """Have data on the disk, beside the file that they are to become."""
    draft = target.with_name(f".{uuid.uuid4().hex}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return draft


def commit_name(version: int) -> str:
    """The file of a table's commit."""
    return f"{version:020}.json"


def versions(names: Iterable[str]) -> Iterator[int]:
    """The versions of those names that are of commits: checkpoints and drafts lie between them."""
    return (int(name[:-5]) for name in names if _COMMIT.fullmatch(name))


_COMMIT = re.compile(r"\d{20}\.json")


def _checkpoint(log: Path) -> float:
    """The version that a log may begin with: none before it need be there."""
    try:
        return float(json.loads((log / "_last_checkpoint").read_bytes())["version"])
    except FileNotFoundError:
        return 0
    except (ValueError, KeyError, TypeError):
        return math.inf


def make_durable(folder: Path, paths: Iterable[str]) -> None:
    """Have files below a folder, and the names of them, on the disk. Raises OSError."""
    found = [folder / path for path in paths]
    for place in (*found, *sorted({path.parent for path in found} | {folder})):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
