"""What looks at every run of packets beside the counting, for rows that one packet alone does not give.

An observer remembers what is not finished yet from run to run; how runs and batches were cut must not show in its rows.
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

    def see(self, run: Run) -> None:
        """Look through one run."""

    def take(self, places: Places) -> Iterable[tuple[Table, pl.DataFrame]]:
        """Rows that were finished since the last time, with their `day`. Raises GeoError."""

    def clear(self) -> None:
        """Drop everything."""
