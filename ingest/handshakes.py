"""Evidence of completed TCP handshakes at honeypot-type sensors, as partial rows of `sources`.

An offer waits a minute for its acknowledgement, also beyond the batch it came in, whoever reads on; only more than
`MOST_OPEN` offers that nobody answered make it forget. Then a handshake still confirms its source by the few marks that
the rows of `sources` keep.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from darkscope.ingest.compiled import compiled
from darkscope.ingest.fates import DAY
from darkscope.ingest.geo import Places
from darkscope.ingest.observers import Point, Run
from darkscope.ingest.rules.classes import ACK, SYN
from darkscope.ingest.rules.handshakes import completed_mark, offered_mark
from darkscope.ingest.sensors import INBOUND, OWN
from darkscope.ingest.series import INT64_SET, SOURCES, Merge, Table

_KEPT = next(column.limit for column in SOURCES.columns if column.name == "offered")
_LATEST = np.iinfo(np.int64).max

WHOLE = 0
"""Mark in both sets of a source that was seen to complete an offer: the smallest there is, so it always stays."""

MOST_OPEN = 1 << 16
"""Offers of a point without an acknowledgement that are remembered, the latest: 1 MB. A flood that asks for more of
them within a minute makes older ones be forgotten."""

MOST_FOUND = 1 << 20
"""Offers and acknowledgements after which rows are to be taken: some 80 MB. Most segments of a honeypot are such."""

WAIT = 60 * 1_000_000_000
"""Nanoseconds that an offer waits for its acknowledgement: offers are sent again for about as long."""

_OPEN = pl.Schema({"sensor": pl.String(), "point": pl.String(), "mark": pl.Int64(), "time": pl.Int64()})
_OF_POINT = ["sensor", "point"]


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
    """Rows of time, version, client (high, low), whether it completes, mark."""
    rows = 0
    for index in range(len(fate)):
        flags = tcp_flags[index]
        if flags < 0 or not flags & ACK or sequence[index] < 0 or acknowledgement[index] < 0:
            continue
        if fate[index] == OWN and flags & SYN:
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
        elif fate[index] == INBOUND and not flags & SYN:
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
        found[rows, 0] = time[index]
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
        self._rows = 0  # of those
        self._open = pl.DataFrame(schema=_OPEN)  # offers of earlier takes that nobody has acknowledged
        self._over: set[Point] = set()  # where nothing waits beyond the next take

    @property
    def is_full(self) -> bool:
        """Whether rows must be taken before the next run."""
        return self._rows >= MOST_FOUND

    def finish(self, point: Point) -> None:
        """Wait no longer for acknowledgements."""
        self._over.add(point)

    def kept(self, point: Point) -> str:
        """Marks and times of offers that wait; `take` is to be called before."""
        waiting = self._open.filter(_is_of(point)).select("mark", "time").to_numpy()
        return base64.b64encode(np.ascontiguousarray(waiting, "<i8").tobytes()).decode()

    def resume(self, point: Point, kept: str) -> None:
        """Go on at a point with offers that wait."""
        waiting = np.frombuffer(base64.b64decode(kept), "<i8").reshape(-1, 2)
        rows = pl.DataFrame(waiting, schema=["mark", "time"]).with_columns(
            sensor=pl.lit(point[0]), point=pl.lit(point[1])
        )
        self._open = pl.concat([self._open.filter(~_is_of(point)), rows.select(_OPEN.names()).cast(_OPEN)])

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
            columns = ("time", "version", "source_high", "source_low", "completes", "mark")
            frame = pl.DataFrame({name: found[:rows, index] for index, name in enumerate(columns)})
            self._rows += rows
            self._found.append(frame.with_columns(sensor=pl.lit(run.sensor.id), point=pl.lit(run.point)))

    def take(self, _: Places) -> Iterator[tuple[Table, pl.DataFrame]]:
        """Partial rows of `sources`, with their `day`, that add nothing but marks; afterwards there are none."""
        if self._found:
            yield SOURCES, self._taken()
        for point in self._over:
            self._open = self._open.filter(~_is_of(point))
        self._over.clear()

    def _taken(self) -> pl.DataFrame:
        schema = {"day": pl.Date(), **SOURCES.schema}
        found = pl.concat(self._found).with_columns(day=(pl.col("time") // DAY).cast(pl.Int32))
        self._found.clear()
        self._rows = 0
        mark, completes = pl.col("mark"), pl.col("completes") == 1
        offers = pl.concat([self._open, found.filter(~completes).select(_OPEN.names())])
        # Judged before the sets are cut short: a busy source's smallest marks need not be of the same handshakes. By
        # the mark alone, for offer and acknowledgement may be of two days.
        handshake = ["sensor", "mark"]  # both sides need not be seen at one point
        known = offers.group_by(handshake, maintain_order=True).agg(
            pl.col("point").last(), offer=pl.col("time").max()
        )
        found = found.join(known.drop("point"), on=handshake, how="left").with_columns(
            is_whole=(pl.col("time") - pl.col("offer") <= WAIT).fill_null(value=False)
        )
        answered = found.filter(completes & pl.col("is_whole"))
        waiting = known.rename({"offer": "time"}).join(
            answered, on=handshake, how="anti", maintain_order="left"
        )
        latest = found.group_by(_OF_POINT).agg(latest=pl.col("time").max())
        waiting = waiting.join(latest, on=_OF_POINT, how="left", maintain_order="left")
        waiting = waiting.filter(pl.col("latest").is_null() | (pl.col("latest") - pl.col("time") <= WAIT))
        place = pl.col("time").rank("ordinal", descending=True).over(_OF_POINT)
        self._open = waiting.filter(place <= MOST_OPEN).select(_OPEN.names())
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
        rows = rows.with_columns(pl.col("day").cast(pl.Date), **neutral)
        return rows.select(pl.col(name).cast(kind) for name, kind in schema.items())


def _is_of(point: Point) -> pl.Expr:
    return (pl.col("sensor") == point[0]) & (pl.col("point") == point[1])
