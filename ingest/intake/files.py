"""Find the captures that paths name, in the order in which they are to be read.

By content, never by name: what is no capture is passed over in a folder, and a mistake where it was named.
"""

from __future__ import annotations

import glob
import os
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


def files_below(folder: Path) -> Iterator[Path]:
    """Go through the regular files below a folder, but for drafts, hidden folders and ledgers. Raises OSError."""

    def fail(error: OSError) -> None:
        raise error

    for place, folders, names in os.walk(folder, onerror=fail):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and not is_ledger(Path(place, name))
        )
        for name in sorted(names):
            path = Path(place, name)
            if not is_temporary(name) and path.is_file():
                yield path


def _files(name: str) -> Iterator[tuple[Path, bool]]:
    """Files of one name, and whether it names this very file."""
    path = Path(name)
    try:
        if path.is_dir():
            yield from ((below, False) for below in files_below(path))
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
