"""What is known of addresses beyond their packets: investigated devices, and who measures the Internet openly.

Read from the observer's own files; see `ingest/devices.py` and `ingest/research.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2s
from pathlib import Path
from typing import TypeVar

import polars as pl

from darkscope.api.address import SENDER
from darkscope.ingest.devices import Device, Devices, DevicesError
from darkscope.ingest.research import Research, ResearchError
from darkscope.ingest.settings import Settings

NOTHING = Device("", "", "", None, "")
"""A device of which nothing is known."""

Read = TypeVar("Read")


class NamesError(Exception):
    """A file that cannot be used; the text has one line for each mistake, with setting, file and line."""


def files(settings: Settings) -> list[Path]:
    """List the files that names are read from."""
    return [file for file in (settings.devices, settings.research) if file is not None]


@dataclass(frozen=True, slots=True)
class Names:
    """What the files say."""

    devices: Devices
    research: Research
    digest: str  # of what was read; equal digests, equal answers

    @classmethod
    def none(cls) -> Names:
        """Know nothing."""
        return cls(Devices.none(), Research.none(), "")

    @classmethod
    def read(cls, settings: Settings) -> Names:
        """Read the files of the settings. Raises NamesError."""
        mistakes: list[str] = []

        def read(setting: str, file: Path | None, reader: Callable[[Path], Read], otherwise: Read) -> Read:
            try:
                return otherwise if file is None else reader(file)
            except (DevicesError, ResearchError) as error:
                mistakes.extend(f"{setting}: {line}" for line in str(error).splitlines())
                return otherwise

        devices = read("devices", settings.devices, Devices.read, Devices.none())
        research = read("research", settings.research, Research.read, Research.none())
        if mistakes:
            raise NamesError("\n".join(mistakes))
        digest = blake2s(digest_size=8)
        for file in files(settings):
            digest.update(file.read_bytes())
        return cls(devices, research, digest.hexdigest())

    def texts(self, senders: pl.DataFrame) -> pl.Series:
        """Tell the device of each sender (columns SENDER) in words; empty where nobody looked."""
        return self.devices.texts(*(senders[name].to_numpy() for name in SENDER))


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of some senders, one entry each."""

    devices: list[Device | None]
    research: list[str]  # names of research scanners; empty where it is none

    @classmethod
    def of(cls, names: Names, senders: pl.DataFrame) -> Told:
        """Look senders (columns SENDER) up."""
        columns = [senders[name].to_numpy() for name in SENDER]
        return cls(names.devices.at(*columns), names.research.names(*columns).to_list())
