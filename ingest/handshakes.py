"""Evidence of completed TCP handshakes at honeypot-type sensors, as partial rows of `sources`.

An offer waits for its acknowledgement, also beyond the batch it came in; only a restart, or more than `MOST_OPEN`
offers that nobody answered, makes it forget. Then a handshake still confirms its source by the few marks that the
rows of `sources` keep.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from darkscope.ingest.compiled import compiled
from darkscope.ingest.geo import Places
from darkscope.ingest.observers import Run
from darkscope.ingest.rules.handshakes import completed_mark, offered_mark
from darkscope.ingest.sensors import INBOUND, OWN
from darkscope.ingest.series import INT64_SET, SOURCES, Merge, Table

_SYN, _ACK = 0x02, 0x10

_KEPT = next(column.limit for column in SOURCES.columns if column.name == "offered")
_LATEST = np.iinfo(np.int64).max

WHOLE = 0
"""Mark in both sets of a source that was seen to complete an offer: the smallest there is, so it always stays."""

MOST_OPEN = 1 << 16
"""Offers without an acknowledgement that are remembered from take to take, the latest: 2 MB. An acknowledgement comes
within seconds; a flood that asks for more offers than this between two takes makes older ones be forgotten."""

_OPEN = pl.Schema({"sensor": pl.String(), "mark": pl.Int64()})


@compiled
def _find(
    fate: npt.NDArray[np.uint8],
    time: npt.NDArray[np.int64],
    version: npt.NDArray[np.uint8],
    source_high: npt.NDArray[np.uint64],
    source_low: npt.NDArray[np.uint64],
    target_high: npt.NDArray[np.uint64],
    target_low: npt.NDArray[np.uint64],
    source_port: npt.NDArray[np.int32],
    port: npt.NDArray[np.int32],
    tcp_flags: npt.NDArray[np.int32],
    sequence: npt.NDArray[np.int64],
    acknowledgement: npt.NDArray[np.int64],
    found: npt.NDArray[np.int64],
) -> int:
    """Rows of day, version, client (high, low), whether it completes, mark."""
    rows = 0
    for index in range(len(fate)):
        flags = tcp_flags[index]
        if flags < 0 or not flags & _ACK or sequence[index] < 0 or acknowledgement[index] < 0:
            continue
        if fate[index] == OWN and flags & _SYN:
            client_high, client_low = target_high[index], target_low[index]
            completes = 0
            mark = offered_mark(
                source_high[index],
                source_low[index],
                np.int64(source_port[index]),
                target_high[index],
                target_low[index],
                np.int64(port[index]),
                sequence[index],
                acknowledgement[index],
            )
        elif fate[index] == INBOUND and not flags & _SYN:
            client_high, client_low = source_high[index], source_low[index]
            completes = 1
            mark = completed_mark(
                source_high[index],
                source_low[index],
                np.int64(source_port[index]),
                target_high[index],
                target_low[index],
                np.int64(port[index]),
                sequence[index],
                acknowledgement[index],
            )
        else:
            continue
        found[rows, 0] = time[index] // 86_400_000_000_000
        found[rows, 1] = version[index]
        found[rows, 2] = np.int64(client_high)
        found[rows, 3] = np.int64(client_low)
        found[rows, 4] = completes
        found[rows, 5] = mark
        rows += 1
    return rows


class Handshakes:
    """Marks of handshakes in the making."""

    name = "handshakes"

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._found: list[pl.DataFrame] = []
        self._open = pl.DataFrame(schema=_OPEN)  # offers of earlier takes that nobody has acknowledged

    @property
    def is_full(self) -> bool:
        """Never: what waits is bounded."""
        return False

    def finish(self) -> None:
        """Let offers wait on."""

    def kept(self) -> Iterator[tuple[str, str]]:
        """Nothing: marks in `sources` tell of handshakes that a restart cut."""
        yield from ()

    def resume(self, _: Iterable[tuple[str, str]]) -> None:
        """Go on without what was never kept."""

    def see(self, run: Run) -> None:
        """Look through one run; that of a telescope has no handshakes."""
        if not run.sensor.is_honeypot:
            return
        packets = run.packets
        found = np.empty((len(packets), 6), np.int64)
        rows = _find(
            run.fate,
            run.frames.time,
            packets.version,
            packets.source_high,
            packets.source_low,
            packets.target_high,
            packets.target_low,
            packets.source_port,
            packets.port,
            packets.tcp_flags,
            packets.sequence,
            packets.acknowledgement,
            found,
        )
        if rows:
            columns = ("day", "version", "source_high", "source_low", "completes", "mark")
            frame = pl.DataFrame({name: found[:rows, index] for index, name in enumerate(columns)})
            self._found.append(frame.with_columns(sensor=pl.lit(run.sensor.id)))

    def take(self, _: Places) -> Iterator[tuple[Table, pl.DataFrame]]:
        """Partial rows of `sources`, with their `day`, that add nothing but marks; afterwards there are none."""
        if not self._found:
            return
        schema = {"day": pl.Date(), **SOURCES.schema}
        found = pl.concat(self._found)
        self._found.clear()
        mark, completes = pl.col("mark"), pl.col("completes") == 1
        offers = pl.concat([self._open, found.filter(~completes).select(_OPEN.names())])
        # Judged before the sets are cut short: a busy source's smallest marks need not be of the same handshakes. By
        # the mark alone, for offer and acknowledgement may be of two days.
        known = offers.unique().with_columns(is_whole=True)
        found = found.join(known, on=_OPEN.names(), how="left")
        answered = found.filter(completes & pl.col("is_whole"))
        self._open = offers.join(answered, on=_OPEN.names(), how="anti", maintain_order="left").tail(
            MOST_OPEN
        )
        keys = ("day", "sensor", "version", "source_high", "source_low")
        rows = (
            found.group_by(keys)
            .agg(
                offered=mark.filter(~completes).unique().sort().head(_KEPT),
                completed=mark.filter(completes).unique().sort().head(_KEPT),
                is_whole=(completes & pl.col("is_whole")).any(),
            )
            .with_columns(
                pl.when("is_whole").then(pl.lit([WHOLE], INT64_SET)).otherwise(name).alias(name)
                for name in ("offered", "completed")
            )
            .drop("is_whole")
        )
        neutral = {
            column.name: pl.lit(_LATEST if column.merge is Merge.MIN else 0)
            if column.type.is_integer()
            else pl.lit([], INT64_SET)
            if column.type == INT64_SET
            else pl.lit("ZZ")
            for column in SOURCES.columns
            if column.name not in rows.columns
        }
        rows = rows.with_columns(pl.col("day").cast(pl.Int32).cast(pl.Date), **neutral)
        yield SOURCES, rows.select(pl.col(name).cast(kind) for name, kind in schema.items())
