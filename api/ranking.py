"""Rankings: the values of a dimension by packets, each with its rank in the period before.

Pure: frames in, rows out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl

from darkscope.api.dimension import Dimension, Key, value_text
from darkscope.api.periods import Period
from darkscope.api.store import UNKNOWN, Filter, Origins
from darkscope.api.watch import Watch
from darkscope.ingest.series import Traffic

SENSOR_DAY = 86_400
"""Seconds of a sensor-day."""


@dataclass(frozen=True, slots=True)
class Behind:
    """Watched sensor time behind a figure, seconds."""

    now: int
    before: int
    addresses: int | None  # now, each address counted; None where not all sensors' addresses are known


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where figures come from."""

    ledger_version: int
    period: Period
    where: Filter
    now: Watch | None  # None: is not told
    before: Watch | None  # of the period before, where it was asked about
    origins: Origins = UNKNOWN


@dataclass(frozen=True, slots=True)
class Row:
    """One value of a ranking."""

    rank: int
    value: str  # as filters take it
    label: str  # for people
    packets: int
    share: float | None  # of all packets of the question, 0 to 1; None where there are none
    previous_rank: int | None  # at any depth; None where it did not occur
    previous_packets: int
    per_sensor_day: float | None  # packets per day of watched sensor time; None where nothing was watched
    sources: int | None  # distinct; None where not asked
    sources_error: float | None  # relative standard error, 0 where exact; None where not asked
    change: float | None = (
        None  # of the packets a sensor-day: 0.5 is half as many again; None where there were none
    )
    per_address_day: float | None = None  # packets per day and watched address; None where not all are known
    spoofable: float | None = None  # share of the packets whose source may be forged; None where not known
    backscatter: float | None = None  # share that are replies to forged packets
    research: float | None = None  # share of research scanners
    targets: int | None = (
        None  # addresses of the sensors that its packets went to, estimated; None where not asked
    )
    targets_error: float | None = None  # relative standard error; None where not asked, or not known
    targets_saturated: bool | None = None  # there may be more than can be told apart; None where not asked


@dataclass(frozen=True, slots=True)
class Ranking:
    """The first values of a dimension by packets."""

    ROW: ClassVar = Row
    dimension: Dimension
    packets: int  # of all values
    values: int  # how many occur, of those that are known apart
    folded: int  # packets of values that the store does not know apart: in `packets`, and in no row
    rows: tuple[Row, ...]
    provenance: Provenance


def leading(dimension: Dimension, totals: pl.DataFrame, limit: int) -> list[Key]:
    """Give the first values, in order: by packets, ties by value. Values without packets have no rank."""
    return _first(dimension, totals, limit).select(dimension.columns).rows()


def _first(dimension: Dimension, totals: pl.DataFrame, limit: int) -> pl.DataFrame:
    occurring = _occurring(dimension, totals)
    if 0 < limit < len(occurring):  # only those that may be among the first are sorted
        packets = occurring["packets"].to_numpy()
        least = np.partition(packets, len(packets) - limit)[len(packets) - limit]
        occurring = occurring.filter(pl.col("packets") >= int(least))
    keys = dimension.columns
    return occurring.sort("packets", *keys, descending=[True, *(False for _ in keys)]).head(limit)


def standing(dimension: Dimension, totals: pl.DataFrame, key: Key) -> tuple[int | None, int]:
    """Rank of one value among all, and its packets; no rank where it does not occur."""
    schema = {name: totals.schema[name] for name in dimension.columns}
    found = _ranked(dimension, totals, pl.DataFrame([key], schema=schema, orient="row"))
    its = found.filter(pl.col(name) == value for name, value in zip(dimension.columns, key, strict=True))
    return (int(its["rank"][0]), int(its["packets"][0])) if its.height else (None, 0)


