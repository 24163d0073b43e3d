"""What looks at every run of packets beside the counting, for rows that one packet alone does not give.

An observer remembers what is not finished yet from run to run, point by point: neither how runs and batches were cut
may show in its rows, nor who reads. What is open at a point is kept by the commit of a batch, and given to whoever goes
on.
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

Point = tuple[str, str]
"""A sensor's id, and where it listens."""


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

    def finish(self, point: Point) -> None:
        """Take what is open at a point for all there will be: nothing more is to be read there for now."""

    def kept(self, point: Point) -> str:
        """What is open at a point, as a text; it stays open. Empty: nothing. Raises OSError."""

    def resume(self, point: Point, kept: str) -> None:
        """Go on at a point with what `kept` gave, in place of what is open there. Raises OSError."""

    def clear(self) -> None:
        """Drop everything."""
