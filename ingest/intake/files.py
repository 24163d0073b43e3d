"""Find the captures that paths name, in the order in which they are to be read.

By content, never by name: what is no capture is passed over in a folder, and a mistake where it was named.
"""

from __future__ import annotations

import contextlib
import glob
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from darkscope.ingest.capture.frames import NO_TIME
from darkscope.ingest.capture.peek import first_time
from darkscope.ingest.capture.reader import UnknownFormat
from darkscope.ingest.ledger.ledger import is_ledger

TEMPORARY = (".tmp", ".part", ".partial", ".crdownload")
"""Endings of files that somebody is still writing, and will rename."""


class IntakeError(Exception):
    """What was asked to be read is not there; the message names it."""


@dataclass(frozen=True, slots=True)
class Found:
    """Captures by the time of their first frame, then by name; those without a time come first."""

    captures: tuple[Path, ...] = ()
    passed_over: int = 0  # files in folders that hold no capture


def find(names: Iterable[str]) -> Found:
    """Find the captures of files, folders (with all below) and patterns. Raises IntakeError.

    Each file counts once, however often it is named. A file that cannot be read is among the captures: reading
    it will say why.
    """
    times: dict[Path, tuple[int, str]] = {}
    passed_over: set[Path] = set()
    for name in names:
        for path, was_named in _files(name):
            place = path.resolve()
            if place in times:
                continue
            try:
                times[place] = _time(path), str(path)
            except UnknownFormat as error:
                if was_named:
                    raise IntakeError(str(error)) from None
                passed_over.add(place)
    ordered = sorted(times.values())
    return Found(tuple(Path(name) for _, name in ordered), len(passed_over - times.keys()))


def is_temporary(name: str) -> bool:
    """Whether a file of this name is somebody's draft, and left alone."""
    return name.startswith(".") or name.endswith(TEMPORARY)


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
                    if not is_left_out and not is_ledger(below):
                        waiting.append(entry.path)
                elif not is_temporary(entry.name):
                    with contextlib.suppress(FileNotFoundError):
                        status = entry.stat()
                        if stat.S_ISREG(status.st_mode):
                            yield entry.path, status


def _files(name: str) -> Iterator[tuple[Path, bool]]:
    """Files of one name, and whether it names this very file."""
    path = Path(name)
    try:
        if path.is_dir():
            yield from ((Path(below), False) for below, _ in files_below(name))
        elif path.is_file():
            yield path, True
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


def _time(path: Path) -> int:
    try:
        time = first_time(path)
    except OSError:
        return NO_TIME
    return NO_TIME if time is None else time