def _ranked(dimension: Dimension, totals: pl.DataFrame, values: pl.DataFrame) -> pl.DataFrame:
    """Totals of some values, with the `rank` that they have among all; those of equal packets beside them."""
    keys = list(dimension.columns)
    everything = _occurring(dimension, totals)
    wanted = everything.join(values.select(keys), on=keys, how="semi")["packets"].unique().sort().to_numpy()
    if not len(wanted):
        return everything.clear().with_columns(rank=pl.lit(0, pl.Int64))
    # Sorting all of them takes ten times as long as counting those between the wanted ones.
    packets = everything["packets"].to_numpy()
    place = np.searchsorted(wanted, packets)
    above = np.bincount(place, minlength=len(wanted) + 1)[::-1].cumsum()[::-1][1:]
    is_tied = wanted[np.minimum(place, len(wanted) - 1)] == packets
    tied = everything.with_columns(above=pl.Series(above[np.minimum(place, len(wanted) - 1)]))
    return (
        tied.filter(pl.Series(is_tied))
        .sort(keys)
        .with_columns(rank=pl.col("above") + 1 + pl.int_range(pl.len()).over("packets"))
    )


def _occurring(dimension: Dimension, totals: pl.DataFrame) -> pl.DataFrame:
    keys = pl.col(dimension.columns)
    return totals.filter(pl.col("packets") > 0, pl.all_horizontal(keys.is_not_null()))


def rank(
    dimension: Dimension,
    now: pl.DataFrame,
    before: pl.DataFrame,
    limit: int,
    *,
    behind: Callable[[Key], Behind],
    label: Callable[[Key], str],
    sources: pl.DataFrame | None,
    targets: pl.DataFrame | None = None,
    provenance: Provenance,
) -> Ranking:
    """Rank totals of a period beside totals of the period before.

    `now` and `before` have the dimension's columns and `packets`; a row without a value counts, and has no rank.
    Where `now` has columns for CLASSES, their packets become shares. `behind` gives the sensor time behind a value;
    `sources` has the dimension's columns, `sources` and `error`; `targets` what `targets.estimated` gives.
    """
    keys = list(dimension.columns)
    everything = _occurring(dimension, now)
    first = _first(dimension, now, limit).with_row_index("rank", offset=1)
    earlier = _ranked(dimension, before, first).select(
        *keys, previous_rank="rank", previous_packets="packets"
    )
    first = first.join(earlier, on=keys, how="left", maintain_order="left")
    if sources is None:
        first = first.with_columns(sources=None, error=None)
    else:
        first = first.join(sources, on=keys, how="left", maintain_order="left")
    went_to = {} if targets is None else {row[: len(keys)]: row[len(keys) :] for row in targets.rows()}
    total = int(now["packets"].sum())
    rows = []
    for row in first.iter_rows(named=True):
        key = tuple(row[column] for column in keys)
        time = behind(key)
        rate = _rate(row["packets"], time.now)
        earlier_rate = _rate(row["previous_packets"] or 0, time.before)
        rows.append(
            Row(
                rank=row["rank"],
                value=value_text(dimension, key),
                label=label(key),
                packets=row["packets"],
                share=row["packets"] / total,
                previous_rank=row["previous_rank"],
                previous_packets=row["previous_packets"] or 0,
                per_sensor_day=rate,
                sources=row["sources"],
                sources_error=row["error"],
                change=rate / earlier_rate - 1 if rate is not None and earlier_rate else None,
                per_address_day=_rate(row["packets"], time.addresses),
                **{name: row[name] / row["packets"] for name in CLASSES if name in row},
                **dict(zip(TARGETS, went_to.get(key, ()), strict=False)),
            )
        )
    return Ranking(
        dimension,
        packets=total,
        values=len(everything),
        folded=total - int(everything["packets"].sum()),
        rows=tuple(rows),
        provenance=provenance,
    )


TARGETS = ("targets", "targets_error", "targets_saturated")
"""Fields of a row about where its packets went."""

CLASSES = (Traffic.SPOOFABLE.value, Traffic.BACKSCATTER.value, Traffic.RESEARCH.value)
"""Classes whose share stands beside each value: packets that say less of their source than others."""


def _rate(packets: int, seconds: int | None) -> float | None:
    """Packets a day; None where nothing was watched."""
    return packets * SENSOR_DAY / seconds if seconds else None
