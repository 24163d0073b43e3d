"""A capture that nobody writes any more, where it lies; and files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

TEMPORARY = (".tmp", ".part", ".partial", ".crdownload")
"""Endings of files that somebody is still writing, and will rename."""

CONNECTIONS = 16
"""Requests to a bucket at once: each waits most of its time."""


class IntakeError(Exception):
    """What was asked to be read is not there; the message names it."""


class Stored(Protocol):
    """One capture. It may be copied into other processes."""

    @property
    def name(self) -> str:
        """What it is called: a path, an address."""

    @property
    def size(self) -> int:
        """Its bytes as they lie there; 0 where that cannot be told."""

    def open(self) -> BinaryIO:
        """Its bytes, from the first one on. Raises OSError."""

    def peek(self) -> BinaryIO:
        """The same for who needs the first few alone."""


@dataclass(frozen=True, slots=True)
class File:
    """A capture in a file."""

    path: Path

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.path)

    @property
    def size(self) -> int:
        """See `Stored`."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def open(self) -> BinaryIO:
        """See `Stored`."""
        return self.path.open("rb", buffering=0)

    def peek(self) -> BinaryIO:
        """See `Stored`."""
        return self.open()


def is_temporary(name: str) -> bool:
    """Whether a file of this name is somebody's draft, and left alone."""
    return name.startswith(".") or name.endswith(TEMPORARY)
