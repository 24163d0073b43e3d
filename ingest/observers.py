"""What looks at every run of packets beside the counting, for rows that one packet alone does not give.

An observer remembers what is not finished yet from run to run: neither how runs and batches were cut may show in its
rows, nor a restart. What it has open at a commit is kept by the same commit, and given back when the worker begins.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from darkscope.ingest.capture.frames import Frames
from darkscope.ingest.decode.columns import Packets
from darkscope.ingest.geo import Places
from darkscope.ingest.rules.judge import Judgements
from darkscope.ingest.sensors import Sensor
from darkscope.ingest.series import Table


@dataclass(frozen=True, slots=True)
class Run:
    """Frames of one point of a sensor, decoded and judged. Arrays have one entry a frame, and hold until the next."""

    sensor: Sensor
    point: str
    frames: Frames
    packets: Packets
    judged: Judgements
    fate: npt.NDArray[np.uint8]  # INBOUND, OWN, STRAY, or why the frame does not count; others' are SKIPPED


class Observer(Protocol):
    """One kind of rows in the making. Used by one thread."""

    name: str
    """Under which the ledger keeps what is open."""

    @property
    def is_full(self) -> bool:
        """Whether its rows must be taken before the next run."""

    def see(self, run: Run) -> None:
        """Look through one run."""

    def take(self, places: Places) -> Iterable[tuple[Table, pl.DataFrame]]:
        """Rows that were finished since the last time, with their `day`. Raises GeoError."""

    def finish(self) -> None:
        """Take what is open for all there will be: nothing more is to be read for now."""

    def kept(self) -> Iterable[tuple[str, str]]:
        """What is open, as texts by keys of the observer's own; it stays open."""

    def resume(self, kept: Iterable[tuple[str, str]]) -> None:
        """Go on with what `kept` gave, after `clear` or at the start."""

    def clear(self) -> None:
        """Drop everything."""
